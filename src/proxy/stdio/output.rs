//! Standard output: whole lines, one at a time, from a bounded queue.

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::proxy::lines::on_one_line;

/// Messages that may wait for the client to read.
const QUEUE: usize = 64;

/// Where messages for the client go.
#[derive(Debug, Clone)]
pub(super) struct Output {
    queue: mpsc::Sender<Bytes>,
}

/// The task that writes.
pub(super) struct Written(JoinHandle<()>);

impl Output {
    pub(super) fn start(mut sink: impl AsyncWrite + Unpin + Send + 'static) -> (Self, Written) {
        let (queue, mut waiting) = mpsc::channel::<Bytes>(QUEUE);
        let writing = tokio::spawn(async move {
            while let Some(message) = waiting.recv().await {
                if let Err(error) = write(&mut sink, &message).await {
                    tracing::info!(%error, "the client does not read any more");
                    return;
                }
            }
        });
        (Self { queue }, Written(writing))
    }

    /// Queues a message; waits while the queue is full. A client that is gone hears nothing, which is no error.
    pub(super) async fn say(&self, message: Bytes) {
        let _ = self.queue.send(on_one_line(message)).await;
    }

    /// The client does not read any more.
    pub(super) async fn closed(&self) {
        self.queue.closed().await;
    }
}

impl Written {
    /// Waits until everything queued is written; all other handles must have been dropped.
    pub(super) async fn finished(self) {
        // A writer that panicked has nothing left to write.
        let _ = self.0.await;
    }
}

async fn write(sink: &mut (impl AsyncWrite + Unpin), message: &[u8]) -> std::io::Result<()> {
    let mut line = BytesMut::with_capacity(message.len().saturating_add(1));
    line.put_slice(message);
    line.put_u8(b'\n');
    sink.write_all(&line).await?;
    sink.flush().await
}
