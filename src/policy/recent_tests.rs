//! What is asked for stays; the rest goes, and there is never much of it.

use super::{Recent, SHARDS};

fn size(recent: &Recent<u32, u32>) -> usize {
    recent.shards.iter().map(|shard| shard.lock()).map(|shard| shard.young.len() + shard.old.len()).sum()
}

#[test]
fn it_does_not_grow_without_bound() {
    let recent = Recent::with_room(64);
    for key in 0..10_000 {
        recent.insert(key, key);
        assert!(size(&recent) <= 2 * 64 + SHARDS, "{key}");
    }
    assert_eq!(recent.get(&9_999), Some(9_999));
    assert_eq!(recent.get(&0), None);
}

#[test]
fn a_flood_of_keys_does_not_push_out_what_is_in_use() {
    let recent = Recent::with_room(320);
    recent.insert(0, 7);
    for key in 1..50_000 {
        recent.insert(key, key);
        if key % 16 == 0 {
            assert_eq!(recent.get(&0), Some(7), "{key}");
        }
    }
}

#[test]
fn a_value_is_replaced_by_the_next_one_for_its_key() {
    let recent = Recent::with_room(16);
    recent.insert(1, 1);
    recent.insert(1, 2);
    assert_eq!(recent.get(&1), Some(2));
}
