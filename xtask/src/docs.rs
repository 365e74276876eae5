//! Registry pages of any provider: `cargo xtask docs`.
//!
//! A provider's schema is read over the plugin protocol. The layout is the one that both registries and their validators
//! expect of generated pages: front matter, examples, notes, then the attributes by who sets them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use plugin_host::protocol::provider_schema::ProviderSchema;
use plugin_host::protocol::tfplugin6::Schema;
use plugin_host::protocol::tfplugin6::schema::nested_block::NestingMode;
use plugin_host::protocol::tfplugin6::schema::{Attribute, Block, object};
use plugin_host::{Launch, ValueType, build_provider, open};
use terraform_provider_dds::provider::config;
use terraform_provider_dds::provider::error_messages::catalogue;

/// The root of the repository, which holds this provider's `examples/`, `templates/` and `docs/`.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Writes the pages of this provider, or those of an executable below a folder.
pub async fn run(arguments: &[String]) -> Result<(), String> {
    let (root, pages) = match arguments {
        [] => {
            let root = PathBuf::from(ROOT);
            let pages = own_pages(&build_provider()?, &root).await?;
            (root, pages)
        }
        [binary, folder @ ..] if folder.len() < 2 => {
            let binary = Path::new(binary);
            let schema = read_schema(binary).await?;
            let name = provider_name(binary, &schema);
            let root = folder.first().map_or_else(|| Path::new("target/docs").join(&name), PathBuf::from);
            let pages = pages(&schema, &name, &root).map_err(|error| error.to_string())?;
            (root, pages)
        }
        _ => return Err(crate::USAGE.to_owned()),
    };
    for (path, text) in pages {
        let path = root.join(path);
        write(&path, &text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    fs::create_dir_all(path.parent().unwrap_or(path))?;
    fs::write(path, text)
}

/// The name of a provider: that of its executable, `terraform-provider-NAME`, or what its types begin with.
fn provider_name(binary: &Path, schema: &ProviderSchema) -> String {
    let stem = binary.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let file = stem.strip_prefix("terraform-provider-").and_then(|name| name.split("_v").next());
    let mut types = [&schema.data_sources, &schema.resources].into_iter().flat_map(HashMap::keys);
    let types = types.find_map(|name| Some(name.split_once('_')?.0));
    file.or(types).unwrap_or(stem).to_owned()
}

async fn read_schema(binary: &Path) -> Result<ProviderSchema, String> {
    let process = Launch::new(binary).tolerant().start().await;
    let mut process = process.map_err(|failed| format!("{} {}", failed.reason, failed.stderr))?;
    let (connection, _) = open(&process).await?;
    let schema = connection.provider_schema().await.map_err(|status| status.to_string())?.clone();
    process.shut_down(connection, std::time::Duration::from_secs(2)).await;
    Ok(schema)
}

/// The pages of this repository's provider, with the tables in its templates filled in, and the guide to the errors.
async fn own_pages(binary: &Path, root: &Path) -> Result<Vec<(String, String)>, String> {
    let schema = read_schema(binary).await?;
    let read = || -> io::Result<Vec<(String, String)>> {
        let mut pages = pages(&schema, "dds", root)?;
        for (_, text) in &mut pages {
            *text = text.replace("{sources}", &config::sources());
        }
        let guide = fs::read_to_string(root.join("templates/guides/errors.md"))?;
        let tables = [("{refusals}", catalogue::refusals()), ("{failures}", catalogue::failures())];
        let guide = tables.iter().fold(guide, |guide, (place, table)| guide.replace(place, table));
        pages.push(("docs/guides/errors.md".to_owned(), guide));
        Ok(pages)
    };
    read().map_err(|error| error.to_string())
}

/// Path below `root` and text of each page. Examples and notes are taken from `root` where there are any.
fn pages(all: &ProviderSchema, provider: &str, root: &Path) -> io::Result<Vec<(String, String)>> {
    let mut pages = Vec::new();
    let mut add = |subject: Subject<'_>, schema: &Schema| -> io::Result<()> {
        let path = subject.path();
        let (folder, prefix) = subject.examples();
        let notes = root.join(path.replacen("docs", "templates", 1));
        let notes = if notes.exists() { fs::read_to_string(notes)? } else { String::new() };
        let examples = configurations(&root.join("examples").join(folder), prefix)?;
        let page = Page { subject, schema, examples: &examples, notes: &notes };
        pages.push((path, page.render()));
        Ok(())
    };
    if let Some(schema) = &all.provider {
        add(Subject { kind: Kind::Provider, provider, name: provider }, schema)?;
    }
    for (kind, schemas) in [
        (Kind::DataSource, &all.data_sources),
        (Kind::EphemeralResource, &all.ephemeral_resources),
        (Kind::Resource, &all.resources),
    ] {
        for (name, schema) in sorted(schemas) {
            add(Subject { kind, provider, name }, schema)?;
        }
    }
    Ok(pages)
}

fn sorted(schemas: &HashMap<String, Schema>) -> Vec<(&String, &Schema)> {
    let mut schemas: Vec<_> = schemas.iter().collect();
    schemas.sort_by_key(|(name, _)| *name);
    schemas
}

/// The files that the registry shows, by name; other configurations in the folder are scaffolding.
fn configurations(folder: &Path, prefix: &str) -> io::Result<Vec<String>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.retain(|path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with(prefix) && name.ends_with(".tf")
    });
    paths.sort_by_key(|path| path.with_extension(""));
    paths.iter().map(fs::read_to_string).collect()
}

