//! One look: the kernel's tables, and which of the sockets in them are ours.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use super::judge::{Found, Guarded, judge};
use super::table::{Family, TableError, listeners};

/// The most descriptors of ours that are looked at.
const MOST_DESCRIPTORS: usize = 1 << 20;

/// Why a look says nothing.
#[derive(Debug, thiserror::Error)]
pub enum Doubt {
    /// A table cannot be used.
    #[error("failed to read `{path}`")]
    Table {
        /// Which.
        path: PathBuf,
        /// The cause.
        #[source]
        source: TableError,
    },
    /// We cannot say which sockets are ours.
    #[error("failed to read which sockets are the sidecar's own, in `{path}`")]
    Own {
        /// Where.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// It was not over in time.
    #[error("reading the tables of sockets takes longer than {} s", .0.as_secs())]
    Slow(std::time::Duration),
    /// It was given up.
    #[error("reading the tables of sockets ended without a result")]
    Lost,
}

/// Reads everything below `proc`, which is `/proc`. It blocks.
pub(super) fn look(proc: &Path, guarded: &[Guarded]) -> Result<Found, Doubt> {
    let mut all = table(&proc.join("net/tcp"), Family::V4)?;
    let (six, interfaces) = (proc.join("net/tcp6"), proc.join("net/if_inet6"));
    match table(&six, Family::V6) {
        Ok(more) => all.extend(more),
        // A kernel without IPv6 has neither.
        Err(Doubt::Table { source: TableError::Read(error), .. })
            if error.kind() == io::ErrorKind::NotFound && is_absent(&interfaces) => {}
        Err(doubt) => return Err(doubt),
    }
    // After the tables: a socket of ours that is in them is still open now, or its listener has ended.
    let own = own(&proc.join("self/fd"))?;
    Ok(judge(&all, &own, guarded))
}

fn is_absent(path: &Path) -> bool {
    fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

fn table(path: &Path, family: Family) -> Result<Vec<super::Listener>, Doubt> {
    let failed = |source| Doubt::Table { path: path.into(), source };
    let file = File::open(path).map_err(|error| failed(error.into()))?;
    listeners(BufReader::new(file), family).map_err(failed)
}

/// The inodes of our own sockets: what the links in `/proc/self/fd` say, `socket:[12345]`.
fn own(path: &Path) -> Result<BTreeSet<u64>, Doubt> {
    let failed = |source| Doubt::Own { path: path.into(), source };
    let mut inodes = BTreeSet::new();
    for entry in fs::read_dir(path).map_err(failed)?.take(MOST_DESCRIPTORS) {
        // A descriptor may be closed between being listed and being looked at.
        let Ok(target) = fs::read_link(entry.map_err(failed)?.path()) else { continue };
        let inode = target.to_str().and_then(|text| text.strip_prefix("socket:[")?.strip_suffix(']')?.parse::<u64>().ok());
        inodes.extend(inode);
    }
    Ok(inodes)
}

#[cfg(test)]
#[path = "look_tests.rs"]
mod tests;
