//! What the host found, as text for a person.

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
        ("core protocol", line.core_protocol.clone()),
        ("protocol", line.protocol_version.clone()),
        ("network", line.network.clone()),
        ("address", line.address.clone()),
        ("kind", line.rpc_type.clone()),
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

/// What a provider offers: a line for each attribute, block and function.
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
    for (name, it) in schema.functions.iter().collect::<BTreeMap<_, _>>() {
        let _ = writeln!(text, "{}", signature(name, it));
    }
    text
}

fn schemas(text: &mut String, what: &str, schemas: &HashMap<String, Schema>) {
    for (name, schema) in schemas.iter().collect::<BTreeMap<_, _>>() {
        section(text, &format!("{what} {name}"), schema);
    }
}

fn section(text: &mut String, title: &str, schema: &Schema) {
    let version = if schema.version == 0 { String::new() } else { format!(" (version {})", schema.version) };
    let _ = writeln!(text, "{title}{version}");
    let mut rows = Vec::new();
    match &schema.block {
        Some(block) => add_block(&mut rows, 1, block),
        None => rows.push(("  no block, which is against the protocol".to_owned(), String::new())),
    }
    // One long name does not move all the others.
    let width = rows.iter().map(|(name, _)| name.chars().count()).filter(|width| *width <= 40).max();
    for (name, rest) in rows {
        let row = format!("{name:width$}  {rest}", width = width.unwrap_or_default());
        let _ = writeln!(text, "{}", row.trim_end());
    }
}

/// Names with their depth, and what is to be said of them.
type Rows = Vec<(String, String)>;

fn add_block(rows: &mut Rows, depth: usize, block: &Block) {
    block.attributes.iter().for_each(|attribute| add_attribute(rows, depth, attribute));
    block.block_types.iter().for_each(|nested| add_nested(rows, depth, nested));
}

fn add_attribute(rows: &mut Rows, depth: usize, attribute: &Attribute) {
    let many = |mode| match mode {
        object::NestingMode::Single | object::NestingMode::Invalid => "object",
        object::NestingMode::List => "list of objects",
        object::NestingMode::Set => "set of objects",
        object::NestingMode::Map => "map of objects",
    };
    let kind = match &attribute.nested_type {
        Some(nested) => many(nested.nesting()).to_owned(),
        None => kind(&attribute.r#type),
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
    let many = match nested.nesting() {
        NestingMode::Single => "block",
        NestingMode::Group => "block, always there",
        NestingMode::List => "list of blocks",
        NestingMode::Set => "set of blocks",
        NestingMode::Map => "map of blocks",
        NestingMode::Invalid => "blocks of unknown nesting",
    };
    let count = match (nested.min_items, nested.max_items) {
        (0, 0) => String::new(),
        (least, 0) => format!(", at least {least}"),
        (0, most) => format!(", at most {most}"),
        (least, most) => format!(", {least} to {most}"),
    };
    rows.push((format!("{}{}", "  ".repeat(depth), nested.type_name), format!("{many}{count}")));
    nested.block.iter().for_each(|block| add_block(rows, depth + 1, block));
}

fn signature(name: &str, function: &Function) -> String {
    let parameters = function.parameters.iter().map(|it| format!("{} {}", it.name, kind(&it.r#type)));
    let variadic =
        function.variadic_parameter.iter().map(|it| format!("{}... {}", it.name, kind(&it.r#type)));
    let result = function.r#return.as_ref().map(|it| kind(&it.r#type)).unwrap_or_default();
    format!("function {name}({}) {result}", parameters.chain(variadic).collect::<Vec<_>>().join(", "))
}

fn kind(json: &[u8]) -> String {
    ValueType::parse(json).map_or_else(|reason| reason, |kind| kind.to_string())
}

#[cfg(test)]
mod tests {
    use plugin_host::protocol::provider_schema::{Action, function};
    use plugin_host::protocol::tfplugin6::schema::{Object, nested_block};

    use super::*;

    #[test]
    fn everything_that_a_provider_can_offer_is_listed() {
        let attribute = |name: &str, of: &str| Attribute {
            name: name.to_owned(),
            r#type: of.into(),
            optional: true,
            ..Default::default()
        };
        let of = |attributes| Block { attributes, ..Default::default() };
        let schema = |version, block| Schema { version, block: Some(block) };
        let nested = |name: &str, nesting: nested_block::NestingMode, items: (i64, i64)| NestedBlock {
            type_name: name.to_owned(),
            block: Some(of(vec![attribute("inner", "\"bool\"")])),
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
        let parameter =
            |name: &str, of: &str| function::Parameter { name: name.to_owned(), r#type: of.into() };
        let join = Function {
            parameters: vec![parameter("by", "\"string\"")],
            variadic_parameter: Some(parameter("parts", r#"["list","string"]"#)),
            r#return: Some(function::Return { r#type: b"\"string\"".to_vec() }),
        };
        let one = |name: &str, schema: Schema| [(name.to_owned(), schema)].into();
        let schema = ProviderSchema {
            provider: Some(schema(0, of(vec![]))),
            data_sources: one("x_data", schema(0, data)),
            resources: one(
                "x_thing",
                schema(3, of(vec![Attribute { write_only: true, ..attribute("w", "\"string\"") }])),
            ),
            ephemeral_resources: one("x_secret", schema(0, of(vec![attribute("value", "\"string\"")]))),
            list_resources: one("x_listed", Schema::default()),
            actions: [("x_act".to_owned(), Action { schema: Some(schema(0, of(vec![]))) })].into(),
            functions: [("join".to_owned(), join)].into(),
            ..Default::default()
        };
        insta::assert_snapshot!(listing(&schema), @"
        provider
        data source x_data
          any       dynamic, optional
          wrong     [] is no type, optional
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
          group     block, always there
            inner   bool, optional
        resource x_thing (version 3)
          w  string, optional, write-only
        ephemeral resource x_secret
          value  string, optional
        list resource x_listed
          no block, which is against the protocol
        action x_act
        function join(by string, parts... list(string)) string
        ");
    }
}
