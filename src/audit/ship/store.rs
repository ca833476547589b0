//! Objects under one location: made once under names that never mean anything else, or replaced; read back; listed.
//!
//! Every operation has a deadline, and only so many are under way at a time, given-up ones included: a disk that hangs cannot be
//! interrupted, so what hangs on it keeps its slot and the next attempt waits for that instead of hanging as well. Nothing is tried
//! twice here. How the four kinds of stores are opened stands in `open`.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use object_store::path::Path;
use object_store::{Attribute, Attributes, GetOptions, ObjectStore, PutMode, PutOptions, PutPayload};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::probe::Conditions;

/// How many operations may be under way at once.
pub(super) const SLOTS: usize = 8;
/// The longest object that is read: an entry bundle of the longest records.
pub(super) const MAX_OBJECT: usize = 256 * (2 + 65_535);

/// Why an operation on a store did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It took too long. A put may have been carried out, or be carried out yet.
    #[error("`{store}` did not answer within {} s", .deadline.as_secs())]
    Silent {
        /// The location of the store.
        store: Arc<str>,
        /// How long it had.
        deadline: Duration,
    },
    /// An object with other bytes has the name.
    #[error("`{store}` holds something else under `{name}`")]
    Different {
        /// The location of the store.
        store: Arc<str>,
        /// The object.
        name: String,
    },
    /// An object is longer than anything that is kept there.
    #[error("`{name}` in `{store}` is too long")]
    TooLong {
        /// The location of the store.
        store: Arc<str>,
        /// The object.
        name: String,
    },
    /// Anything else.
    #[error("`{store}` failed at `{name}`")]
    Failed {
        /// The location of the store.
        store: Arc<str>,
        /// The object.
        name: String,
        /// The cause.
        #[source]
        source: object_store::Error,
    },
}

/// How an object came to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// It was made now.
    Now,
    /// It was there before, with the same bytes.
    Before,
}

/// A store of objects. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pub(super) objects: Arc<dyn ObjectStore>,
    pub(super) prefix: Path,
    /// The location, for people.
    pub(super) label: Arc<str>,
    pub(super) deadline: Duration,
    pub(super) slots: Arc<Semaphore>,
    /// File systems keep bytes and nothing else.
    pub(super) with_attributes: bool,
    pub(super) conditions: Conditions,
}

impl Store {
    /// The location, for people.
    #[must_use]
    pub const fn label(&self) -> &Arc<str> {
        &self.label
    }

    /// Makes an object unless there is one with the same bytes.
    ///
    /// # Errors
    ///
    /// [`StoreError::Different`] when there is one with other bytes, else why nobody knows whether it is there.
    pub async fn create(&self, name: &str, bytes: Bytes, kind: ContentKind) -> Result<Made, StoreError> {
        self.probe().await?;
        if self.conditions.are_ignored() {
            return self.create_after_looking(name, bytes, kind).await;
        }
        match self.put(name, bytes.clone(), PutMode::Create, kind).await {
            Ok(()) => return Ok(Made::Now),
            Err(Put::Exists) => {}
            Err(Put::Unconditional) => return self.create_after_looking(name, bytes, kind).await,
            Err(Put::Failed(error)) => return Err(error),
        }
        match self.read(name).await? {
            Some(found) if found == bytes => Ok(Made::Before),
            Some(_) => Err(StoreError::Different { store: Arc::clone(&self.label), name: name.to_owned() }),
            // Another writer was at it, and has not succeeded.
            None => {
                Err(self
                    .failed(name, object_store::Error::Generic { store: "store", source: "it exists, and it does not".into() }))
            }
        }
    }

    /// For stores that cannot make the condition part of the put: with two writers at once the last one wins, so there must be one.
    async fn create_after_looking(&self, name: &str, bytes: Bytes, kind: ContentKind) -> Result<Made, StoreError> {
        match self.read(name).await? {
            Some(found) if found == bytes => Ok(Made::Before),
            Some(_) => Err(StoreError::Different { store: Arc::clone(&self.label), name: name.to_owned() }),
            None => self.replace(name, bytes, kind).await.map(|()| Made::Now),
        }
    }

    /// Makes an object, or gives the one that is there other bytes.
    ///
    /// # Errors
    ///
    /// Why nobody knows whether it has these bytes now.
    pub async fn replace(&self, name: &str, bytes: Bytes, kind: ContentKind) -> Result<(), StoreError> {
        self.put(name, bytes, PutMode::Overwrite, kind).await.map_err(|put| match put {
            Put::Failed(error) => error,
            Put::Exists | Put::Unconditional => {
                self.failed(name, object_store::Error::Generic { store: "store", source: "it cannot be replaced".into() })
            }
        })
    }

