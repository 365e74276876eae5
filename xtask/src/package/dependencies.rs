//! The crates whose code is in the executable, from `cargo tree` and `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::error::Error;
use std::path::PathBuf;
use std::process::Command;

use serde::Deserialize;

/// This workspace and the crates that are linked for one target.
pub struct Workspace {
    pub root: PathBuf,
    pub target_directory: PathBuf,
    /// This field and the next three are from the provider's manifest.
    pub version: String,
    pub license: String,
    pub repository: String,
    pub description: String,
    /// The direct dependencies of the provider that are linked.
    pub direct_dependencies: Vec<CrateId>,
    /// The linked crates without the provider, sorted by name.
    pub crates: Vec<Crate>,
}

/// A crate's name and version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CrateId {
    pub name: String,
    pub version: String,
}

/// A crate that is linked into the provider.
pub struct Crate {
    pub id: CrateId,
    /// The SPDX expression in the crate's manifest.
    pub license: Option<String>,
    /// The licence file in the crate's manifest, instead of an expression or in addition to it.
    pub license_file: Option<PathBuf>,
    pub repository: Option<String>,
    pub directory: PathBuf,
    pub from_crates_io: bool,
    /// The direct dependencies of the crate that are also linked.
    pub dependencies: Vec<CrateId>,
}

/// The fields of `cargo metadata` that this module uses.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    license_file: Option<PathBuf>,
    repository: Option<String>,
    description: Option<String>,
    manifest_path: PathBuf,
    source: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    /// None for a normal dependency: no build dependency and no development dependency.
    kind: Option<String>,
}

impl Workspace {
    /// Reads the workspace and its linked crates from Cargo.
    pub fn read(target: &str) -> Result<Self, Box<dyn Error>> {
        let mut metadata = crate::cargo(&["metadata", "--locked", "--format-version", "1"]);
        let metadata = output(metadata.args(["--filter-platform", target]))?;
        // `cargo tree` uses only the provider's features. `cargo metadata` uses those of the whole workspace.
        let mut tree = crate::cargo(&["tree", "--locked", "--package", super::NAME, "--prefix", "none"]);
        // Build dependencies and procedural macros are not linked.
        let tree = tree.args(["--edges", "normal,no-proc-macro", "--format", "{p}", "--target", target]);
        Self::from_output(serde_json::from_str(&metadata)?, &linked_crates(&output(tree)?))
    }

    fn from_output(metadata: Metadata, linked: &BTreeSet<CrateId>) -> Result<Self, Box<dyn Error>> {
        let by_id: HashMap<&str, &Package> =
            metadata.packages.iter().map(|package| (package.id.as_str(), package)).collect();
        let mut dependencies: BTreeMap<CrateId, Vec<CrateId>> = BTreeMap::new();
        for node in &metadata.resolve.nodes {
            let Some(package) = by_id.get(node.id.as_str()) else { continue };
            let normal = node.deps.iter().filter(|dep| dep.dep_kinds.iter().any(|kind| kind.kind.is_none()));
            let mut ids: Vec<_> =
                normal.filter_map(|dep| Some(by_id.get(dep.pkg.as_str())?.crate_id())).collect();
            ids.retain(|id| linked.contains(id));
            ids.sort();
            ids.dedup();
            dependencies.insert(package.crate_id(), ids);
        }
        let mut provider = None;
        let mut crates = Vec::new();
        for package in &metadata.packages {
            let id = package.crate_id();
            if id.name == super::NAME {
                provider = Some(package);
            } else if linked.contains(&id) {
                crates.push(Crate {
                    license: package.license.clone(),
                    license_file: package.license_file.clone(),
                    repository: package.repository.clone(),
                    directory: package.manifest_path.parent().ok_or("a crate has no directory")?.to_owned(),
                    from_crates_io: package
                        .source
                        .as_deref()
                        .is_some_and(|source| source.contains("crates.io")),
                    dependencies: dependencies.get(&id).cloned().unwrap_or_default(),
                    id,
                });
            }
        }
        crates.sort_by(|left, right| left.id.cmp(&right.id));
        let provider = provider.ok_or("cargo metadata returned no package for the provider")?;
        let missing: Vec<_> = linked
            .iter()
            .filter(|id| id.name != super::NAME && !crates.iter().any(|found| found.id == **id))
            .map(|id| format!("{} {}", id.name, id.version))
            .collect();
        if !missing.is_empty() {
            return Err(format!("cargo metadata returned no package for {}", missing.join(", ")).into());
        }
        Ok(Self {
            root: metadata.workspace_root,
            target_directory: metadata.target_directory,
            version: provider.version.clone(),
            license: provider.license.clone().ok_or("Cargo.toml of the provider has no license")?,
            repository: provider.repository.clone().ok_or("Cargo.toml of the provider has no repository")?,
            description: provider.description.clone().unwrap_or_default(),
            direct_dependencies: dependencies.remove(&provider.crate_id()).unwrap_or_default(),
            crates,
        })
    }
}

