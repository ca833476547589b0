//! The three pipes of a child: its stdin, stdout and stderr, each served by a task of its own.
//!
//! They are separate so that a child that writes without reading, or reads without writing, never ties them into a knot.

use std::io;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::proxy::lines::{LineTooLong, Lines};

/// How much is read at once.
const CHUNK_BYTES: usize = 16 * 1024;

/// A longer line on stderr is logged in pieces.
const STDERR_LINE_BYTES: usize = 8 * 1024;

/// A process that left the group may hold our pipe open for ever: once the child has exited, a pipe silent for this long is done.
const SILENT_AFTER_EXIT: Duration = Duration::from_millis(200);

/// The most a pipe can still hold when its writer has exited (the system's default limit for an unprivileged process).
const LEFT_IN_PIPE_BYTES: usize = 1024 * 1024;

/// Why reading stdout came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadEnd {
    /// The child closed it, or exited.
    Closed,
    /// A line is too long to be a message: nothing after it can be trusted.
    LineTooLong,
}

/// Writes queued lines to the child until told to close; then writes what is queued, and closes stdin by returning.
pub(super) async fn write_stdin(mut stdin: ChildStdin, mut queue: mpsc::Receiver<Bytes>, close: CancellationToken) {
    loop {
        tokio::select! {
            biased;
            () = close.cancelled(), if !queue.is_closed() => queue.close(),
            line = queue.recv() => {
                let Some(line) = line else { return };
                if stdin.write_all_buf(&mut line.chain(&b"\n"[..])).await.is_err() {
                    return; // The child closed its stdin or is gone; the supervisor sees this task end.
                }
            }
        }
    }
}

/// Reads lines from the child for as long as it writes them. A full `lines` makes the child wait; a dropped one is drained, so that
/// a child that wants to say something before it exits can.
pub(super) async fn read_stdout(
    mut stdout: ChildStdout,
    lines: mpsc::Sender<Bytes>,
    max_bytes: usize,
    server: String,
    exited: CancellationToken,
) -> ReadEnd {
    let mut splitter = Lines::new(max_bytes);
    let mut after_exit = 0;
    loop {
        let read = read_some(&mut stdout, splitter.space(CHUNK_BYTES), &exited).await;
        after_exit += if exited.is_cancelled() { read } else { 0 };
        loop {
            match splitter.next_line() {
                Ok(Some(line)) => _ = lines.send(line).await,
                Ok(None) => break,
                Err(LineTooLong) => return ReadEnd::LineTooLong,
            }
        }
        if read == 0 || after_exit > LEFT_IN_PIPE_BYTES {
            break;
        }
    }
    let rest = splitter.take_rest();
    if !rest.is_empty() {
        warn!(server, bytes = rest.len(), "the server process left a message without its end; it is dropped");
    }
    ReadEnd::Closed
}

/// Passes the child's stderr on to our log, line by line. Always reads, so that the child is never held up.
pub(super) async fn log_stderr(mut stderr: ChildStderr, server: String, exited: CancellationToken) {
    let mut splitter = Lines::new(STDERR_LINE_BYTES);
    let mut after_exit = 0;
    loop {
        let read = read_some(&mut stderr, splitter.space(CHUNK_BYTES), &exited).await;
        after_exit += if exited.is_cancelled() { read } else { 0 };
        loop {
            let line = match splitter.next_line() {
                Ok(Some(line)) => line,
                Ok(None) => break,
                Err(LineTooLong) => splitter.take_piece(),
            };
            info!(server, "stderr: {}", printable(&line));
        }
        if read == 0 || after_exit > LEFT_IN_PIPE_BYTES {
            break;
        }
    }
    let rest = splitter.take_rest();
    if !rest.is_empty() {
        info!(server, "stderr: {}", printable(&rest));
    }
}

/// Reads what there is; 0 is the end. A pipe that cannot be read is at its end too: there is nothing else to do about it.
async fn read_some(pipe: &mut (impl AsyncRead + Unpin), into: &mut BytesMut, exited: &CancellationToken) -> usize {
    let read: io::Result<usize> = tokio::select! {
        biased;
        read = pipe.read_buf(into) => read,
        () = silent_after(exited) => Ok(0),
    };
    read.unwrap_or(0)
}

async fn silent_after(exited: &CancellationToken) {
    exited.cancelled().await;
    tokio::time::sleep(SILENT_AFTER_EXIT).await;
}

/// Text that cannot forge a log line or steer a terminal.
fn printable(line: &[u8]) -> String {
    let replace = |c: char| if c.is_control() && c != '\t' { char::REPLACEMENT_CHARACTER } else { c };
    String::from_utf8_lossy(line).chars().map(replace).collect()
}
