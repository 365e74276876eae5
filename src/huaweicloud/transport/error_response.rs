//! What an answer other than the wanted one says: all the shapes in which the cloud's services, its gateway, its
//! identity service and whatever stands between them and us put an error.
//!
//! The body is parsed as it came. Each decoded text loses the secrets that it repeats before it is cut and shown.

use std::fmt;
use std::sync::LazyLock;
use std::time::SystemTime;

use http::{HeaderMap, StatusCode};
use memchr::memmem::Finder;
use serde_json::{Map, Value};

use super::Response;
use super::excerpt::{excerpt, printable, printable_long};
use crate::system::secret;

/// The end of each name that a code has in an error's body. A name with escapes has a backslash instead.
static CODE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("ode\""));

/// Of a text that is of use only as a whole.
const LONGEST_ENCODED: usize = 16 << 10;

/// Of a message that is only searched.
const LONGEST_RAW: usize = 16 << 10;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorResponse {
    pub status: StatusCode,
    /// Such as `DBS.200002` or `APIGW.0301`. Empty if the answer has none.
    pub code: String,
    /// Bounded, printable and without secrets. Empty if the answer has none.
    pub message: String,
    /// The message as it came, to classify it by.
    pub raw: Raw,
    pub request_id: Option<String>,
    /// What an identity policy's denial can be decoded from, by whoever may.
    pub authorization: Option<String>,
    /// The server's clock.
    pub date: Option<SystemTime>,
}

/// A text that may hold secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Raw(String);

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("...")
    }
}

impl ErrorResponse {
    /// The error that an answer is. None for a good one.
    pub fn of(response: &Response) -> Option<Self> {
        if response.is_good() { Self::in_good(response) } else { Some(Self::read(response)) }
    }

    /// The error that a body with a good status tells of.
    pub fn in_good(response: &Response) -> Option<Self> {
        // Every good answer comes here several times, and most can be told apart without being parsed.
        CODE.find(&response.body).or_else(|| memchr::memchr(b'\\', &response.body))?;
        let body: Map<String, Value> = serde_json::from_slice(&response.body).ok()?;
        let code = ["error_code", "errorCode"].iter().find_map(|name| scalar(body.get(*name)?));
        let nested = || pair(body.get("error")?.as_object()?).map(|(code, _)| code);
        // Other services wrap good answers, too, in a code and a message: there only the form of the cloud's codes tells.
        let plain = || scalar(body.get("code")?).filter(|code| is_code(code) && code.contains('.'));
        let code = code.or_else(nested).or_else(plain)?;
        (code.bytes().any(|byte| byte != b'0')).then(|| Self::read(response))
    }

    /// What any answer says, as an error.
    pub fn read(response: &Response) -> Self {
        let json: Option<Map<String, Value>> = serde_json::from_slice(&response.body).ok();
        let text = |name: &str| json.as_ref().and_then(|body| scalar(body.get(name)?));
        let (code, message, raw) = match json.as_ref().and_then(pair) {
            Some((code, message)) => (identifier(&code), printable(&message), message),
            None => {
                let text = String::from_utf8_lossy(&response.body);
                (String::new(), excerpt(response), text.into_owned())
            }
        };
        Self {
            status: response.status,
            code,
            message,
            raw: Raw(raw.chars().take(LONGEST_RAW).collect()),
            request_id: request_id(&response.headers).or_else(|| Some(identifier(&text("request_id")?))),
            authorization: text("encoded_authorization_message")
                .filter(|text| is_encoded(text) && secret::redact_long(text) == *text),
            date: header(&response.headers, "date").and_then(|date| httpdate::parse_http_date(date).ok()),
        }
    }

    /// Whether the code is `number` of the API gateway, whose prefix differs from edition to edition.
    pub fn is_gateway(&self, number: &str) -> bool {
        ["APIGW.", "APIG.", "APIC."].iter().any(|prefix| self.code.strip_prefix(prefix) == Some(number))
    }

    /// Whether the message has these words, which are in lower case.
    pub fn says(&self, words: &str) -> bool {
        [&self.raw.0, &self.message].iter().any(|text| text.to_ascii_lowercase().contains(words))
    }

    /// The answer in one phrase: `HTTP 404, code DBS.200002, "…", request ID …`.
    pub fn phrase(&self) -> String {
        let mut phrase = format!("HTTP {}", self.status.as_u16());
        if !self.code.is_empty() {
            phrase += &format!(", code {}", self.code);
        }
        if self.message.is_empty() {
            phrase += ", without a message";
        } else {
            phrase += &format!(", message {:?}", self.message);
        }
        match &self.request_id {
            Some(id) => phrase + &format!(", request ID {id}"),
            None => phrase + ", without a request ID",
        }
    }
}

/// By the header, under the name that services or that the identity service uses.
pub fn request_id(headers: &HeaderMap) -> Option<String> {
    ["x-request-id", "x-iam-trace-id"].iter().find_map(|name| header(headers, name)).map(identifier)
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok()).filter(|value| !value.is_empty())
}

/// Code and message under any of their names, here or in a nested object; a message alone will do.
fn pair(body: &Map<String, Value>) -> Option<(String, String)> {
    const NAMES: [(&str, &str); 4] = [
        ("error_code", "error_msg"),
        ("errorCode", "errorMessage"),
        ("errorCode", "errorMsg"),
        ("code", "message"),
    ];
    let both = |(code, message): (&str, &str)| Some((scalar(body.get(code)?)?, scalar(body.get(message)?)?));
    let nested = || body.values().find_map(|value| pair(value.as_object()?));
    let message =
        || ["error_msg", "errorMessage", "errorMsg", "message"].iter().find_map(|it| scalar(body.get(*it)?));
    let found = NAMES.into_iter().find_map(both).or_else(nested);
    found.or_else(|| message().map(|message| (String::new(), message)))
}

/// A text or a number that says something. The identity service's codes are numbers.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A code or a request ID. One of the cloud's form is shown whatever the secrets are, and in any other a short secret
/// is a coincidence.
fn identifier(text: &str) -> String {
    if is_code(text) || is_request_id(text) { text.to_owned() } else { printable_long(text) }
}

/// `DBS.200002`, `PAP5.0001`, `401`.
fn is_code(text: &str) -> bool {
    let (service, number) = text.split_once('.').unwrap_or(("", text));
    service.len() <= 16
        && service.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        && (1..=8).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// 32 digits in hex, with and without the hyphens of a UUID.
fn is_request_id(text: &str) -> bool {
    matches!(text.len(), 32 | 36) && uuid::Uuid::try_parse(text).is_ok()
}

/// Whether a text is some form of Base64, and so can be shown as it is.
fn is_encoded(text: &str) -> bool {
    let of_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_=.".contains(&byte);
    text.len() <= LONGEST_ENCODED && text.bytes().all(of_base64)
}

#[cfg(test)]
mod tests;
