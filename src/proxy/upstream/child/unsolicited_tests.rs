//! What a child says unasked.

use super::*;

fn line(text: impl Into<String>) -> Bytes {
    Bytes::from(text.into())
}

const KEPT: Shelved = Shelved::Waiting { dropped: 0 };
const MADE_ROOM: Shelved = Shelved::Waiting { dropped: 1 };

#[tokio::test]
async fn messages_wait_in_order_until_the_child_is_gone() {
    let (shelf, mut unsolicited) = shelf(1000);
    assert_eq!((shelf.put(line("one"), false), shelf.put(line("two"), true)), (KEPT, KEPT));
    shelf.close();
    assert_eq!(unsolicited.next().await, Some(line("one")));
    assert_eq!(unsolicited.next().await, Some(line("two")));
    assert_eq!(unsolicited.next().await, None);
}

#[tokio::test]
async fn the_oldest_notification_makes_room_and_a_request_never_does() {
    let (shelf, mut unsolicited) = shelf(1 << 20);
    assert_eq!(shelf.put(line("request"), true), KEPT);
    for number in 1..MESSAGES {
        assert_eq!(shelf.put(line(number.to_string()), false), KEPT);
    }
    assert_eq!(shelf.put(line("another request"), true), MADE_ROOM);
    assert_eq!(unsolicited.next().await, Some(line("request")));
    assert_eq!(unsolicited.next().await, Some(line("2")), "1 is gone");
}

#[test]
fn a_request_that_finds_only_requests_is_handed_back() {
    let (shelf, _unsolicited) = shelf(1 << 20);
    for number in 0..MESSAGES {
        assert_eq!(shelf.put(line(number.to_string()), true), KEPT);
    }
    assert_eq!(shelf.put(line("one more"), true), Shelved::Refused);
    assert_eq!(shelf.put(line("a notification"), false), Shelved::Refused);
}

#[test]
fn the_bytes_that_wait_are_bounded_too() {
    let (shelf, _unsolicited) = shelf(10);
    assert_eq!(shelf.put(line("123456"), false), KEPT);
    assert_eq!(shelf.put(line("1234567"), false), MADE_ROOM);
    assert_eq!(shelf.put(line("12345678901"), true), Shelved::Refused, "larger than all there is");
}

#[test]
fn a_client_that_is_gone_is_left_nothing() {
    let (shelf, unsolicited) = shelf(1000);
    drop(unsolicited);
    assert_eq!(shelf.put(line("request"), true), Shelved::Refused);
}

#[tokio::test]
async fn a_waiting_client_is_woken() {
    let (shelf, mut unsolicited) = shelf(1000);
    let client = tokio::spawn(async move { (unsolicited.next().await, unsolicited.next().await) });
    tokio::task::yield_now().await;
    shelf.put(line("one"), false);
    tokio::task::yield_now().await;
    shelf.close();
    assert_eq!(client.await.unwrap(), (Some(line("one")), None));
}
