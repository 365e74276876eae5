//! The static executable in an empty root directory: no C library, no /tmp, no /dev and no /etc.
//!
//! The plugin host of the tests reads with it. Terraform also reads with it if Terraform is a static executable, and not a
//! Python package. `chroot` changes the root directory, or `unshare` with a user namespace. If neither is permitted, the tests
//! are skipped with a message.
//!
//! This is a separate program: it builds the static executable first, which would disturb the time limits of other tests.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_types, clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use cloud_simulator::{CloudState, Route, Simulator};
use plugin_host::{ClientIdentity, PluginCommand, TlsVersions, build_static_provider, connect};
use serde_json::{Value, json};
use tempfile::TempDir;
use terraform_runner::{TerraformCli, without_line_breaks};

const INSTANCE: &str = "e73893ef73754465a8bd2e0857bbf13ein02";
const PROVIDER: &str = "/terraform-provider-dds";
const TERRAFORM: &str = "/terraform";
const DATA_SOURCE: &str = "dds_ssl_cert_download_links";

/// A host name that is only in the hosts file of the test.
const HOST_NAME: &str = "dds.cn-north-4.chroot.example";

/// Programs that change the root directory, with the arguments before its path.
const CHROOT_PROGRAMS: [(&str, &[&str]); 2] = [("chroot", &[]), ("unshare", &["--map-root-user", "--root"])];

/// A root directory with the provider, and a simulated cloud.
struct Root {
    directory: TempDir,
    /// The start of a command line that runs a command in this root directory.
    chroot: Vec<String>,
    terraform: Option<&'static TerraformCli>,
    cloud: Simulator,
}

impl Root {
    /// Returns None, and writes a message to stderr, if this user is not permitted to change the root directory.
    fn new() -> Option<Self> {
        static PROGRAM: LazyLock<PathBuf> =
            LazyLock::new(|| build_static_provider().unwrap_or_else(|error| panic!("{error}")));
        // Not in /tmp, because it may be mounted with `noexec`.
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        // The user of the namespace must be able to read it.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        link_or_copy(&PROGRAM, &path_in_root(directory.path(), PROVIDER));
        let chroot = chroot_command(directory.path())?;
        let terraform = static_terraform();
        if let Some(terraform) = terraform {
            link_or_copy(&terraform.program, &path_in_root(directory.path(), TERRAFORM));
        }
        Some(Self { directory, chroot, terraform, cloud: Simulator::start(CloudState::sample()) })
    }

