//! Addresses of services, and what TLS to them trusts and shows.

use std::collections::BTreeMap;

use super::fault::{Fault, Origin};
use super::foreign;
use super::form::{BASE_URL, is_base_url, parse_bool};
use super::given::Given;
use super::setting::{CACERT_FILE, CERT, ENDPOINTS, INSECURE, KEY};
use crate::api::Tls;
use crate::diagnostic::{AttributePath, Step};
use crate::value::{Field, Value};

/// The services whose address can be set.
const SERVICES: [&str; 4] = ["dds", "iam", "sts", "metadata"];

const PEM: &str = "a certificate or key in PEM, or the path of a readable file with it";

impl Given<'_> {
    pub(super) fn tls(&mut self) -> Tls {
        let insecure = self.parsed(INSECURE, "true or false", parse_bool).unwrap_or(false);
        let mut tls = Tls::new(insecure);
        if let Some(pem) = self.pem(CACERT_FILE) {
            tls = self.fits(CACERT_FILE, tls, |tls| tls.trusting(&pem));
        }
        match (self.pem(CERT), self.pem(KEY)) {
            (Some(certificate), Some(key)) => {
                tls = self.fits(CERT, tls, |tls| tls.showing(&certificate, &key));
            }
            (None, None) => {}
            (certificate, _) => {
                let (has, lacks) = if certificate.is_some() { (CERT, KEY) } else { (KEY, CERT) };
                if !self.waits_for(lacks) && !self.is_faulty(lacks) {
                    let origin = self.text(has).map_or(Origin::Block, |(_, origin)| origin);
                    self.faults.push(Fault::Incomplete { given: has, origin, lacks });
                }
            }
        }
        tls
    }

    /// A text in PEM, or that of the file at this path.
    fn pem(&mut self, name: &'static str) -> Option<String> {
        let (text, origin) = self.text(name)?;
        if text.trim_start().starts_with("-----BEGIN") {
            return Some(text);
        }
        let read = self.environment.read(&text);
        if read.is_err() {
            let path = AttributePath::attribute(name);
            self.faults.push(Fault::Malformed { path, origin, expected: PEM });
        }
        read.ok()
    }

    fn fits(&mut self, name: &'static str, tls: Tls, make: impl FnOnce(Tls) -> Option<Tls>) -> Tls {
        make(tls).unwrap_or_else(|| {
            let origin = self.text(name).map_or(Origin::Block, |(_, origin)| origin);
            self.faults.push(Fault::Malformed {
                path: AttributePath::attribute(name),
                origin,
                expected: PEM,
            });
            Tls::default()
        })
    }

    pub(super) fn endpoints(&mut self) -> BTreeMap<String, String> {
        let Some(Value::Map(entries)) = self.config.attribute(ENDPOINTS) else {
            self.block(ENDPOINTS);
            return BTreeMap::new();
        };
        let mut endpoints = BTreeMap::new();
        for (key, value) in entries {
            let path = AttributePath::attribute(ENDPOINTS).then(Step::Key(key.clone()));
            if foreign::is_service(key) {
                continue;
            }
            if !SERVICES.contains(&key.as_str()) {
                self.faults.push(Fault::UnknownEndpoint { key: key.clone(), meant: similar_service(key) });
                continue;
            }
            match value.scalar() {
                Field::Known(url) if is_base_url(&url) => drop(endpoints.insert(key.clone(), url)),
                Field::Known(_) => {
                    self.faults.push(Fault::Malformed { path, origin: Origin::Block, expected: BASE_URL });
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
