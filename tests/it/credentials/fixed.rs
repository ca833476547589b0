//! A secret in a file or a variable.

use super::{
    Answer, Duration, Era, Home, House, Mcp, POLICY, Scripted, Sidecar, ask, entries, fs, json, sentence, showing, values,
};

/// A server that lets in who shows this.
fn wants(secret: &'static str) -> impl FnMut(&super::Seen, &super::Value) -> Option<Answer> + Send + 'static {
    move |seen, _| (values(seen, "authorization") != secret).then(|| Answer::Bytes(401, "text/plain", String::new()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_from_a_file_is_on_every_request_and_follows_its_file_at_once() {
    let server = Scripted::start(wants("Bearer new")).await;
    let home = Home::new(server.address, POLICY).with_server("credential = 'static'\ncredential_file = 'token'\n");
    fs::write(home.path("token"), "new\n").unwrap();
    let sidecar = Sidecar::start(&home).await;
    let shows = showing(&[("authorization", "Bearer mine"), ("x-own", "1")]);
    let mut client = Mcp::connect_showing(sidecar.address, Era::Legacy, shows).await.unwrap();
    drop(client.listen(sidecar.address, None).await);
    assert!(client.call("1", "echo", json!({})).await.unwrap().is_good());
    let all = || ["GET", "POST", "DELETE"].into_iter().flat_map(|method| server.ear().requests(method));
    assert!(all().count() > 4 && all().all(|seen| values(&seen, "authorization") == "Bearer new"));

    // It was changed a moment ago and the sidecar does not know: the server says so, and the call goes once more.
    fs::write(home.path("token"), "old").unwrap();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert!(!client.call("2", "echo", json!({})).await.unwrap().is_good(), "the server does not take the old one");
    fs::write(home.path("token"), "new").unwrap();
    let before = all().count();
    assert!(client.call("3", "echo", json!({})).await.unwrap().is_good());
    let shown: Vec<_> = all().skip(before).map(|seen| values(&seen, "authorization")).collect();
    assert_eq!(shown.last().map(String::as_str), Some("Bearer new"), "{shown:?}");

    // Whoever takes the file away means it.
    fs::remove_file(home.path("token")).unwrap();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let before = all().count();
    let reply = client.call("4", "echo", json!({})).await.unwrap();
    assert_eq!(sentence(&reply), "Not forwarded: there is no credential for the MCP server at the moment. Try again later.");
    assert_eq!(all().count(), before, "nothing is forwarded");
    let lines: Vec<_> = entries(&home).await.iter().map(crate::support::Entry::line).collect();
    let last = "tools/call echo allow failed: no credential: its file cannot be read";
    assert_eq!(lines.last().map(String::as_str), Some(last), "{lines:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_goes_into_the_header_that_is_named_in_place_of_the_clients() {
    let server = Scripted::start(|_, _| None).await;
    let keys = "credential = 'static'\ncredential_env = 'LAB_KEY'\ncredential_header = 'X-Api-Key'\n";
    let home = Home::new(server.address, POLICY).with_server(keys);
    let sidecar = Sidecar::start_with(&home, &[("LAB_KEY", "k 1")]).await;
    let shows = showing(&[("x-api-key", "mine")]);
    let mut client = Mcp::connect_showing(sidecar.address, Era::Modern, shows).await.unwrap();
    assert!(client.call("1", "echo", json!({})).await.unwrap().is_good());
    let posts = server.ear().requests("POST");
    assert!(posts.len() > 1 && posts.iter().all(|seen| values(seen, "x-api-key") == "k 1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_no_secret_is_asked_once_and_its_no_is_not_the_clients() {
    let house = House::with("", "", "credential = 'static'\ncredential_file = 'secret'\n", wants("Bearer other")).await;
    let mut client = house.client(Era::Modern, &house.idp.token(json!({}))).await;
    let reply = ask(&mut client).await;
    assert_eq!(reply.status, 502, "{reply:?}");
    let asked = house.ear.requests("POST").into_iter().filter(|seen| String::from_utf8_lossy(&seen.body).contains("prompts/get"));
    assert_eq!(asked.map(|seen| values(&seen, "authorization")).collect::<Vec<_>>(), ["Bearer s3cret"]);
}
