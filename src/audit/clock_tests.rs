//! Whatever the wall clock does, the order of the log is that of its numbers.

use super::*;

const HOUR: i64 = 3_600_000_000;
const YEAR: i64 = 365 * 24 * HOUR;
/// In 2026.
const START: i64 = 1_795_000_000_000_000;

#[tokio::test]
async fn a_clock_that_jumps_changes_neither_the_order_nor_what_can_be_proven() {
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::new();
    let clock = Clock::manual(Timestamp::from_micros(START));
    // Where the clock is set, and whether a record says that it went back.
    let steps = [
        (START, false),
        (START - HOUR, true),
        (START - HOUR + 1, false),
        (START + YEAR, false),
        (START + YEAR - 500_000, false),
        (-24 * HOUR, true),
        (-24 * HOUR + 7, false),
        (START, false),
        (253_370_000_000_000_000, false),
        (i64::MAX, false),
        (0, true),
        (i64::MIN, true),
        (START, false),
    ];
    let mut expected = Vec::new();
    for run in [&steps[..7], &steps[7..]] {
        let (writer, reader) = open(&settings(dir.path()), &clock, &mut Registry::default()).unwrap();
        expected.push("start");
        for (at, back) in run {
            clock.set(Timestamp::from_micros(*at));
            let receipt = writer.append(scene.decided(1)).await.unwrap();
            expected.extend(back.then_some("clock"));
            expected.push("decision");
            assert_eq!(receipt.seq() + 1, expected.len() as u64, "{at}");
            assert_eq!(reader.get(receipt.seq()).unwrap().unwrap().hash(), receipt.leaf_hash(), "{at}");
        }
        writer.close().await.unwrap();
        expected.push("stop");
        assert_eq!(kinds(&reader), expected);
    }
    assert_eq!(check(dir.path()).unwrap().tree.size, expected.len() as u64);
}

#[tokio::test]
async fn a_start_long_before_the_last_record_says_so_first() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::manual(Timestamp::from_micros(START));
    let (writer, reader) = open(&settings(dir.path()), &clock, &mut Registry::default()).unwrap();
    writer.close().await.unwrap();
    drop(reader);
    clock.set(Timestamp::from_micros(START - YEAR));
    let (writer, reader) = open(&settings(dir.path()), &clock, &mut Registry::default()).unwrap();
    assert_eq!(kinds(&reader), ["start", "stop", "clock", "start"]);
    writer.close().await.unwrap();
    drop(reader);
    check(dir.path()).unwrap();
}

#[tokio::test]
async fn an_epoch_that_is_old_by_a_jump_ends_and_one_that_begins_in_the_future_is_not_old() {
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::new();
    let clock = Clock::manual(Timestamp::from_micros(START));
    let (writer, reader) = open(&settings(dir.path()), &clock, &mut Registry::default()).unwrap();
    let newest = || super::super::epoch::list(&super::super::epoch::directory_of(dir.path())).unwrap().last().unwrap().0;
    for (at, count, epoch) in [(START, 300, 0), (START + YEAR, 1, 1), (START, 300, 1), (START + 3 * YEAR, 1, 2)] {
        clock.set(Timestamp::from_micros(at));
        for _ in 0..count {
            writer.append(scene.decided(1)).await.unwrap();
        }
        // The epoch changes behind the last acknowledgement.
        writer.append(scene.decided(2)).await.unwrap();
        assert_eq!(newest(), epoch, "at {at}");
    }
    let length = reader.len();
    writer.close().await.unwrap();
    drop(reader);
    assert_eq!(check(dir.path()).unwrap().tree.size, length + 1);
}
