//! The server's side of a request signature: what the client should have signed, computed from what arrived.

mod algorithm;
#[cfg(test)]
mod tests;

use super::wire::Request;

pub(super) use algorithm::Algorithm;
#[cfg(test)]
pub(super) use tests::sign;

/// What a signed request says of itself: `SDK-HMAC-SHA256 Access=…, SignedHeaders=…, Signature=…`.
pub(super) struct Claim<'a> {
    algorithm: Algorithm,
    pub(super) access_key: &'a str,
    pub(super) signed: Vec<&'a str>,
    signature: &'a str,
}

impl<'a> Claim<'a> {
    pub(super) fn read(request: &'a Request) -> Option<Self> {
        let (label, parts) = request.header("authorization")?.split_once(' ')?;
        let algorithm = Algorithm::ALL.into_iter().find(|algorithm| algorithm.label() == label)?;
        let mut parts = parts.split(", ");
        let mut part = |name| parts.next().and_then(|part| part.strip_prefix(name));
        let access_key = part("Access=")?;
        let signed = part("SignedHeaders=")?.split(';').collect();
        let signature = part("Signature=")?;
        Some(Self { algorithm, access_key, signed, signature })
    }

    /// Whether the signature is one that this secret gives for the request as it arrived.
    pub(super) fn holds(&self, request: &Request, secret: &str) -> bool {
        let Some(canonical) = canonical_request(request, &self.signed, self.algorithm) else {
            return false;
        };
        let date = request.header("x-sdk-date").unwrap_or_default();
        let text = self.algorithm.string_to_sign(date, &canonical);
        self.algorithm.verifies(self.access_key, secret, &text, self.signature)
    }
}

/// For bodies that the client leaves out of its signature.
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// None if a header is missing that is said to be signed: that breaks the signature.
fn canonical_request(request: &Request, signed: &[&str], algorithm: Algorithm) -> Option<String> {
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
    let mut names: Vec<String> = signed.iter().map(|name| name.to_ascii_lowercase()).collect();
    names.sort();
    let mut headers = String::new();
    for name in &names {
        headers += &format!("{name}:{}\n", request.header(name)?.trim());
    }
    let body = match request.header(algorithm.payload_header()) {
        Some(UNSIGNED) if !request.body.is_empty() => UNSIGNED.to_owned(),
        _ => algorithm.digest(&request.body),
    };
    let (query, names) = (query.join("&"), names.join(";"));
    Some(format!("{}\n{path}\n{query}\n{headers}\n{names}\n{body}", request.method))
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
