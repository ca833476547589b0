//! The person behind the agent of `stdio`, by a token in the environment.

use std::fs;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;

use super::{Duration, Home, Idp, POLICY, Scripted, Value, json};
use crate::support::LEGACY;

const DEADLINE: Duration = Duration::from_secs(30);

fn home(server: &Scripted, idp: &Idp) -> Home {
    let home = Home::new(server.address, POLICY);
    let deny = home.path("deny");
    fs::write(&deny, "").unwrap();
    home.with_identity(&format!(
        "agent = 'helper'\nactor_token = 'required'\ndeny = '{}'\n[[identity.issuer]]\nissuer = '{}'\nactors = true\n",
        deny.display(),
        idp.issuer()
    ))
}

fn stdio(home: &Home, token: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cedarpost"));
    command.arg("stdio").arg("--config").arg(home.path("cedarpost.toml")).args(["--name", "lab"]);
    command.env("CEDARPOST_ACTOR_TOKEN", token).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_of_stdio_acts_for_whom_a_token_in_the_environment_names_until_they_are_denied() {
    let (idp, server) = (Idp::start().await, Scripted::start(|_, _| None).await);
    let home = home(&server, &idp);
    let token = idp.token(json!({ "aud": "helper", "client_id": "portal" }));
    let mut talk = stdio(&home, &token).spawn().unwrap();
    let (mut input, mut output) = (talk.stdin.take().unwrap(), BufReader::new(talk.stdout.take().unwrap()).lines());
    let hello = json!({ "protocolVersion": LEGACY, "capabilities": {}, "clientInfo": { "name": "x", "version": "1" } });
    for (id, method, params) in [
        ("1", "initialize", hello),
        ("2", "tools/list", json!({})),
        ("3", "tools/call", json!({ "name": "echo", "arguments": {} })),
    ] {
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        input.write_all(format!("{message}\n").as_bytes()).await.unwrap();
        let line = tokio::time::timeout(DEADLINE, output.next_line()).await.unwrap().unwrap().unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap();
        assert!(answer["id"] == id && answer["result"].is_object() && answer["result"]["isError"] != true, "{answer}");
    }
    fs::write(home.path("deny"), "user alice\n").unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(5), talk.wait_with_output()).await.expect("it ends soon").unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("is denied from now on"));
}

#[tokio::test(flavor = "multi_thread")]
async fn stdio_does_not_start_for_somebody_whose_token_is_not_believed() {
    let (idp, server) = (Idp::start().await, Scripted::start(|_, _| None).await);
    let home = home(&server, &idp);
    for (token, why) in [
        (idp.token(json!({ "aud": "other", "client_id": "portal" })), "the actor's token is not for this agent"),
        (idp.token(json!({ "aud": "helper", "exp": crate::support::now() - 60, "iat": null })), "the token has expired"),
        (String::new(), "authentication is required"),
    ] {
        let run = stdio(&home, &token).stdin(Stdio::null()).output();
        let ended = tokio::time::timeout(DEADLINE, run).await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(1), "{said}");
        assert!(said.contains(why) && (token.is_empty() || !said.contains(&token)), "{why}: {said}");
    }
}
