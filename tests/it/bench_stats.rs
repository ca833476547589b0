//! The arithmetic of the benchmarks, which have no test harness of their own: figures nobody can trust are worse than none.

#[path = "../../benches/proxy/stats.rs"]
mod stats;

use stats::{Sample, median, paired, percentile};

#[test]
fn a_percentile_is_the_smallest_value_that_covers_its_share() {
    let hundred: Vec<u64> = (1..=100).collect();
    for (values, share, expected) in [
        (hundred.as_slice(), 0.5, 50),
        (&hundred, 0.99, 99),
        (&hundred, 1.0, 100),
        (&hundred, 0.0, 1),
        (&[7], 0.99, 7),
        (&[1, 9], 0.5, 1),
        (&[1, 9], 0.51, 9),
        (&[], 0.5, 0),
    ] {
        assert_eq!(percentile(values, share), expected, "{share} of {} values", values.len());
    }
}

#[test]
fn a_median_is_in_the_middle_whatever_the_order() {
    for (values, expected) in [(vec![3.0, 1.0, 2.0], 2.0), (vec![4.0, 1.0, 3.0, 2.0], 2.5), (vec![5.0], 5.0)] {
        assert!((median(values.clone()) - expected).abs() < 1e-9, "{values:?}");
    }
    assert!(median([]).is_nan());
}

#[test]
fn a_comparison_is_made_within_a_round_before_the_median_is_taken() {
    let sample = |p50| Sample { p50, p99: 0.0, rate: 0.0, cpu: 0.0 };
    // The machine gets slower from round to round, and the ratio stays.
    let slow = [sample(20.0), sample(200.0), sample(2000.0)];
    let fast = [sample(10.0), sample(100.0), sample(1000.0)];
    assert!((paired(&slow, &fast, |slow, fast| slow.p50 / fast.p50) - 2.0).abs() < 1e-9);
}
