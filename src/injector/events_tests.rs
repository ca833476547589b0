//! What is said once, what is said again, and what is too much.

use super::*;

fn key(namespace: &str, note: &str) -> Key {
    let (api_version, kind) = ("apps/v1".to_owned(), "ReplicaSet".to_owned());
    let subject =
        Subject { namespace: namespace.to_owned(), api_version, kind, name: "web".to_owned(), uid: Some("u-1".to_owned()) };
    Key { subject, reason: Reason::Skipped, note: note.to_owned() }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

#[tokio::test(start_paused = true)]
async fn the_same_is_said_again_only_after_a_while_and_then_how_often() {
    let mut told = Told::default();
    assert!(matches!(told.tell(key("shop", "a"), (Instant::now(), at(0))), Tell::Now(Event { count: 1, .. })));
    for seconds in 1..=5 {
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(matches!(told.tell(key("shop", "a"), (Instant::now(), at(seconds))), Tell::Later));
    }
    assert!(matches!(told.tell(key("shop", "b"), (Instant::now(), at(6))), Tell::Now(_)), "something else is said");
    tokio::time::advance(AGAIN_AFTER).await;
    let Tell::Now(event) = told.tell(key("shop", "a"), (Instant::now(), at(700))) else { panic!("it is said again") };
    assert_eq!((event.count, event.times), (6, [at(1), at(700)]));
    let body = body(&event, "webhook-0");
    assert_eq!(body["series"], json!({ "count": 6, "lastObservedTime": "1970-01-01T00:11:40.000000Z" }));
    assert_eq!(body["eventTime"], "1970-01-01T00:00:01.000000Z");
    assert!(matches!(told.tell(key("shop", "a"), (Instant::now(), at(701))), Tell::Later));
}

#[tokio::test(start_paused = true)]
async fn no_namespace_uses_up_what_others_may_say_and_nobody_says_too_much() {
    let mut told = Told::default();
    let mut said = |namespace: &str, many: usize| {
        let all = (0..many).map(|number| told.tell(key(namespace, &number.to_string()), (Instant::now(), at(0))));
        all.filter(|tell| matches!(tell, Tell::Now(_))).count()
    };
    assert_eq!([said("a", 100), said("b", 100), said("c", 100), said("d", 100)], [20, 20, 20, 0]);
    assert_eq!(told.last.len(), 60, "what was not said is not remembered");
    tokio::time::advance(WINDOW).await;
    assert!(matches!(told.tell(key("d", "0"), (Instant::now(), at(60))), Tell::Now(_)));
    for round in 0..40 {
        tokio::time::advance(WINDOW).await;
        for number in 0..MOST {
            let _ = told.tell(key(&format!("n{}", number % 9), &format!("{round}-{number}")), (Instant::now(), at(60)));
        }
        assert!(told.last.len() <= REMEMBERED, "{}", told.last.len());
    }
}

#[test]
fn a_note_is_no_longer_than_an_api_server_takes() {
    assert_eq!(start(&"ä".repeat(1000), MAX_NOTE).len(), 1024);
    assert_eq!(start(&format!("x{}", "ä".repeat(1000)), MAX_NOTE).len(), 1023);
    assert_eq!(start("short", MAX_NOTE), "short");
}
