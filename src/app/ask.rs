//! Asking servers for their tools from the command line: no policies, no log, nothing is served.

use std::time::Duration;

use anyhow::Context;

use super::servers::upstream;
use crate::config::{LimitSettings, ServerSettings};
use crate::domain::ServerName;
use crate::lifecycle::{Reload, Signals, Stop};
use crate::proxy::upstream::{self, AskError, Listed};

/// What each server answered, in the order they were given.
pub type Answers = Vec<(ServerName, Result<Listed, AskError>)>;

/// Asks servers for all their tools, all at the same time, each `within` this time. What was started has ended afterwards. `None` when
/// a signal came before.
///
/// # Errors
///
/// When signals cannot be caught. That a server does not answer is an answer.
pub async fn list_tools(servers: &[ServerSettings], limits: &LimitSettings, within: Duration) -> anyhow::Result<Option<Answers>> {
    let signals = Signals::catch().context("failed to catch signals")?;
    let (stop, (reload, _)) = (Stop::new(), Reload::channel());
    tokio::select! {
        answers = ask_all(servers, limits, within, &stop) => Ok(answers.filter(|_| !stop.is_requested())),
        () = signals.run(stop.clone(), reload) => Ok(None),
    }
}

/// `None` when a task was ended from outside, which only the end of the process does.
async fn ask_all(servers: &[ServerSettings], limits: &LimitSettings, within: Duration, stop: &Stop) -> Option<Answers> {
    let asked = servers.iter().map(|server| {
        let (settings, stop) = (upstream(server, limits), stop.clone());
        (server.name.clone(), tokio::spawn(async move { upstream::list_tools(settings, within, &stop).await }))
    });
    let mut answers = Answers::new();
    for (name, asking) in asked.collect::<Vec<_>>() {
        answers.push((name, asking.await.ok()?));
    }
    Some(answers)
}
