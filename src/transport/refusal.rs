//! What an answer other than the wanted one says: all the shapes in which the cloud's services, its gateway, its
//! identity service and whatever stands between them and us put an error.

use std::time::SystemTime;

use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};

use super::Response;

/// Enough for every documented message, and too little for a whole page.
const LONGEST_MESSAGE: usize = 500;

/// Of a text that is of use only as a whole.
const LONGEST_ENCODED: usize = 16 << 10;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    pub status: StatusCode,
    /// Such as `DBS.200002` or `APIGW.0301`. Empty if the answer has none.
    pub code: String,
    /// Bounded and printable. Empty if the answer has none.
    pub message: String,
    pub request_id: Option<String>,
    /// What an identity policy's denial can be decoded from, by whoever may.
    pub authorization: Option<String>,
    /// The server's clock.
    pub date: Option<SystemTime>,
}

impl Refusal {
    pub fn read(response: &Response) -> Self {
        let json: Option<Map<String, Value>> = serde_json::from_slice(&response.body).ok();
        let text = |name: &str| json.as_ref().and_then(|body| scalar(body.get(name)?));
        let pair =
            json.as_ref().and_then(pair).map(|(code, message)| (printable(&code), printable(&message)));
        let (code, message) = pair.unwrap_or_else(|| (String::new(), excerpt(response)));
        Self {
            status: response.status,
            code,
            message,
            request_id: request_id(&response.headers).or_else(|| Some(printable(&text("request_id")?))),
            authorization: text("encoded_authorization_message").filter(|text| is_encoded(text)),
            date: header(&response.headers, "date").and_then(|date| httpdate::parse_http_date(date).ok()),
        }
    }

