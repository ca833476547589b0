//! Metrics as they are scraped: the lag grows while nothing happens.

use prometheus_client::encoding::text::encode;

use super::super::fixtures::log::FakeLog;
use super::super::source::Source as _;
use super::*;

#[tokio::test(start_paused = true)]
async fn lag_is_told_in_records_and_in_seconds_and_counts_go_up() {
    let log = FakeLog::of(10);
    let meter = Meter::new("sink-1", &"s3://bucket".into(), log.head());
    let mut registry = Registry::with_prefix("cedarpost");
    Meters::register(&mut registry, "audit_export", "exports", vec![Arc::clone(&meter)]);
    Meters::register(&mut registry, "audit_witness", "witnesses", Vec::new());
    meter.reached(10, Instant::now());
    log.append(5);
    meter.fell_behind();
    tokio::time::advance(Duration::from_secs(7)).await;
    log.append(5);
    meter.fell_behind();
    meter.sent(1000);
    meter.sent(234);
    assert!(meter.failed("down") && !meter.failed("down") && meter.failed("still down"));
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    for line in [
        "# TYPE cedarpost_audit_export_lag_records gauge",
        "cedarpost_audit_export_lag_records{sink=\"sink-1\"} 10.0",
        "cedarpost_audit_export_lag_seconds{sink=\"sink-1\"} 7.0",
        "cedarpost_audit_export_stopped{sink=\"sink-1\"} 0.0",
        "# TYPE cedarpost_audit_export_retries counter",
        "cedarpost_audit_export_retries_total{sink=\"sink-1\"} 3",
        "cedarpost_audit_export_objects_total{sink=\"sink-1\"} 2",
        "cedarpost_audit_export_bytes_total{sink=\"sink-1\"} 1234",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    assert!(!text.contains("witness"), "{text}");
    meter.reached(20, Instant::now());
    assert_eq!((meter.standing().lag_records, meter.standing().lag), (0, Duration::ZERO));
    meter.stopped("fork");
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    assert!(text.contains("cedarpost_audit_export_stopped{sink=\"sink-1\"} 1.0"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn what_was_appended_during_a_round_is_behind_since_the_round_began() {
    let log = FakeLog::of(10);
    let meter = Meter::new("sink", &"s3://bucket".into(), log.head());
    let since = Instant::now();
    tokio::time::advance(Duration::from_secs(3)).await;
    log.append(1);
    meter.reached(10, since);
    assert_eq!((meter.standing().lag_records, meter.standing().lag.as_secs()), (1, 3));
}
