//! What the log gets of arguments and results, and of the definition that was in force.

use bytes::Bytes;
use serde_json::{Value, json};

use super::*;
use crate::audit::private::detail::{Rule, Scope};
use crate::audit::private::{commitment, digest_of, unseal};
use crate::audit::{DetailSettings, Level, SaltReader};

const ALLOW: &str = "permit (principal, action, resource);";

fn rule(scope: &str, level: Level, mask: &[&str]) -> Rule {
    let mask = mask.iter().map(|pointer| pointer.parse().unwrap()).collect();
    Rule { scope: Scope::parse(scope).unwrap(), level: Some(level), mask }
}

async fn house(rules: Vec<Rule>) -> House {
    let detail = DetailSettings { rules, ..DetailSettings::default() };
    let pointer = |text: &str| text.parse().unwrap();
    let meta_tool =
        policy::MetaTool { server: server(), tool: "run".to_owned(), name: pointer("/tool"), arguments: pointer("/with") };
    House::keeping(ALLOW, 0, |settings| policy::Settings { meta_tools: vec![meta_tool], ..settings }, detail).await
}

fn with(tool: &str, arguments: &Value) -> Call {
    Call { arguments: Arguments::from_checked_json(arguments.to_string().into()), ..call(tool) }
}

/// What was kept of a record, as JSON, once its commitment was checked; `None` when nothing was.
fn kept(house: &House, record: &Value, member: &str) -> Option<Value> {
    use base64::Engine as _;

    let seq = record["seq"].as_u64().unwrap();
    let salt = SaltReader::new(&house.home.path().join("audit")).salt(seq).unwrap().unwrap();
    let text = unseal(&salt, seq, &house.reader.kept(seq).unwrap()?).unwrap();
    let commit = base64::engine::general_purpose::STANDARD.encode(commitment(&salt, &digest_of(&text)));
    assert_eq!(record[member]["commit"], commit, "{record}");
    Some(serde_json::from_slice(&text).unwrap())
}

#[tokio::test]
async fn what_is_kept_of_a_call_is_what_its_rule_says() {
    let house = house(vec![rule("shop/pay", Level::Commitment, &["/card"]), rule("shop/look", Level::Results, &["/card"])]).await;
    let arguments = json!({"card": "4111", "to": "ann"});
    let masked = json!({"card": {"dev.cedarpost/masked": true}, "to": "ann"});
    let message = Bytes::from(json!({"jsonrpc": "2.0", "id": 1, "result": arguments}).to_string());
    let mut calls = 0;
    for (tool, args, result) in [("pay", None, None), ("look", Some(&masked), Some(&masked)), ("move", Some(&arguments), None)] {
        let settlement = house.gate.admit(&caller(), with(tool, &arguments)).await.unwrap().spend();
        let answer = settlement.answer(&message, Some(&arguments.to_string().into())).await;
        settlement.settle(Outcome::Ok, answer);
        calls += 1;
        let decision = house.records("decision", calls).await.pop().unwrap();
        let outcome = house.records("outcome", calls).await.pop().unwrap();
        assert_eq!(kept(&house, &decision, "args").as_ref(), args, "{tool}");
        assert_eq!(kept(&house, &outcome, "result").as_ref(), result, "{tool}");
        assert_eq!((decision["args"]["kept"] == true, outcome["result"]["kept"] == true), (args.is_some(), result.is_some()));
        assert_eq!(outcome["bytes"], message.len());
        assert!(decision["args"]["commit"].is_string() && outcome["result"]["commit"].is_string(), "{tool}");
        assert_eq!(decision["args"]["masked"], if tool == "move" { Value::Null } else { json!(["/card"]) });
    }
}

#[tokio::test]
async fn a_call_without_arguments_and_an_end_without_an_answer_have_no_content() {
    let house = house(vec![]).await;
    drop(house.gate.admit(&caller(), call("look")).await.unwrap());
    let (decision, outcome) = (house.records("decision", 1).await.remove(0), house.records("outcome", 1).await.remove(0));
    assert!(decision["args"].is_null() && outcome["result"].is_null() && outcome["outcome"] == "abandoned");
    assert_eq!(outcome["bytes"], 0);
}

