//! Requests that were turned away because nobody vouched for who is behind them are recorded too, but a stranger must not fill the log:
//! of each kind the first is recorded at once, and those of the minute after it together.
//!
//! A kind is a listener, a server and a reason, and the configuration bounds how many there are. Nobody waits for these records: whether
//! they can be written makes no difference to the answer, which is no.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::Gate;
use crate::audit::{Record, UnidentifiedRecord};
use crate::domain::{ServerName, Source, Timestamp, Transport};
use crate::lifecycle::Stop;

/// How long requests of one kind are only counted.
const WINDOW: Duration = Duration::from_secs(60);

/// A request that was turned away.
#[derive(Debug, Clone, Copy)]
pub struct TurnedAway<'a> {
    /// Where it came in.
    pub listener: &'static str,
    /// The server that it was for.
    pub server: &'a ServerName,
    /// Why.
    pub reason: &'static str,
    /// How it came.
    pub transport: Transport,
    /// From where.
    pub ip: Option<IpAddr>,
}

/// The requests that were turned away and are not recorded yet.
#[derive(Debug, Default)]
pub(super) struct Unrecorded(parking_lot::Mutex<BTreeMap<Key, Count>>);

type Key = (&'static str, ServerName, &'static str);

#[derive(Debug, Clone, Copy)]
struct Count {
    count: u64,
    /// The first of them.
    since: Timestamp,
    transport: Transport,
    ip: Option<IpAddr>,
}

impl Gate {
    /// Notes that a request was turned away.
    pub fn turned_away(&self, request: TurnedAway<'_>) {
        let now = self.shared.clock.now();
        let fresh = Count { count: 1, since: now, transport: request.transport, ip: request.ip };
        let key = (request.listener, request.server.clone(), request.reason);
        let mut waiting = self.shared.unrecorded.0.lock();
        match waiting.get_mut(&key) {
            Some(count) if count.count == 0 => *count = fresh,
            Some(count) => count.count = count.count.saturating_add(1),
            None => {
                let recorded = self.record_turned_away(&key, &fresh);
                waiting.insert(key, Count { count: u64::from(!recorded), ..fresh });
            }
        }
    }

    /// Records what was counted, once a minute, until told to stop; and then what is left.
    pub async fn record_the_turned_away(self, stop: Stop) {
        loop {
            tokio::select! {
                () = stop.wait() => break,
                () = tokio::time::sleep(WINDOW) => self.record_all_turned_away(),
            }
        }
        self.record_all_turned_away();
    }

    /// Records what was counted. What cannot be recorded stays and is counted further.
    pub fn record_all_turned_away(&self) {
        let mut waiting = self.shared.unrecorded.0.lock();
        waiting.retain(|key, count| {
            if count.count > 0 && self.record_turned_away(key, count) {
                count.count = 0;
                return true;
            }
            count.count > 0
        });
    }

    fn record_turned_away(&self, (listener, server, reason): &Key, count: &Count) -> bool {
        let Count { count, since, transport, ip } = *count;
        let source = Source { transport, ip, session: None };
        let record = UnidentifiedRecord { listener, server, reason, count, since, source: &source };
        match self.shared.audit.note(&Record::Unidentified(record)) {
            Ok(()) => true,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(%server, reason, count, error, "requests that were turned away could not be recorded");
                false
            }
        }
    }
}
