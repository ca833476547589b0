//! Asks all witnesses about the same checkpoint, and keeps the newest one that enough of them have cosigned.
//!
//! Cosignatures add up only on one checkpoint, so one is chosen for all; those who are slow or down hold up nobody but themselves. The
//! result is a file in the directory of the log, `cosigned`, which a receipt can be built on.

use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::client::{AskError, Peer, WitnessSettings};
use crate::audit::ship::hitch::told;
use crate::audit::ship::meter::Meter;
use crate::audit::ship::source::Source;
use crate::audit::tlog::{Signature, SignedCheckpoint, VerifierKey};
use crate::lifecycle::Stop;
use crate::outbound::Backoff;
use crate::outbound::Outbound;
use crate::storage;

/// The file in the directory of the log.
const FILE: &str = "cosigned";
/// How long one witness may take, with all its questions.
const DEADLINE: Duration = Duration::from_secs(15);

/// What is asked of whom.
#[derive(Debug, Clone)]
pub(in crate::audit::ship) struct GatherSettings {
    /// Whom to ask.
    pub(in crate::audit::ship) witnesses: Vec<WitnessSettings>,
    /// How many must cosign.
    pub(in crate::audit::ship) quorum: usize,
    /// How often to ask.
    pub(in crate::audit::ship) interval: Duration,
    /// How long the last round may take.
    pub(in crate::audit::ship) grace: Duration,
}

/// Gathers cosignatures.
pub struct Gatherer {
    source: Arc<dyn Source>,
    head: watch::Receiver<Arc<SignedCheckpoint>>,
    guests: Vec<Guest>,
    keys: Vec<VerifierKey>,
    quorum: usize,
    interval: Duration,
    grace: Duration,
    file: PathBuf,
    /// The checkpoint that is asked about, with the cosignatures so far.
    pending: Option<SignedCheckpoint>,
    newest: watch::Sender<Option<Arc<SignedCheckpoint>>>,
}

/// A witness and how it has behaved.
struct Guest {
    peer: Peer,
    meter: Arc<Meter>,
    backoff: Backoff,
    not_before: Instant,
}

impl Gatherer {
    /// Prepares to ask. What was cosigned in earlier runs is read from `directory`, that of the log.
    ///
    /// # Errors
    ///
    /// When a file of an earlier run is there and cannot be read.
    pub(in crate::audit::ship) fn new(
        source: Arc<dyn Source>,
        settings: &GatherSettings,
        directory: &Path,
        outbound: &Outbound,
    ) -> io::Result<Self> {
        let head = source.head();
        let guest = |settings: &WitnessSettings| {
            let peer = Peer::new(settings, directory, outbound.clone(), DEADLINE)?;
            let meter = Meter::new(&peer.id(), &peer.url().into(), head.clone());
            meter.reached(peer.cosigned(), Instant::now());
            let backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
            Ok(Guest { peer, meter, backoff, not_before: Instant::now() })
        };
        let guests = settings.witnesses.iter().map(guest).collect::<io::Result<Vec<_>>>()?;
        let keys: Vec<_> = settings.witnesses.iter().map(|witness| witness.key.clone()).collect();
        let (file, quorum) = (directory.join(FILE), settings.quorum);
        let kept = read(&file, source.as_ref(), &keys, quorum)?;
        let (newest, _) = watch::channel(kept.map(Arc::new));
        let (interval, grace) = (settings.interval, settings.grace);
        Ok(Self { source, head, guests, keys, quorum, interval, grace, file, pending: None, newest })
    }

    pub(in crate::audit::ship) fn meters(&self) -> Vec<Arc<Meter>> {
        self.guests.iter().map(|guest| Arc::clone(&guest.meter)).collect()
    }

    /// The newest checkpoint that enough witnesses have cosigned.
    #[must_use]
    pub fn cosigned(&self) -> watch::Receiver<Option<Arc<SignedCheckpoint>>> {
        self.newest.subscribe()
    }

    /// Asks until `stop` is pulled, and a last time then. Pull it after the log was closed.
    ///
    /// # Errors
    ///
    /// Never; the type is what `Tasks` expects.
    pub async fn run(mut self, stop: Stop) -> Result<(), Infallible> {
        let grace = self.grace;
        let over = async {
            stop.wait().await;
            tokio::time::sleep(grace).await;
        };
        tokio::select! {
            () = self.work(&stop) => {},
            () = over => tracing::debug!("the last checkpoint of the audit log was not cosigned in time"),
        }
        Ok(())
    }

    async fn work(&mut self, stop: &Stop) {
        loop {
            let last = stop.is_requested();
            self.round().await;
            if last {
                return;
            }
            self.wait(stop).await;
        }
    }

    /// Until there is something to ask and its time has come.
    async fn wait(&mut self, stop: &Stop) {
        let next = Instant::now() + self.interval;
        while self.is_complete() && !stop.is_requested() {
            tokio::select! {
                () = stop.wait() => {},
                changed = self.head.changed() => match changed {
                    Ok(()) => self.guests.iter().for_each(|guest| guest.meter.fell_behind()),
                    Err(_) => stop.wait().await,
                },
            }
        }
        tokio::select! {
            () = tokio::time::sleep_until(next) => {},
            () = stop.wait() => {},
        }
    }