/// What a page is about.
#[derive(Clone, Copy)]
struct Subject<'a> {
    kind: Kind,
    provider: &'a str,
    name: &'a str,
}

#[derive(Clone, Copy)]
enum Kind {
    /// The index page.
    Provider,
    DataSource,
    EphemeralResource,
    Resource,
}

impl Kind {
    /// As the registry calls it, and the folder of its pages and examples.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Provider => ("Provider", ""),
            Self::DataSource => ("Data Source", "data-sources"),
            Self::EphemeralResource => ("Ephemeral Resource", "ephemeral-resources"),
            Self::Resource => ("Resource", "resources"),
        }
    }
}

impl Subject<'_> {
    /// Where the registry looks for the page. The provider's prefix is no part of the file name.
    fn path(&self) -> String {
        let short = self.name.strip_prefix(self.provider).and_then(|rest| rest.strip_prefix('_'));
        match self.kind.words() {
            (_, "") => "docs/index.md".to_owned(),
            (_, folder) => format!("docs/{folder}/{}.md", short.unwrap_or(self.name)),
        }
    }

    /// The folder of the examples below `examples/`, and what their names begin with.
    fn examples(&self) -> (String, &'static str) {
        match self.kind.words() {
            (_, "") => ("provider".to_owned(), "provider"),
            (_, folder) => (format!("{folder}/{}", self.name), folder.trim_end_matches('s')),
        }
    }

    fn front(&self) -> String {
        let Self { kind, provider, name } = self;
        match kind.words() {
            (word, "") => format!("page_title: \"{name} {word}\"\n"),
            (word, _) => format!("page_title: \"{name} {word} - {provider}\"\nsubcategory: \"\"\n"),
        }
    }

    fn heading(&self) -> String {
        match self.kind.words() {
            (word, "") => format!("{} {word}", self.name),
            (word, _) => format!("{} ({word})", self.name),
        }
    }
}

/// What is put on one page.
struct Page<'a> {
    subject: Subject<'a>,
    schema: &'a Schema,
    /// Configurations, shown in this order.
    examples: &'a [String],
    /// Markdown between the examples and the attributes; may be empty.
    notes: &'a str,
}

