//! What becomes of a message of a gateway's client. The proxy does the same with a message that it carries itself; here not everybody sees
//! what the server answers, or can change a body.

use std::sync::Arc;

use http::StatusCode;

use super::backend::{Backend, Gateways, Lists, ShownStates};
use super::no::No;
use super::shown::Shown;
use crate::domain::{Action, Call, Caller, DecisionId, Source, Target};
use crate::gate::{Gate, Refusal};
use crate::mcp::elicit::Answered;
use crate::mcp::reply::POLICY_DENIED;
use crate::mcp::{self, Kind, Limits, ListKind, METHOD_NOT_FOUND, Message, RawId, Route, listen};
use crate::passage::{self, States, TaskOwners, method, refused};

/// All that a server may ask its client for.
const QUESTIONS: [Action; 3] = [Action::SamplingCreateMessage, Action::ElicitationCreate, Action::RootsList];

/// Judges the messages of gateways' clients.
pub(in crate::grpc) struct Judge {
    pub(super) gate: Gate,
    pub(super) gateways: Gateways,
    /// Bounds of a message.
    pub(super) limits: Limits,
    /// One a backend, in their order.
    pub(super) kept: Vec<Kept>,
}

/// What is remembered of the callers of one server.
#[derive(Debug)]
pub(super) struct Kept {
    /// Whose session it is.
    pub(super) sessions: Shown,
    /// Whose state it is that nobody saw given out.
    shown_states: Shown,
    /// Seals the states that are given out before our eyes.
    pub(super) states: States,
    /// Whose task it is that was made before our eyes.
    pub(super) tasks: TaskOwners,
}

/// Who asks for what, but for the message.
pub(super) struct Asked<'a> {
    pub(super) backend: &'a Backend,
    pub(super) kept: &'a Kept,
    pub(super) caller: &'a Caller,
    pub(super) source: Source,
    /// The gateway, as the connection shows it.
    pub(super) by: &'a str,
    /// What the server answers comes by here, too, and what goes on can be changed.
    pub(super) sees_answers: bool,
}

/// A message that may go on.
#[derive(Debug, Default)]
pub(super) struct Yes {
    /// The decision that lets it, if it needed one.
    pub(super) decision: Option<DecisionId>,
    /// The state of the server's that has to stand in it, in place of the sealed one that the client brings back.
    pub(super) state: Option<String>,
}

/// What a request brings back of an earlier one.
enum Brought {
    /// Nothing.
    Nothing,
    /// The state that the server gave this caller before our eyes, and with it what the client answers to questions that were decided then.
    Opened(String),
    /// What nobody here has seen given out, or asked for.
    Unseen,
}

impl Judge {
    pub(in crate::grpc) fn new(gate: Gate, gateways: Gateways, limits: Limits) -> Self {
        let kept = |_: &Backend| Kept {
            sessions: Shown::new(gateways.sessions),
            shown_states: Shown::new(gateways.sessions),
            states: States::new(gateways.clock.clone()),
            tasks: TaskOwners::default(),
        };
        let kept = gateways.backends.iter().map(kept).collect();
        Self { gate, gateways, limits, kept }
    }

    /// Whether the message may go on.
    pub(super) async fn judge(&self, asked: &Asked<'_>, message: &Message) -> Result<Yes, No> {
        let is_extension = |name: &str| asked.backend.extensions.contains(name);
        let route = passage::route(message, is_extension);
        let state = match message.kind() {
            Kind::Request { id, .. } if route != Route::Refuse => self.brought(asked, id, message, route).await?,
            Kind::Request { .. } | Kind::Notification { .. } | Kind::Response { .. } => None,
        };
        let decision = self.decided(asked, message, route).await?;
        Ok(Yes { decision, state })
    }

