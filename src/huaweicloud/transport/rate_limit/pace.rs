//! The rate of requests to a host, measured by its responses. Pure: the caller tells the time.
//!
//! Before the first 429 only the number of requests in flight is limited. A 429 stops all requests. Then single probes are
//! sent until one is answered, and requests are sent at a rate below the measured one, which grows until the next 429.
//! A 429 for a request that was sent before the last cut does not cut the rate again.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Limit of requests in flight at the beginning: the default parallelism of Terraform.
const FIRST_IN_FLIGHT: usize = 10;

/// After so many responses the limit grows by one.
const ANSWERS_PER_STEP: usize = 4;

/// The pause before a probe doubles from the first to the longest. After a long wait it is a share of the wait, because
/// windows of five minutes are known and some gateways count refused requests.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const SHARE_OF_WAIT: f64 = 0.1;

/// After this time without a response to a probe the next one is sent.
const PROBE_LIMIT: Duration = Duration::from_secs(5);

/// The share of the measured rate that is used after a cut. The full rate would fill the next window again.
const CUT: f64 = 0.9;

/// A cut lowers the rate to this share at least, because other clients may have filled the measured window.
const DEEPEST_CUT: f64 = 0.7;

/// Growth of the rate, in requests per second to the power of four. It does not depend on the rate, so that processes
/// under one limit reach equal shares.
const GROWTH: f64 = 0.05;

/// The lowest rate, in requests per second.
const LOWEST_RATE: f64 = 1.0;

/// A request that is late by less than this, or by less than the interval, does not delay the next one: timers are late
/// by a millisecond or two, on a busy machine by more.
const LATE: Duration = Duration::from_millis(20);

/// Above the rate before the cut, the rate is at most so many times the measured one: the success of few requests proves
/// nothing.
const LARGEST_STEP: f64 = 2.0;

/// A random part of this share, and of this time, is added to a pause that the server asks for, so that processes do not
/// return at once.
const SPREAD: f64 = 0.1;
const LONGEST_SPREAD: Duration = Duration::from_secs(5);

/// The rate is measured over this time.
const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Pace {
    phase: Phase,
    in_flight: usize,
    /// How many requests were sent, and how often the rate was cut.
    sent: u64,
    cuts: u64,
    /// Times of the responses of the last second, other than 429.
    answers: VecDeque<Instant>,
    /// The end of the longest pause that the server has asked for.
    paused_until: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// There was no 429 yet.
    Open {
        allowed: usize,
        answers: usize,
    },
    /// One probe at a time since the cut, until one is answered.
    Probing {
        cut: Cut,
        from: Instant,
        pause: Duration,
        probe: Option<Ticket>,
    },
    Paced {
        rate: Rate,
        since: Instant,
        next: Instant,
    },
}

#[derive(Clone, Copy, Debug)]
struct Cut {
    at: Instant,
    /// The rate before the cut, in requests per second. None for the first cut.
    current: Option<f64>,
    /// The responses in the second before the cut. Later responses to requests from before it count as well, because a 429
    /// takes less time than a response.
    measured: f64,
}

/// In requests per second.
#[derive(Clone, Copy, Debug)]
struct Rate {
    after_cut: f64,
    before_cut: f64,
}

/// A request that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    number: u64,
    at: Instant,
    cuts: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    Now(Ticket),
    NotBefore(Instant),
    /// When a request in flight is answered.
    AfterAnswer,
}

impl Ticket {
    /// When the request was sent.
    pub(super) fn at(&self) -> Instant {
        self.at
    }
}

impl Cut {
    fn rate(self) -> Rate {
        let limited = |current: f64| current.min(self.measured.max(DEEPEST_CUT * current));
        let before_cut = self.current.map_or(self.measured, limited).max(LOWEST_RATE);
        Rate { before_cut, after_cut: (before_cut * CUT).max(LOWEST_RATE) }
    }
}

impl Rate {
    /// The rate after this time, as in TCP's CUBIC: it grows fast, slowly near the rate before the cut, then fast again.
    fn after(self, time: Duration, measured: f64) -> f64 {
        let plateau = ((self.before_cut - self.after_cut) / GROWTH).cbrt();
        let grown = self.before_cut + GROWTH * (time.as_secs_f64() - plateau).powi(3);
        grown.min(self.before_cut.max(LARGEST_STEP * measured)).max(LOWEST_RATE)
    }
}

impl Default for Phase {
    fn default() -> Self {
        Self::Open { allowed: FIRST_IN_FLIGHT, answers: 0 }
    }
}

