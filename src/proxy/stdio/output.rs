//! Standard output: whole lines, one at a time, from a bounded queue.

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::lifecycle::Stop;
use crate::proxy::lines::on_one_line;
use crate::proxy::voice::Voice;

/// Messages that may wait for the client to read.
const QUEUE: usize = 64;

/// Where messages for the client go.
#[derive(Debug, Clone)]
pub(super) struct Output {
    queue: mpsc::Sender<Bytes>,
    /// The client asks nothing more: it has closed its side.
    left: Stop,
}

/// The task that writes, and how it is told that nothing more will come.
pub(super) struct Written {
    writing: JoinHandle<()>,
    over: Stop,
}

impl Output {
    pub(super) fn start(mut sink: impl AsyncWrite + Unpin + Send + 'static) -> (Self, Written) {
        let (queue, mut waiting) = mpsc::channel::<Bytes>(QUEUE);
        let over = Stop::new();
        let no_more = over.clone();
        let writing = tokio::spawn(async move {
            while let Some(message) = next(&mut waiting, &no_more).await {
                if let Err(error) = write(&mut sink, &message).await {
                    tracing::info!(%error, "the client does not read any more");
                    return;
                }
            }
        });
        (Self { queue, left: Stop::new() }, Written { writing, over })
    }

    /// Queues a message; waits while the queue is full. A client that is gone hears nothing, which is no error.
    pub(super) async fn say(&self, message: Bytes) {
        let _ = self.queue.send(on_one_line(message)).await;
    }

    /// The client has closed its side. It may still read what it asked for, but nothing waits for people in its name.
    pub(super) fn leave(&self) {
        self.left.request();
    }

    /// The client does not read any more.
    pub(super) async fn closed(&self) {
        self.queue.closed().await;
    }
}

impl Voice for Output {
    fn reaches(&self) -> bool {
        true
    }

    fn hears(&self) -> bool {
        true
    }

    async fn say(&mut self, message: Bytes) -> bool {
        self.queue.send(on_one_line(message)).await.is_ok()
    }

    async fn gone(&mut self) {
        tokio::select! {
            () = self.queue.closed() => {}
            () = self.left.wait() => {}
        }
    }
}

/// The next message; none when it is over and nothing waits any more.
async fn next(waiting: &mut mpsc::Receiver<Bytes>, over: &Stop) -> Option<Bytes> {
    tokio::select! {
        message = waiting.recv() => message,
        () = over.wait() => waiting.try_recv().ok(),
    }
}

impl Written {
    /// Waits until everything queued so far is written; what somebody says later is not.
    pub(super) async fn finished(self) {
        self.over.request();
        // A writer that panicked has nothing left to write.
        let _ = self.writing.await;
    }
}

async fn write(sink: &mut (impl AsyncWrite + Unpin), message: &[u8]) -> std::io::Result<()> {
    let mut line = BytesMut::with_capacity(message.len().saturating_add(1));
    line.put_slice(message);
    line.put_u8(b'\n');
    sink.write_all(&line).await?;
    sink.flush().await
}
