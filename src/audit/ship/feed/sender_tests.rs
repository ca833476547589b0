//! Requests as they leave the house.

use super::*;
use crate::audit::ship::fixtures::collector::{Collector, header};
use crate::outbound;

fn settings(endpoint: &str) -> FeedSettings {
    FeedSettings {
        endpoint: endpoint.parse().unwrap(),
        protocol: Protocol::Protobuf,
        compression: Compression::None,
        headers: Headers::default(),
        plaintext_non_loopback: false,
        deadline: std::time::Duration::from_secs(5),
    }
}

fn sender(settings: &FeedSettings) -> Sender {
    let outbound = Outbound::new(outbound::Settings::default()).unwrap();
    Sender::new(settings, &outbound, Clock::manual(Timestamp::from_micros(7)))
}

async fn send(sender: &Sender) -> Result<Answer, SendError> {
    let piece = sender.piece(&Entry::new("audit.example/host-7", 3, br#"{"t":"stop"}"#), Timestamp::from_micros(7));
    sender.send("audit.example/host-7", &[piece]).await.map(|(answer, _)| answer)
}

#[tokio::test]
async fn keys_go_along_and_one_that_was_exchanged_goes_with_the_next_request() {
    let collector = Collector::start().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, "Bearer one\n").unwrap();
    let headers = Headers::default().with("x-tenant", "acme").unwrap();
    let headers = headers.with_file("authorization", file.path().into()).unwrap();
    let sender = sender(&FeedSettings { headers, ..settings(&format!("http://{}/otlp", collector.address)) });
    assert_eq!(send(&sender).await.unwrap(), Answer::Taken(None));
    std::fs::write(&file, "Bearer two").unwrap();
    assert_eq!(send(&sender).await.unwrap(), Answer::Taken(None));
    let seen = collector.seen();
    let said = |at: usize, name| header(&seen[at].head, name).map(str::to_owned);
    assert!(seen[0].head.starts_with("post /otlp http/1.1"), "{seen:?}");
    assert_eq!((said(0, "authorization"), said(1, "authorization")), (Some("bearer one".into()), Some("bearer two".into())));
    assert_eq!((said(0, "x-tenant"), said(0, "content-type")), (Some("acme".into()), Some("application/x-protobuf".into())));

    for bad in [Some("two\nlines"), None] {
        match bad {
            Some(text) => std::fs::write(&file, text).unwrap(),
            None => std::fs::remove_file(file.path()).unwrap(),
        }
        let error = send(&sender).await.unwrap_err();
        assert!(matches!(error, SendError::HeaderFile { .. }) && !error.to_string().contains("lines"), "{error}");
    }
    assert_eq!(collector.seen().len(), 2);
}

#[tokio::test]
async fn plain_http_to_another_machine_must_be_allowed() {
    let endpoint = "http://192.0.2.1:4318";
    let error = send(&sender(&settings(endpoint))).await.unwrap_err();
    assert!(error.to_string().contains("plain http"), "{error}");
    let allowed = FeedSettings { plaintext_non_loopback: true, ..settings(endpoint) };
    for (settings, host, expected) in [
        (&settings(endpoint), "192.0.2.1", false),
        (&settings(endpoint), "localhost", true),
        (&allowed, "192.0.2.1", true),
        (&allowed, "192.0.2.2", false),
    ] {
        assert_eq!(plain_http(settings).admits(host), expected, "{host}");
    }
}
