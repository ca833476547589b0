//! What waits for a client that does not read.

use super::*;

const PATIENCE: Duration = Duration::from_millis(50);

fn letter(bytes: usize) -> Letter {
    Letter { line: Bytes::from(vec![b'x'; bytes]), is_response: false }
}

#[tokio::test]
async fn letters_come_out_in_order_and_make_room_again() {
    let (post, mut letters) = mailbox(100, PATIENCE);
    for size in (1..=100).chain([100, 100]) {
        post.put(letter(size)).await.unwrap();
        assert_eq!(letters.take().await.unwrap().line.len(), size);
    }
    drop(post);
    assert_eq!(letters.take().await, None);
    assert!(!letters.is_overrun());
}

#[tokio::test]
async fn a_full_box_makes_the_sender_wait_and_then_gives_up() {
    let fill: [(usize, usize); 2] = [(MESSAGES, 0), (2, 50)];
    for (count, size) in fill {
        let (post, mut letters) = mailbox(100, PATIENCE);
        for _ in 0..count {
            post.put(letter(size)).await.unwrap();
        }
        let (put, taken) = tokio::join!(post.put(letter(size)), letters.take());
        assert_eq!((put, taken.is_some()), (Ok(()), true), "room made in time is enough");
        assert_eq!(post.put(letter(size)).await, Err(NotTaken));
        assert!(letters.is_overrun());
    }
}

#[tokio::test]
async fn a_letter_larger_than_the_box_fits_into_an_empty_one() {
    let (post, mut letters) = mailbox(10, PATIENCE);
    post.put(letter(1000)).await.unwrap();
    assert_eq!(post.put(letter(1)).await, Err(NotTaken));
    letters.take().await.unwrap();
    post.put(letter(10)).await.unwrap();
}

#[tokio::test]
async fn a_reader_that_goes_away_is_not_waited_for() {
    let (post, letters) = mailbox(10, Duration::from_secs(600));
    post.put(letter(10)).await.unwrap();
    let waiting = tokio::spawn(async move { post.put(letter(10)).await });
    tokio::task::yield_now().await;
    drop(letters);
    assert_eq!(waiting.await.unwrap(), Err(NotTaken));
}
