//! From the news about tickets to the queues of the hooks.

use std::convert::Infallible;
use std::io;
use std::path::PathBuf;

use prometheus_client::registry::Registry;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::task::JoinSet;

use super::deliver::Courier;
use super::meter::{Meter, Meters};
use super::payload::{Manner, Message};
use super::settings::{Address, BadAddress, Event, HookSettings, Settings, Target};
use super::sign::{BadSecret, Secrets};
use crate::clock::Clock;
use crate::domain::TicketState;
use crate::gate::{Gate, Ticket};
use crate::lifecycle::Stop;
use crate::outbound::Outbound;

/// How many messages wait for one hook.
const QUEUE: usize = 256;

/// Why hooks cannot be used as the settings say.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file cannot be read.
    #[error("failed to read `{path}` for the webhook `{hook}`")]
    File {
        /// The hook.
        hook: String,
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The file does not hold an address.
    #[error("`{path}` does not hold the address of the webhook `{hook}`")]
    Address {
        /// The hook.
        hook: String,
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: BadAddress,
    },
    /// The file does not hold secrets.
    #[error("`{path}` does not hold the secrets of the webhook `{hook}`")]
    Secrets {
        /// The hook.
        hook: String,
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: BadSecret,
    },
    /// The address is one that nobody may be told anything at.
    #[error(
        "the webhook `{0}` is on another machine, and plain http to it is not allowed; use https, or set `plaintext_non_loopback`"
    )]
    Exposed(String),
}

/// All hooks, ready to run.
pub struct Hooks {
    hooks: Vec<(Hook, Courier, mpsc::Receiver<Message>)>,
    console: Option<String>,
}

/// One hook, seen from the news.
struct Hook {
    settings: HookSettings,
    queue: mpsc::Sender<Message>,
    meter: Meter,
}

impl Hooks {
    /// Looks at everything that a hook needs: a secret that cannot be used is found out before somebody waits for its message.
    ///
    /// # Errors
    ///
    /// What a hook lacks.
    pub fn open(settings: &Settings, outbound: &Outbound, clock: &Clock, registry: &mut Registry) -> Result<Self, OpenError> {
        let mut hooks = Vec::new();
        if settings.hooks.is_empty() {
            return Ok(Self { hooks, console: None });
        }
        let meters = Meters::register(registry);
        for hook in &settings.hooks {
            let address = address(hook)?;
            if address.is_exposed() && !hook.plaintext_non_loopback {
                return Err(OpenError::Exposed(hook.name.clone()));
            }
            if let Some(path) = &hook.secret_file {
                let bad = |source| OpenError::Secrets { hook: hook.name.clone(), path: path.clone(), source };
                Secrets::read(&read(hook, path)?).map_err(bad)?;
            }
            let meter = meters.of(&hook.name);
            let (queue, messages) = mpsc::channel(QUEUE);
            let courier = Courier::new(hook, address, outbound, clock.clone(), meter.clone());
            hooks.push((Hook { settings: hook.clone(), queue, meter }, courier, messages));
        }
        Ok(Self { hooks, console: settings.console.clone() })
    }

    /// Whether there is any.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.hooks.is_empty()
    }

    #[cfg(test)]
    pub(super) fn hurried(self) -> Self {
        let hooks = self.hooks.into_iter().map(|(hook, courier, messages)| (hook, courier.hurried(), messages)).collect();
        Self { hooks, ..self }
    }

    /// Tells what waits, and then what happens, until `stop` is pulled.
    ///
    /// # Errors
    ///
    /// Never; the type is what `Tasks` expects.
    pub async fn run(self, gate: Gate, stop: Stop) -> Result<(), Infallible> {
        let mut couriers = JoinSet::new();
        let mut hooks = Vec::new();
        for (hook, courier, messages) in self.hooks {
            couriers.spawn(courier.run(messages, stop.clone()));
            hooks.push(hook);
        }
        let (mut news, console) = (gate.ticket_news(), self.console.as_deref());
        tell_what_waits(&gate, &hooks, console);
        loop {
            let heard = tokio::select! {
                () = stop.wait() => break,
                heard = news.recv() => heard,
            };
            match heard {
                Ok(heard) => {
                    if let Some(event) = Event::of(heard.what) {
                        tell(&hooks, event, &heard.ticket, console);
                    }
                }
                Err(RecvError::Lagged(missed)) => {
                    tracing::warn!(missed, "news of tickets came faster than webhooks could be told; what waits is told again");
                    tell_what_waits(&gate, &hooks, console);
                }
                Err(RecvError::Closed) => break,
            }
        }
        drop(hooks);
        couriers.join_all().await;
        Ok(())
    }
}

/// Those who were told of a ticket before a restart hear the same message again, under the same name.
fn tell_what_waits(gate: &Gate, hooks: &[Hook], console: Option<&str>) {
    for ticket in gate.tickets().iter().rev().filter(|ticket| ticket.state == TicketState::Waiting) {
        tell(hooks, Event::Requested, ticket, console);
    }
}

fn tell(hooks: &[Hook], event: Event, ticket: &Ticket, console: Option<&str>) {
    for hook in hooks.iter().filter(|hook| hook.settings.events.contains(&event)) {
        let (format, include_arguments) = (hook.settings.format, hook.settings.include_arguments);
        let Some(message) = Message::of(event, ticket, Manner { format, include_arguments, console }) else { continue };
        hook.meter.queue.inc();
        match hook.queue.try_send(message) {
            Ok(()) => {}
            Err(TrySendError::Full(message)) => {
                hook.meter.queue.dec();
                hook.meter.dropped.inc();
                let (hook, word) = (&hook.settings.name, message.event.name());
                tracing::error!(event = "webhook_queue_full", %hook, ticket = %ticket.id, what = word, "a webhook is not told something");
            }
            // It is gone.
            Err(TrySendError::Closed(_)) => {
                hook.meter.queue.dec();
            }
        }
    }
}

fn address(hook: &HookSettings) -> Result<Address, OpenError> {
    match &hook.target {
        Target::Address(address) => Ok(address.clone()),
        Target::File(path) => {
            let bad = |source| OpenError::Address { hook: hook.name.clone(), path: path.clone(), source };
            read(hook, path)?.trim().parse().map_err(bad)
        }
    }
}

fn read(hook: &HookSettings, path: &PathBuf) -> Result<zeroize::Zeroizing<String>, OpenError> {
    let failed = |source| OpenError::File { hook: hook.name.clone(), path: path.clone(), source };
    std::fs::read_to_string(path).map(zeroize::Zeroizing::new).map_err(failed)
}