    fn write(&self, path: &str, content: &str) -> &Self {
        let path = path_in_root(self.directory.path(), path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    /// The provider configuration with this URL of the cloud.
    fn config(&self, url: &str) -> Value {
        let mut config = self.cloud.provider_config();
        config["endpoints"] = json!({ "dds": url, "iam": url });
        config
    }

    /// Reads with the plugin host, and with Terraform if it is static. Returns the first error.
    async fn read(&self, config: &Value) -> Result<(), String> {
        self.read_by_host(config).await?;
        match self.terraform {
            Some(_) => self.plan(config),
            None => Ok(()),
        }
    }

    /// Reads, and checks that each reader sends one request.
    async fn assert_reads(&self, config: &Value) {
        let before = self.cloud.request_count(Route::Links);
        self.read(config).await.unwrap_or_else(|error| panic!("{error}"));
        let readers = 1 + usize::from(self.terraform.is_some());
        assert_eq!(self.cloud.request_count(Route::Links) - before, readers);
    }

    async fn read_by_host(&self, config: &Value) -> Result<(), String> {
        let (program, arguments) = self.chroot.split_first().unwrap();
        let command =
            arguments.iter().fold(PluginCommand::new(program), |command, argument| command.arg(argument));
        let process = command.arg(PROVIDER).start().await.map_err(|error| format!("{error:?}"))?;
        // There is no directory for a socket.
        assert_eq!(process.handshake.network, "tcp");
        let connection = connect(&process, ClientIdentity::Expected, TlsVersions::All).await?;
        let configured = connection.configure(config.clone()).await.map_err(|error| error.to_string())?;
        let read = connection.read(DATA_SOURCE, json!({ "instance_id": INSTANCE })).await;
        let read = read.map_err(|error| error.to_string())?;
        let diagnostics: Vec<_> = configured.into_iter().chain(read.diagnostics).collect();
        match read.state {
            Some(state) if diagnostics.is_empty() => {
                assert_eq!(state["certs"].as_array().unwrap().len(), 2);
                Ok(())
            }
            _ => Err(format!("{diagnostics:?}")),
        }
    }

    fn plan(&self, config: &Value) -> Result<(), String> {
        let configuration = json!({
            "terraform": { "required_providers": { "dds": { "source": "terraform-dds/dds" } } },
            "provider": { "dds": config },
            "data": { DATA_SOURCE: { "this": { "instance_id": INSTANCE } } },
            "output": { "count": { "value": format!("${{length(data.{DATA_SOURCE}.this.certs)}}") } },
        });
        let overrides = r#"provider_installation { dev_overrides { "terraform-dds/dds" = "/" } }"#;
        self.write("/configuration/main.tf.json", &configuration.to_string()).write("/cli.tfrc", overrides);
        let (program, arguments) = self.chroot.split_first().unwrap();
        let mut command = Command::new(program);
        command.args(arguments).args([
            TERRAFORM,
            "-chdir=/configuration",
            "plan",
            "-input=false",
            "-no-color",
        ]);
        command.env_clear().env("TF_CLI_CONFIG_FILE", "/cli.tfrc").env("CHECKPOINT_DISABLE", "1");
        let output = command.output().unwrap();
        let stdout = text(&output.stdout);
        if output.status.success() {
            assert!(stdout.contains("+ count = 2"), "{stdout}");
            return Ok(());
        }
        Err(format!("{} {}", without_line_breaks(&stdout), without_line_breaks(&text(&output.stderr))))
    }
}

/// Adds a program to a directory by a hard link or a copy.
fn link_or_copy(program: &Path, to: &Path) {
    // A symbolic link would point outside of the root directory.
    let program = fs::canonicalize(program).unwrap();
    if fs::hard_link(&program, to).is_err() {
        // Copied by another process: children of other tests could inherit a file that this process has open for writing,
        // and then it cannot be executed.
        assert!(Command::new("cp").arg(program).arg(to).status().unwrap().success());
    }
}

fn path_in_root(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Returns the command that changes the root directory, or None if this is not permitted.
fn chroot_command(root: &Path) -> Option<Vec<String>> {
    let mut reasons = Vec::new();
    for (name, arguments) in CHROOT_PROGRAMS {
        let Some(program) = program(name) else {
            reasons.push(format!("{name} is not installed"));
            continue;
        };
        let mut chroot = vec![program.display().to_string()];
        chroot.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        chroot.push(root.display().to_string());
        let output = Command::new(&chroot[0]).args(&chroot[1..]).args([PROVIDER, "--help"]).output().unwrap();
        if output.status.success() {
            return Some(chroot);
        }
        let stderr = text(&output.stderr);
        // The test is skipped only if the program itself fails. A provider that does not start is a failure of the test.
        // The program prints its name with or without its directory.
        let is_own_error = [name, &chroot[0]].iter().any(|own| stderr.starts_with(&format!("{own}: ")));
        let is_denied = is_own_error && !stderr.contains(PROVIDER);
        assert!(is_denied, "{name} works, but the provider does not start: {stderr}");
        reasons.push(stderr.trim().to_owned());
    }
    // The test harness hides the output of macros such as `eprintln!`.
    let mut stderr = std::io::stderr().lock();
    let reasons = reasons.join("; ");
    writeln!(
        stderr,
        "a chroot test is skipped, because this user is not permitted to change the root directory: {reasons}"
    )
    .unwrap();
    None
}

/// The path of a program on the PATH or in a directory for administrators.
#[expect(clippy::disallowed_methods, reason = "a variable of the tests, not of the provider")]
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut directories: Vec<_> = std::env::split_paths(&path).collect();
    directories.extend(["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(PathBuf::from));
    directories.into_iter().map(|directory| directory.join(name)).find(|file| file.is_file())
}

/// The installed Terraform or OpenTofu, if it is a static executable.
fn static_terraform() -> Option<&'static TerraformCli> {
    static STATIC: LazyLock<Option<TerraformCli>> = LazyLock::new(|| {
        let cli = TerraformCli::installed().unwrap_or_else(|error| panic!("{error}"));
        let cli = cli.filter(|cli| is_static(&fs::read(&cli.program).unwrap()));
        let readers = cli.as_ref().map_or_else(
            || "the plugin host only, because no static Terraform or OpenTofu is installed".to_owned(),
            |cli| format!("the plugin host and {cli}"),
        );
        writeln!(std::io::stderr().lock(), "chroot tests run with {readers}").unwrap();
        cli
    });
    STATIC.as_ref()
}

/// Whether this is a 64-bit ELF file without a program interpreter.
fn is_static(file: &[u8]) -> bool {
    let number = |at: usize, length: usize| {
        file[at..at + length].iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte))
    };
    const INTERPRETER: usize = 3;
    file.starts_with(b"\x7fELF\x02\x01")
        && (0..number(56, 2)).all(|index| number(number(32, 8) + index * number(54, 2), 4) != INTERPRETER)
}

#[tokio::test]
async fn provider_reads_from_an_ip_address_in_an_empty_root() {
    let Some(root) = Root::new() else { return };
    let url = root.cloud.url();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    root.assert_reads(&root.config(&url)).await;
}

#[tokio::test]
async fn names_of_the_hosts_file_are_resolved() {
    let Some(root) = Root::new() else { return };
    root.write("/etc/hosts", &format!("127.0.0.1 localhost\n127.0.0.1 {HOST_NAME}\n"));
    for name in ["localhost", HOST_NAME] {
        root.assert_reads(&root.config(&root.cloud.url().replace("127.0.0.1", name))).await;
    }
}

#[tokio::test]
async fn https_works_with_cacert_file_only() {
    let Some(root) = Root::new() else { return };
    let proxy = root.cloud.tls_proxy();
    root.write("/ca.pem", proxy.ca_certificate());
    let mut config = root.config(&proxy.url());
    let error = root.read(&config).await.unwrap_err();
    assert!(error.contains("No Certificate Store"), "{error}");
    config["cacert_file"] = "/ca.pem".into();
    root.assert_reads(&config).await;
}
