//! Files of a log in a remote store: asked for together, so many at a time, with a deadline each.

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::super::spans::{Found, ReadError};
use super::files::{Files, Wanted};

/// Why a store could not say what it has.
pub type StoreError = Box<dyn Error + Send + Sync>;

/// A store of objects by name: a bucket, or a web server.
pub trait TileStore: Send + Sync + 'static {
    /// The object of this name, such as `tile/0/x001/234`; `None` when there is none. Whether to ask again is the store's business.
    fn get(&self, name: &str) -> impl Future<Output = Result<Option<Bytes>, StoreError>> + Send;
}

/// Files in a remote store, for threads that may wait: never to be asked from within the runtime.
#[derive(Debug)]
pub struct Remote<S> {
    asking: Arc<Asking<S>>,
    runtime: Handle,
}

#[derive(Debug)]
struct Asking<S> {
    store: S,
    permits: Semaphore,
    deadline: Duration,
}

impl<S: TileStore> Remote<S> {
    /// At most `together` objects are asked for at a time, and each must come within `deadline`.
    pub fn new(store: S, runtime: Handle, together: usize, deadline: Duration) -> Self {
        let asking = Asking { store, permits: Semaphore::new(together.max(1)), deadline };
        Self { asking: Arc::new(asking), runtime }
    }
}

impl<S: TileStore> Asking<S> {
    async fn get(&self, wanted: &Wanted) -> Result<Found, ReadError> {
        let failed = |source| ReadError::new(format!("`{}`", wanted.name), source);
        let _permit = self.permits.acquire().await.map_err(|closed| failed(closed.into()))?;
        let answer = tokio::time::timeout(self.deadline, self.store.get(&wanted.name)).await;
        match answer.map_err(|late| failed(late.into()))?.map_err(failed)? {
            None => Ok(Found::Nothing),
            Some(bytes) if bytes.len() > wanted.limit => Ok(Found::Unfit),
            Some(bytes) => Ok(Found::Bytes(bytes)),
        }
    }
}

impl<S: TileStore> Files for Remote<S> {
    fn get(&self, name: &str, limit: usize) -> Result<Found, ReadError> {
        self.runtime.block_on(self.asking.get(&Wanted { name: name.to_owned(), limit }))
    }

    fn get_all(&self, wanted: &[Wanted]) -> Result<Vec<Found>, ReadError> {
        let mut answers = vec![Found::Nothing; wanted.len()];
        self.runtime.block_on(async {
            let mut tasks = JoinSet::new();
            for (place, wanted) in wanted.iter().cloned().enumerate() {
                let asking = Arc::clone(&self.asking);
                tasks.spawn(async move { (place, asking.get(&wanted).await) });
            }
            while let Some(joined) = tasks.join_next().await {
                let (place, found) = joined.map_err(|error| ReadError::new("several objects", error))?;
                if let Some(answer) = answers.get_mut(place) {
                    *answer = found?;
                }
            }
            Ok(answers)
        })
    }
}

#[cfg(test)]
#[path = "remote_tests.rs"]
mod tests;
