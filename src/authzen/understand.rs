//! Questions of AuthZEN to questions of the house: about a call of an MCP server, or about entities of a service's own.

use std::sync::Arc;

use bytes::Bytes;

use super::bad::Bad;
use super::mcp::{self, Meant, Servers};
use super::read::{Asked, Named};
use crate::domain::{Access, Arguments, Thing, TraceId};
use crate::gate::AskedRecord;

/// A question of the house.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Question {
    /// About a service's own entities.
    Own(Box<Access>),
    /// About MCP.
    Mcp(Meant),
}

/// What a question means. `trace` is the trace of the request, for questions that name none.
pub(super) fn understand(asked: &Asked<'_>, servers: &Servers, trace: Option<TraceId>) -> Result<Question, Bad> {
    if !mcp::is_about_mcp(&asked.subject.kind) {
        return Ok(Question::Own(Box::new(access(asked, trace))));
    }
    let mut meant = mcp::read(asked, servers)?;
    match &mut meant {
        Meant::Call(_, call, _) => call.trace = call.trace.or(trace),
        Meant::List(own) | Meant::Nothing(own, _) => *own = own.or(trace),
    }
    Ok(Question::Mcp(meant))
}

/// The same for a question about a service's own entities.
pub(super) fn access(asked: &Asked<'_>, trace: Option<TraceId>) -> Access {
    Access {
        subject: thing(&asked.subject),
        action: Arc::from(&*asked.action),
        action_properties: stated(asked.action_properties),
        resource: thing(&asked.resource),
        context: stated(asked.context),
        trace,
    }
}

/// The words of a question, for the record.
pub(super) fn words<'w>(asked: &'w Asked<'_>) -> AskedRecord<'w> {
    AskedRecord {
        subject_type: &asked.subject.kind,
        subject: Some(&asked.subject.id),
        action: Some(&asked.action),
        resource_type: &asked.resource.kind,
        resource: Some(&asked.resource.id),
    }
}

fn thing(named: &Named<'_>) -> Thing {
    Thing { kind: Arc::from(&*named.kind), id: Arc::from(&*named.id), properties: stated(named.properties) }
}

/// The text of an object of the body, which was read strictly.
fn stated(text: Option<&str>) -> Arguments {
    text.map_or(Arguments::ABSENT, |text| Arguments::from_checked_json(Bytes::copy_from_slice(text.as_bytes())))
}
