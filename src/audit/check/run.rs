//! The two ways to check a log: from files with a checkpoint among them, and from a database that has its checkpoints inside.

use std::ops::ControlFlow;

use super::super::tlog::rotation::ScheduleError;
use super::super::tlog::trust::TrustError;
use super::super::tlog::{KeySchedule, SignedCheckpoint, Trust, VerifierKey};
use super::fault::{CheckpointFault, Fault};
use super::heads::{Anchor, TreeHead};
use super::judge::{self, KnownKeys, Newest};
use super::piece::{Believed, read_span};
use super::pool::in_order;
use super::report::Report;
use super::source::{CHECKPOINT, Files, MAX_CHECKPOINT, TileSpans};
use super::spans::{Found, ReadError, Spans};
use super::stitch::{Stitched, Stitcher};

/// The most threads that read records.
const MAX_THREADS: usize = 256;

/// Whom to believe about a log.
#[derive(Debug, Clone)]
pub struct Trusted {
    trust: Trust,
    schedule: KeySchedule,
    /// Whether the schedule has all keys the log ever had.
    complete: bool,
}

impl Trusted {
    /// The key that signs the log now, and nothing about earlier ones.
    ///
    /// # Errors
    ///
    /// [`ScheduleError`] when it is not a log's key.
    pub fn key(key: VerifierKey) -> Result<Self, ScheduleError> {
        Ok(Self { complete: false, ..Self::schedule(KeySchedule::new(key)?) })
    }

    /// All keys the log ever had.
    #[must_use]
    pub fn schedule(schedule: KeySchedule) -> Self {
        let trust = Trust::new(schedule.current().name().as_str(), schedule.clone());
        Self { trust, schedule, complete: true }
    }

    /// Asks in addition for the cosignatures of at least `quorum` of these witnesses.
    ///
    /// # Errors
    ///
    /// [`TrustError`].
    pub fn with_witnesses(self, witnesses: Vec<VerifierKey>, quorum: usize) -> Result<Self, TrustError> {
        Ok(Self { trust: self.trust.with_witnesses(witnesses, quorum)?, ..self })
    }

    /// The same as the tree's own functions take it.
    #[must_use]
    pub const fn trust(&self) -> &Trust {
        &self.trust
    }

    /// The keys.
    #[must_use]
    pub const fn keys(&self) -> &KeySchedule {
        &self.schedule
    }

    const fn known(&self) -> KnownKeys<'_> {
        if self.complete { KnownKeys::All(&self.schedule) } else { KnownKeys::Newest(&self.schedule) }
    }
}

/// What is asked about a log.
#[derive(Debug, Clone)]
pub struct Question {
    /// Whom to believe.
    pub trusted: Trusted,
    /// The older heads that it must have.
    pub anchors: Vec<Anchor>,
    /// Older heads that could not be believed themselves.
    pub broken_anchors: Vec<Fault>,
    /// How many threads read records; 0 for as many as there are processors. Where reading is waiting, more are faster.
    pub threads: usize,
}

impl Question {
    /// Nothing but that the log is as its keys have signed it.
    #[must_use]
    pub const fn new(trusted: Trusted) -> Self {
        Self { trusted, anchors: Vec::new(), broken_anchors: Vec::new(), threads: 0 }
    }

    /// Adds a head that whoever asks has kept.
    pub fn add_head(&mut self, head: TreeHead) {
        self.anchors.push(Anchor::kept(head));
    }

    /// Adds an older checkpoint that the log must have.
    pub fn add_checkpoint(&mut self, name: impl Into<String>, bytes: &[u8]) {
        self.add(name, bytes, false);
    }

    /// Adds one that stands in the log's own directory.
    pub(in crate::audit) fn add_own_checkpoint(&mut self, name: impl Into<String>, bytes: &[u8]) {
        self.add(name, bytes, true);
    }

    fn add(&mut self, name: impl Into<String>, bytes: &[u8], inside: bool) {
        match Anchor::checkpoint(name, bytes, &self.trusted.trust) {
            Ok(anchor) => self.anchors.push(Anchor { inside, ..anchor }),
            Err(fault) => self.broken_anchors.push(fault),
        }
    }
}

