//! The metrics, the values that were measured, and their limits.

use std::collections::BTreeMap;

use super::mapping::Provider;
use crate::statistics::{Summary, summarize};

/// Something that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    pub key: &'static str,
    /// The name and the unit.
    pub label: &'static str,
}

macro_rules! metrics {
    ($($name:ident = $key:literal, $label:literal;)+) => {
        $(pub const $name: Metric = Metric { key: $key, label: $label };)+
        /// All metrics, in the order of the table.
        pub const METRICS: &[Metric] = &[$($name),+];
    };
}

metrics! {
    SIZE = "size_mib", "size of the executable, MiB";
    HANDSHAKE = "handshake_ms", "process start to handshake line, ms";
    SCHEMA = "schema_ms", "process start to schema, ms";
    CONFIGURE = "configure_ms", "configure call, ms";
    IDLE_RESIDENT = "idle_resident_mib", "resident memory, configured and idle, MiB";
    END = "end_ms", "Shutdown to process end, ms";
    FIRST_READ = "first_read_ms", "first read, ms";
    READS_1 = "reads_1_per_s", "reads per second, 1 at a time";
    READS_1_P50 = "reads_1_p50_ms", "time of a read, 1 at a time, 50th percentile, ms";
    READS_1_P99 = "reads_1_p99_ms", "time of a read, 1 at a time, 99th percentile, ms";
    READS_10 = "reads_10_per_s", "reads per second, 10 at a time";
    READS_10_P50 = "reads_10_p50_ms", "time of a read, 10 at a time, 50th percentile, ms";
    READS_10_P99 = "reads_10_p99_ms", "time of a read, 10 at a time, 99th percentile, ms";
    READS_10_RESIDENT = "reads_10_resident_mib", "resident memory after half of the reads, at most 10 at a time, MiB";
    READS_100 = "reads_100_per_s", "reads per second, 100 at a time";
    READS_100_P50 = "reads_100_p50_ms", "time of a read, 100 at a time, 50th percentile, ms";
    READS_100_P99 = "reads_100_p99_ms", "time of a read, 100 at a time, 99th percentile, ms";
    READS_100_RESIDENT = "reads_100_resident_mib", "resident memory after all reads, at most 100 at a time, MiB";
    CPU = "cpu_1000_reads_s", "CPU time of 1,000 reads, s";
    HANDSHAKE_INSTRUCTIONS = "handshake_instructions", "instructions to handshake line, million";
    READ_INSTRUCTIONS = "read_instructions", "instructions of a read, million";
    PLAN_EMPTY = "plan_empty_ms", "plan without a provider, ms";
    PLAN = "plan_ms", "time that the provider adds to a plan, ms";
    PLAN_RATIO = "plan_ratio", "the same, compared with minimal_provider, times";
    PLAN_WITHOUT_TLS = "plan_without_tls_ms", "time that it adds without TLS between Core and provider, ms";
    ALIASES_TIME = "aliases_s", "plan with 17 aliases, s";
    ALIASES_RESIDENT = "aliases_resident_mib", "resident memory of all processes, 17 aliases, MiB";
    ALIASES_PROPORTIONAL = "aliases_proportional_mib", "the same, shared pages counted once, MiB";
    PLAN_1000 = "plan_1000_s", "plan with 1,000 data sources, s";
    PLAN_1000_RATIO = "plan_1000_ratio", "the same, compared with minimal_provider, times";
    PLAN_1000_CONSTANT_RATIO = "plan_1000_constant_ratio", "the same, compared with constant_provider, times";
    PLAN_1000_CORE_CPU = "plan_1000_core_cpu_s", "plan with 1,000 data sources: CPU time of Terraform, s";
    PLAN_1000_PROVIDER_CPU = "plan_1000_provider_cpu_s", "plan with 1,000 data sources: CPU time of the provider, s";
    PLAN_1000_CPU_RATIO = "plan_1000_cpu_ratio", "both together, compared with constant_provider, times";
    PLAN_1000_CLOUD_CPU = "plan_1000_cloud_cpu_s", "plan with 1,000 data sources: CPU time of the simulated cloud, s";
    PLAN_10000 = "plan_10000_s", "plan with 10,000 data sources, s";
    PLAN_10000_RATIO = "plan_10000_ratio", "the same, compared with minimal_provider, times";
    PLAN_10000_CONSTANT_RATIO = "plan_10000_constant_ratio", "the same, compared with constant_provider, times";
    PLAN_10000_CORE_CPU = "plan_10000_core_cpu_s", "plan with 10,000 data sources: CPU time of Terraform, s";
    PLAN_10000_PROVIDER_CPU = "plan_10000_provider_cpu_s", "plan with 10,000 data sources: CPU time of the provider, s";
    PLAN_10000_CPU_RATIO = "plan_10000_cpu_ratio", "both together, compared with constant_provider, times";
    PLAN_10000_CLOUD_CPU = "plan_10000_cloud_cpu_s", "plan with 10,000 data sources: CPU time of the simulated cloud, s";
}

