//! The detached OpenPGP signature of the sums, by GnuPG in a home of its own.
//!
//! Cores read the binary form only. Terraform's registry takes RSA keys, and refuses the elliptic curves of GnuPG's default.

use std::env;
use std::error::Error;
use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// The number of RSA among OpenPGP's algorithms.
const RSA: &str = "1";

/// An empty home folder of GnuPG.
struct Home(TempDir);

/// Signs a file with the only secret key in another file, checks the signature, and returns the key's ID.
pub fn sign(key: &Path, file: &Path, signature: &Path) -> Result<String, Box<dyn Error>> {
    let home = Home::new()?;
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

/// The ID of the key in a listing with colons.
fn only_rsa_key(listing: &str) -> Result<String, String> {
    let keys: Vec<Vec<&str>> = listing
        .lines()
        .map(|line| line.split(':').collect())
        .filter(|fields: &Vec<&str>| fields[0] == "sec" && fields.len() > 4)
        .collect();
    match keys.as_slice() {
        [key] if key[3] == RSA => Ok(key[4].to_owned()),
        [_] => Err("the key is not an RSA key, and Terraform's registry takes no other. Make one with \
                    `gpg --quick-generate-key NAME rsa4096 sign never`"
            .to_owned()),
        keys => Err(format!("{} secret keys in the file: export one with its ID", keys.len())),
    }
}

impl Home {
    fn new() -> Result<Self, Box<dyn Error>> {
        // The agent's socket is in the home, and its path has at most 107 bytes.
        let is_long = cfg!(unix) && env::temp_dir().as_os_str().len() > 60;
        // Only its owner can open a temporary folder, as GnuPG demands.
        Ok(Self(if is_long { tempfile::tempdir_in("/tmp")? } else { tempfile::tempdir()? }))
    }

    /// Runs GnuPG with this stdin and returns its stdout.
    fn gpg<'a>(
        &self,
        arguments: impl IntoIterator<Item = &'a OsStr>,
        input: &str,
    ) -> Result<String, Box<dyn Error>> {
        let mut command = Command::new("gpg");
        command.arg("--homedir").arg(self.0.path()).args(["--batch", "--quiet", "--yes"]).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| {
            format!(
                "signing needs GnuPG, and gpg cannot be run ({error}): install it, or leave out --sign-key"
            )
        })?;
        if let Some(mut stdin) = child.stdin.take() {
            // A gpg that reads no passphrase may have closed it.
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

impl Drop for Home {
    fn drop(&mut self) {
        // The agent that gpg started holds the secret key.
        let _ = Command::new("gpgconf").arg("--homedir").arg(self.0.path()).args(["--kill", "all"]).output();
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;

    use super::*;

    /// A new key, its secret part in a file, and its home.
    fn key(algorithm: &str, passphrase: &str) -> (Home, std::path::PathBuf) {
        let home = Home::new().unwrap();
        let with_passphrase =
            ["--pinentry-mode", "loopback", "--passphrase", passphrase].map(str::to_owned).to_vec();
        let run = |arguments: &[&str]| {
            let all: Vec<_> =
                with_passphrase.iter().map(OsStr::new).chain(arguments.iter().map(OsStr::new)).collect();
            home.gpg(all, "").unwrap_or_else(|error| {
                panic!("{error}\nThis test can be left out: `cargo test --workspace -- --skip signature`")
            })
        };
        run(&["--quick-generate-key", "Test <test@example.com>", algorithm, "sign", "never"]);
        let file = home.0.path().join("key.asc");
        fs::write(&file, run(&["--armor", "--export-secret-keys"])).unwrap();
        (home, file)
    }

    /// GnuPG in a home that has the public part only.
    #[test]
    fn signature_is_binary_and_verifies_with_the_public_key() {
        let (owner, key) = key("rsa2048", "");
        let folder = tempfile::tempdir().unwrap();
        let (file, signature) = (folder.path().join("sums"), folder.path().join("sums.sig"));
        fs::write(&file, "a line\n").unwrap();
        let key_id = sign(&key, &file, &signature).unwrap();
        let bytes = fs::read(&signature).unwrap();
        assert!(bytes[0] & 0x80 != 0, "an armored signature");
        let public = folder.path().join("public.asc");
        let export = owner.gpg(["--armor", "--export"].map(OsStr::new), "").unwrap();
        assert!(export.contains("PUBLIC KEY BLOCK"));
        fs::write(&public, export).unwrap();
        let reader = Home::new().unwrap();
        reader.gpg([OsStr::new("--import"), public.as_os_str()], "").unwrap();
        let verify = [OsStr::new("--status-fd"), OsStr::new("1"), OsStr::new("--verify")];
        let verify = || verify.into_iter().chain([signature.as_os_str(), file.as_os_str()]);
        let status = reader.gpg(verify(), "").unwrap();
        assert!(status.contains(&format!("GOODSIG {key_id} Test")), "{status}");
        fs::write(&file, "another line\n").unwrap();
        assert!(reader.gpg(verify(), "").is_err(), "the signature is of the former file");
    }

    #[test]
    fn signature_needs_an_rsa_key() {
        let (_home, key) = key("ed25519", "");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sums");
        fs::write(&file, "a line\n").unwrap();
        let signature = folder.path().join("sums.sig");
        let error = sign(&key, &file, &signature).unwrap_err().to_string();
        assert!(error.contains("not an RSA key") && !signature.exists(), "{error}");
        assert!(sign(&file, &file, &signature).is_err(), "a file without a key");
    }

    #[test]
    fn signature_key_must_be_the_only_one() {
        let line = "sec:u:4096:1:0123456789ABCDEF:1:::u:::scESC:::+:::23::0:\n";
        assert_eq!(only_rsa_key(line).unwrap(), "0123456789ABCDEF");
        assert!(only_rsa_key("").unwrap_err().starts_with("0 secret keys"));
        assert!(only_rsa_key(&line.repeat(2)).unwrap_err().starts_with("2 secret keys"));
    }
}
