//! Order, bounds and ends, whatever the threads do.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::*;

fn run(threads: usize, pieces: u64, work: impl Fn(u64) -> u64 + Sync, until: u64) -> Vec<u64> {
    let (next, mut seen) = (AtomicU64::new(0), Vec::new());
    let piece = || Some(next.fetch_add(1, Ordering::SeqCst)).filter(|piece| *piece < pieces);
    in_order(threads, piece, work, |result| {
        seen.push(result);
        if result >= until { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    seen
}

#[test]
fn results_come_in_order_however_long_each_takes() {
    for threads in [0, 1, 2, 5] {
        let slow = |piece: u64| {
            std::thread::sleep(Duration::from_micros(piece * 7919 % 500));
            piece
        };
        assert_eq!(run(threads, 200, slow, u64::MAX), (0..200).collect::<Vec<_>>(), "{threads}");
        assert_eq!(run(threads, 0, slow, u64::MAX), [0; 0]);
        assert_eq!(run(threads, u64::MAX, slow, 60), (0..=60).collect::<Vec<_>>(), "whoever breaks off gets no more");
    }
}

#[test]
fn nobody_runs_far_ahead_of_a_piece_that_takes_long() {
    let begun = AtomicU64::new(0);
    let work = |piece| {
        let far = begun.fetch_add(1, Ordering::SeqCst);
        if piece == 0 {
            std::thread::sleep(Duration::from_millis(50));
            assert!(begun.load(Ordering::SeqCst) <= AHEAD * 3, "{far}");
        }
        piece
    };
    assert_eq!(run(3, 500, work, u64::MAX).len(), 500);
}

#[test]
#[should_panic(expected = "a scoped thread panicked")]
fn a_thread_that_panics_ends_it_all_instead_of_waiting_for_ever() {
    let work = |piece| {
        assert_ne!(piece, 30);
        piece
    };
    run(3, u64::MAX, work, u64::MAX);
}
