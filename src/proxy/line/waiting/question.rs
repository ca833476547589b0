//! What the user of a client is asked, and what their answer is worth.
//!
//! A page is offered where there is a console. A form is offered only where it can mean something: every policy that asks lets the
//! client's user confirm, there is such a person, policy lets them rule, and the form shows the whole call.

use super::Waiting;
use super::leg::Asked;
use crate::domain::{Channel, Verdict, visible};
use crate::gate::{RuleError, Ruler, Ruling};
use crate::mcp::elicit::{Elicits, Question};
use crate::proxy::line::inbound::Answer;

/// How much of a call a form shows, in characters. Of a longer one nobody is asked by a form: they would approve what they have not seen.
const SHOWN: usize = 2_000;
/// How much of a name is shown.
const NAME: usize = 200;

/// What the user of a client is asked.
pub(super) enum Posed {
    Page { id: String, url: String, message: String },
    Form { message: String, modes: bool },
}

impl Posed {
    pub(super) fn question(&self) -> Question<'_> {
        match self {
            Self::Page { id, url, message } => Question::Url { id, url, message },
            Self::Form { message, modes } => Question::Form { message, modes: *modes },
        }
    }

    pub(super) const fn asked(&self) -> Asked {
        match self {
            Self::Page { .. } => Asked::Page,
            Self::Form { .. } => Asked::Form,
        }
    }
}

impl Waiting<'_> {
    /// What the client's user can be asked; `modes` says whether the revision tells forms from pages.
    pub(super) fn question(&self, elicits: Elicits, modes: bool) -> Option<Posed> {
        if let Some(console) = self.line.asking.console.as_ref().filter(|_| elicits.url) {
            let id = self.pending.ticket.to_string();
            let url = format!("{}/approvals/{id}", console.trim_end_matches('/'));
            let tool = shown(self.message.name().map_or("", |name| name), NAME);
            let message = format!("A person has to approve a call of the tool {tool}. This page shows it to those who may.");
            return Some(Posed::Page { id, url, message });
        }
        let ruler = self.ruler().filter(|_| elicits.form && self.pending.confirm)?;
        let ticket = self.line.gate.ticket(self.pending.ticket)?;
        if !self.line.gate.may_rule(&ruler, &ticket, &Ruling::plain(Verdict::Approve)) {
            return None;
        }
        // The canonical arguments: no two calls look alike, and nothing is hidden in them.
        let arguments = ticket.bound.arguments.as_ref().map_or(Ok("{}"), |arguments| std::str::from_utf8(arguments)).ok()?;
        if arguments.chars().count() > SHOWN {
            return None;
        }
        let (agent, tool) = (shown(self.caller.agent.as_str(), NAME), shown(self.message.name().map_or("", |name| name), NAME));
        let message = format!("May {agent} call the tool {tool} with these arguments? {}", visible(arguments));
        Some(Posed::Form { message, modes })
    }

    /// The person the agent acts for, as somebody who rules.
    fn ruler(&self) -> Option<Ruler> {
        Some(Ruler {
            person: self.caller.actor.person()?.clone(),
            standing: self.caller.standing.actor.clone(),
            evidence: self.caller.evidence.clone(),
            channel: Channel::Elicitation,
        })
    }

    /// The client's user answered a form: that is a ruling of the person the agent acts for, where policy says that they may confirm.
    pub(super) async fn confirm(&self, approve: bool) -> Result<(), Answer> {
        let Some(ruler) = self.ruler().filter(|_| self.pending.confirm) else { return Ok(()) };
        let verdict = if approve { Verdict::Approve } else { Verdict::Deny };
        match self.line.gate.rule(&ruler, self.pending.ticket, Ruling::plain(verdict)).await {
            Ok(_) | Err(RuleError::Over(_) | RuleError::Already | RuleError::Unknown) => Ok(()),
            Err(RuleError::NotRecorded(_) | RuleError::NotKept(_)) => Err(self.pending()),
            // It is for somebody else to rule: a no of theirs is heeded all the same.
            Err(_) if !approve => Err(self.declined()),
            Err(_) => Ok(()),
        }
    }
}

/// A text in which everything can be seen that is in it, up to some length.
fn shown(text: &str, most: usize) -> String {
    let cut: String = text.chars().take(most).collect();
    let shown = visible(&cut);
    if text.chars().nth(most).is_some() { format!("{shown}…") } else { shown.into_owned() }
}

#[cfg(test)]
#[path = "question_tests.rs"]
mod tests;
