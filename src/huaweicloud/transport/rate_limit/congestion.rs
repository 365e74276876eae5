//! Congestion control: the rate of requests to a host, based on its responses. The caller passes the current time.
//!
//! Before the first 429, only the number of requests in flight is limited. A 429 stops all requests. Then single probes
//! are sent until one gets a response. After that, requests are sent at a rate below the measured one, which grows
//! until the next 429. A 429 does not cut the rate again if its request was sent before the last cut.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Maximum requests in flight at the start: Terraform's default parallelism.
const INITIAL_IN_FLIGHT: usize = 10;

/// The maximum grows by one after this many responses.
const RESPONSES_PER_STEP: usize = 4;

/// The delay before a probe doubles from the initial to the maximum delay. After a long wait it is a share of the wait:
/// some gateways use windows of five minutes, and some count rejected requests.
const INITIAL_DELAY: Duration = Duration::from_millis(200);
const MAX_DELAY: Duration = Duration::from_secs(5);
const SHARE_OF_WAIT: f64 = 0.1;

/// If a probe gets no response within this time, the next one is sent.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// The share of the measured rate that is used after a cut. The full rate would fill the next window again.
const CUT_FACTOR: f64 = 0.9;

/// A cut keeps at least this share of the rate, because other clients may have used part of the measured window.
const MIN_CUT_FACTOR: f64 = 0.7;

/// Growth of the rate, in requests per second to the power of four. It does not depend on the rate, so that processes
/// that share a limit reach equal rates.
const GROWTH: f64 = 0.05;

/// The minimum rate, in requests per second.
const MIN_RATE: f64 = 1.0;

/// A request that is late by less than this, or by less than the interval, does not delay the next one. Timers are late
/// by one or two milliseconds, or more under load.
const TIMER_TOLERANCE: Duration = Duration::from_millis(20);

/// Above the rate before the cut, the rate is limited to this multiple of the measured rate, because a few successful
/// requests prove little.
const MAX_STEP: f64 = 2.0;

/// A random part of this share of a requested delay, and of at most `MAX_JITTER`, is added to it, so that processes do
/// not resume at the same time.
const JITTER: f64 = 0.1;
const MAX_JITTER: Duration = Duration::from_secs(5);

/// The rate is measured over this time.
const MEASURING_PERIOD: Duration = Duration::from_secs(1);

/// The state of the congestion control for one host.
#[derive(Debug, Default)]
pub(super) struct CongestionControl {
    phase: Phase,
    in_flight: usize,
    /// Number of requests sent, and number of rate cuts.
    sent: u64,
    cuts: u64,
    /// Times of the responses in the last second, except 429.
    responses: VecDeque<Instant>,
    /// The end of the longest delay that the server has requested.
    retry_after_until: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// No 429 so far.
    Open { max_in_flight: usize, responses: usize },
    /// After a cut: one probe at a time, until one gets a response.
    Probing { cut: RateCut, next_probe: Instant, delay: Duration, probe: Option<SentRequest> },
    /// After a successful probe: requests are sent at a rate.
    Paced { curve: RateCurve, since: Instant, next_send: Instant },
}

/// A cut of the rate after a 429.
#[derive(Clone, Copy, Debug)]
struct RateCut {
    at: Instant,
    /// The rate before the cut, in requests per second. `None` for the first cut.
    rate_before: Option<f64>,
    /// The responses in the second before the cut. Later responses to requests from before the cut count as well,
    /// because a 429 arrives faster than a response.
    measured: f64,
}

/// How the rate grows after a cut. Both rates are in requests per second.
#[derive(Clone, Copy, Debug)]
struct RateCurve {
    after_cut: f64,
    before_cut: f64,
}

/// A request that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SentRequest {
    number: u64,
    sent_at: Instant,
    cuts: u64,
}

/// Whether and when the next request may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SendDecision {
    Now(SentRequest),
    NotBefore(Instant),
    /// When a request in flight gets a response.
    AfterResponse,
}

impl SentRequest {
    /// Returns when the request was sent.
    pub(super) fn sent_at(&self) -> Instant {
        self.sent_at
    }
}

impl RateCut {
    fn curve(self) -> RateCurve {
        let limited = |rate_before: f64| rate_before.min(self.measured.max(MIN_CUT_FACTOR * rate_before));
        let before_cut = self.rate_before.map_or(self.measured, limited).max(MIN_RATE);
        RateCurve { before_cut, after_cut: (before_cut * CUT_FACTOR).max(MIN_RATE) }
    }
}

impl RateCurve {
    /// Returns the rate after this time, as in TCP CUBIC: fast growth, slow growth near the rate before the cut, then
    /// fast growth again.
    fn rate_at(self, time: Duration, measured: f64) -> f64 {
        let plateau = ((self.before_cut - self.after_cut) / GROWTH).cbrt();
        let rate = self.before_cut + GROWTH * (time.as_secs_f64() - plateau).powi(3);
        rate.min(self.before_cut.max(MAX_STEP * measured)).max(MIN_RATE)
    }
}

