//! `cedarpost check --remote`: the real binary asks the real sidecar over TCP, TLS and a unix socket; and what it says when that fails.

use std::fs;
use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::{Asked, Ca, Wish, cedarpost};

/// Asks with `words` about the assistant that acts for alice.
async fn check(place: &str, words: &[&str]) -> Output {
    cedarpost(&[&["check", "--remote", place, "--agent", "assistant", "--actor", "alice"], words].concat()).await
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sidecar_decides_and_the_exit_code_says_whether_it_is_a_yes() {
    let lab = Asked::open().await;
    let place = format!("http://{}", lab.grpc);
    for (tool, code, word, more) in [
        ("lab/echo", 0, "allow", "agent: permitted by echo (lab.cedar:2)"),
        ("lab/destroy", 3, "require_approval", "An agent is told: Not executed: a person has to approve this call first"),
        ("lab/no-such-tool", 3, "deny", "agent: unknown tool"),
    ] {
        for (dry, how) in [(&["--dry-run"][..], "a question only"), (&[], "recorded")] {
            let output = check(&place, &[&["--tool", tool, "--input", r#"{"message":"a"}"#], dry].concat()).await;
            let (exit, out, err) = said(&output);
            assert_eq!((exit, err.as_str()), (Some(code), ""), "{tool}");
            let first = format!("{word}: tools/call `{tool}`, by agent `assistant` for `alice`\n");
            assert!(out.starts_with(&first) && out.contains(more) && out.trim_end().ends_with(how), "{out}");
            assert_eq!(out.contains("People are asked under ticket"), word == "require_approval" && dry.is_empty(), "{out}");
        }
        let output = check(&place, &["--tool", tool, "--dry-run", "--format", "json"]).await;
        let (exit, out, _) = said(&output);
        let answer: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((exit, &answer["decision"], &answer["dry_run"]), (Some(code), &json!(word), &json!(true)), "{answer}");
        assert_eq!(answer["judgements"].as_array().unwrap().len(), 2);
    }
    let records = lab.checks().await;
    assert_eq!(records.len(), 9, "each is in the log");
    assert_eq!(records.iter().filter(|record| record["check"]["dry_run"] == true).count(), 6);
    assert!(records.iter().all(|record| record["agent"] == "assistant" && record["actor"] == "alice"), "{records:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_of_the_caller_and_the_call_arrives() {
    let lab = Asked::open().await;
    let place = format!("http://{}", lab.grpc);
    lab.home.write_policies(
        r#"@id("roles") permit (principal, action in Mcp::Action::"tools/call", resource == Mcp::Tool::"lab/echo")
           when { principal in Mcp::Role::"bots" || principal in Mcp::Role::"people" };
           @id("other") permit (principal, action == Mcp::Action::"logging/setLevel", resource)
           when { context.source.transport == "stdio" && context has token && context.token.scopes.contains("admin") };"#,
    );
    // Without roles nothing is allowed any more, once these are in force.
    let in_force = async {
        while said(&check(&place, &["--tool", "lab/echo", "--dry-run"]).await).0 != Some(3) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), in_force).await.expect("the policies change");
    let roles = ["--tool", "lab/echo", "--agent-role", "bots", "--actor-role", "people", "--dry-run"];
    let (exit, out, err) = said(&check(&place, &roles).await);
    assert_eq!(exit, Some(0), "roles count: {out}{err}");
    assert_eq!(said(&check(&place, &roles[..4]).await).0, Some(3), "not for the person");
    let level = ["--server", "lab", "--action", "logging/setLevel", "--transport", "stdio", "--scope", "admin"];
    let (exit, out, err) = said(&check(&place, &level).await);
    assert!(exit == Some(0) && out.starts_with("allow: logging/setLevel at server `lab`"), "{out}{err}");
    assert_eq!(said(&check(&place, &level[..6]).await).0, Some(3));
    let alone =
        cedarpost(&["check", "--remote", &place, "--agent", "a", "--unattended", "--tool", "lab/echo", "--dry-run"]).await;
    assert!(said(&alone).1.contains("by agent `a` on its own"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unix_socket_is_asked_like_a_port() {
    let lab = Asked::open().await;
    let socket = lab.home.path("grpc.sock");
    let Asked { home, sidecar, .. } = lab;
    sidecar.stop().await;
    let config = fs::read_to_string(home.config()).unwrap();
    let config = config.replace("[grpc]\naddress = \"127.0.0.1:0\"", &format!("[grpc]\naddress = \"unix:{}\"", socket.display()));
    fs::write(home.config(), config).unwrap();
    let sidecar = crate::support::Sidecar::start(&home).await;
    for place in [format!("unix:{}", socket.display()), format!("unix://{}", socket.display())] {
        let (exit, out, err) = said(&check(&place, &["--tool", "lab/none"]).await);
        assert!(exit == Some(3) && out.starts_with("deny: "), "{out}{err}");
    }
    sidecar.stop().await;
    let (exit, out, err) = said(&check(&format!("unix:{}", socket.display()), &["--tool", "lab/none"]).await);
    assert!(exit == Some(1) && out.is_empty() && err.contains("failed to connect to `unix:"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_only_the_right_certificate_counts() {
    let (ours, other) = (Ca::new("ours"), Ca::new("other"));
    let lab = Asked::with("tls_cert_file = '{home}server.pem'\ntls_key_file = '{home}server.key'", |home| {
        ours.sign(&Wish::server()).write(&home.path(""), "server");
        fs::write(home.path("ours.pem"), ours.pem()).unwrap();
        fs::write(home.path("other.pem"), other.pem()).unwrap();
        Vec::new()
    })
    .await;
    let file = |name: &str| lab.home.path(name).display().to_string();
    let place = format!("https://localhost:{}", lab.grpc.port());
    let ask = async |place: &str, ca: &str| said(&check(place, &["--tool", "lab/echo", "--ca-file", &file(ca)]).await);
    let (exit, out, err) = ask(&place, "ours.pem").await;
    assert!(exit == Some(0) && out.starts_with("allow: "), "{out}{err}");
    for (place, ca, reason) in [
        (place.clone(), "other.pem", "invalid peer certificate"),
        // The certificate is for `localhost` and 127.0.0.1.
        (format!("https://127.0.0.2:{}", lab.grpc.port()), "ours.pem", ""),
    ] {
        let (exit, out, err) = ask(&place, ca).await;
        assert_eq!((exit, out.as_str()), (Some(1), ""), "{err}");
        assert!(
            err.starts_with(&format!("cedarpost: failed to ask the sidecar at `{place}`\n")) && err.contains(reason),
            "{err}"
        );
    }
    let (exit, _, err) = said(&check(&format!("http://{}", lab.grpc), &["--tool", "lab/echo"]).await);
    assert!(exit == Some(1) && err.contains("does not answer in gRPC"), "plain to TLS: {err}");
    let plain = Asked::open().await;
    let (exit, _, err) = ask(&format!("https://{}", plain.grpc), "ours.pem").await;
    assert!(exit == Some(1) && err.contains("failed to agree on TLS"), "TLS to plain: {err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_shown_to_who_asks_for_one() {
    let (ours, clients) = (Ca::new("ours"), Ca::new("clients"));
    let tls = "tls_cert_file = '{home}server.pem'\ntls_key_file = '{home}server.key'\nclient_ca_file = '{home}clients.pem'";
    let lab = Asked::with(tls, |home| {
        ours.sign(&Wish::server()).write(&home.path(""), "server");
        clients.sign(&Wish::client(&["spiffe://prod.example/till"])).write(&home.path(""), "till");
        fs::write(home.path("ours.pem"), ours.pem()).unwrap();
        fs::write(home.path("clients.pem"), clients.pem()).unwrap();
        Vec::new()
    })
    .await;
    let file = |name: &str| lab.home.path(name).display().to_string();
    let (place, ca, pem, key) =
        (format!("https://localhost:{}", lab.grpc.port()), file("ours.pem"), file("till.pem"), file("till.key"));
    let asks = ["--tool", "lab/echo", "--ca-file", &ca];
    let (exit, out, err) = said(&check(&place, &[&asks[..], &["--cert-file", &pem, "--key-file", &key]].concat()).await);
    assert!(exit == Some(0) && out.starts_with("allow: "), "{out}{err}");
    // Whether the reason is heard before the connection breaks is chance: the request is on its way already.
    let (exit, out, err) = said(&check(&place, &asks).await);
    assert!(exit == Some(1) && out.is_empty() && err.contains("does not answer in gRPC"), "{err}");
    let (exit, _, err) = said(&check(&place, &[&asks[..], &["--cert-file", &pem, "--key-file", &pem]].concat()).await);
    assert!(exit == Some(1) && err.contains("failed to read a private key from"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_be_asked_is_told_from_who_does_not_answer() {
    let lab = Asked::open().await;
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let talker = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (silent_at, talker_at) = (silent.local_addr().unwrap(), talker.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = talker.accept().await {
            let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.6\r\n").await;
            let _ = stream.read(&mut [0; 64]).await;
        }
    });
    for (address, reason) in [
        (free, "Connection refused"),
        (silent_at, "did not answer within 400 ms"),
        (talker_at, "does not answer in gRPC"),
        (lab.sidecar.admin.unwrap(), "does not answer in gRPC"),
    ] {
        let began = Instant::now();
        let place = format!("http://{address}");
        let (exit, out, err) = said(&check(&place, &["--tool", "lab/echo", "--deadline", "400ms"]).await);
        assert_eq!((exit, out.as_str()), (Some(1), ""), "{err}");
        assert!(
            err.starts_with(&format!("cedarpost: failed to ask the sidecar at `{place}`\n")) && err.contains(reason),
            "{err}"
        );
        assert!(began.elapsed() < Duration::from_secs(10), "{reason}");
    }
    drop(silent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_makes_no_sense_exits_with_2_and_names_the_field() {
    let lab = Asked::open().await;
    let place = format!("http://{}", lab.grpc);
    let (deep, large) =
        (format!("{{\"a\":{}1{}}}", "[".repeat(70), "]".repeat(70)), format!("{{\"a\":\"{}\"}}", "x".repeat(100_000)));
    let long = "x".repeat(2_000);
    for (words, expected) in [
        (&["--tool", "lab/echo", "--input", &deep][..], "the sidecar says that `call.arguments_json` is nested too deep"),
        (&["--tool", "lab/echo", "--input", &large], "the sidecar says that"),
        (
            &["--tool", "lab/echo", "--token-issuer", &long],
            "the sidecar says that `caller.token.issuer` is longer than 1024 bytes",
        ),
        (&["--tool", "lab/echo", "--actor-role", &long], "the sidecar says that `caller.actor_brings.roles` is longer"),
        (&["--tool", "echo"], "the server is missing"),
        (&["--tool", "lab/echo", "--at", "2026-03-02T10:30:00Z"], "cannot be used with"),
        (&["--tool", "lab/echo", "--policies", "policies"], "cannot be used with"),
        (&["--tool", "lab/echo", "--cert-file", "a.pem"], "--key-file"),
        (&["--tool", "lab/echo", "--ca-file", "a.pem"], "certificates are for https"),
        (&["--tool", "lab/echo", "--deadline", "0s"], "an answer needs some time"),
    ] {
        let (exit, out, err) = said(&check(&place, words).await);
        assert_eq!((exit, out.as_str()), (Some(2), ""), "{words:?}: {err}");
        assert!(err.contains(expected), "{words:?}: {err}");
    }
    let (exit, _, err) = said(&check("127.0.0.1:9091", &["--tool", "lab/echo"]).await);
    assert!(exit == Some(2) && err.contains("write http://HOST:PORT"), "{err}");
    let local = cedarpost(&["check", "policies/demo", "--dry-run", "--agent", "a", "--unattended", "--tool", "lab/echo"]).await;
    assert!(said(&local).2.contains("--remote"), "{local:?}");
    assert_eq!(said(&local).0, Some(2), "there is nothing to record without a sidecar");
    assert!(lab.checks().await.is_empty(), "nothing was decided");
}
