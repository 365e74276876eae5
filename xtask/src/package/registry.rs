//! Checks the OCI image layout of a package with a real registry: `cargo xtask oci [DIRECTORY]`.
//!
//! Pushes the image layout to a `docker-registry` on the loopback interface. Then reads everything back as OpenTofu's
//! `oci_mirror` does: from the list of tags to the zip files.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use http::StatusCode;
use http::header::{ACCEPT, CONTENT_TYPE, LOCATION};
use reqwest::{Client, RequestBuilder, Response, Url};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::checksums::sha256;
use super::oci::{INDEX_ARTIFACT_TYPE, INDEX_MEDIA_TYPE, MANIFEST_ARTIFACT_TYPE, MANIFEST_MEDIA_TYPE};

/// The registry of Docker, by its name in Debian.
const PROGRAM: &str = "docker-registry";

/// The longest time until the registry accepts connections.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// A registry process. It stops when this value is dropped.
struct Registry {
    process: Child,
    directory: TempDir,
}

/// A repository in the registry.
struct Repository {
    client: Client,
    url: String,
}

/// The image layout in a directory.
struct Layout {
    directory: PathBuf,
    tag: String,
    /// The descriptor of the index.
    index: Value,
}

/// Checks the package in a directory, or else a package of a static debug build.
pub async fn run(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let temporary = tempfile::tempdir()?;
    let directory = match arguments {
        [] => {
            let provider = plugin_host::build_static_provider()?;
            let options = ["--binary".as_ref(), provider.as_path(), "--out".as_ref(), temporary.path()];
            super::run(&options.map(|option| option.display().to_string()))?;
            temporary.path()
        }
        [directory] => Path::new(directory),
        _ => return Err(crate::USAGE.into()),
    };
    let layout = Layout::read(directory.join("oci"))?;
    let mut registry = Registry::start(PROGRAM)?;
    let repository = Repository::new(&registry.address()?)?;
    repository.push(&layout).await?;
    let digests = repository.pull(&layout.tag).await?;
    if digests != layout.digests()? {
        return Err(format!(
            "the registry returned the blobs {digests:?}, but the image layout has {:?}",
            layout.digests()?
        )
        .into());
    }
    println!("{PROGRAM} returned tag {} unchanged, with these blobs:", layout.tag);
    for digest in digests {
        println!("  {digest}");
    }
    Ok(())
}

impl Registry {
    fn start(program: &str) -> Result<Self, Box<dyn Error>> {
        let directory = tempfile::tempdir()?;
        // The registry reads YAML, which includes JSON.
        let configuration = json!({
            "version": "0.1",
            "http": { "addr": "127.0.0.1:0" },
            "storage": { "filesystem": { "rootdirectory": directory.path().join("storage") } },
        });
        let file = directory.path().join("config.yml");
        fs::write(&file, configuration.to_string())?;
        let log = fs::File::create(directory.path().join("log"))?;
        let mut command = Command::new(program);
        command.arg("serve").arg(&file).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let process = command.spawn().map_err(|error| {
            format!("{program} cannot be started: {error}\nInstall it, for example with: apt-get install docker-registry")
        })?;
        Ok(Self { process, directory })
    }

