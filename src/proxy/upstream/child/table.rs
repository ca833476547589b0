//! Which requests a child works on, and who waits for the answers. Pure bookkeeping: no clock, no process.

use std::collections::HashMap;

use tokio::sync::oneshot;

use super::mailbox::Post;
use super::wire::{About, Key, Peek};
use crate::domain::Caller;

/// Ids that were given up are remembered up to this number; then the child takes no new requests and is replaced when it is idle.
const MAX_SPENT: usize = 1024;

/// What a request lays claim to on a child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) id: Key,
    pub(super) progress_token: Option<Key>,
    pub(super) caller: Caller,
}

/// The requests of one child.
///
/// INVARIANT: no two requests in the table have the same id or the same progress token. A request stays in it until the child has
/// answered or a bound has passed, whether or not somebody still waits.
///
/// INVARIANT: an id or token whose request was never answered is not used again for another caller, since the answer may come yet.
#[derive(Debug)]
pub(super) struct Table {
    max_live: usize,
    routes: HashMap<Key, Route>,
    /// Progress token -> request id.
    tokens: HashMap<Key, Key>,
    spent: HashMap<Tag, Caller>,
    served: Served,
    serial: u64,
    closed: bool,
}

/// Names one stay of a request in the table: the same id may come again later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stay {
    pub(super) id: Key,
    serial: u64,
}

#[derive(Debug)]
struct Route {
    serial: u64,
    claim: Claim,
    /// `None` once nobody waits any more.
    post: Option<Post>,
    /// Dropped with the route: tells whoever waits for the end of an abandoned request.
    _answered: Option<oneshot::Sender<()>>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
enum Tag {
    Id(Key),
    Token(Key),
}

/// Whom a child has ever worked for. What it says about no request in particular may be about any of them.
#[derive(Debug)]
enum Served {
    Nobody,
    One(Caller),
    Several,
}

/// Where a message goes.
#[derive(Debug)]
pub(super) enum Destination {
    /// It is the last one for this exchange; its request has left the table.
    Answer(Post),
    /// It belongs to this exchange.
    Exchange(Stay, Post),
    /// It belongs to a request that nobody waits for.
    Abandoned,
    /// It names a request that is not here.
    Stranger,
    /// It names no request.
    Unaddressed,
}

impl Table {
    /// An empty table for at most `max_live` requests at a time.
    pub(super) fn new(max_live: usize) -> Self {
        let (routes, tokens, spent) = Default::default();
        Self { max_live, routes, tokens, spent, served: Served::Nobody, serial: 0, closed: false }
    }

    /// Whether a request may be given to this child.
    pub(super) fn fits(&self, claim: &Claim) -> bool {
        let free = |tag: Tag| self.spent.get(&tag).is_none_or(|caller| *caller == claim.caller);
        let id_fits = !self.routes.contains_key(&claim.id) && free(Tag::Id(claim.id.clone()));
        let token_fits =
            claim.progress_token.as_ref().is_none_or(|token| !self.tokens.contains_key(token) && free(Tag::Token(token.clone())));
        !self.closed && self.routes.len() < self.max_live && self.spent.len() < MAX_SPENT && id_fits && token_fits
    }

    /// Enters a request that [`Table::fits`].
    pub(super) fn enter(&mut self, claim: Claim, post: Post) -> Option<Stay> {
        if !self.fits(&claim) {
            return None;
        }
        self.serial += 1;
        self.served = match std::mem::replace(&mut self.served, Served::Several) {
            Served::Nobody => Served::One(claim.caller.clone()),
            Served::One(caller) if caller == claim.caller => Served::One(caller),
            Served::One(_) | Served::Several => Served::Several,
        };
        if let Some(token) = &claim.progress_token {
            self.tokens.insert(token.clone(), claim.id.clone());
        }
        let stay = Stay { id: claim.id.clone(), serial: self.serial };
        let route = Route { serial: self.serial, claim, post: Some(post), _answered: None };
        self.routes.insert(stay.id.clone(), route);
        Some(stay)
    }

