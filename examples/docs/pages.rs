//! Every page of `docs/`: the schemas' prose with the configurations under `examples/` and the notes under
//! `templates/`, and the guide to the errors with their tables. Used by the command beside this file, and by the test
//! that compares the result with `docs/`.

use std::path::Path;
use std::{fs, io};

use terraform_provider_dds::provider::error_messages::catalogue;
use terraform_provider_dds::provider::{Dds, config};
use terraform_provider_dds::system::Environment;
use terraform_provider_dds::tfplugin::Provider as _;
use terraform_provider_dds::tfplugin::docs::{Page, Subject};

const PROVIDER: &str = "dds";

/// Path below `root` and text of each page.
pub fn render(root: &Path) -> io::Result<Vec<(String, String)>> {
    let provider = Dds::new(Environment::Process);
    let mut pages = Vec::new();
    let mut add = |subject: Subject<'_>, schema, examples: &str, file: &str| -> io::Result<()> {
        let path = subject.path();
        let examples = configurations(&root.join(examples), file)?;
        let notes = fs::read_to_string(root.join(path.replacen("docs", "templates", 1)))?;
        let notes = notes.replace("{sources}", &config::sources());
        let page = Page { subject, schema: &schema, examples: &examples, notes: &notes };
        pages.push((path, page.render()));
        Ok(())
    };
    add(Subject::Provider(PROVIDER), provider.schema(), "examples/provider", "provider")?;
    for source in provider.data_sources() {
        let name = source.name();
        let subject = Subject::DataSource { provider: PROVIDER, name };
        add(subject, source.schema(), &format!("examples/data-sources/{name}"), "data-source")?;
    }
    for resource in provider.ephemeral_resources() {
        let name = resource.name();
        let subject = Subject::EphemeralResource { provider: PROVIDER, name };
        let examples = format!("examples/ephemeral-resources/{name}");
        add(subject, resource.schema(), &examples, "ephemeral-resource")?;
    }
    let guide = fs::read_to_string(root.join("templates/guides/errors.md"))?;
    let tables = [("{refusals}", catalogue::refusals()), ("{failures}", catalogue::failures())];
    let guide = tables.iter().fold(guide, |guide, (place, table)| guide.replace(place, table));
    pages.push(("docs/guides/errors.md".to_owned(), guide));
    Ok(pages)
}

/// The files that the registry shows, by name; other configurations in the folder are scaffolding.
fn configurations(folder: &Path, prefix: &str) -> io::Result<Vec<String>> {
    let mut paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.retain(|path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with(prefix) && name.ends_with(".tf")
    });
    paths.sort_by_key(|path| path.with_extension(""));
    paths.iter().map(fs::read_to_string).collect()
}
