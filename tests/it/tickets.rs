//! kill -9 while tickets are asked for, granted and used: whatever somebody was told has happened, and what was used stays used.
//!
//! `TICKET_KILLS` sets the number of rounds (5 when it is not set).

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cedarpost::approval::{Asker, Bound, Desk, Event, Grant, Limits, Ticket, Vote};
use cedarpost::domain::{
    Action, Actor, AgentId, Caller, Channel, DecisionId, Memberships, ServerName, Source, Target, Terms, TicketId, TicketState,
    Timestamp, Transport, UserId, Verdict,
};
use cedarpost::storage::LocalDisk;

const NAME: &str = "tickets::works_until_it_is_killed";
const DIRECTORY: &str = "TICKETS_DIRECTORY";
const ROUND: &str = "TICKETS_ROUND";
/// How many work on tickets at the same time.
const WORKERS: u64 = 4;
const LIMITS: Limits = Limits { waiting: 10_000, waiting_per_caller: 10_000 };

#[expect(clippy::disallowed_methods, reason = "what the process is to do is a setting of this test, not of the product")]
fn told(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn open(directory: &Path) -> Desk {
    Desk::open(directory, LIMITS, Arc::new(LocalDisk)).unwrap()
}

const fn at(micros: u64) -> Timestamp {
    Timestamp::from_micros(1_795_000_000_000_000 + micros.cast_signed())
}

fn ticket(number: u64) -> Ticket {
    let bound = Bound {
        asker: Asker::of(&Caller::new(AgentId::new("bot"), Actor::Person(UserId::new("ann")))),
        server: ServerName::new("shop").unwrap(),
        action: Action::ToolsCall,
        target: Target::Tool("refund".into()),
        via: None,
        // Now and then arguments that lie in several pieces.
        arguments: Some(Bytes::from(format!(
            "[{number},\"{}\"]",
            "x".repeat(if number.is_multiple_of(7) { 60_000 } else { 10 })
        ))),
        definition: None,
    };
    Ticket {
        id: TicketId::from_parts(1_795_000_000_000, number.into()),
        digest: bound.digest(),
        bound,
        source: Source { transport: Transport::Http, ip: None, session: None },
        decision: DecisionId::from_parts(1_795_000_000_000, number.into()),
        seq: number,
        asked: at(0),
        expires: at(900_000_000),
        terms: Terms::default(),
        votes: Vec::new(),
        state: TicketState::Waiting,
        grant: None,
        used: 0,
        ended: None,
    }
}

fn approval() -> Event {
    let (ruler, standing) = (UserId::new("olga"), Memberships::default());
    let vote = Vote { ruler, standing, verdict: Verdict::Approve, at: at(1), comment: None, channel: Channel::Cli };
    Event::Vote(vote, Some(Grant { until: at(900_000_000), uses: Some(1), any_arguments: false, window: false }))
}

fn say(line: &str) {
    std::io::stdout().lock().write_all(format!("{line}\n").as_bytes()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "is started by the test below"]
async fn works_until_it_is_killed() {
    let desk = open(Path::new(&told(DIRECTORY).unwrap()));
    let first = told(ROUND).unwrap().parse::<u64>().unwrap() * 1_000_000;
    // What was granted and not used when the last process was killed is still good, once.
    for ticket in desk.tickets() {
        if ticket.state == TicketState::Granted {
            desk.hand().await.change(ticket.id, Event::Use { keep: false }, at(2)).await.unwrap();
            say(&format!("tk used {}", ticket.seq));
        }
    }
    let work = |worker: u64, desk: Desk| async move {
        for turn in 0.. {
            let number = first + turn * WORKERS + worker;
            let asked = desk.hand().await.put(ticket(number)).await.unwrap();
            say(&format!("tk waiting {number}"));
            desk.hand().await.change(asked.id, approval(), at(1)).await.unwrap();
            say(&format!("tk granted {number}"));
            desk.hand().await.change(asked.id, Event::Use { keep: turn.is_multiple_of(2) }, at(2)).await.unwrap();
            say(&format!("tk used {number}"));
        }
    };
    let workers: Vec<_> = (0..WORKERS).map(|worker| tokio::spawn(work(worker, desk.clone()))).collect();
    for worker in workers {
        worker.await.unwrap();
    }
}

/// What the process said before it was killed: how far each ticket had come, and how often it was said to be used.
fn run(directory: &Path, round: u64) -> Vec<(String, u64)> {
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args([NAME, "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env(DIRECTORY, directory)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let mut said = Vec::new();
    let mut parse = |line: String| -> Option<()> {
        // The test runner's own words may stand before the first of ours.
        let mut words = line.split_once("tk ")?.1.split(' ').map(str::to_owned);
        said.push((words.next()?, words.next()?.parse().ok()?));
        Some(())
    };
    while parse(lines.next().expect("it works until it is killed").unwrap()).is_none() {}
    // Some time under load, a different one in each round.
    std::thread::sleep(Duration::from_millis(40 + (round * 67) % 300));
    process.kill().unwrap();
    for line in lines.map_while(Result::ok) {
        parse(line);
    }
    process.wait().unwrap();
    said
}

#[test]
fn whatever_somebody_was_told_of_a_ticket_survives_kill_9_and_no_ticket_is_used_twice() {
    let home = tempfile::tempdir().unwrap();
    let rounds = told("TICKET_KILLS").map_or(5, |rounds| rounds.parse().expect("TICKET_KILLS is a number"));
    let mut told: BTreeMap<u64, &str> = BTreeMap::new();
    let mut used: BTreeMap<u64, u32> = BTreeMap::new();
    for round in 0..rounds {
        let said = run(home.path(), round);
        assert!(!said.is_empty());
        for (word, number) in &said {
            let word = ["waiting", "granted", "used"].into_iter().find(|known| known == word).unwrap();
            told.insert(*number, word);
            *used.entry(*number).or_default() += u32::from(word == "used");
        }
        let desk = open(home.path());
        let states: BTreeMap<u64, TicketState> = desk.tickets().iter().map(|ticket| (ticket.seq, ticket.state)).collect();
        // Only the newest that are over are remembered.
        let forgotten = states.len() >= 1_000;
        for (number, word) in &told {
            let fits = match (word, states.get(number)) {
                (&"waiting", Some(_)) | (_, Some(TicketState::Spent)) => true,
                (&"granted", Some(TicketState::Granted)) => true,
                (_, None) => forgotten,
                (_, Some(_)) => false,
            };
            assert!(fits, "round {round}: ticket {number} was {word} and is {:?}", states.get(number));
        }
    }
    assert!(used.values().all(|count| *count <= 1), "{:?}", used.iter().find(|(_, count)| **count > 1));
    println!("{rounds} kills, {} tickets, {} of them used", told.len(), used.values().sum::<u32>());
}