    /// Takes out a request that never reached the child.
    pub(super) fn withdraw(&mut self, stay: &Stay) {
        if self.routes.get(&stay.id).is_some_and(|route| route.serial == stay.serial) {
            self.remove(&stay.id);
        }
    }

    /// Nobody waits for this request any more. Gives a receiver that ends when the request leaves the table; `None` if it is not
    /// there, or was abandoned before.
    pub(super) fn abandon(&mut self, stay: &Stay) -> Option<oneshot::Receiver<()>> {
        let route = self.routes.get_mut(&stay.id).filter(|route| route.serial == stay.serial)?;
        route.post.take()?;
        let (sender, receiver) = oneshot::channel();
        route._answered = Some(sender);
        Some(receiver)
    }

    /// Gives up on an abandoned request that the child did not answer, and remembers whose it was.
    pub(super) fn give_up(&mut self, stay: &Stay) {
        if self.routes.get(&stay.id).is_none_or(|route| route.serial != stay.serial) {
            return;
        }
        if let Some(Claim { id, progress_token, caller }) = self.remove(&stay.id).map(|route| route.claim) {
            self.spent.extend(progress_token.map(|token| (Tag::Token(token), caller.clone())));
            self.spent.insert(Tag::Id(id), caller);
        }
    }

    /// Where a message of the child goes. A response ends its request's stay.
    pub(super) fn destination(&mut self, message: &Peek) -> Destination {
        let id = match message {
            Peek::Response(Some(id)) => {
                return match self.remove(id).map(|route| route.post) {
                    Some(Some(post)) => Destination::Answer(post),
                    Some(None) => Destination::Abandoned,
                    None => Destination::Stranger,
                };
            }
            Peek::Notification(About::Progress(token)) => self.tokens.get(token),
            Peek::Notification(About::Subscription(id)) => Some(id),
            Peek::Response(None) | Peek::Request(_) | Peek::Notification(About::Nothing) => return Destination::Unaddressed,
        };
        let Some((id, route)) = id.and_then(|id| self.routes.get_key_value(id)) else { return Destination::Stranger };
        match &route.post {
            Some(post) => Destination::Exchange(Stay { id: id.clone(), serial: route.serial }, post.clone()),
            None => Destination::Abandoned,
        }
    }

    /// The exchange that an unaddressed message must be meant for: the only one there is, on a child that never worked for
    /// anybody else.
    pub(super) fn only_exchange(&self) -> Option<(Stay, Post)> {
        let mut routes = self.routes.iter();
        let (Some((id, route)), None, Served::One(_)) = (routes.next(), routes.next(), &self.served) else { return None };
        let post = route.post.clone()?;
        Some((Stay { id: id.clone(), serial: route.serial }, post))
    }

    /// Whether `caller` has a request with this id here.
    pub(super) fn is_from(&self, id: &Key, caller: &Caller) -> bool {
        self.routes.get(id).is_some_and(|route| route.claim.caller == *caller)
    }

    /// Whether the child has worked for somebody other than `caller`.
    pub(super) fn is_shared_with_others(&self, caller: &Caller) -> bool {
        match &self.served {
            Served::Nobody => false,
            Served::One(served) => served != caller,
            Served::Several => true,
        }
    }

    /// How many requests the child works on.
    pub(super) fn len(&self) -> usize {
        self.routes.len()
    }

    /// Lets nobody in any more.
    pub(super) fn retire(&mut self) {
        self.closed = true;
    }

    /// Lets nobody in any more and forgets everybody: each exchange sees its end.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.routes.clear();
        self.tokens.clear();
    }

    fn remove(&mut self, id: &Key) -> Option<Route> {
        let route = self.routes.remove(id)?;
        if let Some(token) = &route.claim.progress_token {
            self.tokens.remove(token);
        }
        Some(route)
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
