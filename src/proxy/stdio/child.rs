//! A child process behind standard input and output: we stand between the client and the server it thinks it has started.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::io::AsyncRead;
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

use super::output::Output;
use super::{Heard, Input, StdioEnd, take};
use crate::domain::ToolDefinition;
use crate::gate::{Answer, Outcome};
use crate::lifecycle::Stop;
use crate::mcp::{self, Era, Kind, ListKind, Message, RawId, reply};
use crate::proxy::conversation::Conversation;
use crate::proxy::endpoint::Endpoint;
use crate::proxy::learner::AskTools;
use crate::proxy::line::Inbound;
use crate::proxy::lines::on_one_line;
use crate::proxy::upstream::child::{Child, ChildSettings, SpawnError, Stderr};
use crate::proxy::upstream::own;

/// Runs the server as our child until either side ends.
pub(super) async fn run(
    endpoint: Arc<Endpoint>,
    with: Arc<Conversation>,
    settings: ChildSettings,
    input: impl AsyncRead + Unpin + Send + 'static,
    output: Output,
    stop: Stop,
) -> Result<StdioEnd, SpawnError> {
    let settings = ChildSettings { stderr: Stderr::Inherit, ..settings };
    let (child, lines) = Child::spawn(&settings, &stop.token())?;
    let (child, tasks) = (Arc::new(child), TaskTracker::new());
    let between = Arc::new(Between { endpoint, with, child, output, own: OwnQuestion::default(), era: Mutex::new(None) });
    between.learn(&stop);
    let hearing = tokio::spawn(Arc::clone(&between).hear(lines));

    let mut input = Input::new(input, between.endpoint.limits.request.max_bytes);
    let mut end = None;
    loop {
        let heard = tokio::select! {
            heard = input.next() => heard,
            exit = between.child.wait() => { end = Some(StdioEnd::Closed(exit.code())); break }
            () = between.output.closed() => break,
            () = stop.wait() => break,
        };
        match heard {
            Heard::Line(line) => between.client_says(&tasks, line).await,
            Heard::TooLong => {
                end = Some(StdioEnd::LineTooLong);
                break;
            }
            Heard::End => break,
        }
    }
    // What is being decided is decided to its end before the child's input closes, so that nothing permitted is lost on the way.
    tasks.close();
    between.output.leave();
    tasks.wait().await;
    let exit = between.child.shutdown().await;
    // The child's last words are still in the pipe.
    let _ = hearing.await;
    Ok(end.unwrap_or_else(|| StdioEnd::Closed(exit.code())))
}

/// What stands between a client and a child.
struct Between {
    endpoint: Arc<Endpoint>,
    with: Arc<Conversation>,
    child: Arc<Child>,
    output: Output,
    own: OwnQuestion,
    /// What the client speaks, once it can be asked about in the same way.
    era: Mutex<Option<Era>>,
}

/// The one question that the sidecar may have open with the server in the client's session.
#[derive(Default)]
struct OwnQuestion(Mutex<Option<(RawId, oneshot::Sender<Bytes>)>>);

impl Between {
    async fn client_says(self: &Arc<Self>, tasks: &TaskTracker, line: Bytes) {
        let between = Arc::clone(self);
        take(&self.endpoint, &self.with, tasks, &self.output, line, async move |inbound, message| {
            between.onward(inbound, &message).await
        })
        .await;
    }

    async fn onward(&self, inbound: Inbound, message: &Message) {
        let Inbound::Forward { message: cleared, request, .. } = inbound else { return };
        if let Err(error) = self.child.send(cleared.into_bytes()).await
            && let Some(id) = request
        {
            tracing::warn!(%error, "a request did not reach the server");
            self.fail(&id, &error.to_string()).await;
        }
        self.notice(message);
    }

    async fn fail(&self, id: &RawId, why: &str) {
        if let Some(settlement) = self.with.flights.land(id).and_then(|flight| flight.settlement) {
            settlement.settle(Outcome::Failed("not taken".into()), Answer::NONE);
        }
        self.output
            .say(reply::error(Some(id), mcp::INTERNAL_ERROR, &format!("The MCP server did not get the request: {why}."), None))
            .await;
    }

    /// From when on the server may be asked, and how.
    fn notice(&self, message: &Message) {
        let mut era = self.era.lock();
        if era.is_none() {
            let ready = match message.kind() {
                Kind::Notification { method } => method.name() == "notifications/initialized",
                Kind::Request { .. } => message.era() == Era::Modern,
                Kind::Response { .. } => false,
            };
            *era = ready.then(|| message.era());
        }
    }

    async fn hear(self: Arc<Self>, mut lines: mpsc::Receiver<Bytes>) {
        let mut adoptions = self.endpoint.line.gate.adoptions();
        loop {
            tokio::select! {
                line = lines.recv() => match line {
                    Some(line) => self.server_says(line).await,
                    None => return,
                },
                Ok(()) = adoptions.changed() => self.announce().await,
            }
        }
    }

    async fn server_says(&self, line: Bytes) {
        let Some(line) = self.own.take(line) else { return };
        // What is recorded of an answer is what the client gets, which is one line.
        let outbound = self.endpoint.line.outbound(&self.with, on_one_line(line)).await;
        if let Some(answer) = outbound.to_server
            && let Err(error) = self.child.send(answer.into_bytes()).await
        {
            tracing::warn!(%error, "a refusal did not reach the server");
        }
        if let Some(message) = outbound.to_client {
            self.output.say(message).await;
        }
    }

    /// Policies changed, and with them perhaps what the client may see.
    async fn announce(&self) {
        if self.with.announces_tools()
            && let Some(notification) = reply::list_changed(ListKind::Tools, None)
        {
            self.output.say(notification).await;
        }
        for subscription in self.with.flights.tool_subscriptions() {
            if let Some(notification) = reply::list_changed(ListKind::Tools, Some(&subscription)) {
                self.output.say(notification).await;
            }
        }
    }

    /// The server is asked in the client's own session, and only when somebody calls a tool that is not known: usually the client
    /// asks first, and we overhear the answer.
    fn learn(self: &Arc<Self>, stop: &Stop) {
        if let Some(learning) = self.endpoint.take_learning() {
            tokio::spawn(learning.run_when_asked(InSession(Arc::clone(self)), stop.clone()));
        }
    }
}

impl OwnQuestion {
    /// Takes the answer to our own question out of what goes to the client.
    fn take(&self, line: Bytes) -> Option<Bytes> {
        let mut open = self.0.lock();
        let Some((id, _)) = &*open else { return Some(line) };
        let ours = own::answers(id, &line).is_some();
        if !ours {
            return Some(line);
        }
        if let Some((_, asker)) = open.take() {
            let _ = asker.send(line);
        }
        None
    }
}

struct InSession(Arc<Between>);

impl AskTools for InSession {
    async fn ask_tools(&mut self) -> Option<Vec<ToolDefinition>> {
        let era = (*self.0.era.lock())?;
        let mut pages = own::Pages::default();
        loop {
            let question = own::tools_list(era, pages.cursor());
            let (asker, answer) = oneshot::channel();
            *self.0.own.0.lock() = Some((question.id.clone(), asker));
            self.0.child.send(question.body).await.ok()?;
            let line = tokio::time::timeout(own::PATIENCE, answer).await.ok()?.ok()?;
            if let Some(listed) = pages.turn(&own::answers(&question.id, &line)?).ok()? {
                return Some(listed.tools);
            }
        }
    }
}
