//! Standard input and output towards a client: what an MCP client spawns instead of the server.
//!
//! Behind it is a child process, whose place we take, or a server behind a URL. One process is one conversation. Standard output
//! carries MCP messages and nothing else.

mod bridge;
mod child;
mod output;

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio_util::task::TaskTracker;

use super::conversation::Conversation;
use super::endpoint::Endpoint;
use super::line::Inbound;
use super::lines::Lines;
use super::upstream::Upstream;
use super::upstream::child::SpawnError;
use crate::domain::Transport;
use crate::identity::Identified;
use crate::lifecycle::Stop;
use crate::mcp::{Kind, Message, Route, Sender, route};
use output::Output;

/// How a conversation over standard input and output ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StdioEnd {
    /// The client closed its side; the server, if it was a process, ended with this code.
    Closed(u8),
    /// The client sent a line that is longer than allowed, so that nothing after it can be told apart.
    LineTooLong,
}

/// The stdio face: one client, one server.
#[derive(Debug)]
pub struct StdioFace {
    endpoint: Arc<Endpoint>,
    conversation: Arc<Conversation>,
}

impl StdioFace {
    /// A face for the caller whom the configuration names, or their token.
    #[must_use]
    pub fn new(endpoint: Arc<Endpoint>, who: &Identified) -> Self {
        let conversation = endpoint.conversation(who, Transport::Stdio, None);
        Self { endpoint, conversation }
    }

    /// Talks until the client closes its side, the server ends, or we are told to stop.
    ///
    /// # Errors
    ///
    /// When the server's process cannot be started.
    pub async fn run(self, stop: Stop) -> Result<StdioEnd, SpawnError> {
        let (input, (output, written)) = (tokio::io::stdin(), Output::start(tokio::io::stdout()));
        let end = match self.endpoint.upstream.clone() {
            Upstream::Child(pool) => {
                child::run(self.endpoint, self.conversation, pool.child_settings(), input, output, stop).await?
            }
            Upstream::Http(server) => bridge::run(self.endpoint, self.conversation, server, input, output, stop).await,
        };
        written.finished().await;
        Ok(end)
    }
}

/// The lines a client writes.
struct Input<R> {
    source: R,
    lines: Lines,
}

/// What came from the client.
enum Heard {
    Line(Bytes),
    TooLong,
    End,
}

impl<R: AsyncRead + Unpin> Input<R> {
    fn new(source: R, most: usize) -> Self {
        Self { source, lines: Lines::new(most) }
    }

    /// # Cancel safety
    ///
    /// Dropped before it is done, nothing is lost.
    async fn next(&mut self) -> Heard {
        loop {
            match self.lines.next_line() {
                Ok(Some(line)) => return Heard::Line(line),
                Ok(None) => {}
                Err(_) => return Heard::TooLong,
            }
            match self.source.read_buf(self.lines.space(16 * 1024)).await {
                Ok(0) => return Heard::End,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "failed to read standard input");
                    return Heard::End;
                }
            }
        }
    }
}

/// Takes a client's line as far as the decision, and gives what is to go on to `forward`.
///
/// What has to be decided goes its way in a task of its own, so that a slow decision holds nobody up; the rest keeps its order.
async fn take<F, Fut>(
    endpoint: &Arc<Endpoint>,
    with: &Arc<Conversation>,
    tasks: &TaskTracker,
    output: &Output,
    line: Bytes,
    forward: F,
) where
    F: FnOnce(Inbound, Message) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send,
{
    let message = match Message::parse(&line, &endpoint.line.request_limits) {
        Ok(message) => message,
        Err(malformed) => {
            tracing::info!(reason = malformed.sentence(), "a malformed message is refused");
            return output.say(malformed.reply()).await;
        }
    };
    let decided =
        matches!(route(&message, Sender::Client, |_| true), Route::Check(_)) && matches!(message.kind(), Kind::Request { .. });
    let (endpoint, with, output) = (Arc::clone(endpoint), Arc::clone(with), output.clone());
    // Waits: a client that asks without reading what it is answered is not read any further.
    let place = if decided { endpoint.place_in_turn().await } else { None };
    let way = async move {
        let _place = place;
        let mut voice = output.clone();
        match endpoint.line.inbound(&with, with.caller(), &message, line, &mut voice).await {
            Inbound::Answer(answer) => output.say(answer.body).await,
            Inbound::Swallow => {}
            onward @ Inbound::Forward { .. } => forward(onward, message).await,
        }
    };
    if !decided {
        return way.await;
    }
    let mut way = Box::pin(way);
    // The first step takes the request's id, and is made here: a `cancelled` on the next line must find it.
    if poll_fn(|context| Poll::Ready(way.as_mut().poll(context))).await.is_pending() {
        tasks.spawn(way);
    }
}
