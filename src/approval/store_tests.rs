//! Tickets that survive: on disk as they were, in pieces when they are large, and after a disk that failed.

use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::approval::fixture::{at, once, ticket, vote};
use crate::approval::state::{Event, next};
use crate::domain::{Attribute, Memberships, Standing, Target, TicketState, Token, Verdict};
use crate::storage::LocalDisk;

fn open(directory: &Path) -> (Store, Vec<Ticket>) {
    Store::open(directory, Arc::new(LocalDisk)).unwrap()
}

fn put(store: &mut Store, ticket: &Ticket, before: Option<&Ticket>) -> Result<(), StoreError> {
    store.put(ticket, before, std::iter::empty())
}

/// A ticket of which every part says something.
fn full() -> Ticket {
    let mut full = ticket(1, r#"{"note":"ä\u0001"}"#);
    let text = |text: &str| Arc::<str>::from(text);
    full.bound.asker.issuer = Some(text("https://idp.example"));
    full.bound.asker.vouched = true;
    full.bound.asker.standing = Arc::new(Standing {
        agent: Memberships { teams: [text("a/b")].into(), ..Memberships::default() },
        ..Standing::default()
    });
    full.bound.asker.token = Some(Arc::new(Token {
        issuer: text("https://idp.example"),
        id: None,
        chain: Vec::new(),
        scopes: [text("shop")].into(),
        attributes: [
            (text("level"), Attribute::Number(-3)),
            (text("on"), Attribute::Flag(true)),
            (text("groups"), Attribute::Texts([text("x")].into())),
            (text("name"), Attribute::Text(text("n"))),
        ]
        .into(),
    }));
    full.bound.target = Target::Resource("file:///\u{1F600}".into());
    full.bound.via = Some(text("call_tool"));
    full.bound.definition = Some(crate::domain::Fingerprint::new([7; 32]));
    full.digest = full.bound.digest();
    full.terms.because =
        vec![crate::domain::PolicyRef { id: "p".into(), file: "a.cedar".into(), line: 3, reason: Some(text("because")) }];
    full.terms.window = Some(std::time::Duration::from_secs(60));
    full.terms.breakglass = Some(std::time::Duration::from_secs(30));
    full.terms.confirm = true;
    next(&full, Event::Vote(vote("olga", Verdict::Approve, 5), Some(once(99))), at(5)).unwrap()
}

#[test]
fn a_ticket_comes_back_as_it_was() {
    let home = tempfile::tempdir().unwrap();
    let (mut store, none) = open(home.path());
    assert_eq!(none, []);
    let tickets =
        [full(), Ticket { bound: crate::approval::Bound { arguments: None, ..ticket(2, "{}").bound }, ..ticket(2, "{}") }];
    tickets.iter().for_each(|ticket| put(&mut store, ticket, None).unwrap());
    drop(store);
    assert_eq!(open(home.path()).1, tickets);
}

#[test]
fn a_ticket_that_is_too_long_is_refused_and_costs_no_database() {
    let home = tempfile::tempdir().unwrap();
    let (mut store, _) = open(home.path());
    let (short, mut long) = (ticket(1, "{}"), ticket(2, "{}"));
    put(&mut store, &short, None).unwrap();
    let number = store.number;
    // Each is six characters long in JSON.
    long.bound.target = Target::Resource("\u{1}".repeat(MAX_VALUE / 6).into());
    long.digest = long.bound.digest();
    assert!(matches!(put(&mut store, &long, None), Err(StoreError::TooLong(length)) if length > MAX_VALUE));
    let after = ticket(3, "{}");
    put(&mut store, &after, None).unwrap();
    assert_eq!((store.number, store.database.is_some()), (number, true));
    drop(store);
    assert_eq!(open(home.path()).1, [short, after]);
}

#[test]
fn long_arguments_lie_in_pieces_and_go_with_their_ticket() {
    let home = tempfile::tempdir().unwrap();
    let long = ticket(1, &format!("\"{}\"", "x".repeat(3 * PIECE)));
    let (mut store, _) = open(home.path());
    put(&mut store, &long, None).unwrap();
    drop(store);
    let (mut store, tickets) = open(home.path());
    assert_eq!(tickets, std::slice::from_ref(&long));
    let over = next(&long, Event::Vote(vote("olga", Verdict::Deny, 1), None), at(1)).unwrap();
    put(&mut store, &over, Some(&long)).unwrap();
    let database = store.database.as_ref().unwrap();
    assert_eq!(database.range(PIECES, PIECES).count(), 0);
    store.forget(&[over.id]).unwrap();
    drop(store);
    assert_eq!(open(home.path()).1, []);
}

/// A disk that fails when it is told to.
#[derive(Default)]
struct Faulty(AtomicBool);

impl Disk for Faulty {
    fn sync(&self, file: &File) -> io::Result<()> {
        if self.0.load(Ordering::SeqCst) { Err(io::Error::other("the disk is gone")) } else { file.sync_data() }
    }
}

#[test]
fn after_a_disk_that_failed_the_store_goes_on_with_all_that_is_known_to_have_happened() {
    let (home, disk) = (tempfile::tempdir().unwrap(), Arc::new(Faulty::default()));
    let (mut store, _) = Store::open(home.path(), Arc::<Faulty>::clone(&disk)).unwrap();
    let first = Arc::new(full());
    put(&mut store, &first, None).unwrap();
    let spent = next(&first, Event::Use { keep: true }, at(6)).unwrap();
    disk.0.store(true, Ordering::SeqCst);
    assert!(store.put(&spent, Some(&first), [&first].into_iter()).is_err());
    disk.0.store(false, Ordering::SeqCst);
    let other = ticket(9, "[]");
    store.put(&other, None, [&first].into_iter()).unwrap();
    drop(store);
    assert!(home.path().join("2").exists());
    let (_, tickets) = open(home.path());
    assert_eq!(
        tickets.iter().map(|ticket| (ticket.seq, ticket.state)).collect::<Vec<_>>(),
        [(1, TicketState::Granted), (9, TicketState::Waiting)]
    );
    assert!(!home.path().join("1").exists(), "the one that was given up is removed");
}

#[test]
fn what_was_changed_on_disk_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let (mut store, _) = open(home.path());
    let one = full();
    put(&mut store, &one, None).unwrap();
    let database = store.database.take().unwrap();
    let cases: [(&[u8], &[u8]); 3] =
        [(&piece_key(one.id, 0), b"{\"note\":\"other\"}"), (&key(one.id), b"{}"), (b"t/apr_0", b"{}")];
    for (key, value) in cases {
        let before = database.get(key).unwrap();
        let mut batch = Batch::default();
        batch.insert(key, value);
        database.commit(batch).unwrap();
        assert!(matches!(read(&database), Err(StoreError::Unreadable(_))), "{}", String::from_utf8_lossy(key));
        let mut batch = Batch::default();
        match before {
            Some(before) => batch.insert(key, &before),
            None => batch.remove(key),
        }
        database.commit(batch).unwrap();
        assert_eq!(read(&database).unwrap(), std::slice::from_ref(&one));
    }
}
