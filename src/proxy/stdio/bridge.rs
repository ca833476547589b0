//! A server behind a URL, for a client that speaks standard input and output: we are the HTTP client it has not got.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use parking_lot::Mutex;
use tokio::io::AsyncRead;
use tokio_util::task::TaskTracker;

use super::output::Output;
use super::{Heard, Input, StdioEnd, take};
use crate::domain::DecisionId;
use crate::gate::{Answer, Outcome};
use crate::lifecycle::Stop;
use crate::mcp::{Era, INTERNAL_ERROR, ListKind, Message, RawId, argument_headers, mirrored_headers, reply, sse};
use crate::passage::method;
use crate::proxy::cleared::Cleared;
use crate::proxy::collect::collect;
use crate::proxy::conversation::Conversation;
use crate::proxy::endpoint::Endpoint;
use crate::proxy::line::Inbound;
use crate::proxy::lines::on_one_line;
use crate::proxy::upstream::{HttpUpstream, Upstream, Whose, is_event_stream, own};

const SESSION_ID: &str = "mcp-session-id";
const VERSION: &str = "mcp-protocol-version";

/// Pauses before a listening stream that broke is opened again.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Bridges until the client closes its side.
pub(super) async fn run(
    endpoint: Arc<Endpoint>,
    with: Arc<Conversation>,
    server: Arc<HttpUpstream>,
    input: impl AsyncRead + Unpin + Send + 'static,
    output: Output,
    stop: Stop,
) -> StdioEnd {
    if let Some(learning) = endpoint.take_learning() {
        tokio::spawn(learning.run(Upstream::Http(Arc::clone(&server)), stop.clone()));
    }
    let most = endpoint.limits.request.max_bytes;
    let bridge = Arc::new(Bridge { endpoint, with, server, output, session: Mutex::default() });
    let announcing = tokio::spawn(Arc::clone(&bridge).announce());
    let (mut input, tasks, listening) = (Input::new(input, most), TaskTracker::new(), stop.child());
    let mut end = StdioEnd::Closed(0);
    loop {
        let heard = tokio::select! {
            heard = input.next() => heard,
            () = bridge.output.closed() => break,
            () = stop.wait() => break,
        };
        match heard {
            Heard::Line(line) => bridge.client_says(&tasks, &listening, line).await,
            Heard::TooLong => {
                end = StdioEnd::LineTooLong;
                break;
            }
            Heard::End => break,
        }
    }
    tasks.close();
    bridge.output.leave();
    tasks.wait().await;
    listening.request();
    announcing.abort();
    bridge.leave().await;
    end
}

struct Bridge {
    endpoint: Arc<Endpoint>,
    with: Arc<Conversation>,
    server: Arc<HttpUpstream>,
    output: Output,
    session: Mutex<Session>,
}

/// What the server and the client agreed on.
#[derive(Default, Clone)]
struct Session {
    id: Option<HeaderValue>,
    version: Option<HeaderValue>,
}

impl Bridge {
    async fn client_says(self: &Arc<Self>, tasks: &TaskTracker, listening: &Stop, line: Bytes) {
        let (bridge, tracker, listening) = (Arc::clone(self), tasks.clone(), listening.clone());
        let forward = async move |inbound, message: Message| {
            let Inbound::Forward { message: cleared, request, decision } = inbound else { return };
            let opens_ears = method(&message) == "notifications/initialized";
            // An `initialize` is waited for, since what comes after it needs the session that it opens.
            if method(&message) == "initialize" || request.is_none() {
                bridge.exchange(cleared, &message, request, decision).await;
            } else {
                let bridge = Arc::clone(&bridge);
                tracker.spawn(async move { bridge.exchange(cleared, &message, request, decision).await });
            }
            if opens_ears {
                tokio::spawn(Arc::clone(&bridge).listen(listening));
            }
        };
        take(&self.endpoint, &self.with, tasks, &self.output, line, forward).await;
    }

