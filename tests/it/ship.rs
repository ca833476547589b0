//! Two of our own programs against each other: a log that asks for cosignatures, and a sidecar that is a witness.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cedarpost::audit::ship::{Settings, Shipping, Source, StoreOptions, WitnessSettings};
use cedarpost::audit::tlog::{SignedCheckpoint, VerifierKey};
use cedarpost::lifecycle::{Stop, Tasks};
use cedarpost::outbound::{self, Outbound};
use prometheus_client::registry::Registry;

use super::support::{Home, Sidecar, free_port};

#[path = "../ship/memory.rs"]
mod memory;

use memory::Memory;

const ORIGIN: &str = "audit.example/cosigned";

/// A sidecar that is a witness for the log, and the port of the witness.
fn home(log: &Memory) -> (Home, u16) {
    let port = free_port();
    let home = Home::new("127.0.0.1:1".parse().unwrap(), "permit (principal, action, resource);");
    let directory = home.audit().with_file_name("witness");
    let witness = format!(
        "[witness]\naddress = \"127.0.0.1:{port}\"\nname = \"witness.example/sidecar\"\ndirectory = \"{}\"\n[[witness.log]]\nkey = \"{}\"\n",
        directory.display(),
        log.key()
    );
    (home.with_server(&witness), port)
}

fn key(home: &Home) -> VerifierKey {
    let text = std::fs::read_to_string(home.audit().with_file_name("witness").join("vkey")).unwrap();
    text.trim().parse().unwrap()
}

async fn ship(log: &Arc<Memory>, directory: &Path, witness: WitnessSettings) -> Shipping {
    let settings = Settings {
        directory: directory.to_owned(),
        export: Vec::new(),
        export_interval: Duration::from_secs(1),
        anchors: Vec::new(),
        anchor_interval: Duration::from_millis(50),
        witnesses: vec![witness],
        quorum: 1,
        options: StoreOptions::default(),
        deadline: Duration::from_secs(5),
        grace: Duration::from_secs(5),
    };
    let source: Arc<dyn Source> = log.clone();
    let outbound = Outbound::new(outbound::Settings::default()).unwrap();
    Shipping::open(&settings, &source, &outbound, &mut Registry::default()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sidecar_cosigns_the_log_of_another_and_remembers_it_after_a_kill() {
    let log = Memory::new(ORIGIN, "record", 3);
    let (home, port) = home(&log);
    let sidecar = Sidecar::start(&home).await;
    let witness = WitnessSettings { url: format!("http://127.0.0.1:{port}").parse().unwrap(), key: key(&home) };
    let directory = tempfile::tempdir().unwrap();
    let shipping = ship(&log, directory.path(), witness.clone()).await;
    let (mut newest, stop) = (shipping.cosigned().unwrap(), Stop::new());
    let mut tasks = Tasks::new(stop.clone());
    shipping.start(&mut tasks, &stop);
    let trust = log.trust().with_witnesses(vec![witness.key.clone()], 1).unwrap();
    let mut cosigned_at = async |size: u64| {
        let reached = |newest: &Option<Arc<SignedCheckpoint>>| newest.as_ref().is_some_and(|it| it.checkpoint().size() == size);
        let cosigned = tokio::time::timeout(Duration::from_secs(30), newest.wait_for(reached)).await.expect("in time");
        trust.verify(cosigned.unwrap().as_ref().unwrap()).expect("it is cosigned");
    };
    cosigned_at(3).await;
    log.append(300);
    cosigned_at(303).await;

    sidecar.kill().await;
    log.append(10);
    let sidecar = Sidecar::start(&home).await;
    assert_eq!(key(&home), witness.key);
    cosigned_at(313).await;
    stop.request();
    tasks.wait(Duration::from_secs(10)).await.unwrap();

    // Another history of the same log gets nothing, and neither does a shorter one.
    for other in [Memory::new(ORIGIN, "other", 400), Memory::new(ORIGIN, "record", 100)] {
        let directory = tempfile::tempdir().unwrap();
        let shipping = ship(&other, directory.path(), witness.clone()).await;
        let (board, newest, stop) = (shipping.board(), shipping.cosigned().unwrap(), Stop::new());
        let mut tasks = Tasks::new(stop.clone());
        shipping.start(&mut tasks, &stop);
        let refused = async {
            while board.witnesses()[0].trouble.is_none() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), refused).await.expect("it is refused in time");
        assert!(newest.borrow().is_none(), "{:?}", board.witnesses());
        stop.request();
        tasks.wait(Duration::from_secs(10)).await.unwrap();
    }
    sidecar.stop().await;
}