    /// Whether everybody has cosigned the newest checkpoint.
    fn is_complete(&self) -> bool {
        let size = self.head.borrow().checkpoint().size();
        let all = |pending: &SignedCheckpoint| self.guests.iter().all(|guest| guest.peer.has_signed(pending));
        self.pending.as_ref().is_some_and(|pending| pending.checkpoint().size() == size && all(pending))
    }

    async fn round(&mut self) {
        let since = Instant::now();
        let head = Arc::clone(&self.head.borrow_and_update());
        let pending = match self.pending.take() {
            Some(pending) if pending.checkpoint() == head.checkpoint() => pending,
            Some(_) | None => (*head).clone(),
        };
        let (waiting, asked): (Vec<_>, Vec<_>) = std::mem::take(&mut self.guests)
            .into_iter()
            .partition(|guest| guest.not_before > since || guest.peer.has_signed(&pending));
        self.guests = waiting;
        self.pending = Some(pending);
        let mut asking = JoinSet::new();
        for mut guest in asked {
            let (source, head) = (Arc::clone(&self.source), Arc::clone(&head));
            asking.spawn(async move {
                let answer = guest.peer.ask(&source, &head).await;
                (guest, answer)
            });
        }
        while let Some(answered) = asking.join_next().await {
            match answered {
                Ok((mut guest, Ok(cosignatures))) => {
                    guest.worked(head.checkpoint().size(), since);
                    self.guests.push(guest);
                    self.add(cosignatures).await;
                }
                Ok((mut guest, Err(error))) => {
                    guest.failed(&error);
                    self.guests.push(guest);
                }
                // A bug, and it costs us this witness until the restart.
                Err(panicked) => tracing::error!(%panicked, "asking a witness panicked"),
            }
        }
    }

    /// Adds cosignatures, and keeps the checkpoint once there are enough.
    async fn add(&mut self, cosignatures: Vec<Signature>) {
        let Some(mut pending) = self.pending.take() else { return };
        for cosignature in cosignatures {
            match pending.clone().with(cosignature) {
                Ok(more) => pending = more,
                Err(error) => tracing::warn!(%error, "a cosignature does not fit on the checkpoint"),
            }
        }
        if has_quorum(self.source.as_ref(), &pending, &self.keys, self.quorum) {
            let (file, text) = (self.file.clone(), pending.to_string());
            let written = tokio::task::spawn_blocking(move || storage::replace_file(&file, text.as_bytes())).await;
            match written.unwrap_or_else(|panicked| Err(io::Error::other(panicked))) {
                Ok(()) => drop(self.newest.send_replace(Some(Arc::new(pending.clone())))),
                Err(error) => tracing::warn!(%error, "the cosigned checkpoint of the audit log could not be written"),
            }
        }
        self.pending = Some(pending);
    }
}

impl Guest {
    fn worked(&mut self, size: u64, since: Instant) {
        if self.backoff.failures() > 0 {
            tracing::info!(witness = self.peer.url(), failures = self.backoff.failures(), "a witness cosigns again");
        }
        self.backoff.reset();
        self.meter.recovered();
        self.meter.sent(0);
        self.meter.reached(size, since);
    }

    fn failed(&mut self, error: &AskError) {
        let (why, news) = (told(error), self.meter.failed(&told(error)));
        let pause = error.rest().unwrap_or_else(|| self.backoff.pause());
        let pause = if error.is_lasting() { pause.max(Duration::from_secs(60)) } else { pause };
        self.not_before = Instant::now() + pause;
        match error {
            AskError::Ahead { .. } | AskError::Forked(_) if news => {
                tracing::error!(
                    event = "audit_witness_conflict",
                    witness = self.peer.url(),
                    error = why,
                    "a witness contradicts the audit log"
                );
            }
            _ if news => tracing::warn!(witness = self.peer.url(), error = why, "a witness does not cosign, and is asked again"),
            _ => tracing::debug!(witness = self.peer.url(), error = why, "a witness does not cosign"),
        }
    }
}

/// Whether the log itself and enough witnesses have signed.
fn has_quorum(source: &dyn Source, signed: &SignedCheckpoint, keys: &[VerifierKey], quorum: usize) -> bool {
    let trust = source.trust().with_witnesses(keys.to_vec(), quorum);
    trust.is_ok_and(|trust| trust.verify(signed).is_ok())
}

/// What was kept in an earlier run, if it is still worth something.
fn read(file: &Path, source: &dyn Source, keys: &[VerifierKey], quorum: usize) -> io::Result<Option<SignedCheckpoint>> {
    match std::fs::read(file) {
        Ok(text) => Ok(SignedCheckpoint::parse(&text).ok().filter(|signed| has_quorum(source, signed, keys, quorum))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
#[path = "gather_tests.rs"]
mod tests;
