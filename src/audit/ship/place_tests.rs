//! Checkpoints in a store: what is the same says the same, whoever has signed it besides.

use std::time::Duration;

use super::super::fixtures::faulty::Faulty;
use super::super::fixtures::log::{FakeLog, ORIGIN, pkcs8};
use super::super::fixtures::store_of;
use super::*;
use crate::audit::tlog::{KeyName, SigningKey};

#[tokio::test]
async fn a_checkpoint_with_another_signature_besides_says_the_same() {
    let log = FakeLog::of(300);
    let store = store_of(Faulty::sound(), Duration::from_secs(1));
    let head = log.checkpoint();
    let text = Bytes::from(head.to_string());
    assert!(matches!(publish(&store, &head, &text).await.unwrap(), Published::Now));
    assert!(matches!(publish(&store, &head, &text).await.unwrap(), Published::Before));
    let next = SigningKey::from_pkcs8(KeyName::new(ORIGIN).unwrap(), &pkcs8(2)).unwrap();
    let both = SignedCheckpoint::sign(head.checkpoint().clone(), &[log.key(), &next]).unwrap();
    assert!(matches!(publish(&store, &both, &Bytes::from(both.to_string())).await.unwrap(), Published::Before));
    let other = FakeLog::telling("other", 300).checkpoint();
    let found = publish(&store, &other, &Bytes::from(other.to_string())).await.unwrap();
    assert!(matches!(found, Published::Otherwise(Mismatch::Forked { size: 300, .. })), "{found:?}");
}

#[test]
fn sizes_are_names_that_sort_like_numbers() {
    let sizes = [0, 9, 10, 99, 1_000_000, crate::audit::tlog::merkle::MAX_SIZE];
    let mut names = sizes.map(name);
    names.sort();
    assert_eq!(names, sizes.map(name));
    assert_eq!(name(70_218), "checkpoints/0000000000000070218");
}
