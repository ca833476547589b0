//! Back-off.

use super::super::process::End;
use super::*;

const SHORT: Duration = Duration::from_secs(1);

fn failure() -> Failure {
    Failure::Exit(ChildExit { status: None, end: End::OnItsOwn })
}

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

#[test]
fn each_failure_doubles_the_pause_up_to_half_a_minute() {
    let mut health = Health::default();
    let mut pauses = Vec::new();
    for _ in 0..40 {
        pauses.push(health.failed(SHORT, failure(), Instant::now(), time(0)).as_millis());
    }
    assert_eq!(pauses[..9], [250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    assert_eq!(pauses.last(), Some(&30_000));
}

#[test]
fn a_minute_of_life_makes_the_next_failure_the_first_again() {
    let mut health = Health::default();
    for _ in 0..5 {
        health.failed(SHORT, failure(), Instant::now(), time(0));
    }
    assert_eq!(health.failed(Duration::from_secs(59), failure(), Instant::now(), time(0)).as_millis(), 8000);
    assert_eq!(health.failed(Duration::from_secs(60), failure(), Instant::now(), time(0)).as_millis(), 250);
}

#[test]
fn it_is_not_started_again_before_the_pause_is_over() {
    let (mut health, now) = (Health::default(), Instant::now());
    assert!(health.pausing(now).is_none());
    health.failed(SHORT, failure(), now, time(0));
    assert!(health.pausing(now + Duration::from_millis(249)).is_some());
    assert!(health.pausing(now + Duration::from_millis(250)).is_none());
    assert!(health.down().is_some(), "it is down until a child has spoken");
}

#[test]
fn it_is_down_since_the_first_of_the_failures_until_a_child_speaks() {
    let (mut health, now) = (Health::default(), Instant::now());
    health.failed(SHORT, failure(), now, time(10));
    health.failed(SHORT, failure(), now, time(20));
    assert_eq!(health.down().unwrap().since, time(10));
    health.spoke();
    assert!(health.down().is_none());
    assert_eq!(health.failed(SHORT, failure(), now, time(30)).as_millis(), 1000, "speaking is not yet living");
    assert_eq!(health.down().unwrap().since, time(30));
}