impl Page<'_> {
    fn render(&self) -> String {
        let Self { subject, schema, examples, notes } = self;
        let empty = Block::default();
        let block = schema.block.as_ref().unwrap_or(&empty);
        let mut page = format!(
            "---\n# generated by cargo xtask docs: edit the schema, examples/ or templates/ instead\n\
             {}description: |-\n  {}\n---\n\n# {}\n\n{}\n",
            subject.front(),
            block.description.replace('`', ""),
            subject.heading(),
            block.description,
        );
        if !examples.is_empty() {
            page += "\n## Example Usage\n";
            page.extend(examples.iter().map(|example| format!("\n```terraform\n{}\n```\n", example.trim())));
        }
        if !notes.trim().is_empty() {
            page += &format!("\n{}\n", notes.trim());
        }
        page += "\n<!-- schema generated by cargo xtask docs -->\n## Schema\n\n";
        let mut sections = String::new();
        page += &groups(members(block), "", "### {}", &mut sections);
        format!("{}\n", (page + &sections).trim_end())
    }
}

/// One line of a page.
struct Member {
    name: String,
    /// Its type as the registry writes it, and what else stands in the parentheses.
    kind: String,
    description: String,
    group: &'static str,
    nested: Option<Nested>,
}

/// What has a section of its own.
struct Nested {
    prefix: &'static str,
    members: Vec<Member>,
}

const REQUIRED: &str = "Required";
const OPTIONAL: &str = "Optional";
const READ_ONLY: &str = "Read-Only";

/// The members of one level by who sets them; what is nested in them goes to `sections`.
fn groups(mut members: Vec<Member>, path: &str, title: &str, sections: &mut String) -> String {
    members.sort_by(|one, other| one.name.cmp(&other.name));
    let mut text = String::new();
    for group in [REQUIRED, OPTIONAL, READ_ONLY] {
        let lines = members.iter().filter(|member| member.group == group);
        let lines: String = lines.map(|member| member.line(path)).collect();
        if !lines.is_empty() {
            text += &format!("{}\n\n{lines}\n", title.replace("{}", group));
        }
    }
    for group in [REQUIRED, OPTIONAL, READ_ONLY] {
        for member in members.extract_if(.., |member| member.group == group) {
            let Some(nested) = member.nested else { continue };
            let path = if path.is_empty() { member.name } else { format!("{path}.{}", member.name) };
            let mut inner = String::new();
            let members = groups(nested.members, &path, "{}:", &mut inner);
            let anchor = anchor(nested.prefix, &path);
            *sections +=
                &format!("<a id=\"{anchor}\"></a>\n### Nested Schema for `{path}`\n\n{members}\n{inner}");
        }
    }
    text
}

fn anchor(prefix: &str, path: &str) -> String {
    format!("{prefix}--{}", path.replace('.', "--"))
}

impl Member {
    fn line(&self, path: &str) -> String {
        let Self { name, kind, description, nested, .. } = self;
        let mut line = format!("- `{name}` ({kind}) {}", description.trim()).trim_end().to_owned();
        if let Some(nested) = nested {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            line += &format!(" (see [below for nested schema](#{}))", anchor(nested.prefix, &path));
        }
        line + "\n"
    }
}

fn members(block: &Block) -> Vec<Member> {
    let blocks = block.block_types.iter().map(|nested| {
        let inner = nested.block.clone().unwrap_or_default();
        let many = match nested.nesting() {
            NestingMode::List => "Block List",
            NestingMode::Set => "Block Set",
            NestingMode::Map => "Block Map",
            NestingMode::Single => "Block, Optional",
            NestingMode::Group | NestingMode::Invalid => "Block",
        };
        Member {
            name: nested.type_name.clone(),
            kind: many.to_owned(),
            description: inner.description.clone(),
            group: if nested.min_items > 0 { REQUIRED } else { OPTIONAL },
            nested: Some(Nested { prefix: "nestedblock", members: members(&inner) }),
        }
    });
    block.attributes.iter().map(attribute).chain(blocks).collect()
}

