//! The median of measured values and its confidence interval, and percentiles.

/// The median of some values and its 95 % confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    pub low: f64,
    pub median: f64,
    pub high: f64,
}

/// Returns the median and its confidence interval. None without values.
///
/// The interval is computed from ranks, so a few outliers do not change it. With less than six values there is
/// no interval of 95 %, and it is their range.
pub fn summarize(values: &[f64]) -> Option<Summary> {
    let sorted = sorted(values);
    let last = sorted.len().checked_sub(1)?;
    let rank = lower_rank(sorted.len());
    let median = f64::midpoint(sorted[last / 2], sorted[sorted.len() / 2]);
    Some(Summary { low: sorted[rank], median, high: sorted[last - rank] })
}

/// Returns the value below which this share of the values is (nearest rank). None without values.
pub fn percentile(values: &[f64], share: f64) -> Option<f64> {
    let sorted = sorted(values);
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// The index of the lower end of the confidence interval among the sorted values.
///
/// Each value is below the true median with probability 1/2. So the number of values below it has a binomial distribution,
/// and at most 2.5 % of it may be outside of the interval on each side.
fn lower_rank(count: usize) -> usize {
    let count = count as f64;
    let (mut rank, mut probability, mut outside) = (0.0, 0.5_f64.powf(count), 0.0);
    while rank < count / 2.0 {
        outside += probability;
        if outside > 0.025 {
            break;
        }
        probability *= (count - rank) / (rank + 1.0);
        rank += 1.0;
    }
    (rank as usize).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_ignores_order_and_outliers() {
        let summary = |values: &[f64]| summarize(values).unwrap();
        assert_eq!(summary(&[3.0]), Summary { low: 3.0, median: 3.0, high: 3.0 });
        assert_eq!(summary(&[4.0, 1.0]), Summary { low: 1.0, median: 2.5, high: 4.0 });
        assert_eq!(summary(&[9.0, 1.0, 2.0]).median, 2.0);
        let mut values: Vec<f64> = (1..=41).map(f64::from).collect();
        let before = summary(&values);
        (values[40], values[0]) = (1e9, -1e9);
        values.reverse();
        assert_eq!((summary(&values), before.median), (before, 21.0));
        assert_eq!(summarize(&[]), None);
    }

    #[test]
    fn interval_has_the_ranks_of_the_sign_test() {
        // The number of values, and the critical value of the two-sided sign test at 5 %, plus one.
        for (count, rank) in [(6, 1), (8, 1), (9, 2), (11, 2), (12, 3), (15, 4), (20, 6), (25, 8), (41, 14)] {
            assert_eq!(lower_rank(count) + 1, rank, "{count}");
        }
        // Too few values: their range.
        for count in 1..6 {
            assert_eq!(lower_rank(count), 0);
        }
    }

    #[test]
    fn percentile_is_one_of_the_values() {
        let values: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        assert_eq!(percentile(&values, 0.5), Some(100.0));
        assert_eq!(percentile(&values, 0.99), Some(198.0));
        assert_eq!(percentile(&[7.0], 0.99), Some(7.0));
        assert_eq!(percentile(&[], 0.5), None);
    }
}
