//! Requests that are none: each is told what is wrong and where, nothing is decided, and nothing is recorded.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

const EVALUATION: &str = "/access/v1/evaluation";

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_body_gets_400_and_the_place() {
    let point = Point::open(&RECORDS).await;
    let good = question("user alice", "read", "record record-1");
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut body = good.clone();
        change(&mut body);
        body.to_string()
    };
    let without = |place: &str, key: &str| {
        let (place, key) = (place.to_owned(), key.to_owned());
        changed(&move |body| {
            let object = if place.is_empty() { &mut *body } else { &mut body[place.as_str()] };
            object.as_object_mut().unwrap().remove(&key);
        })
    };
    let set = |pointer: &str, value: Value| {
        let pointer = pointer.to_owned();
        changed(&move |body| {
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            body.pointer_mut(parent).unwrap()[key] = value.clone();
        })
    };
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(70), "]".repeat(70));
    let cases = [
        (without("", "subject"), "`/subject` is missing"),
        (without("", "action"), "`/action` is missing"),
        (without("", "resource"), "`/resource` is missing"),
        (without("subject", "type"), "`/subject/type` is missing"),
        (without("subject", "id"), "`/subject/id` is missing"),
        (without("action", "name"), "`/action/name` is missing"),
        (without("resource", "type"), "`/resource/type` is missing"),
        (without("resource", "id"), "`/resource/id` is missing"),
        (set("/subject", json!("alice")), "`/subject` is not an object"),
        (set("/resource", json!(["record"])), "`/resource` is not an object"),
        (set("/action", json!("read")), "`/action` is not an object"),
        (set("/context", json!(null)), "`/context` is not an object"),
        (set("/action/name", json!(123)), "`/action/name` is not a string"),
        (set("/subject/type", json!(null)), "`/subject/type` is not a string"),
        (set("/subject/id", json!(7)), "`/subject/id` is not a string"),
        (set("/subject/id", json!("")), "`/subject/id` is empty"),
        (set("/resource/id", json!("x".repeat(9_000))), "`/resource/id` is longer than 8192 bytes"),
        (set("/subject/properties", json!([])), "`/subject/properties` is not an object"),
        (set("/action/properties", json!(1)), "`/action/properties` is not an object"),
        (set("/resource/properties", json!(null)), "`/resource/properties` is not an object"),
        (set("/subject/type", json!("usr")), "`/subject/type` is not an entity type of the schema files (did you mean `user`?)"),
        (
            set("/resource/type", json!("spaceship")),
            "`/resource/type` is not an entity type of the schema files (the schema has `record`, `user`)",
        ),
        (
            set("/subject/type", json!("no type")),
            "`/subject/type` is not an entity type of the schema files (the schema has `record`, `user`)",
        ),
        (
            set("/subject/type", json!("Mcp::User")),
            "`/subject/type` is not an entity type of the schema files (the schema has `record`, `user`)",
        ),
        (set("/action/name", json!("raed")), "`/action/name` is not an action of the schema files"),
        (set("/action/name", json!("tools/call")), "`/action/name` is not an action of the schema files"),
        (
            set("/resource/type", json!("user")),
            "`/action/name` is no action of a `user` on a `user` (it is for `user` on `record`)",
        ),
        (set("/subject/properties", json!({ "rloe": "admin" })), "`/subject/properties/rloe` is not in the schema"),
        (set("/subject/properties", json!({ "department": 7 })), "`/subject/properties/department` is not a string"),
        (
            set("/subject/properties", json!({ "department": { "__entity": { "type": "user", "id": "bob" } } })),
            "`/subject/properties/department` is not a string",
        ),
        (
            set("/subject/properties", json!({ "department": { "__extn": { "fn": "unknown", "arg": "x" } } })),
            "`/subject/properties/department` is not a string",
        ),
        (
            set("/resource/properties", json!({ "status": "archived" })),
            "`/resource/properties/status` contradicts what the entities files declare (say the same, or leave it out)",
        ),
        (set("/action/properties", json!({ "soft": true })), "`/action/properties/soft` is not in the schema"),
        (set("/context", json!({ "tiem": "x" })), "`/context/tiem` is not in the schema (did you mean `time`?)"),
        (set("/context", json!({ "time": 5 })), "`/context/time` is not a string"),
        (
            set("/context", json!({ "action": {} })),
            "`/context/action` is where policies find the action's properties: say them there",
        ),
        (set("/action/name", json!("delete")), "`/action/properties/soft` is required and missing"),
        (String::new(), "the body is empty"),
        (" \n".to_owned(), "the body is empty"),
        ("{".to_owned(), "the body is not JSON that every parser reads alike"),
        ("{\"subject\":}".to_owned(), "the body is not JSON that every parser reads alike"),
        (format!("{good}{good}"), "the body is not JSON that every parser reads alike"),
        ("\"text\"".to_owned(), "the body is not a JSON object"),
        (format!("[{good}]"), "the body is not a JSON object"),
        (deep, "the body is nested too deep"),
        (
            good.to_string().replacen('{', "{\"subject\":{\"type\":\"user\",\"id\":\"bob\"},", 1),
            "the body has a key that stands twice in one object",
        ),
        (
            good.to_string().replacen("\"id\":\"alice\"", "\"id\":\"bob\",\"\\u0069d\":\"alice\"", 1),
            "the body has a key that stands twice in one object",
        ),
        (r#"{"subject":{"type":"user","id":"\ud800"}}"#.to_owned(), "the body is not JSON that every parser reads alike"),
    ];
    let json = [("content-type", "application/json"), ("x-request-id", "bfe9eb29")];
    for (body, sentence) in &cases {
        let reply = point.send(Method::POST, EVALUATION, &json, body.as_bytes()).await;
        let said = String::from_utf8_lossy(&reply.body);
        assert_eq!(reply.status, 400, "{body}: {said}");
        assert!(said.starts_with(sentence), "{body}: {said}");
        assert_eq!(reply.header("x-request-id").as_deref(), Some("bfe9eb29"), "{sentence}");
    }
    // The same for the list of a batch.
    for (key, value, sentence) in [
        ("evaluations", json!({ "1": {} }), "`/evaluations` is not a list"),
        ("evaluations", json!(vec![json!({}); 257]), "`/evaluations` has more than 256 questions"),
        ("options", json!([]), "`/options` is not an object"),
        ("subject", json!("alice"), "`/subject` is not an object"),
    ] {
        let mut body = good.clone();
        body[key] = value;
        let reply = point.post("/access/v1/evaluations", &body).await;
        assert_eq!((reply.status, String::from_utf8_lossy(&reply.body).as_ref()), (400, sentence));
    }
    let most = point.evaluate_all(&json!({ "subject": good["subject"], "action": good["action"], "evaluations": vec![json!({ "resource": good["resource"] }); 256] })).await;
    assert_eq!(most, vec![true; 256], "as many as may be");
    let records = point.records().await;
    assert_eq!(records.iter().filter(|record| record["t"] == "access").count(), 256, "nothing else was recorded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_request_gets_the_status_that_says_so() {
    let point = Point::with(&RECORDS, &[("CEDARPOST_LIMITS_BODY_TIMEOUT", "300ms")]).await;
    let good = question("user alice", "read", "record record-1").to_string();
    for content_type in
        ["text/plain", "application/json; charset=utf-16", "application/jsonx", "application/x-www-form-urlencoded"]
    {
        let reply = point.send(Method::POST, EVALUATION, &[("content-type", content_type)], good.as_bytes()).await;
        assert_eq!(reply.status, 400, "{content_type}");
    }
    assert_eq!(point.send(Method::POST, EVALUATION, &[], good.as_bytes()).await.status, 400, "no content type");
    for content_type in ["application/json; charset=UTF-8", "Application/JSON;charset=\"utf-8\""] {
        let reply = point.send(Method::POST, EVALUATION, &[("content-type", content_type)], good.as_bytes()).await;
        assert_eq!(reply.status, 200, "{content_type}");
    }
    let json = [("content-type", "application/json")];
    let mut not_text = good.clone().into_bytes();
    let at = good.find("alice").unwrap();
    not_text[at] = 0xff;
    assert_eq!(point.send(Method::POST, EVALUATION, &json, &not_text).await.status, 400, "not UTF-8");
    let long = question("user alice", "read", &format!("record {}", "x".repeat(70_000))).to_string();
    assert_eq!(point.send(Method::POST, EVALUATION, &json, long.as_bytes()).await.status, 413);
    for path in ["/", "/access/v1", "/access/v1/evaluation/", "/access/v2/evaluation", "/access/v1/search"] {
        assert_eq!(point.send(Method::POST, path, &json, good.as_bytes()).await.status, 404, "{path}");
    }
    for path in [
        EVALUATION,
        "/access/v1/evaluations",
        "/access/v1/search/subject",
        "/access/v1/search/resource",
        "/access/v1/search/action",
    ] {
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let reply = point.send(method.clone(), path, &[("x-request-id", "7")], b"").await;
            assert_eq!((reply.status, reply.header("x-request-id").as_deref()), (405, Some("7")), "{method} {path}");
            assert_eq!(reply.header("allow").as_deref(), Some("POST"), "{method} {path}");
        }
    }
    assert_eq!(point.send(Method::POST, "/.well-known/authzen-configuration", &json, b"{}").await.status, 405);
    // Whoever is slow with a body is told so; others are answered meanwhile.
    let mut slow = TcpStream::connect(point.address).await.unwrap();
    let head = format!(
        "POST {EVALUATION} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{{",
        point.address
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(point.evaluate(&question("user alice", "read", "record record-1")).await["decision"], true);
    let mut answer = vec![0; 64];
    let read = tokio::time::timeout(Duration::from_secs(10), slow.read(&mut answer)).await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&answer[..read]).starts_with("HTTP/1.1 408"), "{}", String::from_utf8_lossy(&answer[..read]));
}

