//! Tickets on disk: a small database of its own beside the log. A change is durable when [`Store::put`] returns.
//!
//! After an error nobody knows what the database holds, so it is given up, and the next change begins a new one with everything that is
//! known to have happened. Databases are numbered; the highest is the one that counts, and it only gets its place when it is whole.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::stored::Stored;
use super::ticket::Ticket;
use crate::domain::TicketId;
use crate::storage::{Batch, Database, Disk, MAX_VALUE, OpenError, StorageError, make_private_directory};

/// How long a piece of arguments may be.
const PIECE: usize = MAX_VALUE / 2;
/// Keys of tickets, and of the pieces of their arguments.
const TICKETS: &[u8] = b"t/";
const PIECES: &[u8] = b"a/";

/// Why tickets cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be opened or made.
    #[error("the database of tickets cannot be opened")]
    Open(#[from] OpenError),
    /// The directory cannot be made or read.
    #[error("failed to prepare `{path}`")]
    Prepare {
        /// The directory.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// It cannot be read or written.
    #[error("the database of tickets failed")]
    Database(#[from] StorageError),
    /// A ticket in it is not one that this version writes.
    #[error("the ticket `{0}` on disk cannot be read: it was changed, or written by another version")]
    Unreadable(String),
    /// A ticket cannot be written as it is.
    #[error("a ticket cannot be written")]
    Unwritable(#[from] serde_json::Error),
    /// A ticket is longer than what is kept safely, in bytes. Nothing was written.
    #[error("a ticket of {0} bytes is too long to be kept")]
    TooLong(usize),
    /// The task that writes was cut off: the process is going down.
    #[error("the ticket was not written: the process is going down")]
    Interrupted,
}

/// The database of tickets.
pub(super) struct Store {
    directory: PathBuf,
    disk: Arc<dyn Disk>,
    number: u64,
    /// `None` before the first ticket, and after an error until another one is made.
    database: Option<Database>,
}

impl Store {
    /// Opens the newest database and reads all tickets. Where there is none, nothing is made before there is a ticket.
    pub(super) fn open(directory: &Path, disk: Arc<dyn Disk>) -> Result<(Self, Vec<Ticket>), StoreError> {
        let mut numbers = numbers(directory).map_err(|source| prepare(directory, source))?;
        numbers.sort_unstable();
        let mut store = Self { directory: directory.into(), disk, number: 0, database: None };
        let Some(newest) = numbers.pop() else { return Ok((store, Vec::new())) };
        let database = Database::open(&store.path(newest), Arc::clone(&store.disk))?;
        let tickets = read(&database)?;
        (store.number, store.database) = (newest, Some(database));
        // Those before it were given up, and everything in them that counts is in this one.
        numbers.into_iter().for_each(|number| store.remove(number));
        Ok((store, tickets))
    }

    fn path(&self, number: u64) -> PathBuf {
        self.directory.join(number.to_string())
    }

    /// Writes a ticket. `all` gives every ticket as it stood before, for when a new database has to be begun.
    pub(super) fn put<'a>(
        &mut self,
        ticket: &Ticket,
        before: Option<&Ticket>,
        all: impl Iterator<Item = &'a Arc<Ticket>>,
    ) -> Result<(), StoreError> {
        // First, because what cannot be written must not cost the database.
        let mut batch = Batch::default();
        write(&mut batch, ticket, before)?;
        let database = match self.database.take() {
            Some(database) => database,
            None => self.begin(all)?,
        };
        self.commit(database, batch)
    }

    /// Removes tickets that are remembered no longer.
    pub(super) fn forget(&mut self, ids: &[TicketId]) -> Result<(), StoreError> {
        let Some(database) = self.database.take() else { return Ok(()) };
        let mut batch = Batch::default();
        for id in ids {
            batch.remove(&key(*id));
            // The newest that was used may have kept its arguments.
            for piece in database.range(&piece_prefix(*id), &piece_prefix(*id)) {
                batch.remove(&piece?.0);
            }
        }
        self.commit(database, batch)
    }

    fn commit(&mut self, database: Database, batch: Batch) -> Result<(), StoreError> {
        match database.commit(batch) {
            Ok(()) => {
                self.database = Some(database);
                Ok(())
            }
            Err(error) => {
                database.abandon();
                Err(error.into())
            }
        }
    }

    /// Makes a database with these tickets: the first one, or one in the place of one that failed.
    fn begin<'a>(&mut self, all: impl Iterator<Item = &'a Arc<Ticket>>) -> Result<Database, StoreError> {
        let mut batch = Batch::default();
        for ticket in all {
            write(&mut batch, ticket, None)?;
        }
        make_private_directory(&self.directory).map_err(|source| prepare(&self.directory, source))?;
        let next = self.number + 1;
        let database = Database::create(&self.path(next), batch, &self.disk)?;
        if self.number > 0 {
            tracing::warn!(number = next, "the database of tickets is written anew, because the one before failed");
        }
        self.number = next;
        Ok(database)
    }

    fn remove(&self, number: u64) {
        let path = self.path(number);
        if let Err(error) = std::fs::remove_dir_all(&path) {
            tracing::warn!(path = %path.display(), %error, "a database of tickets that is of no use any more could not be removed");
        }
    }
}

/// The databases that there are; none where there is no directory yet.
fn numbers(directory: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    let entries = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(numbers),
        entries => entries?,
    };
    for entry in entries {
        numbers.extend(entry?.file_name().to_str().and_then(|name| name.parse::<u64>().ok()));
    }
    Ok(numbers)
}

