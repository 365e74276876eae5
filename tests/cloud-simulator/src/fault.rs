//! Faults that tests inject into responses.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::SharedState;
use super::gateway::error_response;
use super::signature::RequestSignature;
use super::wire::{Request, Response, ResponseAction};

/// A fault that changes or replaces the normal response.
#[derive(Clone, Debug)]
pub enum Fault {
    /// An error response of a service or of the gateway.
    ErrorResponse {
        status: u16,
        code: &'static str,
        message: &'static str,
    },
    /// HTTP 429, optionally with `Retry-After`.
    Throttled {
        retry_after: Option<&'static str>,
    },
    /// The HTML page of a load balancer.
    Html {
        status: u16,
    },
    /// A status without headers and body.
    EmptyBody {
        status: u16,
    },
    /// Half of the normal body, then the connection is closed.
    Truncated,
    /// Half of the normal body, with a matching `Content-Length`.
    InvalidJson,
    /// The connection is closed without a response.
    ConnectionClosed,
    /// No response until the client closes the connection.
    NoResponse,
    /// The normal response after a delay.
    Delayed(Duration),
    /// Status 200 and this body.
    Body(&'static str),
    /// Status 200 and a body of this many spaces.
    LargeBody(usize),
    Redirect {
        to: &'static str,
    },
    /// An error response that repeats the secrets of the request.
    EchoSecrets {
        status: u16,
        encoding: Encoding,
    },
    /// This status with the normal headers and body.
    Status(u16),
    /// The normal response with this value at this JSON pointer.
    Value(&'static str, Value),
}

impl Fault {
    pub(super) fn apply(
        self,
        state: &SharedState,
        request: &Request,
        normal: impl FnOnce() -> Response,
    ) -> ResponseAction {
        let empty = |status| Response { status, headers: Vec::new(), body: Vec::new() };
        ResponseAction::Send(match self {
            Self::ErrorResponse { status, code, message } => error_response(status, code, message),
            Self::Throttled { retry_after } => {
                let message = "The throttling threshold has been reached: policy user over ratelimit,limit:200,time:5 minute";
                let mut response = error_response(429, "APIGW.0308", message);
                response.headers.extend(retry_after.map(|delay| ("Retry-After", delay.to_owned())));
                response
            }
            Self::Html { status } => {
                let page = format!(
                    "<html>\r\n<head><title>{status} Simulated Failure</title></head>\r\n<body><h1>{status}</h1>\
                     <hr>elb</body>\r\n</html>\r\n"
                );
                Response { body: page.into(), ..empty(status) }.with("Content-Type", "text/html")
            }
            Self::EmptyBody { status } => empty(status),
            Self::Truncated => return ResponseAction::SendTruncated(half(normal())),
            Self::InvalidJson => half(normal()),
            Self::ConnectionClosed => return ResponseAction::CloseConnection,
            Self::NoResponse => return ResponseAction::NoResponse,
            Self::Delayed(delay) => {
                return ResponseAction::Delay(delay, Box::new(ResponseAction::Send(normal())));
            }
            Self::Body(text) => Response { body: text.into(), ..empty(200) },
            Self::LargeBody(bytes) => Response { body: vec![b' '; bytes], ..empty(200) },
            Self::EchoSecrets { status, encoding } => echo_secrets(state, request, status, encoding),
            Self::Status(status) => Response { status, ..normal() },
            Self::Value(pointer, value) => {
                let response = normal();
                let mut body: Value = serde_json::from_slice(&response.body).expect("a JSON body");
                *body.pointer_mut(pointer).expect("a value at the pointer") = value;
                Response { body: body.to_string().into_bytes(), ..response }
            }
            Self::Redirect { to } => empty(302).with("Location", to),
        })
    }
}

/// A fixed-window rate limit.
pub(super) struct RateLimit {
    requests: u32,
    window: Duration,
    /// Start of the current window.
    window_start: Instant,
    count: u32,
}

impl RateLimit {
    pub(super) fn new(requests: u32, window: Duration) -> Self {
        Self { requests, window, window_start: Instant::now(), count: 0 }
    }

    /// Counts a request and returns whether it exceeds the limit.
    pub(super) fn is_exceeded(&mut self, now: Instant) -> bool {
        while now.duration_since(self.window_start) >= self.window {
            self.window_start += self.window;
            self.count = 0;
        }
        self.count += 1;
        self.count > self.requests
    }
}

fn half(mut response: Response) -> Response {
    response.body.truncate(response.body.len() / 2);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_window_allows_the_same_number_of_requests() {
        let window = Duration::from_millis(100);
        let mut limit = RateLimit::new(2, window);
        let start = limit.window_start;
        let exceeded = [0, 10, 20, 99, 100, 150, 160, 730]
            .map(|millis| limit.is_exceeded(start + Duration::from_millis(millis)));
        assert_eq!(exceeded, [false, false, true, true, false, false, true, false]);
    }
}

/// An encoding of a string within a JSON string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// The escapes that JSON requires.
    Json,
    /// JSON with escaped slashes and HTML characters, as some libraries write it.
    HtmlSafeJson,
    /// Every character as `\u0041`.
    UnicodeEscapes,
    /// JSON in a JSON string: escaped twice.
    NestedJson,
    /// Percent-encoding with upper-case digits.
    PercentUpper,
    /// Percent-encoding with lower-case digits.
    PercentLower,
    /// `application/x-www-form-urlencoded`.
    Form,
    Html,
    Base64,
}

impl Encoding {
    pub const ALL: [Self; 9] = {
        use Encoding::{
            Base64, Form, Html, HtmlSafeJson, Json, NestedJson, PercentLower, PercentUpper, UnicodeEscapes,
        };
        [Json, HtmlSafeJson, UnicodeEscapes, NestedJson, PercentUpper, PercentLower, Form, Html, Base64]
    };

