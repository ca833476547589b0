//! Services that ask over gRPC while the disk takes its time: nobody waits longer than they said, and what was begun is recorded.

use std::fs;
use std::time::{Duration, Instant};

use prost::Message as _;
use tonic::Code;

use super::shim::{Action, Control, Rule, Shim, Watch};
use crate::support::{Asked, asked, cedarpost, framed};

/// How long the disk takes for what it does at once otherwise.
const SLOW: u32 = 1_500;

/// A lab on a disk that does this to each sync while it is armed.
async fn on_a_disk_that(shim: &Shim, action: Action) -> (Asked, Control) {
    let mut disk = None;
    let lab = Asked::with("", |home| {
        let control = home.path("control");
        disk = Some(Control::create(&control));
        fs::create_dir(home.audit()).unwrap();
        let rule = Rule { kind: "fdatasync", path: "/db", first: 1, count: 0, action };
        let watch = Watch { root: home.audit(), control: Some(control), rules: vec![rule], ..Watch::default() };
        let environment = watch.environment(shim).into_iter();
        environment.map(|(name, value)| (name, value.into_string().unwrap())).collect()
    });
    (lab.await, disk.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_cannot_be_written_gives_no_decision() {
    let Some(shim) = Shim::get() else { return };
    let (lab, disk) = on_a_disk_that(&shim, Action::Fail("EIO")).await;
    let place = format!("http://{}", lab.grpc);
    let words = ["check", "--remote", &place, "--agent", "assistant", "--actor", "alice", "--tool", "lab/echo"];
    assert_eq!(cedarpost(&words).await.status.code(), Some(0));
    disk.arm(true);
    for how in [&[][..], &["--dry-run"]] {
        let output = cedarpost(&[&words[..], how].concat()).await;
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{how:?}: {error}");
        assert!(error.contains("gives no decision: UNAVAILABLE: Not executed: the decision could not be recorded."), "{error}");
    }
    disk.arm(false);
    let comes_back = async {
        while cedarpost(&words).await.status.code() != Some(0) {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(40), comes_back).await.expect("it comes back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_that_nobody_waits_for_any_more_is_recorded_all_the_same() {
    let Some(shim) = Shim::get() else { return };
    let (lab, disk) = on_a_disk_that(&shim, Action::Hang(SLOW)).await;
    let mut client = lab.client().await;
    client.check(asked("echo")).await.unwrap();
    disk.arm(true);

    let (began, question) = (Instant::now(), framed(&asked("echo").encode_to_vec()));
    assert_eq!(lab.send("/cedarpost.v1.DecisionService/Check", Some("300m"), question).await, Code::DeadlineExceeded);
    assert!(began.elapsed() < Duration::from_millis(u64::from(SLOW)), "{:?}", began.elapsed());

    for tool in ["echo", "destroy"] {
        let mut gone = lab.client().await;
        let question = tokio::spawn(async move { gone.check(asked(tool)).await });
        tokio::time::sleep(Duration::from_millis(300)).await;
        question.abort();
        assert!(question.await.unwrap_err().is_cancelled(), "nobody was told");
    }
    disk.arm(false);
    let pending = client.check(asked("destroy")).await.unwrap().into_inner().pending;
    assert!(pending.is_some(), "people are asked");
    lab.assert_well().await;
    let records = lab.checks().await;
    let told: Vec<_> =
        records.iter().map(|record| (record["tool"].as_str().unwrap(), record["decision"].as_str().unwrap())).collect();
    let (allowed, asks) = (("echo", "allow"), ("destroy", "require_approval"));
    assert_eq!(told, [allowed, allowed, allowed, asks, asks, allowed]);
}
