//! The states that a server gives its clients to bring back (`requestState`), each sealed for the caller it was given to: for anybody else,
//! or when it was made up or is too old, it does not exist.
//!
//! The key is made at the start, one for each server, and is nowhere but in memory: a state is good only for the sidecar that sealed it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};

use crate::clock::Clock;
use crate::domain::Caller;

/// How long a client may take to bring a state back.
const GOOD_FOR: Duration = Duration::from_secs(3600);
/// What the text of a sealed state begins with.
const PREFIX: &str = "cedarpost1.";
/// The same for states of our own.
const OURS: &str = "cedarpost-approval1.";
/// How long the time is that stands before the state, in bytes.
const TIME: usize = 8;

/// Seals and opens the states of one server.
pub struct States {
    /// `None` when the system had no randomness to give: then nothing is sealed.
    key: Option<LessSafeKey>,
    /// No nonce is used twice with one key.
    count: AtomicU64,
    clock: Clock,
}

impl States {
    /// With a key of its own.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        let mut secret = [0; 32];
        let random = SystemRandom::new().fill(&mut secret);
        let key = random.ok().and_then(|()| UnboundKey::new(&CHACHA20_POLY1305, &secret).ok()).map(LessSafeKey::new);
        Self { key, count: AtomicU64::new(0), clock }
    }

    /// A state of the server as this caller gets it; `None` when it cannot be sealed.
    #[must_use]
    pub fn seal(&self, state: &str, caller: &Caller) -> Option<String> {
        self.seal_as(PREFIX, state, caller)
    }

    /// What the server gave this caller; `None` when it gave them nothing like it.
    #[must_use]
    pub fn open(&self, sealed: &str, caller: &Caller) -> Option<String> {
        self.open_as(PREFIX, sealed, caller)
    }

    /// A state of our own, which no state of a server can be taken for, nor the other way round.
    #[must_use]
    pub fn seal_ours(&self, state: &str, caller: &Caller) -> Option<String> {
        self.seal_as(OURS, state, caller)
    }

    /// What we gave this caller; `None` when we gave them nothing like it.
    #[must_use]
    pub fn open_ours(&self, sealed: &str, caller: &Caller) -> Option<String> {
        self.open_as(OURS, sealed, caller)
    }

    /// Whether a state claims to be one of ours.
    #[must_use]
    pub fn claims_to_be_ours(sealed: &str) -> bool {
        sealed.starts_with(OURS)
    }

    fn seal_as(&self, prefix: &str, state: &str, caller: &Caller) -> Option<String> {
        let key = self.key.as_ref()?;
        let mut nonce = [0; NONCE_LEN];
        nonce.first_chunk_mut::<8>()?.copy_from_slice(&self.count.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        let until = self.clock.now().as_micros().saturating_add(i64::try_from(GOOD_FOR.as_micros()).ok()?);
        let mut sealed = [&until.to_be_bytes(), state.as_bytes()].concat();
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(owner(prefix, caller)), &mut sealed).ok()?;
        Some(format!("{prefix}{}", URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat())))
    }

    fn open_as(&self, prefix: &str, sealed: &str, caller: &Caller) -> Option<String> {
        let mut bytes = URL_SAFE_NO_PAD.decode(sealed.strip_prefix(prefix)?).ok()?;
        let (nonce, text) = bytes.split_first_chunk_mut::<NONCE_LEN>()?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.key.as_ref()?.open_in_place(nonce, Aad::from(owner(prefix, caller)), text).ok()?;
        let (until, state) = opened.split_first_chunk::<TIME>()?;
        if i64::from_be_bytes(*until) < self.clock.now().as_micros() {
            return None;
        }
        String::from_utf8(state.to_vec()).ok()
    }
}

impl std::fmt::Debug for States {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("States").finish_non_exhaustive()
    }
}

/// What a state is and whose: names, each with its length before it, so that no two callers are written alike.
fn owner(kind: &str, caller: &Caller) -> Vec<u8> {
    let actor = caller.actor.person().map(|person| person.as_str());
    let issuer = caller.token.as_ref().map(|token| &*token.issuer);
    let mut owner = Vec::new();
    for name in [Some(kind), Some(caller.agent.as_str()), actor, issuer] {
        owner.push(u8::from(name.is_some()));
        let name = name.unwrap_or_default();
        owner.extend_from_slice(&(name.len() as u64).to_be_bytes());
        owner.extend_from_slice(name.as_bytes());
    }
    owner
}

#[cfg(test)]
#[path = "states_tests.rs"]
mod tests;