#[tokio::test(flavor = "multi_thread")]
async fn properties_that_no_schema_has_can_be_passed_over_and_no_others() {
    let point = Point::with(&RECORDS, &[("CEDARPOST_AUTHZEN_UNKNOWN_PROPERTIES", "ignore")]).await;
    let mut question = question("user alice", "read", "record record-1");
    question["subject"]["properties"] = json!({ "shoe_size": 43, "department": "Sales" });
    question["action"]["properties"] = json!({ "verb": "GET" });
    question["resource"]["properties"] = json!({ "status": "active", "colour": { "r": 1 } });
    question["context"] = json!({ "weather": ["rain"] });
    assert_eq!(point.evaluate(&question).await["decision"], true);
    // What the schema has must still be what it says, and what is declared stays declared.
    for (pointer, value) in [
        ("/subject/properties", json!({ "department": 1 })),
        ("/resource/properties", json!({ "status": "archived" })),
        ("/context", json!({ "time": 1 })),
        ("/context", json!({ "action": {} })),
    ] {
        let mut bad = question.clone();
        *bad.pointer_mut(pointer).unwrap() = value;
        let reply = point.post(EVALUATION, &bad).await;
        assert_eq!(reply.status, 400, "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_recorded_has_no_answer() {
    // More than any disk has free.
    let point = Point::with(&RECORDS, &[("CEDARPOST_AUDIT_LOW_WATER", "1000000GiB")]).await;
    let good = question("user alice", "read", "record record-1");
    let reply = point.post(EVALUATION, &good).await;
    let said = String::from_utf8_lossy(&reply.body);
    assert!(reply.status == 503 && said.contains("could not be recorded"), "{} {said}", reply.status);
    let batch =
        json!({ "subject": good["subject"], "action": good["action"], "evaluations": [{ "resource": good["resource"] }, {}] });
    let reply = point.post("/access/v1/evaluations", &batch).await;
    let answers = reply.json()["evaluations"].as_array().unwrap().clone();
    assert!(answers.iter().all(|answer| answer["decision"] == false), "{answers:?}");
    let statuses: Vec<_> = answers.iter().map(|answer| answer["context"]["error"]["status"].clone()).collect();
    assert_eq!(statuses, [503, 400]);
    let search = json!({ "subject": { "type": "user" }, "action": good["action"], "resource": good["resource"] });
    assert_eq!(point.post("/access/v1/search/subject", &search).await.status, 503);
    let call = json!({ "subject": { "type": "agent", "id": "assistant", "properties": { "actor": "alice" } },
        "action": { "name": "tools/call" }, "resource": { "type": "tool", "id": "lab/echo" } });
    assert_eq!(point.post(EVALUATION, &call).await.status, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_hangs_up_does_not_lose_its_record() {
    let point = Point::open(&RECORDS).await;
    let good = question("user alice", "read", "record record-1");
    let batch = json!({ "subject": good["subject"], "action": good["action"], "evaluations": vec![json!({ "resource": good["resource"] }); 50] }).to_string();
    for _ in 0..5 {
        let mut stream = TcpStream::connect(point.address).await.unwrap();
        let head = format!(
            "POST /access/v1/evaluations HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            point.address,
            batch.len()
        );
        stream.write_all((head + &batch).as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        // Long enough for the request to be read, and no answer is waited for.
        tokio::time::sleep(Duration::from_millis(50)).await;
        drop(stream);
    }
    assert_eq!(point.evaluate(&good).await["decision"], true, "others are answered");
    let asked = point.records().await.iter().filter(|record| record["t"] == "access").count();
    assert_eq!(asked % 50, 1, "each batch is there as a whole");
}