    /// Whether the code is `number` of the API gateway, whose prefix differs from edition to edition.
    pub fn is_gateway(&self, number: &str) -> bool {
        ["APIGW.", "APIG.", "APIC."].iter().any(|prefix| self.code.strip_prefix(prefix) == Some(number))
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
    ["x-request-id", "x-iam-trace-id"].iter().find_map(|name| header(headers, name)).map(printable)
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

/// Whether a text is some form of Base64, and so can be shown as it is.
fn is_encoded(text: &str) -> bool {
    let of_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_=.".contains(&byte);
    text.len() <= LONGEST_ENCODED && text.bytes().all(of_base64)
}

/// Of a body that is no error of the cloud's: the title of a page, or the beginning of a text.
pub fn excerpt(response: &Response) -> String {
    let text = String::from_utf8_lossy(&response.body);
    let lower = text.to_ascii_lowercase();
    if !lower.trim_start().starts_with('<') {
        return printable(&text);
    }
    let title = lower.find("<title>").and_then(|start| {
        let start = start + "<title>".len();
        let end = lower[start..].find("</title>")?;
        Some(text[start..start + end].trim())
    });
    match title {
        Some(title) if !title.is_empty() => printable(&format!("an HTML page titled {title}")),
        _ => "an HTML page".to_owned(),
    }
}

/// The query of a URL may be its signature.
fn without_queries(text: &str) -> String {
    let (mut shown, mut rest) = (String::new(), text);
    while let Some(start) = rest.match_indices(':').map(|(at, _)| at).find(|at| is_authority(&rest[at + 1..]))
    {
        let end = |from: usize, marks: &[char]| {
            let at = rest[from..].find(|letter: char| letter.is_whitespace() || marks.contains(&letter));
            at.map_or(rest.len(), |at| from + at)
        };
        let path_end = end(start, &['?', '"', '\'', '<', '>']);
        let url_end = end(path_end, &['"', '\'', '<', '>']);
        shown += &rest[..path_end];
        shown += if rest[path_end..].starts_with('?') { "?***" } else { "" };
        rest = &rest[url_end..];
    }
    shown + rest
}

/// Whether two slashes come first. In a text that was to be JSON they may be escaped, in JSON within JSON twice.
fn is_authority(text: &str) -> bool {
    let after_slash = text.trim_start_matches('\\').strip_prefix('/');
    after_slash.is_some_and(|text| text.trim_start_matches('\\').starts_with('/'))
}

fn printable(text: &str) -> String {
    let text = without_queries(text);
    let mut letters = text.trim().chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    let start: String = letters.by_ref().take(LONGEST_MESSAGE).collect();
    if letters.next().is_some() { start + "…" } else { start }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, headers: &[(&'static str, &str)], body: &str) -> Refusal {
        let headers =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        let status = StatusCode::from_u16(status).unwrap();
        Refusal::read(&Response { status, headers, body: body.into() })
    }

    #[test]
    fn every_shape_of_body_gives_its_code_and_message() {
        for (body, code, message) in [
            (
                r#"{"error_code":"DBS.200001","error_msg":"Parameter error."}"#,
                "DBS.200001",
                "Parameter error.",
            ),
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
            (
                "<html><head><TITLE> 502 Bad Gateway </TITLE></head>secret</html>",
                "",
                "an HTML page titled 502 Bad Gateway",
            ),
            ("<!doctype html><p>secret", "", "an HTML page"),
        ] {
            let refusal = refusal(400, &[], body);
            assert_eq!((refusal.code.as_str(), refusal.message.as_str()), (code, message), "{body}");
        }
    }

    #[test]
    fn the_request_id_comes_from_the_first_place_that_has_one() {
        let body = r#"{"error_code":"A","error_msg":"b","request_id":"body"}"#;
        let id = |headers: &[(&'static str, &str)]| refusal(400, headers, body).request_id.unwrap();
        assert_eq!(id(&[]), "body");
        assert_eq!(id(&[("x-iam-trace-id", "iam")]), "iam");
        assert_eq!(id(&[("x-iam-trace-id", "iam"), ("x-request-id", "request")]), "request");
    }

    #[test]
    fn what_stands_beside_the_message_is_fit_to_show_too() {
        let read = |name: &str, text: &str| {
            refusal(
                400,
                &[],
                &serde_json::json!({ "error_code": "A", "error_msg": "b", name: text }).to_string(),
            )
        };
        let shown = |text: &str| read("request_id", text).request_id.unwrap();
        assert_eq!(shown("r\u{1b}[31m\nError: x https://a?b"), "r [31m Error: x https://a?***");
        assert_eq!(shown(&"r".repeat(10_000)).chars().count(), LONGEST_MESSAGE + 1);
        // Cut or altered it could not be decoded.
        let encoded = |text: &str| read("encoded_authorization_message", text).authorization;
        assert_eq!(encoded("aGk+/-_=."), Some("aGk+/-_=.".to_owned()));
        for text in ["two words", "a\u{1b}b", "https://a?b", &"a".repeat(20_000)] {
            assert_eq!(encoded(text), None, "{text:.20}");
        }
    }

    #[test]
    fn a_long_body_is_cut_and_made_printable() {
        let message = refusal(502, &[], &"\u{1b}[31m".repeat(10_000)).message;
        assert!(message.chars().count() == LONGEST_MESSAGE + 1 && !message.contains('\u{1b}'));
    }

    #[test]
    fn a_url_is_shown_without_its_query() {
        for (text, shown) in [
            (
                "see https://a/b?Signature=s&x=1 and \"http://c?d\", why?",
                "see https://a/b?*** and \"http://c?***\", why?",
            ),
            ("{\"l\":\"https://a/b?Signature=s", "{\"l\":\"https://a/b?***"),
            ("https://a://b?c", "https://a://b?***"),
            (r#"{"l":"https:\/\/a\/b?Signature=s"}"#, r#"{"l":"https:\/\/a\/b?***"}"#),
            (r#"{\"l\":\"https:\\/\\/a?b"#, r#"{\"l\":\"https:\\/\\/a?***"#),
            ("a:b?c :/d?e", "a:b?c :/d?e"),
            ("://", "://"),
        ] {
            assert_eq!(without_queries(text), shown);
        }
    }

    #[test]
    fn the_phrase_says_what_is_missing_too() {
        assert_eq!(refusal(401, &[], "").phrase(), "HTTP 401, without a message, without a request ID");
        let full =
            refusal(404, &[("x-request-id", "r1")], r#"{"error_code":"DBS.200002","error_msg":"gone"}"#);
        assert_eq!(full.phrase(), r#"HTTP 404, code DBS.200002, message "gone", request ID r1"#);
    }
}
