//! Registry pages of any provider: `cargo xtask docs`.
//!
//! A provider's schema is read over the plugin protocol. The layout is the one that both registries and their validators
//! expect of generated pages: front matter, examples, notes, then the attributes by who sets them.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
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

/// Path below the root and text of a page.
type Pages = Vec<(String, String)>;

/// Writes the pages of this provider, or those of an executable below a folder.
pub async fn run(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let (root, pages) = match arguments {
        [] => (PathBuf::from(ROOT), own_pages(&build_provider()?, Path::new(ROOT)).await?),
        [binary, folder @ ..] if folder.len() < 2 => {
            let binary = Path::new(binary);
            let schema = read_schema(binary).await?;
            let name = provider_name(binary, &schema);
            let root = folder.first().map_or_else(|| Path::new("target/docs").join(&name), PathBuf::from);
            let pages = pages(&schema, &name, &root)?;
            (root, pages)
        }
        _ => return Err(crate::USAGE.into()),
    };
    for (path, text) in pages {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap_or(&root))?;
        fs::write(path, text)?;
    }
    Ok(())
}

/// The name of a provider: that of its executable, `terraform-provider-NAME`, or what its types begin with.
fn provider_name(binary: &Path, schema: &ProviderSchema) -> String {
    let stem = binary.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let file = stem.strip_prefix("terraform-provider-").and_then(|name| name.split("_v").next());
    let mut types = [&schema.data_sources, &schema.resources].into_iter().flat_map(HashMap::keys);
    let types = types.find_map(|name| Some(name.split_once('_')?.0));
    file.or(types).unwrap_or(stem).to_owned()
}

/// Starts the provider and asks for its schema.
async fn read_schema(binary: &Path) -> Result<ProviderSchema, Box<dyn Error>> {
    let process = Launch::new(binary).tolerant().start().await;
    let mut process = process.map_err(|failed| format!("{} {}", failed.reason, failed.stderr))?;
    let (connection, _) = open(&process).await?;
    let schema = connection.schema().await?;
    process.shut_down(connection, std::time::Duration::from_secs(2)).await;
    Ok(schema)
}

/// The pages of this repository's provider, with the tables in its templates filled in, and the guide to the errors.
async fn own_pages(binary: &Path, root: &Path) -> Result<Pages, Box<dyn Error>> {
    let mut pages = pages(&read_schema(binary).await?, "dds", root)?;
    let guide = fs::read_to_string(root.join("templates/guides/errors.md"))?;
    pages.push(("docs/guides/errors.md".to_owned(), guide));
    let tables = [
        ("{sources}", config::sources()),
        ("{refusals}", catalogue::refusals()),
        ("{failures}", catalogue::failures()),
    ];
    for (_, page) in &mut pages {
        *page = tables.iter().fold(page.clone(), |page, (place, table)| page.replace(place, table));
    }
    Ok(pages)
}

/// Path below `root` and text of each page. Examples and notes are taken from `root` where there are any.
fn pages(all: &ProviderSchema, provider: &str, root: &Path) -> io::Result<Pages> {
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
        add(Subject { kind: "Provider", folder: "", provider, name: provider }, schema)?;
    }
    for (kind, folder, schemas) in [
        ("Data Source", "data-sources", &all.data_sources),
        ("Ephemeral Resource", "ephemeral-resources", &all.ephemeral_resources),
        ("Resource", "resources", &all.resources),
    ] {
        for (name, schema) in schemas.iter().collect::<BTreeMap<_, _>>() {
            add(Subject { kind, folder, provider, name }, schema)?;
        }
    }
    Ok(pages)
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
    /// As the registry calls it.
    kind: &'static str,
    /// Of its pages and examples. Empty for the provider, whose page is the index.
    folder: &'static str,
    provider: &'a str,
    name: &'a str,
}

impl Subject<'_> {
    /// Where the registry looks for the page. The provider's prefix is no part of the file name.
    fn path(&self) -> String {
        let short = self.name.strip_prefix(self.provider).and_then(|rest| rest.strip_prefix('_'));
        match self.folder {
            "" => "docs/index.md".to_owned(),
            folder => format!("docs/{folder}/{}.md", short.unwrap_or(self.name)),
        }
    }

    /// The folder of the examples below `examples/`, and what their names begin with.
    fn examples(&self) -> (String, &'static str) {
        match self.folder {
            "" => ("provider".to_owned(), "provider"),
            folder => (format!("{folder}/{}", self.name), folder.trim_end_matches('s')),
        }
    }

    /// The front matter's title, and the heading.
    fn titles(&self) -> (String, String) {
        let Self { kind, folder, provider, name } = self;
        match *folder {
            "" => (format!("page_title: \"{name} {kind}\"\n"), format!("{name} {kind}")),
            _ => (
                format!("page_title: \"{name} {kind} - {provider}\"\nsubcategory: \"\"\n"),
                format!("{name} ({kind})"),
            ),
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
        let (front, heading) = subject.titles();
        let empty = Block::default();
        let block = schema.block.as_ref().unwrap_or(&empty);
        let mut page = format!(
            "---\n# generated by cargo xtask docs: edit the schema, examples/ or templates/ instead\n\
             {front}description: |-\n  {}\n---\n\n# {heading}\n\n{}\n",
            block.description.replace('`', ""),
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
        let timeouts =
            Block { description: "Limits.".to_owned(), attributes: vec![read], ..Default::default() };
        let timeouts = NestedBlock {
            type_name: "timeouts".to_owned(),
            block: Some(timeouts),
            nesting: NestingMode::Single.into(),
            ..Default::default()
        };
        let optional = |attribute| Attribute { optional: true, ..attribute };
        let all = of("all", "\"bool\"", "Whether all are wanted.");
        let block = Block {
            description: "Finds `links`.".to_owned(),
            attributes: vec![
                Attribute { computed: true, ..of("links", link, "Links, newest first.") },
                Attribute { computed: true, ..optional(of("format", "\"string\"", "Format filter.")) },
                Attribute { required: true, ..of("cert_id", "\"string\"", "ID of the `certificate`.") },
                Attribute { sensitive: true, ..optional(all) },
                Attribute { nested_type: Some(nested_type), ..optional(of("tags", "", "Tags.")) },
            ],
            block_types: vec![timeouts],
            ..Default::default()
        };
        let schema = Schema { version: 0, block: Some(block) };
        let subject = Subject { kind: "Data Source", folder: "data-sources", provider: "x", name: "x_links" };
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
