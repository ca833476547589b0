//! Writes log lines to standard error from a thread of its own.
//!
//! A client that starts us and never reads our standard error fills its pipe; a write would then wait for ever, and with it the call
//! that logged. So lines are queued, and when the queue is full they are counted instead: a lost log line is a nuisance, a stuck
//! sidecar an outage. What must not be lost is in the audit log. Errors of the write itself have nobody left to be told to.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

/// Lines that may wait to be written.
const WAITING: usize = 1_024;
/// Longer lines are not kept: the queue is bounded in bytes too.
const LONGEST: usize = 64 * 1024;
/// How long the end of the process may wait for the last lines.
const LAST_LINES_WITHIN: Duration = Duration::from_millis(500);

enum Message {
    Line(Vec<u8>),
    /// Answered when everything before it is written.
    Flush(SyncSender<()>),
}

/// Takes lines without ever waiting; each `write` is one line.
#[derive(Clone)]
pub(super) struct Queue {
    sender: SyncSender<Message>,
    lost: Arc<AtomicU64>,
}

impl Write for Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let queued = line.len() <= LONGEST && self.sender.try_send(Message::Line(line.to_vec())).is_ok();
        if !queued {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Keeps log lines coming; dropping it waits a moment for those that are on their way.
#[must_use = "the last lines are lost when the process ends before this is dropped"]
pub struct Logging(SyncSender<Message>);

impl std::fmt::Debug for Logging {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Logging")
    }
}

impl Drop for Logging {
    fn drop(&mut self) {
        let (done, written) = sync_channel(1);
        match self.0.try_send(Message::Flush(done)) {
            // The wait has a bound, and there is nothing to do about lines that are still not written then.
            Ok(()) => drop(written.recv_timeout(LAST_LINES_WITHIN)),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
        }
    }
}

/// Starts the thread that writes to `out`.
pub(super) fn start(out: impl Write + Send + 'static) -> io::Result<(Queue, Logging)> {
    let (sender, receiver) = sync_channel(WAITING);
    let lost = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&lost);
    thread::Builder::new().name("log".to_owned()).spawn(move || write_lines(out, &receiver, &counter))?;
    Ok((Queue { sender: sender.clone(), lost }, Logging(sender)))
}

fn write_lines(mut out: impl Write, lines: &Receiver<Message>, lost: &AtomicU64) {
    while let Ok(message) = lines.recv() {
        let _ = match message {
            Message::Line(line) => out.write_all(&line),
            // Nobody waits for the answer any more when it cannot be sent.
            Message::Flush(done) => out.flush().inspect(|()| {
                let _ = done.send(());
            }),
        };
        let missing = lost.swap(0, Ordering::Relaxed);
        if missing > 0 {
            let note = serde_json::json!({ "severity_text": "WARN", "severity_number": 13, "body": "log lines were lost",
                "scope": module_path!(), "attributes": { "count": missing } });
            let _ = writeln!(out, "{note}");
        }
    }
}
