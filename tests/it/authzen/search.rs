//! Searches against brute force: what is found is exactly what evaluations say yes to, over everything that is known, page by page.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::*;

const SCHEMA: &str = r#"
namespace App {
  entity Group in [Group];
  entity User in [Group] = { clearance: Long, team?: String };
  entity Folder in [Folder] = { owner?: User };
  entity Record in [Folder] = { level: Long, team?: String, owner?: User };
  action "any";
  action "look" in ["any"] appliesTo { principal: [User], resource: [Record, Folder], context: { hour?: Long } };
  action "read", "write" in ["any"] appliesTo { principal: [User], resource: [Record], context: { hour?: Long } };
  action "share" in ["any"] appliesTo { principal: [User], resource: [Folder], context: { with?: User } };
}
"#;

const POLICIES: &str = r#"
@id("cleared") permit (principal, action == App::Action::"read", resource) when { principal.clearance >= resource.level };
@id("team") permit (principal, action in [App::Action::"read", App::Action::"write"], resource)
when { principal has team && resource has team && principal.team == resource.team };
@id("owner") permit (principal is App::User, action in App::Action::"any", resource) when { resource has owner && resource.owner == principal };
@id("folder") permit (principal in App::Group::"staff", action, resource in App::Folder::"public");
@id("at-night") forbid (principal, action, resource is App::Record) when { context has hour && context.hour < 6 };
@id("overflow") forbid (principal, action == App::Action::"write", resource) when { resource.level * 9223372036854775807 > 1 };
"#;

/// A small generator of random numbers (xorshift): the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// 12 people, 5 folders and 30 records, with all kinds of attributes and parents.
fn entities() -> String {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let uid = |kind: &str, id: &str| json!({ "type": format!("App::{kind}"), "id": id });
    let mut all = vec![
        json!({ "uid": uid("Group", "staff") }),
        json!({ "uid": uid("Group", "guests"), "parents": [uid("Group", "staff")] }),
    ];
    for user in 0..12 {
        let mut attrs = json!({ "clearance": random.below(5) });
        if random.below(3) > 0 {
            attrs["team"] = format!("t{}", random.below(3)).into();
        }
        let parents: Vec<Value> =
            ["staff", "guests"].iter().filter(|_| random.below(3) == 0).map(|group| uid("Group", group)).collect();
        all.push(json!({ "uid": uid("User", &format!("u{user}")), "attrs": attrs, "parents": parents }));
    }
    for folder in ["public", "private", "a/b", "ünï", "\"quoted\""] {
        let parents = if random.below(2) == 0 && folder != "public" { vec![uid("Folder", "public")] } else { vec![] };
        all.push(json!({ "uid": uid("Folder", folder), "attrs": { "owner": uid("User", &format!("u{}", random.below(12))) }, "parents": parents }));
    }
    for record in 0..30 {
        let mut attrs = json!({ "level": random.below(6) });
        if random.below(2) == 0 {
            attrs["team"] = format!("t{}", random.below(3)).into();
        }
        if random.below(3) == 0 {
            attrs["owner"] = uid("User", &format!("u{}", random.below(12)));
        }
        let folder = ["public", "private", "a/b"][usize::try_from(random.below(3)).unwrap()];
        all.push(json!({ "uid": uid("Record", &format!("r{record:02}")), "attrs": attrs, "parents": [uid("Folder", folder)] }));
    }
    let mut text = String::from("[\n");
    for (at, entity) in all.iter().enumerate() {
        let _ = write!(text, "{}{entity}", if at == 0 { "" } else { ",\n" });
    }
    text + "\n]"
}

fn thing(kind: &str, id: &str) -> Value {
    json!({ "type": format!("App::{kind}"), "id": id })
}

