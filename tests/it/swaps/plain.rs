//! What happens to a volume besides good exchanges: bad sets, no set at all, a volume that comes late, and a system that gives no events.

use super::*;
use crate::support::{Served, until};

const ALLOW: &str = "@id(\"all\")\npermit (principal, action, resource);\n";
const DENY: &str = "@id(\"none\")\nforbid (principal, action, resource);\n";

/// A sidecar whose policies are in a volume; `wrap` is put before its command line.
async fn over(desk: &Desk, upstream: &Upstream, more: &str, wrap: Option<&str>) -> Served {
    desk.configure(&format!("url = 'http://{}/mcp'", upstream.address), more);
    let Some(script) = wrap else { return desk.serve().await };
    let mut command = tokio::process::Command::new("unshare");
    command.args(["-Urm", "sh", "-c", &format!("{script}; exec \"$0\" serve --config \"$1\""), env!("CARGO_BIN_EXE_cedarpost")]);
    command.arg(desk.config());
    Served::start(command).await
}

/// Whether one may have namespaces of one's own here.
fn may_unshare() -> bool {
    let may = std::process::Command::new("unshare").args(["-Urm", "true"]).status().is_ok_and(|status| status.success());
    if !may {
        println!("no namespaces are to be had here: not tried");
    }
    may
}

async fn ready(served: &Served, status: u16) -> Value {
    for _ in 0..500 {
        if served.get("/readyz").await.status == status {
            return served.get("/readyz?verbose").await.json()["checks"][0].clone();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never: {:?}\n{}", served.get("/readyz?verbose").await, served.log());
}

/// Calls until the answer is yes or no as expected.
async fn answers(client: &mut Mcp, yes: bool) {
    for turn in 0..1000 {
        if client.call(&format!("{turn}"), "echo", json!({})).await.unwrap().is_good() == yes {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never");
}

fn volume(desk: &Desk) -> Volume {
    fs::remove_dir_all(desk.path("policies")).unwrap();
    Volume::at(desk.path("policies"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_set_leaves_the_last_good_one_and_no_set_at_all_allows_nothing() {
    let (upstream, desk) = (Upstream::start().await, Desk::new(""));
    let mut volume = volume(&desk);
    volume.swap(&files([("lab.cedar", ALLOW)]));
    let served = over(&desk, &upstream, "", None).await;
    let mut client = Mcp::connect(served.mcp, Era::Modern).await.unwrap();
    answers(&mut client, true).await;
    let good = served.status().await["policy"]["fingerprint"].clone();

    volume.swap(&files([("lab.cedar", DENY), ("more.cedar", "permit (\n")]));
    let accepted = "cedarpost_policy_last_load_accepted";
    let mut told = Value::Null;
    for _ in 0..500 {
        told = served.get("/readyz?verbose").await.json()["checks"][0].clone();
        if !told["problems"].is_null() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!((&told["ok"], served.get("/readyz").await.status), (&json!(true), 200), "{told}");
    let detail = told["detail"].as_str().unwrap();
    assert!(detail.contains("the last good ones") && detail.contains(good.as_str().unwrap()), "{detail}");
    assert!(told["problems"][0].as_str().unwrap().contains("more.cedar:"), "{told}");
    assert!(client.call("still", "echo", json!({})).await.unwrap().is_good());
    assert_eq!(served.metric(accepted).await.as_deref(), Some("0"));
    assert_eq!(served.metric("cedarpost_policy_in_force").await.as_deref(), Some("1"));
    let status = served.status().await;
    assert_eq!((&status["policy"]["fingerprint"], &status["policy"]["last_load"]["accepted"]), (&good, &json!(false)));

    // The map was optional and is gone: what permitted is gone with it.
    volume.swap(&Files::new());
    answers(&mut client, false).await;
    assert_eq!(ready(&served, 503).await["detail"], "there are none: every call is denied");
    assert!(served.get("/readyz").await.body.starts_with(b"not ready\npolicies: there are none"));
    assert_eq!(served.metric(accepted).await.as_deref(), Some("1"));

    volume.swap(&files([("other.cedar", ALLOW)]));
    answers(&mut client, true).await;
    ready(&served, 200).await;
    served.signal(Signal::TERM);
    assert_eq!(served.end().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_that_comes_late_is_found() {
    let (upstream, desk) = (Upstream::start().await, Desk::new(""));
    fs::remove_dir_all(desk.path("policies")).unwrap();
    let more = format!("policy.entities = ['{}']", desk.path("policies").display());
    let served = over(&desk, &upstream, &more, None).await;
    let told = ready(&served, 503).await;
    assert!(told["detail"].as_str().unwrap().starts_with("none are in force"), "{told}");
    let mut client = Mcp::connect(served.mcp, Era::Modern).await.unwrap();
    assert!(client.call("early", "echo", json!({})).await.unwrap().denial().is_some());
    // At first there is the mount alone, as for a map that is optional and not there yet.
    let mut volume = Volume::at(desk.path("policies"));
    volume.swap(&Files::new());
    tokio::time::sleep(Duration::from_millis(300)).await;
    ready(&served, 503).await;
    volume.swap(&set(1));
    ready(&served, 200).await;
    let reply = client.call("late", permitted(1), json!({})).await.unwrap();
    assert!(reply.is_good(), "{reply:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_system_gives_no_events_exchanges_are_found_by_looking() {
    if !may_unshare() {
        return;
    }
    let (upstream, desk) = (Upstream::start().await, Desk::new(""));
    let mut volume = volume(&desk);
    volume.swap(&files([("lab.cedar", ALLOW)]));
    let nothing_left = "echo 0 > /proc/sys/user/max_inotify_instances";
    let served = over(&desk, &upstream, "", Some(nothing_left)).await;
    assert!(served.log().contains("no file system events for policies: changes are found by polling"), "{}", served.log());
    let mut client = Mcp::connect(served.mcp, Era::Modern).await.unwrap();
    answers(&mut client, true).await;
    for (text, yes) in [(DENY, false), (ALLOW, true)] {
        volume.swap(&files([("lab.cedar", text)]));
        let began = Instant::now();
        answers(&mut client, yes).await;
        println!("found by looking after {:?}", began.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_has_policies_read_that_nobody_looks_at() {
    if !may_unshare() {
        return;
    }
    let (upstream, desk) = (Upstream::start().await, Desk::new("permit (\n"));
    let nothing_left = "echo 0 > /proc/sys/user/max_inotify_instances";
    let served = over(&desk, &upstream, "policy.poll_interval = '1h'", Some(nothing_left)).await;
    ready(&served, 503).await;
    desk.write_policies(ALLOW);
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(served.get("/readyz").await.status, 503, "nobody looks");
    served.signal(Signal::HUP);
    ready(&served, 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_mounted_by_itself_is_warned_of() {
    if !may_unshare() {
        return;
    }
    let (upstream, desk) = (Upstream::start().await, Desk::new(ALLOW));
    fs::write(desk.path("elsewhere"), ALLOW).unwrap();
    let (from, to) = (desk.path("elsewhere"), desk.path("policies/lab.cedar"));
    let mount = format!("mount --bind '{}' '{}'", from.display(), to.display());
    let served = over(&desk, &upstream, "", Some(&mount)).await;
    until("it is warned of", || served.log().contains("mounted by itself (subPath): Kubernetes never updates it")).await;
}
