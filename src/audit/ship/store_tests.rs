//! Stores: what is made once, what is replaced, and what hangs. Over memory, a directory, and a server that speaks like S3.

use std::collections::BTreeSet;

use tempfile::TempDir;

use super::super::fixtures::faulty::{Fault, Faulty};
use super::super::fixtures::s3::{FakeS3, Trouble};
use super::super::fixtures::store_of;
use super::super::location::{Location, StoreOptions};
use super::*;
use crate::outbound::{self, Outbound};

const DEADLINE: Duration = Duration::from_secs(2);

fn outbound() -> Outbound {
    Outbound::new(outbound::Settings::default()).unwrap()
}

async fn s3(
    script: impl Fn(usize, &http::Method, &str) -> Trouble + Send + Sync + 'static,
    deadline: Duration,
) -> (FakeS3, Store) {
    let server = FakeS3::start(script).await;
    let endpoint = format!("http://{}", server.address);
    let options: StoreOptions =
        [("AWS_ENDPOINT_URL", &*endpoint), ("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret")]
            .into_iter()
            .collect();
    let location: Location = "s3://bucket/logs/one".parse().unwrap();
    let store = Store::open(&location, &options, &outbound(), deadline).unwrap();
    (server, store)
}

fn directory() -> (TempDir, Store) {
    let directory = TempDir::new().unwrap();
    let location = Location::directory(&directory.path().join("copy")).unwrap();
    let store = Store::open(&location, &StoreOptions::default(), &outbound(), DEADLINE).unwrap();
    (directory, store)
}

/// What every store must do.
async fn behaves(store: &Store) {
    let (one, other) = (Bytes::from_static(b"one"), Bytes::from_static(b"other"));
    assert_eq!(store.read("tile/0/000").await.unwrap(), None);
    assert_eq!(store.create("tile/0/000", one.clone(), ContentKind::Tile).await.unwrap(), Made::Now);
    assert_eq!(store.create("tile/0/000", one.clone(), ContentKind::Tile).await.unwrap(), Made::Before);
    let error = store.create("tile/0/000", other.clone(), ContentKind::Tile).await.unwrap_err();
    assert!(matches!(error, StoreError::Different { .. }), "{error}");
    assert_eq!(store.read("tile/0/000").await.unwrap(), Some(one.clone()));
    // A partial tile stands in a folder beside the full one.
    assert_eq!(store.create("tile/0/000.p/7", other.clone(), ContentKind::Tile).await.unwrap(), Made::Now);
    store.replace("checkpoint", one, ContentKind::Newest).await.unwrap();
    store.replace("checkpoint", other.clone(), ContentKind::Newest).await.unwrap();
    assert_eq!(store.read("checkpoint").await.unwrap(), Some(other));
    for name in ["001", "005", "010", "100"] {
        store.create(&format!("checkpoints/{name}"), Bytes::from_static(b"x"), ContentKind::Checkpoint).await.unwrap();
    }
    let after: BTreeSet<_> = store.names_after("checkpoints", "005", 10).await.unwrap().into_iter().collect();
    assert_eq!(after, BTreeSet::from(["010".to_owned(), "100".to_owned()]));
    assert_eq!(store.names_after("checkpoints", "100", 10).await.unwrap(), Vec::<String>::new());
    assert_eq!(store.names_after("nothing", "0", 10).await.unwrap(), Vec::<String>::new());
    assert_eq!(store.names_after("checkpoints", "0", 2).await.unwrap().len(), 2);
}

#[tokio::test]
async fn every_kind_of_store_makes_once_replaces_reads_and_lists() {
    behaves(&store_of(Faulty::sound(), DEADLINE)).await;
    behaves(&store_of(Faulty::new(|_, _, _| Fault::Unconditional), DEADLINE)).await;
    let (_kept, on_disk) = directory();
    behaves(&on_disk).await;
    let (server, over_http) = s3(|_, _, _| Trouble::None, DEADLINE).await;
    behaves(&over_http).await;
    assert!(server.contents().contains_key("tile/0/000.p/7"));
}

#[tokio::test]
async fn faults_of_a_server_are_errors_and_the_next_try_succeeds() {
    let table = [
        (Trouble::Answer(429), "429"),
        (Trouble::Answer(500), "500"),
        (Trouble::Answer(503), "503"),
        (Trouble::Answer(403), "403"),
        (Trouble::Answer(302), "redirect"),
        (Trouble::Silent, "did not answer"),
    ];
    for (trouble, expected) in table {
        let first = move |number, _: &http::Method, _: &str| if number == 0 { trouble } else { Trouble::None };
        let (server, store) = s3(first, Duration::from_millis(400)).await;
        let store = Store { conditions: Conditions::honoured(), ..store };
        let bytes = Bytes::from_static(b"bytes");
        let error = store.create("tile/0/000", bytes.clone(), ContentKind::Tile).await.unwrap_err();
        let told = super::super::hitch::told(&error);
        assert!(told.contains(expected) && !told.contains("secret"), "{trouble:?}: {told}");
        assert_eq!(server.seen().len(), 1, "one try is one request: {:?}", server.seen());
        let again = store.create("tile/0/000", bytes.clone(), ContentKind::Tile).await.unwrap();
        // It was delivered though nobody heard of it.
        assert_eq!(again, if trouble == Trouble::Silent { Made::Before } else { Made::Now }, "{trouble:?}");
        assert_eq!(server.contents()["tile/0/000"], b"bytes");
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_off_is_no_answer() {
    let (_server, store) = s3(|number, _, _| if number == 1 { Trouble::Half } else { Trouble::None }, DEADLINE).await;
    store.replace("checkpoint", Bytes::from_static(b"bytes"), ContentKind::Newest).await.unwrap();
    assert!(store.read("checkpoint").await.is_err());
    assert_eq!(store.read("checkpoint").await.unwrap().as_deref(), Some(&b"bytes"[..]));
}

#[tokio::test]
async fn what_is_longer_than_any_bundle_is_not_read() {
    let (kept, store) = directory();
    let file = std::fs::File::create(kept.path().join("copy/checkpoint")).unwrap();
    file.set_len(MAX_OBJECT as u64 + 1).unwrap();
    let error = store.read("checkpoint").await.unwrap_err();
    assert!(matches!(error, StoreError::TooLong { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_hangs_keeps_its_slot_and_others_wait_no_longer_than_the_deadline() {
    let objects = Faulty::new(|_, _, _| Fault::Hangs);
    let store = store_of(objects.clone(), DEADLINE);
    for _ in 0..3 * SLOTS {
        let begin = Instant::now();
        let error = store.replace("checkpoint", Bytes::new(), ContentKind::Newest).await.unwrap_err();
        assert!(matches!(error, StoreError::Silent { .. }), "{error}");
        assert_eq!(begin.elapsed().as_secs(), DEADLINE.as_secs());
    }
    assert_eq!(objects.calls().len(), SLOTS);
}

#[tokio::test]
async fn nobody_else_can_enter_a_directory_that_was_made() {
    use std::os::unix::fs::PermissionsExt as _;

    let (kept, _store) = directory();
    let mode = std::fs::metadata(kept.path().join("copy")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}