impl Pace {
    /// Whether a request may be sent. If so, it counts as sent.
    pub(super) fn admit(&mut self, now: Instant) -> Admission {
        if let Some(end) = self.paused_until.filter(|end| now < *end) {
            return Admission::NotBefore(end);
        }
        let ticket = Ticket { number: self.sent, at: now, cuts: self.cuts };
        let measured = self.measured(now);
        match &mut self.phase {
            Phase::Open { allowed, .. } if self.in_flight >= *allowed => return Admission::AfterAnswer,
            Phase::Open { .. } => {}
            Phase::Probing { from, .. } if now < *from => return Admission::NotBefore(*from),
            Phase::Probing { probe: Some(probe), .. } if now < probe.at + PROBE_LIMIT => {
                return Admission::NotBefore(probe.at + PROBE_LIMIT);
            }
            Phase::Probing { probe, .. } => *probe = Some(ticket),
            Phase::Paced { next, .. } if now < *next => return Admission::NotBefore(*next),
            Phase::Paced { rate, since, next } => {
                let interval = interval(rate.after(now.saturating_duration_since(*since), measured));
                let earliest = now.checked_sub(LATE.max(interval)).unwrap_or(now);
                *next = (*next).max(earliest) + interval;
            }
        }
        self.sent += 1;
        self.in_flight += 1;
        Admission::Now(ticket)
    }

    /// Records a response other than 429.
    pub(super) fn answered(&mut self, ticket: Ticket, now: Instant) {
        self.in_flight -= 1;
        self.answers.push_back(now);
        match &mut self.phase {
            Phase::Open { allowed, answers } => {
                *answers += 1;
                *allowed += usize::from(answers.is_multiple_of(ANSWERS_PER_STEP));
            }
            Phase::Probing { cut, .. } if ticket.cuts == self.cuts => {
                let rate = cut.rate();
                self.phase = Phase::Paced { rate, since: now, next: now + interval(rate.after_cut) };
            }
            Phase::Probing { cut, .. } if ticket.at + SECOND > cut.at => cut.measured += 1.0,
            Phase::Probing { .. } | Phase::Paced { .. } => {}
        }
    }

    /// Records a 429, with the pause that it asks for.
    pub(super) fn throttled(&mut self, ticket: Ticket, now: Instant, asked: Option<Duration>) {
        self.in_flight -= 1;
        if let Some(asked) = asked {
            let spread = asked.mul_f64(SPREAD).min(LONGEST_SPREAD).mul_f64(fastrand::f64());
            self.paused_until = self.paused_until.max(Some(now + asked + spread));
        }
        if ticket.cuts != self.cuts {
            return;
        }
        let measured = self.measured(now);
        let current = match &mut self.phase {
            Phase::Open { .. } => None,
            Phase::Paced { rate, since, .. } => {
                Some(rate.after(now.saturating_duration_since(*since), measured))
            }
            Phase::Probing { cut, from, pause, probe } => {
                let waited = now.saturating_duration_since(cut.at);
                *pause = (*pause * 2).min(LONGEST_PAUSE).max(waited.mul_f64(SHARE_OF_WAIT));
                *from = now + spread(*pause);
                *probe = None;
                return;
            }
        };
        self.cuts += 1;
        let cut = Cut { at: now, current, measured };
        let from = now + spread(FIRST_PAUSE);
        self.phase = Phase::Probing { cut, from, pause: FIRST_PAUSE, probe: None };
    }

    /// Records a request without a response.
    pub(super) fn lost(&mut self, ticket: Ticket, now: Instant) {
        self.in_flight -= 1;
        if let Phase::Probing { from, pause, probe, .. } = &mut self.phase
            && *probe == Some(ticket)
        {
            *probe = None;
            *from = now + *pause;
        }
    }

    /// The number of responses in the last second.
    fn measured(&mut self, now: Instant) -> f64 {
        while self.answers.front().is_some_and(|first| now.saturating_duration_since(*first) >= SECOND) {
            self.answers.pop_front();
        }
        #[expect(clippy::cast_precision_loss, reason = "a number of answers")]
        let count = self.answers.len() as f64;
        count
    }
}

/// A pause that is longer or shorter by up to a quarter.
fn spread(pause: Duration) -> Duration {
    pause.mul_f64(0.75 + 0.5 * fastrand::f64())
}

fn interval(rate: f64) -> Duration {
    Duration::from_secs_f64(1.0 / rate)
}
