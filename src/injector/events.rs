//! Events about pods that get no sidecar: `events.k8s.io/v1`, written with the service account of the pod.
//!
//! They are for people who look (`kubectl describe`, `kubectl get events`) and nothing depends on them: whoever is asked about a pod leaves
//! a note and goes on at once, each is tried once, and those that are too many are counted and forgotten. What is said again of the same
//! object is not written again until some time has passed; then the event says how often it was. All that it takes is the right to
//! create events, since none is ever read or changed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Metrics;
use super::api::{Api, Asked};
use crate::clock::{Clock, rfc3339};
use crate::domain::Timestamp;
use crate::inject::Subject;
use crate::lifecycle::Stop;

/// Who writes them.
const CONTROLLER: &str = "cedarpost.dev/webhook";
/// What was to be done.
const ACTION: &str = "Inject";
/// How long an API server may take for one.
const WITHIN: Duration = Duration::from_secs(5);
/// How many wait to be written.
const WAITING: usize = 64;
/// When the same is said again.
const AGAIN_AFTER: Duration = Duration::from_secs(600);
/// How many different ones are remembered.
const REMEMBERED: usize = 512;
/// The time in which only so many are written,
const WINDOW: Duration = Duration::from_secs(60);
/// altogether,
const MOST: u32 = 60;
/// and in one namespace.
const MOST_IN_A_NAMESPACE: u32 = 20;
/// The longest note that an API server takes, in bytes.
const MAX_NOTE: usize = 1024;
/// The longest name of a reporter that it takes, in bytes.
const MAX_REPORTER: usize = 128;

/// What can be said of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Reason {
    Skipped,
    Refused,
}

impl Reason {
    const fn word(self) -> &'static str {
        match self {
            Self::Skipped => "InjectionSkipped",
            Self::Refused => "InjectionRefused",
        }
    }
}

/// Where notes are left. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Events {
    told: Arc<Mutex<Told>>,
    queue: mpsc::Sender<Event>,
    clock: Clock,
    metrics: Metrics,
}

/// Writes them. It has to run.
#[derive(Debug)]
pub struct Writer {
    api: Api,
    reporter: String,
    queue: mpsc::Receiver<Event>,
    metrics: Metrics,
    is_failing: bool,
}

/// The events of this webhook, written by `reporter` (the name of the pod).
#[must_use]
pub fn events(api: Api, reporter: &str, clock: Clock, metrics: Metrics) -> (Events, Writer) {
    let (sender, queue) = mpsc::channel(WAITING);
    let reporter = start(if reporter.is_empty() { "webhook" } else { reporter }, MAX_REPORTER).to_owned();
    let writer = Writer { api, reporter, queue, metrics: metrics.clone(), is_failing: false };
    (Events { told: Arc::default(), queue: sender, clock, metrics }, writer)
}

impl Events {
    /// Leaves a note. It never waits.
    pub(super) fn note(&self, subject: Subject, reason: Reason, text: &str) {
        let note = start(text, MAX_NOTE).to_owned();
        let now = (Instant::now(), self.clock.now());
        match self.told.lock().tell(Key { subject, reason, note }, now) {
            Tell::Now(event) => {
                if self.queue.try_send(event).is_err() {
                    self.metrics.event("dropped");
                }
            }
            Tell::Later => self.metrics.event("folded"),
            Tell::Never => self.metrics.event("dropped"),
        }
    }
}

/// The beginning of a text, whole letters.
fn start(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    text.get(..end).unwrap_or_default()
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    subject: Subject,
    reason: Reason,
    note: String,
}

/// One that is to be written.
#[derive(Debug)]
struct Event {
    key: Key,
    /// When it happened first, and last.
    times: [Timestamp; 2],
    /// How often, since it was written last.
    count: u32,
}

enum Tell {
    Now(Event),
    Later,
    Never,
}

/// What was said already. It decides, and knows neither clocks nor sockets.
#[derive(Debug, Default)]
struct Told {
    last: HashMap<Key, Last>,
    window: Option<Instant>,
    spent: u32,
    spent_in: HashMap<String, u32>,
}

