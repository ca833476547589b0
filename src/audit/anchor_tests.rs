//! The anchor at the end of a log's life.

use super::{Head, Keeper, LeafHash, read, write};

#[test]
fn the_last_head_is_written_even_when_the_end_comes_while_another_is() {
    let dir = tempfile::tempdir().unwrap();
    let head = |size| Head { size, hash: LeafHash::ZERO };
    for round in 1..50_u32 {
        write(dir.path(), head(0)).unwrap();
        let keeper = Keeper::start(dir.path().to_owned(), head(0)).unwrap();
        keeper.advance(head(1));
        // Long enough for the thread to be at work on the first head, a little longer each time.
        (0..round * 2_000).for_each(|_| std::hint::spin_loop());
        keeper.advance(head(2));
        drop(keeper);
        assert_eq!(read(dir.path()).unwrap().size, 2, "round {round}");
    }
}
