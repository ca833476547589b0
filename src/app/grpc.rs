//! The gRPC face, when the configuration asks for one.

use anyhow::Context;
use tokio::sync::mpsc;

use crate::audit::{AuditReader, Health, StoredRecord};
use crate::config::{Config, GrpcSettings};
use crate::gate::Gate;
use crate::grpc::{Grpc, Record, RecordsSource};
use crate::lifecycle::{Stop, Tasks};
use crate::listen::tls::{Keeper, Served};
use crate::listen::{Listener, Metrics};

/// How many records are read at once for whoever follows them.
const AHEAD: usize = 256;
/// The protocol that gRPC is spoken in.
const PROTOCOLS: [&str; 1] = ["h2"];

/// Its listener, open before anything else starts: a port in use ends the start while nothing has happened yet.
pub(super) struct GrpcFace(Option<Listener>);

impl GrpcFace {
    /// Opens the listener, if one is configured.
    pub(super) async fn bind(settings: Option<&GrpcSettings>, metrics: &Metrics) -> anyhow::Result<Self> {
        let Some(settings) = settings else { return Ok(Self(None)) };
        let listener = Listener::bind("grpc", &settings.listener, settings.max_connections, metrics).await;
        let listener = listener.and_then(|listener| listener.speaking(&PROTOCOLS));
        Ok(Self(Some(listener.context("failed to open the gRPC listener")?)))
    }

    /// What keeps its certificate, and the certificate.
    pub(super) fn certificate(&mut self) -> Option<(Keeper, Served)> {
        self.0.as_mut().and_then(|listener| listener.take_keeper().zip(listener.certificate()))
    }

    /// Starts it.
    pub(super) fn start(self, config: &Config, gate: &Gate, reader: &AuditReader, stop: &Stop, parts: &mut Tasks) {
        let Some(listener) = self.0 else { return };
        let health = gate.clone();
        let ready = Box::new(move || matches!(health.audit_health(), Health::Writable));
        let (bytes, depth) = (config.limits.max_message_bytes, config.limits.max_depth);
        let face = Grpc::new(gate.clone(), records(reader.clone()), ready, bytes, depth);
        tracing::info!(event = "listening", face = "grpc", address = %listener.local_addr(), "the gRPC face is ready");
        parts.spawn("the gRPC face", face.run(listener, stop.clone()));
    }
}

/// Sends records, and waits for more. Reading blocks, so it has a thread of its own that waits only for whoever follows.
fn records(reader: AuditReader) -> RecordsSource {
    Box::new(move |from| {
        let (send, records) = mpsc::channel(AHEAD);
        let from = from.unwrap_or_else(|| reader.len());
        tokio::spawn(follow(reader.clone(), from, send));
        records
    })
}

async fn follow(reader: AuditReader, mut from: u64, send: mpsc::Sender<Record>) {
    let mut growth = reader.growth();
    loop {
        let size = reader.len();
        while from < size {
            let (of_thread, begin) = (reader.clone(), from.max(reader.first()));
            let read = move || of_thread.range(begin).take(AHEAD).collect::<Result<Vec<_>, _>>();
            let Ok(Ok(batch)) = tokio::task::spawn_blocking(read).await else { return };
            if batch.is_empty() {
                break;
            }
            from = begin + batch.len() as u64;
            for record in batch {
                if send.send(told(&record)).await.is_err() {
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

fn told(record: &StoredRecord) -> Record {
    Record { seq: record.seq(), json: record.json().into_owned() }
}
