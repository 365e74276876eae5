//! What a provider offers, as text: a line for each attribute, block and function.

use std::collections::HashMap;
use std::fmt::Write as _;

use plugin_host::ValueType;
use plugin_host::protocol::provider_schema::{Function, ProviderSchema};
use plugin_host::protocol::tfplugin6::Schema;
use plugin_host::protocol::tfplugin6::schema::nested_block::NestingMode;
use plugin_host::protocol::tfplugin6::schema::{Attribute, Block, NestedBlock, object};

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
    for (name, it) in sorted(&schema.functions) {
        let _ = writeln!(text, "{}", function(name, it));
    }
    text
}

fn sorted<T>(all: &HashMap<String, T>) -> Vec<(&String, &T)> {
    let mut all: Vec<_> = all.iter().collect();
    all.sort_by_key(|(name, _)| *name);
    all
}

fn schemas(text: &mut String, what: &str, schemas: &HashMap<String, Schema>) {
    for (name, schema) in sorted(schemas) {
        section(text, &format!("{what} {name}"), schema);
    }
}

fn section(text: &mut String, title: &str, schema: &Schema) {
    let version = if schema.version == 0 { String::new() } else { format!(" (version {})", schema.version) };
    let _ = writeln!(text, "{title}{version}");
    let mut rows = Vec::new();
    match &schema.block {
        Some(it) => block(&mut rows, 1, it),
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

fn block(rows: &mut Rows, depth: usize, of: &Block) {
    of.attributes.iter().for_each(|it| attribute(rows, depth, it));
    of.block_types.iter().for_each(|it| nested(rows, depth, it));
}

fn attribute(rows: &mut Rows, depth: usize, of: &Attribute) {
    let many = |mode| match mode {
        object::NestingMode::Single | object::NestingMode::Invalid => "object",
        object::NestingMode::List => "list of objects",
        object::NestingMode::Set => "set of objects",
        object::NestingMode::Map => "map of objects",
    };
    let kind = match &of.nested_type {
        Some(nested) => many(nested.nesting()).to_owned(),
        None => kind(&of.r#type),
    };
    let flags = [
        (of.required, ", required"),
        (of.optional, ", optional"),
        (of.computed, ", computed"),
        (of.sensitive, ", sensitive"),
        (of.write_only, ", write-only"),
        (of.deprecated, ", deprecated"),
    ];
    let flags: String = flags.into_iter().filter(|(set, _)| *set).map(|(_, name)| name).collect();
    rows.push((format!("{}{}", "  ".repeat(depth), of.name), kind + &flags));
    for member in of.nested_type.iter().flat_map(|nested| &nested.attributes) {
        attribute(rows, depth + 1, member);
    }
}

fn nested(rows: &mut Rows, depth: usize, of: &NestedBlock) {
    let many = match of.nesting() {
        NestingMode::Single => "block",
        NestingMode::Group => "block, always there",
        NestingMode::List => "list of blocks",
        NestingMode::Set => "set of blocks",
        NestingMode::Map => "map of blocks",
        NestingMode::Invalid => "blocks of unknown nesting",
    };
    let count = match (of.min_items, of.max_items) {
        (0, 0) => String::new(),
        (least, 0) => format!(", at least {least}"),
        (0, most) => format!(", at most {most}"),
        (least, most) => format!(", {least} to {most}"),
    };
    rows.push((format!("{}{}", "  ".repeat(depth), of.type_name), format!("{many}{count}")));
    of.block.iter().for_each(|it| block(rows, depth + 1, it));
}

fn function(name: &str, of: &Function) -> String {
    let parameters = of.parameters.iter().map(|it| format!("{} {}", it.name, kind(&it.r#type)));
    let variadic = of.variadic_parameter.iter().map(|it| format!("{}... {}", it.name, kind(&it.r#type)));
    let result = of.r#return.as_ref().map(|it| kind(&it.r#type)).unwrap_or_default();
    format!("function {name}({}) {result}", parameters.chain(variadic).collect::<Vec<_>>().join(", "))
}

fn kind(json: &[u8]) -> String {
    ValueType::parse(json).map_or_else(|reason| reason, |kind| kind.to_string())
}
