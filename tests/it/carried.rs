//! The log of a running sidecar as others see it: copies outside, an anchor that remembers, a witness that vouches, and the commands
//! that look for, prove, erase and remove records.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::support::{Desk, Era, Mcp, Served, Upstream, cedarpost, free_port, shown};

const POLICIES: &str = "permit (principal, action, resource) unless { resource == Mcp::Tool::\"lab/destroy\" };";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tools/verify_log.py");

/// A sidecar that has recorded some calls, and the id of the one that was denied.
async fn working(desk: &Desk, upstream: &Upstream, more: &str) -> (Served, String) {
    desk.configure(&format!("url = 'http://{}/mcp'", upstream.address), more);
    let served = desk.serve().await;
    let mut client = Mcp::connect(served.mcp, Era::Legacy).await.unwrap();
    for turn in 0..20 {
        client.call(&format!("{turn}"), "echo", json!({ "turn": turn })).await.unwrap();
    }
    let denied = client.call("no", "destroy", json!({})).await.unwrap().denial().unwrap();
    (served, denied)
}

async fn end(served: Served) {
    served.signal(Signal::TERM);
    let log = served.log();
    assert_eq!(served.end().await.code(), Some(0), "{log}");
}

/// What a command about the log in the directory prints as JSON.
async fn ask(directory: &Path, command: &[&str]) -> Value {
    let place = directory.to_str().unwrap();
    let output = cedarpost(&[&["audit"], command, &["--audit-dir", place, "--json"]].concat()).await;
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{command:?}: {output:?}"))
}

