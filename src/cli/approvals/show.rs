//! `cedarpost approvals show`: one ticket.

use http::Method;

use super::super::{Exit, output};
use super::{Desk, form, text};
use crate::clock::Clock;
use crate::config::flags::ApprovalsShowFlags;

/// Prints everything that there is to know about a ticket.
pub(super) fn show(desk: &Desk, flags: &ApprovalsShowFlags) -> anyhow::Result<Exit> {
    let answer = match desk.ask(Method::GET, &format!("/v1/approvals/{}", flags.id), None)? {
        Ok(answer) => answer,
        Err(exit) => return Ok(exit),
    };
    if desk.json {
        return Desk::print_json(&answer);
    }
    let looked: form::Looked = form::read(&answer)?;
    output::print(text::whole(&looked, Clock::System.now()).as_bytes())
}
