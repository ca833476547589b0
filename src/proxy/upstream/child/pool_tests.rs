//! Pools of real processes. The server is a shell script whose methods are the situations we want to be in.

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::time::timeout;

use super::super::exchange::Incoming;
use super::*;
use crate::domain::{Actor, AgentId};

const PATIENCE: Duration = Duration::from_secs(20);

/// Answers each request by what its method says; `$$` tells the processes apart.
const SERVER: &str = r#"
progress() { echo '{"method":"notifications/progress","params":{"progressToken":'"$1"',"progress":1}}'; }
while read -r line; do
  id=${line#*'"id":'}; id=${id%%[,\}]*}
  case $line in
    *'"echo"'*) echo '{"id":'"$id"',"result":'$$'}' ;;
    *'"progress"'*) progress 7; progress 99; echo '{"id":'"$id"',"result":1}' ;;
    *'"listen"'*) echo '{"method":"event","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":'"$id"'}}}' ;;
    *'"log"'*) echo '{"method":"notifications/message"}'; echo '{"id":'"$id"',"result":1}' ;;
    *'"ask"'*) echo '{"id":"s1","method":"sampling/createMessage"}' ;;
    *'"s1"'*) echo '{"method":"notifications/answered","params":'"$line"'}' ;;
    *'"noise"'*) echo 'Server is listening'; echo '{"id":"nobody","result":1}'; echo '{"id":'"$id"',"result":1}' ;;
    *'"flood"'*) i=0; while [ $i -lt 500 ]; do i=$((i+1)); progress 7; done; echo '{"id":'"$id"',"result":1}' ;;
    *'"die"'*) exit 3 ;;
    *'notifications/cancelled'*) echo "$line" >>"$CANCELLED"; [ -z "$ANSWER" ] || echo '{"id":1,"result":1}' ;;
  esac
done
"#;

struct Fixture {
    pool: Pool,
    registry: Registry,
    directory: tempfile::TempDir,
}

impl Fixture {
    fn new(change: impl FnOnce(&mut PoolSettings)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut child = ChildSettings::new("shop", ["sh", "-c", SERVER].map(std::ffi::OsString::from).to_vec());
        child.env = vec![("CANCELLED".into(), directory.path().join("cancelled").into())];
        let mut settings = PoolSettings { pick_timeout: Duration::from_millis(300), ..PoolSettings::new(child) };
        change(&mut settings);
        let mut registry = Registry::default();
        let metrics = Metrics::new(&mut registry);
        let clock = Clock::manual(Timestamp::from_micros(1_000_000));
        let pool = Pool::new(settings, metrics, clock, &CancellationToken::new());
        Self { pool, registry, directory }
    }

    fn cancelled(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("cancelled")).unwrap_or_default()
    }

    fn metric(&self, line: &str) -> bool {
        let mut text = String::new();
        encode(&mut text, &self.registry).unwrap();
        text.lines().any(|other| other == line)
    }

    async fn shared(&self, agent: &str, id: u32, method: &str) -> Result<Exchange, OpenError> {
        self.pool.shared(request(agent, id, method, None)).await
    }
}

fn caller(agent: &str) -> Caller {
    Caller::new(AgentId::new(agent), Actor::Unattended)
}

