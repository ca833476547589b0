//! From the server to the client.

use bytes::Bytes;
use serde_json::Value;

use super::{Line, refused};
use crate::domain::{Action, Target};
use crate::gate::{Answer, Outcome, Settlement};
use crate::mcp::elicit::KEY;
use crate::mcp::list::{self, CachePolicy};
use crate::mcp::{self, Era, Inspection, Kind, ListKind, Message, RawId, ResultKind, Route, Sender, reply};
use crate::passage::{self, method};
use crate::proxy::cleared::Cleared;
use crate::proxy::conversation::{Conversation, OwnQuestions};
use crate::proxy::flight::{Expect, Flight};

/// What becomes of a server's message.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Outbound {
    /// What the client gets: the message itself, or what stands in its place. Absent when it gets nothing.
    pub(in crate::proxy) to_client: Option<Bytes>,
    /// What the server gets back at once: the answer to a question that the client never sees.
    pub(in crate::proxy) to_server: Option<Cleared>,
    /// The request that this message answers.
    pub(in crate::proxy) landed: Option<RawId>,
}

impl Outbound {
    fn to_client(body: Bytes) -> Self {
        Self { to_client: Some(body), ..Self::default() }
    }

    fn to_server(body: Bytes) -> Self {
        Self { to_server: Some(Cleared::own(body)), ..Self::default() }
    }
}

impl Line {
    /// Decides what becomes of a message from the server. A message that cannot be read the same way by everybody goes nowhere.
    pub(in crate::proxy) async fn outbound(&self, with: &Conversation, body: Bytes) -> Outbound {
        let message = match Message::parse_from_server(&body, &self.answer_limits) {
            Ok(message) => message,
            Err(malformed) => {
                tracing::warn!(server = %self.server, reason = malformed.sentence(), "a message of the server is withheld");
                return Outbound::default();
            }
        };
        match message.kind() {
            Kind::Response { id: Some(id), .. } => self.response(with, id.clone(), &message).await,
            // An error about a request that the server could not read; it carries no result to be filtered.
            Kind::Response { id: None, .. } => Outbound::to_client(body),
            Kind::Request { id, .. } => self.question(with, id, &message, body).await,
            Kind::Notification { .. } => self.news(with, &message, body).await,
        }
    }

    async fn response(&self, with: &Conversation, id: RawId, message: &Message) -> Outbound {
        let flight = with.flights.land(&id);
        let answer = match Inspection::of(message) {
            Ok(inspection) => self.answer(with, &id, flight.as_ref(), message, &inspection).await,
            Err(_) => Err(refused::unreadable_answer(&id)),
        };
        let (to_client, outcome) = match answer {
            Ok((body, outcome)) => (body, outcome),
            Err(withheld) => (withheld, Outcome::Failed("withheld".into())),
        };
        if let Some(settlement) = flight.and_then(|flight| flight.settlement) {
            let answer = settlement.answer(&to_client, self.result_in(&to_client, message).as_ref()).await;
            settlement.settle(outcome, answer);
        }
        Outbound { to_client: Some(to_client), to_server: None, landed: Some(id) }
    }

    /// The text of the result or error in what goes to the client, byte for byte: in the server's `message`, or in what stands in its place.
    fn result_in(&self, to_client: &Bytes, message: &Message) -> Option<Bytes> {
        let same = to_client.as_ptr() == message.body().as_ptr() && to_client.len() == message.body().len();
        if same {
            return message.outcome().cloned();
        }
        Message::parse_from_server(to_client, &self.answer_limits).ok()?.outcome().cloned()
    }