    /// The address from the log of the registry, once it accepts connections.
    fn address(&mut self) -> Result<String, Box<dyn Error>> {
        let start = Instant::now();
        loop {
            let log = fs::read_to_string(self.directory.path().join("log"))?;
            let rest = log.split_once("listening on ").map(|(_, rest)| rest);
            if let Some((address, _)) = rest.and_then(|rest| rest.split_once([' ', '"', '\n'])) {
                return Ok(address.to_owned());
            }
            if self.process.try_wait()?.is_some() || start.elapsed() > START_TIMEOUT {
                return Err(format!("{PROGRAM} did not start. This is its log:\n{log}").into());
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

impl Repository {
    fn new(address: &str) -> Result<Self, reqwest::Error> {
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(60)).build()?;
        Ok(Self { client, url: format!("http://{address}/v2/terraform-dds/dds") })
    }

    /// Pushes an image layout. A registry accepts an index only after everything that it refers to.
    async fn push(&self, layout: &Layout) -> Result<(), Box<dyn Error>> {
        for descriptor in list(&layout.document(&layout.index)?["manifests"])? {
            let manifest = layout.document(descriptor)?;
            self.push_blob(layout, &manifest["config"]).await?;
            for layer in list(&manifest["layers"])? {
                self.push_blob(layout, layer).await?;
            }
            self.push_manifest(layout, descriptor, digest(descriptor)?).await?;
        }
        self.push_manifest(layout, &layout.index, &layout.tag).await
    }

    async fn push_blob(&self, layout: &Layout, descriptor: &Value) -> Result<(), Box<dyn Error>> {
        let uploads = Url::parse(&format!("{}/blobs/uploads/", self.url))?;
        let response = send(self.client.post(uploads.clone()), StatusCode::ACCEPTED).await?;
        let location = response.headers().get(LOCATION).ok_or("the registry returned no location")?;
        let mut location = uploads.join(location.to_str()?)?;
        location.query_pairs_mut().append_pair("digest", digest(descriptor)?);
        send(self.client.put(location).body(layout.blob(descriptor)?), StatusCode::CREATED).await?;
        Ok(())
    }

    /// Pushes a manifest or an index under its digest or a tag.
    async fn push_manifest(
        &self,
        layout: &Layout,
        descriptor: &Value,
        reference: &str,
    ) -> Result<(), Box<dyn Error>> {
        let request = self.client.put(format!("{}/manifests/{reference}", self.url));
        let request = request.header(CONTENT_TYPE, text(&descriptor["mediaType"])?);
        send(request.body(layout.blob(descriptor)?), StatusCode::CREATED).await?;
        Ok(())
    }

    /// Reads everything from the only tag to the zip files, and returns the digests.
    async fn pull(&self, tag: &str) -> Result<BTreeSet<String>, Box<dyn Error>> {
        let tags = send(self.client.get(format!("{}/tags/list", self.url)), StatusCode::OK).await?;
        let tags: Value = serde_json::from_slice(&tags.bytes().await?)?;
        expect_equal("tags", &tags["tags"], &json!([tag]))?;
        let content = self.pull_manifest(tag, INDEX_MEDIA_TYPE).await?;
        let mut digests = BTreeSet::from([format!("sha256:{}", sha256(&content))]);
        let index = document(&content, INDEX_MEDIA_TYPE, INDEX_ARTIFACT_TYPE)?;
        for descriptor in list(&index["manifests"])? {
            expect_equal("artifactType", &descriptor["artifactType"], &MANIFEST_ARTIFACT_TYPE.into())?;
            let content = self.pull_manifest(digest(descriptor)?, MANIFEST_MEDIA_TYPE).await?;
            check(&content, descriptor)?;
            digests.insert(digest(descriptor)?.to_owned());
            let manifest = document(&content, MANIFEST_MEDIA_TYPE, MANIFEST_ARTIFACT_TYPE)?;
            let [layer] = list(&manifest["layers"])? else {
                return Err(format!("a manifest must have one layer, but has {}", manifest["layers"]).into());
            };
            expect_equal("mediaType", &layer["mediaType"], &"archive/zip".into())?;
            for blob in [&manifest["config"], layer] {
                let request = self.client.get(format!("{}/blobs/{}", self.url, digest(blob)?));
                check(&send(request, StatusCode::OK).await?.bytes().await?, blob)?;
                digests.insert(digest(blob)?.to_owned());
            }
        }
        Ok(digests)
    }

    async fn pull_manifest(&self, reference: &str, media_type: &str) -> Result<Vec<u8>, Box<dyn Error>> {
        let request = self.client.get(format!("{}/manifests/{reference}", self.url));
        let response = send(request.header(ACCEPT, media_type), StatusCode::OK).await?;
        let received = response.headers().get(CONTENT_TYPE).ok_or("the registry returned no content type")?;
        expect_equal("content type", &received.to_str()?.into(), &media_type.into())?;
        Ok(response.bytes().await?.to_vec())
    }
}

impl Layout {
    fn read(directory: PathBuf) -> Result<Self, Box<dyn Error>> {
        let file = directory.join("index.json");
        let content = fs::read(&file).map_err(|error| {
            format!(
                "{}: {error}\nRun this command first: cargo xtask package --out DIRECTORY",
                file.display()
            )
        })?;
        let index: Value = serde_json::from_slice(&content)?;
        let index = index["manifests"][0].clone();
        let tag = text(&index["annotations"]["org.opencontainers.image.ref.name"])?.to_owned();
        Ok(Self { directory, tag, index })
    }

    fn blob(&self, descriptor: &Value) -> Result<Vec<u8>, Box<dyn Error>> {
        Ok(fs::read(self.directory.join("blobs").join(digest(descriptor)?.replace(':', "/")))?)
    }

    fn document(&self, descriptor: &Value) -> Result<Value, Box<dyn Error>> {
        Ok(serde_json::from_slice(&self.blob(descriptor)?)?)
    }

    /// The digests of all blobs.
    fn digests(&self) -> Result<BTreeSet<String>, Box<dyn Error>> {
        let files = fs::read_dir(self.directory.join("blobs/sha256"))?;
        files.map(|file| Ok(format!("sha256:{}", file?.file_name().display()))).collect()
    }
}

/// Sends a request and returns the response. Fails if it has another status.
async fn send(request: RequestBuilder, status: StatusCode) -> Result<Response, Box<dyn Error>> {
    let response = request.send().await?;
    if response.status() == status {
        return Ok(response);
    }
    let failure = format!("{PROGRAM} returned {} for {}", response.status(), response.url());
    Err(format!("{failure}: {}", response.text().await?).into())
}

/// Parses an index or a manifest. Fails if it has other types.
fn document(content: &[u8], media_type: &str, artifact_type: &str) -> Result<Value, Box<dyn Error>> {
    let document: Value = serde_json::from_slice(content)?;
    expect_equal("mediaType", &document["mediaType"], &media_type.into())?;
    expect_equal("artifactType", &document["artifactType"], &artifact_type.into())?;
    Ok(document)
}

/// Fails if the digest or the size differs from the descriptor.
fn check(content: &[u8], descriptor: &Value) -> Result<(), String> {
    expect_equal("digest", &format!("sha256:{}", sha256(content)).into(), &descriptor["digest"])?;
    expect_equal("size", &content.len().into(), &descriptor["size"])
}

fn expect_equal(name: &str, received: &Value, expected: &Value) -> Result<(), String> {
    if received == expected {
        return Ok(());
    }
    Err(format!("the registry returned {name} {received} instead of {expected}"))
}

fn digest(descriptor: &Value) -> Result<&str, String> {
    text(&descriptor["digest"])
}

fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| format!("{value} is not a string"))
}

fn list(value: &Value) -> Result<&[Value], String> {
    value.as_array().map(Vec::as_slice).ok_or_else(|| format!("{value} is not a list"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_registry_is_named_with_a_way_to_install_it() {
        let error = Registry::start("no-such-registry").err().unwrap().to_string();
        assert!(error.contains("no-such-registry cannot be started"), "{error}");
        assert!(error.contains("apt-get install docker-registry"), "{error}");
    }
}
