//! The certification scenario of the Authorization API 1.0, test by test (`c-…` is its own number), on the files of `examples/authzen`.

use super::*;

fn with(mut question: Value, place: &str, properties: Value) -> Value {
    question[place]["properties"] = properties;
    question
}

#[tokio::test(flavor = "multi_thread")]
async fn the_eight_decisions_of_the_fixture_come_out_as_certified() {
    let point = Point::open(&RECORDS).await;
    let (active, archived) = (json!({ "status": "active" }), json!({ "status": "archived" }));
    let write_2 = with(question("user alice", "write", "record record-2"), "resource", archived.clone());
    let by_admin = with(question("user bob", "write", "record record-2"), "subject", json!({ "role": "admin" }));
    let delete = question("user alice", "delete", "record record-1");
    let mut unknown_members = question("user alice", "read", "record record-1");
    unknown_members["foo"] = "bar".into();
    unknown_members["futureField"] = json!({ "nested": true });
    let mut in_context = question("user alice", "read", "record record-1");
    in_context["context"] = json!({ "time": "2025-06-27T18:03-07:00", "ip": "192.168.1.1" });
    let more =
        with(question("user alice", "read", "record record-1"), "subject", json!({ "department": "Sales", "role": "manager" }));
    let more = with(more, "action", json!({ "method": "GET" }));
    let more = with(more, "resource", json!({ "status": "active", "owner": "bob" }));
    let cases = [
        ("c-2-2-1 (1)", question("user alice", "read", "record record-1"), true),
        ("(2)", question("user alice", "write", "record record-1"), true),
        ("(3)", question("user bob", "read", "record record-1"), true),
        ("c-2-2-2 (4)", question("user bob", "write", "record record-1"), false),
        ("c-2-2-3", in_context, true),
        ("c-2-2-4 (5)", write_2, false),
        ("c-2-2-5 (6)", with(by_admin, "resource", archived), true),
        ("c-2-2-6 (7)", with(delete.clone(), "action", json!({ "soft": true })), true),
        ("c-2-2-7 (8)", with(delete, "action", json!({ "soft": false })), false),
        ("c-2-2-8", more, true),
        ("c-2-2-9", unknown_members, true),
        ("active", with(question("user alice", "write", "record record-1"), "resource", active), true),
    ];
    for (name, question, expected) in &cases {
        // c-2-6: the same question has the same answer.
        for _ in 0..3 {
            let answer = point.evaluate(question).await;
            assert_eq!(answer["decision"], *expected, "{name}");
            assert!(answer["context"]["decision_id"].is_string(), "{name}");
            assert_eq!(answer["context"]["reason"].is_string(), !expected, "{name}");
        }
    }
    let records = point.records().await;
    let asked: Vec<&Value> = records.iter().filter(|record| record["t"] == "access").collect();
    assert_eq!(asked.len(), cases.len() * 3, "every answer is recorded");
    for (record, (name, question, expected)) in asked.iter().step_by(3).zip(&cases) {
        let said =
            [&record["subject_type"], &record["subject"], &record["action"], &record["resource_type"], &record["resource"]];
        let question = [
            &question["subject"]["type"],
            &question["subject"]["id"],
            &question["action"]["name"],
            &question["resource"]["type"],
            &question["resource"]["id"],
        ];
        assert_eq!(said, question, "{name}");
        assert_eq!(record["decision"], if *expected { "allow" } else { "deny" }, "{name}");
        assert_eq!(record["judgements"][0]["principal"], "subject", "{name}");
        assert!(record["by"].as_str().unwrap().starts_with("127.0.0.1:"), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_have_defaults_an_order_and_errors_of_their_own() {
    let point = Point::open(&RECORDS).await;
    let user = |id: &str| json!({ "type": "user", "id": id });
    let record = |id: &str| json!({ "type": "record", "id": id });
    let of = |id: &str, status: &str| json!({ "type": "record", "id": id, "properties": { "status": status } });
    let (read, write) = (json!({ "name": "read" }), json!({ "name": "write" }));
    let whole = |subject: &str, action: &Value, resource: &str| json!({ "subject": user(subject), "action": action, "resource": record(resource) });
    let cases = [
        (
            "c-3-2-1",
            json!({ "subject": user("alice"), "action": read, "evaluations": [{ "resource": record("record-1") }, { "resource": record("record-2") }] }),
            vec![true, true],
        ),
        (
            "c-3-2-2",
            json!({ "subject": user("bob"), "resource": record("record-1"), "evaluations": [{ "action": read }, { "action": write }] }),
            vec![true, false],
        ),
        (
            "c-3-2-3",
            json!({ "subject": user("alice"), "action": write, "evaluations": [{ "resource": of("record-1", "active") }, { "resource": of("record-2", "archived") }] }),
            vec![true, false],
        ),
        (
            "c-3-2-4",
            json!({ "action": write, "resource": of("record-2", "archived"), "evaluations": [
                { "subject": user("alice") },
                { "subject": { "type": "user", "id": "bob", "properties": { "role": "admin" } } } ] }),
            vec![false, true],
        ),
        (
            "c-3-2-5",
            json!({ "evaluations": [whole("alice", &read, "record-1"), whole("bob", &write, "record-1")] }),
            vec![true, false],
        ),
        (
            "c-3-2-6",
            json!({ "subject": user("alice"), "action": read, "context": { "time": "a" }, "evaluations": [
                { "resource": record("record-1") }, { "resource": record("record-2"), "context": { "time": "b", "source": "batch-override" } }] }),
            vec![true, true],
        ),
        (
            "c-3-2-7",
            json!({ "subject": user("alice"), "action": write, "resource": { "type": "record" }, "evaluations": [
                { "resource": { "id": "record-1", "properties": { "status": "active" } } }, { "resource": of("record-2", "archived") }] }),
            vec![true, false],
        ),
        (
            "c-3-4-1",
            json!({ "subject": user("alice"), "action": read, "evaluations": [{ "resource": record("record-1") }, {}] }),
            vec![true, false],
        ),
        (
            "what is given replaces the default as a whole",
            json!({ "subject": user("alice"), "action": write, "resource": of("record-2", "archived"), "evaluations": [{ "resource": record("record-1") }, {}] }),
            vec![true, false],
        ),
    ];
    for (name, batch, expected) in &cases {
        assert_eq!(point.evaluate_all(batch).await, *expected, "{name}");
    }
    // c-3-4-2, c-3-4-3: without questions in a list it is one question.
    let one = question("user alice", "read", "record record-1");
    let mut empty = one.clone();
    empty["evaluations"] = json!([]);
    for single in [one, empty] {
        let reply = point.post("/access/v1/evaluations", &single).await;
        assert_eq!((reply.status, &reply.json()["decision"], reply.json().get("evaluations")), (200, &json!(true), None));
    }
    // What goes wrong with one question is said with it, by where it stands.
    let reply = point.post("/access/v1/evaluations", &json!({ "subject": user("alice"), "action": read, "evaluations": [
        { "resource": record("record-1") }, {}, 7, { "resource": { "type": "recrod", "id": "x" } }, { "resource": record("record-1"), "context": { "tmie": "x" } }] })).await;
    let answers = reply.json()["evaluations"].as_array().unwrap().clone();
    let told: Vec<_> =
        answers.iter().map(|answer| answer["context"]["error"]["message"].as_str().unwrap_or("").to_owned()).collect();
    assert_eq!(
        told,
        [
            "",
            "`/evaluations/1/resource` is missing",
            "`/evaluations/2` is not an object",
            "`/evaluations/3/resource/type` is not an entity type of the schema files (did you mean `record`?)",
            "`/evaluations/4/context/tmie` is not in the schema (did you mean `time`?)"
        ]
    );
    assert!(answers.iter().skip(1).all(|answer| answer["decision"] == false && answer["context"]["error"]["status"] == 400));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_three_semantics_end_where_they_say() {
    let point = Point::open(&RECORDS).await;
    let batch = |semantic: Option<&str>, actions: &[&str]| {
        let evaluations: Vec<Value> = actions.iter().map(|action| json!({ "action": { "name": action } })).collect();
        let mut batch = json!({ "subject": { "type": "user", "id": "bob" }, "resource": { "type": "record", "id": "record-1" }, "evaluations": evaluations });
        if let Some(semantic) = semantic {
            batch["options"] = json!({ "evaluations_semantic": semantic, "another": 1 });
        }
        batch
    };
    let order = ["read", "write", "read", "nonsense"];
    for (semantic, actions, expected) in [
        (None, &order[..], vec![true, false, true, false]),
        (Some("execute_all"), &order[..], vec![true, false, true, false]),
        (Some("deny_on_first_deny"), &order[..], vec![true, false]),
        (Some("deny_on_first_deny"), &["read", "nonsense", "read"][..], vec![true, false]),
        (Some("deny_on_first_deny"), &["read", "read"][..], vec![true, true]),
        (Some("permit_on_first_permit"), &["write", "nonsense", "read", "read"][..], vec![false, false, true]),
        (Some("permit_on_first_permit"), &order[..], vec![true]),
        (Some("permit_on_first_permit"), &["write", "write"][..], vec![false, false]),
    ] {
        assert_eq!(point.evaluate_all(&batch(semantic, actions)).await, expected, "{semantic:?} {actions:?}");
    }
    for (bad, sentence) in [
        (
            json!("all"),
            "`/options/evaluations_semantic` is none that there is (there are `execute_all`, `deny_on_first_deny`, `permit_on_first_permit`)",
        ),
        (json!(1), "`/options/evaluations_semantic` is not a string"),
    ] {
        let mut batch = batch(None, &order);
        batch["options"] = json!({ "evaluations_semantic": bad });
        let reply = point.post("/access/v1/evaluations", &batch).await;
        assert_eq!((reply.status, std::str::from_utf8(&reply.body).unwrap()), (400, sentence));
    }
    // What was left out was not decided, and so not recorded.
    let answered = [3, 3, 2, 1, 2, 2, 1, 2].iter().sum::<usize>();
    let records = point.records().await;
    assert_eq!(records.iter().filter(|record| record["t"] == "access").count(), answered);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_searches_of_the_fixture_find_what_is_certified() {
    let point = Point::open(&RECORDS).await;
    let (alice, record_1) = (json!({ "type": "user", "id": "alice" }), json!({ "type": "record", "id": "record-1" }));
    let admin = json!({ "type": "user", "id": "bob", "properties": { "role": "admin" } });
    let archived = json!({ "type": "record", "id": "record-2", "properties": { "status": "archived" } });
    let (read, write) = (json!({ "name": "read" }), json!({ "name": "write" }));
    let context = json!({ "time": "2025-06-27T18:03-07:00" });
    let cases = [
        (
            "c-4-2-1",
            "subject",
            json!({ "subject": { "type": "user" }, "action": read, "resource": record_1 }),
            vec!["alice", "bob"],
        ),
        (
            "c-4-2-2",
            "subject",
            json!({ "subject": { "type": "user" }, "action": read, "resource": record_1, "context": context }),
            vec!["alice", "bob"],
        ),
        (
            "c-4-2-3",
            "subject",
            json!({ "subject": { "type": "user", "id": "nobody" }, "action": read, "resource": record_1 }),
            vec!["alice", "bob"],
        ),
        ("c-4-2-4", "subject", json!({ "subject": { "type": "user" }, "action": write, "resource": archived }), vec!["bob"]),
        (
            "c-4-3-1",
            "resource",
            json!({ "subject": alice, "action": read, "resource": { "type": "record" } }),
            vec!["record-1", "record-2"],
        ),
        (
            "c-4-3-2",
            "resource",
            json!({ "subject": alice, "action": write, "resource": { "type": "record", "id": "x" } }),
            vec!["record-1"],
        ),
        ("c-4-3-3", "resource", json!({ "subject": admin, "action": write, "resource": { "type": "record" } }), vec!["record-2"]),
        ("c-4-4-1", "action", json!({ "subject": alice, "resource": record_1 }), vec!["read", "write"]),
        ("c-4-4-2", "action", json!({ "subject": alice, "resource": record_1, "context": context }), vec!["read", "write"]),
        ("c-4-4-3", "action", json!({ "subject": admin, "resource": archived }), vec!["read", "write"]),
        ("c-4-6-1", "action", json!({ "subject": { "type": "user", "id": "nonexistent-user" }, "resource": record_1 }), vec![]),
        ("c-4-6-2", "subject", json!({ "subject": { "type": "spaceship" }, "action": read, "resource": record_1 }), vec![]),
        (
            "an unknown resource type",
            "resource",
            json!({ "subject": alice, "action": read, "resource": { "type": "spaceship" } }),
            vec![],
        ),
        (
            "an unknown action",
            "subject",
            json!({ "subject": { "type": "user" }, "action": { "name": "fly" }, "resource": record_1 }),
            vec![],
        ),
        // What is declared otherwise is no match.
        (
            "properties",
            "subject",
            json!({ "subject": { "type": "user", "properties": { "role": "clerk" } }, "action": read, "resource": record_1 }),
            vec!["alice"],
        ),
    ];
    for (name, what, question, expected) in &cases {
        assert_eq!(point.search(what, question).await, *expected, "{name}");
    }
    for (name, what, bad) in [
        ("c-4-7-1", "subject", json!({ "subject": { "type": "user" }, "resource": record_1 })),
        ("c-4-7-1", "resource", json!({ "action": read, "resource": { "type": "record" } })),
        ("c-4-7-1", "action", json!({ "subject": alice })),
        ("c-4-7-2", "subject", json!({ "subject": { "type": "user" }, "action": read, "resource": { "type": "record" } })),
        ("c-4-7-2", "resource", json!({ "subject": { "type": "user" }, "action": read, "resource": { "type": "record" } })),
        ("no type", "subject", json!({ "subject": {}, "action": read, "resource": record_1 })),
        ("no object", "subject", json!({ "subject": "user", "action": read, "resource": record_1 })),
    ] {
        assert_eq!(point.post(&format!("/access/v1/search/{what}"), &bad).await.status, 400, "{name}");
    }
    let records = point.records().await;
    let searches: Vec<_> = records.iter().filter(|record| record["search"].is_string()).collect();
    assert_eq!(searches.len(), cases.len(), "each search is recorded as one question");
    assert!(searches.iter().all(|record| record["t"] == "access" && record.get("decision").is_none()));
    assert_eq!((&searches[0]["found"], &searches[0]["tried"], searches[0].get("subject")), (&json!(2), &json!(2), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_is_there_when_the_point_knows_its_url() {
    let path = "/.well-known/authzen-configuration";
    let point = Point::with(&RECORDS, &[("CEDARPOST_AUTHZEN_URL", "https://PDP.example.com/")]).await;
    let reply = point.send(Method::GET, path, &[], b"").await;
    assert_eq!((reply.status, reply.header("content-type").as_deref()), (200, Some("application/json")));
    let base = "https://pdp.example.com";
    assert_eq!(
        reply.json(),
        json!({
            "policy_decision_point": base,
            "access_evaluation_endpoint": format!("{base}/access/v1/evaluation"),
            "access_evaluations_endpoint": format!("{base}/access/v1/evaluations"),
            "search_subject_endpoint": format!("{base}/access/v1/search/subject"),
            "search_resource_endpoint": format!("{base}/access/v1/search/resource"),
            "search_action_endpoint": format!("{base}/access/v1/search/action"),
            "access_request_endpoint": format!("{base}/access/v1/requests"),
            "capabilities": ["urn:openid:authzen:capability:access-request"],
        })
    );
    let point = Point::open(&RECORDS).await;
    assert_eq!(point.send(Method::GET, path, &[], b"").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_point_needs_no_servers() {
    let home = Home::new(SocketAddr::from(([127, 0, 0, 1], 9)), "");
    for (name, text) in RECORDS {
        fs::write(home.path("policies").join(name), text).unwrap();
    }
    let config = fs::read_to_string(home.config()).unwrap();
    fs::write(home.config(), config.split("[[server]]").next().unwrap()).unwrap();
    let place = home.path("policies").display().to_string();
    let settings = [
        ("CEDARPOST_AUTHZEN_ADDRESS", "127.0.0.1:0"),
        ("CEDARPOST_POLICY_SCHEMA", place.as_str()),
        ("CEDARPOST_POLICY_ENTITIES", place.as_str()),
    ];
    let sidecar = Sidecar::start_with(&home, &settings).await;
    let address = sidecar.authzen.unwrap();
    let mut connection = Connection::open(address).await.unwrap();
    let headers = [("host", address.to_string()), ("content-type", "application/json".to_owned())];
    let headers =
        headers.into_iter().map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())).collect();
    let body = question("user alice", "write", "record record-1").to_string();
    let reply = connection.send(Method::POST, "/access/v1/evaluation", &headers, body.as_bytes()).await.unwrap();
    assert_eq!(reply.json()["decision"], true);
    // Nobody can mean a call of a server that there is not.
    let call = by_agent_nowhere().to_string();
    let reply = connection.send(Method::POST, "/access/v1/evaluation", &headers, call.as_bytes()).await.unwrap();
    assert_eq!(reply.status, 400);
    sidecar.stop().await;
}

fn by_agent_nowhere() -> Value {
    let mut question = question("agent assistant", "tools/call", "tool lab/echo");
    question["subject"]["properties"] = json!({ "unattended": true });
    question
}
