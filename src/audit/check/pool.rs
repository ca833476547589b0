//! Works on pieces in parallel and hands the results over in order, never far ahead of whoever takes them.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::thread;

use parking_lot::{Condvar, Mutex};

/// How many results may wait, or be under way, for each thread.
const AHEAD: u64 = 4;

struct Desk<R> {
    ready: BTreeMap<u64, R>,
    /// How many results were taken.
    taken: u64,
    /// Threads that may still hand in results.
    working: usize,
    stop: bool,
}

struct Room<R> {
    desk: Mutex<Desk<R>>,
    /// Rings for workers when a result was taken, and for whoever takes them when one is there.
    bell: Condvar,
}

/// Takes pieces from `next`, one thread at a time, does `work` on them in `threads` threads, and hands the results to `each` in the
/// order of the pieces until it breaks off or there are no more.
pub(super) fn in_order<P, R: Send>(
    threads: usize,
    next: impl Fn() -> Option<P> + Sync,
    work: impl Fn(P) -> R + Sync,
    mut each: impl FnMut(R) -> ControlFlow<()>,
) {
    let threads = threads.max(1);
    let desk = Desk { ready: BTreeMap::new(), taken: 0, working: threads, stop: false };
    let room = Room { desk: Mutex::new(desk), bell: Condvar::new() };
    let counter = Mutex::new(0);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| room.work(threads, &counter, &next, &work));
        }
        // Also when `each` panics, the threads must end.
        let _stopping = Stopping(&room);
        while let Some(result) = room.take() {
            if each(result).is_break() {
                break;
            }
        }
    });
}

impl<R> Room<R> {
    fn work<P>(&self, threads: usize, counter: &Mutex<u64>, next: &impl Fn() -> Option<P>, work: &impl Fn(P) -> R) {
        let _leaving = Leaving(self);
        loop {
            let mut number = counter.lock();
            if !self.wait_for_turn(*number, threads) {
                return;
            }
            let Some(piece) = next() else { return };
            let mine = *number;
            *number += 1;
            drop(number);
            let result = work(piece);
            self.desk.lock().ready.insert(mine, result);
            self.bell.notify_all();
        }
    }

    /// Waits until piece `number` is not too far ahead; `false` when no more results are wanted.
    fn wait_for_turn(&self, number: u64, threads: usize) -> bool {
        let mut desk = self.desk.lock();
        while !desk.stop && number >= desk.taken + AHEAD * threads as u64 {
            self.bell.wait(&mut desk);
        }
        !desk.stop
    }

    /// The next result; `None` when all threads have ended without one.
    fn take(&self) -> Option<R> {
        let mut desk = self.desk.lock();
        loop {
            let wanted = desk.taken;
            if let Some(result) = desk.ready.remove(&wanted) {
                desk.taken += 1;
                drop(desk);
                self.bell.notify_all();
                return Some(result);
            }
            if desk.working == 0 {
                return None;
            }
            self.bell.wait(&mut desk);
        }
    }
}

/// A thread that ends, in whatever way. When it panics, its result never comes, and the others need not go on.
struct Leaving<'a, R>(&'a Room<R>);

impl<R> Drop for Leaving<'_, R> {
    fn drop(&mut self) {
        let mut desk = self.0.desk.lock();
        desk.working -= 1;
        desk.stop |= thread::panicking();
        drop(desk);
        self.0.bell.notify_all();
    }
}

/// Nobody takes results any more.
struct Stopping<'a, R>(&'a Room<R>);

impl<R> Drop for Stopping<'_, R> {
    fn drop(&mut self) {
        self.0.desk.lock().stop = true;
        self.0.bell.notify_all();
    }
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
