//! The generated pages under `docs/` say what the schemas say.

#[path = "../../examples/docs/pages.rs"]
mod pages;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn the_pages_are_what_the_schemas_and_examples_make_of_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (path, expected) in pages::render(root).unwrap() {
        let found = fs::read_to_string(root.join(&path)).unwrap_or_default();
        assert!(found == expected, "{path} is not up to date: run `cargo run --example docs`");
    }
}

#[test]
fn there_is_no_page_without_a_subject() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let expected: BTreeSet<String> = pages::render(root).unwrap().into_iter().map(|(path, _)| path).collect();
    let pages = |folder: &str| {
        let entries = fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().file_name());
        let names = entries.map(|name| format!("{folder}/{}", name.to_string_lossy()));
        names.filter(|name| name.ends_with(".md")).collect::<Vec<_>>()
    };
    let folders = ["docs", "docs/data-sources", "docs/ephemeral-resources", "docs/guides"];
    let found: BTreeSet<String> = folders.into_iter().flat_map(pages).collect();
    assert_eq!(found, expected);
}

#[test]
fn readme_and_ci_name_the_versions_of_the_matrix() {
    let text = |file: &str| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let matrix = text("examples/matrix.rs");
    let cores = matrix.split_once("const CORES: ").unwrap().1.split_once(';').unwrap().1;
    let cores: Vec<_> = cores.split(';').next().unwrap().split('"').skip(1).step_by(2).collect();
    let (last, others) = cores.split_last().unwrap();
    let row = format!("Terraform {} and {last}, these in both protocols |", others.join(", "));
    assert!(text("README.md").contains(&row), "README.md does not say: {row}");
    let step = format!("--example matrix -- {}\n", cores.join(" "));
    assert!(text(".ci/run").contains(&step), ".ci/run does not have: {step}");
}
