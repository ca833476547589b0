//! Tokens of ours: each is kept until shortly before its end, and asked for by one at a time.
//!
//! Whoever gives them out is asked for a while no more when it fails, and whoever needs a token meanwhile is told what it said last. What is
//! kept is bounded; what one caller's token was exchanged for never outlasts that token.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

use super::NoCredential;
use crate::identity::{Grant, Granted, Secret, ShownToken, TokenClient, Ungranted};

/// Most tokens that are kept.
const MOST: usize = 10_000;
/// Most that are asked for at the same time.
const MOST_AT_A_TIME: usize = 64;
/// How long before its end a token is used no more, at most: a tenth of its life is enough for short ones.
const MARGIN: Duration = Duration::from_secs(30);
/// Rests after failures.
const FIRST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(30);
/// A token that the server never took is replaced only when it is this old: one that is fresh from whoever gives them out would be replaced
/// by one like it.
const UNPROVED_FOR: Duration = Duration::from_secs(30);

/// SHA-256 of the caller's token (and of ours, if that says who acts); `None` for a token that is ours alone.
type Key = Option<([u8; 32], Option<[u8; 32]>)>;

/// A token of ours. Cheap to clone.
#[derive(Debug, Clone)]
pub(in crate::proxy::upstream) struct Token(Arc<Held>);

#[derive(Debug)]
struct Held {
    key: Key,
    secret: Secret,
    digest: [u8; 32],
    since: Instant,
    until: Instant,
    /// The server has taken it.
    proved: AtomicBool,
}

impl Token {
    pub(super) fn secret(&self) -> &Secret {
        &self.0.secret
    }

    pub(super) fn accepted(&self) {
        self.0.proved.store(true, Ordering::Relaxed);
    }
}

type Answer = Result<Token, Arc<Ungranted>>;

/// What is known about one token.
#[derive(Debug)]
enum Slot {
    Asking(watch::Receiver<Option<Answer>>),
    Held(Token),
    Resting(Rest),
}

/// A time in which nobody is asked.
#[derive(Debug, Clone)]
struct Rest {
    until: Instant,
    length: Duration,
    why: Arc<Ungranted>,
}

impl Rest {
    fn after(before: Option<&Self>, why: Arc<Ungranted>) -> Self {
        let length = before.map_or(FIRST_REST, |before| (before.length * 2).min(LONGEST_REST));
        Self { until: Instant::now() + length, length, why }
    }

    fn lasts(&self) -> bool {
        self.until > Instant::now()
    }
}

/// The tokens that one authorization server gives us for one server.
#[derive(Debug)]
pub(in crate::proxy::upstream) struct Kept {
    client: TokenClient,
    slots: Arc<Mutex<Slots>>,
}

#[derive(Debug, Default)]
struct Slots {
    known: HashMap<Key, Slot>,
    /// The oldest in front.
    order: VecDeque<Key>,
    asking: usize,
    /// The authorization server does not work, whoever is concerned.
    down: Option<Rest>,
}

impl Kept {
    pub(super) fn new(client: TokenClient) -> Self {
        Self { client, slots: Arc::default() }
    }

    /// A token that is ours alone.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is done, the token is asked for all the same, for whoever comes next.
    pub(super) async fn ours(&self) -> Result<Token, NoCredential> {
        let client = self.client.clone();
        self.get(None, None, async move { client.ask(Grant::Client).await }).await
    }

    /// A token in exchange for this one.
    ///
    /// # Cancel safety
    ///
    /// As above.
    pub(super) async fn exchanged(&self, subject: &Arc<ShownToken>, actor: Option<Token>) -> Result<Token, NoCredential> {
        let (client, subject) = (self.client.clone(), Arc::clone(subject));
        let (key, ends) = ((subject.digest(), actor.as_ref().map(|actor| actor.0.digest)), subject.ends());
        let asked = async move {
            let actor = actor.as_ref().map(Token::secret);
            client.ask(Grant::Exchange { subject: subject.secret(), actor }).await
        };
        self.get(Some(key), Some(ends), asked).await
    }

    /// The server does not take a token. Says whether another one may be better.
    pub(super) fn forget(&self, token: &Token) -> bool {
        let proved = token.0.proved.load(Ordering::Relaxed) || token.0.since.elapsed() >= UNPROVED_FOR;
        if proved {
            let mut slots = self.slots.lock();
            if matches!(slots.known.get(&token.0.key), Some(Slot::Held(held)) if Arc::ptr_eq(&held.0, &token.0)) {
                slots.remove(&token.0.key);
            }
        }
        proved
    }

