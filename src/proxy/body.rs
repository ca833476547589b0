//! The body of an answer to a client: whole, or a stream of pieces from a bounded channel that may end before its time.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::mpsc;

use super::http::Life;

/// What the HTTP face answers with.
#[derive(Debug)]
pub enum Body {
    /// Everything at once.
    Whole(Option<Bytes>),
    /// Pieces as they come, each flushed by itself; the body ends with the sender.
    Stream(mpsc::Receiver<Bytes>),
    /// The same, for as long as whoever asked for it is let in.
    While(mpsc::Receiver<Bytes>, Life),
}

impl Body {
    /// A body without content.
    #[must_use]
    pub const fn empty() -> Self {
        Self::Whole(None)
    }

    /// The same body, which ends with this life if it takes any time.
    pub(super) fn within(self, life: Life) -> Self {
        match self {
            Self::Stream(pieces) | Self::While(pieces, _) => Self::While(pieces, life),
            Self::Whole(bytes) => Self::Whole(bytes),
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Whole((!bytes.is_empty()).then_some(bytes))
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = match &mut *self {
            Self::Whole(bytes) => bytes.take(),
            Self::Stream(pieces) => ready!(pieces.poll_recv(cx)),
            Self::While(pieces, life) => match life.poll_ended(cx) {
                Poll::Pending => ready!(pieces.poll_recv(cx)),
                Poll::Ready(()) => {
                    // Whoever fills the stream sees that nobody listens any more.
                    pieces.close();
                    None
                }
            },
        };
        Poll::Ready(piece.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Stream(_) | Self::While(..) => SizeHint::default(),
        }
    }
}
