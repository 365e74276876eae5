//! A provider registry with the release package, signed by a key that GnuPG creates for this run.

use std::ffi::OsStr;
use std::fs;
use std::process::Command;
use std::sync::LazyLock;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fixture::ADDRESS;
use crate::hashes;
use crate::package::{Package, VERSION, package, platform, run_package};
use crate::server::Server;

const JSON: &str = "application/json";
const BINARY: &str = "application/octet-stream";

/// A temporary home directory of GnuPG.
struct GnupgHome(TempDir);

/// An RSA key.
pub struct SigningKey {
    pub id: String,
    public: String,
    secret: String,
}

/// The package's signature and its key.
pub struct Signature {
    pub key: SigningKey,
    bytes: Vec<u8>,
}

/// A registry. Its responses can be replaced.
pub struct Registry {
    pub server: Server,
}

impl SigningKey {
    pub fn create() -> Self {
        // The path of the agent's socket must be short.
        let home = GnupgHome(tempfile::tempdir_in("/tmp").unwrap());
        home.gpg(&["--quick-generate-key", "Test <test@example.com>", "rsa2048", "sign", "never"]);
        let keys = home.gpg(&["--with-colons", "--list-keys"]);
        let key = keys.lines().find(|line| line.starts_with("pub:")).unwrap();
        Self {
            id: key.split(':').nth(4).unwrap().to_owned(),
            public: home.gpg(&["--armor", "--export"]),
            secret: home.gpg(&["--armor", "--export-secret-keys"]),
        }
    }
}

impl GnupgHome {
    /// Runs GnuPG and returns its stdout.
    fn gpg(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("gpg");
        command.arg("--homedir").arg(self.0.path()).args([
            "--batch",
            "--quiet",
            "--pinentry-mode",
            "loopback",
        ]);
        let output = command.args(["--passphrase", ""]).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for GnupgHome {
    fn drop(&mut self) {
        // Stops the agent that gpg started.
        let _ = Command::new("gpgconf").arg("--homedir").arg(self.0.path()).args(["--kill", "all"]).output();
    }
}

/// Signs the package with a new key, once.
pub fn signature() -> &'static Signature {
    static SIGNATURE: LazyLock<Result<Signature, String>> = LazyLock::new(|| {
        Command::new("gpg").arg("--version").output().map_err(|error| {
            format!(
                "cannot run gpg ({error}): install GnuPG, or skip these tests with `cargo test --workspace -- --skip signature \
                 --skip acceptance::registry --skip acceptance::rejected_packages`"
            )
        })?;
        // Only the checksums are signed, so the package need not be built again.
        package();
        let key = SigningKey::create();
        let secret = tempfile::NamedTempFile::new().unwrap();
        fs::write(secret.path(), &key.secret).unwrap();
        let arguments = [OsStr::new("--no-build"), OsStr::new("--sign-key"), secret.path().as_os_str()];
        let directory = run_package(arguments);
        let bytes = fs::read(directory.join(Package::file_name("SHA256SUMS.sig"))).unwrap();
        Ok(Signature { key, bytes })
    });
    SIGNATURE.as_ref().unwrap_or_else(|error| panic!("{error}"))
}

impl Registry {
    /// The path of the zip file.
    pub const ZIP_PATH: &str = "/files/package.zip";

    /// Starts a registry with the signed package.
    pub fn start() -> Self {
        let registry = Self { server: Server::start() };
        registry.add_json("/.well-known/terraform.json", &json!({ "providers.v1": "/v1/providers/" }));
        let (os, arch) = Self::platform();
        let version = json!({
            "version": VERSION,
            "protocols": ["5.0", "6.0"],
            "platforms": [{ "os": os, "arch": arch }],
        });
        registry.add_json(&format!("/v1/providers/{ADDRESS}/versions"), &json!({ "versions": [version] }));
        registry.set_package(&package().zip, &signature().key);
        registry.server.add("/files/SHA256SUMS", BINARY, package().checksums.clone());
        registry.server.add("/files/SHA256SUMS.sig", BINARY, signature().bytes.clone());
        registry
    }

    /// Serves this zip file, its checksum, and this public key. The signed checksums remain.
    pub fn set_package(&self, zip: &[u8], key: &SigningKey) {
        let (os, arch) = Self::platform();
        self.server.add(Self::ZIP_PATH, "application/zip", zip);
        let package = json!({
            "protocols": ["5.0", "6.0"],
            "os": os,
            "arch": arch,
            "filename": package().zip_name,
            "download_url": Self::ZIP_PATH,
            "shasums_url": "/files/SHA256SUMS",
            "shasums_signature_url": "/files/SHA256SUMS.sig",
            "shasum": hashes::sha256(zip),
            "signing_keys": { "gpg_public_keys": [{ "key_id": key.id, "ascii_armor": key.public }] },
        });
        self.add_json(&Self::package_path(), &package);
    }

    /// The path of the response that describes the package of this platform.
    pub fn package_path() -> String {
        let (os, arch) = Self::platform();
        format!("/v1/providers/{ADDRESS}/{VERSION}/download/{os}/{arch}")
    }

    /// The block of a CLI configuration that replaces the registry of a host by this one, without service discovery.
    pub fn host_block(&self, host: &str) -> String {
        format!(
            "host {host:?} {{\n  services = {{\n    \"providers.v1\" = \"https://{}/v1/providers/\"\n  }}\n}}\n",
            self.server.authority()
        )
    }

    fn add_json(&self, path: &str, value: &Value) {
        self.server.add(path, JSON, value.to_string());
    }

    fn platform() -> (String, String) {
        let platform = platform();
        let (os, arch) = platform.split_once('_').unwrap();
        (os.to_owned(), arch.to_owned())
    }
}
