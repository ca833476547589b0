//! Several witnesses, some of them down: our own client and our own witness against each other over real sockets.

use std::collections::BTreeMap;

use tempfile::TempDir;

use super::*;
use crate::audit::ship::fixtures::log::{FakeLog, ORIGIN};
use crate::audit::ship::meter::Trouble;
use crate::audit::ship::witness::service::{MAX_BODY, Service, Settings};
use crate::audit::tlog::{Algorithm, KeyName};
use crate::clock::Clock;
use crate::outbound;

/// A witness of our own on a socket; its directory is `home`.
async fn witness(home: &Path, name: &str) -> WitnessSettings {
    use axum::body::Bytes;
    use axum::http::{StatusCode, header};

    let logs = BTreeMap::from([(ORIGIN.to_owned(), vec![FakeLog::of(0).key().verifier().clone()])]);
    let settings = Settings { directory: home.to_owned(), name: KeyName::new(name).unwrap(), logs };
    let service = Arc::new(Service::open(&settings, Clock::System).unwrap());
    let key = service.verifier().clone();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    let answer = async move |body: Bytes| {
        assert!(body.len() <= MAX_BODY);
        let answer = service.add_checkpoint(&body);
        (StatusCode::from_u16(answer.status).unwrap(), [(header::CONTENT_TYPE, answer.content_type)], answer.body)
    };
    let routes = axum::Router::new().route("/add-checkpoint", axum::routing::post(answer));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    WitnessSettings { url, key }
}

/// One whose address nobody listens on.
fn nobody(name: &str) -> WitnessSettings {
    let key = crate::audit::ship::fixtures::log::cosigner(name, 77).verifier().clone();
    WitnessSettings { url: "http://127.0.0.1:1/".parse().unwrap(), key }
}

fn gatherer(log: &Arc<FakeLog>, witnesses: &[WitnessSettings], quorum: usize, home: &Path) -> Gatherer {
    let settings = GatherSettings {
        witnesses: witnesses.to_vec(),
        quorum,
        interval: Duration::from_millis(50),
        grace: Duration::from_secs(5),
    };
    let outbound = Outbound::new(outbound::Settings::default()).unwrap();
    Gatherer::new(log.clone(), &settings, home, &outbound).unwrap()
}

async fn cosigned_at(newest: &mut watch::Receiver<Option<Arc<SignedCheckpoint>>>, size: u64) -> Arc<SignedCheckpoint> {
    let reached =
        |newest: &Option<Arc<SignedCheckpoint>>| newest.as_ref().is_some_and(|newest| newest.checkpoint().size() >= size);
    let waited = tokio::time::timeout(Duration::from_secs(20), newest.wait_for(reached)).await;
    waited.unwrap().unwrap().clone().unwrap()
}

#[tokio::test]
async fn a_checkpoint_is_kept_when_enough_have_cosigned_it_and_one_is_down() {
    let homes = [TempDir::new().unwrap(), TempDir::new().unwrap(), TempDir::new().unwrap()];
    let witnesses =
        [witness(homes[0].path(), "w.example/1").await, nobody("w.example/2"), witness(homes[1].path(), "w.example/3").await];
    let (log, home) = (FakeLog::of(5), homes[2].path());
    let gatherer = gatherer(&log, &witnesses, 2, home);
    let (mut newest, stop, meters) = (gatherer.cosigned(), Stop::new(), gatherer.meters());
    assert_eq!(*newest.borrow(), None);
    let task = tokio::spawn(gatherer.run(stop.clone()));
    for grown in [0, 1, 300] {
        log.append(grown);
        let cosigned = cosigned_at(&mut newest, log.size()).await;
        let keys: Vec<_> = witnesses.iter().map(|witness| witness.key.clone()).collect();
        assert_eq!(cosigned.note().verify(&keys).unwrap().count(Algorithm::Cosignature), 2);
        let trust = log.trust().with_witnesses(keys, 2).unwrap();
        assert!(trust.verify(&cosigned).is_ok());
        assert_eq!(std::fs::read_to_string(home.join("cosigned")).unwrap(), cosigned.to_string());
    }
    let troubled: Vec<_> = meters.iter().map(|meter| matches!(meter.standing().trouble, Some(Trouble::Failing(_)))).collect();
    assert_eq!(troubled, [false, true, false]);
    // The last record of the log is cosigned too.
    log.append(1);
    stop.request();
    task.await.unwrap().unwrap();
    assert_eq!(newest.borrow().as_ref().unwrap().checkpoint().size(), 307);
}

#[tokio::test]
async fn too_few_cosignatures_are_kept_nowhere_until_the_missing_one_comes() {
    let homes = [TempDir::new().unwrap(), TempDir::new().unwrap(), TempDir::new().unwrap()];
    let (first, second) = (witness(homes[0].path(), "w.example/1").await, witness(homes[1].path(), "w.example/2").await);
    let (log, home) = (FakeLog::of(5), homes[2].path());
    let absent = WitnessSettings { url: "http://127.0.0.1:1/".parse().unwrap(), ..second.clone() };
    let mut alone = gatherer(&log, &[first.clone(), absent], 2, home);
    alone.round().await;
    alone.round().await;
    assert!(alone.cosigned().borrow().is_none() && !home.join("cosigned").exists());
    let mut both = gatherer(&log, &[first, second], 2, home);
    both.round().await;
    assert_eq!(both.cosigned().borrow().as_ref().unwrap().note().signatures().len(), 3);
    assert!(both.is_complete());
}

#[tokio::test]
async fn what_was_cosigned_is_there_after_a_restart_unless_it_is_worth_nothing_any_more() {
    let homes = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let one = witness(homes[0].path(), "w.example/1").await;
    let (log, home) = (FakeLog::of(5), homes[1].path());
    gatherer(&log, std::slice::from_ref(&one), 1, home).round().await;
    let size = |gatherer: &Gatherer| gatherer.cosigned().borrow().as_ref().map(|kept| kept.checkpoint().size());
    assert_eq!(size(&gatherer(&log, std::slice::from_ref(&one), 1, home)), Some(5));
    assert_eq!(size(&gatherer(&log, &[one.clone(), nobody("w.example/2")], 2, home)), None);
    assert_eq!(size(&gatherer(&log, &[nobody("w.example/2")], 1, home)), None);
    std::fs::write(home.join("cosigned"), "x").unwrap();
    assert_eq!(size(&gatherer(&log, &[one], 1, home)), None);
}

#[tokio::test]
async fn a_witness_that_contradicts_is_told_and_the_others_still_count() {
    let homes = [TempDir::new().unwrap(), TempDir::new().unwrap(), TempDir::new().unwrap(), TempDir::new().unwrap()];
    let witnesses = [witness(homes[0].path(), "w.example/1").await, witness(homes[1].path(), "w.example/2").await];
    // The second has seen a longer log of the same key.
    gatherer(&FakeLog::of(50), &witnesses[1..], 1, homes[2].path()).round().await;
    let log = FakeLog::of(20);
    let mut gatherer = gatherer(&log, &witnesses, 1, homes[3].path());
    gatherer.round().await;
    assert_eq!(gatherer.cosigned().borrow().as_ref().unwrap().note().signatures().len(), 2);
    let troubles: Vec<_> = gatherer.meters().iter().map(|meter| meter.standing().trouble).collect();
    let told =
        troubles.iter().flatten().any(|trouble| matches!(trouble, Trouble::Failing(why) if why.contains("has seen 50 records")));
    assert!(told, "{troubles:?}");
}
