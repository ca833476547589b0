//! What can be an address, and what a connection that does not come about says. TLS is tried against the real server in tests/it.

use super::*;

#[test]
fn an_address_is_a_port_or_a_socket_and_nothing_more() {
    let port = |host: &str, port| Port { host: host.to_owned(), port };
    let cases = [
        ("http://127.0.0.1:9091", Ok(Place::Plain(port("127.0.0.1", 9091)))),
        ("http://localhost:9091/", Ok(Place::Plain(port("localhost", 9091)))),
        ("http://[::1]:9091", Ok(Place::Plain(port("::1", 9091)))),
        ("https://sidecar.example", Ok(Place::Tls(port("sidecar.example", 443)))),
        ("unix:/run/cedarpost/grpc", Ok(Place::Unix("/run/cedarpost/grpc".into()))),
        ("unix:///run/cedarpost/grpc", Ok(Place::Unix("/run/cedarpost/grpc".into()))),
        ("127.0.0.1:9091", Err(())),
        ("localhost:9091", Err(())),
        ("unix:run/grpc", Err(())),
        ("http://127.0.0.1:9091/check", Err(())),
        ("http://me:secret@127.0.0.1:9091", Err(())),
        ("grpc://127.0.0.1:9091", Err(())),
        ("", Err(())),
    ];
    for (text, expected) in cases {
        assert_eq!(text.parse::<Place>().map_err(|_| ()), expected, "{text}");
    }
    for text in ["http://[::1]:9091", "https://sidecar.example:443", "unix:/run/grpc"] {
        assert_eq!(text.parse::<Place>().unwrap().to_string(), text);
    }
}

#[tokio::test]
async fn nobody_there_is_told_with_the_place_and_the_cause() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for text in [format!("http://{free}"), format!("https://{free}"), "unix:/nowhere/at/all".to_owned()] {
        let trust = Trust { ca_file: Some(vector("ca.pem")), shown: None };
        let error = Dial::new(text.parse().unwrap(), "h2", &trust).unwrap().connect().await.err().unwrap();
        assert!(matches!(error, DialError::Unreachable { .. }), "{error}");
        assert_eq!(error.to_string(), format!("failed to connect to `{text}`"));
    }
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let (ca, key, nowhere) = (vector("ca.pem"), vector("server.key"), PathBuf::from("/nowhere.pem"));
    let cases = [
        (Some((nowhere.clone(), key.clone())), "/nowhere.pem"),
        (Some((key.clone(), key.clone())), "has no certificate"),
        (Some((vector("server.pem"), nowhere)), "/nowhere.pem"),
        (Some((vector("server.pem"), ca.clone())), "ca.pem"),
        (Some((ca, key)), "cannot be shown"),
    ];
    for (shown, text) in cases {
        let trust = Trust { ca_file: None, shown };
        let error = Dial::new("https://localhost:1".parse().unwrap(), "h2", &trust).unwrap_err();
        assert!(error.to_string().contains(text), "{text}: {error}");
    }
}

fn vector(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/outbound/vectors").join(name)
}
