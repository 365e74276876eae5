//! Checks which parts of `src/` use which other parts. Reads every Rust path (`crate::…`) in the sources.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{ItemUse, Macro, UseTree};

/// The other parts that each part may use.
const MAY_USE: &[(&str, &[&str])] = &[
    ("main", &["provider", "tfplugin", "huaweicloud", "system"]),
    ("provider", &["tfplugin", "huaweicloud", "system"]),
    ("tfplugin", &["system"]),
    ("huaweicloud", &["system"]),
    ("system", &[]),
];

/// The crates that each part must not use.
const FORBIDDEN_CRATES: &[(&str, &[&str])] = &[
    ("provider", &["prost", "tonic", "reqwest", "rmp", "http"]),
    ("tfplugin", &["reqwest"]),
    ("huaweicloud", &["prost", "tonic"]),
    ("system", &["tonic", "prost", "reqwest", "http"]),
];

/// The first names of all paths in a source: crates, and parts of this crate (after `crate::`).
#[derive(Default)]
struct UsedPaths {
    parts: BTreeSet<String>,
    crates: BTreeSet<String>,
}

impl UsedPaths {
    fn in_source(source: &str) -> Self {
        let mut used = Self::default();
        used.visit_file(&syn::parse_file(source).unwrap());
        used
    }

    fn add(&mut self, segments: &[String]) {
        match segments {
            [root, part, ..] if root == "crate" => self.parts.insert(part.clone()),
            [first, _, ..] => self.crates.insert(first.clone()),
            _ => false,
        };
    }

    fn add_tree(&mut self, before: &[String], tree: &UseTree) {
        let with = |name: String| [before, &[name]].concat();
        match tree {
            UseTree::Path(path) => self.add_tree(&with(path.ident.to_string()), &path.tree),
            UseTree::Name(name) => self.add(&with(name.ident.to_string())),
            UseTree::Rename(rename) => self.add(&with(rename.ident.to_string())),
            UseTree::Glob(_) => self.add(&with("*".to_owned())),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.add_tree(before, tree)),
        }
    }

    /// Adds the paths in the tokens of a macro: names with `::` between them.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Punct(sign) if sign.as_char() == ':' => colons += 1,
                TokenTree::Ident(name) => {
                    if colons != 2 {
                        self.add(&std::mem::take(&mut path));
                    }
                    path.push(name.to_string());
                    colons = 0;
                }
                other => {
                    self.add(&std::mem::take(&mut path));
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.add_tokens(group.stream());
                    }
                }
            }
        }
        self.add(&path);
    }
}

impl<'ast> Visit<'ast> for UsedPaths {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.add(&segments);
        visit::visit_path(self, path);
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.add_tree(&[], &item.tree);
    }

    fn visit_macro(&mut self, item: &'ast Macro) {
        self.add_tokens(item.tokens.clone());
        visit::visit_macro(self, item);
    }
}

fn row<'a>(table: &'a [(&str, &'a [&'a str])], part: &str) -> &'a [&'a str] {
    table.iter().find(|(name, _)| *name == part).map(|(_, row)| *row).unwrap_or_default()
}

/// Adds the path and the text of every Rust file below a directory.
fn add_sources(dir: &Path, sources: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            add_sources(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push((path.display().to_string().replace('\\', "/"), fs::read_to_string(path).unwrap()));
        }
    }
}

#[test]
fn parts_use_only_allowed_parts_and_crates() {
    let mut sources = Vec::new();
    add_sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut sources);
    let (mut violations, mut parts) = (Vec::new(), BTreeSet::new());
    for (file, source) in &sources {
        let part = file.split("/src/").last().unwrap().split('/').next().unwrap().trim_end_matches(".rs");
        parts.insert(part.to_owned());
        let used = UsedPaths::in_source(source);
        let (allowed, forbidden) = (row(MAY_USE, part), row(FORBIDDEN_CRATES, part));
        let used_parts = used.parts.iter().filter(|name| {
            MAY_USE.iter().any(|(row, _)| row == name) && **name != part && !allowed.contains(&name.as_str())
        });
        let used_crates = used.crates.iter().filter(|name| forbidden.contains(&name.as_str()));
        violations
            .extend(used_parts.chain(used_crates).map(|name| format!("{file}: {part} must not use {name}")));
    }
    assert!(violations.is_empty(), "{}", violations.join("\n"));
    let known: BTreeSet<_> =
        MAY_USE.iter().map(|(part, _)| (*part).to_owned()).chain(["lib".into()]).collect();
    assert_eq!(parts, known);
}

#[test]
fn plugin_framework_does_not_name_the_provider() {
    let mut sources = Vec::new();
    add_sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tfplugin"), &mut sources);
    sources.extend([("tfplugin.rs".to_owned(), include_str!("../../src/tfplugin.rs").to_owned())]);
    for (file, source) in &sources {
        for word in ["dds", "CARGO_PKG", "CARGO_CRATE", "huawei", "terraform_provider"] {
            assert!(!source.to_lowercase().contains(&word.to_lowercase()), "{file} contains {word}");
        }
    }
}

#[test]
fn paths_in_imports_code_and_macros_are_found() {
    let source = "use crate::{provider::X, system as s}; use tonic::{self, Y};
        fn f() { let x = crate::tfplugin::value::V; format!(\"{}\", crate::huaweicloud::f(http::A)); }
        macro_rules! m { () => { $crate::main::x() } }";
    let used = UsedPaths::in_source(source);
    let parts: Vec<_> = used.parts.iter().map(String::as_str).collect();
    assert_eq!(parts, ["huaweicloud", "main", "provider", "system", "tfplugin"]);
    assert!(["tonic", "http"].iter().all(|name| used.crates.contains(*name)));
}