#[derive(Debug)]
struct Last {
    written: Instant,
    /// When it first happened after that, and how often it has.
    since: Option<Timestamp>,
    count: u32,
}

impl Told {
    fn tell(&mut self, key: Key, (now, at): (Instant, Timestamp)) -> Tell {
        if let Some(last) = self.last.get_mut(&key) {
            last.count = last.count.saturating_add(1);
            let since = *last.since.get_or_insert(at);
            if now.duration_since(last.written) < AGAIN_AFTER {
                return Tell::Later;
            }
            let count = last.count;
            if !self.afford(&key.subject.namespace, now) {
                return Tell::Never;
            }
            self.last.insert(key.clone(), Last { written: now, since: None, count: 0 });
            return Tell::Now(Event { key, times: [since, at], count });
        }
        if self.last.len() >= REMEMBERED {
            self.last.retain(|_, last| now.duration_since(last.written) < AGAIN_AFTER);
        }
        if self.last.len() >= REMEMBERED || !self.afford(&key.subject.namespace, now) {
            return Tell::Never;
        }
        self.last.insert(key.clone(), Last { written: now, since: None, count: 0 });
        Tell::Now(Event { key, times: [at, at], count: 1 })
    }

    /// Whether one more may be written now.
    fn afford(&mut self, namespace: &str, now: Instant) -> bool {
        if self.window.is_none_or(|since| now.duration_since(since) >= WINDOW) {
            (self.window, self.spent) = (Some(now), 0);
            self.spent_in.clear();
        }
        // As many namespaces as events at most.
        if self.spent >= MOST || self.spent_in.get(namespace).is_some_and(|spent| *spent >= MOST_IN_A_NAMESPACE) {
            return false;
        }
        self.spent += 1;
        *self.spent_in.entry(namespace.to_owned()).or_default() += 1;
        true
    }
}

impl Writer {
    /// Writes what was noted until the stop. What is not written then is lost.
    pub async fn run(mut self, stop: Stop) {
        loop {
            let event = tokio::select! {
                () = stop.wait() => return,
                event = self.queue.recv() => event,
            };
            let Some(event) = event else { return };
            tokio::select! {
                () = stop.wait() => return,
                () = self.write(&event) => {}
            }
        }
    }

    async fn write(&mut self, event: &Event) {
        // The namespace is the name of an object: nothing in it means anything in a path.
        let path = format!("/apis/events.k8s.io/v1/namespaces/{}/events", event.key.subject.namespace);
        let body = Some(("application/json", body(event, &self.reporter)));
        match self.api.ask(Asked { method: Method::POST, path: &path, body, within: WITHIN }).await {
            Ok(_) => {
                self.is_failing = false;
                self.metrics.event("written");
            }
            Err(error) => {
                self.metrics.event("failed");
                // Once, and not each time: the metric counts.
                if !std::mem::replace(&mut self.is_failing, true) {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(event = "event_not_written", error, "an event about a pod could not be written");
                }
            }
        }
    }
}

fn body(event: &Event, reporter: &str) -> Value {
    let Event { key: Key { subject, reason, note }, times: [first, last], count } = event;
    let mut regarding = json!({
        "apiVersion": subject.api_version, "kind": subject.kind, "namespace": subject.namespace, "name": subject.name,
    });
    if let (Some(uid), Some(members)) = (&subject.uid, regarding.as_object_mut()) {
        members.insert("uid".to_owned(), uid.as_str().into());
    }
    let mut body = json!({
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": { "generateName": "cedarpost-", "namespace": subject.namespace },
        "eventTime": rfc3339(*first),
        "type": "Warning",
        "reason": reason.word(),
        "action": ACTION,
        "note": note,
        "regarding": regarding,
        "reportingController": CONTROLLER,
        "reportingInstance": reporter,
    });
    if let (2.., Some(members)) = (*count, body.as_object_mut()) {
        members.insert("series".to_owned(), json!({ "count": count, "lastObservedTime": rfc3339(*last) }));
    }
    body
}

#[cfg(test)]
#[path = "events_tests.rs"]
mod tests;
