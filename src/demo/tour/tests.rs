//! A tour must fail when there is nothing to see, and must not let a server paint on the terminal.

use std::path::PathBuf;

use tokio::net::TcpListener;

use super::page::{Page, Tone};
use super::{TourError, TourSettings, run};
use crate::demo::{Shop, serve};

/// A tour whose "sidecar" is the unguarded shop itself.
async fn tour_without_a_sidecar() -> (Result<(), TourError>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: http::Uri = format!("http://{}/mcp", listener.local_addr().unwrap()).parse().unwrap();
    let shop = Shop::new();
    tokio::spawn(serve(shop.clone(), listener, std::future::pending()));
    let settings = TourSettings { proxy_url: url.clone(), shop_url: url, shop, policies_dir: PathBuf::new(), colour: false };
    let mut printed = Vec::new();
    let ended = run(&settings, async || Ok(9), &mut printed).await;
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
    let ended = run(&settings, async || Ok(9), &mut Vec::new()).await;
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