    /// The bytes of an object; `None` when there is none.
    ///
    /// # Errors
    ///
    /// Why they could not be read.
    pub async fn read(&self, name: &str) -> Result<Option<Bytes>, StoreError> {
        let (objects, path) = (Arc::clone(&self.objects), self.path(name)?);
        let read = self.attempt(name, async move {
            let found = objects.get_opts(&path, GetOptions::default()).await?;
            if found.meta.size > MAX_OBJECT as u64 {
                return Ok(None);
            }
            found.bytes().await.map(Some)
        });
        match read.await? {
            Ok(Some(bytes)) => Ok(Some(bytes)),
            Ok(None) => Err(StoreError::TooLong { store: Arc::clone(&self.label), name: name.to_owned() }),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(self.failed(name, source)),
        }
    }

    /// The names in a folder that come after `after` in the order of their bytes, in any order, at most `most` of them.
    ///
    /// # Errors
    ///
    /// Why they could not be listed.
    pub async fn names_after(&self, folder: &str, after: &str, most: usize) -> Result<Vec<String>, StoreError> {
        let (objects, folder_path) = (Arc::clone(&self.objects), self.path(folder)?);
        let offset = self.path(&format!("{folder}/{after}"))?;
        let listed = self.attempt(folder, async move {
            let mut found = objects.list_with_offset(Some(&folder_path), &offset);
            let mut names = Vec::new();
            while let Some(object) = found.next().await {
                names.extend(object?.location.filename().map(str::to_owned));
                if names.len() >= most {
                    break;
                }
            }
            Ok(names)
        });
        match listed.await? {
            Ok(names) => Ok(names),
            Err(object_store::Error::NotFound { .. }) => Ok(Vec::new()),
            Err(source) => Err(self.failed(folder, source)),
        }
    }

    pub(super) async fn put(&self, name: &str, bytes: Bytes, mode: PutMode, kind: ContentKind) -> Result<(), Put> {
        let (objects, path) = (Arc::clone(&self.objects), self.path(name).map_err(Put::Failed)?);
        let attributes = if self.with_attributes { kind.attributes() } else { Attributes::new() };
        let options = PutOptions { mode, attributes, ..PutOptions::default() };
        let put = self.attempt(name, async move { objects.put_opts(&path, PutPayload::from(bytes), options).await });
        match put.await.map_err(Put::Failed)? {
            Ok(_) => Ok(()),
            Err(object_store::Error::AlreadyExists { .. }) => Err(Put::Exists),
            Err(object_store::Error::NotImplemented { .. } | object_store::Error::NotSupported { .. }) => Err(Put::Unconditional),
            Err(source) => Err(Put::Failed(self.failed(name, source))),
        }
    }

    /// Works on the store until the deadline. What has not ended by then goes on alone, and keeps its slot.
    async fn attempt<T: Send + 'static>(
        &self,
        name: &str,
        work: impl Future<Output = object_store::Result<T>> + Send + 'static,
    ) -> Result<object_store::Result<T>, StoreError> {
        let silent = |_| StoreError::Silent { store: Arc::clone(&self.label), deadline: self.deadline };
        let end = Instant::now() + self.deadline;
        let slot = timeout_at(end, Arc::clone(&self.slots).acquire_owned()).await.map_err(silent)?;
        let task = tokio::spawn(async move {
            let done = work.await;
            drop(slot);
            done
        });
        let joined = timeout_at(end, task).await.map_err(silent)?;
        joined.map_err(|source| self.failed(name, object_store::Error::JoinError { source }))
    }

    fn path(&self, name: &str) -> Result<Path, StoreError> {
        let full = if self.prefix.as_ref().is_empty() { name.to_owned() } else { format!("{}/{name}", self.prefix) };
        Path::parse(full).map_err(|source| self.failed(name, source.into()))
    }

    fn failed(&self, name: &str, source: object_store::Error) -> StoreError {
        StoreError::Failed { store: Arc::clone(&self.label), name: name.to_owned(), source }
    }
}

/// Why a put did not put anything.
pub(super) enum Put {
    /// There is something.
    Exists,
    /// The store cannot do it on a condition.
    Unconditional,
    /// Anything else.
    Failed(StoreError),
}

/// What is in an object, for those who serve it to browsers and caches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentKind {
    /// Tiles and bundles, which never change.
    Tile,
    /// A checkpoint under its size, which never changes.
    Checkpoint,
    /// The newest checkpoint.
    Newest,
}

impl ContentKind {
    fn attributes(self) -> Attributes {
        let (content, cache) = match self {
            Self::Tile => ("application/octet-stream", "max-age=31536000, immutable"),
            Self::Checkpoint => ("text/plain; charset=utf-8", "max-age=31536000, immutable"),
            Self::Newest => ("text/plain; charset=utf-8", "no-cache"),
        };
        Attributes::from_iter([(Attribute::ContentType, content), (Attribute::CacheControl, cache)])
    }
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
