//! How long throttled plans take, and how many calls they waste: the figures that the policy has to reach.

use super::*;

/// Reads as Terraform does: so many at once, the next one when one is done. Gives how many failed.
pub(super) async fn plan(script: &Script, reads: usize, parallelism: usize) -> usize {
    let transport = Transport::scripted(script.clone(), 5);
    let (left, failed) = (AtomicUsize::new(reads), AtomicUsize::new(0));
    let take = || left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
    let workers = (0..parallelism).map(|_| async {
        while take() {
            let outcome = read(&transport, "dds.example.com", seconds(300.0)).await;
            let good = outcome.result.is_ok_and(|response| response.status == 200);
            failed.fetch_add(usize::from(!good), Ordering::Relaxed);
        }
    });
    futures_util::future::join_all(workers).await;
    failed.into_inner()
}

/// One row of the table: what is asked of the policy.
struct Row {
    limit: usize,
    window: f64,
    plans: usize,
    reads: usize,
    parallelism: usize,
    busy: Duration,
    /// At most so many times the ideal time, and this share of the calls wasted.
    time: f64,
    wasted: f64,
}

impl Row {
    /// Time as a multiple of the ideal one, the share of wasted calls, failed reads.
    fn run(&self, seed: u64) -> (f64, f64, usize) {
        fastrand::seed(seed);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(async {
            let begun = seconds(self.window * fastrand::f64());
            let script = windows(self.limit, seconds(self.window), begun, self.busy);
            let started = Instant::now();
            let plans = (0..self.plans).map(|_| plan(&script, self.reads, self.parallelism));
            let failed = futures_util::future::join_all(plans).await.into_iter().sum();
            let (reads, calls) = (self.plans * self.reads, script.sent() as usize);
            (
                started.elapsed().as_secs_f64() / self.ideal(begun),
                (calls - reads) as f64 / calls as f64,
                failed,
            )
        })
    }

    /// What the limit allows. Of a long window, what is left of it, with one pause between probes.
    fn ideal(&self, begun: Duration) -> f64 {
        let reads = self.plans * self.reads;
        if self.window > 1.0 {
            let windows = reads.div_ceil(self.limit) - 1;
            windows as f64 * self.window - begun.as_secs_f64() + 5.0
        } else {
            reads as f64 / self.limit as f64 * self.window
        }
    }

    /// With answers as fast as a 429, and slower by a little and by much.
    fn holds(self) {
        for busy in [0, 4, 50] {
            Self { busy: millis(busy), ..self }.holds_here();
        }
    }

    fn holds_here(&self) {
        let runs: Vec<_> = (1..=5).map(|seed| self.run(seed)).collect();
        let median = |values: Vec<f64>| {
            let mut values = values;
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        let time = median(runs.iter().map(|run| run.0).collect());
        let wasted = median(runs.iter().map(|run| run.1).collect());
        let failed: usize = runs.iter().map(|run| run.2).sum();
        let row = format!(
            "{} in {} s | {} x {} reads | {} at once | busy {:?} | {time:.2} of ideal | {:.1} % wasted | {failed} failed",
            self.limit,
            self.window,
            self.plans,
            self.reads,
            self.parallelism,
            self.busy,
            wasted * 100.0
        );
        println!("{row}");
        assert!(failed == 0 && time <= self.time && wasted <= self.wasted, "{row}");
    }
}

/// The row that the others differ from.
const ROW: Row = Row {
    limit: 10,
    window: 1.0,
    plans: 1,
    reads: 200,
    parallelism: 10,
    busy: Duration::ZERO,
    time: 1.15,
    wasted: 0.1,
};

#[test]
fn two_hundred_reads_pass_ten_a_second() {
    ROW.holds();
}

#[test]
fn two_hundred_and_fifty_reads_pass_two_hundred_a_minute() {
    Row { limit: 200, window: 60.0, reads: 250, ..ROW }.holds();
}

#[test]
fn a_thousand_reads_pass_a_hundred_a_second() {
    for parallelism in [10, 100] {
        Row { limit: 100, reads: 1000, parallelism, time: 1.2, wasted: 0.05, ..ROW }.holds();
    }
}

#[test]
fn four_plans_share_forty_a_second() {
    Row { limit: 40, plans: 4, reads: 100, time: 1.6, wasted: 0.2, ..ROW }.holds();
}

#[test]
fn a_limit_below_the_lowest_rate_fails_no_read() {
    Row { limit: 20, window: 60.0, reads: 60, wasted: 0.5, ..ROW }.holds();
}