fn python(arguments: &[&str]) -> Output {
    Command::new("python3").arg(SCRIPT).args(arguments).output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_outside_has_every_record_and_verifies_and_an_older_log_in_its_place_does_not_open() {
    let upstream = Upstream::start().await;
    let desk = Desk::new(POLICIES);
    let (copy, anchors) = (desk.path("copy"), desk.path("anchors/of-the-lab"));
    fs::create_dir(anchors.parent().unwrap()).unwrap();
    let more = format!(
        "audit.export = ['file://{}']\naudit.export_interval = '1s'\naudit.anchors = ['{}']\naudit.anchor_interval = '1s'",
        copy.display(),
        anchors.display()
    );
    let (served, _) = working(&desk, &upstream, &more).await;
    let places = served.status().await["audit"]["places"].clone();
    assert_eq!((&places["exports"][0]["state"], &places["anchors"][0]["state"]), (&json!("ok"), &json!("ok")), "{places}");
    end(served).await;

    let log = desk.audit(1);
    let live = ask(&log, &["verify"]).await;
    let (trust, copied) = (log.join("trust"), copy.to_str().unwrap());
    let trust = trust.to_str().unwrap();
    let verified = cedarpost(&["audit", "verify", copied, "--trust", trust, "--json"]).await;
    let verified: Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert_eq!((&verified["verified"], &verified["tree_head"]), (&json!(true), &live["tree_head"]), "{verified}");
    let verified = cedarpost(&["audit", "verify", &format!("file://{copied}"), "--trust", trust]).await;
    assert!(verified.status.success(), "{verified:?}");
    let verified = python(&[copied, "--trust", trust, "--checkpoint", anchors.to_str().unwrap()]);
    assert!(verified.status.success(), "{verified:?}");

    // Somebody puts an older copy of the whole directory, anchor included, back in place.
    let older = desk.path("older");
    let copied = Command::new("cp").arg("-a").arg(&log).arg(&older).status().unwrap();
    assert!(copied.success());
    let (served, _) = working(&desk, &upstream, &more).await;
    end(served).await;
    fs::remove_dir_all(&log).unwrap();
    fs::rename(&older, &log).unwrap();
    let refused = cedarpost(&["serve", "--config", desk.config().to_str().unwrap()]).await;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("the audit log cannot be carried away"), "{refused:?}");
    assert!(said.contains("of-the-lab"), "it says which place remembers more: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_a_witness_has_cosigned_is_proven_to_somebody_without_the_log() {
    let upstream = Upstream::start().await;
    let (watcher, desk) = (Desk::new(POLICIES), Desk::new(POLICIES));
    // Both have to know the key of the other: each makes its own first.
    let (served, _) = working(&desk, &upstream, "audit.origin = 'audit.example/lab'").await;
    end(served).await;
    let log = desk.audit(1);
    let trust = fs::read_to_string(log.join("trust")).unwrap();
    let key = trust.split_whitespace().last().unwrap();
    let port = free_port();
    let memory = watcher.path("witness");
    let witness = format!(
        "witness = {{ address = '127.0.0.1:{port}', name = 'witness.example/lab', directory = '{}', log = [{{ key = '{key}' }}] }}",
        memory.display()
    );
    watcher.configure(&format!("url = 'http://{}/mcp'", upstream.address), &witness);
    let watching = watcher.serve().await;
    let vouches = fs::read_to_string(memory.join("vkey")).unwrap();
    let more = format!(
        "audit.origin = 'audit.example/lab'\naudit.anchor_interval = '1s'\naudit.witness = [{{ url = 'http://127.0.0.1:{port}', key = '{}' }}]",
        vouches.trim()
    );
    let (served, denied) = working(&desk, &upstream, &more).await;
    end(served).await;
    end(watching).await;

    let found = ask(&log, &["query", "--id", &denied]).await;
    let seq = found["seq"].to_string();
    let (proof, record) = (desk.path("proof"), desk.path("record"));
    let [proof, record] = [&proof, &record].map(|path| path.to_str().unwrap());
    let place = log.to_str().unwrap();
    let proven = cedarpost(&["audit", "prove", &seq, "--audit-dir", place, "--output", proof, "--record", record]).await;
    assert!(proven.status.success(), "{proven:?}");
    assert!(fs::read_to_string(proof).unwrap().contains("— witness.example/lab "), "the witness vouches for the checkpoint");
    let trust = log.join("trust");
    let trust = trust.to_str().unwrap();
    assert!(python(&["--trust", trust, "--proof", proof, "--record", record]).status.success());
    fs::write(record, fs::read_to_string(record).unwrap().replace("deny", "okay")).unwrap();
    assert_eq!(
        python(&["--trust", trust, "--proof", proof, "--record", record]).status.code(),
        Some(1),
        "another record is not proven"
    );
    let none = cedarpost(&["audit", "prove", "100000", "--audit-dir", place]).await;
    assert!(!none.status.success() && String::from_utf8_lossy(&none.stderr).contains("there is no record 100000"), "{none:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_searched_followed_erased_in_and_signed_by_another_key_while_the_sidecar_runs_and_when_it_does_not() {
    let upstream = Upstream::start().await;
    let desk = Desk::new(POLICIES);
    let (served, denied) = working(&desk, &upstream, "").await;
    let (log, mut served) = (desk.audit(1), Some(served));
    for running in [true, false] {
        let place = log.to_str().unwrap();
        let lines = async |command: &[&str]| {
            let output = cedarpost(&[&["audit"], command, &["--audit-dir", place, "--json"]].concat()).await;
            assert!(output.status.success(), "{command:?}: {output:?}");
            let text = String::from_utf8(output.stdout).unwrap();
            text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(lines(&["query", "--decision", "deny"]).await[0]["id"], denied);
        assert_eq!(lines(&["query", "--tool", "ec*", "--decision", "allow"]).await.len(), 20);
        assert_eq!(lines(&["query", "--actor", "alice", "--kind", "decision", "--limit", "5", "--no-outcomes"]).await.len(), 5);
        assert_eq!(lines(&["query", "--agent", "nobody"]).await.len(), 0);
        assert_eq!(lines(&["query", "--until", "2020-01-01T00:00:00Z"]).await.len(), 0);
        let tail = lines(&["tail", "-n", "3"]).await;
        assert_eq!(tail.len(), 3);
        assert_eq!(tail.last(), shown(&log).await.last(), "{running}");

        let before = ask(&log, &["stats"]).await;
        let calls = lines(&["query", "--tool", "echo", "--decision", "allow", "--oldest-first"]).await;
        let erased = &calls[usize::from(running)]["seq"].to_string();
        let answer = ask(&log, &["erase", erased, "--reason", "it was a secret"]).await;
        assert_eq!((&answer["was_there"], answer["seq"].to_string()), (&json!(true), erased.clone()), "{answer}");
        let again = ask(&log, &["erase", erased]).await;
        assert_eq!(again["was_there"], json!(false), "{again}");
        let rotated = ask(&log, &["key", "rotate"]).await["trust"].as_str().unwrap().to_owned();
        assert_eq!(ask(&log, &["key", "show"]).await["trust"], rotated);
        let words = |value: &Value, kind: &str| {
            let counts = value["counts"].as_array().unwrap().iter().filter(|count| count["kind"] == kind);
            counts.map(|count| count["count"].as_u64().unwrap()).sum::<u64>()
        };
        let after = ask(&log, &["stats"]).await;
        assert_eq!(words(&after, "erase"), words(&before, "erase") + 2);
        assert_eq!(words(&after, "key"), words(&before, "key") + 1);
        let nothing = cedarpost(&["audit", "prune", "--before-seq", "5", "--audit-dir", place]).await;
        assert!(!nothing.status.success(), "what is not in files cannot be removed yet: {nothing:?}");
        let (records, verified) = (shown(&log).await.len(), ask(&log, &["verify"]).await);
        assert_eq!((&verified["verified"], &verified["records"]), (&json!(true), &json!(records)), "{verified}");
        if let Some(served) = served.take() {
            end(served).await;
        }
    }
}
