//! The faults of [`super::table`] as data: which requests fail, how, and who may notice.

use std::fmt;

use super::shim::{Action, Rule};

/// How callers and operators may notice a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notice {
    /// Not at all: the log goes on without a refusal.
    Never,
    /// Calls are refused, or the log does not open, until the disk works again; at least in so many of ten positions.
    Refusal(usize),
    /// Something may be refused, or not open, or nothing happens: that depends on whose request it was.
    Either,
    /// Whatever else, no call is refused.
    NoDenial,
}

/// A row: which requests fail, how often, in which way.
pub(super) struct Row {
    pub(super) kind: &'static str,
    pub(super) path: &'static str,
    /// 0 is from the position on, until the disk is healed.
    pub(super) count: u32,
    pub(super) action: Action,
    pub(super) notice: Notice,
}

impl Row {
    /// The row from call number `first` on.
    pub(super) const fn from(&self, first: u32) -> Rule {
        Rule { kind: self.kind, path: self.path, first, count: self.count, action: self.action }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of `{}`, {} x {:?}", self.kind, self.path, self.count, self.action)
    }
}

const fn row(kind: &'static str, path: &'static str, count: u32, action: Action, notice: Notice) -> Row {
    Row { kind, path, count, action, notice }
}

pub(super) const ROWS: &[Row] = &[
    // The database files.
    row("write", "/db", 1, Action::Fail("EIO"), Notice::Refusal(5)),
    row("write", "/db", 0, Action::Fail("EIO"), Notice::Refusal(9)),
    row("write", "/db", 0, Action::Fail("ENOSPC"), Notice::Refusal(9)),
    row("write", "/db", 0, Action::Fail("EDQUOT"), Notice::Refusal(9)),
    row("write", "/db", 1, Action::Short, Notice::Never),
    row("write", "/db", 1, Action::Torn("EIO"), Notice::Refusal(5)),
    row("write", "/db", 1, Action::Late("EIO"), Notice::Refusal(5)),
    row("fdatasync", "/db", 1, Action::Fail("EIO"), Notice::Refusal(9)),
    row("fdatasync", "/db", 0, Action::Fail("EIO"), Notice::Refusal(9)),
    row("fdatasync", "/db", 1, Action::Late("EIO"), Notice::Refusal(9)),
    row("range", "/db", 1, Action::Fail("EIO"), Notice::Refusal(5)),
    row("fsync", "/db", 1, Action::Fail("EIO"), Notice::Either),
    row("fsync", "/db", 0, Action::Fail("EIO"), Notice::Either),
    // A disk that takes its time.
    row("fdatasync", "/db", 1, Action::Hang(3000), Notice::Refusal(9)),
    row("fsync", "/epochs", 1, Action::Hang(3000), Notice::Either),
    row("fsync", "/anchor", 1, Action::Hang(3000), Notice::NoDenial),
    row("syncfs", "", 1, Action::Hang(3000), Notice::NoDenial),
    // Anything at all.
    row("any", "", 1, Action::Fail("EIO"), Notice::Either),
    row("any", "", 0, Action::Fail("EROFS"), Notice::Refusal(9)),
    row("any", "", 0, Action::Fail("ENOSPC"), Notice::Refusal(9)),
    row("any", "", 1, Action::Late("EIO"), Notice::Either),
    // What makes files and gives them their names.
    row("create", "", 1, Action::Fail("ENOSPC"), Notice::Either),
    row("create", "", 0, Action::Fail("EMFILE"), Notice::Either),
    row("open", "", 1, Action::Fail("EMFILE"), Notice::Either),
    row("mkdir", "", 1, Action::Fail("ENOSPC"), Notice::Either),
    row("rename", "", 1, Action::Fail("EIO"), Notice::Either),
    row("rename", "", 1, Action::Late("EIO"), Notice::Either),
    row("rename", "", 0, Action::Fail("EIO"), Notice::Either),
    row("unlink", "", 1, Action::Fail("EIO"), Notice::Either),
    row("rmdir", "", 1, Action::Fail("EIO"), Notice::Either),
    row("fsync", "", 1, Action::Fail("EIO"), Notice::Either),
    row("fsync", "", 1, Action::Late("EIO"), Notice::Either),
    row("fsync", "/epochs", 1, Action::Fail("EIO"), Notice::Either),
    // The small files.
    row("any", "/anchor", 1, Action::Fail("EIO"), Notice::Either),
    row("any", "/anchor", 0, Action::Fail("ENOSPC"), Notice::Either),
    row("any", "/trust", 1, Action::Fail("EIO"), Notice::Either),
    row("any", "/trust", 0, Action::Fail("ENOSPC"), Notice::Either),
    row("any", "/keys", 1, Action::Fail("EIO"), Notice::Either),
    row("any", "/keys", 0, Action::Fail("ENOSPC"), Notice::Either),
    row("any", "/conf", 1, Action::Fail("EIO"), Notice::Either),
    row("any", "/snap.", 1, Action::Fail("EIO"), Notice::Either),
    row("any", "/snap.", 0, Action::Fail("ENOSPC"), Notice::Either),
    // The archive, which nobody waits for.
    row("any", "/tiles", 1, Action::Fail("EIO"), Notice::Either),
    row("any", "/tiles", 0, Action::Fail("ENOSPC"), Notice::Either),
    row("any", "/archived", 1, Action::Fail("EIO"), Notice::Either),
    // The private side.
    row("any", "/private", 1, Action::Fail("EIO"), Notice::Either),
    row("any", "/private", 1, Action::Torn("EIO"), Notice::Either),
    row("any", "/salts", 0, Action::Fail("ENOSPC"), Notice::Refusal(5)),
    row("fdatasync", "/salts", 1, Action::Late("EIO"), Notice::Either),
    row("syncfs", "", 1, Action::Fail("EIO"), Notice::Either),
    row("allocate", "", 0, Action::Fail("ENOSPC"), Notice::Never),
    row("statfs", "", 1, Action::Fail("EIO"), Notice::Either),
    row("statfs", "", 0, Action::Full, Notice::Either),
];

/// Places where a log has been lost or could not be opened any more.
pub(super) const PLACES: &[(Row, u32)] = &[
    // An epoch that was in place when making it failed, and that the next start took for the newest.
    (row("rename", "/epochs/00000001", 1, Action::Late("EIO"), Notice::Either), 1),
    (row("fsync", "/epochs/00000001", 1, Action::Fail("EIO"), Notice::Either), 6),
    (row("create", "/epochs/00000001/snap", 1, Action::Fail("ENOSPC"), Notice::Either), 1),
    (row("rename", "/epochs", 0, Action::Late("EIO"), Notice::Either), 2),
    // A change of keys that was half done when it failed, and signed on with the old one.
    (row("rename", "/trust", 1, Action::Late("EIO"), Notice::Refusal(10)), 2),
    (row("rename", ".next", 1, Action::Fail("EIO"), Notice::Refusal(10)), 2),
    // An anchor that lags behind what was pruned.
    (row("any", "/anchor", 0, Action::Fail("ENOSPC"), Notice::Either), 8),
];
