//! What the host found, as text for a person.

use std::io::Write as _;

use plugin_host::protocol::tfplugin::Diagnostic;
use plugin_host::protocol::tfplugin::attribute_path::step::Selector;
use plugin_host::protocol::tfplugin::diagnostic::Severity;
use plugin_host::{Handshake, ServerCertificate, TlsSession};
use time::OffsetDateTime;

/// Warnings are shown; an error is the end.
pub fn diagnostics(found: &[Diagnostic]) -> Result<(), String> {
    let texts = found.iter().map(|it| {
        let severity = match it.severity() {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Invalid => "of no severity",
        };
        let at = it.attribute.iter().flat_map(|path| &path.steps).filter_map(|step| step.selector.as_ref());
        let at = at.map(|step| match step {
            Selector::AttributeName(name) => format!(".{name}"),
            Selector::ElementKeyString(key) => format!("[{key:?}]"),
            Selector::ElementKeyInt(index) => format!("[{index}]"),
        });
        let at: String = at.collect();
        let at = if at.is_empty() { at } else { format!(" (at {})", at.trim_start_matches('.')) };
        (it.severity(), format!("{severity}: {}{at}\n{}", it.summary, it.detail))
    });
    let (errors, rest): (Vec<_>, Vec<_>) = texts.partition(|(severity, _)| *severity == Severity::Error);
    for (_, text) in rest {
        show("Diagnostic", &format!("{text}\n"));
    }
    let errors: Vec<_> = errors.into_iter().map(|(_, text)| text).collect();
    if errors.is_empty() { Ok(()) } else { Err(errors.join("\n\n")) }
}

pub fn handshake(line: &Handshake) -> String {
    let mut rows = vec![
        ("core protocol", line.core.clone()),
        ("protocol", line.protocol.clone()),
        ("network", line.network.clone()),
        ("address", line.address.clone()),
        ("kind", line.kind.clone()),
    ];
    match line.certificate.as_deref().map(ServerCertificate::parse) {
        None => rows.push(("certificate", "none".to_owned())),
        Some(Err(reason)) => rows.push(("certificate", format!("unreadable: {reason}"))),
        Some(Ok(it)) => {
            rows.push(("certificate", it.key));
            // Go's hosts refuse it then.
            let now = OffsetDateTime::now_utc();
            let today = if (it.not_before..=it.not_after).contains(&now) { "" } else { ", which is not now" };
            rows.push(("  valid", format!("{} to {}{today}", stamp(it.not_before), stamp(it.not_after))));
            rows.push(("  names", it.names.join(", ")));
        }
    }
    rows.extend(line.multiplexing.clone().map(|it| ("multiplexing", it)));
    rows.into_iter().map(|(name, value)| format!("{name:15}{value}\n")).collect()
}

fn stamp(time: OffsetDateTime) -> String {
    format!("{} {:02}:{:02}:{:02}", time.date(), time.hour(), time.minute(), time.second())
}

pub fn channel(agreed: Option<&TlsSession>) -> String {
    agreed.map_or("no TLS\n".to_owned(), |it| {
        let alpn = it.alpn.as_deref().unwrap_or("no ALPN");
        format!("mutual TLS: {}, {}, {alpn}\n", it.version, it.suite)
    })
}

pub fn mega(bytes: Option<u64>) -> String {
    bytes.map_or("not measured".to_owned(), |bytes| format!("{:9.1} MiB", bytes as f64 / f64::from(1 << 20)))
}

pub fn said(stream: &str, text: &str) -> String {
    // The end is where the reason is.
    let lines: Vec<&str> = text.lines().collect();
    let last = &lines[lines.len().saturating_sub(20)..];
    if last.is_empty() { String::new() } else { format!("\nIts {stream}:\n  {}", last.join("\n  ")) }
}

pub fn show(title: &str, text: &str) {
    // Nobody may be left to read it, as behind `head`.
    let _ = write!(std::io::stdout(), "\n== {title}\n{text}");
}
