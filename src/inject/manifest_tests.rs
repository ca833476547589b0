//! Where pods are found, and what is said of them.

use serde_json::json;

use super::*;
use crate::inject::{fixture, inject};

fn change(document: &mut Value) -> Result<Vec<Seen>, String> {
    each_pod(document, &|pod| inject(pod, &fixture::settings())).map_err(|error| error.to_string())
}

#[test]
fn pods_are_found_in_workloads_and_lists() {
    let pod = fixture::pod();
    let mut list = json!({ "apiVersion": "v1", "kind": "List", "items": [
        { "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "a", "namespace": "n" }, "spec": { "template": pod } },
        { "apiVersion": "batch/v1", "kind": "CronJob", "metadata": { "generateName": "b-" }, "spec": { "jobTemplate": { "spec": { "template": pod } } } },
        { "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "c" } },
        { "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": { "name": "d" }, "spec": { "template": pod } },
    ] });
    let seen = change(&mut list).unwrap();
    let objects: Vec<&str> = seen.iter().map(|seen| seen.object.as_str()).collect();
    assert_eq!(objects, ["Deployment n/a", "CronJob b-", "Rollout d"]);
    assert!(matches!(&seen[0].fate, Fate::Done { ops, .. } if !ops.is_empty()));
    assert!(matches!(&seen[2].fate, Fate::Skipped(_)));
    for pointer in ["/items/0/spec/template", "/items/1/spec/jobTemplate/spec/template"] {
        assert_eq!(list.pointer(pointer).unwrap()["spec"]["initContainers"][0]["name"], "cedarpost");
    }
    assert!(list["items"][3]["spec"]["template"]["spec"]["initContainers"].is_null());
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let deployment =
        |spec: Value| json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "a" }, "spec": spec });
    for (mut document, expected) in [
        (json!([]), "document: apiVersion, kind: this is not an object of Kubernetes"),
        (json!({ "kind": "Pod" }), "document: apiVersion, kind: this is not an object of Kubernetes"),
        (deployment(json!({})), "Deployment a: spec.template.: there is no pod template"),
        (deployment(json!({ "template": {} })), "Deployment a: spec.template.spec: the pod has no spec"),
        (
            deployment(json!({ "template": { "spec": { "containers": [] } } })),
            "Deployment a: spec.template.spec.containers: the pod has no containers",
        ),
        (json!({ "apiVersion": "v1", "kind": "List", "items": {} }), "List (without a name): items: this is not a list"),
    ] {
        assert_eq!(change(&mut document).unwrap_err(), expected);
    }
}