fn prepare(path: &Path, source: io::Error) -> StoreError {
    StoreError::Prepare { path: path.into(), source }
}

fn key(id: TicketId) -> Vec<u8> {
    [TICKETS, id.to_string().as_bytes()].concat()
}

fn piece_key(id: TicketId, number: usize) -> Vec<u8> {
    [piece_prefix(id).as_slice(), format!("{number:06}").as_bytes()].concat()
}

fn piece_prefix(id: TicketId) -> Vec<u8> {
    [PIECES, id.to_string().as_bytes(), b"/"].concat()
}

/// The arguments first and the ticket after them, so that a crash leaves no ticket without its arguments; the other way round when they
/// are let go of.
fn write(batch: &mut Batch, ticket: &Ticket, before: Option<&Ticket>) -> Result<(), StoreError> {
    let pieces = |ticket: &Ticket| ticket.bound.arguments.as_ref().map_or(0, |arguments| arguments.len().div_ceil(PIECE));
    let known = before.map_or(0, pieces);
    if let Some(arguments) = ticket.bound.arguments.as_ref().filter(|_| known == 0) {
        arguments.chunks(PIECE).enumerate().for_each(|(number, piece)| batch.insert(&piece_key(ticket.id, number), piece));
    }
    let stored = serde_json::to_vec(&Stored::of(ticket))?;
    if stored.len() > MAX_VALUE {
        return Err(StoreError::TooLong(stored.len()));
    }
    batch.insert(&key(ticket.id), &stored);
    (pieces(ticket)..known).for_each(|number| batch.remove(&piece_key(ticket.id, number)));
    Ok(())
}

fn read(database: &Database) -> Result<Vec<Ticket>, StoreError> {
    let mut tickets = Vec::new();
    for entry in database.range(TICKETS, TICKETS) {
        let (key, value) = entry?;
        let unreadable = || StoreError::Unreadable(String::from_utf8_lossy(&key).into_owned());
        let stored: Stored = serde_json::from_slice(&value).map_err(|_| unreadable())?;
        let id =
            key.strip_prefix(TICKETS).and_then(|id| TicketId::parse(std::str::from_utf8(id).ok()?)).ok_or_else(unreadable)?;
        let arguments = stored.arguments().map(|length| arguments(database, id, length)).transpose()?;
        let ticket = stored.ticket(arguments).filter(|ticket| ticket.id == id).ok_or_else(unreadable)?;
        // What a ticket is for is what its digest says, or it is not that ticket.
        if ticket.bound.arguments.is_some() && ticket.bound.digest() != ticket.digest {
            return Err(unreadable());
        }
        tickets.push(ticket);
    }
    Ok(tickets)
}

fn arguments(database: &Database, id: TicketId, length: usize) -> Result<Bytes, StoreError> {
    let mut bytes = Vec::new();
    for number in 0..length.div_ceil(PIECE) {
        let piece = database.get(&piece_key(id, number))?;
        bytes.extend_from_slice(&piece.ok_or_else(|| StoreError::Unreadable(id.to_string()))?);
    }
    Ok(bytes.into())
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
