//! Endpoints of services and TLS certificates.

use std::collections::BTreeMap;

use super::error::{ConfigError, Origin};
use super::reader::{ConfigReader, SettingValue};
use super::settings::{CACERT_FILE, CERT, ENDPOINTS, INSECURE, KEY, SETTINGS, validator};
use super::validate::parse_bool;
use crate::huaweicloud::transport::{IdentityError, Tls};
use crate::tfplugin::diagnostic::AttributePath;
use crate::tfplugin::value::{ConfigValue, Value};

/// The services whose endpoint can be set.
const SERVICES: [&str; 4] = ["dds", "iam", "sts", "metadata"];

/// The other keys of `endpoints` in the documentation of the official provider (release 1.7x). They are ignored.
#[rustfmt::skip]
const OFFICIAL_SERVICES: &[&str] = &[
    "aad", "accessanalyzer", "anti-ddos", "aom", "apig", "apm", "appstream", "asm", "autoscaling", "bcs", "bms",
    "bss", "cae", "cbh", "cbr", "cc", "cce", "cci", "ccm", "cdm", "cdn", "ces", "cfw", "cloudtable", "cms", "coc",
    "codearts_build", "codearts_deploy", "codearts_pipeline", "codehub", "cph", "cpts", "cse", "css", "cts",
    "dataarts", "dbss", "dc", "dcs", "ddm", "deh", "dis", "dli", "dms", "dns", "drs", "dsc", "dws", "ecs", "eg",
    "elb", "eps", "er", "evs", "fgs", "ga", "gaussdb", "geip", "geminidb", "ges", "hss", "identitycenter",
    "identitystore", "iec", "ims", "iotda", "kms", "live", "lts", "meeting", "mkt", "modelarts", "mpc", "mrs", "nat",
    "obs", "oms", "opengauss", "organizations", "projectman", "ram", "rds", "rfs", "rgc", "rts", "scm", "sdrs",
    "secmaster", "servicestage", "sfs", "sfs-turbo", "smn", "swr", "tms", "ucs", "vbs", "vod", "vpc", "vpcep", "vpn",
    "vss", "waf", "workspace",
];

const PEM: &str = "a certificate or key in PEM, or the path of a readable file with it";

/// A PEM string and its origin.
struct Pem {
    value: SettingValue,
    is_file: bool,
}

impl Pem {
    /// Returns the error for invalid PEM. An invalid file is not an error of the block, because each machine
    /// has its own file.
    fn malformed(&self) -> ConfigError {
        let SettingValue { setting, origin, .. } = self.value;
        let path = AttributePath::attribute(setting);
        if self.is_file {
            ConfigError::InvalidFile { path, origin }
        } else {
            ConfigError::Invalid { path, origin, expected: PEM.into() }
        }
    }
}

impl ConfigReader<'_> {
    /// Reads the TLS settings.
    pub(super) fn tls(&mut self) -> Tls {
        let mut tls = Tls::new(self.parsed(INSECURE, parse_bool).unwrap_or(false));
        if let Some(pem) = self.pem(CACERT_FILE) {
            match tls.clone().with_ca_certificates(&pem.value.text) {
                Some(with_ca) => tls = with_ca,
                None => self.errors.push(pem.malformed()),
            }
        }
        match [self.pem(CERT), self.pem(KEY)] {
            [Some(certificate), Some(key)] => {
                match tls.clone().with_client_certificate(&certificate.value.text, &key.value.text) {
                    Ok(with_certificate) => tls = with_certificate,
                    Err(IdentityError::Certificate) => self.errors.push(certificate.malformed()),
                    Err(IdentityError::Key) => self.errors.push(key.malformed()),
                    Err(IdentityError::Mismatch) => {
                        self.errors.push(ConfigError::KeyMismatch { certificate: CERT, key: KEY });
                    }
                }
            }
            [None, None] => {}
            [Some(Pem { value, .. }), None] => self.add_incomplete(CERT, value.origin, KEY),
            [None, Some(Pem { value, .. })] => self.add_incomplete(KEY, value.origin, CERT),
        }
        tls
    }

    /// Reads a PEM string, from the setting itself or from the file at its path.
    fn pem(&mut self, name: &'static str) -> Option<Pem> {
        let value = self.read(name)?;
        if value.text.trim_start().starts_with("-----BEGIN") {
            return Some(Pem { value, is_file: false });
        }
        match self.environment.read(&value.text) {
            Ok(text) => Some(Pem { value: SettingValue { text, ..value }, is_file: true }),
            Err(error) => {
                let (path, origin) = (AttributePath::attribute(name), value.origin);
                self.errors.push(ConfigError::Unreadable { path, origin, reason: error.to_string() });
                None
            }
        }
    }

    /// Reads the URLs in `endpoints` by service.
    pub(super) fn endpoints(&mut self) -> BTreeMap<String, String> {
        let Some(Value::Map(entries)) = self.config.value().attribute(ENDPOINTS) else {
            self.block(ENDPOINTS);
            return BTreeMap::new();
        };
        let mut endpoints = BTreeMap::new();
        for (key, value) in entries {
            let path = AttributePath::attribute(ENDPOINTS).at_map_key(key);
            if OFFICIAL_SERVICES.contains(&key.as_str()) {
                self.ignored_endpoints.push(path.to_string());
            } else if !SERVICES.contains(&key.as_str()) {
                let suggestion = suggested_service(key);
                self.errors.push(ConfigError::UnknownEndpoint { key: key.clone(), suggestion });
            } else {
                match value.scalar() {
                    ConfigValue::Known(text) => {
                        let url = SettingValue { setting: ENDPOINTS, text, origin: Origin::Block };
                        if self.validate(validator(SETTINGS, ENDPOINTS), &url, path) {
                            endpoints.insert(key.clone(), url.text);
                        }
                    }
                    ConfigValue::Unknown => self.unknown.push(path),
                    ConfigValue::Null => {}
                }
            }
        }
        endpoints
    }
}

