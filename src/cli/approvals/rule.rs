//! `cedarpost approvals approve` and `deny`. Nobody is asked whether they are sure; what was ruled on is printed.

use http::Method;
use serde_json::{Value, json};

use super::super::{Exit, output};
use super::form::{self, Looked};
use super::{Desk, text};
use crate::clock::Clock;
use crate::config::flags::{ApprovalsRuleFlags, ApproveFlags};
use crate::domain::visible;

/// Lets a call be made.
pub(super) fn approve(desk: &Desk, flags: &ApproveFlags) -> anyhow::Result<Exit> {
    let ruling = json!({
        "verdict": "approve", "comment": flags.rule.comment, "window_seconds": flags.window.map(|window| window.as_secs()),
        "uses": flags.uses, "any_arguments": flags.any_arguments,
    });
    rule(desk, &flags.rule, &ruling)
}

/// Does not let it be made.
pub(super) fn deny(desk: &Desk, flags: &ApprovalsRuleFlags) -> anyhow::Result<Exit> {
    rule(desk, flags, &json!({ "verdict": "deny", "comment": flags.comment }))
}

fn rule(desk: &Desk, flags: &ApprovalsRuleFlags, ruling: &Value) -> anyhow::Result<Exit> {
    let answer = match desk.ask(Method::POST, &format!("/v1/approvals/{}/rule", flags.id), Some(ruling))? {
        Ok(answer) => answer,
        Err(exit) => return Ok(exit),
    };
    if desk.json {
        return Desk::print_json(&answer);
    }
    let looked: Looked = form::read(&answer)?;
    let came_to = match looked.approval.state.as_str() {
        "granted" => "approved: the call may be made now",
        "rejected" => "denied: the call is not made",
        "waiting" => "your approval counts; policy asks for more people",
        other => &visible(other),
    };
    output::print(format!("{came_to}\n\n{}", text::whole(&looked, Clock::System.now())).as_bytes())
}
