//! The static executable in root folders that hold nothing else: no C library, no /tmp, no /dev, no /etc.
//!
//! The plugin host of the tests reads through it, and so does the core if it runs there: a static executable, and not one
//! out of a Python package. The root folder is changed by `chroot`, or by `unshare` with a user namespace. Where neither is
//! allowed, the tests say so and are skipped.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use cloud_simulator::{CloudState, Route, Simulator};
use plugin_host::{Identity, Launch, Tls, build_static_provider, connect};
use serde_json::{Value, json};
use tempfile::TempDir;
use terraform_runner::Core;

use super::{INSTANCE, joined};

const PROVIDER: &str = "/terraform-provider-dds";
const CORE: &str = "/core";
const DATA_SOURCE: &str = "dds_ssl_cert_download_links";

/// A name that no other hosts file has.
const NAME: &str = "dds.cn-north-4.chroot.example";

/// Programs that change the root folder, with their arguments before it.
const CHROOT_PROGRAMS: [(&str, &[&str]); 2] = [("chroot", &[]), ("unshare", &["--map-root-user", "--root"])];

/// A root folder with the provider in it, and the cloud outside.
struct Root {
    folder: TempDir,
    /// A program and its first arguments, which run a command in this root folder.
    chroot: Vec<String>,
    core: Option<&'static Core>,
    cloud: Simulator,
}

impl Root {
    /// None, with a message on stderr, if this user may not change the root folder.
    fn new() -> Option<Self> {
        static PROGRAM: LazyLock<PathBuf> =
            LazyLock::new(|| build_static_provider().unwrap_or_else(|error| panic!("{error}")));
        // Not in /tmp, where programs may not be allowed to run.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        // The user of the namespace must read it, too.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        put(&PROGRAM, &inside(folder.path(), PROVIDER));
        let chroot = chroot_command(folder.path())?;
        let core = static_core();
        if let Some(core) = core {
            put(&core.program, &inside(folder.path(), CORE));
        }
        Some(Self { folder, chroot, core, cloud: Simulator::start(CloudState::sample()) })
    }

