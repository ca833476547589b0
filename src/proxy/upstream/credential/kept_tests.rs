//! Tokens over time: asked for once, kept until shortly before their end, and what happens when there are none. Time is paused.

use std::sync::atomic::AtomicUsize;

use super::*;
use crate::clock::Clock;
use crate::identity::{ClientSecret, ClientSettings, TokenPlace};

fn kept() -> Kept {
    let settings = ClientSettings {
        place: TokenPlace::Url("http://127.0.0.1:9/token".parse().unwrap()),
        client_id: "us".to_owned(),
        secret: ClientSecret::Basic("nowhere".into()),
        scopes: Vec::new(),
        resource: None,
        audience: None,
        ca_file: None,
        plain_hosts: Vec::new(),
        deadline: Duration::from_secs(5),
    };
    Kept::new(TokenClient::new(settings, Clock::System).unwrap())
}

fn key(number: u16) -> Key {
    let mut digest = [0; 32];
    digest[..2].copy_from_slice(&number.to_be_bytes());
    Some((digest, None))
}

#[derive(Clone, Default)]
struct Server(Arc<AtomicUsize>);

impl Server {
    /// Asks for a token, as an authorization server would answer after a second.
    async fn give(&self, kept: &Kept, key: Key, ends: Option<Instant>, answer: Result<u64, Ungranted>) -> Result<String, String> {
        let server = self.0.clone();
        let asked = async move {
            let count = server.fetch_add(1, Ordering::SeqCst) + 1;
            tokio::time::sleep(Duration::from_secs(1)).await;
            answer.map(|lasts| Granted { token: Secret::new(format!("t{count}")), lasts: Duration::from_secs(lasts) })
        };
        let token = kept.get(key, ends, asked).await;
        token.map(|token| token.secret().expose().to_owned()).map_err(|none| none.word())
    }

