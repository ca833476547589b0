//! One witness that is asked, against answers of every kind, over a real socket.

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::*;
use crate::audit::ship::fixtures::log::{FakeLog, cosigner};
use crate::audit::tlog::Cosigner;
use crate::audit::tlog::witness::{KnownLog, Witness};
use crate::outbound;

/// Answers by the number of the request and its body: status, type, text.
type Script = Box<dyn Fn(usize, &str) -> (u16, &'static str, String) + Send + Sync>;

struct Fake {
    script: Script,
    bodies: Mutex<Vec<String>>,
}

async fn fake(script: impl Fn(usize, &str) -> (u16, &'static str, String) + Send + Sync + 'static) -> (Arc<Fake>, Uri) {
    async fn answer(State(fake): State<Arc<Fake>>, body: String) -> axum::response::Response {
        let number = fake.bodies.lock().len();
        let (status, kind, text) = (fake.script)(number, &body);
        fake.bodies.lock().push(body);
        let mut response = axum::response::Response::new(text.into());
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        response.headers_mut().insert(header::CONTENT_TYPE, kind.parse().unwrap());
        response.headers_mut().insert(header::RETRY_AFTER, "7".parse().unwrap());
        if status == 599 { std::future::pending().await } else { response }
    }
    let fake = Arc::new(Fake { script: Box::new(script), bodies: Mutex::default() });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/w", listener.local_addr().unwrap()).parse().unwrap();
    let routes = Router::new().route("/w/add-checkpoint", post(answer)).with_state(Arc::clone(&fake));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (fake, url)
}

fn key() -> Cosigner {
    cosigner("witness.example/one", 2)
}

/// A witness in memory that has seen `seen`.
fn witness(seen: &FakeLog) -> impl Fn(usize, &str) -> (u16, &'static str, String) + Send + Sync + 'static {
    let known = KnownLog::new(vec![seen.key().verifier().clone()], Some(seen.checkpoint().checkpoint())).unwrap();
    let witness = Mutex::new(Witness::new([(crate::audit::ship::fixtures::log::ORIGIN.to_owned(), known)].into()));
    move |_, body| match witness.lock().judge(body.as_bytes()) {
        Ok(accepted) => (200, "text/plain", accepted.commit(|_| Ok::<_, ()>(())).unwrap().cosign(&key(), 1_700_000_000)),
        Err(refusal) => (refusal.status(), SIZE_TYPE, refusal.size_body().unwrap_or_default()),
    }
}

fn peer(url: Uri, directory: &TempDir) -> Peer {
    let outbound = Outbound::new(outbound::Settings::default()).unwrap();
    let settings = WitnessSettings { url, key: key().verifier().clone() };
    Peer::new(&settings, directory.path(), outbound, Duration::from_millis(700)).unwrap()
}

async fn ask(peer: &mut Peer, log: &Arc<FakeLog>) -> Result<Vec<Signature>, AskError> {
    let source: Arc<dyn Source> = log.clone();
    peer.ask(&source, &log.checkpoint()).await
}

#[tokio::test]
async fn a_log_that_grows_is_cosigned_each_time_and_each_time_from_where_it_was() {
    let (directory, log) = (TempDir::new().unwrap(), FakeLog::of(5));
    let (fake, url) = fake(witness(&FakeLog::of(0))).await;
    let mut one = peer(url.clone(), &directory);
    for grown in [0, 1, 300] {
        log.append(grown);
        let cosignatures = ask(&mut one, &log).await.unwrap();
        assert_eq!(cosignatures.len(), 1);
        let cosigned = log.checkpoint().as_ref().clone().with(cosignatures[0].clone()).unwrap();
        assert!(cosigned.note().verify(&[key().verifier().clone()]).is_ok() && one.has_signed(&cosigned));
        assert_eq!(one.cosigned(), log.size());
    }
    // After a restart it goes on, with one question.
    let mut again = peer(url, &directory);
    log.append(10);
    ask(&mut again, &log).await.unwrap();
    let olds: Vec<_> = fake.bodies.lock().iter().map(|body| body.lines().next().unwrap().to_owned()).collect();
    assert_eq!(olds, ["old 0", "old 5", "old 6", "old 306"]);
}

#[tokio::test]
async fn a_conflict_is_resolved_from_the_size_that_the_witness_names() {
    for (ours, seen) in [(0, 200), (250, 200), (250, 300), (250, 0)] {
        let (directory, log) = (TempDir::new().unwrap(), FakeLog::of(300));
        let (fake, url) = fake(witness(&FakeLog::of(seen))).await;
        let mut peer = peer(url, &directory);
        peer.keep(ours, *FakeLog::of(ours).checkpoint().checkpoint().root()).await.unwrap();
        assert_eq!(ask(&mut peer, &log).await.unwrap().len(), 1, "{ours} and {seen}");
        assert_eq!(fake.bodies.lock().len(), 2);
        assert_eq!(peer.cosigned(), 300);
    }
}

#[tokio::test]
async fn a_witness_that_has_seen_another_log_is_reported_as_that() {
    let rolled_back = (FakeLog::of(900), "has seen 900 records of this log, which has 300");
    let other_before = (FakeLog::telling("other", 200), "other records than the first 200 of this log");
    let other_now = (FakeLog::telling("other", 300), "other records than the first 300 of this log");
    for (seen, expected) in [rolled_back, other_before, other_now] {
        let (directory, log) = (TempDir::new().unwrap(), FakeLog::of(300));
        let (_fake, url) = fake(witness(&seen)).await;
        let error = ask(&mut peer(url, &directory), &log).await.unwrap_err();
        assert!(error.to_string().contains(expected) && error.is_lasting(), "{error}");
    }
}

#[tokio::test]
async fn a_log_that_is_not_what_was_cosigned_is_not_even_asked_about() {
    for (then, now) in [(FakeLog::of(300), FakeLog::of(200)), (FakeLog::telling("other", 100), FakeLog::of(200))] {
        let directory = TempDir::new().unwrap();
        let (fake, url) = fake(witness(&FakeLog::of(0))).await;
        ask(&mut peer(url.clone(), &directory), &then).await.unwrap();
        let error = ask(&mut peer(url, &directory), &now).await.unwrap_err();
        assert!(matches!(error, AskError::Ahead { seen: 300, found: 200 } | AskError::Forked(100)), "{error}");
        assert_eq!(fake.bodies.lock().len(), 1);
    }
}

#[tokio::test]
async fn each_other_answer_is_an_error_that_says_what_to_do() {
    let forged = cosigner("witness.example/one", 9);
    let log = FakeLog::of(300);
    let foreign = move |_: usize, body: &str| {
        // Cosigned, by a key of the same name that is not the one we know.
        let known = KnownLog::new(vec![FakeLog::of(0).key().verifier().clone()], None).unwrap();
        let mut witness = Witness::new([(crate::audit::ship::fixtures::log::ORIGIN.to_owned(), known)].into());
        let accepted = witness.judge(body.as_bytes()).unwrap();
        (200, "text/plain", accepted.commit(|_| Ok::<_, ()>(())).unwrap().cosign(&forged, 1))
    };
    let plain = |status: u16, kind: &'static str, text: &'static str| move |_: usize, _: &str| (status, kind, text.to_owned());
    let table: Vec<(Script, &str)> = vec![
        (Box::new(plain(404, "text/plain", "")), "does not know this log (404)"),
        (Box::new(plain(403, "text/plain", "")), "does not know the key that signed (403)"),
        (Box::new(plain(400, "text/plain", "")), "refuses with 400"),
        (Box::new(plain(302, "text/plain", "")), "refuses with 302"),
        (Box::new(plain(201, "text/plain", "")), "refuses with 201"),
        (Box::new(plain(409, "text/plain", "7\n")), "refuses with 409"),
        (Box::new(plain(409, SIZE_TYPE, "07\n")), "refuses with 409"),
        (Box::new(plain(409, SIZE_TYPE, "0\n")), "other records than the first 0 "),
        (Box::new(|number, _| (409, SIZE_TYPE, format!("{}\n", 10 + number))), "keeps naming other sizes"),
        (Box::new(plain(429, "text/plain", "")), "answers 429"),
        (Box::new(plain(503, "text/plain", "")), "answers 503"),
        (Box::new(plain(200, "text/plain", "")), "not lines of signatures"),
        (Box::new(plain(200, "text/plain", "hello\n")), "not lines of signatures"),
        (Box::new(foreign), "has no good cosignature"),
        (Box::new(plain(599, "text/plain", "")), "did not "),
    ];
    for (script, expected) in table {
        let directory = TempDir::new().unwrap();
        let (_fake, url) = fake(script).await;
        let error = ask(&mut peer(url, &directory), &log).await.unwrap_err();
        assert!(super::super::super::hitch::told(&error).contains(expected), "{expected}: {error}");
        let rest = matches!(error, AskError::Busy { .. }).then_some(Duration::from_secs(7));
        assert_eq!(error.rest(), rest, "{error}");
    }
}
