//! Generates the registry documentation of any provider: `cargo xtask docs`.
//!
//! The schema is requested over the plugin protocol.

mod page;

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::{fs, io};

use page::{Page, Subject};
use plugin_host::protocol::provider_schema::ProviderSchema;
use plugin_host::protocol::tfplugin6::Schema;
use plugin_host::{PluginCommand, build_provider, connect_with_tls_session};
use terraform_provider_dds::provider::config;
use terraform_provider_dds::provider::error_messages::catalogue;

/// The root of the repository, which contains this provider's `examples/`, `templates/` and `docs/`.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The path (relative to the root) and the content of each page.
type Pages = Vec<(String, String)>;

/// Writes the pages of this provider to the repository, or those of an executable to a directory.
pub async fn run(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let (root, pages) = match arguments {
        [] => (PathBuf::from(ROOT), own_pages(&build_provider()?, Path::new(ROOT)).await?),
        [binary, directory @ ..] if directory.len() < 2 => {
            let binary = Path::new(binary);
            let schema = read_schema(binary).await?;
            let name = provider_name(binary, &schema);
            let root = directory.first().map_or_else(|| Path::new("target/docs").join(&name), PathBuf::from);
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

/// The name of a provider: from the file name `terraform-provider-NAME`, or else the prefix of its data sources.
fn provider_name(binary: &Path, schema: &ProviderSchema) -> String {
    let stem = binary.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let file = stem.strip_prefix("terraform-provider-").and_then(|name| name.split("_v").next());
    let mut types = [&schema.data_sources, &schema.resources].into_iter().flat_map(HashMap::keys);
    let types = types.find_map(|name| Some(name.split_once('_')?.0));
    file.or(types).unwrap_or(stem).to_owned()
}

/// Starts the provider and requests its schema.
async fn read_schema(binary: &Path) -> Result<ProviderSchema, Box<dyn Error>> {
    let mut process = PluginCommand::new(binary).lenient().start().await?;
    let (connection, _) = connect_with_tls_session(&process).await?;
    let schema = connection.schema().await?;
    process.shut_down(connection, std::time::Duration::from_secs(2)).await;
    Ok(schema)
}

/// The pages and guides of this repository's provider. Fills in the tables of the templates.
async fn own_pages(binary: &Path, root: &Path) -> Result<Pages, Box<dyn Error>> {
    let mut pages = pages(&read_schema(binary).await?, "dds", root)?;
    for guide in fs::read_dir(root.join("templates/guides"))? {
        let guide = guide?;
        let path = format!("docs/guides/{}", guide.file_name().to_string_lossy());
        pages.push((path, fs::read_to_string(guide.path())?));
    }
    let tables = [
        ("{sources}", config::credential_sources()),
        ("{messages}", catalogue::messages()),
        ("{error_responses}", catalogue::error_responses()),
        ("{transport_errors}", catalogue::transport_errors()),
    ];
    let examples = guide_examples(root)?;
    let examples = examples.iter().map(|(placeholder, example)| (placeholder.as_str(), example.clone()));
    let replacements: Vec<_> = tables.into_iter().chain(examples).collect();
    for (_, page) in &mut pages {
        *page = replacements
            .iter()
            .fold(page.clone(), |page, (placeholder, replacement)| page.replace(placeholder, replacement));
    }
    Ok(pages)
}

/// The placeholder and the code block of each example for guides.
fn guide_examples(root: &Path) -> io::Result<Vec<(String, String)>> {
    let example = |entry: io::Result<fs::DirEntry>| {
        let entry = entry?;
        let code = fs::read_to_string(entry.path().join("main.tf"))?;
        let placeholder = format!("{{{}}}", entry.file_name().to_string_lossy());
        Ok((placeholder, format!("```terraform\n{}\n```", code.trim())))
    };
    fs::read_dir(root.join("examples/guides"))?.map(example).collect()
}

/// The pages of a provider, with the examples and templates in `root`, if there are any.
fn pages(all: &ProviderSchema, provider: &str, root: &Path) -> io::Result<Pages> {
    let mut pages = Vec::new();
    let mut add = |subject: Subject<'_>, schema: &Schema| -> io::Result<()> {
        let path = subject.path();
        let (directory, prefix) = subject.examples();
        let notes = root.join(path.replacen("docs", "templates", 1));
        let notes = if notes.exists() { fs::read_to_string(notes)? } else { String::new() };
        let examples = configurations(&root.join("examples").join(directory), prefix)?;
        let page = Page { subject, schema, examples: &examples, notes: &notes };
        pages.push((path, page.render()));
        Ok(())
    };
    if let Some(schema) = &all.provider {
        add(Subject { kind: "Provider", directory: "", provider, name: provider }, schema)?;
    }
    for (kind, directory, schemas) in [
        ("Data Source", "data-sources", &all.data_sources),
        ("Ephemeral Resource", "ephemeral-resources", &all.ephemeral_resources),
        ("Resource", "resources", &all.resources),
    ] {
        for (name, schema) in schemas.iter().collect::<BTreeMap<_, _>>() {
            add(Subject { kind, directory, provider, name }, schema)?;
        }
    }
    Ok(pages)
}

/// Reads the example files that the registry shows, ordered by name. Their names start with `prefix`.
fn configurations(directory: &Path, prefix: &str) -> io::Result<Vec<String>> {
    if !directory.exists() {
        return Ok(Vec::new());
    }
    let mut paths =
        fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
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

    use plugin_host::build_provider_and_example;

    use super::*;

    #[tokio::test]
    async fn generated_pages_are_up_to_date() {
        let root = Path::new(ROOT);
        let (provider, _) = build_provider_and_example("quickstart").unwrap();
        let pages = own_pages(&provider, root).await.unwrap();
        for (path, expected) in &pages {
            let found = fs::read_to_string(root.join(path)).unwrap_or_default();
            assert!(found == *expected, "{path} is not up to date. Run `cargo xtask docs`.");
        }
        let expected: BTreeSet<String> = pages.into_iter().map(|(path, _)| path).collect();
        let files_in = |directory: &str| {
            let entries = fs::read_dir(root.join(directory)).unwrap().map(|entry| entry.unwrap().file_name());
            let names = entries.map(|name| format!("{directory}/{}", name.to_string_lossy()));
            names.filter(|name| name.ends_with(".md")).collect::<Vec<_>>()
        };
        let directories = ["docs", "docs/data-sources", "docs/ephemeral-resources", "docs/guides"];
        let found: BTreeSet<String> = directories.into_iter().flat_map(files_in).collect();
        assert_eq!(found, expected, "docs/ has a page that is not generated");
    }

    /// The two registries serve the pages at different paths, so a relative link works on one of them at most.
    #[test]
    fn links_in_pages_are_absolute_and_have_a_target() {
        let root = Path::new(ROOT);
        let pages = ["docs", "docs/data-sources", "docs/ephemeral-resources", "docs/guides"]
            .into_iter()
            .flat_map(|directory| fs::read_dir(root.join(directory)).unwrap())
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "md"));
        for path in pages {
            let page = fs::read_to_string(&path).unwrap();
            for link in page.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0)) {
                let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
                let text = match file.strip_prefix(REPOSITORY) {
                    Some(file) => fs::read_to_string(root.join(file)).unwrap_or_default(),
                    None if file.is_empty() => page.clone(),
                    None => {
                        assert!(
                            file.starts_with("https://"),
                            "{}: {link} is a relative link",
                            path.display()
                        );
                        continue;
                    }
                };
                let has_target = if anchor.is_empty() { !text.is_empty() } else { has_anchor(&text, anchor) };
                assert!(has_target, "{}: {link} has no target", path.display());
            }
        }
    }

    const REPOSITORY: &str = "https://github.com/terraform-dds/terraform-provider-dds/blob/main/";

    /// Whether a page has this anchor, as a heading or as an `a` element.
    fn has_anchor(page: &str, anchor: &str) -> bool {
        let slug = |heading: &str| {
            let heading = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
            heading.replace(|character: char| !(character.is_alphanumeric() || "-_".contains(character)), "")
        };
        page.contains(&format!("<a id=\"{anchor}\">"))
            || page.lines().any(|line| line.starts_with('#') && slug(line) == anchor)
    }

    #[test]
    fn provider_name_is_from_the_executable_or_its_types() {
        let data_sources = [("minimal_greeting".to_owned(), Schema::default())].into();
        let schema = ProviderSchema { data_sources, ..Default::default() };
        for (binary, name) in [("/x/terraform-provider-dds_v0.1.0", "dds"), ("minimal_provider", "minimal")] {
            assert_eq!(provider_name(Path::new(binary), &schema), name);
        }
    }
}
