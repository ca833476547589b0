//! `cedarpost approvals …`: asks the sidecar that runs about calls that wait for a person, and rules on them as the operator.
//!
//! Everything of a ticket that is printed for people goes through [`visible()`](crate::domain::visible()): whoever asks chooses what stands
//! in it, and must not be able to draw something else on the terminal of whoever decides.

mod form;
mod rule;
mod show;
mod text;
mod watch;

use std::io::{self, IsTerminal};

use anyhow::{Context, bail};
use http::{Method, StatusCode};
use serde_json::Value;

use super::live::say;
use super::{Exit, ask, output};
use crate::clock::Clock;
use crate::config::flags::{ApprovalsCommand, ApprovalsListFlags, AuditFlags, StateFlag};
use crate::config::{AuditSettings, Config, Environment, Sources};

/// Looks at tickets, or rules on one.
pub(super) fn approvals(command: &ApprovalsCommand, environment: Environment) -> anyhow::Result<Exit> {
    match command {
        ApprovalsCommand::List(flags) => list(&Desk::of(&flags.audit, environment)?, flags),
        ApprovalsCommand::Show(flags) => show::show(&Desk::of(&flags.audit, environment)?, flags),
        ApprovalsCommand::Approve(flags) => rule::approve(&Desk::of(&flags.rule.audit, environment)?, flags),
        ApprovalsCommand::Deny(flags) => rule::deny(&Desk::of(&flags.audit, environment)?, flags),
        ApprovalsCommand::Watch(flags) => watch::watch(&Desk::of(flags, environment)?),
    }
}

/// The sidecar that is asked, and how its answers are printed.
struct Desk {
    log: AuditSettings,
    json: bool,
}

impl Desk {
    fn of(flags: &AuditFlags, environment: Environment) -> anyhow::Result<Self> {
        let sources = Sources { file: flags.file.config.as_deref(), environment, flags: flags.overrides() };
        Ok(Self { log: Config::for_audit(&sources)?, json: flags.json })
    }

    /// What the sidecar answers. That it says no has been printed, and is how the command ends.
    fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Result<String, Exit>> {
        let Some((status, answer)) = ask::request(&self.log.directory, method, path, body)? else { return Err(self.nobody()) };
        match status {
            StatusCode::OK => Ok(Ok(String::from_utf8(answer.into()).context("the sidecar answers no text")?)),
            StatusCode::NOT_FOUND | StatusCode::CONFLICT | StatusCode::FORBIDDEN | StatusCode::UNPROCESSABLE_ENTITY => {
                say(&format!("cedarpost: {}\n", ask::sentence(&answer)))?;
                Ok(Err(Exit::Invalid))
            }
            status => bail!("the sidecar answers {status}: {}", ask::sentence(&answer)),
        }
    }

    fn nobody(&self) -> anyhow::Error {
        let directory = self.log.directory.display();
        anyhow::anyhow!(
            "no sidecar runs that writes the log in `{directory}`: only one that runs has tickets; name its settings with --config, or its log with --audit-dir"
        )
    }

    /// Prints an answer as it is.
    fn print_json(text: &str) -> anyhow::Result<Exit> {
        let text = if io::stdout().is_terminal() { text::harmless_json(text) } else { text.to_owned() };
        output::print(format!("{text}\n").as_bytes())
    }
}

fn list(desk: &Desk, flags: &ApprovalsListFlags) -> anyhow::Result<Exit> {
    let path = match flags.state {
        StateFlag::All => "/v1/approvals",
        StateFlag::Waiting => "/v1/approvals?state=waiting",
        StateFlag::Granted => "/v1/approvals?state=granted",
        StateFlag::Rejected => "/v1/approvals?state=rejected",
        StateFlag::Expired => "/v1/approvals?state=expired",
        StateFlag::Spent => "/v1/approvals?state=spent",
        StateFlag::Void => "/v1/approvals?state=void",
    };
    let answer = match desk.ask(Method::GET, path, None)? {
        Ok(answer) => answer,
        Err(exit) => return Ok(exit),
    };
    if desk.json {
        return Desk::print_json(&answer);
    }
    let listed: form::Listed = form::read(&answer)?;
    output::print(text::table(&listed.approvals, Clock::System.now()).as_bytes())
}
