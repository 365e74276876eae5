//! A small HTTP/1.1 server. It can also send invalid responses, which HTTP libraries prevent.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, SystemTime};

/// A received HTTP request.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    /// The request target as it was sent, with the query.
    pub target: String,
    /// The path without the query and without a leading region code.
    pub path: String,
    /// The region code from the path, or the default region.
    pub region: String,
    /// Header names in lower case, and their values.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON. Null if it is not JSON.
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The query as it was sent.
    pub fn raw_query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    pub(super) fn query(&self, name: &str) -> Option<String> {
        let pairs = self.raw_query().split('&').filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| super::signature::decode(value))
    }
}

/// Reads the next request. None at the end of the connection. `bytes` keeps the start of the following request.
pub(super) fn read(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> io::Result<Option<Request>> {
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut parsed = httparse::Request::new(&mut headers);
        let status = parsed.parse(bytes).map_err(io::Error::other)?;
        if let httparse::Status::Complete(head) = status {
            let target = parsed.path.unwrap_or_default().to_owned();
            let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
            let headers =
                parsed.headers.iter().map(|header| (header.name.to_ascii_lowercase(), text(header.value)));
            let (headers, method) = (headers.collect(), parsed.method.unwrap_or_default().to_owned());
            let path = origin_form(&target).split('?').next().unwrap_or_default().to_owned();
            let (region, body) = (String::new(), bytes.split_off(head));
            let mut request = Request { method, target, path, region, headers, body };
            let length = request.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
            let received = request.body.len().min(length);
            *bytes = request.body.split_off(received);
            request.body.resize(length, 0);
            stream.read_exact(&mut request.body[received..])?;
            return Ok(Some(request));
        }
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk)? {
            0 => return Ok(None),
            count => bytes.extend_from_slice(&chunk[..count]),
        }
    }
}

/// The path and the query of a request target. A client that uses this server as its proxy sends the whole URL.
pub(super) fn origin_form(target: &str) -> &str {
    target.strip_prefix("http://").map_or(target, |rest| &rest[rest.find('/').unwrap_or(rest.len())..])
}

/// How the cloud responds to a request.
pub(super) enum ResponseAction {
    Send(Response),
    /// `Content-Length` is larger than the body.
    SendTruncated(Response),
    /// Closes the connection without a response.
    CloseConnection,
    /// Sends nothing until the client closes the connection.
    NoResponse,
    /// Responds later.
    Delay(Duration, Box<ResponseAction>),
}

/// A response, or an error response.
pub(super) type HandlerResult = Result<Response, Response>;

#[derive(Clone)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

impl Response {
    pub(super) fn json(status: u16, body: &serde_json::Value) -> Self {
        let content_type = ("Content-Type", "application/json".to_owned());
        Self { status, headers: vec![content_type], body: body.to_string().into_bytes() }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The bytes to send. `Content-Length` is `missing` bytes too large.
    fn to_bytes(&self, missing: usize, now: SystemTime) -> Vec<u8> {
        let mut head =
            format!("HTTP/1.1 {} Simulated\r\nDate: {}\r\n", self.status, httpdate::fmt_http_date(now));
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("Content-Length: {}\r\n\r\n", self.body.len() + missing);
        [head.as_bytes(), &self.body].concat()
    }
}

impl ResponseAction {
    pub(super) fn status(&self) -> Option<u16> {
        match self {
            Self::Send(response) | Self::SendTruncated(response) => Some(response.status),
            Self::CloseConnection | Self::NoResponse => None,
            Self::Delay(_, action) => action.status(),
        }
    }

    /// Sends the response. Returns whether the connection stays open.
    pub(super) fn write(self, stream: &mut TcpStream, now: SystemTime) -> bool {
        match self {
            Self::Send(response) => stream.write_all(&response.to_bytes(0, now)).is_ok(),
            Self::SendTruncated(response) => {
                let _ = stream.write_all(&response.to_bytes(100, now));
                false
            }
            Self::CloseConnection => false,
            Self::NoResponse => {
                let _ = stream.read(&mut [0]);
                false
            }
            Self::Delay(delay, action) => {
                std::thread::sleep(delay);
                action.write(stream, now)
            }
        }
    }
}