    async fn decided(&self, asked: &Asked<'_>, message: &Message, route: Route) -> Result<Option<DecisionId>, No> {
        match (message.kind(), route) {
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

    /// What a request brings back of an earlier one: the server's own state, to go on in its place; an error when it is not this caller's.
    async fn brought(&self, asked: &Asked<'_>, id: &RawId, message: &Message, route: Route) -> Result<Option<String>, No> {
        match self.looked_at(asked, id, message)? {
            Brought::Nothing => Ok(None),
            Brought::Opened(state) => Ok(Some(state)),
            Brought::Unseen if !message.has_input_responses() => Ok(None),
            Brought::Unseen => {
                let action = if let Route::Check(action) = route { action } else { Action::Extension };
                self.questions(asked, message).await.map_err(|refusal| No::refused(id, message, action, &refusal))?;
                Ok(None)
            }
        }
    }

    fn looked_at(&self, asked: &Asked<'_>, id: &RawId, message: &Message) -> Result<Brought, No> {
        let state = message.request_state();
        // Nobody here asked a question, so nobody can have an answer to one of ours.
        if Answered::in_request(message).is_some() || state.is_some_and(|state| States::claims_to_be_ours(state)) {
            return Err(No::unknown_state(id));
        }
        match state {
            None if message.has_input_responses() => Ok(Brought::Unseen),
            None => Ok(Brought::Nothing),
            Some(sealed) if asked.sees_answers => {
                asked.kept.states.open(sealed, asked.caller).map(Brought::Opened).ok_or_else(|| No::unknown_state(id))
            }
            Some(shown) => match self.gateways.states {
                ShownStates::First if asked.kept.shown_states.is_of(shown, asked.caller) => Ok(Brought::Unseen),
                ShownStates::First => Err(No::unknown_state(id)),
                ShownStates::Refused => {
                    let sentence =
                        "Denied: a `requestState` is not accepted here, because nobody on this way sees to whom it was given.";
                    Err(No::error(StatusCode::OK, Some(id), POLICY_DENIED, sentence))
                }
            },
        }
    }

    /// A request that policy decides.
    async fn request(&self, asked: &Asked<'_>, id: &RawId, message: &Message, action: Action) -> Result<Option<DecisionId>, No> {
        let target = mcp::target(message, action).map_err(|malformed| No::malformed(StatusCode::OK, &malformed))?;
        if let Target::Tool(name) = &target
            && !self.gate.knows_tool(&asked.backend.name, name)
        {
            (asked.backend.refresh)().await;
        }
        let call = asked.call(message, action, target);
        self.checked(asked, &call).await.map_err(|refusal| No::refused(id, message, action, &refusal))
    }

    pub(super) async fn checked(&self, asked: &Asked<'_>, call: &Call) -> Result<Option<DecisionId>, Refusal> {
        // A gateway that gives up ends only its waiting.
        let checking = self.gate.check_to_the_end(asked.caller.clone(), call.clone(), asked.by.into());
        checking.await?.allowed().map(Some)
    }

    /// A request for a list.
    async fn list(&self, asked: &Asked<'_>, id: &RawId, message: &Message, kind: ListKind) -> Result<Option<DecisionId>, No> {
        if asked.sees_answers {
            return Ok(None);
        }
        if kind == ListKind::Tasks {
            return Err(unknown_method(id, message));
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
    async fn tools(&self, asked: &Asked<'_>, id: &RawId) -> Result<Option<DecisionId>, No> {
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
    async fn passing(&self, asked: &Asked<'_>, id: &RawId, message: &Message) -> Result<Option<DecisionId>, No> {
        // Where nobody sees answers, nobody has a task.
        if message.task_id().is_some_and(|task| !asked.kept.tasks.owns(asked.caller, task)) {
            return Err(No::unknown_task(id));
        }
        if method(message) == "subscriptions/listen" {
            return self.subscription(asked, id, message).await;
        }
        Ok(None)
    }

    /// A request to be told of changes. What is denied cannot be cut out of it, so it goes on whole or not at all.
    async fn subscription(&self, asked: &Asked<'_>, id: &RawId, message: &Message) -> Result<Option<DecisionId>, No> {
        let filter = listen::filter(message).map_err(|malformed| No::malformed(StatusCode::BAD_REQUEST, &malformed))?;
        if filter.task_ids.iter().any(|task| !asked.kept.tasks.owns(asked.caller, task)) {
            return Err(No::unknown_task(id));
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
    async fn answer(&self, asked: &Asked<'_>, message: &Message) -> Result<Option<DecisionId>, No> {
        self.questions(asked, message).await.map_err(|refusal| No::swallowed(&refusal))
    }

    /// Whether the server may ask this caller for anything at all: for what is answered to questions that nobody here has seen.
    async fn questions(&self, asked: &Asked<'_>, message: &Message) -> Result<Option<DecisionId>, Refusal> {
        let mut last = None;
        for action in QUESTIONS {
            let call = asked.call(message, action, Target::Server);
            last = self.checked(asked, &call).await?;
        }
        Ok(last)
    }
}

impl Asked<'_> {
    pub(super) fn call(&self, message: &Message, action: Action, target: Target) -> Call {
        passage::call(&self.backend.name, self.source.clone(), message, action, target)
    }
}

fn unknown_method(id: &RawId, message: &Message) -> No {
    let (status, body) = (refused::unknown_method_status(message.era()), refused::unknown_method(id));
    No::with_body(status, body, METHOD_NOT_FOUND, "Method not found: the sidecar does not know it and refuses it.")
}