    fn asked(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn many_who_need_a_token_ask_for_it_once_also_when_the_first_of_them_leaves() {
    let (kept, server) = (Arc::new(kept()), Server::default());
    let first = {
        let (kept, server) = (Arc::clone(&kept), server.clone());
        tokio::spawn(async move { server.give(&kept, None, None, Ok(100)).await })
    };
    tokio::task::yield_now().await;
    let waiting: Vec<_> = (0..50)
        .map(|_| {
            let (kept, server) = (Arc::clone(&kept), server.clone());
            tokio::spawn(async move { server.give(&kept, None, None, Ok(100)).await })
        })
        .collect();
    tokio::task::yield_now().await;
    first.abort();
    for answer in waiting {
        assert_eq!(answer.await.unwrap(), Ok("t1".to_owned()));
    }
    assert_eq!(server.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_kept_until_shortly_before_its_end_and_never_past_the_callers() {
    let (kept, server) = (kept(), Server::default());
    let give = |key, ends, lasts| server.give(&kept, key, ends, Ok(lasts));
    assert_eq!(give(None, None, 100).await, Ok("t1".to_owned()));
    pass(88).await;
    assert_eq!(give(None, None, 100).await, Ok("t1".to_owned()));
    pass(2).await;
    assert_eq!(give(None, None, 100).await, Ok("t2".to_owned()), "a tenth before the end");
    // A long one ends half a minute early.
    assert_eq!(give(key(1), None, 3600).await, Ok("t3".to_owned()));
    pass(3568).await;
    assert_eq!(give(key(1), None, 3600).await, Ok("t3".to_owned()));
    pass(2).await;
    assert_eq!(give(key(1), None, 3600).await, Ok("t4".to_owned()));
    // The caller's token ends sooner.
    let ends = Some(Instant::now() + Duration::from_secs(20));
    assert_eq!(give(key(2), ends, 3600).await, Ok("t5".to_owned()));
    pass(18).await;
    assert_eq!(give(key(2), ends, 3600).await, Ok("t5".to_owned()));
    pass(1).await;
    assert_eq!(give(key(2), ends, 3600).await, Ok("t6".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn who_gives_out_tokens_gets_longer_and_longer_rests_when_that_fails() {
    let (kept, server) = (kept(), Server::default());
    for rest in [1, 2, 4, 8, 16, 30, 30] {
        let before = server.asked();
        assert_eq!(server.give(&kept, None, None, Err(Ungranted::Unfit)).await, Err("no credential: unfit answer".to_owned()));
        // Nobody is asked meanwhile, for nobody.
        for number in 0..10 {
            let answer = server.give(&kept, key(number), None, Ok(100)).await;
            assert_eq!(answer, Err("no credential: unfit answer".to_owned()));
        }
        assert_eq!(server.asked(), before + 1, "a rest of {rest} s");
        pass(rest).await;
    }
    assert_eq!(server.give(&kept, key(1), None, Ok(100)).await, Ok("t8".to_owned()));
    assert_eq!(server.give(&kept, None, None, Ok(100)).await, Ok("t9".to_owned()), "it works again");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_concerns_the_token_that_was_refused() {
    let (kept, server) = (kept(), Server::default());
    let refused = || Err(Ungranted::Refused("invalid_grant".into()));
    assert_eq!(server.give(&kept, key(1), None, refused()).await, Err("no credential: refused".to_owned()));
    assert_eq!(server.give(&kept, key(1), None, Ok(9)).await, Err("no credential: refused".to_owned()));
    assert_eq!(server.give(&kept, key(2), None, Ok(9)).await, Ok("t2".to_owned()));
    pass(1).await;
    assert_eq!(server.give(&kept, key(1), None, refused()).await, Err("no credential: refused".to_owned()));
    pass(1).await;
    assert_eq!(server.asked(), 3);
    assert_eq!(
        server.give(&kept, key(1), None, Ok(9)).await,
        Err("no credential: refused".to_owned()),
        "the second rest is longer"
    );
    pass(1).await;
    assert_eq!(server.give(&kept, key(1), None, Ok(9)).await, Ok("t4".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_and_what_is_asked_for_is_bounded() {
    let (kept, server) = (Arc::new(kept()), Server::default());
    let many: Vec<_> = (0..100)
        .map(|number| {
            let (kept, server) = (Arc::clone(&kept), server.clone());
            tokio::spawn(async move { server.give(&kept, key(number), None, Ok(100)).await })
        })
        .collect();
    let mut answers = Vec::new();
    for answer in many {
        answers.push(answer.await.unwrap());
    }
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), MOST_AT_A_TIME);
    assert!(answers.iter().all(|answer| answer.is_ok() || *answer == Err("no credential: busy".to_owned())));
    for number in 0..=u16::try_from(MOST).unwrap() {
        let mut slots = kept.slots.lock();
        let (_, answer) = watch::channel(None);
        slots.put(key(number), Slot::Asking(answer));
        assert!(slots.known.len() <= MOST && slots.order.len() <= MOST);
    }
    assert!(!kept.slots.lock().known.contains_key(&key(0)), "the oldest makes way");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_the_server_never_took_is_not_replaced_at_once() {
    let (kept, server) = (kept(), Server::default());
    assert_eq!(server.give(&kept, None, None, Ok(1000)).await, Ok("t1".to_owned()));
    let held = || match kept.slots.lock().known.get(&None) {
        Some(Slot::Held(token)) => token.clone(),
        other => panic!("{other:?}"),
    };
    assert!(!kept.forget(&held()), "one like it would come");
    held().accepted();
    let old = held();
    assert!(kept.forget(&old));
    assert_eq!(server.give(&kept, None, None, Ok(1000)).await, Ok("t2".to_owned()));
    assert!(kept.forget(&old), "who comes late with the old one");
    assert_eq!(server.give(&kept, None, None, Ok(1000)).await, Ok("t2".to_owned()), "does not take the new one away");
    pass(30).await;
    assert!(kept.forget(&held()), "one that is old may have been good for something before");
}
