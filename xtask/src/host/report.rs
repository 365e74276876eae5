//! Formats the results of `cargo xtask host` for the terminal.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::io::Write as _;

use plugin_host::protocol::provider_schema::{Function, ProviderSchema};
use plugin_host::protocol::tfplugin::Diagnostic;
use plugin_host::protocol::tfplugin::attribute_path::step::Selector;
use plugin_host::protocol::tfplugin::diagnostic::Severity;
use plugin_host::protocol::tfplugin6::Schema;
use plugin_host::protocol::tfplugin6::schema::nested_block::NestingMode;
use plugin_host::protocol::tfplugin6::schema::{Attribute, Block, NestedBlock, object};
use plugin_host::{Handshake, ServerCertificate, TlsSession, ValueType};
use time::OffsetDateTime;

/// Prints the warnings. Returns the errors.
pub fn diagnostics(diagnostics: &[Diagnostic]) -> Result<(), String> {
    let texts = diagnostics.iter().map(|diagnostic| {
        let severity = match diagnostic.severity() {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Invalid => "diagnostic without a severity",
        };
        let at = diagnostic
            .attribute
            .iter()
            .flat_map(|path| &path.steps)
            .filter_map(|step| step.selector.as_ref());
        let at = at.map(|step| match step {
            Selector::AttributeName(name) => format!(".{name}"),
            Selector::ElementKeyString(key) => format!("[{key:?}]"),
            Selector::ElementKeyInt(index) => format!("[{index}]"),
        });
        let at: String = at.collect();
        let at = if at.is_empty() { at } else { format!(" (at {})", at.trim_start_matches('.')) };
        (diagnostic.severity(), format!("{severity}: {}{at}\n{}", diagnostic.summary, diagnostic.detail))
    });
    let (errors, rest): (Vec<_>, Vec<_>) = texts.partition(|(severity, _)| *severity == Severity::Error);
    for (_, text) in rest {
        show("Diagnostic", &format!("{text}\n"));
    }
    let errors: Vec<_> = errors.into_iter().map(|(_, text)| text).collect();
    if errors.is_empty() { Ok(()) } else { Err(errors.join("\n\n")) }
}

/// Formats the fields of a handshake.
pub fn handshake(handshake: &Handshake) -> String {
    let mut rows = vec![
        ("core protocol", handshake.core_protocol.clone()),
        ("protocol", handshake.protocol_version.clone()),
        ("network", handshake.network.clone()),
        ("address", handshake.address.clone()),
        ("type", handshake.rpc_type.clone()),
    ];
    match handshake.certificate.as_deref().map(ServerCertificate::parse) {
        None => rows.push(("certificate", "none".to_owned())),
        Some(Err(reason)) => rows.push(("certificate", format!("invalid: {reason}"))),
        Some(Ok(certificate)) => {
            rows.push(("certificate", certificate.key_type));
            // Hosts in Go reject a certificate that is not valid now.
            let now = OffsetDateTime::now_utc();
            let note = if (certificate.not_before..=certificate.not_after).contains(&now) {
                ""
            } else {
                " (not valid now)"
            };
            rows.push((
                "  valid",
                format!(
                    "{} to {}{note}",
                    format_time(certificate.not_before),
                    format_time(certificate.not_after)
                ),
            ));
            rows.push(("  names", certificate.names.join(", ")));
        }
    }
    rows.extend(handshake.multiplexing.clone().map(|value| ("multiplexing", value)));
    rows.into_iter().map(|(name, value)| format!("{name:15}{value}\n")).collect()
}

fn format_time(time: OffsetDateTime) -> String {
    format!("{} {:02}:{:02}:{:02}", time.date(), time.hour(), time.minute(), time.second())
}

/// Formats the parameters of the connection.
pub fn channel(session: Option<&TlsSession>) -> String {
    session.map_or("no TLS\n".to_owned(), |session| {
        let alpn = session.alpn.as_deref().unwrap_or("no ALPN");
        format!("mutual TLS: {}, {}, {alpn}\n", session.version, session.suite)
    })
}

/// Formats a size in MiB.
pub fn mebibytes(bytes: Option<u64>) -> String {
    bytes.map_or("not measured".to_owned(), |bytes| format!("{:9.1} MiB", bytes as f64 / f64::from(1 << 20)))
}