fn request(agent: &str, id: u32, method: &str, token: Option<&str>) -> Request {
    let key = |json: &str| Key::parse(json.as_bytes()).unwrap();
    Request {
        id: key(&id.to_string()),
        progress_token: token.map(key),
        caller: caller(agent),
        line: format!(r#"{{"id":{id},"method":"{method}"}}"#).into(),
    }
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("it takes too long")
}

async fn until(condition: impl Fn() -> bool) {
    within(async {
        while !condition() {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// Everything an exchange yields: `m` for a message, `r` for the answer, `gone` and `overrun`.
async fn all(mut exchange: Exchange) -> String {
    let mut seen = Vec::new();
    while let Some(incoming) = within(exchange.next()).await {
        seen.push(match incoming {
            Incoming::Message(_) => "m",
            Incoming::Response(_) => "r",
            Incoming::Gone => "gone",
            Incoming::Overrun => "overrun",
        });
    }
    seen.join(" ")
}

#[tokio::test]
async fn requests_share_a_warm_child_as_long_as_their_ids_differ() {
    let shop = Fixture::new(|_| {});
    let hanging = shop.shared("a", 1, "hang").await.unwrap();
    let other = shop.shared("b", 2, "echo").await.unwrap();
    assert_eq!(hanging.pid(), other.pid());
    assert_eq!(all(other).await, "r");
    let again = shop.shared("b", 2, "echo").await.unwrap();
    assert_eq!(again.pid(), hanging.pid(), "an answered id is free");
    assert_eq!(all(again).await, "r");
}

#[tokio::test]
async fn requests_with_the_same_id_or_token_get_different_children() {
    let shop = Fixture::new(|_| {});
    let first = shop.pool.shared(request("a", 1, "hang", Some("7"))).await.unwrap();
    let same_id = shop.shared("b", 1, "echo").await.unwrap();
    let same_token = shop.pool.shared(request("b", 2, "progress", Some("7"))).await.unwrap();
    assert_ne!(first.pid(), same_id.pid());
    assert_ne!(first.pid(), same_token.pid());
    assert_eq!(all(same_id).await, "r");
    assert_eq!(all(same_token).await, "m r", "progress under another token is not for it");
}

#[tokio::test]
async fn a_request_that_fits_nowhere_waits_and_is_then_refused() {
    let shop = Fixture::new(|settings| settings.max_shared = 1);
    let _hanging = shop.shared("a", 1, "hang").await.unwrap();
    assert!(matches!(shop.shared("b", 1, "echo").await, Err(OpenError::Busy)));

    let slow = Fixture::new(|settings| (settings.max_shared, settings.pick_timeout) = (1, PATIENCE));
    let mut first = slow.shared("a", 1, "echo").await.unwrap();
    let (second, _) = tokio::join!(slow.shared("b", 1, "echo"), first.next());
    assert_eq!(all(second.unwrap()).await, "r", "it is served when the id is free");
}

#[tokio::test]
async fn a_subscription_gets_its_events_and_nobody_elses() {
    let shop = Fixture::new(|_| {});
    let mut one = shop.shared("a", 1, "listen").await.unwrap();
    let mut two = shop.shared("b", 2, "listen").await.unwrap();
    for (exchange, id) in [(&mut one, "1"), (&mut two, "2")] {
        let Some(Incoming::Message(event)) = within(exchange.next()).await else { panic!("no event") };
        assert!(String::from_utf8_lossy(&event).contains(&format!("\"io.modelcontextprotocol/subscriptionId\":{id}")));
    }
    assert!(timeout(Duration::from_millis(50), one.next()).await.is_err());
}

#[tokio::test]
async fn what_names_no_request_never_reaches_another_caller() {
    let shop = Fixture::new(|settings| settings.max_shared = 1);
    assert_eq!(all(shop.shared("a", 1, "log").await.unwrap()).await, "m r", "alone with the child it can only be for us");
    assert_eq!(all(shop.shared("b", 2, "log").await.unwrap()).await, "r");
    assert_eq!(all(shop.shared("a", 3, "log").await.unwrap()).await, "r");
    assert!(shop.metric(r#"child_messages_dropped_total{server="shop",why="NobodyWaits"} 2"#));
}

#[tokio::test]
async fn noise_and_answers_to_nobody_are_dropped_and_counted() {
    let shop = Fixture::new(|_| {});
    assert_eq!(all(shop.shared("a", 1, "noise").await.unwrap()).await, "r");
    assert!(shop.metric(r#"child_messages_dropped_total{server="shop",why="Unreadable"} 1"#));
    assert!(shop.metric(r#"child_messages_dropped_total{server="shop",why="NobodyWaits"} 1"#));
}

#[tokio::test]
async fn a_dropped_stateless_request_is_cancelled_and_its_id_is_free_once_it_is_answered() {
    let shop = Fixture::new(|settings| {
        (settings.max_shared, settings.pick_timeout) = (1, PATIENCE);
        settings.child.env.push(("ANSWER".into(), "yes".into()));
    });
    let hanging = shop.shared("a", 1, "hang").await.unwrap();
    let pid = hanging.pid();
    drop(hanging);
    let next = within(shop.shared("b", 1, "echo")).await.unwrap();
    assert_eq!(next.pid(), pid);
    let Some(Incoming::Response(line)) = within({
        let mut next = next;
        async move { next.next().await }
    })
    .await
    else {
        panic!()
    };
    assert!(
        String::from_utf8_lossy(&line).contains(&format!("\"result\":{pid}")),
        "the late answer to another's request is not ours"
    );
    assert!(shop.cancelled().contains(r#""requestId":1,"#));
}

#[tokio::test]
async fn an_id_that_was_never_answered_leaves_with_its_child_when_another_caller_needs_it() {
    let shop = Fixture::new(|settings| {
        (settings.max_shared, settings.pick_timeout) = (1, PATIENCE);
        settings.cancel_linger = Duration::from_millis(50);
    });
    let hanging = shop.shared("a", 1, "hang").await.unwrap();
    let pid = hanging.pid();
    drop(hanging);
    let same_caller = within(shop.shared("a", 1, "echo")).await.unwrap();
    assert_eq!(same_caller.pid(), pid);
    assert_eq!(all(same_caller).await, "r");
    let other_caller = within(shop.shared("b", 1, "echo")).await.unwrap();
    assert_ne!(other_caller.pid(), pid);
    assert_eq!(all(other_caller).await, "r");
}

#[tokio::test]
async fn a_caller_can_relay_to_its_own_request_only() {
    let shop = Fixture::new(|_| {});
    let _hanging = shop.shared("a", 1, "hang").await.unwrap();
    let id = Key::parse(b"1").unwrap();
    let cancel = Bytes::from_static(br#"{"method":"notifications/cancelled","params":{"requestId":1}}"#);
    assert_eq!(shop.pool.relay(&caller("b"), &id, cancel.clone()).await, Err(SendError::Gone));
    shop.pool.relay(&caller("a"), &id, cancel).await.unwrap();
    until(|| shop.cancelled().lines().count() == 1).await;
}

#[tokio::test]
async fn a_slow_reader_of_a_flood_is_cut_off_and_the_others_are_served() {
    let shop = Fixture::new(|settings| settings.reader_patience = Duration::from_millis(50));
    let flooded = shop.pool.shared(request("a", 1, "flood", Some("7"))).await.unwrap();
    let other = shop.shared("b", 2, "echo").await.unwrap();
    assert_eq!(other.pid(), flooded.pid());
    assert_eq!(all(other).await, "r");
    let seen = all(flooded).await;
    assert!(seen.ends_with("m overrun"), "{seen}");

    let reading = shop.pool.shared(request("a", 3, "flood", Some("7"))).await.unwrap();
    let seen = all(reading).await;
    assert_eq!((seen.matches('m').count(), seen.ends_with(" r")), (500, true), "who reads gets it all");
}

#[tokio::test]
async fn a_child_that_goes_away_ends_its_exchanges_and_the_next_caller_is_told_at_once() {
    let shop = Fixture::new(|_| {});
    let hanging = shop.shared("a", 1, "hang").await.unwrap();
    let fatal = shop.shared("a", 2, "die").await.unwrap();
    assert_eq!((all(hanging).await, all(fatal).await), ("gone".into(), "gone".into()));
    until(|| matches!(shop.pool.state(), ChildState::Down { .. })).await;
    let refused = shop.shared("a", 3, "echo").await;
    let Err(OpenError::Unavailable(Unavailable::Down { since, retry_in, last })) = refused else { panic!("{refused:?}") };
    assert_eq!(since, Timestamp::from_micros(1_000_000));
    assert!(retry_in <= Duration::from_millis(250), "{retry_in:?}");
    assert_eq!(last.to_string(), "exit status: 3");
    assert!(matches!(shop.pool.dedicated(), Err(Unavailable::Down { .. })));
    assert!(shop.metric(r#"child_exits_total{server="shop",how="OnItsOwn"} 1"#));
    assert!(shop.metric(r#"child_up{server="shop"} 0"#));

    until(|| shop.metric(r#"child_up{server="shop"} 1"#)).await; // Nobody asked for it: it comes back by itself.
    assert_eq!(all(shop.shared("a", 4, "echo").await.unwrap()).await, "r");
    assert!(matches!(shop.pool.state(), ChildState::Up { children: 1, .. }));
}

#[tokio::test]
async fn a_command_that_dies_at_once_or_does_not_exist_is_backed_off_from() {
    for command in [vec!["sh", "-c", "exit 9"], vec!["/no/such/program"]] {
        let shop = Fixture::new(|settings| settings.child.command = command.iter().map(std::ffi::OsString::from).collect());
        let began = Instant::now();
        while began.elapsed() < Duration::from_millis(1000) {
            if let Ok(exchange) = shop.shared("a", 1, "echo").await {
                assert_eq!(all(exchange).await, "gone");
            }
            sleep(Duration::from_millis(2)).await;
        }
        assert!(matches!(shop.pool.state(), ChildState::Down { .. }));
        let tried = (0..10).find(|tried| {
            let started = format!("child_starts_total{{server=\"shop\"}} {tried}");
            let failed = format!("child_exits_total{{server=\"shop\",how=\"NotStarted\"}} {tried}");
            shop.metric(&started) || shop.metric(&failed)
        });
        // At 0, 250 and 750 ms.
        assert!(tried.is_some_and(|tried| (2..=4).contains(&tried)), "{command:?} was tried {tried:?} times");
    }
}

#[tokio::test]
async fn a_session_has_a_child_of_its_own_that_ends_with_it() {
    let shop = Fixture::new(|settings| settings.max_sessions = 2);
    let (one, mut unsolicited) = shop.pool.dedicated().unwrap();
    let (two, _) = shop.pool.dedicated().unwrap();
    assert_ne!(one.pid(), two.pid());
    assert!(matches!(shop.pool.dedicated(), Err(Unavailable::Full { limit: 2 })));

    assert_eq!(all(one.open(request("a", 1, "echo", None)).await.unwrap()).await, "r");
    let _hanging = one.open(request("a", 2, "hang", None)).await.unwrap();
    assert!(matches!(one.open(request("a", 2, "echo", None)).await, Err(OpenError::InUse)));
    assert_eq!(all(two.open(request("b", 2, "echo", None)).await.unwrap()).await, "r");

    assert_eq!(within(one.close()).await.end, End::StdinClosed);
    assert_eq!(within(unsolicited.next()).await, None);
    drop(two);
    until(|| matches!(shop.pool.state(), ChildState::Idle)).await;
    assert!(shop.pool.dedicated().is_ok());
}

#[tokio::test]
async fn a_session_gets_requests_of_the_server_and_what_belongs_to_no_request() {
    let shop = Fixture::new(|_| {});
    let (session, mut unsolicited) = shop.pool.dedicated().unwrap();
    let _asking = session.open(request("a", 1, "ask", None)).await.unwrap();
    assert_eq!(within(unsolicited.next()).await.unwrap(), r#"{"id":"s1","method":"sampling/createMessage"}"#);
    session.send(Bytes::from_static(br#"{"id":"s1","result":{}}"#)).await.unwrap();
    let answered = within(unsolicited.next()).await.unwrap();
    assert_eq!(answered, r#"{"method":"notifications/answered","params":{"id":"s1","result":{}}}"#);
}

#[tokio::test]
async fn a_request_of_the_server_that_no_client_can_take_is_answered_with_an_error() {
    let shop = Fixture::new(|_| {});
    let (session, unsolicited) = shop.pool.dedicated().unwrap();
    drop(unsolicited);
    let _one = session.open(request("a", 1, "ask", None)).await.unwrap();
    let _two = shop.shared("a", 1, "ask").await.unwrap();
    until(|| shop.metric(r#"child_messages_dropped_total{server="shop",why="Declined"} 2"#)).await;
}

#[tokio::test]
async fn a_session_that_crashes_its_child_keeps_nobody_else_waiting() {
    let shop = Fixture::new(|_| {});
    let (session, _unsolicited) = shop.pool.dedicated().unwrap();
    assert_eq!(all(session.open(request("a", 1, "echo", None)).await.unwrap()).await, "r");
    assert_eq!(all(session.open(request("a", 2, "die", None)).await.unwrap()).await, "gone");
    assert_eq!(within(session.ended()).await.code(), 3);
    assert!(session.send(Bytes::from_static(b"{}")).await.is_err());
    assert!(shop.pool.dedicated().is_ok());
}

#[tokio::test]
async fn a_child_that_does_not_read_is_replaced() {
    let shop = Fixture::new(|settings| {
        settings.child.command = ["sh", "-c", "trap '' TERM; sleep 1000"].map(std::ffi::OsString::from).to_vec();
        settings.child.send_timeout = Duration::from_millis(50);
        settings.child.stdin_close_grace = Duration::from_millis(50);
        settings.child.term_grace = Duration::from_millis(50);
    });
    let mut open = Vec::new();
    let refused = loop {
        let mut request = request("a", u32::try_from(open.len()).unwrap(), "x", None);
        request.line = vec![b' '; 100_000].into();
        match shop.pool.shared(request).await {
            Ok(exchange) => open.push(exchange),
            Err(error) => break error,
        }
        assert!(open.len() < 60);
    };
    assert!(matches!(refused, OpenError::Send(SendError::NotReading)), "{refused}");
    let stuck = open.first().unwrap().pid();
    let next = shop.shared("a", 1000, "x").await.unwrap();
    assert_ne!(next.pid(), stuck);
    assert_eq!(all(open.remove(0)).await, "gone");
}

#[tokio::test]
async fn a_message_with_a_line_break_starts_no_child() {
    let shop = Fixture::new(|_| {});
    let mut request = request("a", 1, "echo", None);
    request.line = Bytes::from_static(b"{\"id\":1,\r\"method\":\"echo\"}");
    assert!(matches!(shop.pool.shared(request).await, Err(OpenError::Send(SendError::LineBreak))));
    assert!(matches!(shop.pool.state(), ChildState::Idle));
}

#[tokio::test]
async fn closing_the_pool_ends_every_child_and_starts_no_more() {
    let shop = Fixture::new(|_| {});
    let hanging = shop.shared("a", 1, "hang").await.unwrap();
    let (session, _unsolicited) = shop.pool.dedicated().unwrap();
    within(shop.pool.close()).await;
    assert_eq!(all(hanging).await, "gone");
    assert_eq!(within(session.ended()).await.end, End::StdinClosed);
    assert!(matches!(shop.shared("a", 2, "echo").await, Err(OpenError::Unavailable(Unavailable::Stopping))));
    assert!(matches!(shop.pool.dedicated(), Err(Unavailable::Stopping)));
}

#[tokio::test]
async fn dropping_the_pool_ends_its_children() {
    let shop = Fixture::new(|_| {});
    let (session, _unsolicited) = shop.pool.dedicated().unwrap();
    drop(shop);
    assert_eq!(within(session.ended()).await.end, End::StdinClosed);
}
