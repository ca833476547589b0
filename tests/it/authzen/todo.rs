//! The vectors of the Todo interop scenario (interop/authzen-todo-backend, in the form with `properties`): 40 questions and 3 batches.

use super::*;

const FILES: [(&str, &str); 3] = [
    ("todo.cedar", include_str!("todo.cedar")),
    ("todo.cedarschema", include_str!("todo.cedarschema")),
    ("todo.json", include_str!("todo.json")),
];

/// The people: by which id they ask, and their address.
const RICK: (&str, &str) = ("CiRmZDA2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs", "rick@the-citadel.com");
const MORTY: (&str, &str) = ("CiRmZDE2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs", "morty@the-citadel.com");
const SUMMER: (&str, &str) = ("CiRmZDI2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs", "summer@the-smiths.com");
const BETH: (&str, &str) = ("CiRmZDM2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs", "beth@the-smiths.com");
const JERRY: (&str, &str) = ("CiRmZDQ2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs", "jerry@the-smiths.com");

const TODO: &str = "7240d0db-8ff0-41ec-98b2-34a096273b9f";

fn user((id, _): (&str, &str)) -> Value {
    // Members beside those of the specification are in the vectors too.
    json!({ "type": "user", "id": id, "identity": id })
}

fn owned_by(owner: &str) -> Value {
    json!({ "type": "todo", "id": TODO, "properties": { "ownerID": owner } })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_vector_comes_out_as_published() {
    let point = Point::open(&FILES).await;
    // Who asks, whose record they read second, whose todo they change second, and what is expected of the eight questions.
    let (t, f) = (true, false);
    let people = [
        (RICK, RICK.1, MORTY.1, [t, t, t, t, t, t, t, t]),
        (MORTY, MORTY.1, MORTY.1, [t, t, t, t, f, t, f, t]),
        (SUMMER, SUMMER.1, SUMMER.1, [t, t, t, t, f, t, f, t]),
        (BETH, BETH.1, BETH.1, [t, t, t, f, f, f, f, f]),
        (JERRY, JERRY.1, JERRY.1, [t, t, t, f, f, f, f, f]),
    ];
    let mut asked = 0;
    for (who, read, changed, expected) in people {
        let of_user = |id: &str| json!({ "type": "user", "id": id });
        let list = json!({ "type": "todo", "id": "todo-1" });
        let questions = [
            ("can_read_user", of_user(BETH.1)),
            ("can_read_user", of_user(read)),
            ("can_read_todos", list.clone()),
            ("can_create_todo", list),
            ("can_update_todo", owned_by(RICK.1)),
            ("can_update_todo", owned_by(changed)),
            ("can_delete_todo", owned_by(RICK.1)),
            ("can_delete_todo", owned_by(changed)),
        ];
        for ((action, resource), expected) in questions.into_iter().zip(expected) {
            let question = json!({ "subject": user(who), "action": { "name": action }, "resource": resource });
            assert_eq!(point.evaluate(&question).await["decision"], expected, "{question}");
            asked += 1;
        }
    }
    assert_eq!(asked, 40);
    for (who, second, expected) in [(RICK, JERRY.1, [t, t]), (MORTY, MORTY.1, [f, t]), (JERRY, JERRY.1, [f, f])] {
        let evaluations = json!([{ "resource": owned_by(RICK.1) }, { "resource": owned_by(second) }]);
        let batch = json!({ "subject": user(who), "action": { "name": "can_update_todo" }, "evaluations": evaluations });
        assert_eq!(point.evaluate_all(&batch).await, expected, "{batch}");
    }
}
