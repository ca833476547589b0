//! What becomes of a message of a gateway's client. The proxy does the same with a message that it carries itself; here nobody sees what
//! the server answers, and the body cannot be changed.

use std::sync::Arc;

use http::StatusCode;

use super::backend::{Backend, Gateways, Lists};
use super::no::No;
use super::sessions::Sessions;
use crate::domain::{Action, Call, Caller, DecisionId, Source, Target};
use crate::gate::{Gate, Refusal};
use crate::mcp::elicit::Answered;
use crate::mcp::reply::POLICY_DENIED;
use crate::mcp::{self, Kind, Limits, ListKind, METHOD_NOT_FOUND, Message, RawId, Route, listen};
use crate::passage::{self, method, refused};

/// All that a server may ask its client for.
const QUESTIONS: [Action; 3] = [Action::SamplingCreateMessage, Action::ElicitationCreate, Action::RootsList];

/// Judges the messages of gateways' clients.
pub(in crate::grpc) struct Judge {
    pub(super) gate: Gate,
    pub(super) gateways: Gateways,
    /// Bounds of a message.
    pub(super) limits: Limits,
    /// One a backend, in their order.
    pub(super) sessions: Vec<Sessions>,
}

/// Who asks for what, but for the message.
pub(super) struct Asked<'a> {
    pub(super) backend: &'a Backend,
    pub(super) caller: &'a Caller,
    pub(super) source: Source,
    /// The gateway, as the connection shows it.
    pub(super) by: &'a str,
    /// Lists come by again when the server has answered.
    pub(super) filters_lists: bool,
}

/// A message that may go on, with the decision that lets it, if it needed one.
pub(super) type Yes = Option<DecisionId>;

impl Judge {
    pub(in crate::grpc) fn new(gate: Gate, gateways: Gateways, limits: Limits) -> Self {
        let sessions = gateways.backends.iter().map(|_| Sessions::new(gateways.sessions, gateways.session_idle)).collect();
        Self { gate, gateways, limits, sessions }
    }

    /// Whether the message may go on.
    pub(super) async fn judge(&self, asked: &Asked<'_>, message: &Message) -> Result<Yes, No> {
        let is_extension = |name: &str| asked.backend.extensions.contains(name);
        match (message.kind(), passage::route(message, is_extension)) {
            (Kind::Response { .. }, _) => self.answer(asked, message).await,
            (Kind::Request { id, .. }, Route::Check(action)) => self.request(asked, id, message, action).await,
            (Kind::Notification { .. }, Route::Check(action)) => {
                let target = Target::Method(method(message).into());
                let call = asked.call(message, action, target);
                self.checked(asked, &call).await.map_err(|refusal| No::swallowed(&refusal))
            }
            (Kind::Request { id, .. }, Route::Filter(kind)) => self.list(asked, id, message, kind).await,
            (Kind::Request { id, .. }, Route::Pass) => self.passing(asked, id, message).await,
            (Kind::Notification { .. }, Route::Pass | Route::Filter(_)) => Ok(None),
            (Kind::Request { id, .. }, Route::Refuse) => {
                tracing::info!(server = %asked.backend.name, method = method(message), "a method that is not in the table is refused");
                Err(unknown_method(id, message))
            }
            (Kind::Notification { .. }, Route::Refuse) => {
                tracing::info!(server = %asked.backend.name, method = method(message), "a notification that is not in the table is refused");
                let body = refused::unknown_notification(message);
                Err(No::with_body(StatusCode::BAD_REQUEST, body, METHOD_NOT_FOUND, "This notification is refused."))
            }
        }
    }

    /// A request that policy decides.
    async fn request(&self, asked: &Asked<'_>, id: &RawId, message: &Message, action: Action) -> Result<Yes, No> {
        let target = mcp::target(message, action).map_err(|malformed| No::malformed(StatusCode::OK, &malformed))?;
        // Nobody here asked a question, so nobody can have an answer to one of ours.
        if Answered::in_request(message).is_some() {
            let body = refused::unknown_state(id);
            return Err(No::with_body(StatusCode::OK, body, mcp::INVALID_PARAMS, "Unknown requestState"));
        }
        if let Target::Tool(name) = &target
            && !self.gate.knows_tool(&asked.backend.name, name)
        {
            (asked.backend.refresh)().await;
        }
        let call = asked.call(message, action, target);
        self.checked(asked, &call).await.map_err(|refusal| No::refused(id, message, action, &refusal))
    }