fn attribute(attribute: &Attribute) -> Member {
    let group = match (attribute.required, attribute.optional) {
        (true, _) => REQUIRED,
        (false, true) => OPTIONAL,
        (false, false) => READ_ONLY,
    };
    let (kind, members) = match &attribute.nested_type {
        Some(nested) => {
            let many = match nested.nesting() {
                object::NestingMode::List => "Attributes List",
                object::NestingMode::Set => "Attributes Set",
                object::NestingMode::Map => "Attributes Map",
                object::NestingMode::Single | object::NestingMode::Invalid => "Attributes",
            };
            (many.to_owned(), Some(nested.attributes.iter().map(self::attribute).collect()))
        }
        None => match ValueType::parse(&attribute.r#type) {
            Ok(value_type) => (type_name(&value_type), object_members(&value_type, group)),
            Err(reason) => (reason, None),
        },
    };
    let flags = [
        (attribute.sensitive, ", Sensitive"),
        (attribute.write_only, ", Write-only"),
        (attribute.deprecated, ", Deprecated"),
    ];
    let flags: String = flags.into_iter().filter_map(|(set, flag)| set.then_some(flag)).collect();
    Member {
        name: attribute.name.clone(),
        kind: kind + &flags,
        description: attribute.description.clone(),
        group,
        nested: members.map(|members| Nested { prefix: "nestedatt", members }),
    }
}

/// The members of an object type, which have no descriptions.
fn object_members(value_type: &ValueType, group: &'static str) -> Option<Vec<Member>> {
    match value_type {
        ValueType::List(of) | ValueType::Set(of) | ValueType::Map(of) => object_members(of, group),
        ValueType::Object(members) => {
            let member = |member: &plugin_host::Member| Member {
                name: member.name.clone(),
                kind: type_name(&member.kind),
                description: String::new(),
                group,
                nested: object_members(&member.kind, group)
                    .map(|members| Nested { prefix: "nestedobjatt", members }),
            };
            Some(members.iter().map(member).collect())
        }
        _ => None,
    }
}

