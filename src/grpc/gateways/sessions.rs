//! Whose a session is that a gateway's client shows (2025-03-26 to 2025-11-25).
//!
//! Nobody here sees the answer that opens one, so a session belongs to whoever shows it first, which is who opened it: its id is known to
//! nobody else then. From that time on it does not exist for others.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::domain::Caller;

/// The longest id, in bytes.
const LONGEST: usize = 1024;

/// The sessions of one server, bounded in number and in idle time.
#[derive(Debug)]
pub(super) struct Sessions {
    owned: Mutex<HashMap<Arc<str>, (Caller, Instant)>>,
    most: usize,
    longest_idle: Duration,
}

impl Sessions {
    pub(super) fn new(most: usize, longest_idle: Duration) -> Self {
        Self { owned: Mutex::default(), most, longest_idle }
    }

    /// Whether the session is this caller's, who gets it if it is nobody's.
    pub(super) fn is_of(&self, id: &str, caller: &Caller) -> bool {
        if id.is_empty() || id.len() > LONGEST {
            return false;
        }
        let now = Instant::now();
        let mut owned = self.owned.lock();
        if let Some((owner, used)) = owned.get_mut(id).filter(|(_, used)| now.duration_since(*used) < self.longest_idle) {
            if owner != caller {
                return false;
            }
            *used = now;
            return true;
        }
        if owned.len() >= self.most {
            let oldest = owned.iter().min_by_key(|(_, (_, used))| *used).map(|(id, _)| Arc::clone(id));
            oldest.map(|id| owned.remove(&id));
        }
        owned.insert(id.into(), (caller.clone(), now));
        true
    }
}

#[cfg(test)]
mod tests {
    //! A session has one owner, for as long as it is used.

    use super::*;
    use crate::domain::{Actor, AgentId};

    fn caller(agent: &str) -> Caller {
        Caller::new(AgentId::new(agent), Actor::Unattended)
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_belongs_to_whoever_shows_it_first_for_as_long_as_they_use_it() {
        let sessions = Sessions::new(2, Duration::from_secs(60));
        assert!(sessions.is_of("s", &caller("a")));
        assert!(!sessions.is_of("s", &caller("b")), "somebody else's");
        assert!(!sessions.is_of("", &caller("a")) && !sessions.is_of(&"x".repeat(2_000), &caller("a")));
        tokio::time::advance(Duration::from_secs(59)).await;
        assert!(sessions.is_of("s", &caller("a")));
        tokio::time::advance(Duration::from_secs(59)).await;
        assert!(!sessions.is_of("s", &caller("b")), "used in between");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(sessions.is_of("s", &caller("b")), "forgotten");
        for id in ["t", "u"] {
            tokio::time::advance(Duration::from_millis(1)).await;
            assert!(sessions.is_of(id, &caller("a")));
        }
        assert_eq!(sessions.owned.lock().len(), 2, "bounded");
        assert!(!sessions.is_of("u", &caller("b")));
    }
}
