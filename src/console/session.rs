//! Who is logged in: sessions and one-time links, in memory, bounded, and gone with the process.
//!
//! A session has an idle and an absolute lifetime. When there are too many the one that was not used for longest goes. Of ids and links
//! only digests are kept.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, header};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::limit::Rate;
use super::secret::{Kept, kept, word};
use crate::gate::Ruler;

/// How long a session lasts that nobody uses.
pub(super) const IDLE: Duration = Duration::from_secs(30 * 60);
/// How long a session lasts at most.
pub(super) const ABSOLUTE: Duration = Duration::from_secs(12 * 3600);
/// Most sessions at a time.
const MOST: usize = 256;
/// How long a one-time link is good.
pub(super) const LINK: Duration = Duration::from_secs(60);
/// Most one-time links at a time.
const MOST_LINKS: usize = 16;
/// Most rulings of one session in a row, and how long until there is another.
const RULINGS: (u32, Duration) = (20, Duration::from_secs(2));

/// Somebody who is logged in.
#[derive(Debug)]
pub(super) struct Session {
    /// Who they are when they rule.
    pub(super) ruler: Ruler,
    /// How they logged in, for people.
    pub(super) way: &'static str,
    /// The word that stands in every form of theirs.
    pub(super) csrf: String,
    /// How often they rule.
    pub(super) rulings: Rate,
    began: Instant,
    used: Mutex<Instant>,
}

impl Session {
    fn is_over(&self, now: Instant) -> bool {
        now.duration_since(self.began) >= ABSOLUTE || now.duration_since(*self.used.lock()) >= IDLE
    }

    /// Whether the session has not ended by itself.
    pub(super) fn lasts(&self) -> bool {
        !self.is_over(Instant::now())
    }
}

/// All who are logged in, and the links with which one can. Cheap to clone: every clone is the same.
#[derive(Debug, Clone)]
pub struct Sessions(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    secure: bool,
    open: Mutex<HashMap<Kept, Arc<Session>>>,
    links: Mutex<HashMap<Kept, Instant>>,
}

impl Sessions {
    /// Nobody yet. `secure`: browsers come over TLS, so that cookies stay there.
    #[must_use]
    pub fn new(secure: bool) -> Self {
        Self(Arc::new(Shared { secure, open: Mutex::default(), links: Mutex::default() }))
    }

    /// The word of a new one-time link; `None` when there are too many that were not used.
    #[must_use]
    pub fn new_link(&self) -> Option<String> {
        let (now, mut links) = (Instant::now(), self.0.links.lock());
        links.retain(|_, until| now < *until);
        if links.len() >= MOST_LINKS {
            return None;
        }
        let word = word()?;
        links.insert(kept(&word), now + LINK);
        Some(word)
    }

    /// Uses a link up; whether it was good.
    pub(super) fn take_link(&self, word: &str) -> bool {
        self.0.links.lock().remove(&kept(word)).is_some_and(|until| Instant::now() < until)
    }

    /// Who sends a request, to rule; `None` when they are not logged in. What changes something has to check [`Sessions::is_own_form`], too.
    #[must_use]
    pub fn ruler(&self, headers: &HeaderMap) -> Option<Ruler> {
        self.of(headers).map(|session| session.ruler.clone())
    }

    /// Whether `word` is the one that stands in the forms of whoever sends a request (`X-CSRF-Token` for programs in the page).
    #[must_use]
    pub fn is_own_form(&self, headers: &HeaderMap, word: &str) -> bool {
        self.of(headers).is_some_and(|session| super::secret::same(&session.csrf, word))
    }

    /// The session of a request, which is used by that.
    pub(super) fn of(&self, headers: &HeaderMap) -> Option<Arc<Session>> {
        let key = kept(cookie(headers, self.cookie_name())?);
        let mut open = self.0.open.lock();
        let (now, session) = (Instant::now(), Arc::clone(open.get(&key)?));
        if session.is_over(now) {
            open.remove(&key);
            return None;
        }
        *session.used.lock() = now;
        Some(session)
    }

    /// Logs somebody in: the value of `Set-Cookie`. `None` when the system has no randomness to give.
    pub(super) fn begin(&self, ruler: Ruler, way: &'static str) -> Option<String> {
        let (id, csrf, now) = (word()?, word()?, Instant::now());
        let session = Session { ruler, way, csrf, rulings: Rate::new(RULINGS), began: now, used: Mutex::new(now) };
        let mut open = self.0.open.lock();
        open.retain(|_, session| !session.is_over(now));
        if open.len() >= MOST {
            let oldest = open.iter().min_by_key(|(_, session)| *session.used.lock()).map(|(key, _)| *key);
            oldest.and_then(|key| open.remove(&key));
        }
        open.insert(kept(&id), Arc::new(session));
        let most = ABSOLUTE.as_secs();
        Some(self.set_cookie(self.cookie_name(), &id, "Strict", most))
    }

    /// Logs somebody out: the value of `Set-Cookie`.
    pub(super) fn end(&self, headers: &HeaderMap) -> String {
        if let Some(id) = cookie(headers, self.cookie_name()) {
            self.0.open.lock().remove(&kept(id));
        }
        self.set_cookie(self.cookie_name(), "", "Strict", 0)
    }

    /// A cookie that only we see, for the whole of this site.
    pub(super) fn set_cookie(&self, name: &str, value: &str, same_site: &str, seconds: u64) -> String {
        let secure = if self.0.secure { "; Secure" } else { "" };
        format!("{name}={value}; Path=/; HttpOnly; SameSite={same_site}; Max-Age={seconds}{secure}")
    }

    /// A browser takes a `__Host-` cookie only over TLS and from the host itself.
    pub(super) fn cookie_name(&self) -> &'static str {
        if self.0.secure { "__Host-cedarpost" } else { "cedarpost" }
    }

    /// The cookie that ties a login at a provider to the browser that began it.
    pub(super) fn login_cookie_name(&self) -> &'static str {
        if self.0.secure { "__Host-cedarpost-login" } else { "cedarpost-login" }
    }
}

/// The value of a cookie that is there once.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    let mut found = all.filter_map(|pair| pair.trim().split_once('=')).filter(|(key, _)| *key == name);
    let (_, value) = found.next()?;
    found.next().is_none().then_some(value).filter(|value| !value.is_empty())
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