impl Default for Phase {
    fn default() -> Self {
        Self::Open { max_in_flight: INITIAL_IN_FLIGHT, responses: 0 }
    }
}

impl CongestionControl {
    /// Decides whether a request may be sent now. If so, it is counted as sent.
    pub(super) fn try_send(&mut self, now: Instant) -> SendDecision {
        if let Some(end) = self.retry_after_until.filter(|end| now < *end) {
            return SendDecision::NotBefore(end);
        }
        let request = SentRequest { number: self.sent, sent_at: now, cuts: self.cuts };
        let measured = self.measured_rate(now);
        match &mut self.phase {
            Phase::Open { max_in_flight, .. } if self.in_flight >= *max_in_flight => {
                return SendDecision::AfterResponse;
            }
            Phase::Open { .. } => {}
            Phase::Probing { next_probe, .. } if now < *next_probe => {
                return SendDecision::NotBefore(*next_probe);
            }
            Phase::Probing { probe: Some(probe), .. } if now < probe.sent_at + PROBE_TIMEOUT => {
                return SendDecision::NotBefore(probe.sent_at + PROBE_TIMEOUT);
            }
            Phase::Probing { probe, .. } => *probe = Some(request),
            Phase::Paced { next_send, .. } if now < *next_send => {
                return SendDecision::NotBefore(*next_send);
            }
            Phase::Paced { curve, since, next_send } => {
                let interval = interval(curve.rate_at(now.saturating_duration_since(*since), measured));
                let earliest = now.checked_sub(TIMER_TOLERANCE.max(interval)).unwrap_or(now);
                *next_send = (*next_send).max(earliest) + interval;
            }
        }
        self.sent += 1;
        self.in_flight += 1;
        SendDecision::Now(request)
    }

    /// Records a response other than 429.
    pub(super) fn on_response(&mut self, request: SentRequest, now: Instant) {
        self.in_flight -= 1;
        self.responses.push_back(now);
        match &mut self.phase {
            Phase::Open { max_in_flight, responses } => {
                *responses += 1;
                *max_in_flight += usize::from(responses.is_multiple_of(RESPONSES_PER_STEP));
            }
            Phase::Probing { cut, .. } if request.cuts == self.cuts => {
                let curve = cut.curve();
                self.phase = Phase::Paced { curve, since: now, next_send: now + interval(curve.after_cut) };
            }
            Phase::Probing { cut, .. } if request.sent_at + MEASURING_PERIOD > cut.at => cut.measured += 1.0,
            Phase::Probing { .. } | Phase::Paced { .. } => {}
        }
    }

    /// Records a 429, with the requested delay.
    pub(super) fn on_throttled(&mut self, request: SentRequest, now: Instant, requested: Option<Duration>) {
        self.in_flight -= 1;
        if let Some(requested) = requested {
            let jitter = requested.mul_f64(JITTER).min(MAX_JITTER).mul_f64(fastrand::f64());
            self.retry_after_until = self.retry_after_until.max(Some(now + requested + jitter));
        }
        if request.cuts != self.cuts {
            return;
        }
        let measured = self.measured_rate(now);
        let rate_before = match &mut self.phase {
            Phase::Open { .. } => None,
            Phase::Paced { curve, since, .. } => {
                Some(curve.rate_at(now.saturating_duration_since(*since), measured))
            }
            Phase::Probing { cut, next_probe, delay, probe } => {
                let waited = now.saturating_duration_since(cut.at);
                *delay = (*delay * 2).min(MAX_DELAY).max(waited.mul_f64(SHARE_OF_WAIT));
                *next_probe = now + jitter(*delay);
                *probe = None;
                return;
            }
        };
        self.cuts += 1;
        let cut = RateCut { at: now, rate_before, measured };
        let next_probe = now + jitter(INITIAL_DELAY);
        self.phase = Phase::Probing { cut, next_probe, delay: INITIAL_DELAY, probe: None };
    }

    /// Records a request without a response.
    pub(super) fn on_no_response(&mut self, request: SentRequest, now: Instant) {
        self.in_flight -= 1;
        if let Phase::Probing { next_probe, delay, probe, .. } = &mut self.phase
            && *probe == Some(request)
        {
            *probe = None;
            *next_probe = now + *delay;
        }
    }

    /// Returns the number of responses in the last second.
    fn measured_rate(&mut self, now: Instant) -> f64 {
        while self
            .responses
            .front()
            .is_some_and(|first| now.saturating_duration_since(*first) >= MEASURING_PERIOD)
        {
            self.responses.pop_front();
        }
        #[expect(clippy::cast_precision_loss, reason = "a number of responses")]
        let count = self.responses.len() as f64;
        count
    }
}

/// Returns a delay that is up to a quarter longer or shorter.
fn jitter(delay: Duration) -> Duration {
    delay.mul_f64(0.75 + 0.5 * fastrand::f64())
}

fn interval(rate: f64) -> Duration {
    Duration::from_secs_f64(1.0 / rate)
}
