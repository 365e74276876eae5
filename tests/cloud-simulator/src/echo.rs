//! Repeats what a request carried, as gateways and proxies do, in one of the encodings that texts come in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::State;
use super::signature::Claim;
use super::wire::{Answer, Request};

/// How a text is written inside of a JSON string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// As JSON has to.
    Plain,
    /// With slashes and what HTML does not like escaped, as some libraries write JSON.
    Escaped,
    /// Every character as `\u0041`.
    Units,
    /// The text as JSON of its own, inside of a JSON string.
    Twice,
    /// As in a URL, in upper and in lower case, and in a form.
    Url,
    UrlLower,
    Form,
    Html,
    Base64,
}

impl Encoding {
    pub const ALL: [Self; 9] = [
        Self::Plain,
        Self::Escaped,
        Self::Units,
        Self::Twice,
        Self::Url,
        Self::UrlLower,
        Self::Form,
        Self::Html,
        Self::Base64,
    ];

    /// What stands between the quotes.
    pub fn write(self, text: &str) -> String {
        let json = |text: &str| {
            let quoted = serde_json::Value::from(text).to_string();
            quoted[1..quoted.len() - 1].to_owned()
        };
        let percent = |text: &str, upper: bool| {
            let byte = |byte: u8| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
                byte if upper => format!("%{byte:02X}"),
                byte => format!("%{byte:02x}"),
            };
            text.bytes().map(byte).collect::<String>()
        };
        match self {
            Self::Plain => json(text),
            Self::Escaped => ["/", "=", "&", "<", ">"].iter().fold(json(text), |text, sign| {
                let escaped =
                    if *sign == "/" { "\\/".to_owned() } else { format!("\\u{:04x}", sign.as_bytes()[0]) };
                text.replace(sign, &escaped)
            }),
            Self::Units => text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect(),
            Self::Twice => json(&json(text)),
            Self::Url => percent(text, true),
            Self::UrlLower => percent(text, false),
            Self::Form => percent(text, true).replace("%20", "+"),
            Self::Html => {
                let signs =
                    [("&", "&amp;"), ("\"", "&quot;"), ("<", "&lt;"), ("=", "&#61;"), ("+", "&#x2b;")];
                json(&signs.iter().fold(text.to_owned(), |text, (sign, entity)| text.replace(sign, entity)))
            }
            Self::Base64 => STANDARD.encode(text),
        }
    }
}

/// An error that repeats the secret of the key that signed, and those in the body and the headers.
pub(super) fn answer(state: &State, request: &Request, status: u16, encoding: Encoding) -> Answer {
    let (body, mut parts) = (request.json(), Vec::new());
    for pointer in
        ["/auth/identity/password/user/password", "/auth/id_token/id", "/id_token", "/auth/identity/token/id"]
    {
        parts.extend(body.pointer(pointer).and_then(|text| text.as_str()).map(str::to_owned));
    }
    let claim = Claim::read(request).and_then(|claim| state.find_key(claim.access_key));
    parts.extend(claim.map(|(key, _, _)| key.secret));
    let headers =
        ["x-auth-token", "x-security-token", "x-metadata-token", "proxy-authorization", "authorization"];
    parts.extend(headers.iter().filter_map(|name| request.header(name)).map(str::to_owned));
    let written: Vec<String> = parts.iter().map(|part| encoding.write(part)).collect();
    let text = format!(r#"{{"error_code":"APIGW.0106","error_msg":"you sent: {}"}}"#, written.join(" ; "));
    Answer { status, headers: vec![("Content-Type", "application/json".to_owned())], body: text.into_bytes() }
}
