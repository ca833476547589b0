//! A tour must fail when there is nothing to see, and must not let a server paint on the terminal.

use std::path::{Path, PathBuf};

use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::page::{Page, Tone};
use super::{TourError, TourSettings, run};
use crate::demo::{Shop, serve, write_policies};

/// A tour whose "sidecar" is the unguarded shop itself.
async fn tour_without_a_sidecar() -> (Result<(), TourError>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: http::Uri = format!("http://{}/mcp", listener.local_addr().unwrap()).parse().unwrap();
    let shop = Shop::new();
    tokio::spawn(serve(shop.clone(), listener, std::future::pending()));
    let settings = TourSettings { proxy_url: url.clone(), shop_url: url, shop, policies_dir: PathBuf::new(), colour: false };
    let mut printed = Vec::new();
    let ended = run(&settings, async || Ok("apr_1".to_owned()), async || Ok(9), &mut printed).await;
    (ended, String::from_utf8(printed).unwrap())
}

#[tokio::test]
async fn a_tour_past_an_unguarded_shop_fails_at_the_first_step() {
    let (ended, printed) = tour_without_a_sidecar().await;
    assert!(matches!(ended, Err(TourError::Unexpected { step: 1, .. })), "{ended:?}");
    assert!(printed.contains("1. What the agent gets to see"), "{printed}");
    assert!(!printed.contains("2. "), "{printed}");
}

#[tokio::test]
async fn a_tour_to_nobody_says_who_did_not_answer() {
    let url: http::Uri = "http://127.0.0.1:9/shop".parse().unwrap();
    let settings =
        TourSettings { proxy_url: url.clone(), shop_url: url, shop: Shop::new(), policies_dir: PathBuf::new(), colour: false };
    let ended = run(&settings, async || Ok("apr_1".to_owned()), async || Ok(9), &mut Vec::new()).await;
    let told = ended.unwrap_err().to_string();
    assert!(told.starts_with("`http://127.0.0.1:9/shop` did not answer `tools/list`"), "{told}");
}

fn printed(colour: bool, text: &str) -> String {
    let mut out = Vec::new();
    let mut page = Page::new(&mut out, colour);
    page.heading("Heading").unwrap();
    page.fact("answer", Tone::Good, text).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_page_is_plain_text_without_colour() {
    assert_eq!(printed(false, "one\ntwo"), "\n1. Heading\n   answer  one\n           two\n");
}

#[test]
fn a_page_in_colour_says_the_same() {
    let painted = printed(true, "one\ntwo");
    assert!(painted.contains("\u{1b}[32mone\u{1b}[0m"), "{painted:?}");
    let bare = ["\u{1b}[1m", "\u{1b}[2m", "\u{1b}[32m", "\u{1b}[0m"].iter().fold(painted, |text, code| text.replace(code, ""));
    assert_eq!(bare, printed(false, "one\ntwo"));
}

#[test]
fn control_characters_from_a_server_do_not_reach_the_terminal() {
    for hostile in ["\u{1b}[2Jgone", "bell\u{7}", "over\rwritten", "\u{9b}31m"] {
        let seen = printed(false, hostile);
        assert!(seen.chars().all(|letter| letter == '\n' || !letter.is_control()), "{seen:?}");
    }
}

/// What a sidecar with the demo's policies says, without being one: it looks into the policy file to see whether reading is forbidden.
fn as_the_policies_say(policies: &Path, message: &Value) -> Value {
    let ok = |text: &str| json!({ "content": [{ "type": "text", "text": text }] });
    let no = |reason: &str| {
        json!({ "content": [{ "type": "text", "text": format!("Denied by policy: {reason}") }], "isError": true,
            "_meta": { "dev.cedarpost/decision": { "id": "01K" } } })
    };
    let stocktaking = || std::fs::read_to_string(policies.join("reading.cedar")).unwrap().contains("stocktaking");
    let params = &message["params"];
    let result = match (message["method"].as_str().unwrap(), params["name"].as_str().unwrap_or_default()) {
        ("tools/list", _) => {
            let shown = ["search_orders", "read_order", "refund", "send_email", "fetch_url"];
            json!({ "tools": shown.map(|name| json!({ "name": name })) })
        }
        (_, "read_order") if stocktaking() => no("Orders cannot be read during stocktaking."),
        (_, "delete_customer") => no("What cannot be taken back is for people, not for agents."),
        _ => ok("done"),
    };
    json!({ "jsonrpc": "2.0", "id": message["id"], "result": result })
}

async fn tour_with_a_well_behaved_sidecar(verified: anyhow::Result<u64>) -> (Result<(), TourError>, String, tempfile::TempDir) {
    let policies = tempfile::tempdir().unwrap();
    write_policies(policies.path()).unwrap();
    let (sidecar, direct) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let url = |listener: &TcpListener| format!("http://{}/mcp", listener.local_addr().unwrap()).parse::<http::Uri>().unwrap();
    let shop = Shop::new();
    let settings = TourSettings {
        proxy_url: url(&sidecar),
        shop_url: url(&direct),
        shop: shop.clone(),
        policies_dir: policies.path().to_owned(),
        colour: false,
    };
    tokio::spawn(serve(shop, direct, std::future::pending()));
    let folder = policies.path().to_owned();
    let answer = move |Json(message): Json<Value>| async move { Json(as_the_policies_say(&folder, &message)) };
    tokio::spawn(async { axum::serve(sidecar, Router::new().route("/mcp", post(answer))).await });
    let mut printed = Vec::new();
    let ended = run(&settings, async || Ok("apr_1".to_owned()), async || verified, &mut printed).await;
    (ended, String::from_utf8(printed).unwrap(), policies)
}

#[tokio::test]
async fn a_tour_with_a_well_behaved_sidecar_tells_six_steps_and_leaves_the_policies_as_they_were() {
    let (ended, printed, policies) = tour_with_a_well_behaved_sidecar(Ok(12)).await;
    assert!(ended.is_ok(), "{ended:?}\n{printed}");
    assert!((1..=6).all(|step| printed.contains(&format!("\n{step}. "))), "{printed}");
    for told in
        ["is for people, not for agents", "01K", "was not asked", "approvals approve apr_1", "In force ", "12 records, verified"]
    {
        assert!(printed.contains(told), "{told} is missing in\n{printed}");
    }
    let fresh = tempfile::tempdir().unwrap();
    write_policies(fresh.path()).unwrap();
    let read = |folder: &Path| std::fs::read_to_string(folder.join("reading.cedar")).unwrap();
    assert_eq!(read(policies.path()), read(fresh.path()));
}

#[tokio::test]
async fn a_tour_fails_when_the_log_does_not_verify_or_is_too_short() {
    let (ended, ..) = tour_with_a_well_behaved_sidecar(Err(anyhow::anyhow!("record 3 was changed"))).await;
    assert!(matches!(ended, Err(TourError::Log(_))), "{ended:?}");
    let (ended, ..) = tour_with_a_well_behaved_sidecar(Ok(3)).await;
    assert!(matches!(ended, Err(TourError::Unexpected { step: 6, .. })), "{ended:?}");
}
