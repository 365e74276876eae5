//! Registry pages of any provider: `cargo xtask docs`.
//!
//! A provider's schema is read over the plugin protocol.

mod page;

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::{fs, io};

use page::{Page, Subject};
use plugin_host::protocol::provider_schema::ProviderSchema;
use plugin_host::protocol::tfplugin6::Schema;
use plugin_host::{Launch, build_provider, open};
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
        ("{sources}", config::credential_sources()),
        ("{messages}", catalogue::messages()),
        ("{error_responses}", catalogue::error_responses()),
        ("{transport_errors}", catalogue::transport_errors()),
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use plugin_host::build_with_example;

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
}
