//! The anchor at the end of a log's life.

use std::sync::Arc;

use super::super::chain::{Head, LeafHash};
use super::super::chunk::Edge;
use super::super::keys::Signer;
use super::super::tlog::Frontier;
use super::{Durable, Keeper, read, write};

#[test]
fn the_last_checkpoint_is_written_even_when_the_end_comes_while_another_is() {
    let dir = tempfile::tempdir().unwrap();
    let signer = Signer::create(dir.path(), &dir.path().join("keys"), None).unwrap();
    let mut frontier = Frontier::new();
    let ends: Vec<Arc<Durable>> = (0..3)
        .map(|size| {
            let checkpoint = Arc::new(signer.sign(size, frontier.root()).unwrap());
            let edge = Edge { frontier: frontier.clone(), checkpoint };
            frontier.append(LeafHash::of(b"x").into(), |_, _| {}).unwrap();
            Arc::new(Durable { head: Head { size, hash: LeafHash::ZERO }, edge })
        })
        .collect();
    for round in 1..50_u32 {
        write(dir.path(), &ends[0].edge.checkpoint).unwrap();
        let keeper = Keeper::start(dir.path().to_owned(), Arc::clone(&ends[0]), 0).unwrap();
        keeper.advance(&ends[1]);
        // Long enough for the thread to be at work on the first one, a little longer each time.
        (0..round * 2_000).for_each(|_| std::hint::spin_loop());
        keeper.advance(&ends[2]);
        drop(keeper);
        assert_eq!(read(dir.path()).unwrap(), *ends[2].edge.checkpoint, "round {round}");
    }
}
