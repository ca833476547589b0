//! Who watches, for how long, and what becomes of those who do not read.

use futures_util::StreamExt as _;

use super::*;

fn late(why: Why, first: &i32) -> Status {
    Status::aborted(format!("{why:?} for {first}"))
}

fn stopping() -> Status {
    Status::unavailable("stopping")
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_in_time_hears_which_is_the_first_they_do_not_get() {
    let watchers = Watchers::new(1, Stop::new());
    let (teller, mut watched) = watchers.admit_ahead(1, |message| message).unwrap();
    teller.tell(1, late).await.unwrap();
    let reads = async {
        tokio::time::sleep(PATIENCE + PATIENCE / 2).await;
        let mut seen = Vec::new();
        while let Some(message) = watched.next().await {
            seen.push(message.map_err(|status| status.message().to_owned()));
        }
        seen
    };
    let tells = async {
        let told = teller.tell(2, late).await;
        drop(teller);
        told
    };
    let (told, seen) = tokio::join!(tells, reads);
    assert!(told.is_err());
    assert_eq!(seen, [Err("TooSlow for 1".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn who_never_reads_is_left_after_a_while() {
    let watchers = Watchers::new(1, Stop::new());
    let (teller, watched) = watchers.admit_ahead(1, |message| message).unwrap();
    teller.tell(1, late).await.unwrap();
    let begun = tokio::time::Instant::now();
    assert!(teller.tell(2, late).await.is_err());
    assert!(begun.elapsed() <= PATIENCE * 2 + Duration::from_secs(1));
    drop(watched);
}

#[tokio::test]
async fn a_place_is_taken_until_somebody_leaves() {
    let watchers = Watchers::new(1, Stop::new());
    let (teller, watched) = watchers.admit::<u8>().unwrap();
    assert_eq!(watchers.admit::<u8>().err().unwrap().code(), Code::ResourceExhausted);
    drop(watched);
    assert!(teller.next(std::future::pending::<()>(), stopping).await.is_err(), "nobody is told any more");
    assert!(watchers.admit::<u8>().is_ok());
}

#[tokio::test]
async fn a_stop_is_told() {
    let stop = Stop::new();
    let (teller, mut watched) = Watchers::new(1, stop.clone()).admit::<u8>().unwrap();
    stop.request();
    assert!(teller.next(std::future::pending::<()>(), stopping).await.is_err());
    assert_eq!(watched.next().await.unwrap().unwrap_err().code(), Code::Unavailable);
}