    /// What of an answer the client gets, or what stands in its place.
    async fn answer(
        &self,
        with: &Conversation,
        id: &RawId,
        flight: Option<&Flight>,
        message: &Message,
        inspection: &Inspection,
    ) -> Result<(Bytes, Outcome), Bytes> {
        let expect = flight.map(|flight| flight.expect);
        let era = flight.map_or(Era::Legacy, |flight| flight.era);
        self.demands(with, message, inspection).await.map_err(|undue| match undue {
            Undue::Denied(refusal) => refused::question_in_result(id, expect, era, &refusal),
            Undue::Unknown => refused::unreadable_answer(id),
        })?;
        // Nobody waits for an answer without a flight: a replay on a resumed stream, say. Then its shape tells whether it is a list.
        let list = match expect {
            Some(Expect::List(kind)) => Some(self.filtered(with, kind, era, message).await),
            None if inspection.list.is_some() => Some(self.filtered_by_shape(with, era, message).await),
            Some(_) | None => None,
        };
        if let Some(filtered) = list {
            return filtered.map(|body| (body, outcome(inspection))).map_err(|unreadable| {
                tracing::warn!(server = %self.server, error = %unreadable, "a list of the server is withheld");
                refused::unreadable_list(id)
            });
        }
        if let ResultKind::Task(task) = &inspection.kind {
            self.owners.note(task, with.caller());
        }
        if expect == Some(Expect::Handshake) {
            self.greeted(with, message);
        }
        let seal = |state: &str| self.states.seal(state, with.caller());
        let body = mcp::state::sealed(message, seal).map_err(|_| refused::unreadable_answer(id))?;
        Ok((body.unwrap_or_else(|| message.body().clone()), outcome(inspection)))
    }

    /// What the server says of itself in the answer to `initialize` or `server/discover`.
    fn greeted(&self, with: &Conversation, message: &Message) {
        let result = message.outcome().and_then(|result| serde_json::from_slice::<Value>(result).ok()).unwrap_or_default();
        if let Some(version) = result.get("protocolVersion").and_then(Value::as_str) {
            with.note_version(version);
        }
        let capabilities = result.get("capabilities");
        if capabilities.and_then(|all| all.pointer("/tools/listChanged")) == Some(&Value::Bool(true)) {
            with.note_announces_tools();
        }
        let tasks =
            |all: &Value| all.get("tasks").is_some() || all.pointer("/extensions/io.modelcontextprotocol~1tasks").is_some();
        if capabilities.is_some_and(tasks) {
            self.owners.declare();
        }
    }

    /// A list, without what this caller may not use. What cannot be read safely is withheld whole.
    async fn filtered(
        &self,
        with: &Conversation,
        kind: ListKind,
        era: Era,
        message: &Message,
    ) -> Result<Bytes, list::Unreadable> {
        if kind == ListKind::Tools && matches!(message.kind(), Kind::Response { is_error: false, .. }) {
            self.learn(message).await?;
        }
        self.without_hidden(with, kind, era, message.body())
    }

    /// The same for an answer of which nobody knows what was asked: every list in it is filtered, whichever the client reads.
    async fn filtered_by_shape(&self, with: &Conversation, era: Era, message: &Message) -> Result<Bytes, list::Unreadable> {
        match self.learn(message).await {
            Ok(()) | Err(list::Unreadable::NoList) => {}
            Err(unreadable) => return Err(unreadable),
        }
        ListKind::ALL.into_iter().try_fold(message.body().clone(), |body, kind| {
            match self.without_hidden(with, kind, era, &body) {
                Err(list::Unreadable::NoList) => Ok(body),
                filtered => filtered,
            }
        })
    }

    /// A list is learned before it is filtered: a tool that policies do not know yet would be hidden.
    async fn learn(&self, message: &Message) -> Result<(), list::Unreadable> {
        self.gate.learn(&self.server, false, list::tools(message.body())?.tools).await;
        Ok(())
    }

    fn without_hidden(&self, with: &Conversation, kind: ListKind, era: Era, body: &Bytes) -> Result<Bytes, list::Unreadable> {
        let source = with.source();
        let view = self.gate.view(with.caller(), &self.server, &source);
        let cache = match era {
            Era::Modern => CachePolicy::Private { max_ttl_ms: u64::try_from(self.list_ttl.as_millis()).unwrap_or(u64::MAX) },
            Era::Legacy => CachePolicy::Untouched,
        };
        passage::filter(&view, kind, cache, body, |task| self.owners.owns(with.caller(), task))
    }

