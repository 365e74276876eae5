//! Which part of `src/` may use which, compared with every path in the sources.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{ItemUse, Macro, UseTree};

/// A part may use itself and the parts in its row.
const MAY_USE: &[(&str, &[&str])] = &[
    ("main", &["provider", "tfplugin", "huaweicloud", "system"]),
    ("provider", &["tfplugin", "huaweicloud", "system"]),
    ("tfplugin", &["system"]),
    ("huaweicloud", &["system"]),
    ("system", &[]),
];

/// Crates that a part must not use: each is the business of another one.
const NEVER: &[(&str, &[&str])] = &[
    ("provider", &["prost", "tonic", "reqwest", "rmp", "http"]),
    ("tfplugin", &["reqwest"]),
    ("huaweicloud", &["prost", "tonic"]),
    ("system", &["tokio", "tonic", "prost", "reqwest", "http"]),
];

/// The names that paths begin with: crates, and parts of this one after `crate::`.
#[derive(Default)]
struct Names {
    parts: BTreeSet<String>,
    crates: BTreeSet<String>,
}

impl Names {
    fn of(source: &str) -> Self {
        let mut names = Self::default();
        names.visit_file(&syn::parse_file(source).unwrap());
        names
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

    /// The paths in a macro's tokens: names with `::` between them.
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

impl<'ast> Visit<'ast> for Names {
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

fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push((path.display().to_string().replace('\\', "/"), fs::read_to_string(path).unwrap()));
        }
    }
}

#[test]
fn parts_use_only_allowed_parts_and_crates() {
    let mut all = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut all);
    let (mut wrong, mut parts) = (Vec::new(), BTreeSet::new());
    for (file, source) in &all {
        let part = file.split("/src/").last().unwrap().split('/').next().unwrap().trim_end_matches(".rs");
        parts.insert(part.to_owned());
        let names = Names::of(source);
        let (may, never) = (row(MAY_USE, part), row(NEVER, part));
        let parts = names.parts.iter().filter(|used| {
            MAY_USE.iter().any(|(name, _)| name == used) && *used != part && !may.contains(&used.as_str())
        });
        let crates = names.crates.iter().filter(|used| never.contains(&used.as_str()));
        wrong.extend(parts.chain(crates).map(|used| format!("{file}: {part} must not use {used}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let known: BTreeSet<_> =
        MAY_USE.iter().map(|(part, _)| (*part).to_owned()).chain(["lib".into()]).collect();
    assert_eq!(parts, known);
}

#[test]
fn protocol_layer_does_not_name_the_provider() {
    let mut all = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tfplugin"), &mut all);
    all.extend([("tfplugin.rs".to_owned(), include_str!("../../src/tfplugin.rs").to_owned())]);
    for (file, source) in &all {
        for word in ["dds", "CARGO_PKG", "CARGO_CRATE", "huawei", "terraform_provider"] {
            assert!(!source.to_lowercase().contains(&word.to_lowercase()), "{file} has the word {word}");
        }
    }
}

#[test]
fn paths_in_imports_code_and_macros_are_found() {
    let source = "use crate::{provider::X, system as s}; use tonic::{self, Y};
        fn f() { let x = crate::tfplugin::value::V; format!(\"{}\", crate::huaweicloud::f(http::A)); }
        macro_rules! m { () => { $crate::main::x() } }";
    let names = Names::of(source);
    let parts: Vec<_> = names.parts.iter().map(String::as_str).collect();
    assert_eq!(parts, ["huaweicloud", "main", "provider", "system", "tfplugin"]);
    assert!(["tonic", "http"].iter().all(|used| names.crates.contains(*used)));
}
