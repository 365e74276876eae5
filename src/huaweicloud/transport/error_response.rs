//! Error responses in the formats of all services, the API gateway, IAM, and proxies.
//!
//! Secrets are redacted in each decoded string before it is truncated and shown.

use std::fmt;
use std::sync::LazyLock;
use std::time::SystemTime;

use http::{HeaderMap, StatusCode};
use memchr::memmem::Finder;
use serde_json::{Map, Value};

use super::Response;
use crate::huaweicloud::strings::{excerpt, printable, printable_identifier};
use crate::system::secret;

/// The end of every field name for an error code. A name with escapes contains a backslash instead.
static CODE_NAME_END: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("ode\""));

/// Maximum length of the encoded authorization message, which is useless if it is truncated.
const MAX_ENCODED_LENGTH: usize = 16 << 10;

/// Maximum length of the raw message, which is only searched.
const MAX_RAW_LENGTH: usize = 16 << 10;

/// Maximum length of a word that cannot be a key or a token.
const MAX_WORD_LENGTH: usize = 16;

/// An error response of the cloud or of a proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorResponse {
    /// The HTTP status. It may be 2xx.
    pub status: StatusCode,
    /// The error code, such as `DBS.200002` or `APIGW.0301`. Empty if there is none.
    pub code: String,
    /// The message: short, printable and without secrets. Empty if there is none.
    pub message: String,
    /// The message as received, used to classify the error.
    pub(crate) raw_message: RawMessage,
    /// The request ID for the cloud's support.
    pub request_id: Option<String>,
    /// The encoded reason why a policy denied the request.
    pub authorization_message: Option<String>,
    /// The time of the server.
    pub date: Option<SystemTime>,
}

/// A string that may contain secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct RawMessage(String);

impl fmt::Debug for RawMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("...")
    }
}

impl ErrorResponse {
    /// Returns the error in a response, or `None` if the response is not an error.
    pub(crate) fn from_response(response: &Response) -> Option<Self> {
        if response.is_success() { Self::in_success(response) } else { Some(Self::parse(response)) }
    }

    /// Returns the error in the body of a 2xx response.
    pub(crate) fn in_success(response: &Response) -> Option<Self> {
        // Each successful response is checked several times, so avoid the parser if possible.
        CODE_NAME_END.find(&response.body).or_else(|| memchr::memchr(b'\\', &response.body))?;
        let body: Map<String, Value> = serde_json::from_slice(&response.body).ok()?;
        let code = ["error_code", "errorCode"].iter().find_map(|name| scalar(body.get(*name)?));
        let nested = || code_and_message(body.get("error")?.as_object()?).map(|(code, _)| code);
        // Some services also use a code and a message for success. Then only a code in the cloud's format is an error.
        let plain = || scalar(body.get("code")?).filter(|code| is_code(code) && code.contains('.'));
        let code = code.or_else(nested).or_else(plain)?;
        (code.bytes().any(|byte| byte != b'0')).then(|| Self::parse(response))
    }

    /// Returns the error in a response to a request for a key or a token, or `None` if the response is not an error. An
    /// unknown body may contain the new key or token, which is not registered for redaction, so it is not shown.
    pub(crate) fn from_credential_response(response: &Response) -> Option<Self> {
        Self::from_response(response).map(|_| Self::parse_with(response, credential_excerpt))
    }

    /// Parses a response as an error.
    pub fn parse(response: &Response) -> Self {
        Self::parse_with(response, excerpt)
    }

    /// Parses a response as an error. `describe` describes a body in an unknown format.
    fn parse_with(response: &Response, describe: fn(&[u8]) -> String) -> Self {
        let json: Option<Map<String, Value>> = serde_json::from_slice(&response.body).ok();
        let text = |name: &str| json.as_ref().and_then(|body| scalar(body.get(name)?));
        let (code, message, raw) = match json.as_ref().and_then(code_and_message) {
            Some((code, message)) => (identifier(&code), printable(&message), message),
            None => {
                let text = String::from_utf8_lossy(&response.body);
                (String::new(), describe(&response.body), text.into_owned())
            }
        };
        Self {
            status: response.status,
            code,
            message,
            raw_message: RawMessage(raw.chars().take(MAX_RAW_LENGTH).collect()),
            request_id: request_id(&response.headers).or_else(|| Some(identifier(&text("request_id")?))),
            authorization_message: text("encoded_authorization_message")
                .filter(|text| is_encoded(text) && secret::redact_long(text) == *text),
            date: header_value(&response.headers, "date")
                .and_then(|date| httpdate::parse_http_date(date).ok()),
        }
    }

