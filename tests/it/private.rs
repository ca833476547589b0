//! What the log has of results behind a child process and over standard input and output: byte for byte what the client received.

use std::fs;

use serde_json::json;

use crate::support::{
    Answer, Desk, Era, Mcp, Scripted, assert_commits, assert_recorded, event_data, kept, records_of, result_text,
};

const ALLOW: &str = "@id(\"all\")\npermit (principal, action, resource);\n";

/// A server that answers calls with carriage returns between its tokens, after a notification for those who want to hear of progress.
const ODD: &str = r#"while IFS= read -r line; do
    id=${line#*'"id":'}; id=${id%%[,\}]*}
    case $line in
    *'"method":"initialize"'*)
        printf '{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"sh","version":"1"}}}\n' "$id" ;;
    *'"method":"tools/list"'*)
        printf '{"jsonrpc":"2.0","id":%s,"result":{"tools":[{"name":"odd"}]}}\n' "$id" ;;
    *'"method":"tools/call"'*)
        case $line in
        *progressToken*)
            token=${line#*'"progressToken":'}; token=${token%%[,\}]*}
            printf '{"jsonrpc":"2.0",\r"method":"notifications/progress","params":{"progressToken":%s,"progress":1}}\n' "$token" ;;
        esac
        printf '{ "jsonrpc" : "2.0",\r "id":%s,\r"result" : { "content" : [],\r  "n" : 1.50 } }\n' "$id" ;;
    esac
done"#;

/// What that server's result is on a transport of lines.
const ONE_LINE: &str = r#"{ "content" : [],   "n" : 1.50 }"#;

fn desk() -> Desk {
    let desk = Desk::new(ALLOW);
    fs::write(desk.path("odd.sh"), ODD).unwrap();
    fs::write(desk.path("detail.toml"), "[audit]\ndetail = \"results\"\n").unwrap();
    desk
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_commits_to_the_line_that_a_client_of_a_child_got() {
    let desk = desk();
    let (config, script) = (desk.path("detail.toml"), desk.path("odd.sh"));
    let mut talk = desk.spawn_with(&["--config", config.to_str().unwrap(), "--", "sh", script.to_str().unwrap()]);
    talk.greet().await;
    let arguments = r#"{ "b" : 2 , "a" : [ 1.0 ] }"#;
    talk.write(
        format!(
            r#"{{"jsonrpc":"2.0","id":"c","method":"tools/call","params":{{"name":"odd","arguments":{arguments}}}}}{}"#,
            '\n'
        )
        .as_bytes(),
    )
    .await;
    let received = result_text(&talk.hear_line().await);
    assert_eq!(received, ONE_LINE);
    let log = desk.audit(1);
    let (decision, _) = assert_recorded(&log, "c", &received).await;
    assert_commits(&log, &decision, "args", arguments);
    assert_eq!(kept(&log, &decision).as_deref(), Some(arguments));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_commits_to_the_line_that_a_client_of_a_bridge_got() {
    let pretty = "{\"jsonrpc\":\"2.0\",\n \"id\":\"c\",\r\n \"result\": {\n  \"content\": [],\n  \"n\": 1.50\n }\n}";
    let events: String = pretty.lines().map(|line| format!("data: {line}\n")).collect();
    for answer in [Answer::Bytes(200, "application/json", pretty.to_owned()), Answer::stream(&[&(events + "\n")])] {
        let mut answer = Some(answer);
        let server =
            Scripted::start(move |_, message| if message["method"] == "tools/call" { answer.take() } else { None }).await;
        let desk = desk();
        let config = desk.path("detail.toml");
        let url = format!("http://{}/mcp", server.address);
        let mut talk = desk.spawn_with(&["--config", config.to_str().unwrap(), "--upstream", &url]);
        talk.greet().await;
        talk.say(&json!({"jsonrpc": "2.0", "id": "c", "method": "tools/call", "params": {"name": "echo", "arguments": {}}}))
            .await;
        let line = talk.hear_line().await;
        let received = result_text(&line);
        assert!(received.contains("\"n\": 1.50"), "{line}");
        let (_, outcome) = assert_recorded(&desk.audit(1), "c", &received).await;
        assert_eq!(outcome["bytes"], line.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_commits_to_what_a_client_got_over_http_from_a_child() {
    let desk = desk();
    desk.configure(&format!("command = ['sh', '{}']", desk.path("odd.sh").display()), "audit.detail = 'results'");
    let served = desk.serve().await;
    let mut client = Mcp::connect(served.mcp, Era::Legacy).await.unwrap();
    for (id, meta) in [("body", json!({})), ("events", json!({"progressToken": "t"}))] {
        let params = json!({"name": "odd", "arguments": {}, "_meta": meta});
        let reply = client.request(id, "tools/call", Some("odd"), params).await.unwrap();
        let body = String::from_utf8(reply.body.to_vec()).unwrap();
        let message = if id == "body" { body } else { event_data(body.trim_end().split("\n\n").nth(1).unwrap()) };
        let received = result_text(&message);
        assert_eq!(received, ONE_LINE, "{id}");
        assert_recorded(&desk.audit(1), id, &received).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_a_question_of_the_server_is_recorded_like_a_result() {
    let desk = desk();
    let script = r#"while IFS= read -r line; do
        id=${line#*'"id":'}; id=${id%%[,\}]*}
        case $line in
        *'"method":"initialize"'*)
            printf '{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"sh","version":"1"}}}\n' "$id" ;;
        *'"method":"ping"'*)
            printf '{"jsonrpc":"2.0","id":"q","method":"roots/list"}\n' ;;
        esac
    done"#;
    fs::write(desk.path("asks.sh"), script).unwrap();
    let (config, script) = (desk.path("detail.toml"), desk.path("asks.sh"));
    let mut talk = desk.spawn_with(&["--config", config.to_str().unwrap(), "--", "sh", script.to_str().unwrap()]);
    talk.greet().await;
    talk.say(&json!({"jsonrpc": "2.0", "id": "p", "method": "ping"})).await;
    assert_eq!(talk.hear().await["method"], "roots/list");
    let roots = r#"{ "roots" : [] }"#;
    talk.write(format!("{{\"jsonrpc\":\"2.0\",\"id\":\"q\",\"result\":{roots}}}\n").as_bytes()).await;
    let (decision, outcome) = records_of(&desk.audit(1), "q").await;
    assert_eq!(decision["action"], "roots/list");
    assert_commits(&desk.audit(1), &outcome, "result", roots);
    assert_eq!(kept(&desk.audit(1), &outcome).as_deref(), Some(roots));
}