/// A plan with many data sources, and its metrics.
pub struct ManyReads {
    pub reads: usize,
    pub time: Metric,
    pub ratio: Metric,
    pub constant_ratio: Metric,
    pub core_cpu: Metric,
    pub provider_cpu: Metric,
    pub cpu_ratio: Metric,
    pub cloud_cpu: Metric,
}

pub const READS_1000: ManyReads = ManyReads {
    reads: 1000,
    time: PLAN_1000,
    ratio: PLAN_1000_RATIO,
    constant_ratio: PLAN_1000_CONSTANT_RATIO,
    core_cpu: PLAN_1000_CORE_CPU,
    provider_cpu: PLAN_1000_PROVIDER_CPU,
    cpu_ratio: PLAN_1000_CPU_RATIO,
    cloud_cpu: PLAN_1000_CLOUD_CPU,
};

pub const READS_10000: ManyReads = ManyReads {
    reads: 10_000,
    time: PLAN_10000,
    ratio: PLAN_10000_RATIO,
    constant_ratio: PLAN_10000_CONSTANT_RATIO,
    core_cpu: PLAN_10000_CORE_CPU,
    provider_cpu: PLAN_10000_PROVIDER_CPU,
    cpu_ratio: PLAN_10000_CPU_RATIO,
    cloud_cpu: PLAN_10000_CLOUD_CPU,
};

/// The measured values of all providers.
pub struct Results {
    /// The titles of the providers.
    pub titles: Vec<String>,
    /// For each metric, by key: the values of each provider, one for each round.
    values: BTreeMap<&'static str, Vec<Vec<f64>>>,
    /// What was not measured, and why.
    pub missing: Vec<String>,
}

impl Results {
    pub fn new(titles: Vec<String>) -> Self {
        Self { titles, values: BTreeMap::new(), missing: Vec::new() }
    }

    /// Adds the value of one round.
    pub fn record(&mut self, metric: Metric, provider: usize, value: f64) {
        let providers = self.values.entry(metric.key).or_insert_with(|| vec![Vec::new(); self.titles.len()]);
        providers[provider].push(value);
    }

    /// Adds a value that could be measured only on some platforms.
    pub fn record_if_known(&mut self, metric: Metric, provider: usize, value: Option<f64>) {
        if let Some(value) = value {
            self.record(metric, provider, value);
        }
    }

    /// Adds the ratio of each provider to another one: of the sums of their last values of these metrics.
    pub fn record_ratios(&mut self, metrics: &[Metric], other: usize, ratio: Metric) {
        let last_sum = |results: &Self, provider: usize| -> Option<f64> {
            metrics.iter().map(|metric| results.values(*metric, provider).last().copied()).sum()
        };
        for provider in (0..self.titles.len()).filter(|provider| *provider != other) {
            let sums = last_sum(self, provider).zip(last_sum(self, other));
            self.record_if_known(ratio, provider, sums.map(|(sum, other_sum)| sum / other_sum));
        }
    }

    /// The values of a provider, one for each round.
    pub fn values(&self, metric: Metric, provider: usize) -> &[f64] {
        self.values.get(metric.key).map_or(&[], |providers| &providers[provider])
    }

    pub fn summary(&self, metric: Metric, provider: usize) -> Option<Summary> {
        summarize(self.values(metric, provider))
    }

