//! Services that ask over gRPC while the disk takes its time: nobody waits longer than they said, and what was begun is recorded.

use std::fs;
use std::time::{Duration, Instant};

use prost::Message as _;
use tonic::Code;

use super::shim::{Action, Control, Rule, Shim, Watch};
use crate::support::{Asked, asked, framed};

/// How long the disk takes for what it does at once otherwise.
const SLOW: u32 = 1_500;

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_that_nobody_waits_for_any_more_is_recorded_all_the_same() {
    let Some(shim) = Shim::get() else { return };
    let mut disk = None;
    let lab = Asked::with("", |home| {
        let control = home.path("control");
        disk = Some(Control::create(&control));
        fs::create_dir(home.audit()).unwrap();
        let slow = Rule { kind: "fdatasync", path: "/db", first: 1, count: 0, action: Action::Hang(SLOW) };
        let watch = Watch { root: home.audit(), control: Some(control), rules: vec![slow], ..Watch::default() };
        let environment = watch.environment(&shim).into_iter();
        environment.map(|(name, value)| (name, value.into_string().unwrap())).collect()
    })
    .await;
    let (disk, mut client) = (disk.unwrap(), lab.client().await);
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