    /// Whether the code is this number of the API gateway. The prefix differs between the gateway's editions.
    pub(crate) fn is_gateway(&self, number: &str) -> bool {
        ["APIGW.", "APIG.", "APIC."].iter().any(|prefix| self.code.strip_prefix(prefix) == Some(number))
    }

    /// Whether the message contains these words. They must be in lower case.
    pub(crate) fn message_contains(&self, words: &str) -> bool {
        [&self.raw_message.0, &self.message].iter().any(|text| text.to_ascii_lowercase().contains(words))
    }

    /// Describes the response: `HTTP 404, code DBS.200002, message "…", request ID …`.
    pub fn description(&self) -> String {
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

/// Describes a body in an unknown format that may contain a key or a token. Shows only the title of a page, or a text of
/// short words.
fn credential_excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    let is_page = text.starts_with('<');
    if !is_page && text.starts_with(['{', '[', '"']) {
        format!("a JSON document of {} bytes", body.len())
    } else if !is_page && text.split_whitespace().any(|word| word.len() > MAX_WORD_LENGTH) {
        format!("a text of {} bytes", body.len())
    } else {
        excerpt(body)
    }
}

/// Returns the request ID in the headers of a service or of IAM.
pub(super) fn request_id(headers: &HeaderMap) -> Option<String> {
    ["x-request-id", "x-iam-trace-id"].iter().find_map(|name| header_value(headers, name)).map(identifier)
}

fn header_value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok()).filter(|value| !value.is_empty())
}

/// Returns code and message by any of their names, also from a nested object. The code is empty if there is only a
/// message.
fn code_and_message(body: &Map<String, Value>) -> Option<(String, String)> {
    const NAMES: [(&str, &str); 4] = [
        ("error_code", "error_msg"),
        ("errorCode", "errorMessage"),
        ("errorCode", "errorMsg"),
        ("code", "message"),
    ];
    let both = |(code, message): (&str, &str)| Some((scalar(body.get(code)?)?, scalar(body.get(message)?)?));
    let nested = || body.values().find_map(|value| code_and_message(value.as_object()?));
    let message = || {
        ["error_msg", "errorMessage", "errorMsg", "message"].iter().find_map(|name| scalar(body.get(*name)?))
    };
    let found = NAMES.into_iter().find_map(both).or_else(nested);
    found.or_else(|| message().map(|message| (String::new(), message)))
}

/// Returns a non-empty string, or a number as a string. The codes of IAM are numbers.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Makes a code or a request ID printable. A string in the cloud's format cannot be a secret. Any other string may
/// contain a short secret by coincidence.
fn identifier(text: &str) -> String {
    if is_code(text) || is_request_id(text) { text.to_owned() } else { printable_identifier(text) }
}

