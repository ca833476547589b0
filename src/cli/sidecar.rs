//! Has a running sidecar decide a call, over gRPC, and tells what it said.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Context;

use crate::app::Question;
use crate::config::flags::CheckFlags;
use crate::domain::{Call, Caller, Memberships, Standing, Target, visible};
use crate::grpc::{Answer, AskError, Client, SaidOfOne, SaidOfPolicy};
use crate::outbound::{Place, Trust};

/// How long an answer may take when nobody says it.
const DEADLINE: Duration = Duration::from_secs(10);

/// Why there is no answer.
pub(super) enum Failure {
    /// The flags, or the question, make no sense.
    Question(String),
    Other(anyhow::Error),
}

/// What was asked and what was said.
pub(super) struct Asked {
    caller: Caller,
    call: Call,
    place: Place,
    pub(super) answer: Answer,
}

/// Asks the sidecar at `place`.
pub(super) fn ask(place: &Place, question: Question, flags: &CheckFlags) -> Result<Asked, Failure> {
    let trust = trust(place, flags)?;
    let Question { caller, call, .. } = question;
    let roles = |roles: &[String]| Memberships {
        roles: roles.iter().map(|role| role.as_str().into()).collect(),
        ..Memberships::default()
    };
    let standing = Standing { agent: roles(&flags.agent_role), actor: roles(&flags.actor_role) };
    let caller = caller.with_standing(standing);
    let asked = || -> anyhow::Result<Result<Answer, AskError>> {
        let client = Client::new(place.clone(), &trust, flags.deadline.unwrap_or(DEADLINE))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(client.check(&caller, &call, flags.dry_run)))
    };
    let failed = || format!("failed to ask the sidecar at `{place}`");
    match asked().with_context(failed).map_err(Failure::Other)? {
        Ok(answer) => Ok(Asked { caller, call, place: place.clone(), answer }),
        Err(AskError::Question { sentence, .. }) => {
            Err(Failure::Question(format!("the sidecar says that {}", visible(&sentence))))
        }
        Err(error) => Err(Failure::Other(anyhow::Error::new(error).context(failed()))),
    }
}

fn trust(place: &Place, flags: &CheckFlags) -> Result<Trust, Failure> {
    let shown = flags.cert_file.clone().zip(flags.key_file.clone());
    let trust = Trust { ca_file: flags.ca_file.clone(), shown };
    if trust != Trust::default() && !matches!(place, Place::Tls(_)) {
        return Err(Failure::Question(format!("certificates are for https, and `{place}` is not")));
    }
    Ok(trust)
}

impl Asked {
    /// For people. The first word is the decision.
    pub(super) fn render(&self) -> String {
        let Self { caller, call, place, answer } = self;
        let (server, agent) = (&call.server, visible(caller.agent.as_str()));
        let what = match &call.target {
            Target::Tool(tool) => format!("`{server}/{}`", visible(tool)),
            Target::Server => format!("at server `{server}`"),
            other => format!("`{}` at server `{server}`", visible(other.name().unwrap_or_default())),
        };
        let person = caller
            .actor
            .person()
            .map_or_else(|| " on its own".to_owned(), |person| format!(" for `{}`", visible(person.as_str())));
        let mut text = format!("{}: {} {what}, by agent `{agent}`{person}\n\n", answer.decision.name(), call.action.name());
        for judgement in &answer.judgements {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{}", told(judgement));
        }
        let _ = writeln!(text);
        if !answer.message.is_empty() {
            let _ = writeln!(text, "An agent is told: {}", visible(&answer.message));
        }
        if let Some(pending) = &answer.pending {
            let _ =
                writeln!(text, "People are asked under ticket {}, until {}", visible(&pending.ticket), visible(&pending.expires));
        }
        if !answer.approved_by_ticket.is_empty() {
            let _ = writeln!(text, "Ticket {} is used up", visible(&answer.approved_by_ticket));
        }
        let how = if answer.dry_run { "a question only" } else { "recorded" };
        let _ = writeln!(text, "Decision {} of {place}, {how}", visible(&answer.decision_id));
        text
    }
}

fn told(judgement: &SaidOfOne) -> String {
    let policies = |words: &str, policies: &[SaidOfPolicy]| {
        let told = |policy: &SaidOfPolicy| format!("{} ({}:{})", visible(&policy.id), visible(&policy.file), policy.line);
        let told: Vec<String> = policies.iter().map(told).collect();
        if told.is_empty() { String::new() } else { format!("{words}{}", told.join(", ")) }
    };
    let SaidOfOne { principal, cause, policies: by, faults } = judgement;
    let (by, faults) = (policies(" by ", by), policies("; not evaluable: ", faults));
    format!("{}: {}{by}{faults}", visible(principal), visible(cause).replace('_', " "))
}
