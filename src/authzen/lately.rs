//! A bounded map of what happened lately: the oldest goes when there is no room.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use parking_lot::Mutex;

/// The map.
#[derive(Debug)]
pub(super) struct Lately<K, V> {
    room: usize,
    known: Mutex<Known<K, V>>,
}

#[derive(Debug)]
struct Known<K, V> {
    entries: HashMap<K, V>,
    /// The oldest in front.
    order: VecDeque<K>,
}

impl<K: Hash + Eq + Clone, V: Clone> Lately<K, V> {
    /// A map of at most so many.
    pub(super) fn with_room(room: usize) -> Self {
        Self { room, known: Mutex::new(Known { entries: HashMap::new(), order: VecDeque::new() }) }
    }

    pub(super) fn get(&self, key: &K) -> Option<V> {
        self.known.lock().entries.get(key).cloned()
    }

    /// The value under the key; this one, when there was none.
    pub(super) fn get_or_insert(&self, key: K, value: V) -> V {
        let mut known = self.known.lock();
        if let Some(there) = known.entries.get(&key) {
            return there.clone();
        }
        if known.order.len() >= self.room
            && let Some(oldest) = known.order.pop_front()
        {
            known.entries.remove(&oldest);
        }
        known.order.push_back(key.clone());
        known.entries.insert(key, value.clone());
        value
    }
}

#[cfg(test)]
mod tests {
    use super::Lately;

    #[test]
    fn the_first_value_stays_and_the_oldest_key_goes() {
        let lately = Lately::with_room(2);
        assert_eq!((lately.get_or_insert("a", 1), lately.get_or_insert("a", 2), lately.get_or_insert("b", 3)), (1, 1, 3));
        lately.get_or_insert("c", 4);
        assert_eq!((lately.get(&"a"), lately.get(&"b"), lately.get(&"c")), (None, Some(3), Some(4)));
    }
}