    /// The metrics with at least one value.
    pub fn metrics(&self) -> impl Iterator<Item = Metric> {
        METRICS.iter().copied().filter(|metric| self.values.contains_key(metric.key))
    }

    /// Compares a provider with its limits. Returns a line for each limit, and whether the median is certainly below it, or was not
    /// measured.
    pub fn check(&self, index: usize, provider: &Provider) -> Vec<(String, bool)> {
        let limits = METRICS.iter().filter_map(|metric| Some((*metric, *provider.limits.get(metric.key)?)));
        let lines = limits.map(|(metric, limit)| {
            let start = format!("{}: {}", self.titles[index], metric.key);
            let Some(Summary { low, median, high }) = self.summary(metric, index) else {
                return (format!("{start}, at most {limit}: not measured"), true);
            };
            let verdict = match (low <= limit, high <= limit) {
                (_, true) => "passed",
                (true, false) => "undecided: the interval contains the limit",
                (false, false) => "failed",
            };
            let [low, median, high] = [low, median, high].map(number);
            let line = format!("{start} {median} ({low} to {high}), at most {limit}: {verdict}");
            (line, verdict == "passed")
        });
        lines.collect()
    }
}

/// Formats a number with three digits, or with all digits before the decimal point.
pub fn number(value: f64) -> String {
    let decimals = match value.abs() {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    let (digits, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        let following = digits.len() - index;
        if following % 3 == 0 && grouped.ends_with(|character: char| character.is_ascii_digit()) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        for (value, text) in [
            (0.0, "0.000"),
            (0.08, "0.080"),
            (2.125, "2.12"),
            (42.04, "42.0"),
            (705.2, "705"),
            (1982.4, "1,982"),
            (1_234_567.0, "1,234,567"),
            (-705.0, "-705"),
            (-1982.0, "-1,982"),
            (-0.5, "-0.500"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn limit_is_compared_with_the_interval() {
        let provider = |limit: f64| -> Provider {
            let limits = serde_json::json!({ "end_ms": limit, "schema_ms": 1.0 });
            let json =
                serde_json::json!({ "source": "a/b", "protocol": 6, "data_source": "b_c", "limits": limits });
            serde_json::from_value(json).unwrap()
        };
        let mut results = Results::new(vec!["other".to_owned(), "b".to_owned()]);
        for value in [1.0, 2.0, 3.0] {
            results.record(END, 1, value);
            results.record(END, 0, 100.0);
        }
        for (limit, verdict, passed) in [
            (3.0, "passed", true),
            (2.5, "undecided", false),
            (1.0, "undecided", false),
            (0.5, "failed", false),
        ] {
            let [schema, end] = results.check(1, &provider(limit)).try_into().unwrap();
            assert_eq!(schema, ("b: schema_ms, at most 1: not measured".to_owned(), true));
            let start = format!("b: end_ms 2.00 (1.00 to 3.00), at most {limit}: {verdict}");
            assert!(end.0.starts_with(&start), "{}", end.0);
            assert_eq!(end.1, passed);
        }
    }

    #[test]
    fn ratio_compares_the_sums_of_the_same_round() {
        let mut results = Results::new(["a", "b", "c"].map(str::to_owned).to_vec());
        let metrics = [PLAN_1000_CORE_CPU, PLAN_1000_PROVIDER_CPU];
        for (core, provider, floor) in [(4.0, 2.0, 1.0), (5.0, 1.0, 2.0)] {
            results.record(PLAN_1000_CORE_CPU, 0, core);
            results.record(PLAN_1000_PROVIDER_CPU, 0, provider);
            for metric in metrics {
                results.record(metric, 1, floor);
            }
            // One of the metrics was not measured.
            results.record(PLAN_1000_CORE_CPU, 2, core);
            results.record_ratios(&metrics, 1, PLAN_1000_CPU_RATIO);
        }
        let ratios = [0, 1, 2].map(|provider| results.values(PLAN_1000_CPU_RATIO, provider));
        assert_eq!(ratios, [&[3.0, 1.5][..], &[], &[]]);
    }

    #[test]
    fn every_metric_has_its_own_key() {
        let keys: std::collections::BTreeSet<_> = METRICS.iter().map(|metric| metric.key).collect();
        assert_eq!(keys.len(), METRICS.len());
    }
}