    /// Encodes a string, without the surrounding quotes.
    pub fn encode(self, text: &str) -> String {
        let json = |text: &str| {
            let quoted = Value::from(text).to_string();
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
            Self::Json => json(text),
            Self::HtmlSafeJson => ["/", "=", "&", "<", ">"].iter().fold(json(text), |text, character| {
                let escaped = if *character == "/" {
                    "\\/".to_owned()
                } else {
                    format!("\\u{:04x}", character.as_bytes()[0])
                };
                text.replace(character, &escaped)
            }),
            Self::UnicodeEscapes => text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect(),
            Self::NestedJson => json(&json(text)),
            Self::PercentUpper => percent(text, true),
            Self::PercentLower => percent(text, false),
            Self::Form => percent(text, true).replace("%20", "+"),
            Self::Html => {
                let entities =
                    [("&", "&amp;"), ("\"", "&quot;"), ("<", "&lt;"), ("=", "&#61;"), ("+", "&#x2b;")];
                json(
                    &entities
                        .iter()
                        .fold(text.to_owned(), |text, (character, entity)| text.replace(character, entity)),
                )
            }
            Self::Base64 => STANDARD.encode(text),
        }
    }
}

/// An error response with the secret key of the signer and the secrets in the headers and the body.
fn echo_secrets(state: &SharedState, request: &Request, status: u16, encoding: Encoding) -> Response {
    let (body, mut secrets) = (request.json(), Vec::new());
    for pointer in
        ["/auth/identity/password/user/password", "/auth/id_token/id", "/id_token", "/auth/identity/token/id"]
    {
        secrets.extend(body.pointer(pointer).and_then(|text| text.as_str()).map(str::to_owned));
    }
    let signer = RequestSignature::parse(request).and_then(|signature| state.find_key(signature.access_key));
    secrets.extend(signer.map(|(key, _, _)| key.secret));
    let headers =
        ["x-auth-token", "x-security-token", "x-metadata-token", "proxy-authorization", "authorization"];
    secrets.extend(headers.iter().filter_map(|name| request.header(name)).map(str::to_owned));
    // The signature of a download link.
    secrets.extend(request.query("Signature"));
    let encoded: Vec<String> = secrets.iter().map(|secret| encoding.encode(secret)).collect();
    let text = format!(r#"{{"error_code":"APIGW.0106","error_msg":"you sent: {}"}}"#, encoded.join(" ; "));
    Response {
        status,
        headers: vec![("Content-Type", "application/json".to_owned())],
        body: text.into_bytes(),
    }
}
