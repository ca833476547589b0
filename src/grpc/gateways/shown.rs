//! Whose something is that a gateway's client shows and that nobody here saw given out: a session (2025-03-26 to 2025-11-25), a server's
//! `requestState`.
//!
//! Nobody here sees the answer with which a server gives it out, and its text is known to nobody else then. So it belongs to whoever shows
//! it first, and from that time on it does not exist for others.
//!
//! Time alone gives nothing away: what somebody has left lying about for a day is still theirs. Only when there is no room is something
//! forgotten, and then what was longest not shown of the caller who has the most: who fills the table loses their own.

use std::collections::{BTreeMap, HashMap};

use parking_lot::Mutex;
use ring::digest::{SHA256, digest};

use crate::domain::Caller;

/// What is kept of a text.
type Mark = [u8; 32];

/// The things of one kind at one server, bounded in number.
#[derive(Debug)]
pub(super) struct Shown {
    known: Mutex<Known>,
    most: usize,
}

#[derive(Debug, Default)]
struct Known {
    /// Whose each is, and when it was shown last.
    owners: HashMap<Mark, (Caller, u64)>,
    /// What each has, by when it was shown last.
    things: HashMap<Caller, BTreeMap<u64, Mark>>,
    /// Counts what is shown.
    now: u64,
}

impl Shown {
    /// Nobody has shown anything yet. The newest `most` are remembered, one at least.
    pub(super) fn new(most: usize) -> Self {
        Self { known: Mutex::default(), most: most.max(1) }
    }

    /// Whether it is this caller's, who gets it if it is nobody's. An empty text is nobody's ever.
    pub(super) fn is_of(&self, text: &str, caller: &Caller) -> bool {
        if text.is_empty() {
            return false;
        }
        let mut mark = Mark::default();
        mark.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
        self.known.lock().is_of(mark, caller, self.most)
    }
}

impl Known {
    fn is_of(&mut self, mark: Mark, caller: &Caller, most: usize) -> bool {
        match self.owners.get(&mark) {
            Some((owner, _)) if owner != caller => return false,
            Some((_, last)) => {
                let last = *last;
                if let Some(theirs) = self.things.get_mut(caller) {
                    theirs.remove(&last);
                }
            }
            None if self.owners.len() >= most => self.forget_one(),
            None => {}
        }
        self.now = self.now.saturating_add(1);
        self.owners.insert(mark, (caller.clone(), self.now));
        self.things.entry(caller.clone()).or_default().insert(self.now, mark);
        true
    }

    fn forget_one(&mut self) {
        let Some((caller, theirs)) = self.things.iter_mut().max_by_key(|(_, theirs)| theirs.len()) else { return };
        if let Some((_, oldest)) = theirs.pop_first() {
            self.owners.remove(&oldest);
        }
        if theirs.is_empty() {
            let caller = caller.clone();
            self.things.remove(&caller);
        }
    }
}

#[cfg(test)]
mod tests {
    //! What is shown has one owner, and nobody takes the room of others.

    use super::*;
    use crate::domain::{Actor, AgentId};

    fn caller(agent: &str) -> Caller {
        Caller::new(AgentId::new(agent), Actor::Unattended)
    }

    #[test]
    fn it_belongs_to_whoever_shows_it_first() {
        let shown = Shown::new(10);
        assert!(shown.is_of("s", &caller("a")));
        assert!(!shown.is_of("s", &caller("b")), "somebody else's");
        assert!(shown.is_of("s", &caller("a")), "still theirs");
        assert!(!shown.is_of("", &caller("a")));
        let long = "x".repeat(1 << 20);
        assert!(shown.is_of(&long, &caller("b")) && !shown.is_of(&long, &caller("a")));
        assert_eq!(shown.known.lock().owners.len(), 2);
    }

    #[test]
    fn who_fills_the_table_loses_what_they_have_not_shown_for_longest_and_nobody_else_loses_anything() {
        let shown = Shown::new(4);
        assert!(shown.is_of("a's", &caller("a")));
        for number in 0..100 {
            assert!(shown.is_of(&format!("b's {number}"), &caller("b")));
            assert!(shown.is_of("b's first", &caller("b")), "what is used is kept");
        }
        assert!(!shown.is_of("a's", &caller("b")), "still a's");
        assert!(!shown.is_of("b's first", &caller("a")) && !shown.is_of("b's 99", &caller("a")));
        assert!(shown.is_of("b's 1", &caller("a")), "forgotten long ago");
        let known = shown.known.lock();
        assert_eq!((known.owners.len(), known.things.values().map(BTreeMap::len).sum::<usize>()), (4, 4));
    }

    #[test]
    fn a_caller_who_has_nothing_any_more_is_forgotten() {
        let shown = Shown::new(1);
        for agent in ["a", "b", "c"] {
            assert!(shown.is_of(agent, &caller(agent)));
        }
        let known = shown.known.lock();
        assert_eq!((known.owners.len(), known.things.len()), (1, 1));
    }
}
