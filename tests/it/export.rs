//! `cedarpost audit export`: a log that is being written goes out complete, into files that are whole or not there.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Era, Home, Mcp, Sidecar, Upstream, cedarpost};

const POLICIES: &str = "permit (principal, action, resource) unless { resource == Mcp::Tool::\"lab/destroy\" };";

async fn exported(home: &Home, more: &[&str]) -> std::process::Output {
    let directory = home.audit();
    cedarpost(&[&["audit", "export", "--audit-dir", directory.to_str().unwrap()], more].concat()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_exported_while_it_is_written_and_arguments_stay_where_they_are() {
    let upstream = Upstream::start().await;
    let home = Home::new(upstream.address, POLICIES);
    let sidecar = Sidecar::start(&home).await;
    let mut client = Mcp::connect(sidecar.address, Era::Legacy).await.unwrap();
    for turn in 0..20 {
        client.call(&format!("{turn}"), "echo", json!({ "message": "secret-message" })).await.unwrap();
    }
    client.call("no", "destroy", json!({ "message": "secret-message" })).await.unwrap();

    let out = exported(&home, &["--format", "jsonl"]).await;
    assert!(out.status.success(), "{out:?}");
    let lines: Vec<Value> = out.stdout.lines().map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    assert!(lines.len() > 40, "{}", lines.len());
    assert!(lines.iter().zip(0_u64..).all(|(line, seq)| line["seq"] == seq && line["record"]["seq"] == seq));
    for format in ["csv", "ocsf"] {
        let out = exported(&home, &["--format", format, "--from", "1"]).await;
        let text = String::from_utf8(out.stdout).unwrap();
        assert!(text.contains("destroy") && !text.contains("secret-message"), "{format}: {text}");
    }
    sidecar.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_there_when_it_is_complete_and_nothing_else_is_left() {
    let upstream = Upstream::start().await;
    let home = Home::new(upstream.address, POLICIES);
    Sidecar::start(&home).await.stop().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.csv");
    let path = file.to_str().unwrap();
    fs::write(&file, "what was there before").unwrap();

    let out = exported(&home, &["--format", "csv", "--output", path, "--json"]).await;
    assert!(out.status.success(), "{out:?}");
    let said: Value = serde_json::from_slice(&out.stdout).unwrap();
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(said["exported"], text.lines().count() - 1);
    assert!(text.starts_with("seq,time,kind,") && text.ends_with("\r\n"), "{text}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "what is in the log is nobody else's business");

    let out = exported(&home, &["--format", "csv", "--output", path, "--from", &said["next"].to_string()]).await;
    assert!(String::from_utf8_lossy(&out.stderr).contains("0 records exported"), "{out:?}");

    fs::write(&file, "what was there before").unwrap();
    let nowhere =
        cedarpost(&["audit", "export", "--audit-dir", folder.path().to_str().unwrap(), "--format", "csv", "-o", path]).await;
    assert_eq!(nowhere.status.code(), Some(1), "{nowhere:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "what was there before");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

    let out = exported(&home, &["--format", "csv", "--output", folder.path().to_str().unwrap()]).await;
    assert!(out.status.code() == Some(1) && String::from_utf8_lossy(&out.stderr).contains("is no file"), "{out:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_has_seen_enough_is_no_failure() {
    let upstream = Upstream::start().await;
    let home = Home::new(upstream.address, POLICIES);
    let sidecar = Sidecar::start(&home).await;
    let mut client = Mcp::connect(sidecar.address, Era::Legacy).await.unwrap();
    // More than a pipe holds.
    for turn in 0..100 {
        client.call(&format!("{turn}"), "echo", json!({})).await.unwrap();
    }
    sidecar.stop().await;
    let directory = home.audit();
    let mut child = Command::new(env!("CARGO_BIN_EXE_cedarpost"))
        .args(["audit", "export", "--format", "ocsf", "--audit-dir", directory.to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success() && out.stderr.is_empty(), "{out:?}");
    assert_eq!(serde_json::from_str::<Value>(&first).unwrap()["class_uid"], 6002);
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let cases = [
        (vec!["--format", "xml"], "xml"),
        (vec![], "--format"),
        (vec!["--format", "csv", "--since", "yesterday"], "2026-11-22T10:15:00Z"),
        (vec!["--format", "csv", "--from", "-1"], "-1"),
    ];
    for (more, expected) in cases {
        let out = Command::new(env!("CARGO_BIN_EXE_cedarpost")).args(["audit", "export"]).args(&more).output().unwrap();
        let text = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.code() == Some(2) && text.contains(expected), "{more:?}: {text}");
    }
}
