//! Where decisions are recorded and where records go; and what is logged of the sidecar itself.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::audit::ship::{AnchorPlace, FeedSettings, Location, StoreOptions, WitnessSettings};
use crate::audit::tlog::{KeyName, VerifierKey};
use crate::audit::{DetailSettings, EpochLimits};
use crate::listen;

/// Where decisions are recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditSettings {
    /// The directory of the log; one process at a time.
    pub directory: PathBuf,
    /// The name of the log in its checkpoints; a new log without one gets one of its own.
    pub origin: Option<KeyName>,
    /// Where the private key is, if not with the log.
    pub keys: Option<PathBuf>,
    /// A call whose record is not durable after this time is refused.
    pub append_deadline: Duration,
    /// Records that may wait to be written.
    pub queue: usize,
    /// Free space below which the log refuses to grow, in bytes.
    pub low_water_bytes: u64,
    /// When the log goes on in another database.
    pub epochs: EpochLimits,
    /// How much is kept of arguments and results.
    pub detail: DetailSettings,
    /// The collector that gets each record, if there is one.
    pub feed: Option<FeedSettings>,
}

/// Where the log goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShipSettings {
    /// Where copies go.
    pub export: Vec<Location>,
    /// How long a record waits for others before it goes.
    pub export_interval: Duration,
    /// How long a store may take for one operation.
    pub export_deadline: Duration,
    /// Where checkpoints are kept.
    pub anchors: Vec<AnchorPlace>,
    /// How old anchors and cosignatures may be.
    pub anchor_interval: Duration,
    /// Who cosigns.
    pub witnesses: Vec<WitnessSettings>,
    /// How many of them must.
    pub witness_quorum: usize,
    /// Keys, regions and endpoints of stores, from the environment.
    pub store_options: StoreOptions,
}

/// The witness that the sidecar is for other logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessServerSettings {
    /// Where it listens, and with which certificate.
    pub listener: listen::Settings,
    /// The name in its cosignatures.
    pub name: KeyName,
    /// Where its key and its memory are.
    pub directory: PathBuf,
    /// The logs that it knows, by origin, each with its keys.
    pub logs: BTreeMap<String, Vec<VerifierKey>>,
}

/// What is logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// How log lines look.
    pub format: LogFormat,
    /// A level (`info`), or directives such as `info,cedarpost::policy=debug`.
    pub level: String,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Pretty on a terminal, JSON otherwise.
    Auto,
    /// One JSON object per line.
    Json,
    /// For people.
    Pretty,
}

impl LogFormat {
    /// The formats and how the configuration names them.
    pub(in crate::config) const NAMES: [(&str, Self); 3] = [("auto", Self::Auto), ("json", Self::Json), ("pretty", Self::Pretty)];
}