/// Checks a log that is kept as files in the layout of C2SP tlog-tiles. `progress` is told the number of records checked so far and, when
/// it is known, of all.
///
/// # Errors
///
/// [`ReadError`] when something that is there cannot be read. What is wrong with the log is in the report.
pub fn check_files(
    files: &impl Files,
    question: &Question,
    progress: &mut dyn FnMut(u64, Option<u64>),
) -> Result<Report, ReadError> {
    let newest = match files.get(CHECKPOINT, MAX_CHECKPOINT)? {
        Found::Bytes(bytes) => newest(&bytes, &question.trusted.trust),
        Found::Nothing | Found::Unfit => Newest { head: None, believed: Err(Some(CheckpointFault::Missing)) },
    };
    let spans = TileSpans::new(files, newest.head.map_or(0, |head| head.size));
    let found = walk(&spans, question, progress)?;
    Ok(judge::report(found, newest, question.trusted.known()))
}

/// Checks a log whose bundles carry claims ([`super::Claim`]): the newest of them takes the place of the checkpoint. `otherwise` is a
/// checkpoint for when it is newer, because the records that it is about are in files already, or were carried over.
///
/// # Errors
///
/// [`ReadError`] when something that is there cannot be read. What is wrong with the log is in the report.
pub fn check_database(
    spans: &impl Spans,
    otherwise: Option<&[u8]>,
    question: &Question,
    progress: &mut dyn FnMut(u64, Option<u64>),
) -> Result<Report, ReadError> {
    let found = walk(spans, question, progress)?;
    let claimed = found.claimed.clone().map(|believed| Newest { head: Some(believed.head), believed: Ok(believed) });
    let otherwise = otherwise.map(|bytes| newest(bytes, &question.trusted.trust));
    let size = |newest: &Newest| newest.head.map(|head| head.size);
    let newest = match (claimed, otherwise) {
        (Some(claimed), Some(otherwise)) if size(&otherwise) > size(&claimed) => otherwise,
        (Some(newest), _) | (None, Some(newest)) => newest,
        (None, None) if found.size == 0 => {
            Newest { head: Some(TreeHead::EMPTY), believed: Ok(Believed { head: TreeHead::EMPTY, cosigned: Vec::new() }) }
        }
        (None, None) => Newest { head: None, believed: Err(found.faults.is_empty().then_some(CheckpointFault::Missing)) },
    };
    Ok(judge::report(found, newest, question.trusted.known()))
}

fn newest(bytes: &[u8], trust: &Trust) -> Newest {
    let signed = SignedCheckpoint::parse(bytes);
    let head = signed.as_ref().map(|signed| signed.checkpoint());
    let head = head.map(|checkpoint| TreeHead { size: checkpoint.size(), root: *checkpoint.root() }).ok();
    Newest { head, believed: Believed::read(bytes, trust).map_err(Some) }
}

fn walk<S: Spans>(spans: &S, question: &Question, progress: &mut dyn FnMut(u64, Option<u64>)) -> Result<Stitched, ReadError> {
    let threads = match question.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads.min(MAX_THREADS),
    };
    let trust = &question.trusted.trust;
    let mut stitcher = Stitcher::new(spans, question.anchors.clone());
    let mut failed = None;
    let read = |ticket| spans.read(ticket).map(|bundles| read_span(&bundles, trust));
    in_order(
        threads,
        || spans.next(),
        read,
        |span| {
            let went = span.and_then(|span| stitcher.span(span));
            progress(stitcher.size(), spans.size_hint());
            went.unwrap_or_else(|error| {
                failed = Some(error);
                ControlFlow::Break(())
            })
        },
    );
    match failed {
        Some(error) => Err(error),
        None => {
            let mut found = stitcher.finish()?;
            question.broken_anchors.iter().for_each(|fault| found.faults.add(fault.clone()));
            Ok(found)
        }
    }
}