#[tokio::test]
async fn a_result_of_megabytes_is_read_elsewhere_and_recorded_like_any_other() {
    let house = house(vec![rule("*", Level::Results, &["/secret"])]).await;
    let text = Bytes::from(json!({"secret": "s", "rest": "x".repeat(3 << 20)}).to_string());
    let settlement = house.gate.admit(&caller(), call("look")).await.unwrap().spend();
    let answer = settlement.answer(&text, Some(&text)).await;
    settlement.settle(Outcome::Ok, answer);
    let outcome = house.records("outcome", 1).await.remove(0);
    let masked = text.len() - "\"s\"".len() + r#"{"dev.cedarpost/masked":true}"#.len();
    assert_eq!((&outcome["result"]["kept"], &outcome["result"]["len"]), (&json!(false), &json!(masked)));
    assert_eq!(outcome["result"]["masked"], json!(["/secret"]));
    let salt = SaltReader::new(&house.home.path().join("audit")).salt(outcome["seq"].as_u64().unwrap()).unwrap().unwrap();
    let text = String::from_utf8(text.to_vec()).unwrap().replace("\"s\"", r#"{"dev.cedarpost/masked":true}"#);
    let commit = commitment(&salt, &digest_of(text.as_bytes()));
    assert_eq!(outcome["result"]["commit"], base64::Engine::encode(&base64::engine::general_purpose::STANDARD, commit));
}

#[tokio::test]
async fn what_a_meta_tool_is_not_to_leave_behind_is_not_left_by_the_tool_it_calls() {
    let rules = vec![rule("shop/run", Level::Arguments, &["/with/card"]), rule("shop/look", Level::Results, &["/pin"])];
    let house = house(rules).await;
    let asked = with("run", &json!({"tool": "look", "with": {"card": 1, "pin": 2, "to": 3}}));
    let settlement = house.gate.admit(&caller(), asked).await.unwrap().spend();
    let answer = settlement.answer(&Bytes::new(), Some(&Bytes::from_static(br#"{"pin":4,"with":{"card":5}}"#))).await;
    settlement.settle(Outcome::Ok, answer);
    let decision = house.records("decision", 1).await.remove(0);
    let mask = json!({"dev.cedarpost/masked": true});
    assert_eq!(kept(&house, &decision, "args"), Some(json!({"card": mask, "pin": mask, "to": 3})));
    let outcome = house.records("outcome", 1).await.remove(0);
    assert_eq!((&outcome["result"]["kept"], &outcome["result"]["masked"]), (&json!(false), &json!(["/pin", "/with/card"])));
}

#[tokio::test]
async fn a_decision_names_the_definition_that_the_catalog_knew() {
    let house = house(vec![]).await;
    let listed = |text: &'static str| ToolDefinition { definition: Bytes::from_static(text.as_bytes()), ..tool("peek", true) };
    house.gate.learn(&server(), false, vec![listed(r#"{"name":"peek"}"#)]).await;
    drop(house.gate.admit(&caller(), call("peek")).await.unwrap());
    house.gate.learn(&server(), false, vec![listed(r#"{"name":"peek","description":"Peeks."}"#)]).await;
    drop(house.gate.admit(&caller(), call("peek")).await.unwrap());
    house.gate.admit(&caller(), call("unheard-of")).await.unwrap_err();
    drop(
        house
            .gate
            .admit(&caller(), Call { target: Target::Prompt("peek".into()), action: Action::PromptsGet, ..call("") })
            .await
            .unwrap(),
    );
    let catalog: Vec<Value> = house.records("decision", 4).await.iter().map(|record| record["catalog"].clone()).collect();
    let digest = |text: &[u8]| {
        let hex: String = digest_of(text).iter().map(|byte| format!("{byte:02x}")).collect();
        json!(format!("sha256:{hex}"))
    };
    let expected =
        [digest(br#"{"name":"peek"}"#), digest(br#"{"description":"Peeks.","name":"peek"}"#), Value::Null, Value::Null];
    assert_eq!(catalog, expected);
}
