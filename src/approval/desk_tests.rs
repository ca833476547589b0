//! One hand at a time: a ticket is spent once, whoever else reaches for it.

use super::*;
use crate::approval::fixture::{at, bound, once, ticket, vote};
use crate::storage::LocalDisk;

const LIMITS: Limits = Limits { waiting: 3, waiting_per_caller: 2 };

fn open(directory: &Path) -> Desk {
    Desk::open(directory, LIMITS, Arc::new(LocalDisk)).unwrap()
}

async fn granted(desk: &Desk) -> Arc<Ticket> {
    let one = desk.hand().await.put(ticket(1, "{}")).await.unwrap();
    let approve = Event::Vote(vote("olga", Verdict::Approve, 1), Some(once(600_000_000)));
    desk.hand().await.change(one.id, approve, at(1)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_hundred_that_reach_for_a_ticket_one_gets_it() {
    let home = tempfile::tempdir().unwrap();
    let desk = open(home.path());
    let ticket = granted(&desk).await;
    let reach = |desk: Desk| async move {
        let mut hand = desk.hand().await;
        let grant = hand.grant(&ticket_bound(), &ticket_bound().digest());
        match grant {
            Some(grant) => hand.change(grant.id, Event::Use { keep: false }, at(2)).await.is_ok(),
            None => false,
        }
    };
    let all: Vec<_> = (0..100).map(|_| tokio::spawn(reach(desk.clone()))).collect();
    let mut got = 0;
    for one in all {
        got += usize::from(one.await.unwrap());
    }
    assert_eq!(got, 1);
    assert_eq!(desk.ticket(ticket.id).map(|ticket| ticket.state), Some(TicketState::Spent));
    drop(desk);
    assert_eq!(open(home.path()).ticket(ticket.id).map(|ticket| ticket.state), Some(TicketState::Spent), "also after a restart");
}

fn ticket_bound() -> Bound {
    bound("{}")
}

#[tokio::test]
async fn a_hand_that_lets_go_in_the_middle_leaves_the_desk_as_the_disk_has_it() {
    let home = tempfile::tempdir().unwrap();
    let desk = open(home.path());
    let ticket = granted(&desk).await;
    let mut hand = desk.hand().await;
    {
        let mut change = std::pin::pin!(hand.change(ticket.id, Event::Use { keep: false }, at(2)));
        // Polled once, so that the write is under way, and then dropped.
        let _ = futures_util::poll!(change.as_mut());
    }
    drop(hand);
    // The next hand comes after the write.
    assert!(desk.hand().await.grant(&ticket_bound(), &ticket_bound().digest()).is_none());
    assert_eq!(desk.ticket(ticket.id).map(|ticket| ticket.state), Some(TicketState::Spent));
}

#[tokio::test]
async fn only_so_many_may_wait() {
    let home = tempfile::tempdir().unwrap();
    let desk = open(home.path());
    let mut hand = desk.hand().await;
    let asker = ticket_bound().asker;
    assert!(hand.has_room(&asker));
    hand.put(ticket(1, "[1]")).await.unwrap();
    hand.put(ticket(2, "[2]")).await.unwrap();
    assert!(!hand.has_room(&asker));
    let other = Asker { actor: None, ..asker.clone() };
    assert!(hand.has_room(&other));
    let bound = Bound { asker: other.clone(), ..ticket_bound() };
    hand.put(Ticket { digest: bound.digest(), bound, ..ticket(3, "[3]") }).await.unwrap();
    assert!(!hand.has_room(&other), "the desk is full");
    hand.change(ticket(1, "[1]").id, Event::Vote(vote("olga", Verdict::Deny, 1), None), at(1)).await.unwrap();
    assert!(hand.has_room(&asker));
}

#[tokio::test]
async fn news_and_rulings_reach_those_who_wait_for_them() {
    let home = tempfile::tempdir().unwrap();
    let desk = open(home.path());
    let mut news = desk.news();
    let one = desk.hand().await.put(ticket(1, "{}")).await.unwrap();
    assert_eq!(desk.ruling(one.id, Duration::ZERO).await, Some(TicketState::Waiting));
    assert_eq!(desk.ruling(ticket(2, "{}").id, Duration::ZERO).await, None);
    let waits = tokio::spawn({
        let (desk, id) = (desk.clone(), one.id);
        async move { desk.ruling(id, Duration::from_secs(20)).await }
    });
    let first = Event::Vote(vote("olga", Verdict::Approve, 1), None);
    desk.hand().await.change(one.id, first, at(1)).await.unwrap();
    let enough = Event::Vote(vote("bea", Verdict::Approve, 2), Some(once(600_000_000)));
    desk.hand().await.change(one.id, enough, at(2)).await.unwrap();
    assert_eq!(waits.await.unwrap(), Some(TicketState::Granted));
    desk.hand().await.change(one.id, Event::Use { keep: true }, at(3)).await.unwrap();
    let mut heard = Vec::new();
    while let Ok(news) = news.try_recv() {
        heard.push(news.what.name());
    }
    assert_eq!(heard, ["requested", "approved", "granted", "spent"]);
}

#[tokio::test]
async fn only_the_last_call_of_a_tool_keeps_its_arguments_for_comparison() {
    let home = tempfile::tempdir().unwrap();
    let desk = open(home.path());
    for number in [1, 2] {
        let arguments = format!("[{number}]");
        let one = desk.hand().await.put(ticket(number, &arguments)).await.unwrap();
        let micros = number as i64 * 10;
        let approve = Event::Vote(vote("olga", Verdict::Approve, micros), Some(once(600_000_000)));
        desk.hand().await.change(one.id, approve, at(micros)).await.unwrap();
        desk.hand().await.change(one.id, Event::Use { keep: true }, at(micros + 1)).await.unwrap();
        let last = desk.last_used(&ticket_bound()).unwrap();
        assert_eq!(last.bound.arguments.as_deref(), Some(arguments.as_bytes()));
    }
    drop(desk);
    let kept = |ticket: &Arc<Ticket>| ticket.bound.arguments.is_some();
    assert_eq!(open(home.path()).tickets().iter().map(kept).collect::<Vec<_>>(), [true, false]);
}