/// The type's name in the documentation.
fn type_name(value_type: &ValueType) -> String {
    match value_type {
        ValueType::String => "String".to_owned(),
        ValueType::Bool => "Boolean".to_owned(),
        ValueType::Number => "Number".to_owned(),
        ValueType::Dynamic => "Dynamic".to_owned(),
        ValueType::List(of) => format!("List of {}", type_name(of)),
        ValueType::Set(of) => format!("Set of {}", type_name(of)),
        ValueType::Map(of) => format!("Map of {}", type_name(of)),
        ValueType::Object(_) => "Object".to_owned(),
        ValueType::Tuple(_) => "Tuple".to_owned(),
        ValueType::Loose(of) => type_name(of),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use plugin_host::build_with_example;
    use plugin_host::protocol::tfplugin6::schema::{NestedBlock, Object};

    use super::*;

    #[tokio::test]
    async fn pages_are_what_the_schemas_and_examples_make_of_them() {
        let root = Path::new(ROOT);
        let (provider, _) = build_with_example("quickstart").unwrap();
        let pages = own_pages(&provider, root).await.unwrap();
        for (path, expected) in &pages {
            let found = fs::read_to_string(root.join(path)).unwrap_or_default();
            assert!(found == *expected, "{path} is not up to date: run `cargo xtask docs`");
        }
        let expected: BTreeSet<String> = pages.into_iter().map(|(path, _)| path).collect();
        let in_folder = |folder: &str| {
            let entries = fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().file_name());
            let names = entries.map(|name| format!("{folder}/{}", name.to_string_lossy()));
            names.filter(|name| name.ends_with(".md")).collect::<Vec<_>>()
        };
        let folders = ["docs", "docs/data-sources", "docs/ephemeral-resources", "docs/guides"];
        let found: BTreeSet<String> = folders.into_iter().flat_map(in_folder).collect();
        assert_eq!(found, expected, "there is a page without a subject");
    }

    #[test]
    fn a_provider_is_named_by_its_executable_or_its_types() {
        let data_sources = [("minimal_greeting".to_owned(), Schema::default())].into();
        let schema = ProviderSchema { data_sources, ..Default::default() };
        for (binary, name) in [("/x/terraform-provider-dds_v0.1.0", "dds"), ("minimal_provider", "minimal")] {
            assert_eq!(provider_name(Path::new(binary), &schema), name);
        }
    }

    fn of(name: &str, constraint: &str, description: &str) -> Attribute {
        let (name, description) = (name.to_owned(), description.to_owned());
        Attribute { name, r#type: constraint.into(), description, ..Default::default() }
    }

    #[test]
    fn a_page_has_the_registry_layout() {
        let link = r#"["list",["object",{"url":"string","size":"number"}]]"#;
        let read = Attribute { optional: true, ..of("read", "\"string\"", "Limit of a read.") };
        let nested_type = Object {
            attributes: vec![Attribute { required: true, ..of("key", "\"string\"", "Key.") }],
            nesting: object::NestingMode::Map.into(),
        };
        let block = Block {
            description: "Finds `links`.".to_owned(),
            attributes: vec![
                Attribute { computed: true, ..of("links", link, "Links, newest first.") },
                Attribute { optional: true, computed: true, ..of("format", "\"string\"", "Format filter.") },
                Attribute { required: true, ..of("cert_id", "\"string\"", "ID of the `certificate`.") },
                Attribute {
                    optional: true,
                    sensitive: true,
                    ..of("all", "\"bool\"", "Whether all are wanted.")
                },
                Attribute { optional: true, nested_type: Some(nested_type), ..of("tags", "", "Tags.") },
            ],
            block_types: vec![NestedBlock {
                type_name: "timeouts".to_owned(),
                block: Some(Block {
                    description: "Limits.".to_owned(),
                    attributes: vec![read],
                    ..Default::default()
                }),
                nesting: NestingMode::Single.into(),
                ..Default::default()
            }],
            ..Default::default()
        };
        let schema = Schema { version: 0, block: Some(block) };
        let subject = Subject { kind: Kind::DataSource, provider: "x", name: "x_links" };
        let examples = &["a = 1\n".to_owned()];
        let page = Page { subject, schema: &schema, examples, notes: "## Notes\n\nText." };
        assert_eq!(subject.path(), "docs/data-sources/links.md");
        assert_eq!(
            page.render(),
            r#"---
# generated by cargo xtask docs: edit the schema, examples/ or templates/ instead
page_title: "x_links Data Source - x"
subcategory: ""
description: |-
  Finds links.
---

# x_links (Data Source)

Finds `links`.

## Example Usage

```terraform
a = 1
```

## Notes

Text.

<!-- schema generated by cargo xtask docs -->
## Schema

### Required

- `cert_id` (String) ID of the `certificate`.

### Optional

- `all` (Boolean, Sensitive) Whether all are wanted.
- `format` (String) Format filter.
- `tags` (Attributes Map) Tags. (see [below for nested schema](#nestedatt--tags))
- `timeouts` (Block, Optional) Limits. (see [below for nested schema](#nestedblock--timeouts))

### Read-Only

- `links` (List of Object) Links, newest first. (see [below for nested schema](#nestedatt--links))

<a id="nestedatt--tags"></a>
### Nested Schema for `tags`

Required:

- `key` (String) Key.


<a id="nestedblock--timeouts"></a>
### Nested Schema for `timeouts`

Optional:

- `read` (String) Limit of a read.


<a id="nestedatt--links"></a>
### Nested Schema for `links`

Read-Only:

- `size` (Number)
- `url` (String)
"#
        );
    }
}
