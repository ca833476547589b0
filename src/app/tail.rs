//! The newest records of the log, read once for all who follow them.
//!
//! One task reads what is new and hands it to everybody; whoever starts further back, or was not quick enough, reads the log for themselves
//! until they are there. So a thousand who follow cost one who reads, and a slow one keeps nobody's records in memory: the log has them.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, broadcast, mpsc};

use crate::audit::{AuditReader, Growth, StoredRecord};
use crate::grpc::{Following, Record, RecordsSource};

/// How many records are kept for those who are a little behind.
const KEPT: usize = 1024;
/// How many records are read at once.
const BATCH: usize = 64;
/// How many read the log for themselves at the same time.
const READERS: usize = 4;

/// Shared by all who follow.
#[derive(Clone)]
struct Tail {
    reader: AuditReader,
    /// There while somebody reads what is new.
    live: Arc<Mutex<Option<broadcast::Sender<Arc<Record>>>>>,
    reading: Arc<Semaphore>,
}

/// A record as faces have it.
pub(super) fn told(record: &StoredRecord) -> Record {
    Record::new(record.seq(), record.json().into_owned())
}

/// Sends records, and waits for more.
pub(super) fn records(reader: AuditReader) -> RecordsSource {
    let tail = Tail { reader, live: Arc::default(), reading: Arc::new(Semaphore::new(READERS)) };
    Box::new(move |from| {
        // First, so that nothing falls between what is there and what comes.
        let live = tail.subscribe();
        let from = from.unwrap_or_else(|| tail.reader.len()).max(tail.reader.first());
        let (send, records) = mpsc::channel(1);
        tokio::spawn(tail.clone().follow(from, live, send));
        Following { from, records }
    })
}

impl Tail {
    fn subscribe(&self) -> broadcast::Receiver<Arc<Record>> {
        let mut live = self.live.lock();
        match &*live {
            Some(sender) => sender.subscribe(),
            None => {
                let (sender, receiver) = broadcast::channel(KEPT);
                tokio::spawn(self.clone().run(self.reader.len(), self.reader.growth(), sender.clone()));
                *live = Some(sender);
                receiver
            }
        }
    }

    /// Reads what is new for everybody, until there will never be more or it cannot be read; those who follow are told by the end.
    async fn run(self, mut next: u64, mut growth: Growth, sender: broadcast::Sender<Arc<Record>>) {
        loop {
            // Before it is known that nobody listens: who comes later looks for themselves how much there is.
            let size = self.reader.len();
            if sender.receiver_count() == 0 {
                next = size;
            }
            while next < size {
                let Some(batch) = self.read(next, size).await else { return self.end() };
                for record in batch {
                    next = record.seq + 1;
                    // Nobody may be left to hear it.
                    let _ = sender.send(record);
                }
            }
            if !growth.happens().await {
                return self.end();
            }
        }
    }

    fn end(&self) {
        *self.live.lock() = None;
    }

    /// Some records of a range, one at least; `None` when the log cannot be read, or has them no more: whoever is so slow that what comes
    /// next was pruned is told, and not led over the hole.
    async fn read(&self, from: u64, until: u64) -> Option<Vec<Arc<Record>>> {
        let reader = self.reader.clone();
        let most = usize::try_from(until.saturating_sub(from)).unwrap_or(BATCH).min(BATCH);
        let read = move || {
            let told = |record: Result<StoredRecord, _>| record.ok().map(|record| Arc::new(told(&record)));
            reader.range(from).take(most).map(told).collect::<Option<Vec<_>>>()
        };
        // Reading blocks. An empty batch would be asked for again for ever.
        tokio::task::spawn_blocking(read).await.ok().flatten().filter(|batch| !batch.is_empty())
    }

    async fn follow(self, mut next: u64, mut live: broadcast::Receiver<Arc<Record>>, send: mpsc::Sender<Arc<Record>>) {
        if self.catch_up(&mut next, self.reader.len(), &send).await.is_none() {
            return;
        }
        loop {
            let heard = tokio::select! {
                heard = live.recv() => heard,
                () = send.closed() => return,
            };
            match heard {
                Ok(record) if record.seq < next => {}
                Ok(record) => {
                    if self.catch_up(&mut next, record.seq, &send).await.is_none() {
                        return;
                    }
                    next = record.seq + 1;
                    if send.send(record).await.is_err() {
                        return;
                    }
                }
                // The next that is heard shows what was missed.
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => {
                    // What was written before the end goes too.
                    self.catch_up(&mut next, self.reader.len(), &send).await;
                    return;
                }
            }
        }
    }

    /// Sends what is in the log from `next` up to `until`; `None` when nobody listens any more or the log cannot be read.
    async fn catch_up(&self, next: &mut u64, until: u64, send: &mpsc::Sender<Arc<Record>>) -> Option<()> {
        while *next < until {
            let batch = {
                let _turn = self.reading.acquire().await.ok()?;
                self.read(*next, until).await?
            };
            for record in batch {
                *next = record.seq + 1;
                send.send(record).await.ok()?;
            }
        }
        Some(())
    }
}