    /// What the one client showed at the start.
    fn whose(&self) -> Whose<'_> {
        Whose::Theirs(&self.with.with.shown)
    }

    /// One message at the server, and what comes back for it.
    async fn exchange(&self, cleared: Cleared, message: &Message, request: Option<RawId>, decision: Option<DecisionId>) {
        let failure = match self.server.post(cleared, self.headers(Some(message)), self.whose()).await {
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the server failed to answer");
                Some((error.word(), error.told(decision)))
            }
            Ok(response) => match &request {
                None => None,
                Some(id) => self.hear(id, message, response).await.err().map(|sentence| (sentence.into(), sentence.into())),
            },
        };
        if let (Some((word, sentence)), Some(id)) = (failure, &request)
            && let Some(flight) = self.with.flights.land(id)
        {
            if let Some(settlement) = flight.settlement {
                settlement.settle(Outcome::Failed(word.as_ref().into()), Answer::NONE);
            }
            self.output.say(reply::error(Some(id), INTERNAL_ERROR, &sentence, None)).await;
        }
    }

    /// Reads what the server answers to a request, in one piece or in events.
    async fn hear(&self, id: &RawId, message: &Message, response: Response<Incoming>) -> Result<(), &'static str> {
        let (head, body) = response.into_parts();
        if method(message) == "initialize" {
            self.session.lock().id = head.headers.get(SESSION_ID).cloned();
        }
        if is_event_stream(&head.headers) {
            self.events(body).await;
        } else {
            let limits = &self.endpoint.limits;
            let body = collect(body, limits.answer.max_bytes, limits.answer_timeout).await;
            self.server_says(body.map_err(|_| "The server's answer did not come whole.")?).await;
        }
        match self.with.flights.expectation(id) {
            Some(_) => Err("The MCP server gave no answer that could be read safely."),
            None => Ok(()),
        }
    }

    async fn events(&self, mut body: Incoming) {
        let mut framer = sse::Framer::new(self.endpoint.limits.answer.max_bytes);
        while let Some(Ok(frame)) = body.frame().await {
            let Ok(events) = framer.push(frame.into_data().unwrap_or_default()) else { return };
            for event in events {
                if let Some(data) = event.data.filter(|data| !data.is_empty()) {
                    self.server_says(data).await;
                }
            }
        }
    }

    async fn server_says(&self, body: Bytes) {
        self.notice_version(&body);
        // What is recorded of an answer is what the client gets, which is one line.
        let outbound = self.endpoint.line.outbound(&self.with, on_one_line(body)).await;
        if let Some(answer) = outbound.to_server
            && let Err(error) = self.server.post(answer, self.headers(None), self.whose()).await
        {
            tracing::warn!(error = &error as &dyn std::error::Error, "a refusal did not reach the server");
        }
        if let Some(message) = outbound.to_client {
            self.output.say(message).await;
        }
    }

    /// The version that `initialize` settled on goes into a header of every later request.
    fn notice_version(&self, body: &Bytes) {
        let mut session = self.session.lock();
        if session.version.is_none() {
            let version =
                Message::parse_from_server(body, &own::LIMITS).ok().and_then(|welcome| own::negotiated_version(&welcome));
            session.version = version.and_then(|version| HeaderValue::from_str(&version).ok());
        }
    }

    /// The headers that the transport asks for: the session's for the older eras, the mirrored ones for the modern.
    fn headers(&self, message: Option<&Message>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        if let Some(message) = message.filter(|message| message.era() == Era::Modern) {
            for (name, value) in mirrored_headers(message) {
                if let Ok(value) = HeaderValue::from_str(&value) {
                    headers.insert(name, value);
                }
            }
            for (name, value) in self.argument_headers(message) {
                if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(&value)) {
                    headers.insert(name, value);
                }
            }
            return headers;
        }
        let Session { id, version } = self.session.lock().clone();
        headers.extend(id.map(|id| (HeaderName::from_static(SESSION_ID), id)));
        headers.extend(version.map(|version| (HeaderName::from_static(VERSION), version)));
        headers
    }

    fn argument_headers(&self, message: &Message) -> Vec<(String, String)> {
        let name = message.name().filter(|_| method(message) == "tools/call");
        let schema = name.and_then(|name| self.endpoint.line.gate.input_schema(&self.endpoint.line.server, name));
        schema.map(|schema| argument_headers(message, &schema)).unwrap_or_default()
    }

    /// Listens to what the server says by itself, and again when the stream breaks, for as long as the server offers one.
    async fn listen(self: Arc<Self>, stop: Stop) {
        let (mut pause, mut last) = (FIRST_PAUSE, None);
        loop {
            let heard = tokio::select! {
                () = stop.wait() => return,
                heard = self.listen_once(&mut last) => heard,
            };
            match heard {
                Listened::NotOffered => return,
                Listened::Broke => pause = FIRST_PAUSE,
                Listened::Failed => pause = (pause * 2).min(LONGEST_PAUSE),
            }
            tokio::select! {
                () = stop.wait() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn listen_once(&self, last: &mut Option<HeaderValue>) -> Listened {
        let mut headers = self.headers(None);
        headers.insert(header::ACCEPT, HeaderValue::from_static("text/event-stream"));
        headers.extend(last.clone().map(|id| (HeaderName::from_static("last-event-id"), id)));
        let Ok(response) = self.server.bare(Method::GET, headers, self.whose()).await else { return Listened::Failed };
        if response.status().is_client_error() || !is_event_stream(response.headers()) {
            return Listened::NotOffered;
        }
        let mut body = response.into_body();
        let mut framer = sse::Framer::new(self.endpoint.limits.answer.max_bytes);
        while let Some(Ok(frame)) = body.frame().await {
            let Ok(events) = framer.push(frame.into_data().unwrap_or_default()) else { return Listened::Broke };
            for event in events {
                *last = event.id.and_then(|id| HeaderValue::from_bytes(&id).ok()).or(last.take());
                if let Some(data) = event.data.filter(|data| !data.is_empty()) {
                    self.server_says(data).await;
                }
            }
        }
        Listened::Broke
    }

    /// Policies changed, and with them perhaps what the client may see.
    async fn announce(self: Arc<Self>) {
        let mut adoptions = self.endpoint.line.gate.adoptions();
        while adoptions.changed().await.is_ok() {
            let sessions = self.with.announces_tools().then_some(None);
            let subscriptions = self.with.flights.tool_subscriptions().into_iter().map(Some);
            for subscription in sessions.into_iter().chain(subscriptions) {
                if let Some(notification) = reply::list_changed(ListKind::Tools, subscription.as_ref()) {
                    self.output.say(notification).await;
                }
            }
        }
    }

    /// Ends the session at the server.
    async fn leave(&self) {
        if self.session.lock().id.is_some() {
            // A server that does not end sessions on request forgets this one by itself.
            let bye = self.server.bare(Method::DELETE, self.headers(None), self.whose());
            let _ = tokio::time::timeout(Duration::from_secs(2), bye).await;
        }
    }
}

/// How listening ended.
enum Listened {
    /// The server offers no such stream.
    NotOffered,
    /// The stream ended.
    Broke,
    /// The server could not be reached.
    Failed,
}
