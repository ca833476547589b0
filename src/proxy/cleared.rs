//! A message that may go to a server: the type without which nothing is sent upstream.

use bytes::Bytes;

use super::line::Extensions;
use crate::gate::{Outcome, Permit, Settlement};
use crate::mcp::{Message, Route, Sender, route};

/// A message cleared for a server. The upstreams send nothing else.
///
/// INVARIANT: there are four ways to make one: a permit from the gate, a message whose route needs no decision, a client's answer
/// to a question that the gate let through, and words of the sidecar's own. A `tools/call` has only the first.
#[derive(Debug)]
pub(super) struct Cleared {
    body: Bytes,
}

impl Cleared {
    /// The gate permitted it. What remains is the duty to say how it ended.
    pub(super) fn permitted(permit: Permit, body: Bytes) -> (Self, Settlement) {
        (Self { body }, permit.spend())
    }

    /// The method table says that the message needs no decision; `None` when it says otherwise.
    pub(super) fn undecided(message: &Message, body: Bytes, extensions: &Extensions) -> Option<Self> {
        match route(message, Sender::Client, |method| extensions.contains(method)) {
            Route::Pass | Route::Filter(_) => Some(Self { body }),
            Route::Check(_) | Route::Refuse => None,
        }
    }

    /// The client answers a question that the gate allowed the server to ask.
    pub(super) async fn answer(asked: Option<Settlement>, message: &Message, body: Bytes) -> Self {
        if let Some(settlement) = asked {
            let answer = settlement.answer(&body, message.outcome()).await;
            settlement.settle(Outcome::Ok, answer);
        }
        Self { body }
    }

    /// Words of the sidecar's own: a handshake, a look at the tool list, a refusal of what the server asked for.
    pub(super) const fn own(body: Bytes) -> Self {
        Self { body }
    }

    /// The bytes to send, exactly as they were received or made.
    pub(super) fn into_bytes(self) -> Bytes {
        self.body
    }
}
