//! Who created which task: a task id is good only for the caller whose call made it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use crate::domain::Caller;

/// Most tasks remembered per server; the oldest are forgotten first, and a forgotten task is nobody's.
const MOST_TASKS: usize = 10_000;

/// The owners of the tasks of one server.
#[derive(Debug, Default)]
pub struct TaskOwners {
    known: Mutex<Known>,
    /// The server said that it has tasks, or made one.
    declared: AtomicBool,
}

#[derive(Debug, Default)]
struct Known {
    owners: HashMap<Arc<str>, Caller>,
    order: VecDeque<Arc<str>>,
}

impl TaskOwners {
    /// The server says that it has tasks.
    pub fn declare(&self) {
        self.declared.store(true, Ordering::Relaxed);
    }

    /// Whether the server has tasks at all, as far as anybody has told.
    #[must_use]
    pub fn declared(&self) -> bool {
        self.declared.load(Ordering::Relaxed)
    }

    /// Notes that a call of `caller` created a task. A task that already has an owner keeps it.
    pub fn note(&self, task: &str, caller: &Caller) {
        self.declare();
        let mut known = self.known.lock();
        if known.owners.contains_key(task) {
            return;
        }
        if known.order.len() >= MOST_TASKS
            && let Some(oldest) = known.order.pop_front()
        {
            known.owners.remove(&oldest);
        }
        let task: Arc<str> = task.into();
        known.order.push_back(Arc::clone(&task));
        known.owners.insert(task, caller.clone());
    }

    /// Whether the task is this caller's.
    #[must_use]
    pub fn owns(&self, caller: &Caller, task: &str) -> bool {
        self.known.lock().owners.get(task) == Some(caller)
    }
}

#[cfg(test)]
#[path = "owners_tests.rs"]
mod tests;
