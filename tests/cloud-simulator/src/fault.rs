//! What can be wrong with an answer.

use std::time::{Duration, Instant};

use super::State;
use super::echo::{self, Encoding};
use super::gateway::error;
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
                let answer = error(429, "APIGW.0308", message);
                match retry_after {
                    Some(pause) => answer.with("Retry-After", pause),
                    None => answer,
                }
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
            Self::Echo { status, encoding } => echo::answer(state, request, status, encoding),
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
