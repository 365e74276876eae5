//! What can be wrong with an response.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::SharedState;
use super::gateway::error;
use super::signature::Claim;
use super::wire::{Request, Response, ResponseAction};

#[derive(Clone, Debug)]
pub enum Fault {
    /// An error of a service or of the gateway.
    ErrorResponse {
        status: u16,
        code: &'static str,
        message: &'static str,
    },
    /// 429, with `Retry-After` if given.
    Throttled {
        retry_after: Option<&'static str>,
    },
    /// A load balancer's page.
    Html {
        status: u16,
    },
    /// A status and nothing else.
    EmptyBody {
        status: u16,
    },
    /// Half of the good response, then the end of the connection.
    Truncated,
    /// Status 200 and half of the good response as a whole.
    InvalidJson,
    /// The connection is closed without an response.
    ConnectionClosed,
    /// Nothing is answered as long as the client waits.
    NoResponse,
    /// The good response, late.
    Delayed(Duration),
    /// Status 200 and this text.
    Body(&'static str),
    /// Status 200 and so many bytes.
    LargeBody(usize),
    Redirect {
        to: &'static str,
    },
    /// An error that repeats what the request carried.
    EchoSecrets {
        status: u16,
        encoding: Encoding,
    },
    /// This status, with a good response.
    Status(u16),
}

impl Fault {
    pub(super) fn apply(
        self,
        state: &SharedState,
        request: &Request,
        good: impl FnOnce() -> Response,
    ) -> ResponseAction {
        let bare = |status| Response { status, headers: Vec::new(), body: Vec::new() };
        ResponseAction::Send(match self {
            Self::ErrorResponse { status, code, message } => error(status, code, message),
            Self::Throttled { retry_after } => {
                let message = "The throttling threshold has been reached: policy user over ratelimit,limit:200,time:5 minute";
                let mut response = error(429, "APIGW.0308", message);
                response.headers.extend(retry_after.map(|pause| ("Retry-After", pause.to_owned())));
                response
            }
            Self::Html { status } => {
                let page = format!(
                    "<html>\r\n<head><title>{status} Simulated Failure</title></head>\r\n<body><h1>{status}</h1>\
                     <hr>elb</body>\r\n</html>\r\n"
                );
                Response { body: page.into(), ..bare(status) }.with("Content-Type", "text/html")
            }
            Self::EmptyBody { status } => bare(status),
            Self::Truncated => return ResponseAction::SendTruncated(half(good())),
            Self::InvalidJson => half(good()),
            Self::ConnectionClosed => return ResponseAction::CloseConnection,
            Self::NoResponse => return ResponseAction::NoResponse,
            Self::Delayed(delay) => {
                return ResponseAction::Delay(delay, Box::new(ResponseAction::Send(good())));
            }
            Self::Body(text) => Response { body: text.into(), ..bare(200) },
            Self::LargeBody(bytes) => Response { body: vec![b' '; bytes], ..bare(200) },
            Self::EchoSecrets { status, encoding } => echo(state, request, status, encoding),
            Self::Status(status) => Response { status, ..good() },
            Self::Redirect { to } => bare(302).with("Location", to),
        })
    }
}

/// How many requests are let through in each window, one window after another.
pub(super) struct Limit {
    requests: u32,
    window: Duration,
    /// When the current window began.
    since: Instant,
    count: u32,
}

impl Limit {
    pub(super) fn new(requests: u32, window: Duration) -> Self {
        Self { requests, window, since: Instant::now(), count: 0 }
    }

    /// Counts a request, and says whether it is one too many.
    pub(super) fn is_exceeded(&mut self, now: Instant) -> bool {
        while now.duration_since(self.since) >= self.window {
            self.since += self.window;
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
    fn each_window_lets_the_same_number_through() {
        let window = Duration::from_millis(100);
        let mut limit = Limit::new(2, window);
        let start = limit.since;
        let exceeded = [0, 10, 20, 99, 100, 150, 160, 730]
            .map(|millis| limit.is_exceeded(start + Duration::from_millis(millis)));
        assert_eq!(exceeded, [false, false, true, true, false, false, true, false]);
    }
}

/// How a text is written inside of a JSON string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// As JSON has to.
    Json,
    /// With slashes and what HTML does not like escaped, as some libraries write JSON.
    HtmlSafeJson,
    /// Every character as `\u0041`.
    UnicodeEscapes,
    /// The text as JSON of its own, inside of a JSON string.
    NestedJson,
    /// As in a URL, in upper and in lower case, and in a form.
    PercentUpper,
    PercentLower,
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

    /// What stands between the quotes.
    pub fn encode(self, text: &str) -> String {
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
            Self::Json => json(text),
            Self::HtmlSafeJson => ["/", "=", "&", "<", ">"].iter().fold(json(text), |text, sign| {
                let escaped =
                    if *sign == "/" { "\\/".to_owned() } else { format!("\\u{:04x}", sign.as_bytes()[0]) };
                text.replace(sign, &escaped)
            }),
            Self::UnicodeEscapes => text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect(),
            Self::NestedJson => json(&json(text)),
            Self::PercentUpper => percent(text, true),
            Self::PercentLower => percent(text, false),
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
fn echo(state: &SharedState, request: &Request, status: u16, encoding: Encoding) -> Response {
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
    let written: Vec<String> = parts.iter().map(|part| encoding.encode(part)).collect();
    let text = format!(r#"{{"error_code":"APIGW.0106","error_msg":"you sent: {}"}}"#, written.join(" ; "));
    Response {
        status,
        headers: vec![("Content-Type", "application/json".to_owned())],
        body: text.into_bytes(),
    }
}
