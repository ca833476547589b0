//! What the shim has recorded: the requests of one process to its disk, in an order that can be trusted.
//!
//! A request carries two tickets, one from before and one from after it, of a counter that the whole process shares: what ended before
//! something else began has happened before it.

use std::path::Path;

/// The bytes of an event before its paths and data; `struct event` in `tests/faults/shim.c`.
const HEADER: usize = 80;

/// What was asked for; `enum kind` in `tests/faults/shim.c`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Open,
    Create,
    Write,
    Range,
    DataSync,
    Sync,
    SyncAll,
    Truncate,
    Allocate,
    Rename,
    Unlink,
    RemoveDirectory,
    MakeDirectory,
    Room,
    Say,
    Send,
    Foreign,
}

impl Kind {
    const ALL: [Self; 17] = [
        Self::Open,
        Self::Create,
        Self::Write,
        Self::Range,
        Self::DataSync,
        Self::Sync,
        Self::SyncAll,
        Self::Truncate,
        Self::Allocate,
        Self::Rename,
        Self::Unlink,
        Self::RemoveDirectory,
        Self::MakeDirectory,
        Self::Room,
        Self::Say,
        Self::Send,
        Self::Foreign,
    ];

    /// Whether it makes something durable.
    pub(super) const fn is_sync(self) -> bool {
        matches!(self, Self::DataSync | Self::Sync | Self::SyncAll)
    }
}

/// One request.
#[derive(Clone)]
pub(super) struct Event {
    pub(super) kind: Kind,
    pub(super) begin: u64,
    pub(super) end: u64,
    /// What the disk answered; below 0 an error.
    pub(super) result: i64,
    pub(super) inode: u64,
    pub(super) at: u64,
    pub(super) length: u64,
    pub(super) path: String,
    /// Where something was moved.
    pub(super) other: String,
    pub(super) data: Vec<u8>,
    flags: u16,
}

impl Event {
    /// Whether the disk did what it was asked for.
    pub(super) const fn happened(&self) -> bool {
        self.result >= 0 && self.flags & 2 == 0
    }

    /// Whether an existing file lost its content when it was opened.
    pub(super) const fn truncates(&self) -> bool {
        self.flags & 8 != 0
    }
}

/// Reads a trace; one of a process that was killed may end in half an event.
pub(super) fn read(path: &Path) -> Vec<Event> {
    let bytes = std::fs::read(path).unwrap();
    let (mut rest, mut events) = (bytes.as_slice(), Vec::new());
    while let Some((event, after)) = next(rest) {
        events.push(event);
        rest = after;
    }
    events.sort_by_key(|event| event.begin);
    events
}

fn next(bytes: &[u8]) -> Option<(Event, &[u8])> {
    let header = bytes.get(..HEADER)?;
    let short = |at: usize| u16::from_le_bytes(header[at..at + 2].try_into().unwrap());
    let word = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().unwrap());
    let long = |at: usize| u64::from_le_bytes(header[at..at + 8].try_into().unwrap());
    let (total, path, other) = (word(0) as usize, usize::from(short(68)), usize::from(short(70)));
    let rest = bytes.get(HEADER..total)?;
    let (names, data) = rest.split_at(path + other);
    let name = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let event = Event {
        kind: Kind::ALL[usize::from(short(4)) - 1],
        flags: short(6),
        begin: long(8),
        end: long(16),
        result: i64::from_le_bytes(header[24..32].try_into().unwrap()),
        inode: long(32),
        at: long(48),
        length: long(56),
        path: name(&names[..path]),
        other: name(&names[path..]),
        data: data.to_vec(),
    };
    Some((event, &bytes[total..]))
}
