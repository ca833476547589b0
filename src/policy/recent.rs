//! A bounded map that keeps what was used lately.
//!
//! It is made of shards, each with a lock of its own and two generations: when the young one is full it becomes the old one, and
//! what was in the old one is forgotten unless somebody asked for it in the meantime. A flood of keys that nobody asks for again
//! therefore pushes out other keys only after as many newcomers as a generation holds. No lock is held while values are made or
//! dropped.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};

use parking_lot::Mutex;

/// So many that threads seldom meet, and that forgetting a generation of one of them takes no time worth mentioning.
const SHARDS: usize = 16;

/// A bounded map. Values are cheap to clone.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    shards: Box<[Mutex<Generations<K, V>>]>,
    hasher: RandomState,
    room: usize,
}

#[derive(Debug)]
struct Generations<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Hash + Eq, V: Clone> Recent<K, V> {
    /// A map that keeps the latest `room` values, and at most twice as many.
    pub(super) fn with_room(room: usize) -> Self {
        let shard = || Mutex::new(Generations { young: HashMap::new(), old: HashMap::new() });
        Self { shards: (0..SHARDS).map(|_| shard()).collect(), hasher: RandomState::new(), room: room.div_ceil(SHARDS) }
    }

    pub(super) fn get(&self, key: &K) -> Option<V> {
        let mut shard = self.shard(key)?.lock();
        if let Some(value) = shard.young.get(key) {
            return Some(value.clone());
        }
        let (key, value) = shard.old.remove_entry(key)?;
        let forgotten = shard.insert(key, value.clone(), self.room);
        drop(shard);
        drop(forgotten);
        Some(value)
    }

    pub(super) fn insert(&self, key: K, value: V) {
        let forgotten = self.shard(&key).map(|shard| shard.lock().insert(key, value, self.room));
        drop(forgotten);
    }

    fn shard(&self, key: &K) -> Option<&Mutex<Generations<K, V>>> {
        let hash = usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).ok()?;
        self.shards.get(hash)
    }
}

impl<K: Hash + Eq, V> Generations<K, V> {
    /// Puts a value in, and returns what is forgotten for it, to be dropped when the lock is gone.
    fn insert(&mut self, key: K, value: V, room: usize) -> HashMap<K, V> {
        let forgotten = if self.young.len() >= room {
            std::mem::replace(&mut self.old, std::mem::take(&mut self.young))
        } else {
            HashMap::new()
        };
        self.young.insert(key, value);
        forgotten
    }
}

#[cfg(test)]
#[path = "recent_tests.rs"]
mod tests;