/// Whether a string is in the cloud's format of codes, such as `DBS.200002`, `PAP5.0001` and `401`.
fn is_code(text: &str) -> bool {
    let (service, number) = text.split_once('.').unwrap_or(("", text));
    service.len() <= 16
        && service.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        && (1..=8).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a string is a request ID: 32 hexadecimal digits, with or without the hyphens of a UUID.
fn is_request_id(text: &str) -> bool {
    matches!(text.len(), 32 | 36) && uuid::Uuid::try_parse(text).is_ok()
}

/// Whether a string is some form of Base64, and can be shown as it is.
fn is_encoded(text: &str) -> bool {
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_=.".contains(&byte);
    text.len() <= MAX_ENCODED_LENGTH && text.bytes().all(is_base64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::huaweicloud::strings::MAX_CHARS;
    use crate::huaweicloud::transport::tests::http_response;
    use crate::system::secret::SecretString;
    use serde_json::json;

    fn response(status: u16, headers: &[(&'static str, &str)], body: &str) -> ErrorResponse {
        ErrorResponse::parse(&http_response(status, headers, body))
    }

    #[test]
    fn code_and_message_are_parsed_from_every_format() {
        for (body, code, message) in [
            (r#"{"error_code":"DBS.200001","error_msg":"Wrong."}"#, "DBS.200001", "Wrong."),
            (r#"{"error_msg":"bad","error_code":"APIGW.0301","request_id":"r"}"#, "APIGW.0301", "bad"),
            (r#"{"error":{"code":401,"message":"wrong","title":"Unauthorized"}}"#, "401", "wrong"),
            (r#"{"error":{"code":"EPS.0003","message":"no","ext_message":null}}"#, "EPS.0003", "no"),
            (r#"{"code":"X.1","message":"m"}"#, "X.1", "m"),
            (r#"{"errorCode":"C.1","errorMessage":"m"}"#, "C.1", "m"),
            (r#"{"errorCode":"C.2","errorMsg":"m"}"#, "C.2", "m"),
            (r#"{"message":"only","request_id":"r"}"#, "", "only"),
            (r#"{"error_code":"","error_msg":"","x":{"code":"N","message":"nested"}}"#, "N", "nested"),
            ("", "", ""),
            ("  plain\ntext ", "", "plain text"),
            ("<html><TITLE> 502 Bad </TITLE>secret</html>", "", "an HTML page titled 502 Bad"),
            ("<!doctype html><p>secret", "", "an HTML page"),
        ] {
            let response = response(400, &[], body);
            assert_eq!((response.code.as_str(), response.message.as_str()), (code, message), "{body}");
        }
    }

    #[test]
    fn unknown_body_of_a_credential_response_is_not_shown() {
        let key = r#"{"credential":{"access":"A","secret":"S","securitytoken":"T"}}"#;
        for (status, body, message) in [
            (206, key, "a JSON document of 62 bytes"),
            // Truncated, so it is not JSON.
            (500, &key[..40], "a JSON document of 40 bytes"),
            (500, " \"token\" ", "a JSON document of 9 bytes"),
            (500, "AAAAAAAAAAAAAAAAA\n", "a text of 18 bytes"),
            (502, "<html><TITLE>502 Bad</TITLE>AAAAAAAAAAAAAAAAA", "an HTML page titled 502 Bad"),
            (404, "404 page not found", "404 page not found"),
            (400, r#"{"error_code":"A.1","error_msg":"AAAAAAAAAAAAAAAAAA"}"#, "AAAAAAAAAAAAAAAAAA"),
            (400, "", ""),
        ] {
            let response = http_response(status, &[], body);
            let error = ErrorResponse::from_credential_response(&response).unwrap();
            assert_eq!(error.message, message, "{body}");
        }
        assert_eq!(ErrorResponse::from_credential_response(&http_response(200, &[], key)), None);
    }

    #[test]
    fn request_id_in_headers_overrides_the_body() {
        let body = r#"{"error_code":"A","error_msg":"b","request_id":"body"}"#;
        let id = |headers: &[(&'static str, &str)]| response(400, headers, body).request_id.unwrap();
        assert_eq!(id(&[]), "body");
        assert_eq!(id(&[("x-iam-trace-id", "iam")]), "iam");
        assert_eq!(id(&[("x-iam-trace-id", "iam"), ("x-request-id", "request")]), "request");
    }

    #[test]
    fn request_id_and_authorization_message_are_printable() {
        let read = |name: &str, text: &str| {
            response(400, &[], &json!({ "error_code": "A", "error_msg": "b", name: text }).to_string())
        };
        let shown = |text: &str| read("request_id", text).request_id.unwrap();
        assert_eq!(shown("r\u{1b}[31m\nError: x https://a?b"), "r [31m Error: x https://a?***");
        assert_eq!(shown(&"r".repeat(10_000)).chars().count(), MAX_CHARS + 1);
        // A truncated or changed string could not be decoded.
        let encoded = |text: &str| read("encoded_authorization_message", text).authorization_message;
        assert_eq!(encoded("aGk+/-_=."), Some("aGk+/-_=.".to_owned()));
        for text in ["two words", "a\u{1b}b", "https://a?b", &"a".repeat(20_000)] {
            assert_eq!(encoded(text), None, "{text:.20}");
        }
    }

    #[test]
    fn error_in_the_body_of_a_2xx_response_is_an_error() {
        let found = |status, body| {
            ErrorResponse::from_response(&http_response(status, &[], body)).map(|error| error.code)
        };
        for body in [
            r#"{"error_code":"DBS.200002","error_msg":"gone"}"#,
            r#"{"errorCode":"DBS.200002","errorMsg":"gone"}"#,
            r#"{"error":{"code":"DBS.200002","message":"gone"}}"#,
            r#"{"code":"DBS.200002","message":"gone"}"#,
        ] {
            assert_eq!(found(200, body).as_deref(), Some("DBS.200002"), "{body}");
        }
        for body in [
            r#"{"certs":[]}"#,
            r#"{"error_code":"0","error_msg":"","certs":[]}"#,
            r#"{"error_code":null,"certs":[]}"#,
            r#"{"code":200,"message":"OK","certs":[]}"#,
            r#"{"projects":[{"code":"DBS.200002","message":"m"}]}"#,
            "",
        ] {
            assert_eq!(found(200, body), None, "{body}");
            assert_eq!(found(299, body), None, "{body}");
            assert!(found(206, body).is_some() && found(302, body).is_some(), "{body}");
        }
    }

    #[test]
    fn codes_and_request_ids_are_not_redacted() {
        let _secrets = ["S", "DBS", "200002", "5a3d0000000000000000000000000001", "req", "long-secret"]
            .map(SecretString::from);
        let body = |code: &str, id: &str| {
            json!({ "error_code": code, "error_msg": "DBS sent S long-secret", "request_id": id }).to_string()
        };
        let read = |code: &str, id: &str| response(404, &[], &body(code, id));
        let found = read("DBS.200002", "5a3d0000000000000000000000000001");
        assert_eq!((found.code.as_str(), found.message.as_str()), ("DBS.200002", "*** sent *** ***"));
        assert_eq!(found.request_id.as_deref(), Some("5a3d0000000000000000000000000001"));
        assert_eq!(read("A", "req-1").request_id.as_deref(), Some("req-1"));
        // A string that contains a secret is neither a code nor a request ID.
        let found = read("long\u{2d}secret", "x long-secret");
        assert_eq!((found.code.as_str(), found.request_id.as_deref()), ("***", Some("x ***")));
    }

    #[test]
    fn message_is_classified_before_redaction() {
        let _secret = SecretString::from("exist");
        let body = r#"{"error_code":"APIGW.0301","error_msg":"ak A does not Exist, exist"}"#;
        let found = response(401, &[], body);
        assert!(found.message_contains("not exist") && found.message.ends_with("Exist, ***"));
        assert!(!format!("{found:?}").contains("exist"));
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
        #[test]
        fn secrets_in_a_body_are_redacted(
            secret in "[A-Za-z0-9+/=_é\"\\\\<&%-]{8,40}",
            field in 0..7_usize,
            encoding in 0..5_usize,
        ) {
            let _secret = SecretString::from(secret.as_str());
            let json = Value::from(secret.as_str()).to_string();
            let units = |text: &str| text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
            let encoded = match encoding {
                0 => json[1..json.len() - 1].to_owned(),
                1 => json[1..json.len() - 1].replace('/', "\\/"),
                2 => units(&secret),
                3 => secret.bytes().map(|byte| format!("%{byte:02x}")).collect(),
                _ => json[1..json.len() - 1].replace('=', "\\u003d"),
            };
            let body = match field {
                0 => format!(r#"{{"error_code":"{encoded}","error_msg":"m"}}"#),
                1 => format!(r#"{{"error_code":"C","error_msg":"m {encoded} n"}}"#),
                2 => format!(r#"{{"error_code":"C","error_msg":"m","request_id":"{encoded}"}}"#),
                3 => format!(r#"{{"error_code":"C","error_msg":"m","encoded_authorization_message":"{encoded}"}}"#),
                4 => format!(r#"{{"x":"{encoded}""#),
                5 => format!("<html><title>{encoded}</title>"),
                _ => format!("{} {encoded}", "x".repeat(MAX_CHARS - 10)),
            };
            let found = response(400, &[], &body);
            let shown = format!("{} {:?} {found:?}", found.description(), found.authorization_message);
            proptest::prop_assert!(!shown.contains(&secret) && !shown.contains(&encoded), "{}", shown);
        }
    }

    #[test]
    fn long_body_is_truncated_and_printable() {
        let message = response(502, &[], &"\u{1b}[31m".repeat(10_000)).message;
        assert!(message.chars().count() == MAX_CHARS + 1 && !message.contains('\u{1b}'));
    }

    #[test]
    fn description_mentions_missing_parts() {
        assert_eq!(response(401, &[], "").description(), "HTTP 401, without a message, without a request ID");
        let body = r#"{"error_code":"DBS.200002","error_msg":"gone"}"#;
        let full = response(404, &[("x-request-id", "r1")], body);
        assert_eq!(full.description(), r#"HTTP 404, code DBS.200002, message "gone", request ID r1"#);
    }
}
