//! Delivers the messages of one hook, one after the other, each until it is taken or given up.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::{HeaderMap, Request, StatusCode, header};
use tokio::sync::mpsc;

use super::meter::Meter;
use super::payload::Message;
use super::settings::{Address, HookSettings};
use super::sign::{BadSecret, Secrets};
use crate::clock::Clock;
use crate::lifecycle::Stop;
use crate::outbound::{Backoff, Limits, Outbound, OutboundError, PlainHttp};

/// The longest answer that is read; what is in it does not matter.
const MAX_ANSWER: usize = 64 << 10;
/// How often a message is tried. With the pauses between, that is about a quarter of an hour.
const TRIES: u32 = 12;
/// The pauses between tries.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(120);

/// How a try ended that came to nothing.
#[derive(Debug, thiserror::Error)]
enum Failed {
    /// The hook is gone, and does not want to hear of us any more.
    #[error("the webhook answers that it is gone")]
    Gone,
    /// It answers something else than yes.
    #[error("the webhook answers {status}")]
    Answer { status: StatusCode, wait: Option<Duration> },
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    #[error("failed to read the secrets in `{path}`")]
    Secrets {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the secrets in `{path}` cannot be used")]
    BadSecrets {
        path: PathBuf,
        #[source]
        source: BadSecret,
    },
    #[error("failed to make a request")]
    Request(#[from] http::Error),
}

/// What one hook needs.
pub(super) struct Courier {
    name: String,
    address: Address,
    secret_file: Option<PathBuf>,
    limits: Limits,
    outbound: Outbound,
    clock: Clock,
    meter: Meter,
    pauses: (Duration, Duration),
}

impl Courier {
    pub(super) fn new(settings: &HookSettings, address: Address, outbound: &Outbound, clock: Clock, meter: Meter) -> Self {
        let host = settings.plaintext_non_loopback.then(|| address.host().to_owned());
        Self {
            name: settings.name.clone(),
            outbound: outbound.speaking(PlainHttp::Also(host.into_iter().collect())),
            address,
            secret_file: settings.secret_file.clone(),
            limits: Limits { deadline: settings.timeout, max_body: MAX_ANSWER },
            clock,
            meter,
            pauses: (FIRST, LONGEST),
        }
    }

    #[cfg(test)]
    pub(super) fn hurried(self) -> Self {
        Self { pauses: (Duration::from_millis(5), Duration::from_millis(10)), ..self }
    }

    /// Delivers what comes until there is no more, or `stop` is pulled: what is not sent by then is lost, except that tickets which wait
    /// are told of again after the next start.
    pub(super) async fn run(self, mut messages: mpsc::Receiver<Message>, stop: Stop) {
        loop {
            let message = tokio::select! {
                () = stop.wait() => return,
                message = messages.recv() => message,
            };
            let Some(message) = message else { return };
            tokio::select! {
                () = stop.wait() => return,
                taken = self.insist(&message) => if !taken { break },
            }
            self.meter.queue.dec();
        }
        // It is gone. Nothing more is queued, because nobody receives any more.
        self.meter.queue.set(0);
        self.meter.disabled.set(1);
    }

    /// Sends a message until it is taken or given up; `false` when the hook is gone for good.
    async fn insist(&self, message: &Message) -> bool {
        let mut backoff = Backoff::new(self.pauses.0, self.pauses.1);
        loop {
            let failed = match self.attempt(message).await {
                Ok(()) => {
                    self.meter.sent.inc();
                    return true;
                }
                Err(failed) => failed,
            };
            self.meter.failed.inc();
            if matches!(failed, Failed::Gone) {
                self.meter.dropped.inc();
                tracing::error!(
                    event = "webhook_gone",
                    hook = self.name,
                    "a webhook answers 410: nothing is sent there until the next start"
                );
                return false;
            }
            let pause = backoff.pause();
            if backoff.failures() >= TRIES {
                self.meter.dropped.inc();
                let error = &failed as &dyn Error;
                tracing::error!(
                    event = "webhook_given_up",
                    hook = self.name,
                    message = message.id,
                    error,
                    "a message to a webhook is given up"
                );
                return true;
            }
            tokio::time::sleep(self.rest(message, &failed, pause)).await;
        }
    }

    /// For how long a message rests: as long as the hook asks for, within bounds.
    fn rest(&self, message: &Message, failed: &Failed, pause: Duration) -> Duration {
        let asked = if let Failed::Answer { wait, .. } = failed { *wait } else { None };
        let rest = asked.map_or(pause, |asked| asked.clamp(pause, LONGEST.max(pause)));
        let (error, again_in) = (failed as &dyn Error, rest.as_secs_f64());
        tracing::warn!(hook = self.name, message = message.id, error, again_in, "a webhook did not take a message");
        rest
    }

    async fn attempt(&self, message: &Message) -> Result<(), Failed> {
        let seconds = self.clock.now().as_micros().div_euclid(1_000_000);
        let mut request = Request::post(self.address.uri())
            .header(header::CONTENT_TYPE, "application/json")
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", seconds);
        if let Some(path) = &self.secret_file {
            // As it is now: who exchanges a secret need not restart us.
            let secrets = secrets(path).await?;
            request = request.header("webhook-signature", secrets.signature(&message.id, seconds, &message.body));
        }
        let answer = self.outbound.request(request.body(message.body.clone())?, self.limits).await?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            StatusCode::GONE => Err(Failed::Gone),
            // A redirection, too: where messages go is said in the settings.
            status => Err(Failed::Answer { status, wait: retry_after(answer.headers()) }),
        }
    }
}

async fn secrets(path: &Path) -> Result<Secrets, Failed> {
    let read = tokio::fs::read_to_string(path).await;
    let text = read.map(zeroize::Zeroizing::new).map_err(|source| Failed::Secrets { path: path.into(), source })?;
    Secrets::read(&text).map_err(|source| Failed::BadSecrets { path: path.into(), source })
}

/// `Retry-After` in seconds.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}
