//! Keys that come, go and stay away.

use std::fs;

use super::*;
use crate::identity::fixture::{jwks, key, key_set};
use crate::identity::jwt::{Algorithm, Signer};
use crate::identity::metrics::Metrics;
use crate::lifecycle::Stop;

fn has(kid: &'static str) -> impl Fn(&KeySet) -> bool {
    move |keys| knows(keys, Some(kid), Algorithm::EdDsa)
}

fn keys(kids: &[&str]) -> KeySet {
    let signers: Vec<Signer> = kids.iter().map(|kid| key(Algorithm::EdDsa, kid)).collect();
    key_set(&signers.iter().collect::<Vec<_>>())
}

const LONG: Duration = Duration::from_secs(3_600);

#[tokio::test(start_paused = true)]
async fn whoever_lacks_a_key_waits_for_a_look_that_began_after_they_came() {
    let ring = Keyring::new();
    let early = ring.begin();
    let waiting = tokio::spawn({
        let ring = ring.clone();
        async move { ring.newer(has("b")).await.map(|keys| keys.len()) }
    });
    tokio::task::yield_now().await;
    ring.found(early, keys(&["a"]), LONG);
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished(), "that look began before");
    ring.found(ring.begin(), keys(&["a", "c"]), LONG);
    assert_eq!(waiting.await.unwrap(), Ok(2), "there is no such key, and now that is known");
}

#[tokio::test(start_paused = true)]
async fn a_look_that_fails_is_no_word_about_a_key() {
    let ring = Keyring::new();
    ring.found(ring.begin(), keys(&["a"]), LONG);
    let (looking, waiting) = (ring.clone(), ring.newer(has("b")));
    let fails = async {
        tokio::task::yield_now().await;
        looking.failed(looking.begin());
    };
    assert_eq!(tokio::join!(waiting, fails).0.map(|_| ()), Err(Unavailable));
    assert!(ring.current().is_some(), "the keys before stay in use");
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_ever_and_not_everybody_at_a_time() {
    let ring = Keyring::new();
    let begun = Instant::now();
    assert_eq!(ring.ready().await.map(|_| ()), Err(Unavailable));
    assert_eq!(begun.elapsed(), PATIENCE);
    let crowd: Vec<_> = (0..MOST_WAITING)
        .map(|_| {
            tokio::spawn({
                let ring = ring.clone();
                async move { ring.ready().await.is_ok() }
            })
        })
        .collect();
    while ring.0.waiting.available_permits() > 0 {
        tokio::task::yield_now().await;
    }
    let begun = Instant::now();
    assert_eq!(ring.ready().await.map(|_| ()), Err(Unavailable));
    assert_eq!(begun.elapsed(), Duration::ZERO);
    ring.found(ring.begin(), keys(&["a"]), LONG);
    for one in crowd {
        assert!(one.await.unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn keys_are_believed_for_a_bounded_time_after_the_last_good_look() {
    let ring = Keyring::new();
    ring.found(ring.begin(), keys(&["a"]), Duration::from_secs(60));
    tokio::time::advance(Duration::from_secs(59)).await;
    ring.failed(ring.begin());
    assert!(ring.current().is_some());
    tokio::time::advance(Duration::from_secs(2)).await;
    assert!(ring.current().is_none());
}

#[test]
fn what_was_verified_counts_until_a_key_is_gone() {
    let ring = Keyring::new();
    let mut epochs = Vec::new();
    for set in [&["a"][..], &["a", "b"], &["a", "b"], &["b"], &["b", "c"]] {
        ring.found(ring.begin(), keys(set), LONG);
        epochs.push(ring.epoch());
    }
    assert_eq!(epochs, [0, 0, 0, 1, 1]);
}

#[tokio::test]
async fn keys_in_a_file_are_in_use_soon_after_they_are_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("jwks.json");
    let (a, b) = (key(Algorithm::EdDsa, "a"), key(Algorithm::EdDsa, "b"));
    fs::write(&path, jwks(&[&a]).to_string()).unwrap();
    let keyring = Keyring::new();
    let keeper = Keeper {
        name: "idp".into(),
        keyring: keyring.clone(),
        source: Source::File(path.clone()),
        refresh: LONG,
        stale: LONG,
        metrics: Metrics::default(),
    };
    let stop = Stop::new();
    let running = tokio::spawn(keeper.run(stop.clone()));
    assert!(has("a")(&keyring.ready().await.unwrap()));
    fs::write(&path, jwks(&[&b]).to_string()).unwrap();
    let newer = tokio::time::timeout(Duration::from_secs(3), keyring.newer(has("b"))).await.unwrap().unwrap();
    assert!(has("b")(&newer) && !has("a")(&newer));
    fs::write(&path, "garbage").unwrap();
    assert_eq!(keyring.newer(has("c")).await.map(|_| ()), Err(Unavailable));
    assert!(keyring.current().is_some(), "what was good stays");
    stop.request();
    running.await.unwrap();
}
