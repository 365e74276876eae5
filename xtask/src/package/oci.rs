//! The OCI image layout of a release, for OpenTofu's `oci_mirror`. Its only tag is the version, for all platforms.
//!
//! `oras cp --from-oci-layout DIRECTORY:VERSION REGISTRY/REPOSITORY:VERSION` pushes the image layout.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::checksums::sha256;
use super::dependencies::Workspace;
use super::platform::Platform;

pub const INDEX_MEDIA_TYPE: &str = "application/vnd.oci.image.index.v1+json";
pub const MANIFEST_MEDIA_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

// OpenTofu accepts no other types.
pub const INDEX_ARTIFACT_TYPE: &str = "application/vnd.opentofu.provider";
pub const MANIFEST_ARTIFACT_TYPE: &str = "application/vnd.opentofu.provider-target";

/// The directory with the blobs of an image layout.
struct Blobs(PathBuf);

/// The tag of a version. It has `_` instead of `+`, which a tag cannot contain.
pub fn tag(version: &str) -> String {
    version.replace('+', "_")
}

/// Replaces the image layout by one with a manifest for each zip file.
pub fn write_layout(
    directory: &Path,
    workspace: &Workspace,
    zip_files: &[(Platform, PathBuf)],
) -> Result<(), Box<dyn Error>> {
    if directory.exists() {
        fs::remove_dir_all(directory)?;
    }
    let blobs = Blobs(directory.join("blobs/sha256"));
    fs::create_dir_all(&blobs.0)?;
    let mut manifests = Vec::new();
    for (platform, path) in zip_files {
        let mut layer = blobs.write("archive/zip", &fs::read(path)?)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        layer["annotations"] = json!({ "org.opencontainers.image.title": name });
        let mut manifest = blobs.write_json(
            MANIFEST_MEDIA_TYPE,
            &json!({
                "schemaVersion": 2,
                "mediaType": MANIFEST_MEDIA_TYPE,
                "artifactType": MANIFEST_ARTIFACT_TYPE,
                "config": blobs.write("application/vnd.oci.empty.v1+json", b"{}")?,
                "layers": [layer],
            }),
        )?;
        manifest["artifactType"] = MANIFEST_ARTIFACT_TYPE.into();
        manifest["platform"] = json!({ "os": platform.os, "architecture": platform.arch });
        manifests.push(manifest);
    }
    let mut index = blobs.write_json(
        INDEX_MEDIA_TYPE,
        &json!({
            "schemaVersion": 2,
            "mediaType": INDEX_MEDIA_TYPE,
            "artifactType": INDEX_ARTIFACT_TYPE,
            "manifests": manifests,
            "annotations": {
                "org.opencontainers.image.source": workspace.repository,
                "org.opencontainers.image.version": workspace.version,
                "org.opencontainers.image.licenses": workspace.license,
                "org.opencontainers.image.description": workspace.description,
            },
        }),
    )?;
    index["artifactType"] = INDEX_ARTIFACT_TYPE.into();
    index["annotations"] = json!({ "org.opencontainers.image.ref.name": tag(&workspace.version) });
    let layout = json!({ "schemaVersion": 2, "mediaType": INDEX_MEDIA_TYPE, "manifests": [index] });
    fs::write(directory.join("index.json"), serde_json::to_vec(&layout)?)?;
    fs::write(directory.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)?;
    Ok(())
}

impl Blobs {
    /// Writes a blob and returns its descriptor.
    fn write(&self, media_type: &str, content: &[u8]) -> Result<Value, Box<dyn Error>> {
        let digest = sha256(content);
        fs::write(self.0.join(&digest), content)?;
        Ok(json!({
            "mediaType": media_type,
            "digest": format!("sha256:{digest}"),
            "size": content.len(),
        }))
    }

    fn write_json(&self, media_type: &str, content: &Value) -> Result<Value, Box<dyn Error>> {
        self.write(media_type, &serde_json::to_vec(content)?)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The blob of a descriptor. Panics if the digest or the size does not match.
    fn blob(directory: &Path, descriptor: &Value) -> Vec<u8> {
        let digest = descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
        let content = fs::read(directory.join("blobs/sha256").join(digest)).unwrap();
        assert_eq!(
            (sha256(&content).as_str(), Some(content.len() as u64)),
            (digest, descriptor["size"].as_u64())
        );
        content
    }

    fn json_blob(directory: &Path, descriptor: &Value) -> Value {
        let value: Value = serde_json::from_slice(&blob(directory, descriptor)).unwrap();
        for name in ["mediaType", "artifactType"] {
            assert_eq!(value[name], descriptor[name], "{name}");
        }
        value
    }

    #[test]
    fn image_layout_has_an_index_with_every_zip_file() {
        let temporary = tempfile::tempdir().unwrap();
        let directory = temporary.path().join("oci");
        fs::create_dir_all(directory.join("blobs/sha256")).unwrap();
        fs::write(directory.join("blobs/sha256/old"), "blob of another version").unwrap();
        let zip_files = ["linux_amd64", "windows_arm64"].map(|name| {
            let path = temporary.path().join(format!("{name}.zip"));
            fs::write(&path, format!("zip of {name}")).unwrap();
            (Platform::parse(name).unwrap(), path)
        });
        let mut workspace = Workspace::read(&super::super::build::host_target().unwrap()).unwrap();
        workspace.version = "1.2.3+build.4".to_owned();
        write_layout(&directory, &workspace, &zip_files).unwrap();

        assert_eq!(
            fs::read_to_string(directory.join("oci-layout")).unwrap(),
            r#"{"imageLayoutVersion":"1.0.0"}"#
        );
        let layout: Value = serde_json::from_slice(&fs::read(directory.join("index.json")).unwrap()).unwrap();
        let [tagged] = layout["manifests"].as_array().unwrap().as_slice() else { panic!("{layout}") };
        assert_eq!(tagged["annotations"]["org.opencontainers.image.ref.name"], "1.2.3_build.4");
        assert_eq!(tagged["artifactType"], "application/vnd.opentofu.provider");
        let index = json_blob(&directory, tagged);
        let mut digests = BTreeSet::from([tagged["digest"].clone().to_string()]);
        assert_eq!(index["manifests"].as_array().unwrap().len(), zip_files.len());
        for (descriptor, (platform, path)) in index["manifests"].as_array().unwrap().iter().zip(&zip_files) {
            let expected = json!({ "os": platform.os, "architecture": platform.arch });
            assert_eq!(descriptor["platform"], expected);
            assert_eq!(descriptor["artifactType"], "application/vnd.opentofu.provider-target");
            let manifest = json_blob(&directory, descriptor);
            assert_eq!(blob(&directory, &manifest["config"]), b"{}");
            let [layer] = manifest["layers"].as_array().unwrap().as_slice() else { panic!("{manifest}") };
            assert_eq!(layer["mediaType"], "archive/zip");
            assert_eq!(blob(&directory, layer), fs::read(path).unwrap());
            for referenced in [descriptor, &manifest["config"], layer] {
                digests.insert(referenced["digest"].to_string());
            }
        }
        assert_eq!(
            fs::read_dir(directory.join("blobs/sha256")).unwrap().count(),
            digests.len(),
            "unused blobs"
        );
    }
}