    async fn get(
        &self,
        key: Key,
        ends: Option<Instant>,
        asked: impl Future<Output = Result<Granted, Ungranted>> + Send + 'static,
    ) -> Result<Token, NoCredential> {
        let mut answer = {
            let mut slots = self.slots.lock();
            match slots.look(&key)? {
                Some(Found::Token(token)) => return Ok(token),
                Some(Found::Asked(answer)) => answer,
                None => self.ask(&mut slots, key, ends, asked),
            }
        };
        let gone = || NoCredential::Busy;
        let answered = answer.wait_for(Option::is_some).await.map_err(|_| gone())?;
        answered.clone().ok_or_else(gone)?.map_err(NoCredential::Token)
    }

    /// Asks in a task of its own: whoever comes meanwhile waits for the same answer, and whoever leaves loses nothing for the others.
    fn ask(
        &self,
        slots: &mut Slots,
        key: Key,
        ends: Option<Instant>,
        asked: impl Future<Output = Result<Granted, Ungranted>> + Send + 'static,
    ) -> watch::Receiver<Option<Answer>> {
        let (told, answer) = watch::channel(None);
        let before = match slots.put(key, Slot::Asking(answer.clone())) {
            Some(Slot::Resting(rest)) => Some(rest),
            Some(Slot::Held(_) | Slot::Asking(_)) | None => None,
        };
        slots.asking += 1;
        let shared = Arc::clone(&self.slots);
        tokio::spawn(async move {
            let since = Instant::now();
            let answer = match asked.await {
                Ok(granted) => Ok(Token(Arc::new(Held::new(key, granted, since, ends)))),
                Err(why) => Err(Arc::new(why)),
            };
            shared.lock().settle(key, before.as_ref(), &answer);
            told.send_replace(Some(answer));
        });
        answer
    }
}

/// What was found for a key.
enum Found {
    Token(Token),
    Asked(watch::Receiver<Option<Answer>>),
}

impl Slots {
    /// What there is for a key; `None` when it has to be asked for.
    fn look(&mut self, key: &Key) -> Result<Option<Found>, NoCredential> {
        match self.known.get(key) {
            Some(Slot::Held(token)) if token.0.until > Instant::now() => return Ok(Some(Found::Token(token.clone()))),
            // An answer that will never come is none.
            Some(Slot::Asking(answer)) if answer.has_changed().is_ok() => return Ok(Some(Found::Asked(answer.clone()))),
            Some(Slot::Resting(rest)) if rest.lasts() => return Err(NoCredential::Token(Arc::clone(&rest.why))),
            Some(_) | None => {}
        }
        if let Some(rest) = self.down.as_ref().filter(|rest| rest.lasts()) {
            return Err(NoCredential::Token(Arc::clone(&rest.why)));
        }
        if self.asking >= MOST_AT_A_TIME { Err(NoCredential::Busy) } else { Ok(None) }
    }

    /// Puts something in; what is oldest makes way for it.
    fn put(&mut self, key: Key, slot: Slot) -> Option<Slot> {
        let before = self.known.insert(key, slot);
        if before.is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > MOST {
            let Some(oldest) = self.order.pop_front() else { break };
            self.known.remove(&oldest);
        }
        before
    }

    fn remove(&mut self, key: &Key) {
        self.known.remove(key);
        self.order.retain(|known| known != key);
    }

    /// What became of a question.
    fn settle(&mut self, key: Key, before: Option<&Rest>, answer: &Answer) {
        self.asking = self.asking.saturating_sub(1);
        let slot = match answer {
            Ok(token) => {
                self.down = None;
                Slot::Held(token.clone())
            }
            Err(why) => match **why {
                Ungranted::Refused(_) => {
                    self.down = None;
                    Slot::Resting(Rest::after(before, Arc::clone(why)))
                }
                // This is about nobody in particular.
                Ungranted::Unavailable(_) | Ungranted::Slow(_) | Ungranted::Unfit => {
                    // Those who asked at the same time failed together, and once.
                    if self.down.as_ref().is_none_or(|rest| !rest.lasts()) {
                        self.down = Some(Rest::after(self.down.as_ref(), Arc::clone(why)));
                    }
                    self.remove(&key);
                    return;
                }
            },
        };
        // What made way while it was asked for is not put back.
        if let Some(there) = self.known.get_mut(&key) {
            *there = slot;
        }
    }
}

impl Held {
    fn new(key: Key, granted: Granted, since: Instant, ends: Option<Instant>) -> Self {
        let Granted { token, lasts } = granted;
        let until = since + lasts.saturating_sub(MARGIN.min(lasts / 10));
        let until = ends.map_or(until, |ends| until.min(ends));
        let digest = digest(token.expose());
        Self { key, secret: token, digest, since, until, proved: AtomicBool::new(false) }
    }
}

fn digest(text: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    // SHA-256 has 32 bytes, always.
    bytes.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, text.as_bytes()).as_ref());
    bytes
}

#[cfg(test)]
#[path = "kept_tests.rs"]
mod tests;
