//! What the children of all pools add to `/metrics`.

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::process::End;

/// The metrics of child processes; one for all servers, told apart by the label `server`.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    starts: Family<ServerLabel, Counter>,
    exits: Family<ExitLabel, Counter>,
    up: Family<ServerLabel, Gauge>,
    dropped: Family<DropLabel, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ServerLabel {
    server: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ExitLabel {
    server: String,
    how: How,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DropLabel {
    server: String,
    why: Dropped,
}

/// How a child ended, or that it never started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
enum How {
    NotStarted,
    OnItsOwn,
    StdinClosed,
    Terminated,
    Killed,
    LineTooLong,
}

/// Why a message of a child reached nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(super) enum Dropped {
    /// It is no JSON-RPC message.
    Unreadable,
    /// It belongs to no request that somebody waits for.
    NobodyWaits,
    /// Who it was for did not read in time.
    NotRead,
    /// A request of the server, which was answered with an error.
    Declined,
}

impl Metrics {
    /// Registers the metrics.
    #[must_use]
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("child_starts", "Server processes started", metrics.starts.clone());
        registry.register("child_exits", "Server processes that ended, by how", metrics.exits.clone());
        registry.register("child_up", "Server processes that run", metrics.up.clone());
        registry.register(
            "child_messages_dropped",
            "Messages of server processes that reached nobody, by why",
            metrics.dropped.clone(),
        );
        metrics
    }

    pub(super) fn started(&self, server: &str) {
        self.starts.get_or_create(&ServerLabel { server: server.to_owned() }).inc();
        self.up.get_or_create(&ServerLabel { server: server.to_owned() }).inc();
    }

    pub(super) fn not_started(&self, server: &str) {
        self.exits.get_or_create(&ExitLabel { server: server.to_owned(), how: How::NotStarted }).inc();
    }

    pub(super) fn ended(&self, server: &str, end: End) {
        let how = match end {
            End::OnItsOwn => How::OnItsOwn,
            End::StdinClosed => How::StdinClosed,
            End::Terminated => How::Terminated,
            End::Killed => How::Killed,
            End::LineTooLong => How::LineTooLong,
        };
        self.exits.get_or_create(&ExitLabel { server: server.to_owned(), how }).inc();
        self.up.get_or_create(&ServerLabel { server: server.to_owned() }).dec();
    }

    pub(super) fn dropped(&self, server: &str, why: Dropped, count: u64) {
        self.dropped.get_or_create(&DropLabel { server: server.to_owned(), why }).inc_by(count);
    }
}