    async fn checked(&self, asked: &Asked<'_>, call: &Call) -> Result<Yes, Refusal> {
        // A gateway that gives up ends only its waiting.
        let checking = self.gate.check_to_the_end(asked.caller.clone(), call.clone(), asked.by.into());
        checking.await?.allowed().map(Some)
    }

    /// A request for a list.
    async fn list(&self, asked: &Asked<'_>, id: &RawId, message: &Message, kind: ListKind) -> Result<Yes, No> {
        if kind == ListKind::Tasks && !asked.filters_lists {
            return Err(unknown_method(id, message));
        }
        if asked.filters_lists {
            return Ok(None);
        }
        let denied = |sentence| Err(No::error(StatusCode::OK, Some(id), POLICY_DENIED, sentence));
        match (self.gateways.lists, kind) {
            (Lists::None, _) => denied("Denied: lists are not given out here."),
            (Lists::All, ListKind::Tools) | (Lists::Some, ListKind::Tools) => self.tools(asked, id).await,
            (Lists::All, _) => denied("Denied: nothing can be cut out of this list here."),
            (Lists::Some, _) => Ok(None),
        }
    }

    /// A request for the list of tools, all of which its caller will see.
    async fn tools(&self, asked: &Asked<'_>, id: &RawId) -> Result<Yes, No> {
        let server = &asked.backend.name;
        let known = || self.gate.tools(server).unwrap_or_default();
        let mut tools = known();
        if tools.is_empty() {
            (asked.backend.refresh)().await;
            tools = known();
        }
        if tools.is_empty() {
            return Err(No::later(Some(id), "The tools of the server are not known yet; try again later."));
        }
        let view = self.gate.view(asked.caller, server, &asked.source);
        let shown = tools.iter().filter(|name| view.shows(Action::ToolsCall, &Target::Tool(Arc::clone(name)))).count();
        let goes = match self.gateways.lists {
            Lists::Some => shown > 0,
            Lists::All => shown == tools.len(),
            Lists::None => false,
        };
        if goes {
            return Ok(None);
        }
        let sentence = if shown == 0 {
            "Denied by policy: there is no tool here that this caller may use."
        } else {
            "Denied by policy: there are tools here that this caller may not use, and they cannot be cut out of the list here."
        };
        Err(No::error(StatusCode::OK, Some(id), POLICY_DENIED, sentence))
    }

    /// A request that needs no decision of its own.
    async fn passing(&self, asked: &Asked<'_>, id: &RawId, message: &Message) -> Result<Yes, No> {
        // Whose a task is, nobody here has seen.
        if message.task_id().is_some() {
            return Err(No::with_body(StatusCode::OK, refused::unknown_task(id), mcp::INVALID_PARAMS, "Task not found"));
        }
        if method(message) == "subscriptions/listen" {
            return self.subscription(asked, id, message).await;
        }
        Ok(None)
    }

    /// A request to be told of changes. What is denied cannot be cut out of it, so it goes on whole or not at all.
    async fn subscription(&self, asked: &Asked<'_>, id: &RawId, message: &Message) -> Result<Yes, No> {
        let filter = listen::filter(message).map_err(|malformed| No::malformed(StatusCode::BAD_REQUEST, &malformed))?;
        if !filter.task_ids.is_empty() {
            return Err(No::with_body(StatusCode::OK, refused::unknown_task(id), mcp::INVALID_PARAMS, "Task not found"));
        }
        let mut last = None;
        for uri in &filter.resource_subscriptions {
            let action = Action::ResourcesSubscribe;
            let call = asked.call(message, action, Target::Resource(Arc::clone(uri)));
            last = self.checked(asked, &call).await.map_err(|refusal| No::refused(id, message, action, &refusal))?;
        }
        Ok(last)
    }

    /// A client's answer. What the server asked, nobody here has seen: it goes on when the server may ask for anything.
    async fn answer(&self, asked: &Asked<'_>, message: &Message) -> Result<Yes, No> {
        let mut last = None;
        for action in QUESTIONS {
            let call = asked.call(message, action, Target::Server);
            last = self.checked(asked, &call).await.map_err(|refusal| No::swallowed(&refusal))?;
        }
        Ok(last)
    }
}

impl Asked<'_> {
    fn call(&self, message: &Message, action: Action, target: Target) -> Call {
        passage::call(&self.backend.name, self.source.clone(), message, action, target)
    }
}

fn unknown_method(id: &RawId, message: &Message) -> No {
    let (status, body) = (refused::unknown_method_status(message.era()), refused::unknown_method(id));
    No::with_body(status, body, METHOD_NOT_FOUND, "Method not found: the sidecar does not know it and refuses it.")
}
