//! Keys that are replaced, lost and late, and what becomes of those who come with good tokens meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::{Duration, Era, House, Mcp, bearer, json};

#[tokio::test(flavor = "multi_thread")]
async fn no_good_token_is_refused_while_keys_rotate_under_load() {
    let house = Arc::new(House::open().await);
    let (stop, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..6)
        .map(|number| {
            let (house, stop, served) = (Arc::clone(&house), Arc::clone(&stop), Arc::clone(&served));
            tokio::spawn(async move {
                let mut client = house.client(Era::Modern, &house.idp.token(json!({}))).await;
                let mut refused = Vec::new();
                for call in 0_usize.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    // A token of its own for each call, by whatever key signs now.
                    client.shows = bearer(&house.idp.token(json!({ "jti": format!("{number}-{call}") })));
                    let reply = client.call("1", "echo", json!({})).await.unwrap();
                    if !reply.is_good() {
                        refused.push(reply.status);
                    }
                    served.fetch_add(1, Ordering::Relaxed);
                }
                refused
            })
        })
        .collect();
    for rotation in 2..6 {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        // The key before stays published, as every provider does it, because its tokens are still out there.
        house.idp.rotate(&format!("k{rotation}"), true);
    }
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        assert_eq!(client.await.unwrap(), Vec::<u16>::new());
    }
    let (served, fetches) = (served.load(Ordering::Relaxed), house.idp.count("/keys"));
    assert!(served > 100, "{served}");
    assert!((5..=12).contains(&fetches), "one look for each rotation, whoever waits for it: {fetches}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_withdrawn_is_not_believed_any_more_even_for_tokens_that_were_seen() {
    let house = House::open().await;
    let old = house.idp.token(json!({}));
    let mut client = house.client(Era::Modern, &old).await;
    assert!(client.call("1", "echo", json!({})).await.unwrap().is_good());
    house.idp.rotate("k2", false);
    // A token by the new key makes the sidecar look; then it knows that the old key is gone.
    client.shows = bearer(&house.idp.token(json!({ "jti": "t-2" })));
    assert!(client.call("2", "echo", json!({})).await.unwrap().is_good());
    client.shows = bearer(&old);
    assert_eq!(client.call("3", "echo", json!({})).await.unwrap().status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_down_costs_nobody_who_is_known_and_others_are_told_to_come_back() {
    let house = House::open().await;
    let mut client = house.client(Era::Modern, &house.idp.token(json!({}))).await;
    house.idp.set_down(true);
    client.shows = bearer(&house.idp.token(json!({ "jti": "t-2" })));
    assert!(client.call("1", "echo", json!({})).await.unwrap().is_good(), "the keys before are still good");
    house.idp.rotate("k2", true);
    client.shows = bearer(&house.idp.token(json!({ "jti": "t-3" })));
    let unknown = client.call("2", "echo", json!({})).await.unwrap();
    assert_eq!((unknown.status, unknown.header("retry-after").as_deref()), (503, Some("1")), "{unknown:?}");
    house.idp.set_down(false);
    assert!(client.call("3", "echo", json!({})).await.unwrap().is_good());
}

#[tokio::test(flavor = "multi_thread")]
async fn all_who_wait_for_keys_wait_for_the_same_look() {
    let house = Arc::new(House::open().await);
    drop(house.client(Era::Modern, &house.idp.token(json!({}))).await);
    let before = house.idp.count("/keys");
    house.idp.rotate("k2", true);
    house.idp.set_slow(Duration::from_millis(300));
    let calls: Vec<_> = (0..20)
        .map(|number| {
            let house = Arc::clone(&house);
            tokio::spawn(async move {
                let shows = bearer(&house.idp.token(json!({ "jti": format!("w-{number}") })));
                let mut client = Mcp::connect_showing(house.sidecar.address, Era::Modern, shows).await.unwrap();
                client.call("1", "echo", json!({})).await.unwrap().is_good()
            })
        })
        .collect();
    for call in calls {
        assert!(call.await.unwrap());
    }
    assert!(house.idp.count("/keys") - before <= 2, "{}", house.idp.count("/keys") - before);
}
