//! The way to a client over HTTP: the answer to its request, which becomes a stream of events once something has to be said before.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Response, header};
use http_body_util::{BodyExt as _, Collected};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::super::body::Body;
use super::super::lines::on_one_line;
use super::super::upstream::is_event_stream;
use super::super::voice::Voice;
use super::child::event_stream;
use super::exchange::STREAM_BUFFER;
use super::pump::event;
use super::respond;
use crate::mcp::{Limits, Message, RawId};

/// The answer to one request, which nobody has begun yet, or which has become a stream.
pub(super) struct HttpVoice {
    reply: Option<oneshot::Sender<Response<Body>>>,
    stream: Option<mpsc::Sender<Bytes>>,
    /// Ends with the session that the request belongs to.
    ended: CancellationToken,
    manner: Manner,
}

/// What a client's request says about its answer.
pub(super) struct Manner {
    /// The client takes events, and whatever it says in between finds its way back to this conversation.
    pub(super) streams: bool,
    /// The client takes events.
    pub(super) events: bool,
    /// What is answered; absent for what is no request.
    pub(super) request: Option<RawId>,
    /// Bounds of an answer.
    pub(super) limits: Limits,
    /// Bounds the wait for a client that does not read.
    pub(super) patience: Duration,
}

impl HttpVoice {
    pub(super) const fn new(reply: oneshot::Sender<Response<Body>>, ended: CancellationToken, manner: Manner) -> Self {
        Self { reply: Some(reply), stream: None, ended, manner }
    }

    /// Whether the client takes a stream of events for an answer.
    pub(super) fn takes_events(headers: &HeaderMap) -> bool {
        let accepts = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        accepts.flat_map(|value| value.split(',')).any(|kind| kind.trim().starts_with("text/event-stream"))
    }

    /// Answers.
    pub(super) async fn answer(self, response: Response<Body>) {
        match (self.reply, self.stream) {
            // Nobody there to hear it is nothing to do about.
            (Some(reply), _) => drop(reply.send(response)),
            (None, Some(stream)) => self.manner.pour(response, &stream).await,
            (None, None) => {}
        }
    }

    /// Where somebody else puts the answer, and what then takes it to the client, which has to run.
    pub(super) fn hand_over(self) -> (oneshot::Sender<Response<Body>>, impl Future<Output = ()> + Send) {
        let (direct, later) = match (self.reply, self.stream) {
            (Some(reply), _) => (reply, None),
            (None, stream) => {
                let (reply, response) = oneshot::channel();
                (reply, stream.map(|stream| (stream, response)))
            }
        };
        let manner = self.manner;
        let taking = async move {
            let Some((stream, response)) = later else { return };
            tokio::select! {
                // Nobody listens any more, and whoever answers learns of it when there is nowhere to put the answer.
                () = stream.closed() => {}
                response = response => {
                    if let Ok(response) = response {
                        manner.pour(response, &stream).await;
                    }
                }
            }
        };
        (direct, taking)
    }
}

impl Voice for HttpVoice {
    fn reaches(&self) -> bool {
        self.manner.streams
    }

    fn hears(&self) -> bool {
        self.manner.events
    }

    async fn say(&mut self, message: Bytes) -> bool {
        if let Some(reply) = self.reply.take() {
            let (pieces, stream) = mpsc::channel::<Bytes>(STREAM_BUFFER);
            if reply.send(event_stream(stream)).is_err() {
                return false;
            }
            self.stream = Some(pieces);
        }
        match &self.stream {
            Some(stream) => send(stream, event(&message), self.manner.patience).await,
            None => false,
        }
    }

    async fn gone(&mut self) {
        let left = async {
            match (&mut self.reply, &self.stream) {
                (Some(reply), _) => reply.closed().await,
                (None, Some(stream)) => stream.closed().await,
                (None, None) => {}
            }
        };
        tokio::select! {
            () = left => {}
            () = self.ended.cancelled() => {}
        }
    }
}

impl Manner {
    /// Puts an answer into a stream that has begun: one in events as it is, a whole one as an event.
    async fn pour(&self, response: Response<Body>, stream: &mpsc::Sender<Bytes>) {
        let (head, mut body) = response.into_parts();
        if !is_event_stream(&head.headers) {
            let whole = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
            let message = on_one_line(self.answer_in(whole));
            send(stream, event(&message), self.patience).await;
            return;
        }
        while let Some(Ok(frame)) = body.frame().await {
            let Ok(piece) = frame.into_data() else { continue };
            if !send(stream, piece, self.patience).await {
                return;
            }
        }
    }

    /// The answer to the request. What is none, an HTTP error say, has no meaning in a stream: the client hears that its request failed.
    fn answer_in(&self, whole: Bytes) -> Bytes {
        let Some(request) = &self.request else { return whole };
        let answers = |message: Message| message.id() == Some(request);
        if Message::parse_from_server(&whole, &self.limits).is_ok_and(answers) {
            return whole;
        }
        respond::failure(Some(request), "The MCP server did not answer the request.")
    }
}

async fn send(stream: &mpsc::Sender<Bytes>, piece: Bytes, patience: Duration) -> bool {
    matches!(tokio::time::timeout(patience, stream.send(piece)).await, Ok(Ok(())))
}
