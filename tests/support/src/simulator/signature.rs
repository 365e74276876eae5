//! The server's side of a request signature: what the client should have signed, computed from what arrived.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use super::wire::Request;

/// What a signed request says of itself: `SDK-HMAC-SHA256 Access=…, SignedHeaders=…, Signature=…`.
pub(super) struct Claim<'a> {
    pub(super) access_key: &'a str,
    pub(super) signed: Vec<&'a str>,
    signature: &'a str,
}

impl<'a> Claim<'a> {
    pub(super) fn read(request: &'a Request) -> Option<Self> {
        let parts = request.header("authorization")?.strip_prefix("SDK-HMAC-SHA256 ")?;
        let mut parts = parts.split(", ");
        let mut part = |name| parts.next().and_then(|part| part.strip_prefix(name));
        let access_key = part("Access=")?;
        let signed = part("SignedHeaders=")?.split(';').collect();
        let signature = part("Signature=")?;
        Some(Self { access_key, signed, signature })
    }

    /// Whether the signature is the one that this secret gives for the request as it arrived.
    pub(super) fn holds(&self, request: &Request, secret: &str) -> bool {
        let Some(canonical) = self.canonical(request) else {
            return false;
        };
        let date = request.header("x-sdk-date").unwrap_or_default();
        sign(&canonical, date, secret) == self.signature
    }

    fn canonical(&self, request: &Request) -> Option<String> {
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        let mut path: String = decode(path).split('/').map(|segment| encode(segment) + "/").collect();
        if path.ends_with("//") {
            path.pop();
        }
        let mut pairs: Vec<(String, String)> = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| (encode(&decode(name)), encode(&decode(value))))
            .collect();
        pairs.sort();
        let query: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        // In the server's order, whatever order the client chose.
        let mut names: Vec<String> = self.signed.iter().map(|name| name.to_ascii_lowercase()).collect();
        names.sort();
        let mut headers = String::new();
        for name in &names {
            // A header that is said to be signed and did not arrive breaks the signature.
            headers += &format!("{name}:{}\n", request.header(name)?.trim());
        }
        let body = hex(&Sha256::digest(&request.body));
        let (query, names) = (query.join("&"), names.join(";"));
        Some(format!("{}\n{path}\n{query}\n{headers}\n{names}\n{body}", request.method))
    }
}

pub(super) fn sign(canonical: &str, date: &str, secret: &str) -> String {
    let text = format!("SDK-HMAC-SHA256\n{date}\n{}", hex(&Sha256::digest(canonical)));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("keys of any length");
    mac.update(text.as_bytes());
    hex(&mac.finalize().into_bytes())
}

pub(super) fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let code = text.get(at + 1..at + 3).and_then(|code| u8::from_str_radix(code, 16).ok());
        match (bytes[at], code) {
            (b'%', Some(code)) => {
                decoded.push(code);
                at += 3;
            }
            (byte, _) => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn encode(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "SKexample0123456789abcdefghijABCDEFGHIJ01";
    const HOST: &str = "dds.cn-north-4.myhuaweicloud.com";

    fn request(target: &str, more: &[(&str, &str)], signed: &str, signature: &str) -> Request {
        let claim = format!(
            "SDK-HMAC-SHA256 Access=AKEXAMPLE0123456789A, SignedHeaders={signed}, Signature={signature}"
        );
        let headers = [("host", HOST), ("x-sdk-date", "20260115T083000Z"), ("authorization", &claim)];
        let headers = headers.iter().chain(more).map(|(name, value)| (name.to_string(), value.to_string()));
        Request {
            method: "GET".into(),
            target: target.into(),
            path: String::new(),
            region: String::new(),
            headers: headers.collect(),
            body: Vec::new(),
        }
    }

    fn holds(request: &Request) -> bool {
        Claim::read(request).unwrap().holds(request, SECRET)
    }

    /// Made with the official Python SDK.
    fn samples() -> [Request; 4] {
        let project = "0123456789abcdef0123456789abcdef";
        let links =
            format!("/v3/{project}/instances/e73893ef73754465a8bd2e0857bbf13ein02/ssl-cert/download-link");
        let list = format!(
            "/v3/{project}/instances?name=%2Amy%20db%2F%C3%A9~&limit=100&offset=0&mode=ReplicaSet&tags=k%201%3Dv%261%2Ck2%3D"
        );
        [
            request(
                &links,
                &[],
                "host;x-sdk-date",
                "f18ac443277cf35bfa6aefdbbbc612a865638c8c5ab6e31bc833bc17d2a6a005",
            ),
            request(
                &links,
                &[("x-project-id", project), ("x-security-token", "STSTOKEN+/=example")],
                "host;x-project-id;x-sdk-date;x-security-token",
                "a1bb9c83b5fded87f68a09b1c40ed81c81f00e4f448daf232a60de97fa963e6f",
            ),
            request(
                &list,
                &[("x-project-id", project)],
                "host;x-project-id;x-sdk-date",
                "539231353a264e188c4653896ed63f46d58218ecfe7be4a445abb97d5a6065fb",
            ),
            request(
                "/v3/proj/in%20st/a+b:c@d/é~_-.%2Fz/",
                &[],
                "host;x-sdk-date",
                "d3b4763e3ad076d62d6e0d4ff923e17671cdcb081faeba2dabead3f5ed059abb",
            ),
        ]
    }

    #[test]
    fn signatures_of_the_official_sdk_hold() {
        assert!(samples().iter().all(holds));
    }

    #[test]
    fn a_change_anywhere_breaks_the_signature() {
        for sample in samples() {
            let change = |change: fn(&mut Request)| {
                let mut changed = sample.clone();
                change(&mut changed);
                assert!(!holds(&changed), "{changed:?}");
            };
            change(|request| request.method = "PUT".into());
            change(|request| request.target = request.target.replacen("v3", "v4", 1));
            change(|request| request.target += if request.target.contains('?') { "&a=b" } else { "?a=b" });
            change(|request| request.headers[0].1 += ".example.com");
            change(|request| request.headers[1].1 = "20260115T083001Z".into());
            change(|request| request.body.push(b'x'));
            change(|request| drop(request.headers.remove(0)));
        }
    }
}