/// Returns the service whose name is the beginning or the end of the key.
fn suggested_service(key: &str) -> Option<&'static str> {
    let key = key.to_ascii_lowercase();
    SERVICES.into_iter().find(|service| key.starts_with(service) || key.ends_with(service))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::config::tests::{errors, resolve, string_block};
    use crate::system::Environment;

    #[test]
    fn certificate_is_pem_or_the_path_of_a_file() {
        let (pem, key) = identity(&rcgen::PKCS_ECDSA_P256_SHA256);
        let files = [("/ca", pem.as_str()), ("/junk", "no PEM")];
        let check = |arguments: &[(&'static str, &str)]| {
            let config = string_block(&[&[("region", "r"), ("token", "t")], arguments].concat());
            resolve(&config, &Environment::with_files([], files)).err().unwrap_or_default()
        };
        assert!(check(&[("cacert_file", &pem)]).is_empty());
        assert!(check(&[("cacert_file", "/ca"), ("cert", "/ca"), ("key", &key)]).is_empty());
        for (arguments, part) in [
            (vec![("cacert_file", "/missing")], "cacert_file"),
            (vec![("cacert_file", "/junk")], "cacert_file"),
            (vec![("cert", pem.as_str())], "missing: \"key\""),
            (vec![("key", key.as_str())], "missing: \"cert\""),
            (vec![("cert", pem.as_str()), ("key", "/junk")], "\"key\""),
        ] {
            let errors = check(&arguments);
            assert!(errors.len() == 1 && format!("{errors:?}").contains(part), "{errors:?}");
        }
    }

    /// Returns a self-signed certificate and its key.
    fn identity(algorithm: &'static rcgen::SignatureAlgorithm) -> (String, String) {
        let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
        let certificate = rcgen::CertificateParams::new([]).unwrap().self_signed(&key).unwrap();
        (pem("CERTIFICATE", certificate.der()), pem("PRIVATE KEY", &key.serialize_der()))
    }

    #[test]
    fn certificate_and_key_must_match() {
        let algorithms = [
            &rcgen::PKCS_ECDSA_P256_SHA256,
            &rcgen::PKCS_ECDSA_P384_SHA384,
            &rcgen::PKCS_ED25519,
            &rcgen::PKCS_RSA_SHA256,
        ];
        let pairs: Vec<_> = algorithms.into_iter().map(identity).collect();
        let check = |certificate: &str, key: &str| {
            errors(
                &string_block(&[("region", "r"), ("token", "t"), ("cert", certificate), ("key", key)]),
                &[],
            )
        };
        for (position, (certificate, key)) in pairs.iter().enumerate() {
            assert_eq!(check(certificate, key), []);
            // One PEM string with both.
            let both = format!("{key}{certificate}");
            assert_eq!(check(&both, &both), []);
            let (_, other) = identity(algorithms[position]);
            let others = pairs.iter().map(|(_, key)| key).filter(|other| *other != key);
            for other in others.chain([&other]) {
                let mismatch = ConfigError::KeyMismatch { certificate: "cert", key: "key" };
                assert_eq!(check(certificate, other), [mismatch]);
            }
            let assert_invalid = |name: &str, found: Vec<ConfigError>| {
                let [ConfigError::Invalid { path, origin: Origin::Block, .. }] = found.as_slice() else {
                    panic!("{found:?}")
                };
                assert_eq!(path.to_string(), name);
            };
            assert_invalid("cert", check(key, key));
            assert_invalid("key", check(certificate, certificate));
            assert_invalid("cert", check(&pem("CERTIFICATE", b"no certificate"), key));
            assert_invalid("key", check(certificate, &pem("PRIVATE KEY", b"no key")));
            assert_invalid("key", check(certificate, &pem("ENCRYPTED PRIVATE KEY", b"x")));
        }
        let ca = pem("CERTIFICATE", b"no certificate");
        let found = errors(&string_block(&[("region", "r"), ("token", "t"), ("cacert_file", &ca)]), &[]);
        assert!(matches!(found.as_slice(), [ConfigError::Invalid { .. }]), "{found:?}");
    }

    fn pem(label: &str, der: &[u8]) -> String {
        use base64::Engine as _;

        let body = base64::engine::general_purpose::STANDARD.encode(der);
        format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
    }
}