#[tokio::test(flavor = "multi_thread")]
async fn searches_find_all_that_evaluations_allow_and_nothing_else() {
    let entities = entities();
    let point = Point::open(&[("app.cedar", POLICIES), ("app.cedarschema", SCHEMA), ("app.json", &entities)]).await;
    let users: Vec<String> = (0..12).map(|user| format!("u{user}")).collect();
    let records: Vec<String> = (0..30).map(|record| format!("r{record:02}")).collect();
    let folders = ["public", "private", "a/b", "ünï", "\"quoted\""].map(str::to_owned);
    let actions = ["look", "read", "share", "write"];
    let context = json!({ "hour": 9 });
    // Everything with everything, in batches.
    let mut allowed: BTreeSet<(String, String, String)> = BTreeSet::new();
    let mut tried = 0;
    for user in &users {
        for (kind, ids) in [("Record", &records[..]), ("Folder", &folders[..])] {
            for action in actions {
                let evaluations: Vec<Value> = ids.iter().map(|id| json!({ "resource": thing(kind, id) })).collect();
                let mut batch =
                    json!({ "subject": thing("User", user), "action": { "name": action }, "evaluations": evaluations });
                if action != "share" {
                    batch["context"] = context.clone();
                }
                for (id, decision) in ids.iter().zip(point.evaluate_all(&batch).await) {
                    tried += 1;
                    if decision {
                        allowed.insert((user.clone(), action.to_owned(), format!("{kind} {id}")));
                    }
                }
            }
        }
    }
    assert!(allowed.len() > 100 && allowed.len() < tried / 2, "{} of {tried}", allowed.len());
    let holds =
        |user: &str, action: &str, resource: &str| allowed.contains(&(user.to_owned(), action.to_owned(), resource.to_owned()));
    let with_context = |mut question: Value, action: &str| {
        if action != "share" {
            question["context"] = context.clone();
        }
        question
    };
    let mut found = 0;
    for user in &users {
        for (kind, ids) in [("Record", &records[..]), ("Folder", &folders[..])] {
            for action in actions {
                let question = json!({ "subject": thing("User", user), "action": { "name": action }, "resource": { "type": format!("App::{kind}") } });
                let mut expected: Vec<&String> = ids.iter().filter(|id| holds(user, action, &format!("{kind} {id}"))).collect();
                expected.sort();
                let results = point.search("resource", &with_context(question, action)).await;
                assert_eq!(results.iter().collect::<Vec<_>>(), expected, "what {user} may {action}");
                found += results.len();
            }
        }
    }
    assert_eq!(found, allowed.len(), "all of it was found");
    for (kind, id) in records.iter().step_by(3).map(|id| ("Record", id)).chain(folders.iter().map(|id| ("Folder", id))) {
        let resource = format!("{kind} {id}");
        for action in actions {
            let question = json!({ "subject": { "type": "App::User" }, "action": { "name": format!("App::Action::\"{action}\"") }, "resource": thing(kind, id) });
            let mut expected: Vec<&String> = users.iter().filter(|user| holds(user, action, &resource)).collect();
            expected.sort();
            let results = point.search("subject", &with_context(question, action)).await;
            assert_eq!(results.iter().collect::<Vec<_>>(), expected, "who may {action} {resource}");
        }
        for user in users.iter().step_by(4) {
            let question = json!({ "subject": thing("User", user), "resource": thing(kind, id), "context": context });
            let expected: Vec<&str> =
                actions.into_iter().filter(|action| *action != "share" && holds(user, action, &resource)).collect();
            assert_eq!(point.search("action", &question).await, expected, "what {user} may do to {resource}");
            let question = json!({ "subject": thing("User", user), "resource": thing(kind, id) });
            let share = point.search("action", &question).await.contains(&"share".to_owned());
            assert_eq!(share, holds(user, "share", &resource), "whether {user} may share {resource}");
        }
    }
    // At night the forbid holds; a search says so too.
    let night = json!({ "subject": thing("User", "u1"), "action": { "name": "read" }, "resource": { "type": "App::Record" }, "context": { "hour": 3 } });
    assert_eq!(point.search("resource", &night).await, Vec::<String>::new());
    // A policy that fails denies, and is named.
    let denied = point
        .evaluate(&json!({ "subject": thing("User", "u1"), "action": { "name": "write" }, "resource": thing("Record", "r05") }))
        .await;
    assert_eq!(denied["decision"], false);
    let all = point.records().await;
    let faults = all
        .iter()
        .filter(|record| record["t"] == "access")
        .flat_map(|record| record["judgements"][0]["faults"].as_array().cloned().unwrap_or_default());
    assert!(faults.into_iter().any(|fault| fault["id"] == "overflow"), "the failing policy is in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_together_are_the_whole_and_belong_to_one_search() {
    let entities = entities();
    let point = Point::open(&[("app.cedar", POLICIES), ("app.cedarschema", SCHEMA), ("app.json", &entities)]).await;
    let question = json!({ "subject": thing("User", "u3"), "action": { "name": "read" }, "resource": { "type": "App::Record" } });
    let whole = point.search("resource", &question).await;
    assert!(whole.len() > 6, "{whole:?}");
    for limit in [1, 2, 5, whole.len(), 100] {
        let (mut seen, mut token) = (Vec::new(), String::new());
        for page in 0.. {
            assert!(page < 40, "it comes to an end");
            let mut ask = question.clone();
            ask["page"] = json!({ "limit": limit, "token": token, "properties": {} });
            let reply = point.post("/access/v1/search/resource", &ask).await;
            let answer = reply.json();
            assert_eq!(reply.status, 200, "{answer}");
            let found = ids(&answer);
            assert!(found.len() <= limit && answer["page"]["count"] == found.len(), "{answer}");
            seen.extend(found);
            token = answer["page"]["next_token"].as_str().unwrap().to_owned();
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(seen, whole, "{limit} at a time");
    }
    let mut first = question.clone();
    first["page"] = json!({ "limit": 2 });
    let token = point.post("/access/v1/search/resource", &first).await.json()["page"]["next_token"].as_str().unwrap().to_owned();
    // Without the limit the rest comes at once; as drafts called it, too.
    for name in ["token", "next_token"] {
        let mut rest = question.clone();
        rest["page"] = json!({ name: token });
        assert_eq!(point.search("resource", &rest).await, whole[2..]);
    }
    let mut nothing = question.clone();
    nothing["page"] = json!({ "limit": 0 });
    assert_eq!(point.search("resource", &nothing).await, Vec::<String>::new());
    let mut other = question.clone();
    other["subject"]["id"] = "u4".into();
    other["page"] = json!({ "token": token });
    for (bad, pointer) in [
        (other, "/page/token"),
        (
            json!({ "subject": question["subject"], "action": question["action"], "resource": question["resource"], "page": { "token": "nonsense" } }),
            "/page/token",
        ),
        (
            json!({ "subject": question["subject"], "action": question["action"], "resource": question["resource"], "page": { "token": 1 } }),
            "/page/token",
        ),
        (
            json!({ "subject": question["subject"], "action": question["action"], "resource": question["resource"], "page": { "limit": -1 } }),
            "/page/limit",
        ),
        (
            json!({ "subject": question["subject"], "action": question["action"], "resource": question["resource"], "page": { "limit": "2" } }),
            "/page/limit",
        ),
        (
            json!({ "subject": question["subject"], "action": question["action"], "resource": question["resource"], "page": [] }),
            "/page",
        ),
    ] {
        let reply = point.post("/access/v1/search/resource", &bad).await;
        let said = String::from_utf8_lossy(&reply.body);
        assert!(reply.status == 400 && said.starts_with(&format!("`{pointer}`")), "{bad}: {} {said}", reply.status);
    }
}
