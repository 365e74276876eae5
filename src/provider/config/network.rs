//! Addresses of services, and what TLS to them trusts and shows.

use std::collections::BTreeMap;

use super::compat;
use super::error::{ConfigError, Origin};
use super::reader::ConfigReader;
use super::settings::{CACERT_FILE, CERT, ENDPOINTS, INSECURE, KEY};
use super::validate::{BASE_URL, is_base_url, parse_bool};
use crate::huaweicloud::transport::{IdentityError, Tls};
use crate::tfplugin::diagnostic::{AttributePath, Step};
use crate::tfplugin::value::{Field, Value};

/// The services whose address can be set.
const SERVICES: [&str; 4] = ["dds", "iam", "sts", "metadata"];

const PEM: &str = "a certificate or key in PEM, or the path of a readable file with it";

/// A text in PEM, and where it came from.
struct Pem {
    name: &'static str,
    text: String,
    origin: Origin,
    is_file: bool,
}

impl Pem {
    /// A file is that of one machine; the block that names it is not to blame.
    fn malformed(&self) -> ConfigError {
        let (path, origin, expected) = (AttributePath::attribute(self.name), self.origin, PEM);
        if self.is_file {
            ConfigError::MalformedFile { path, origin, expected }
        } else {
            ConfigError::Malformed { path, origin, expected }
        }
    }
}

impl ConfigReader<'_> {
    pub(super) fn tls(&mut self) -> Tls {
        let insecure = self.parsed(INSECURE, "true or false", parse_bool).unwrap_or(false);
        let mut tls = Tls::new(insecure);
        if let Some(pem) = self.pem(CACERT_FILE) {
            match tls.clone().trusting(&pem.text) {
                Some(trusting) => tls = trusting,
                None => self.faults.push(pem.malformed()),
            }
        }
        match (self.pem(CERT), self.pem(KEY)) {
            (Some(certificate), Some(key)) => match tls.clone().showing(&certificate.text, &key.text) {
                Ok(showing) => tls = showing,
                Err(IdentityError::Certificate) => self.faults.push(certificate.malformed()),
                Err(IdentityError::Key) => self.faults.push(key.malformed()),
                Err(IdentityError::Mismatch) => {
                    self.faults.push(ConfigError::ForeignKey { certificate: CERT, key: KEY });
                }
            },
            (None, None) => {}
            (certificate, _) => {
                let (has, lacks) = if certificate.is_some() { (CERT, KEY) } else { (KEY, CERT) };
                if !self.waits_for(lacks) && !self.is_faulty(lacks) {
                    let origin = self.text(has).map_or(Origin::Block, |(_, origin)| origin);
                    self.faults.push(ConfigError::Incomplete { given: has, origin, lacks });
                }
            }
        }
        tls
    }

    /// A text in PEM, or that of the file at this path.
    fn pem(&mut self, name: &'static str) -> Option<Pem> {
        let (text, origin) = self.text(name)?;
        if text.trim_start().starts_with("-----BEGIN") {
            return Some(Pem { name, text, origin, is_file: false });
        }
        match self.environment.read(&text) {
            Ok(text) => Some(Pem { name, text, origin, is_file: true }),
            Err(error) => {
                let path = AttributePath::attribute(name);
                self.faults.push(ConfigError::Unreadable { path, origin, reason: error.to_string() });
                None
            }
        }
    }

    pub(super) fn endpoints(&mut self) -> BTreeMap<String, String> {
        let Some(Value::Map(entries)) = self.config.attribute(ENDPOINTS) else {
            self.block(ENDPOINTS);
            return BTreeMap::new();
        };
        let mut endpoints = BTreeMap::new();
        for (key, value) in entries {
            let path = AttributePath::attribute(ENDPOINTS).then(Step::Key(key.clone()));
            if compat::is_service(key) {
                continue;
            }
            if !SERVICES.contains(&key.as_str()) {
                self.faults
                    .push(ConfigError::UnknownEndpoint { key: key.clone(), meant: similar_service(key) });
                continue;
            }
            match value.scalar() {
                Field::Known(url) if is_base_url(&url) => drop(endpoints.insert(key.clone(), url)),
                Field::Known(_) => {
                    self.faults.push(ConfigError::Malformed {
                        path,
                        origin: Origin::Block,
                        expected: BASE_URL,
                    });
                }
                Field::Unknown => self.unknown.push(path),
                Field::Null => {}
            }
        }
        endpoints
    }
}

fn similar_service(key: &str) -> Option<&'static str> {
    let key = key.to_ascii_lowercase();
    SERVICES.into_iter().find(|service| key.starts_with(service) || key.ends_with(service))
}
