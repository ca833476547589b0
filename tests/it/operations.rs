//! What an operator relies on: policies that change on disk, probes, signals, exit codes, a log that cannot be written.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, Signal, prlimit};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::support::{Desk, Era, Mcp, Served, Upstream, cedarpost, shown, until};

const ALLOW: &str = "@id(\"all\")\npermit (principal, action, resource);\n";
const DENY: &str = "@id(\"none\")\nforbid (principal, action, resource);\n";

/// How long policies may take to be in force. The promise is a second; a busy machine gets another.
const IN_FORCE: Duration = Duration::from_secs(2);

async fn in_front_of(upstream: &Upstream, policies: &str) -> (Desk, Served) {
    let desk = Desk::new(policies);
    desk.configure(&format!("url = 'http://{}/mcp'", upstream.address), "");
    let served = desk.serve().await;
    (desk, served)
}

/// A way to put other policies in place.
type Change<'a> = Box<dyn Fn(&str) + 'a>;

/// Calls until the answer is a yes or a no as expected, and returns how long that took.
async fn until_allowed(client: &mut Mcp, allowed: bool) -> Duration {
    let began = Instant::now();
    for turn in 0.. {
        let reply = client.call(&format!("{allowed}-{turn}"), "echo", json!({"message": "x"})).await.unwrap();
        if reply.is_good() == allowed {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "never: {reply:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_policies_is_in_force_within_a_second_however_it_is_made() {
    let upstream = Upstream::start().await;
    let (desk, served) = in_front_of(&upstream, ALLOW).await;
    let mut client = Mcp::connect(served.mcp, Era::Modern).await.unwrap();
    let (file, fresh) = (desk.path("policies/lab.cedar"), desk.path("policies/.lab.cedar.new"));
    let ways: [(&str, Change<'_>); 3] = [
        ("written", Box::new(|text| fs::write(&file, text).unwrap())),
        ("renamed over", Box::new(|text| fs::write(&fresh, text).and_then(|()| fs::rename(&fresh, &file)).unwrap())),
        (
            "added and deleted",
            Box::new(|text| match text == DENY {
                true => fs::write(desk.path("policies/no.cedar"), DENY).unwrap(),
                false => fs::remove_file(desk.path("policies/no.cedar")).unwrap(),
            }),
        ),
    ];
    for (way, change) in ways {
        for (text, allowed) in [(DENY, false), (ALLOW, true)] {
            change(text);
            let took = until_allowed(&mut client, allowed).await;
            println!("{way}: {took:?}");
            assert!(took < IN_FORCE, "{way}: {took:?}");
        }
    }
    served.signal(Signal::TERM);
    assert_eq!(served.end().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_in_a_mounted_config_map_are_exchanged_within_a_second() {
    let upstream = Upstream::start().await;
    let desk = Desk::new("");
    let mount = desk.path("policies");
    fs::remove_dir_all(&mount).unwrap();
    let publish = |version: &str, text: &str| {
        fs::create_dir_all(mount.join(version)).unwrap();
        fs::write(mount.join(version).join("lab.cedar"), text).unwrap();
        symlink(version, mount.join("..data_tmp")).unwrap();
        fs::rename(mount.join("..data_tmp"), mount.join("..data")).unwrap();
    };
    publish("..1", ALLOW);
    symlink("..data/lab.cedar", mount.join("lab.cedar")).unwrap();
    desk.configure(&format!("url = 'http://{}/mcp'", upstream.address), "");
    let served = desk.serve().await;
    let mut client = Mcp::connect(served.mcp, Era::Modern).await.unwrap();
    for (version, text, allowed) in [("..2", DENY, false), ("..3", ALLOW, true)] {
        publish(version, text);
        let took = until_allowed(&mut client, allowed).await;
        println!("exchanged: {took:?}");
        assert!(took < IN_FORCE, "{took:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_policies_change_nothing_and_everybody_can_see_why() {
    let upstream = Upstream::start().await;
    let (desk, served) = in_front_of(&upstream, ALLOW).await;
    let mut client = Mcp::connect(served.mcp, Era::Legacy).await.unwrap();
    let before = served.status().await["policy"]["fingerprint"].clone();
    desk.write_policies("permit (principal, action,\n  resorce);\n");
    let mut status = Value::Null;
    for _ in 0..200 {
        status = served.status().await;
        if status["policy"]["last_load"]["accepted"] == false {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let problem = status["policy"]["last_load"]["problems"][0].as_str().unwrap_or_else(|| panic!("{status:#}")).to_owned();
    assert!(problem.contains("lab.cedar:2:"), "with file and line: {problem}");
    assert_eq!(status["policy"]["fingerprint"], before);
    until("the log has it too", || served.log().contains("lab.cedar:2:")).await;
    assert_eq!(served.get("/readyz").await.status, 200);
    let refused = served.metric("cedarpost_policy_reloads_total{result=\"refused\"}").await;
    assert!(refused.is_some_and(|count| count != "0"), "{}", String::from_utf8_lossy(&served.get("/metrics").await.body));
    assert!(client.call("1", "echo", json!({})).await.unwrap().is_good());
    let records = shown(&desk.audit(1)).await;
    let record = records.iter().find(|record| record["t"] == "policy" && record.to_string().contains("refused"));
    assert!(record.is_some(), "{records:#?}");

    desk.write_policies(DENY);
    until_allowed(&mut client, false).await;
    assert_eq!(served.status().await["policy"]["last_load"]["accepted"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn sighup_reads_the_policies_again() {
    let upstream = Upstream::start().await;
    let (_desk, served) = in_front_of(&upstream, ALLOW).await;
    served.signal(Signal::HUP);
    until("it says so", || served.log().contains("SIGHUP")).await;
    assert_eq!(served.get("/readyz").await.status, 200);
    served.signal(Signal::TERM);
    assert_eq!(served.end().await.code(), Some(0));
}

/// No call is answered with anything but the sentence for this, and none reaches the server.
async fn refuses_everything(served: &Served, client: &mut Mcp, upstream: &Upstream) {
    let before = upstream.count();
    let reply = client.call("after", "echo", json!({})).await.unwrap();
    assert!(reply.denial().is_some(), "{reply:?}");
    let text = reply.json().to_string();
    assert!(text.contains("Not executed: the decision could not be recorded. Try again later."), "{text}");
    assert!(text.contains("\"retryable\":true"), "{text}");
    assert_eq!(upstream.count(), before);
    assert_eq!(served.get("/readyz").await.status, 503);
    assert_eq!(served.get("/livez").await.status, 200);
    let detail = served.get("/readyz?verbose").await.json();
    assert_eq!(detail["checks"][1]["ok"], false, "{detail}");
    assert_eq!(served.status().await["audit"]["health"]["writable"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_nearly_full_stops_all_calls() {
    let upstream = Upstream::start().await;
    let desk = Desk::new(ALLOW);
    desk.configure(&format!("url = 'http://{}/mcp'", upstream.address), "audit.low_water = '1048576GiB'");
    let served = desk.serve().await;
    let mut client = Mcp::connect(served.mcp, Era::Legacy).await.unwrap();
    refuses_everything(&served, &mut client, &upstream).await;
    served.signal(Signal::TERM);
    assert_eq!(served.end().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_fails_while_running_stops_all_calls_and_loses_none_that_was_acknowledged() {
    let upstream = Upstream::start().await;
    let desk = Desk::new(ALLOW);
    desk.configure(&format!("url = 'http://{}/mcp'", upstream.address), "");
    // The signal that tells of a file that is too long is ignored, so that the write fails.
    let mut command = tokio::process::Command::new("sh");
    let script = "trap '' XFSZ; exec \"$0\" serve --config \"$1\"";
    command.args(["-c", script, env!("CARGO_BIN_EXE_cedarpost")]).arg(desk.config());
    let served = Served::start(command).await;
    let mut client = Mcp::connect(served.mcp, Era::Legacy).await.unwrap();
    let mut told = Vec::new();
    for turn in 0..20 {
        let reply = client.call(&format!("{turn}"), "echo", json!({})).await.unwrap();
        told.push(reply.header("cedarpost-decision-id").unwrap());
    }
    let limit = Rlimit { current: Some(4096), maximum: None };
    prlimit(Some(served.pid()), Resource::Fsize, limit).unwrap();
    let before = upstream.count();
    for turn in 20..40 {
        let reply = client.call(&format!("{turn}"), "echo", json!({})).await.unwrap();
        assert!(reply.denial().is_some(), "{reply:?}");
    }
    assert_eq!(upstream.count(), before);
    refuses_everything(&served, &mut client, &upstream).await;
    until("it is said", || served.log().contains("every call is refused until it can")).await;
    served.signal(Signal::TERM);
    let (log, ended) = (served.log(), served.end().await);
    assert_eq!(ended.code(), Some(0), "{log}");

    let served = desk.serve().await;
    let mut client = Mcp::connect(served.mcp, Era::Legacy).await.unwrap();
    assert!(client.call("again", "echo", json!({})).await.unwrap().is_good(), "a restart without the limit goes on");
    let records = shown(&desk.audit(1)).await;
    let recorded = |id: &String| records.iter().any(|record| record["id"] == **id);
    assert!(told.iter().all(recorded), "{} calls were acknowledged", told.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_in_flight_ends_before_the_process_does() {
    let desk = Desk::new(ALLOW);
    desk.configure_child("");
    let served = desk.serve().await;
    let mut client = Mcp::connect(served.mcp, Era::Legacy).await.unwrap();
    let call = tokio::spawn(async move { client.call("slow", "slow", json!({})).await });
    until("the server has the call", || desk.seen().contains("\"slow\"")).await;
    served.signal(Signal::TERM);
    until("it says that it stops", || served.log().contains("stopping")).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(TcpStream::connect(served.mcp).await.is_err(), "no new clients");
    assert_eq!(served.get("/readyz").await.status, 503);
    assert!(call.await.unwrap().unwrap().is_good());
    assert_eq!(served.end().await.code(), Some(0));
    assert_eq!(shown(&desk.audit(1)).await.last().unwrap()["t"], "stop");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_hangs_does_not_keep_the_process() {
    let desk = Desk::new(ALLOW);
    desk.configure("command = ['sh', '-c', 'cat >/dev/null; sleep 60']", "limits.shutdown_grace = '1s'");
    let served = desk.serve().await;
    let address = served.mcp;
    let _call = tokio::spawn(async move { Mcp::connect(address, Era::Legacy).await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    let began = Instant::now();
    served.signal(Signal::TERM);
    let log = desk.audit(1);
    assert_eq!(served.end().await.code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
    assert_eq!(shown(&log).await.last().unwrap()["t"], "stop");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_the_process_at_once() {
    let desk = Desk::new(ALLOW);
    desk.configure_child("");
    let served = desk.serve().await;
    let mut client = Mcp::connect(served.mcp, Era::Legacy).await.unwrap();
    let _call = tokio::spawn(async move { client.call("slow", "slow", json!({})).await });
    until("the server has the call", || desk.seen().contains("\"slow\"")).await;
    served.signal(Signal::TERM);
    until("it says that it stops", || served.log().contains("stopping")).await;
    let began = Instant::now();
    served.signal(Signal::TERM);
    assert_eq!(served.end().await.code(), Some(130));
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

/// Runs `serve` until it gives up.
fn fails(desk: &Desk) -> (Option<i32>, String) {
    let command = Command::new(env!("CARGO_BIN_EXE_cedarpost")).arg("serve").arg("--config").arg(desk.config()).output();
    let Output { status, stderr, .. } = command.unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_cannot_succeed_says_why() {
    let upstream = Upstream::start().await;
    let (desk, served) = in_front_of(&upstream, ALLOW).await;
    let server = format!("url = 'http://{}/mcp'", upstream.address);

    let (code, text) = fails(&desk);
    assert_eq!(code, Some(1));
    assert!(text.contains("failed to open the audit log in") && text.contains("is in use by another process"), "{text}");

    let other = Desk::new(ALLOW);
    other.configure(&server, "");
    let config = fs::read_to_string(other.config()).unwrap();
    fs::write(other.config(), config.replacen("127.0.0.1:0", &served.mcp.to_string(), 1)).unwrap();
    let (code, text) = fails(&other);
    assert_eq!(code, Some(1));
    assert!(text.contains("failed to open the MCP listener") && text.contains(&served.mcp.to_string()), "{text}");
    assert!(!other.audit(1).exists(), "nothing has happened yet");

    // Bad policies are none of these reasons any more: a pod whose sidecar ends over them would stay down. See `no_policies`.
    other.configure("urll = 'http://h/'", "limits.max_depth = 0\nlisten.adress = 1");
    let (code, text) = fails(&other);
    assert_eq!(code, Some(78), "{text}");
    assert!(["max_depth", "adress", "urll"].iter().all(|key| text.contains(key)), "all at once: {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_can_be_read_while_it_is_written_and_a_damaged_one_is_found_out() {
    let upstream = Upstream::start().await;
    let (desk, served) =
        in_front_of(&upstream, "permit (principal, action, resource) unless { resource == Mcp::Tool::\"lab/destroy\" };").await;
    let mut client = Mcp::connect(served.mcp, Era::Legacy).await.unwrap();
    for turn in 0..20 {
        client.call(&format!("{turn}"), "echo", json!({})).await.unwrap();
    }
    let denied = client.call("no", "destroy", json!({})).await.unwrap().denial().unwrap();
    let directory = desk.audit(1);
    let directory = directory.to_str().unwrap();
    let config = desk.config();
    let show = async |more: &[&str]| {
        let output = cedarpost(&[&["audit", "show", "--config", config.to_str().unwrap(), "--json"], more].concat()).await;
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().lines().count()
    };
    let writing = tokio::spawn(async move {
        for turn in 0..200 {
            client.call(&format!("more-{turn}"), "echo", json!({})).await.unwrap();
        }
    });
    assert_eq!(show(&["--decision", "deny"]).await, 1);
    assert_eq!(show(&["--id", &denied]).await, 1);
    assert_eq!(show(&["--agent", "nobody"]).await, 0);
    assert_eq!(show(&["--tool", "destroy"]).await, 1);
    assert_eq!(show(&["--from", "1", "--limit", "3"]).await, 3);
    assert_eq!(show(&["--limit", "5"]).await, 5);
    for _ in 0..3 {
        let verified = cedarpost(&["audit", "verify", "--json", "--audit-dir", directory]).await;
        assert!(verified.status.success(), "{verified:?}");
        let said: Value = serde_json::from_slice(&verified.stdout).unwrap();
        assert_eq!((&said["verified"], said["source"].as_str()), (&json!(true), Some(directory)));
    }
    writing.await.unwrap();
    served.signal(Signal::TERM);
    assert_eq!(served.end().await.code(), Some(0));

    let file = desk.audit(1).join("epochs/00000000/db");
    let mut bytes = fs::read(&file).unwrap();
    let at = bytes.windows(8).position(|window| window == b"lab/echo").or(bytes.windows(4).position(|window| window == b"echo"));
    bytes[at.unwrap()] ^= 1;
    fs::write(&file, bytes).unwrap();
    let verified = cedarpost(&["audit", "verify", "--audit-dir", directory]).await;
    assert_eq!(verified.status.code(), Some(3), "{verified:?}");
    assert!(String::from_utf8_lossy(&verified.stderr).contains("does not verify"), "{verified:?}");
}
