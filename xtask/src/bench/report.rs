//! The results as a table and as JSON, with a description of the machine.

use std::fmt::Write as _;
use std::fs;

use serde_json::{Value, json};

use super::results::{Results, number};
use crate::statistics::Summary;

/// What can affect the results: names and values.
pub type Conditions = [(&'static str, String)];

/// Writes the conditions and a table in Markdown: medians, with their 95 % confidence intervals in parentheses.
pub fn table(results: &Results, conditions: &Conditions) -> String {
    let conditions = conditions.iter().map(|(name, value)| format!("- {name}: {value}\n"));
    let mut text = conditions.collect::<String>();
    let _ = write!(text, "\n| median (95 % confidence interval) | {} |\n|---|", results.titles.join(" | "));
    text.push_str(&"--:|".repeat(results.titles.len()));
    text.push('\n');
    for metric in results.metrics() {
        let _ = write!(text, "| {} |", metric.label);
        for provider in 0..results.titles.len() {
            let cell = results.summary(metric, provider).map(|Summary { low, median, high }| {
                let (low, median, high) = (number(low), number(median), number(high));
                if low == high { median } else { format!("{median} ({low} to {high})") }
            });
            let _ = write!(text, " {} |", cell.as_deref().unwrap_or("–"));
        }
        text.push('\n');
    }
    for missing in &results.missing {
        let _ = write!(text, "\nNot measured: {missing}\n");
    }
    text
}

/// The results with the values of all rounds, in JSON: a line for each metric.
pub fn json(results: &Results, conditions: &Conditions) -> String {
    let rounded = |value: f64| (value * 1e4).round() / 1e4;
    let metrics = results.metrics().map(|metric| {
        let providers = results.titles.iter().enumerate().filter_map(|(provider, title)| {
            let Summary { low, median, high } = results.summary(metric, provider)?;
            let values: Vec<_> =
                results.values(metric, provider).iter().map(|value| rounded(*value)).collect();
            let [low, median, high] = [low, median, high].map(rounded);
            Some((title.clone(), json!({ "median": median, "low": low, "high": high, "values": values })))
        });
        let providers = Value::Object(providers.collect());
        json!({ "key": metric.key, "label": metric.label, "providers": providers }).to_string()
    });
    let conditions = conditions.iter().map(|(name, value)| ((*name).to_owned(), value.as_str().into()));
    format!(
        "{{\n\"conditions\": {},\n\"not_measured\": {},\n\"metrics\": [\n{}\n]\n}}\n",
        Value::Object(conditions.collect()),
        json!(results.missing),
        metrics.collect::<Vec<_>>().join(",\n")
    )
}

/// The conditions that the machine determines.
pub fn machine() -> Vec<(&'static str, String)> {
    let first = |file: &str, key: &str| {
        let text = fs::read_to_string(file).ok()?;
        let value = text.lines().find_map(|line| line.strip_prefix(key)?.trim().strip_prefix(':'))?;
        Some(value.trim().to_owned())
    };
    let processor = first("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown model".to_owned());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory =
        first("/proc/meminfo", "MemTotal").and_then(|text| text.strip_suffix(" kB")?.parse::<u64>().ok());
    // Without the build of the kernel.
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel = kernel.split('.').take(2).collect::<Vec<_>>().join(".");
    let system = format!("{} {kernel} {}", std::env::consts::OS, std::env::consts::ARCH);
    let mut machine = vec![("processor", format!("{processor}, {cores} cores"))];
    machine.extend(memory.map(|kibibytes| ("memory", format!("{} GiB", kibibytes.div_ceil(1 << 20)))));
    machine.push(("system", system.split_whitespace().collect::<Vec<_>>().join(" ")));
    machine
}

#[cfg(test)]
mod tests {
    use super::super::results::{ALIASES_RESIDENT, END, SIZE};
    use super::*;

    fn results() -> Results {
        let mut results = Results::new(vec!["a".to_owned(), "b".to_owned()]);
        for value in [1982.0, 1980.0, 1984.5] {
            results.record(ALIASES_RESIDENT, 1, value);
        }
        results.record(SIZE, 0, 6.5);
        results.record(SIZE, 1, 100.0);
        results.missing.push("instructions of a: why.".to_owned());
        results
    }

    #[test]
    fn table_has_measured_metrics_with_intervals() {
        insta::assert_snapshot!(table(&results(), &[("processor", "fast".to_owned())]), @"
        - processor: fast

        | median (95 % confidence interval) | a | b |
        |---|--:|--:|
        | size of the executable, MiB | 6.50 | 100 |
        | resident memory of all processes, 17 aliases, MiB | – | 1,982 (1,980 to 1,984) |

        Not measured: instructions of a: why.
        ");
    }

    #[test]
    fn json_contains_the_values_of_all_rounds() {
        let text = json(&results(), &[("rounds", "3".to_owned())]);
        let json: Value = serde_json::from_str(&text).unwrap();
        let metric = &json["metrics"][1];
        assert_eq!(metric["key"], ALIASES_RESIDENT.key);
        let expected =
            json!({ "median": 1982.0, "low": 1980.0, "high": 1984.5, "values": [1982.0, 1980.0, 1984.5] });
        assert_eq!(metric["providers"], json!({ "b": expected }));
        assert_eq!(
            (&json["conditions"]["rounds"], &json["not_measured"][0]),
            (&json!("3"), &json!("instructions of a: why."))
        );
        assert!(!text.contains(END.key) && text.lines().count() == 8);
    }

    #[test]
    fn machine_has_no_build_of_the_kernel() {
        let machine = machine();
        let (_, system) = machine.iter().find(|(name, _)| *name == "system").unwrap();
        assert!(
            system.starts_with(std::env::consts::OS) && system.ends_with(std::env::consts::ARCH),
            "{system}"
        );
        assert!(!system.contains('-'), "{system}");
    }
}
