//! The detached OpenPGP signature of the checksums, created by GnuPG in a temporary home directory.
//!
//! Terraform reads only binary signatures. Its registry accepts RSA keys, but rejects the elliptic curves that GnuPG uses by
//! default.

use std::env;
use std::error::Error;
use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// OpenPGP's number of the algorithm RSA.
const RSA: &str = "1";

/// A temporary home directory of GnuPG.
struct GnupgHome(TempDir);

/// Signs a file with the only secret key in a key file, verifies the signature, and returns the key ID.
pub fn sign(key: &Path, file: &Path, signature: &Path) -> Result<String, Box<dyn Error>> {
    let home = GnupgHome::new()?;
    home.gpg([OsStr::new("--import"), key.as_os_str()], "")?;
    let keys = home.gpg(["--with-colons", "--list-secret-keys"].map(OsStr::new), "")?;
    let key_id = only_rsa_key(&keys).map_err(|reason| format!("{}: {reason}", key.display()))?;
    let passphrase = env::var("GPG_PASSPHRASE").unwrap_or_default();
    home.gpg(
        [
            OsStr::new("--pinentry-mode"),
            OsStr::new("loopback"),
            OsStr::new("--passphrase-fd"),
            OsStr::new("0"),
            OsStr::new("--digest-algo"),
            OsStr::new("SHA512"),
            OsStr::new("--output"),
            signature.as_os_str(),
            OsStr::new("--detach-sign"),
            file.as_os_str(),
        ],
        &passphrase,
    )?;
    home.gpg([OsStr::new("--verify"), signature.as_os_str(), file.as_os_str()], "")?;
    Ok(key_id)
}

/// The ID of the only secret key in the output of `gpg --with-colons`.
fn only_rsa_key(listing: &str) -> Result<String, String> {
    let keys: Vec<Vec<&str>> = listing
        .lines()
        .map(|line| line.split(':').collect())
        .filter(|fields: &Vec<&str>| fields[0] == "sec" && fields.len() > 4)
        .collect();
    match keys.as_slice() {
        [key] if key[3] == RSA => Ok(key[4].to_owned()),
        [_] => Err("the key is not an RSA key, which Terraform's registry requires. Create one with \
                    `gpg --quick-generate-key NAME rsa4096 sign never`"
            .to_owned()),
        keys => Err(format!("the file contains {} secret keys: export exactly one, with its ID", keys.len())),
    }
}

impl GnupgHome {
    fn new() -> Result<Self, Box<dyn Error>> {
        // The path of the agent's socket in this directory can have at most 107 bytes.
        let is_long = cfg!(unix) && env::temp_dir().as_os_str().len() > 60;
        // A temporary directory has the mode that GnuPG requires: only its owner can open it.
        Ok(Self(if is_long { tempfile::tempdir_in("/tmp")? } else { tempfile::tempdir()? }))
    }

    /// Runs GnuPG with this input and returns its stdout.
    fn gpg<'a>(
        &self,
        arguments: impl IntoIterator<Item = &'a OsStr>,
        input: &str,
    ) -> Result<String, Box<dyn Error>> {
        let mut command = Command::new("gpg");
        command.arg("--homedir").arg(self.0.path()).args(["--batch", "--quiet", "--yes"]).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .map_err(|error| format!("cannot run gpg ({error}): install GnuPG, or remove --sign-key"))?;
        if let Some(mut stdin) = child.stdin.take() {
            // gpg may close stdin if it reads no passphrase.
            let _ = stdin.write_all(input.as_bytes());
        }
        let output = child.wait_with_output()?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(format!("gpg failed: {}", String::from_utf8_lossy(&output.stderr).trim()).into())
        }
    }
}

impl Drop for GnupgHome {
    fn drop(&mut self) {
        // Stops the agent that gpg started, because it has the secret key in memory.
        let _ = Command::new("gpgconf").arg("--homedir").arg(self.0.path()).args(["--kill", "all"]).output();
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;

    use super::*;

    /// Creates a key. Returns its home directory and a file with the secret key.
    fn create_key(algorithm: &str, passphrase: &str) -> (GnupgHome, std::path::PathBuf) {
        let home = GnupgHome::new().unwrap();
        let with_passphrase =
            ["--pinentry-mode", "loopback", "--passphrase", passphrase].map(str::to_owned).to_vec();
        let run = |arguments: &[&str]| {
            let all: Vec<_> =
                with_passphrase.iter().map(OsStr::new).chain(arguments.iter().map(OsStr::new)).collect();
            home.gpg(all, "").unwrap_or_else(|error| {
                panic!("{error}\nSkip this test with `cargo test --workspace -- --skip signature`")
            })
        };
        run(&["--quick-generate-key", "Test <test@example.com>", algorithm, "sign", "never"]);
        let file = home.0.path().join("key.asc");
        fs::write(&file, run(&["--armor", "--export-secret-keys"])).unwrap();
        (home, file)
    }

    /// Verifies the signature in a home directory with only the public key.
    #[test]
    fn signature_is_binary_and_verifies_with_the_public_key() {
        let (owner, key) = create_key("rsa2048", "");
        let directory = tempfile::tempdir().unwrap();
        let (file, signature) =
            (directory.path().join("SHA256SUMS"), directory.path().join("SHA256SUMS.sig"));
        fs::write(&file, "a line\n").unwrap();
        let key_id = sign(&key, &file, &signature).unwrap();
        let bytes = fs::read(&signature).unwrap();
        assert!(bytes[0] & 0x80 != 0, "the signature is ASCII-armored");
        let public = directory.path().join("public.asc");
        let export = owner.gpg(["--armor", "--export"].map(OsStr::new), "").unwrap();
        assert!(export.contains("PUBLIC KEY BLOCK"));
        fs::write(&public, export).unwrap();
        let verifier = GnupgHome::new().unwrap();
        verifier.gpg([OsStr::new("--import"), public.as_os_str()], "").unwrap();
        let verify = [OsStr::new("--status-fd"), OsStr::new("1"), OsStr::new("--verify")];
        let verify = || verify.into_iter().chain([signature.as_os_str(), file.as_os_str()]);
        let status = verifier.gpg(verify(), "").unwrap();
        assert!(status.contains(&format!("GOODSIG {key_id} Test")), "{status}");
        fs::write(&file, "another line\n").unwrap();
        assert!(verifier.gpg(verify(), "").is_err(), "the file has changed after the signature");
    }

    #[test]
    fn key_that_is_not_an_rsa_key_is_rejected() {
        let (_home, key) = create_key("ed25519", "");
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("SHA256SUMS");
        fs::write(&file, "a line\n").unwrap();
        let signature = directory.path().join("SHA256SUMS.sig");
        let error = sign(&key, &file, &signature).unwrap_err().to_string();
        assert!(error.contains("not an RSA key") && !signature.exists(), "{error}");
        assert!(sign(&file, &file, &signature).is_err(), "a file without a key is rejected");
    }

    #[test]
    fn file_must_contain_exactly_one_secret_key() {
        let line = "sec:u:4096:1:0123456789ABCDEF:1:::u:::scESC:::+:::23::0:\n";
        assert_eq!(only_rsa_key(line).unwrap(), "0123456789ABCDEF");
        assert!(only_rsa_key("").unwrap_err().contains("contains 0 secret keys"));
        assert!(only_rsa_key(&line.repeat(2)).unwrap_err().contains("contains 2 secret keys"));
    }
}
