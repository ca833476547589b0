//! Finds out what tools a server has, so that policies know them before anybody calls one.
//!
//! It asks by itself at the start and from time to time, when a tool is called that nobody knows, and when the server says that its
//! list changed. (What clients are listed is learned on the way, see `line`.) Asking is bounded: one question at a time, and no more
//! than one a second.
//!
//! What was once listed stays known: servers list different tools to different sessions, so a tool missing from one list is no
//! proof that it is gone, and a call of one that is gone fails at the server.

use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

use crate::domain::{ServerName, ToolDefinition};
use crate::gate::Gate;
use crate::lifecycle::Stop;

/// Longest time a call waits for news about a tool that nobody knows.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Shortest time between two questions to the server.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
/// Pauses between attempts while a server has never answered.
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LONGEST_RETRY: Duration = Duration::from_secs(30);

/// How to ask a server for its whole tool list.
pub(super) trait AskTools: Send {
    /// Asks once; `None` when the server does not answer with a list.
    fn ask_tools(&mut self) -> impl Future<Output = Option<Vec<ToolDefinition>>> + Send;
}

/// Who takes in what a server lists.
pub(super) trait TakeTools: Send + Sync {
    /// Takes in the whole list of a server.
    fn take_tools(&self, server: &ServerName, tools: Vec<ToolDefinition>) -> impl Future<Output = ()> + Send;
}

impl TakeTools for Gate {
    async fn take_tools(&self, server: &ServerName, tools: Vec<ToolDefinition>) {
        self.learn(server, false, tools).await;
    }
}

/// Somebody wants to know, and may wait for it.
type Wanted = Option<oneshot::Sender<()>>;

/// The wish to know more; cheap to use from any message's path.
#[derive(Debug)]
pub(super) struct Learner {
    wanted: mpsc::Sender<Wanted>,
}

/// The task behind a [`Learner`].
pub(super) struct Learning<T = Gate> {
    taker: T,
    server: ServerName,
    /// After which time the server is asked again without a reason; `None` for never.
    ttl: Option<Duration>,
    wanted: mpsc::Receiver<Wanted>,
    /// When the server may be asked again.
    not_before: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    Nothing,
    Stop,
}

impl Learner {
    pub(super) fn new<T>(taker: T, server: ServerName, ttl: Option<Duration>) -> (Self, Learning<T>) {
        let (sender, wanted) = mpsc::channel(64);
        (Self { wanted: sender }, Learning { taker, server, ttl, wanted, not_before: Instant::now() })
    }

    /// Asks the server again and waits for the end of that, within bounds. Afterwards the tool is known, or not to be had.
    pub(super) async fn refresh(&self) {
        let (done, finished) = oneshot::channel();
        if self.wanted.try_send(Some(done)).is_ok() {
            // Too late and never are the same here: the tool stays unknown.
            let _ = timeout(LONGEST_WAIT, finished).await;
        }
    }

    /// Asks the server again, some time soon. A full queue means that this is going to happen anyway.
    pub(super) fn refresh_soon(&self) {
        let _ = self.wanted.try_send(None);
    }
}

impl<T: TakeTools> Learning<T> {
    /// Learns until told to stop. At first it asks by itself until the server has answered once.
    pub(super) async fn run(mut self, mut server: impl AskTools, stop: Stop) {
        let mut pause = FIRST_RETRY;
        while !self.ask(&mut server).await {
            let retry = Instant::now() + pause;
            pause = (pause * 2).min(LONGEST_RETRY);
            if self.wait_until(retry, &mut server, &stop).await == Heard::Stop {
                return;
            }
        }
        self.run_when_asked(server, stop).await;
    }

    /// Learns until told to stop, and asks when somebody wants to know or what is known is old.
    pub(super) async fn run_when_asked(mut self, mut server: impl AskTools, stop: Stop) {
        const NEVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
        loop {
            let old = Instant::now() + self.ttl.map_or(NEVER, |ttl| spread(ttl, dice()));
            if self.wait_until(old, &mut server, &stop).await == Heard::Stop {
                return;
            }
            sleep_until(self.not_before).await;
            self.ask(&mut server).await;
        }
    }

    /// Serves who wants to know, until a point in time.
    async fn wait_until(&mut self, end: Instant, server: &mut impl AskTools, stop: &Stop) -> Heard {
        loop {
            let first = tokio::select! {
                () = stop.wait() => return Heard::Stop,
                () = sleep_until(end) => return Heard::Nothing,
                wanted = self.wanted.recv() => match wanted {
                    Some(first) => first,
                    None => return Heard::Stop,
                },
            };
            sleep_until(self.not_before).await;
            let waiting = self.drain(first);
            self.ask(server).await;
            for done in waiting {
                // Whoever has stopped waiting need not hear it.
                let _ = done.send(());
            }
        }
    }

    /// Everybody who wants to know at this moment is served by one question.
    fn drain(&mut self, first: Wanted) -> Vec<oneshot::Sender<()>> {
        let mut waiting: Vec<_> = first.into_iter().collect();
        while let Ok(wanted) = self.wanted.try_recv() {
            waiting.extend(wanted);
        }
        waiting
    }

    async fn ask(&mut self, server: &mut impl AskTools) -> bool {
        let asked = server.ask_tools().await;
        self.not_before = Instant::now() + SHORTEST_PAUSE;
        let Some(tools) = asked else {
            tracing::debug!(server = %self.server, "the server does not tell its tools");
            return false;
        };
        self.taker.take_tools(&self.server, tools).await;
        true
    }
}

/// A random number; 0 if the system has none to give, which only makes the time shorter.
fn dice() -> u32 {
    let mut bytes = [0; 4];
    SystemRandom::new().fill(&mut bytes).map_or(0, |()| u32::from_be_bytes(bytes))
}

/// A time between three quarters and five quarters of `ttl`: sidecars that were started together must not all ask together.
fn spread(ttl: Duration, dice: u32) -> Duration {
    ttl.mul_f64(0.75 + f64::from(dice) / f64::from(u32::MAX) / 2.0)
}

#[cfg(test)]
#[path = "learner_tests.rs"]
mod tests;