/// Formats the last lines of an output stream, which usually contain the reason.
pub fn output(stream: &str, text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let last = &lines[lines.len().saturating_sub(20)..];
    if last.is_empty() { String::new() } else { format!("\nOutput on {stream}:\n  {}", last.join("\n  ")) }
}

/// Prints a section.
pub fn show(title: &str, text: &str) {
    // Fails if the reader has ended, for example `head`.
    let _ = write!(std::io::stdout(), "\n== {title}\n{text}");
}

/// Lists a schema: one line for each attribute, block and function.
pub fn listing(schema: &ProviderSchema) -> String {
    let mut text = String::new();
    if let Some(provider) = &schema.provider {
        section(&mut text, "provider", provider);
    }
    schemas(&mut text, "data source", &schema.data_sources);
    schemas(&mut text, "resource", &schema.resources);
    schemas(&mut text, "ephemeral resource", &schema.ephemeral_resources);
    schemas(&mut text, "list resource", &schema.list_resources);
    let actions = schema.actions.iter();
    let actions = actions.filter_map(|(name, action)| Some((name.clone(), action.schema.clone()?)));
    schemas(&mut text, "action", &actions.collect());
    for (name, function) in schema.functions.iter().collect::<BTreeMap<_, _>>() {
        let _ = writeln!(text, "{}", signature(name, function));
    }
    text
}

fn schemas(text: &mut String, kind: &str, schemas: &HashMap<String, Schema>) {
    for (name, schema) in schemas.iter().collect::<BTreeMap<_, _>>() {
        section(text, &format!("{kind} {name}"), schema);
    }
}

fn section(text: &mut String, title: &str, schema: &Schema) {
    let version = if schema.version == 0 { String::new() } else { format!(" (version {})", schema.version) };
    let _ = writeln!(text, "{title}{version}");
    let mut rows = Vec::new();
    match &schema.block {
        Some(block) => add_block(&mut rows, 1, block),
        None => rows.push(("  no block (violates the protocol)".to_owned(), String::new())),
    }
    // Long names do not widen the column.
    let width = rows.iter().map(|(name, _)| name.chars().count()).filter(|width| *width <= 40).max();
    for (name, description) in rows {
        let row = format!("{name:width$}  {description}", width = width.unwrap_or_default());
        let _ = writeln!(text, "{}", row.trim_end());
    }
}

/// Indented names and their descriptions.
type Rows = Vec<(String, String)>;

fn add_block(rows: &mut Rows, depth: usize, block: &Block) {
    block.attributes.iter().for_each(|attribute| add_attribute(rows, depth, attribute));
    block.block_types.iter().for_each(|nested| add_nested(rows, depth, nested));
}

