//! When a server is asked: time is paused, so each wait is exact and takes no time.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

use super::{AskTools, Learner, TakeTools, spread};
use crate::domain::{ServerName, ToolDefinition};
use crate::lifecycle::Stop;

const TTL: Duration = Duration::from_secs(300);

/// A server that notes when it was asked, and answers from its n-th question on.
#[derive(Clone)]
struct Server {
    asked: Arc<Mutex<Vec<Instant>>>,
    silent: usize,
}

impl AskTools for Server {
    async fn ask_tools(&mut self) -> Option<Vec<ToolDefinition>> {
        let mut asked = self.asked.lock();
        asked.push(Instant::now());
        (asked.len() > self.silent).then(Vec::new)
    }
}

struct Nobody;

impl TakeTools for Nobody {
    async fn take_tools(&self, _server: &ServerName, _tools: Vec<ToolDefinition>) {}
}

struct Learned {
    learner: Learner,
    asked: Arc<Mutex<Vec<Instant>>>,
    stop: Stop,
    start: Instant,
}

impl Learned {
    fn start(ttl: Option<Duration>, silent: usize) -> Self {
        let (learner, learning) = Learner::new(Nobody, ServerName::new("shop").unwrap(), ttl);
        let (asked, stop) = (Arc::new(Mutex::new(Vec::new())), Stop::new());
        tokio::spawn(learning.run(Server { asked: Arc::clone(&asked), silent }, stop.clone()));
        Self { learner, asked, stop, start: Instant::now() }
    }

    fn times(&self) -> Vec<Duration> {
        self.asked.lock().iter().map(|at| *at - self.start).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_is_asked_again_after_the_time_to_live_and_not_on_the_dot() {
    let learned = Learned::start(Some(TTL), 0);
    sleep(TTL * 20).await;
    let times = learned.times();
    assert!((17..=28).contains(&times.len()), "{times:?}");
    let pauses: Vec<Duration> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(pauses.iter().all(|pause| *pause >= TTL.mul_f64(0.75) && *pause <= TTL.mul_f64(1.26)), "{pauses:?}");
    assert!(pauses.windows(2).any(|pair| pair[0] != pair[1]), "all pauses are the same: {pauses:?}");
}

#[tokio::test(start_paused = true)]
async fn without_a_time_to_live_a_server_is_asked_once_and_on_demand() {
    let learned = Learned::start(None, 0);
    sleep(TTL * 1000).await;
    assert_eq!(learned.times().len(), 1);
    learned.learner.refresh().await;
    learned.learner.refresh_soon();
    sleep(Duration::from_secs(2)).await;
    assert_eq!(learned.times().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_has_never_answered_is_asked_sooner() {
    let learned = Learned::start(Some(TTL), 4);
    sleep(Duration::from_secs(10)).await;
    let times: Vec<u128> = learned.times().iter().map(Duration::as_millis).collect();
    assert_eq!(times, [0, 500, 1_500, 3_500, 7_500]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_the_wait() {
    let learned = Learned::start(Some(TTL), 0);
    sleep(Duration::from_secs(1)).await;
    learned.stop.request();
    sleep(TTL * 10).await;
    assert_eq!(learned.times().len(), 1);
}

#[test]
fn a_time_to_live_is_spread_by_a_quarter_each_way() {
    let cases = [(0, 225), (u32::MAX, 375), (u32::MAX / 2, 300)];
    for (dice, seconds) in cases {
        assert_eq!(spread(TTL, dice).as_secs_f64().round() as u64, seconds);
    }
}
