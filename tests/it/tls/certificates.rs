//! Client certificates: who is let in, for how long, and who is not.

use tokio::time::Instant;
use tokio_rustls::rustls::version::{TLS12, TLS13};

use super::*;
use crate::support::{PATH, entries, self_signed, tls_client_of};

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_an_agent_by_its_spiffe_id_or_by_the_table() {
    let house = House::open().await;
    let table = house.prod.sign(&Wish { dns: &["helper.example"], ..Wish::client(&[]) });
    for era in [Era::Legacy, Era::Modern] {
        for shown in [&house.sign(&[ID]), &table] {
            let mut client = house.client(era, Some(shown)).await.unwrap();
            let reply = client.call("1", "echo", json!({})).await.unwrap();
            assert!(reply.is_good(), "{reply:?}");
        }
    }
    // Another workload is somebody, and may do nothing.
    let mut other = house.client(Era::Modern, Some(&house.sign(&["spiffe://prod.example/other"]))).await.unwrap();
    assert!(other.call("1", "echo", json!({})).await.unwrap().denial().is_some());
    let lines: Vec<String> = entries(&house.home).await.iter().map(crate::support::Entry::line).collect();
    assert_eq!(lines, [["tools/call echo allow ok"; 4].as_slice(), &["tools/call echo deny"]].concat());
    assert!(house.metric("cedarpost_identifications_total{way=\"mtls\",remembered=\"no\"}").await >= Some(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_certificate_ends_at_the_handshake_and_nothing_reaches_the_server() {
    let house = House::open().await;
    let (good, foreign) = (Wish::client(&[ID]), Ca::new("prod"));
    let bad = [
        ("wrong authority", Some(foreign.sign(&good)), "it is by no authority that is believed here"),
        ("self-signed", Some(self_signed(&good)), "it is by no authority that is believed here"),
        ("expired", Some(house.prod.sign(&Wish { valid: (-600, -5), ..good.clone() })), "it has expired"),
        ("not yet", Some(house.prod.sign(&Wish { valid: (600, 6000), ..good.clone() })), "it is not valid yet"),
        ("for servers", Some(house.prod.sign(&Wish { client: false, server: true, ..good.clone() })), "it is not for clients"),
        ("two URIs", Some(house.sign(&[ID, "spiffe://prod.example/b"])), "it has more than one URI"),
        ("no name", Some(house.sign(&[])), "it names no agent that is known here"),
        ("another trust domain", Some(house.sign(&["spiffe://dev.example/a"])), "a trust domain that its authority cannot"),
        ("no path", Some(house.sign(&["spiffe://prod.example"])), "its SPIFFE id is not well-formed"),
        ("an authority", Some(house.prod.sign(&Wish { is_authority: true, ..good.clone() })), "certificate is refused"),
        ("none", None, "the client showed no certificate, and must"),
    ];
    let call =
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "echo", "arguments": {}}}).to_string();
    let host = house.sidecar.address.to_string();
    let headers =
        [("host", host.as_str()), ("content-type", "application/json"), ("accept", "application/json, text/event-stream")];
    let headers = headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
    let headers = HeaderMap::from_iter(headers);
    for (what, shown, logged) in &bad {
        for version in [&TLS13, &TLS12] {
            let config = tls_client_of(&house.ours, shown.as_ref(), &[version]);
            let reply = match house.connect_as(config).await {
                Err(_) => None,
                Ok(mut connection) => connection.send(Method::POST, PATH, &headers, call.as_bytes()).await.ok(),
            };
            assert!(reply.is_none(), "{what}: {reply:?}");
        }
        house.logs(logged).await;
    }
    assert_eq!(house.calls(), 0, "nothing reached the server");
    assert_eq!(entries(&house.home).await.len(), 0, "there was nothing to decide");
    let refused = house.metric("cedarpost_tls_handshakes_total{listener=\"mcp\",outcome=\"certificate\"}").await;
    assert_eq!((refused, house.metric("cedarpost_identity_refusals_total{reason=\"certificate\"}").await), (Some(20), Some(20)));
    assert_eq!(house.metric("cedarpost_tls_handshakes_total{listener=\"mcp\",outcome=\"no_certificate\"}").await, Some(2));
    // The same with a good certificate is a call.
    let mut good = house.connect(Some(&house.sign(&[ID]))).await.unwrap();
    assert!(good.send(Method::POST, PATH, &headers, call.as_bytes()).await.unwrap().is_good());
    assert_eq!(house.calls(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn spoofed_headers_count_for_nothing_beside_a_certificate() {
    let house = House::open().await;
    let other = house.sign(&["spiffe://prod.example/other"]);
    let xfcc = format!("By=spiffe://prod.example/x;URI={ID}");
    let spoofed = [("x-forwarded-client-cert", xfcc.as_str()), ("x-client-cert", ID), ("x-forwarded-user", "alice")];
    let headers = spoofed.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
    let mut client = house.client_showing(Era::Modern, Some(&other), HeaderMap::from_iter(headers)).await.unwrap();
    assert!(client.call("1", "echo", json!({})).await.unwrap().denial().is_some());
    // A token that nobody asked for is not passed over.
    let token = HeaderMap::from_iter([(http::header::AUTHORIZATION, "Bearer x".parse().unwrap())]);
    let mut client = house.client_showing(Era::Modern, Some(&house.sign(&[ID])), token).await.unwrap();
    assert_eq!(client.call("1", "echo", json!({})).await.unwrap().status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_belongs_to_the_agent_of_the_certificate_that_opened_it() {
    let house = House::open().await;
    let mut web = house.client(Era::Legacy, Some(&house.sign(&[ID]))).await.unwrap();
    let session = web.session.clone().unwrap();
    let mut other = house.client(Era::Legacy, Some(&house.sign(&["spiffe://prod.example/other"]))).await.unwrap();
    other.session = Some(session.clone());
    let stolen = other.call("1", "echo", json!({})).await.unwrap();
    assert_eq!((stolen.status, stolen.code()), (404, Some(-32001)), "{stolen:?}");
    // A new certificate of the same agent goes on with it.
    let mut renewed = house.client(Era::Legacy, Some(&house.sign(&[ID]))).await.unwrap();
    renewed.session = Some(session);
    assert!(renewed.call("1", "echo", json!({})).await.unwrap().is_good());
    assert!(web.call("2", "echo", json!({})).await.unwrap().is_good());
}

/// A house whose server has one stream to listen to.
async fn with_a_stream() -> (House, tokio::sync::mpsc::UnboundedSender<bytes::Bytes>) {
    let (events, stream) = Answer::events();
    let mut stream = Some(stream);
    let script = move |seen: &Seen, _: &Value| if seen.method == "GET" { stream.take() } else { None };
    (House::with("accept = ['mtls']", "", script).await, events)
}

const EVENT: &str = "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{}}\n\n";

#[tokio::test(flavor = "multi_thread")]
async fn after_its_certificate_has_ended_a_connection_is_good_for_nothing() {
    let (house, events) = with_a_stream().await;
    let short = house.prod.sign(&Wish { valid: (-60, 3), ..Wish::client(&[ID]) });
    let mut client = house.client(Era::Legacy, Some(&short)).await.unwrap();
    let mut listening = client.listen_over(house.connect(Some(&short)).await.unwrap()).await;
    events.send(EVENT.into()).unwrap();
    assert!(listening.next().await.is_some());
    assert!(client.call("1", "echo", json!({})).await.unwrap().is_good());
    assert_eq!(listening.next().await, None, "the stream ends with the certificate");
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let late = client.call("2", "echo", json!({})).await.unwrap();
    assert_eq!(late.status, 401, "{late:?}");
    assert!(late.header("www-authenticate").unwrap().contains("it has expired"), "{late:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_denied_is_out_within_a_second_whatever_their_certificate_says() {
    let (house, events) = with_a_stream().await;
    let web = house.sign(&[ID]);
    let mut client = house.client(Era::Legacy, Some(&web)).await.unwrap();
    let mut listening = client.listen_over(house.connect(Some(&web)).await.unwrap()).await;
    events.send(EVENT.into()).unwrap();
    assert!(listening.next().await.is_some());
    let begun = Instant::now();
    fs::write(house.home.path("deny"), format!("agent {ID}\n")).unwrap();
    assert_eq!(listening.next().await, None);
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!(client.call("1", "echo", json!({})).await.unwrap().status, 401);
    let mut again = house.client(Era::Modern, Some(&house.sign(&[ID]))).await.unwrap();
    assert_eq!(again.call("1", "echo", json!({})).await.unwrap().status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_that_is_replaced_takes_open_connections_along() {
    let house = House::open().await;
    let mut old = house.client(Era::Modern, Some(&house.sign(&[ID]))).await.unwrap();
    assert!(old.call("1", "echo", json!({})).await.unwrap().is_good());
    let next = Ca::new("next");
    let of_next = next.sign(&Wish::client(&[ID]));
    assert!(house.client(Era::Modern, Some(&of_next)).await.is_err(), "not yet");
    fs::write(house.home.path("clients.pem"), format!("{}{}", house.prod.pem(), next.pem())).unwrap();
    house.logs("an authority has other certificates").await;
    let mut new = house.client(Era::Modern, Some(&of_next)).await.unwrap();
    assert!(
        old.call("2", "echo", json!({})).await.unwrap().is_good() && new.call("2", "echo", json!({})).await.unwrap().is_good()
    );

    // Half a file changes nothing, and is told.
    fs::write(house.home.path("clients.pem"), next.pem().chars().take(200).collect::<String>()).unwrap();
    house.logs("the file of an authority cannot be used").await;
    assert_eq!(house.metric("cedarpost_identity_authority_valid{authority=\"prod.example\"}").await, Some(0));
    assert!(old.call("3", "echo", json!({})).await.unwrap().is_good());
    fs::write(house.home.path("clients.pem"), next.pem()).unwrap();
    let turned_away = async {
        while old.call("4", "echo", json!({})).await.unwrap().status != 401 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), turned_away).await.expect("the old authority counts for nothing any more");
    assert!(new.call("4", "echo", json!({})).await.unwrap().is_good());
    assert_eq!(house.metric("cedarpost_identity_authority_valid{authority=\"prod.example\"}").await, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_explained_with_an_exit_code() {
    let house = House::open().await;
    let config = house.home.config();
    for (uris, code, expected) in [
        (&[ID][..], 0, format!("agent        {ID}")),
        (
            &["spiffe://dev.example/a"],
            3,
            "no  certificate  the client certificate is not believed: its SPIFFE id is of a trust".to_owned(),
        ),
    ] {
        house.sign(uris).write(&house.home.path(""), "shown");
        let shown = house.home.path("shown.pem");
        let arguments = ["identity", "test", "--config", config.to_str().unwrap(), "--certificate", shown.to_str().unwrap()];
        let output = crate::support::cedarpost(&arguments).await;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.code() == Some(code) && said.contains(&expected), "{said} {output:?}");
    }
}
