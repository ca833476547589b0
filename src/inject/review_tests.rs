//! Reviews of every kind, and what is none.

use serde_json::json;

use super::super::patch::{Op, apply};
use super::*;
use crate::inject::fixture::{annotated, pod, review, settings};

fn ask(review: &Value) -> Answer {
    answer(review.to_string().as_bytes(), &settings()).unwrap()
}

#[test]
fn a_pod_gets_a_patch_that_leads_to_what_is_injected() {
    let answer = ask(&review(&pod()));
    let response = &answer.body["response"];
    assert_eq!(
        (&response["uid"], &response["allowed"], &response["patchType"]),
        (&json!("u-1"), &json!(true), &json!("JSONPatch"))
    );
    let ops: Vec<Op> = serde_json::from_slice(&STANDARD.decode(response["patch"].as_str().unwrap()).unwrap()).unwrap();
    let mut patched = pod();
    ops.iter().for_each(|op| apply(&mut patched, op).unwrap());
    let Outcome::Injected(expected) = inject(&pod(), &settings()).unwrap() else { panic!() };
    assert_eq!(patched, expected.pod);
    let annotations = &response["auditAnnotations"];
    assert_eq!((&annotations["verdict"], &annotations["mode"]), (&json!("injected"), &json!("podip")));
    assert!(annotations["digest"].as_str().unwrap().starts_with("sha256:"));
    assert_eq!((answer.pod.as_str(), answer.verdict), ("shop/weather", Verdict::Injected));

    let again = ask(&review(&patched));
    assert_eq!((&again.body["response"]["allowed"], &again.body["response"]["patch"]), (&json!(true), &Value::Null));
}

#[test]
fn a_pod_that_cannot_be_injected_is_refused_with_the_reason() {
    let answer = ask(&review(&annotated(pod(), "mode", "magic")));
    let response = &answer.body["response"];
    assert_eq!((&response["allowed"], &response["status"]["code"]), (&json!(false), &json!(403)));
    let message = response["status"]["message"].as_str().unwrap();
    assert!(message.starts_with("cedarpost: metadata.annotations[cedarpost.dev/mode]: `magic` is not one of"), "{message}");
    assert!(response["patch"].is_null());
}

#[test]
fn a_pod_that_is_left_alone_is_let_in_with_a_warning() {
    let mut opted_out = pod();
    opted_out["metadata"]["labels"] = json!({ "cedarpost.dev/inject": "false" });
    let mut update = review(&pod());
    update["request"]["operation"] = "UPDATE".into();
    let mut other = review(&pod());
    other["request"]["resource"]["resource"] = "deployments".into();
    for review in [review(&opted_out), update, other] {
        let response = ask(&review).body["response"].clone();
        assert_eq!((&response["allowed"], &response["patch"]), (&json!(true), &Value::Null));
        assert!(response["warnings"][0].as_str().unwrap().starts_with("cedarpost: no sidecar: "), "{response}");
    }
}

#[test]
fn an_event_would_be_about_pods_that_are_really_made() {
    let subject = |change: &dyn Fn(&mut Value)| {
        let mut review = review(&pod());
        change(&mut review["request"]);
        ask(&review).subject.map(|subject| format!("{}/{} {}", subject.namespace, subject.kind, subject.name))
    };
    assert_eq!(subject(&|_| {}).unwrap(), "shop/Pod weather");
    assert_eq!(subject(&|request| drop(request.as_object_mut().unwrap().remove("dryRun"))).unwrap(), "shop/Pod weather");
    assert_eq!(subject(&|request| request["dryRun"] = true.into()), None);
    assert_eq!(subject(&|request| request["operation"] = "UPDATE".into()), None);
    assert_eq!(subject(&|request| request["subResource"] = "status".into()), None);
    assert_eq!(subject(&|request| request["resource"]["resource"] = "deployments".into()), None);
    assert_eq!(subject(&|request| request["namespace"] = "../kube-system".into()), None);
    let strange = review(&pod()).to_string().replace("\"dryRun\":false", "\"dryRun\":\"no\"");
    assert!(strange.contains("\"no\"") && answer(strange.as_bytes(), &settings()).is_err());
}

#[test]
fn what_is_no_review_is_an_error() {
    let good = review(&pod());
    let without = |pointer: &str, key: &str| {
        let mut review = good.clone();
        review.pointer_mut(pointer).unwrap().as_object_mut().unwrap().remove(key);
        review.to_string()
    };
    let twice = good.to_string().replacen("\"uid\"", "\"uid\":\"a\",\"uid\"", 1);
    for body in [
        String::new(),
        "{".to_owned(),
        "null".to_owned(),
        without("", "request"),
        without("", "kind"),
        without("/request", "uid"),
        without("/request", "operation"),
        without("/request", "resource"),
        good.to_string().replace("admission.k8s.io/v1", "admission.k8s.io/v1beta1"),
        twice,
        "[".repeat(200),
    ] {
        assert!(answer(body.as_bytes(), &settings()).is_err(), "{body}");
    }
    assert!(answer(&[0xff, 0xfe], &settings()).is_err());
    // A pod that is missing is not let in either.
    assert_eq!(ask(&serde_json::from_str(&without("/request", "object")).unwrap()).body["response"]["allowed"], json!(false));
}

#[test]
fn warnings_are_no_longer_than_an_api_server_passes_on() {
    let text = short(&"ä".repeat(400));
    assert!(text.as_str().unwrap().len() <= MAX_WARNING);
}
