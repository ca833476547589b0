//! Everything together at the start: what contradicts the log keeps it from opening, what is down does not.

use std::path::Path;

use tempfile::TempDir;

use super::super::fixtures::log::FakeLog;
use super::super::fixtures::s3::{FakeS3, Trouble as Fault};
use super::*;
use crate::outbound;

fn settings(directory: &Path) -> Settings {
    Settings {
        directory: directory.to_owned(),
        export: Vec::new(),
        export_interval: Duration::from_secs(1),
        anchors: Vec::new(),
        anchor_interval: Duration::from_secs(1),
        witnesses: Vec::new(),
        quorum: 0,
        options: StoreOptions::default(),
        deadline: Duration::from_secs(2),
        grace: Duration::from_secs(2),
    }
}

async fn open(settings: &Settings, log: &Arc<FakeLog>) -> Result<Shipping, ShipError> {
    let source: Arc<dyn Source> = log.clone();
    let outbound = Outbound::new(outbound::Settings::default()).unwrap();
    Shipping::open(settings, &source, &outbound, &mut Registry::default()).await
}

async fn run_once(settings: &Settings, log: &Arc<FakeLog>) -> Board {
    let shipping = open(settings, log).await.unwrap();
    let (board, stop) = (shipping.board(), Stop::new());
    let mut tasks = Tasks::new(stop.clone());
    shipping.start(&mut tasks, &stop);
    stop.request();
    tasks.wait(Duration::from_secs(10)).await.unwrap();
    board
}

#[tokio::test]
async fn a_log_opens_against_places_that_hold_its_past_and_not_against_others() {
    let outside = TempDir::new().unwrap();
    let file = AnchorPlace::File(outside.path().join("anchor"));
    let folder = AnchorPlace::Store(Location::directory(&outside.path().join("folder")).unwrap());
    let export = Location::directory(&outside.path().join("export")).unwrap();
    let home = TempDir::new().unwrap();
    let all = Settings { anchors: vec![file.clone(), folder.clone()], export: vec![export.clone()], ..settings(home.path()) };
    let log = FakeLog::of(300);
    let board = run_once(&all, &log).await;
    for standing in board.anchors().iter().chain(&board.exports()) {
        assert_eq!((standing.lag_records, &standing.trouble), (0, &None), "{standing:?}");
    }
    assert_eq!(board.contradiction(), None);
    log.append(100);
    assert!(open(&all, &log).await.is_ok());

    // Each of them alone is enough, also when the whole directory of the log was put back.
    let elsewhere = TempDir::new().unwrap();
    let empty = settings(elsewhere.path());
    let each = [
        Settings { anchors: vec![file], ..empty.clone() },
        Settings { anchors: vec![folder], ..empty.clone() },
        Settings { export: vec![export], ..empty.clone() },
        Settings { export: all.export.clone(), ..settings(home.path()) },
    ];
    for settings in &each {
        let rolled_back = open(settings, &FakeLog::of(299)).await.map(drop).unwrap_err();
        assert!(rolled_back.to_string().contains("rolled back"), "{rolled_back}");
        let forked = open(settings, &FakeLog::telling("other", 400)).await.map(drop).unwrap_err();
        assert!(forked.to_string().contains("history of the audit log was changed"), "{forked}");
    }
}

#[tokio::test]
async fn a_place_that_is_down_or_slow_does_not_keep_the_log_from_opening() {
    let home = TempDir::new().unwrap();
    for fault in [Fault::Answer(503), Fault::Silent, Fault::Half] {
        let server = FakeS3::start(move |_, _, _| fault).await;
        let endpoint = format!("http://{}", server.address);
        let options = [("AWS_ENDPOINT_URL", &*endpoint), ("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret")];
        let down = Settings {
            export: vec!["s3://bucket/copy".parse().unwrap()],
            anchors: vec![AnchorPlace::Store("s3://bucket/anchor".parse().unwrap())],
            options: options.into_iter().collect(),
            ..settings(home.path())
        };
        let opened = tokio::time::timeout(START_DEADLINE + Duration::from_secs(2), open(&down, &FakeLog::of(10))).await.unwrap();
        assert!(opened.is_ok(), "{fault:?}");
    }
}

#[tokio::test]
async fn an_export_into_the_copy_of_another_log_is_not_the_end_of_the_start() {
    let (outside, home) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    std::fs::create_dir(outside.path().join("copy")).unwrap();
    std::fs::write(
        outside.path().join("copy/checkpoint"),
        "other.example\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n\u{2014} x AAAAAAA=\n",
    )
    .unwrap();
    let place = Location::directory(&outside.path().join("copy")).unwrap();
    let export = Settings { export: vec![place.clone()], ..settings(home.path()) };
    let board = run_once(&export, &FakeLog::of(10)).await;
    assert!(matches!(board.exports()[0].trouble, Some(Trouble::Stopped(_))), "{board:?}");
    assert_eq!(std::fs::read_dir(outside.path().join("copy")).unwrap().count(), 1, "nothing was sent there");
    // An anchor there could never tell anything.
    let anchor = Settings { anchors: vec![AnchorPlace::Store(place)], ..settings(home.path()) };
    let error = open(&anchor, &FakeLog::of(10)).await.map(drop).unwrap_err();
    assert!(error.to_string().contains("has not signed"), "{error}");
}

#[tokio::test]
async fn an_anchor_that_contradicts_while_the_sidecar_runs_is_on_the_board() {
    let (outside, home) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let place = outside.path().join("anchor");
    let anchored = Settings { anchors: vec![AnchorPlace::File(place.clone())], ..settings(home.path()) };
    let log = FakeLog::of(10);
    let shipping = open(&anchored, &log).await.unwrap();
    let (board, stop) = (shipping.board(), Stop::new());
    let mut tasks = Tasks::new(stop.clone());
    shipping.start(&mut tasks, &stop);
    while !place.exists() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    std::fs::write(&place, FakeLog::of(500).checkpoint().to_string()).unwrap();
    log.append(1);
    let contradiction = async {
        loop {
            match board.contradiction() {
                Some(why) => break why,
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    let why = tokio::time::timeout(Duration::from_secs(10), contradiction).await.unwrap();
    assert!(why.contains("has seen 500 records, the log has 11"), "{why}");
    stop.request();
    tasks.wait(Duration::from_secs(5)).await.unwrap();
}