    fn write(&self, path: &str, content: &str) -> &Self {
        let path = inside(self.folder.path(), path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    /// The settings of a provider that reaches the cloud at this address.
    fn settings(&self, url: &str) -> Value {
        let mut settings = self.cloud.provider_settings();
        settings["endpoints"] = json!({ "dds": url, "iam": url });
        settings
    }

    /// Reads by the plugin host, and by the core if there is one. An error has the text of the first that fails.
    async fn read(&self, settings: &Value) -> Result<(), String> {
        self.read_by_host(settings).await?;
        match self.core {
            Some(_) => self.plan(settings),
            None => Ok(()),
        }
    }

    /// Reads, which must reach the cloud once for each reader.
    async fn reads(&self, settings: &Value) {
        let before = self.cloud.count(Route::Links);
        self.read(settings).await.unwrap_or_else(|error| panic!("{error}"));
        let readers = 1 + usize::from(self.core.is_some());
        assert_eq!(self.cloud.count(Route::Links) - before, readers);
    }

    async fn read_by_host(&self, settings: &Value) -> Result<(), String> {
        let (program, arguments) = self.chroot.split_first().unwrap();
        let launch = arguments.iter().fold(Launch::new(program), |launch, argument| launch.arg(argument));
        let process = launch.arg(PROVIDER).start().await.map_err(|error| format!("{error:?}"))?;
        // There is no folder for a socket.
        assert_eq!(process.handshake.network, "tcp");
        let connection = connect(&process, Identity::Right, Tls::Any).await?;
        let configured = connection.configure(settings.clone()).await.map_err(|error| error.to_string())?;
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

    fn plan(&self, settings: &Value) -> Result<(), String> {
        let configuration = json!({
            "terraform": { "required_providers": { "dds": { "source": "terraform-dds/dds" } } },
            "provider": { "dds": settings },
            "data": { DATA_SOURCE: { "this": { "instance_id": INSTANCE } } },
            "output": { "count": { "value": format!("${{length(data.{DATA_SOURCE}.this.certs)}}") } },
        });
        let overrides = r#"provider_installation { dev_overrides { "terraform-dds/dds" = "/" } }"#;
        self.write("/configuration/main.tf.json", &configuration.to_string()).write("/cli.tfrc", overrides);
        let (program, arguments) = self.chroot.split_first().unwrap();
        let mut command = Command::new(program);
        command.args(arguments).args([CORE, "-chdir=/configuration", "plan", "-input=false", "-no-color"]);
        command.env_clear().env("TF_CLI_CONFIG_FILE", "/cli.tfrc").env("CHECKPOINT_DISABLE", "1");
        let output = command.output().unwrap();
        let stdout = text(&output.stdout);
        if output.status.success() {
            assert!(stdout.contains("+ count = 2"), "{stdout}");
            return Ok(());
        }
        Err(format!("{} {}", joined(&stdout), joined(&text(&output.stderr))))
    }
}

/// Links or copies a program.
fn put(program: &Path, to: &Path) {
    // A link to a symbolic link would lead out of the folder.
    let program = fs::canonicalize(program).unwrap();
    if fs::hard_link(&program, to).is_err() {
        // By another process: a file that this one has open for writing cannot be run, and the children that other tests start
        // at this moment would keep it open.
        assert!(Command::new("cp").arg(program).arg(to).status().unwrap().success());
    }
}

fn inside(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The command that changes the root folder, or none if none is allowed.
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
        // Only a refusal of the program itself is a reason to skip: a provider that does not start is a failure.
        // They name themselves with or without their folder.
        let from_program = [name, &chroot[0]].iter().any(|own| stderr.starts_with(&format!("{own}: ")));
        let refused = from_program && !stderr.contains(PROVIDER);
        assert!(refused, "{name} runs, and the provider does not: {stderr}");
        reasons.push(stderr.trim().to_owned());
    }
    // Not by a macro, whose output only failing tests show.
    let mut stderr = std::io::stderr().lock();
    let reasons = reasons.join("; ");
    writeln!(stderr, "a chroot test is skipped, since this user may not change the root folder: {reasons}")
        .unwrap();
    None
}

/// A program on the PATH or in a folder for administrators.
#[expect(clippy::disallowed_methods, reason = "the variables of the person, not those of the provider")]
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<_> = std::env::split_paths(&path).collect();
    folders.extend(["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(PathBuf::from));
    folders.into_iter().map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// The core on the PATH or in `TF_CLI`, if it is a static executable.
fn static_core() -> Option<&'static Core> {
    static STATIC: LazyLock<Option<Core>> = LazyLock::new(|| {
        let core = Core::installed().unwrap_or_else(|error| panic!("{error}"));
        let core = core.filter(|core| is_static(&fs::read(&core.program).unwrap()));
        let reader = core.as_ref().map_or_else(
            || "the plugin host alone: there is no core that is a static executable".to_owned(),
            |core| format!("the plugin host and {core}"),
        );
        writeln!(std::io::stderr().lock(), "chroot tests run with {reader}").unwrap();
        core
    });
    STATIC.as_ref()
}

/// Whether these are the bytes of a 64-bit ELF file that names no program interpreter.
fn is_static(file: &[u8]) -> bool {
    let number = |at: usize, length: usize| {
        file[at..at + length].iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte))
    };
    const INTERPRETER: usize = 3;
    file.starts_with(b"\x7fELF\x02\x01")
        && (0..number(56, 2)).all(|index| number(number(32, 8) + index * number(54, 2), 4) != INTERPRETER)
}

#[tokio::test]
async fn empty_root_folder_is_enough_for_an_ip_address() {
    let Some(root) = Root::new() else { return };
    let url = root.cloud.url();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    root.reads(&root.settings(&url)).await;
}

#[tokio::test]
async fn hosts_file_alone_resolves_its_names() {
    let Some(root) = Root::new() else { return };
    root.write("/etc/hosts", &format!("127.0.0.1 localhost\n127.0.0.1 {NAME}\n"));
    for name in ["localhost", NAME] {
        root.reads(&root.settings(&root.cloud.url().replace("127.0.0.1", name))).await;
    }
}

#[tokio::test]
async fn cacert_file_is_enough_for_https() {
    let Some(root) = Root::new() else { return };
    let front = root.cloud.tls();
    root.write("/authority.pem", front.authority());
    let mut settings = root.settings(&front.url());
    let error = root.read(&settings).await.unwrap_err();
    assert!(error.contains("No Certificate Store"), "{error}");
    settings["cacert_file"] = "/authority.pem".into();
    root.reads(&settings).await;
}
