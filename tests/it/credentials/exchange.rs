//! A token in exchange for the caller's.

use super::{
    Answer, CLIENT, Era, Home, House, Idp, Mcp, POLICY, Scripted, Sidecar, entries, fs, json, sentence, showing, values,
};

fn keys(more: &str) -> String {
    format!("credential = 'exchange'\ncredential_token_url = 'ISSUER/token'\n{CLIENT}{more}")
}

#[tokio::test(flavor = "multi_thread")]
async fn each_callers_token_is_exchanged_once_and_nobody_gets_anothers() {
    let house = House::open(&keys("")).await;
    let alice = house.idp.token(json!({}));
    let bob = house.idp.token(json!({ "sub": "bob" }));
    for (era, token) in [(Era::Modern, &alice), (Era::Legacy, &bob), (Era::Legacy, &alice), (Era::Modern, &bob)] {
        let mut client = house.client(era, token).await;
        assert!(client.call("1", "echo", json!({})).await.unwrap().is_good());
    }
    let shown = house.shown("authorization");
    assert!(shown[0] == shown[2] && shown[1] == shown[3] && shown[0] != shown[1], "{shown:?}");
    assert!(shown.iter().all(|shown| shown.starts_with("Bearer exchanged-")), "{shown:?}");
    let forms: Vec<_> = house.idp.forms().into_iter().filter(|form| form.contains_key("subject_token")).collect();
    assert_eq!(forms.iter().map(|form| form["subject_token"].clone()).collect::<Vec<_>>(), [alice, bob]);
    for form in forms {
        let kind = "urn:ietf:params:oauth:token-type:access_token";
        assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:token-exchange");
        assert_eq!((form["subject_token_type"].as_str(), form["requested_token_type"].as_str()), (kind, kind));
        assert_eq!(form["resource"], "https://lab.example/mcp");
        assert!(!form.contains_key("actor_token"));
    }
    // What the sidecar asks by itself it asks in its own name.
    let posts = house.ear.requests("POST");
    let own = |seen: &&super::Seen| String::from_utf8_lossy(&seen.body).contains("\"cedarpost-");
    let own: Vec<_> = posts.iter().filter(own).map(|seen| values(seen, "authorization")).collect();
    assert!(!own.is_empty() && own.iter().all(|shown| shown.starts_with("Bearer own-")), "{own:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_person_behind_an_agent_is_the_subject_and_a_token_of_ours_the_actor() {
    let keys = keys("credential_actor_token = true\n");
    let house = House::with("actor_token = 'optional'", "actors = true", &keys, |_, _| None).await;
    let access = house.idp.token(json!({ "sub": "helper" }));
    let person = house.idp.token(json!({ "aud": "helper", "client_id": "portal" }));
    let shows = showing(&[("authorization", &format!("Bearer {access}")), ("cedarpost-actor-token", &person)]);
    let mut client = Mcp::connect_showing(house.sidecar.address, Era::Modern, shows).await.unwrap();
    assert!(client.call("1", "echo", json!({})).await.unwrap().is_good());
    let form = house.idp.forms().into_iter().find(|form| form.contains_key("subject_token")).unwrap();
    assert_eq!(form["subject_token"], person);
    assert!(form["actor_token"].starts_with("own-"), "{form:?}");
    assert_eq!(form["actor_token_type"], "urn:ietf:params:oauth:token-type:access_token");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_without_a_token_is_told_so_and_nothing_is_forwarded() {
    let (idp, server) = (Idp::start().await, Scripted::start(|_, _| None).await);
    let section = "agent = 'helper'\nunattended = true\nactor_token = 'optional'\n[[identity.issuer]]\nactors = true\n";
    let home = Home::new(server.address, POLICY).with_identity(&format!("{section}issuer = '{}'\n", idp.issuer()));
    fs::write(home.path("secret"), "s3cret").unwrap();
    let home = home.with_server(&keys("").replace("ISSUER", &idp.issuer()));
    let sidecar = Sidecar::start(&home).await;
    let mut client = Mcp::connect(sidecar.address, Era::Modern).await.unwrap();
    let reply = client.call("1", "echo", json!({})).await.unwrap();
    let expected = "Not forwarded: the MCP server is reached on behalf of a user, and no token that allows this was shown.";
    assert_eq!(sentence(&reply), expected);
    let calls = server.ear().messages().iter().filter(|message| message["method"] == "tools/call").count();
    assert_eq!(calls, 0, "nothing is forwarded");
    let lines: Vec<_> = entries(&home).await.iter().map(crate::support::Entry::line).collect();
    assert_eq!(lines, ["tools/call echo allow failed: no credential: the caller showed no token"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_callers_refused_token_does_not_keep_others_out() {
    let idp = Idp::start().await;
    let bad = idp.token(json!({ "sub": "bob" }));
    let refused = bad.clone();
    let mut count = 0;
    idp.grants(move |form| {
        count += 1;
        if form.get("subject_token") == Some(&refused) {
            return (400, json!({ "error": "invalid_grant" }).to_string());
        }
        (200, json!({ "access_token": format!("t-{count}"), "token_type": "Bearer" }).to_string())
    });
    let house = House::beside(idp, ("", ""), &keys(""), |_, _| None).await;
    let mut out = house.client(Era::Modern, &bad).await;
    let reply = out.call("1", "echo", json!({})).await.unwrap();
    assert_eq!(sentence(&reply), "Not forwarded: there is no credential for the MCP server at the moment. Try again later.");
    let mut inside = house.client(Era::Modern, &house.idp.token(json!({}))).await;
    assert!(inside.call("1", "echo", json!({})).await.unwrap().is_good());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchanged_token_that_the_server_takes_no_more_is_renewed_for_its_caller() {
    let script = {
        let mut calls = 0;
        move |seen: &super::Seen, message: &super::Value| {
            calls += usize::from(message["method"] == "tools/call");
            let second = calls == 2 && message["method"] == "tools/call";
            (second && values(seen, "authorization").starts_with("Bearer exchanged"))
                .then(|| Answer::Bytes(401, "application/json", String::new()))
        }
    };
    let house = House::with("", "", &keys(""), script).await;
    let mut client = house.client(Era::Modern, &house.idp.token(json!({}))).await;
    for id in ["1", "2"] {
        assert!(client.call(id, "echo", json!({})).await.unwrap().is_good(), "{id}");
    }
    let shown = house.shown("authorization");
    assert!(shown.len() == 3 && shown[0] == shown[1] && shown[1] != shown[2], "{shown:?}");
}
