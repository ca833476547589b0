//! Exports a log, whether or not a sidecar is writing it: record by record, in constant memory.
//!
//! The records are not verified on the way; `audit verify` is for that.

use std::io::{self, Write};
use std::path::Path;

use crate::audit::reader::{AuditReader, ReadError};
use crate::audit::snapshot::{SnapshotError, with_snapshot};
use crate::domain::Timestamp;

use super::entry::Entry;
use super::{csv, jsonl, ocsf};

/// How much is written at a time, in bytes.
const CHUNK: usize = 64 << 10;

/// After how many records it is told how far the export is.
const LOOK: u64 = 4096;

/// What records are made into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Lines of JSON with the records as they are.
    JsonLines,
    /// A table.
    Csv,
    /// Lines of JSON, each an event of OCSF.
    Ocsf,
}

impl Format {
    fn begin(self, out: &mut Vec<u8>) {
        match self {
            Self::Csv => csv::write_header(out),
            Self::JsonLines | Self::Ocsf => {}
        }
    }

    /// Appends a record.
    pub fn write(self, entry: &Entry<'_>, out: &mut Vec<u8>) {
        match self {
            Self::JsonLines => jsonl::write(entry, out),
            Self::Csv => csv::write(entry, out),
            Self::Ocsf => ocsf::write(entry, out),
        }
    }
}

/// Which records to export; what is empty does not narrow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// The first.
    pub from: u64,
    /// The last.
    pub to: Option<u64>,
    /// Only from this time on.
    pub since: Option<Timestamp>,
    /// Only before this time.
    pub until: Option<Timestamp>,
}

impl Span {
    /// Whether a record was made at the right time. One that does not tell its time is not left out for that.
    fn is_timely(&self, entry: &Entry<'_>) -> bool {
        match entry.leaf().and_then(super::Leaf::time) {
            Some(time) => self.since.is_none_or(|since| time >= since) && self.until.is_none_or(|until| time < until),
            None => true,
        }
    }
}

/// How far an export is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// The number of the next record to look at.
    pub next: u64,
    /// The number after the last one to look at.
    pub end: u64,
    /// How many were written.
    pub written: u64,
}

/// Why an export broke off.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The log could not be opened.
    #[error(transparent)]
    Open(#[from] SnapshotError),
    /// A record could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The export could not be written.
    #[error("failed to write the export")]
    Write(#[source] io::Error),
}

/// Writes the records of the log in `directory` to `out`, oldest first, and tells `watch` at times how far it is. Works on a copy below
/// `scratch`. `out` is not flushed.
///
/// # Errors
///
/// [`ExportError`]; what was written until then stays written.
pub fn export(
    directory: &Path,
    scratch: &Path,
    format: Format,
    span: &Span,
    out: &mut dyn Write,
    watch: &mut dyn FnMut(Progress),
) -> Result<Progress, ExportError> {
    let mut run = Run { format, span, out, watch, at: Progress { next: span.from, ..Progress::default() }, buffer: Vec::new() };
    format.begin(&mut run.buffer);
    let ended = with_snapshot(directory, scratch, |reader| {
        let origin = reader.checkpoint().checkpoint().origin().to_owned();
        match run.records(reader, &origin) {
            // Another copy would not help.
            Err(ExportError::Write(error)) => Ok(Err(error)),
            Err(error) => Err(error),
            Ok(()) => Ok(Ok(())),
        }
    })?;
    ended.and_then(|()| run.drain()).map_err(ExportError::Write)?;
    (run.watch)(run.at);
    Ok(run.at)
}

/// An export under way. It outlives the copy that it reads: when that one was made badly, it goes on with the next.
struct Run<'a> {
    format: Format,
    span: &'a Span,
    out: &'a mut dyn Write,
    watch: &'a mut dyn FnMut(Progress),
    at: Progress,
    buffer: Vec<u8>,
}

impl Run<'_> {
    fn records(&mut self, reader: &AuditReader, origin: &str) -> Result<(), ExportError> {
        self.at.end = reader.len().min(self.span.to.map_or(u64::MAX, |to| to.saturating_add(1)));
        if self.at.next >= self.at.end {
            return Ok(());
        }
        for record in reader.range(self.at.next) {
            let record = record?;
            let entry = Entry::of(origin, &record);
            if self.span.is_timely(&entry) {
                self.format.write(&entry, &mut self.buffer);
                self.at.written += 1;
            }
            self.at.next = record.seq() + 1;
            if self.buffer.len() >= CHUNK {
                self.drain().map_err(ExportError::Write)?;
            }
            if self.at.next.is_multiple_of(LOOK) {
                (self.watch)(self.at);
            }
            if self.at.next >= self.at.end {
                break;
            }
        }
        Ok(())
    }

    fn drain(&mut self) -> io::Result<()> {
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