    /// The server asks the client for something: that is a decision too.
    async fn question(&self, with: &Conversation, id: &RawId, message: &Message, body: Bytes) -> Outbound {
        match mcp::route(message, Sender::Server, |_| false) {
            Route::Check(action) => match self.ask(with, message, action).await {
                Ok(settlement) => pose(with, id, Some(settlement), body),
                Err(_) => Outbound::to_server(reply::declined(id, action)),
            },
            Route::Pass | Route::Filter(_) => pose(with, id, None, body),
            Route::Refuse => {
                tracing::info!(server = %self.server, method = method(message), "a request of the server is not in the table and is refused");
                Outbound::to_server(refused::unknown_method(id))
            }
        }
    }

    /// Decides the requests to the client that a message brings along.
    async fn demands(&self, with: &Conversation, message: &Message, inspection: &Inspection) -> Result<(), Undue> {
        for request in &inspection.input_requests {
            // The name of our own question is ours alone.
            if &*request.key == KEY {
                return Err(Undue::Unknown);
            }
            let action = request.method.action().ok_or(Undue::Unknown)?;
            self.ask(with, message, action).await.map_err(Undue::Denied)?.settle(Outcome::Ok, Answer::NONE);
        }
        Ok(())
    }

    async fn ask(&self, with: &Conversation, message: &Message, action: Action) -> Result<Settlement, crate::gate::Refusal> {
        let call = self.call(with.source(), message, action, Target::Server);
        self.gate.admit(with.caller(), call).await.map(crate::gate::Permit::spend)
    }

    /// A notification of the server. The state of a task may bring questions along, and is nobody's business but its owner's.
    async fn news(&self, with: &Conversation, message: &Message, body: Bytes) -> Outbound {
        let Some(method) = message.method() else { return Outbound::default() };
        if mcp::route(message, Sender::Server, |method| self.extensions.contains(method)) == Route::Refuse {
            tracing::info!(server = %self.server, %method, "a notification of the server is not in the table and is dropped");
            return Outbound::default();
        }
        let theirs = message.task_id().is_some_and(|task| !self.owners.owns(with.caller(), task));
        let Ok(inspection) = Inspection::of(message) else { return Outbound::default() };
        if theirs || self.demands(with, message, &inspection).await.is_err() {
            tracing::info!(server = %self.server, %method, "a notification of the server is not for this client and is dropped");
            return Outbound::default();
        }
        match method.name() {
            "notifications/tools/list_changed" => self.learner.refresh_soon(),
            "notifications/cancelled" => {
                if let Some(question) = message.request_id() {
                    // What we asked is not the server's to take back.
                    if OwnQuestions::is_ours(question) {
                        return Outbound::default();
                    }
                    with.questions.withdrawn(question);
                }
            }
            "notifications/resources/updated" => {
                let source = with.source();
                let view = self.gate.view(with.caller(), &self.server, &source);
                let shown =
                    message.uri().is_some_and(|uri| view.shows(Action::ResourcesSubscribe, &Target::Resource(uri.clone())));
                if !shown {
                    return Outbound::default();
                }
            }
            _ => {}
        }
        Outbound::to_client(body)
    }
}

/// Why something that a message brings along is not for the client.
enum Undue {
    Denied(crate::gate::Refusal),
    /// It asks for something that is not in the table.
    Unknown,
}

/// Lets a question through to the client, unless too many are open.
fn pose(with: &Conversation, id: &RawId, settlement: Option<Settlement>, body: Bytes) -> Outbound {
    // Ids of our own are for our own questions: an answer to one must not be taken for an answer to the other.
    let asked = if OwnQuestions::is_ours(id) { Err(settlement) } else { with.questions.ask(id.clone(), settlement) };
    match asked {
        Ok(()) => Outbound::to_client(body),
        Err(settlement) => {
            if let Some(settlement) = settlement {
                settlement.settle(Outcome::Failed("too many questions".into()), Answer::NONE);
            }
            Outbound::to_server(refused::too_many_questions(id))
        }
    }
}

fn outcome(inspection: &Inspection) -> Outcome {
    match inspection.kind {
        ResultKind::Error(_) => Outcome::RpcError,
        _ if inspection.is_error => Outcome::ToolError,
        _ => Outcome::Ok,
    }
}
