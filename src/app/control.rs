//! The control face of a running sidecar: what commands on the same machine ask of it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use tokio::sync::mpsc;

use crate::audit::{AuditReader, StoredRecord};
use crate::control::{ConsoleLink, Control, Lines, RecordsSource, console_router, router};
use crate::gate::Gate;
use crate::lifecycle::{Stop, Tasks};
use crate::listen::private::PrivateListener;
use crate::rest::approvals::{Operator, approvals_router};

/// Most connections at a time: a person and some scripts.
const CONNECTIONS: usize = 16;
/// How many records wait for whoever follows them.
const AHEAD: usize = 256;
/// How long a reader that does not read is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where commands reach the sidecar that writes the log in `directory`.
#[must_use]
pub fn socket(directory: &Path) -> std::path::PathBuf {
    directory.join("control")
}

/// Starts the control face beside the log, which is open and locked.
///
/// Whoever can open it is the operator, who rules under that name.
pub(super) fn start(
    gate: &Gate,
    reader: &AuditReader,
    operator: &str,
    link: ConsoleLink,
    stop: &Stop,
    parts: &mut Tasks,
) -> anyhow::Result<()> {
    let path = socket(reader.directory());
    let listener =
        PrivateListener::bind(&path, CONNECTIONS).with_context(|| format!("failed to listen on `{}`", path.display()))?;
    let approvals = approvals_router(gate.clone(), Arc::new(Operator::new(operator)));
    let routes = router(gate.clone(), records(reader.clone()), approvals).merge(console_router(link));
    parts.spawn("the control face", Control::new(listener, routes).run(stop.clone()));
    Ok(())
}

/// Sends records as lines, and waits for more. Reading blocks, so it has a thread of its own that waits only for whoever follows.
fn records(reader: AuditReader) -> RecordsSource {
    Box::new(move |from| {
        let (send, lines) = mpsc::channel(AHEAD);
        tokio::spawn(follow(reader.clone(), from, send));
        Lines(lines)
    })
}

async fn follow(reader: AuditReader, mut from: u64, send: mpsc::Sender<Bytes>) {
    let mut growth = reader.growth();
    loop {
        let (reader, size) = (reader.clone(), reader.len());
        while from < size {
            let (of_thread, begin) = (reader.clone(), from.max(reader.first()));
            let read = move || {
                of_thread.range(begin).take(AHEAD).map(|record| record.map(|record| line(&record))).collect::<Result<Vec<_>, _>>()
            };
            let Ok(Ok(batch)) = tokio::task::spawn_blocking(read).await else { return };
            if batch.is_empty() {
                break;
            }
            from = begin + batch.len() as u64;
            for line in batch {
                if !matches!(tokio::time::timeout(PATIENCE, send.send(line)).await, Ok(Ok(()))) {
                    return;
                }
            }
        }
        tokio::select! {
            () = send.closed() => return,
            grows = growth.happens() => if !grows { return },
        }
    }
}

fn line(record: &StoredRecord) -> Bytes {
    let mut line = record.leaf().to_vec();
    line.push(b'\n');
    line.into()
}
