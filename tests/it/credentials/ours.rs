//! Tokens of our own, by the client credentials grant.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Answer, CLIENT, Duration, Era, House, Idp, ask, json, sentence, values};

fn keys() -> String {
    format!("credential = 'client_credentials'\ncredential_issuer = 'ISSUER'\ncredential_scopes = ['a', 'b']\n{CLIENT}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_ours_is_asked_for_once_and_shown_on_every_request() {
    let house = House::open(&keys()).await;
    let token = house.idp.token(json!({}));
    for era in [Era::Legacy, Era::Modern] {
        let mut client = house.client(era, &token).await;
        assert!(client.call("1", "echo", json!({})).await.unwrap().is_good());
    }
    let all: Vec<_> = ["GET", "POST"].into_iter().flat_map(|method| house.ear.requests(method)).collect();
    assert!(all.len() > 5 && all.iter().all(|seen| values(seen, "authorization") == "Bearer own-1"), "{all:#?}");
    let asked = house.idp.asked("/token");
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].0["authorization"], format!("Basic {}", STANDARD.encode("cedarpost:s3cret")).as_str());
    let form = &house.idp.forms()[0];
    let wanted = [("grant_type", "client_credentials"), ("resource", "https://lab.example/mcp"), ("scope", "a b")];
    assert_eq!(form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>(), wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_the_server_takes_no_more_is_renewed_once_and_the_call_goes_once_more() {
    let strict = Arc::new(AtomicBool::new(false));
    let revoked = Arc::clone(&strict);
    let house = House::with("", "", &keys(), move |seen, _| {
        let old = values(seen, "authorization") == "Bearer own-1";
        (old && revoked.load(Ordering::SeqCst)).then(|| Answer::Bytes(401, "application/json", String::new()))
    })
    .await;
    let mut client = house.client(Era::Modern, &house.idp.token(json!({}))).await;
    assert!(client.call("1", "echo", json!({})).await.unwrap().is_good());
    strict.store(true, Ordering::SeqCst);
    assert!(client.call("2", "echo", json!({})).await.unwrap().is_good());
    assert_eq!(house.shown("authorization"), ["Bearer own-1", "Bearer own-1", "Bearer own-2"]);
    assert_eq!(house.idp.count("/token"), 2);
    assert_eq!(house.decisions().await, ["tools/call echo allow ok", "tools/call echo allow ok"], "one decision for both tries");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_never_takes_our_tokens_does_not_make_us_ask_for_ever_more() {
    let house = House::with("", "", &keys(), |_, _| Some(Answer::Bytes(401, "application/json", String::new()))).await;
    let mut client = house.client(Era::Modern, &house.idp.token(json!({}))).await;
    for id in ["1", "2", "3"] {
        assert!(!client.call(id, "echo", json!({})).await.unwrap().is_good());
    }
    assert_eq!(house.idp.count("/token"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_nothing_is_forwarded_and_the_record_says_why() {
    let slow = format!("{}credential_deadline = '300ms'\n", keys());
    let secretless = keys().replace("'secret'", "'nowhere'");
    for (why, keys, status, body) in [
        ("refused", keys(), 400, r#"{"error":"invalid_client"}"#),
        ("unavailable", keys(), 500, ""),
        ("unfit answer", keys(), 200, "<html>"),
        ("unfit answer", keys(), 200, r#"{"access_token":"a\r\nb: c","token_type":"bearer"}"#),
        ("no answer in time", slow, 500, ""),
        ("unavailable", secretless, 200, ""),
    ] {
        let idp = Idp::start().await;
        idp.grants(move |_| (status, body.to_owned()));
        let token = idp.token(json!({}));
        let house = House::beside(idp, ("", ""), &keys, |_, _| None).await;
        let mut client = house.client(Era::Modern, &token).await;
        if why == "no answer in time" {
            // The keys of callers are there before the provider becomes slow.
            house.idp.set_slow(Duration::from_secs(3));
            // As long as it rests from its failure it is not asked: up to half a minute, when it has failed a few times already.
            for _ in 0..80 {
                ask(&mut client).await;
                if house.decisions().await.iter().any(|line| line.ends_with(why)) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
        let reply = ask(&mut client).await;
        assert_eq!(sentence(&reply), "Not forwarded: there is no credential for the MCP server at the moment. Try again later.");
        let lines = house.decisions().await;
        assert_eq!(lines.last(), Some(&format!("prompts/get hello allow failed: no credential: {why}")), "{lines:#?}");
        assert!(house.ear.requests("POST").is_empty(), "{why}: nothing reaches the server");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_we_are_is_said_as_the_settings_want_it() {
    let house = House::open(&format!("{}credential_client_secret_in = 'form'\ncredential_audience = 'lab'\n", keys())).await;
    let mut client = house.client(Era::Modern, &house.idp.token(json!({}))).await;
    assert!(client.call("1", "echo", json!({})).await.unwrap().is_good());
    let (headers, _) = &house.idp.asked("/token")[0];
    let form = &house.idp.forms()[0];
    assert!(!headers.contains_key("authorization"));
    assert_eq!(
        (form["client_id"].as_str(), form["client_secret"].as_str(), form["audience"].as_str()),
        ("cedarpost", "s3cret", "lab")
    );
}
