//! What is remembered, and when it is not any more.

use serde_json::Value;

use super::*;
use crate::domain::{Actor, AgentId, Caller};

const NOW: Timestamp = Timestamp::from_micros(1_000_000_000);
const WORD: Word = Word { issuer: 0, epoch: 3 };

fn after(seconds: i64) -> Timestamp {
    Timestamp::from_micros(NOW.as_micros() + seconds * 1_000_000)
}

fn verified(expires: Timestamp) -> Arc<Verified> {
    let caller = Caller::new(AgentId::new("a"), Actor::Unattended);
    Arc::new(Verified { caller, expires, audiences: vec![], bound: None, claims: Arc::new(Value::Null) })
}

fn digest(token: usize) -> TokenDigest {
    TokenDigest::of(&token.to_string())
}

#[test]
fn a_token_is_remembered_until_it_ends_or_the_longest_time_is_over() {
    for (expires, longest, last) in [(after(10), 60, 9), (after(600), 60, 59)] {
        let remembered = Remembered::new(8, Duration::from_secs(longest));
        remembered.put(digest(1), verified(expires), WORD, NOW);
        let knows = |seconds| remembered.get(&digest(1), after(seconds), |_| 3).is_some();
        assert!(knows(0) && knows(last) && !knows(last + 1) && !knows(0), "once it is over it is forgotten");
    }
}

#[test]
fn a_token_is_forgotten_when_its_issuer_loses_a_key() {
    let remembered = Remembered::new(8, Duration::from_secs(60));
    remembered.put(digest(1), verified(after(60)), WORD, NOW);
    assert!(remembered.get(&digest(1), NOW, |_| 3).is_some());
    assert!(remembered.get(&digest(1), NOW, |_| 4).is_none());
    assert!(remembered.get(&digest(2), NOW, |_| 3).is_none());
    remembered.put(digest(2), verified(after(60)), WORD, NOW);
    remembered.forget(&digest(2));
    assert!(remembered.get(&digest(2), NOW, |_| 3).is_none());
}

#[test]
fn only_so_many_are_remembered_and_the_oldest_go_first() {
    let remembered = Remembered::new(3, Duration::from_secs(60));
    for token in 0..5 {
        remembered.put(digest(token), verified(after(60)), WORD, NOW);
        remembered.put(digest(token), verified(after(60)), WORD, NOW);
    }
    let known: Vec<usize> = (0..5).filter(|token| remembered.get(&digest(*token), NOW, |_| 3).is_some()).collect();
    assert_eq!(known, [2, 3, 4]);
    // Those that were forgotten in between take no room for ever.
    (0..1_000).for_each(|token| {
        remembered.put(digest(token), verified(after(60)), WORD, NOW);
        remembered.forget(&digest(token));
    });
    assert!(remembered.known.lock().order.len() <= 3);
    let nothing = Remembered::new(0, Duration::from_secs(60));
    nothing.put(digest(1), verified(after(60)), WORD, NOW);
    assert!(nothing.get(&digest(1), NOW, |_| 3).is_none());
}
