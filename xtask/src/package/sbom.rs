//! The SBOM of an executable, in the format CycloneDX 1.6.

use std::env;
use std::error::Error;

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Builder;

use super::c_library::Glibc;
use super::checksums::sha256;
use super::dependencies::{CrateId, Workspace};
use super::licenses::{self, StandardLibrary};
use super::platform::Platform;

/// Returns the SBOM for the executable of one platform.
pub fn document(
    workspace: &Workspace,
    platform: &Platform,
    executable: &[u8],
    rust: &StandardLibrary,
    glibc: Option<&Glibc>,
) -> Result<Vec<u8>, Box<dyn Error>> {
    let provider = format!("{}@{}", super::NAME, workspace.version);
    let standard_library = generic_component("rust-std", &rust.version, "MIT OR Apache-2.0");
    let c_library = glibc.map(|glibc| generic_component("glibc", &glibc.version, "LGPL-2.1-or-later"));
    let runtime_components: Vec<Value> = [Some(standard_library), c_library].into_iter().flatten().collect();

    let mut dependencies = vec![json!({
        "ref": provider,
        "dependsOn": workspace.direct_dependencies.iter().map(package_url)
            .chain(runtime_components.iter().filter_map(|component| Some(component["bom-ref"].as_str()?.to_owned())))
            .collect::<Vec<_>>(),
    })];
    let mut components = runtime_components;
    for linked in &workspace.crates {
        let mut component = Map::new();
        component.insert("type".to_owned(), "library".into());
        component.insert("bom-ref".to_owned(), package_url(&linked.id).into());
        component.insert("name".to_owned(), linked.id.name.clone().into());
        component.insert("version".to_owned(), linked.id.version.clone().into());
        component.insert("scope".to_owned(), "required".into());
        if linked.license.is_some() {
            let expression = licenses::expression(linked)?;
            component.insert("licenses".to_owned(), json!([{ "expression": expression }]));
        }
        if linked.from_crates_io {
            component.insert("purl".to_owned(), package_url(&linked.id).into());
        }
        if let Some(repository) = linked.repository.as_deref().filter(|url| url.starts_with("https://")) {
            component.insert("externalReferences".to_owned(), json!([{ "type": "vcs", "url": repository }]));
        }
        components.push(component.into());
        let depends_on: Vec<_> = linked.dependencies.iter().map(package_url).collect();
        dependencies.push(json!({ "ref": package_url(&linked.id), "dependsOn": depends_on }));
    }

    let mut metadata = json!({
        "tools": { "components": [{ "type": "application", "name": "cargo xtask package" }] },
        "component": {
            "type": "application",
            "bom-ref": provider,
            "name": super::NAME,
            "version": workspace.version,
            "description": workspace.description,
            "hashes": [{ "alg": "SHA-256", "content": sha256(executable) }],
            "licenses": [{ "expression": workspace.license }],
            "externalReferences": [{ "type": "vcs", "url": workspace.repository }],
            "properties": [{ "name": "platform", "value": platform.to_string() }],
        },
    });
    // If the variable is not set, the SBOM has no timestamp, so that two builds have the same bytes.
    if let Ok(seconds) = env::var("SOURCE_DATE_EPOCH") {
        let time = OffsetDateTime::from_unix_timestamp(
            seconds.parse().map_err(|_| "SOURCE_DATE_EPOCH is invalid: set it to a number of seconds")?,
        )?;
        metadata["timestamp"] = time.format(&Rfc3339)?.into();
    }
    let document = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": serial_number(executable),
        "version": 1,
        "metadata": metadata,
        "components": components,
        "dependencies": dependencies,
    });
    let mut bytes = serde_json::to_vec_pretty(&document)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// A component that is not from a package registry.
fn generic_component(name: &str, version: &str, license: &str) -> Value {
    let purl = format!("pkg:generic/{name}@{version}");
    json!({
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "scope": "required",
        "licenses": [{ "expression": license }],
        "purl": purl,
    })
}

/// The package URL (purl) of a crate.
fn package_url(id: &CrateId) -> String {
    // A `+` is the only character of a version that must be percent-encoded.
    format!("pkg:cargo/{}@{}", id.name, id.version.replace('+', "%2B"))
}

/// A UUID from the checksum of the executable.
fn serial_number(executable: &[u8]) -> String {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&Sha256::digest(executable)[..16]);
    format!("urn:uuid:{}", Builder::from_custom_bytes(bytes).into_uuid().hyphenated())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn sample_sbom() -> Value {
        let target = super::super::build::host_target().unwrap();
        let workspace = Workspace::read(&target).unwrap();
        let platform = Platform { os: "linux".to_owned(), arch: "amd64".to_owned() };
        let rust = StandardLibrary { version: "1.2.3".to_owned(), license_texts: vec![] };
        let bytes = document(&workspace, &platform, b"executable", &rust, None).unwrap();
        assert_eq!(bytes, document(&workspace, &platform, b"executable", &rust, None).unwrap());
        serde_json::from_slice(&bytes).unwrap()
    }

    /// Checks the required members and patterns of the CycloneDX JSON schema.
    #[test]
    fn sbom_has_the_required_members_of_the_schema() {
        let document = sample_sbom();
        assert_eq!((&document["bomFormat"], &document["specVersion"]), (&json!("CycloneDX"), &json!("1.6")));
        let serial = document["serialNumber"].as_str().unwrap();
        assert!(serial.starts_with("urn:uuid:") && serial.len() == 45, "{serial}");
        assert_eq!(document["version"], 1);
        let components = document["components"].as_array().unwrap();
        for component in components.iter().chain([&document["metadata"]["component"]]) {
            assert!(component["type"].is_string() && component["name"].is_string(), "{component}");
            assert_eq!(component["licenses"].as_array().unwrap().len(), 1, "{component}");
            let license = component["licenses"][0]["expression"].as_str().unwrap();
            assert!(spdx::Expression::parse(license).is_ok(), "{component}");
        }
        assert_eq!(document["metadata"]["component"]["hashes"][0]["content"].as_str().unwrap().len(), 64);
        assert!(
            components
                .iter()
                .any(|component| component["purl"].as_str() == Some("pkg:generic/rust-std@1.2.3"))
        );
    }

    #[test]
    fn every_reference_has_exactly_one_component() {
        let document = sample_sbom();
        let components = document["components"].as_array().unwrap();
        let references: Vec<_> = components
            .iter()
            .chain([&document["metadata"]["component"]])
            .map(|component| component["bom-ref"].as_str().unwrap())
            .collect();
        let known: BTreeSet<_> = references.iter().copied().collect();
        assert_eq!(known.len(), references.len(), "references are unique");
        let mut referenced = BTreeSet::new();
        for dependency in document["dependencies"].as_array().unwrap() {
            assert!(known.contains(dependency["ref"].as_str().unwrap()), "{dependency}");
            for name in dependency["dependsOn"].as_array().unwrap() {
                assert!(known.contains(name.as_str().unwrap()), "{name}");
                referenced.insert(name.as_str().unwrap());
            }
        }
        // Each component except the provider is a dependency of another component.
        assert_eq!(
            referenced.len(),
            known.len() - 1,
            "{:?}",
            known.difference(&referenced).collect::<Vec<_>>()
        );
    }
}