fn add_attribute(rows: &mut Rows, depth: usize, attribute: &Attribute) {
    let nested_kind = |mode| match mode {
        object::NestingMode::Single | object::NestingMode::Invalid => "object",
        object::NestingMode::List => "list of objects",
        object::NestingMode::Set => "set of objects",
        object::NestingMode::Map => "map of objects",
    };
    let kind = match &attribute.nested_type {
        Some(nested) => nested_kind(nested.nesting()).to_owned(),
        None => type_name(&attribute.r#type),
    };
    let flags = [
        (attribute.required, ", required"),
        (attribute.optional, ", optional"),
        (attribute.computed, ", computed"),
        (attribute.sensitive, ", sensitive"),
        (attribute.write_only, ", write-only"),
        (attribute.deprecated, ", deprecated"),
    ];
    let flags: String = flags.into_iter().filter(|(set, _)| *set).map(|(_, name)| name).collect();
    rows.push((format!("{}{}", "  ".repeat(depth), attribute.name), kind + &flags));
    for member in attribute.nested_type.iter().flat_map(|nested| &nested.attributes) {
        add_attribute(rows, depth + 1, member);
    }
}

fn add_nested(rows: &mut Rows, depth: usize, nested: &NestedBlock) {
    let kind = match nested.nesting() {
        NestingMode::Single => "block",
        NestingMode::Group => "block, always present",
        NestingMode::List => "list of blocks",
        NestingMode::Set => "set of blocks",
        NestingMode::Map => "map of blocks",
        NestingMode::Invalid => "blocks of unknown nesting",
    };
    let count = match (nested.min_items, nested.max_items) {
        (0, 0) => String::new(),
        (min, 0) => format!(", at least {min}"),
        (0, max) => format!(", at most {max}"),
        (min, max) => format!(", {min} to {max}"),
    };
    rows.push((format!("{}{}", "  ".repeat(depth), nested.type_name), format!("{kind}{count}")));
    nested.block.iter().for_each(|block| add_block(rows, depth + 1, block));
}

fn signature(name: &str, function: &Function) -> String {
    let parameters = function
        .parameters
        .iter()
        .map(|parameter| format!("{} {}", parameter.name, type_name(&parameter.r#type)));
    let variadic = function
        .variadic_parameter
        .iter()
        .map(|parameter| format!("{}... {}", parameter.name, type_name(&parameter.r#type)));
    let result = function.r#return.as_ref().map(|result| type_name(&result.r#type)).unwrap_or_default();
    format!("function {name}({}) {result}", parameters.chain(variadic).collect::<Vec<_>>().join(", "))
}

fn type_name(json: &[u8]) -> String {
    ValueType::parse(json).map_or_else(|reason| reason, |value_type| value_type.to_string())
}

#[cfg(test)]
mod tests {
    use plugin_host::protocol::provider_schema::{Action, function};
    use plugin_host::protocol::tfplugin6::schema::{Object, nested_block};

    use super::*;

    #[test]
    fn every_part_of_a_schema_is_listed() {
        let attribute = |name: &str, constraint: &str| Attribute {
            name: name.to_owned(),
            r#type: constraint.into(),
            optional: true,
            ..Default::default()
        };
        let block = |attributes| Block { attributes, ..Default::default() };
        let schema = |version, block| Schema { version, block: Some(block) };
        let nested = |name: &str, nesting: nested_block::NestingMode, items: (i64, i64)| NestedBlock {
            type_name: name.to_owned(),
            block: Some(block(vec![attribute("inner", "\"bool\"")])),
            nesting: nesting.into(),
            min_items: items.0,
            max_items: items.1,
        };
        let members = Object {
            attributes: vec![Attribute { sensitive: true, ..attribute("member", "\"number\"") }],
            nesting: object::NestingMode::Set.into(),
        };
        let data = Block {
            attributes: vec![
                attribute("any", "\"dynamic\""),
                attribute("wrong", "[]"),
                Attribute { nested_type: Some(members), computed: true, ..attribute("members", "") },
            ],
            block_types: vec![
                nested("single", nested_block::NestingMode::Single, (0, 0)),
                nested("list", nested_block::NestingMode::List, (1, 0)),
                nested("set", nested_block::NestingMode::Set, (0, 3)),
                nested("map", nested_block::NestingMode::Map, (0, 0)),
                nested("group", nested_block::NestingMode::Group, (0, 0)),
            ],
            ..Default::default()
        };
        let parameter = |name: &str, constraint: &str| function::Parameter {
            name: name.to_owned(),
            r#type: constraint.into(),
        };
        let join = Function {
            parameters: vec![parameter("by", "\"string\"")],
            variadic_parameter: Some(parameter("parts", r#"["list","string"]"#)),
            r#return: Some(function::Return { r#type: b"\"string\"".to_vec() }),
        };
        let map = |name: &str, schema: Schema| [(name.to_owned(), schema)].into();
        let schema = ProviderSchema {
            provider: Some(schema(0, block(vec![]))),
            data_sources: map("x_data", schema(0, data)),
            resources: map(
                "x_thing",
                schema(3, block(vec![Attribute { write_only: true, ..attribute("w", "\"string\"") }])),
            ),
            ephemeral_resources: map("x_secret", schema(0, block(vec![attribute("value", "\"string\"")]))),
            list_resources: map("x_listed", Schema::default()),
            actions: [("x_act".to_owned(), Action { schema: Some(schema(0, block(vec![]))) })].into(),
            functions: [("join".to_owned(), join)].into(),
            ..Default::default()
        };
        insta::assert_snapshot!(listing(&schema), @"
        provider
        data source x_data
          any       dynamic, optional
          wrong     [] is not a valid type, optional
          members   set of objects, optional, computed
            member  number, optional, sensitive
          single    block
            inner   bool, optional
          list      list of blocks, at least 1
            inner   bool, optional
          set       set of blocks, at most 3
            inner   bool, optional
          map       map of blocks
            inner   bool, optional
          group     block, always present
            inner   bool, optional
        resource x_thing (version 3)
          w  string, optional, write-only
        ephemeral resource x_secret
          value  string, optional
        list resource x_listed
          no block (violates the protocol)
        action x_act
        function join(by string, parts... list(string)) string
        ");
    }
}
