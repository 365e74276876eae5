//! What can be wrong with an answer.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::State;
use super::gateway::error;
use super::signature::Claim;
use super::wire::{Answer, Reply, Request};

#[derive(Clone, Debug)]
pub enum Fault {
    /// An error of a service or of the gateway.
    Refused {
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
    Empty {
        status: u16,
    },
    /// Half of the good answer, then the end of the connection.
    Cut,
    /// Status 200 and half of the good answer as a whole.
    Garbled,
    /// The connection is closed without an answer.
    Closed,
    /// Nothing is answered as long as the client waits.
    Silent,
    /// The good answer, late.
    Slow(Duration),
    /// Status 200 and this text.
    Body(&'static str),
    /// Status 200 and so many bytes.
    Huge(usize),
    Redirect {
        to: &'static str,
    },
    /// An error that repeats what the request carried.
    Echo {
        status: u16,
        encoding: Encoding,
    },
    /// This status, with a good answer.
    Status(u16),
}

impl Fault {
    pub(super) fn reply(self, state: &State, request: &Request, good: impl FnOnce() -> Answer) -> Reply {
        let bare = |status| Answer { status, headers: Vec::new(), body: Vec::new() };
        Reply::Whole(match self {
            Self::Refused { status, code, message } => error(status, code, message),
            Self::Throttled { retry_after } => {
                let message = "The throttling threshold has been reached: policy user over ratelimit,limit:200,time:5 minute";
                let mut answer = error(429, "APIGW.0308", message);
                answer.headers.extend(retry_after.map(|pause| ("Retry-After", pause.to_owned())));
                answer
            }
            Self::Html { status } => {
                let page = format!(
                    "<html>\r\n<head><title>{status} Simulated Failure</title></head>\r\n<body><h1>{status}</h1>\
                     <hr>elb</body>\r\n</html>\r\n"
                );
                Answer { body: page.into(), ..bare(status) }.with("Content-Type", "text/html")
            }
            Self::Empty { status } => bare(status),
            Self::Cut => return Reply::Cut(half(good())),
            Self::Garbled => half(good()),
            Self::Closed => return Reply::Close,
            Self::Silent => return Reply::Silence,
            Self::Slow(delay) => return Reply::Late(delay, Box::new(Reply::Whole(good()))),
            Self::Body(text) => Answer { body: text.into(), ..bare(200) },
            Self::Huge(bytes) => Answer { body: vec![b' '; bytes], ..bare(200) },
            Self::Echo { status, encoding } => echo(state, request, status, encoding),
            Self::Status(status) => Answer { status, ..good() },
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

fn half(mut answer: Answer) -> Answer {
    answer.body.truncate(answer.body.len() / 2);
    answer
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
    pub const ALL: [Self; 9] = {
        use Encoding::{Base64, Escaped, Form, Html, Plain, Twice, Units, Url, UrlLower};
        [Plain, Escaped, Units, Twice, Url, UrlLower, Form, Html, Base64]
    };

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
fn echo(state: &State, request: &Request, status: u16, encoding: Encoding) -> Answer {
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
