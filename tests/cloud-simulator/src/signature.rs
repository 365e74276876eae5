//! Verifies request signatures: computes the expected signature from the received request.

mod algorithm;
#[cfg(test)]
mod tests;

use super::wire::Request;

pub(super) use algorithm::Algorithm;
#[cfg(test)]
pub(super) use tests::sign;

/// A parsed `Authorization` header: `SDK-HMAC-SHA256 Access=…, SignedHeaders=…, Signature=…`.
pub(super) struct RequestSignature<'a> {
    algorithm: Algorithm,
    pub(super) access_key: &'a str,
    pub(super) signed_headers: Vec<&'a str>,
    signature: &'a str,
}

impl<'a> RequestSignature<'a> {
    pub(super) fn parse(request: &'a Request) -> Option<Self> {
        let (label, parts) = request.header("authorization")?.split_once(' ')?;
        let algorithm = Algorithm::ALL.into_iter().find(|algorithm| algorithm.label() == label)?;
        let mut parts = parts.split(", ");
        let mut part = |name| parts.next().and_then(|part| part.strip_prefix(name));
        let access_key = part("Access=")?;
        let signed_headers = part("SignedHeaders=")?.split(';').collect();
        let signature = part("Signature=")?;
        Some(Self { algorithm, access_key, signed_headers, signature })
    }

    /// Whether the signature matches the received request and this secret key.
    pub(super) fn is_valid(&self, request: &Request, secret: &str) -> bool {
        let Some(canonical) = canonical_request(request, &self.signed_headers, self.algorithm) else {
            return false;
        };
        let date = request.header("x-sdk-date").unwrap_or_default();
        let text = self.algorithm.string_to_sign(date, &canonical);
        self.algorithm.verifies(self.access_key, secret, &text, self.signature)
    }
}

/// The payload hash of a request whose body is not signed.
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// Returns the canonical request. None if a signed header is missing.
fn canonical_request(request: &Request, signed: &[&str], algorithm: Algorithm) -> Option<String> {
    let target = super::wire::origin_form(&request.target);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
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
    // Sorted, because the client may send them in any order.
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
    let mut index = 0;
    while index < bytes.len() {
        let code = text.get(index + 1..index + 3).and_then(|code| u8::from_str_radix(code, 16).ok());
        match (bytes[index], code) {
            (b'%', Some(code)) => {
                decoded.push(code);
                index += 3;
            }
            (byte, _) => {
                decoded.push(byte);
                index += 1;
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
