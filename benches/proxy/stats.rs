//! The arithmetic: percentiles of a run, medians over rounds, and comparisons paired within a round.
//!
//! A shared machine drifts from minute to minute. Two figures of the same round drift together, so a difference or ratio is
//! taken within each round first, and only then is the median over the rounds taken.

use serde::Serialize;

/// What one run of one target showed.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Sample {
    /// Median latency in microseconds.
    pub(crate) p50: f64,
    /// 99th percentile of latency in microseconds.
    pub(crate) p99: f64,
    /// Calls answered per second.
    pub(crate) rate: f64,
    /// CPU time of the target's process per answered call, in microseconds.
    pub(crate) cpu: f64,
}

/// The smallest value that at least `share` (0 to 1) of the ascending values do not exceed; 0 when there are none.
pub(crate) fn percentile(ascending: &[u64], share: f64) -> u64 {
    let rank = (share * ascending.len() as f64).ceil().max(1.0) as usize;
    ascending.get(rank - 1).or(ascending.last()).copied().unwrap_or_default()
}

/// The middle value, or the mean of the two in the middle; not a number when there are none.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = values.get(middle).copied().unwrap_or(f64::NAN);
    if values.len() % 2 == 1 { upper } else { f64::midpoint(upper, values.get(middle.wrapping_sub(1)).copied().unwrap_or(upper)) }
}

/// The median over rounds of a comparison made within each round.
pub(crate) fn paired(these: &[Sample], those: &[Sample], compare: impl Fn(&Sample, &Sample) -> f64) -> f64 {
    median(these.iter().zip(those).map(|(this, that)| compare(this, that)))
}
