//! What comes over the wire when somebody does not behave: deadlines that are over, clients that hang up, messages that are none, bytes that
//! are not HTTP/2. The sidecar answers everybody else all the same, and what was decided is in the log.

use std::collections::HashSet;
use std::time::Duration;

use cedarpost::grpc::pb;
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::Code;

use crate::support::{Asked, asked, framed};

const CHECK: &str = "/cedarpost.v1.DecisionService/Check";

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_that_is_over_is_said_and_what_was_decided_is_recorded() {
    let lab = Asked::open().await;
    let question = framed(&asked("echo").encode_to_vec());
    for timeout in ["0S", "1n", "999u"] {
        assert_eq!(lab.send(CHECK, Some(timeout), question.clone()).await, Code::DeadlineExceeded, "{timeout}");
    }
    for timeout in ["soon", "-5S", "", "123456789S", "5x"] {
        assert_eq!(lab.send(CHECK, Some(timeout), question.clone()).await, Code::Ok, "`{timeout}` is as good as none");
    }
    let (mut told, mut late) = (5, 0);
    for round in 0..60 {
        match lab.send(CHECK, Some(&format!("{}u", 2_500 + 150 * round)), question.clone()).await {
            Code::Ok => told += 1,
            Code::DeadlineExceeded => late += 1,
            other => panic!("{other:?}"),
        }
    }
    lab.assert_well().await;
    let counted = r#"cedarpost_decisions_total{server="lab",action="tools/call",decision="allow",cause="permitted"}"#;
    let decided = lab.sidecar.metric(counted).await;
    let records = lab.checks().await;
    assert!(
        records.len() > told && records.len() <= told + late + 1,
        "{} records of {told} answers and {late} without",
        records.len()
    );
    // The call that made the server known is a decision too.
    assert_eq!(decided, records.len() as u64 + 1, "what was decided is recorded");
    println!("{told} answered, {late} not, {} recorded", records.len() - 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_loses_no_record_and_leaves_nothing_behind() {
    let lab = Asked::open().await;
    let mut client = lab.client().await;
    let answered = client.check(asked("echo")).await.unwrap().into_inner().decision_id;
    let mut told = HashSet::from([answered]);
    for round in 0..60_u64 {
        let mut client = if round % 2 == 0 { client.clone() } else { lab.client().await };
        let question = tokio::spawn(async move { client.check(asked("echo")).await });
        tokio::time::sleep(Duration::from_micros(150 * round)).await;
        // Dropping the question resets its stream; every other time the whole connection goes.
        question.abort();
        if let Ok(Ok(answer)) = question.await {
            told.insert(answer.into_inner().decision_id);
        }
    }
    for round in 0..60_u64 {
        let watch = pb::WatchDecisionsRequest { from_seq: Some(0), ..pb::WatchDecisionsRequest::default() };
        let mut stream = client.watch_decisions(watch).await.unwrap().into_inner();
        for _ in 0..round % 3 {
            stream.message().await.unwrap().unwrap();
        }
    }
    let tickets = lab.client().await.check(asked("destroy")).await.unwrap().into_inner();
    told.insert(tickets.decision_id);
    lab.assert_well().await;
    let directory = lab.home.audit();
    let Asked { sidecar, home, .. } = lab;
    sidecar.stop().await;
    let verified = crate::support::cedarpost(&["audit", "verify", directory.to_str().unwrap()]).await;
    assert!(verified.status.success(), "{verified:?}");
    let shown =
        crate::support::cedarpost(&["audit", "show", "--limit", "100000", "--audit-dir", directory.to_str().unwrap(), "--json"])
            .await;
    let lines = String::from_utf8(shown.stdout).unwrap();
    let recorded: HashSet<String> = lines
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter(|record| !record["check"].is_null())
        .map(|record| record["id"].as_str().unwrap().to_owned())
        .collect();
    assert!(told.is_subset(&recorded), "{told:?}\n{recorded:?}");
    drop(home);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_none_gets_a_status_and_nothing_is_decided() {
    let lab = Asked::open().await;
    let message = asked("echo").encode_to_vec();
    let mut odd = asked("echo");
    odd.call.as_mut().unwrap().source = Some(pb::Source { transport: -1, ..pb::Source::default() });
    let mut twice = framed(&message);
    twice.extend(framed(&message));
    let cases = [
        ("longer than allowed", CHECK, [&[0][..], &u32::MAX.to_be_bytes(), &[0; 100]].concat(), Code::OutOfRange),
        ("a little longer than allowed", CHECK, framed(&[0; 65_537]), Code::OutOfRange),
        ("cut off", CHECK, framed(&message)[..20].to_vec(), Code::Internal),
        ("not protobuf", CHECK, framed(&[0xff; 64]), Code::Internal),
        ("text that is not UTF-8", CHECK, framed(&[0x0a, 0x03, 0x0a, 0x01, 0xff]), Code::Internal),
        ("compressed in a way that was not agreed on", CHECK, [&[1][..], &framed(&message)[1..]].concat(), Code::Internal),
        ("a mark that is none", CHECK, [&[7][..], &framed(&message)[1..]].concat(), Code::Internal),
        ("nothing", CHECK, vec![], Code::Internal),
        ("an enum that nobody knows", CHECK, framed(&odd.encode_to_vec()), Code::InvalidArgument),
        ("an unknown method", "/cedarpost.v1.DecisionService/Approve", framed(&message), Code::Unimplemented),
        ("an unknown service", "/cedarpost.v2.DecisionService/Check", framed(&message), Code::Unimplemented),
        ("no method at all", "/", framed(&message), Code::Unimplemented),
    ];
    for (what, path, body, expected) in cases {
        assert_eq!(lab.send(path, None, body).await, expected, "{what}");
    }
    // A field that is not known yet is left out, as protobuf has it: newer clients may ask older sidecars.
    let newer = [&message[..], &[0xc2, 0x3e, 0x01, b'x']].concat();
    assert_eq!(lab.send(CHECK, None, framed(&newer)).await, Code::Ok);
    lab.assert_well().await;
    assert_eq!(lab.checks().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_not_http_2_end_their_own_connection_only() {
    let lab = Asked::open().await;
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    let noise: Vec<u8> = (0..4096_u32).map(|at| u8::try_from(at.wrapping_mul(2_654_435_761) >> 24).unwrap()).collect();
    let cases: [(&str, Vec<u8>); 8] = [
        ("HTTP/1.1", b"POST /cedarpost.v1.DecisionService/Check HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n".to_vec()),
        ("noise", noise.clone()),
        ("zeros", vec![0; 4096]),
        ("a handshake of TLS", [&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3][..], &noise].concat()),
        ("noise after the preface", [&preface[..], &noise].concat()),
        ("a frame that is too long", [&preface[..], &settings, &[0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1]].concat()),
        ("data of a stream that is not open", [&preface[..], &settings, &[0, 0, 1, 0, 0, 0, 0, 0, 9, 0]].concat()),
        ("headers that are none", [&preface[..], &settings, &[0, 0, 4, 1, 4, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]].concat()),
    ];
    for (what, bytes) in cases {
        let mut stream = TcpStream::connect(lab.grpc).await.unwrap();
        // It may hang up while we still write.
        let _ = stream.write_all(&bytes).await;
        let ended = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut Vec::new())).await;
        assert!(ended.is_ok(), "{what}: the connection stays open");
        lab.assert_well().await;
    }
    // Half a preface, and silence: nobody else waits for it.
    let mut half = TcpStream::connect(lab.grpc).await.unwrap();
    half.write_all(&preface[..10]).await.unwrap();
    lab.assert_well().await;
    drop(half);
    assert_eq!(lab.checks().await.len(), 9);
}