impl Package {
    fn crate_id(&self) -> CrateId {
        CrateId { name: self.name.clone(), version: self.version.clone() }
    }
}

/// The crates in the output of `cargo tree`. A line starts with `name v1.2.3`.
fn linked_crates(tree: &str) -> BTreeSet<CrateId> {
    let id = |line: &str| {
        let mut words = line.split_whitespace();
        let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
        Some(CrateId { name: name.to_owned(), version: version.to_owned() })
    };
    tree.lines().filter_map(id).collect()
}

/// Runs a command and returns its stdout. The error contains its stderr.
pub fn output(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            format!("cannot find {program}: install it and run the command again")
        }
        _ => format!("cannot run {program}: {error}"),
    })?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("{program} failed: {}", String::from_utf8_lossy(&output.stderr).trim()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str, version: &str) -> CrateId {
        CrateId { name: name.to_owned(), version: version.to_owned() }
    }

    #[test]
    fn names_and_versions_are_parsed_from_cargo_tree() {
        let tree = "a v1.0.0 (/src)\nb v2.0.0\n\nb v2.0.0 (*)\nc v3.0.0-rc.1 (proc-macro)\n";
        let expected = [id("a", "1.0.0"), id("b", "2.0.0"), id("c", "3.0.0-rc.1")];
        assert_eq!(linked_crates(tree), expected.into());
    }

    #[test]
    fn only_linked_crates_are_listed() {
        let target = super::super::build::host_target().unwrap();
        let workspace = Workspace::read(&target).unwrap();
        assert_eq!(workspace.version, env!("CARGO_PKG_VERSION"));
        let has = |name: &str| workspace.crates.iter().any(|linked| linked.id.name == name);
        assert!(has("aws-lc-sys") && has("tokio") && has("sm2"), "linked crates are missing");
        for unlinked in ["syn", "tokio-macros", "protox", "insta", "cloud-simulator", super::super::NAME] {
            assert!(!has(unlinked), "{unlinked} is listed");
        }
        assert!(workspace.direct_dependencies.iter().any(|id| id.name == "tonic"));
        let tonic = workspace.crates.iter().find(|linked| linked.id.name == "tonic").unwrap();
        assert!(tonic.from_crates_io && tonic.dependencies.iter().any(|id| id.name == "http"));
    }

    #[test]
    fn linked_crate_without_metadata_is_rejected() {
        let metadata = serde_json::json!({
            "packages": [{
                "id": "p", "name": super::super::NAME, "version": "1.0.0", "license": "MIT",
                "repository": "https://example.com", "manifest_path": "/p/Cargo.toml",
            }],
            "resolve": { "nodes": [] }, "workspace_root": "/p", "target_directory": "/p/target",
        });
        let error =
            Workspace::from_output(serde_json::from_value(metadata).unwrap(), &[id("a", "2.0.0")].into());
        assert_eq!(error.err().unwrap().to_string(), "cargo metadata returned no package for a 2.0.0");
    }
}
