//! Settings and pods for tests.

use serde_json::{Value, json};

use super::Settings;
use super::settings::Binary;

#[path = "fixture/settings.rs"]
mod administrator;

pub(crate) use administrator::settings;

/// A pod with one port.
pub(crate) fn pod() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": "weather", "annotations": { "cedarpost.dev/services": "weather" } },
        "spec": {
            "containers": [{
                "name": "app",
                "image": "weather:1",
                "ports": [{ "name": "mcp", "containerPort": 9000 }],
                "livenessProbe": { "httpGet": { "path": "/healthz", "port": "mcp" }, "periodSeconds": 7 },
            }],
        },
    })
}

/// The pod with another annotation.
pub(crate) fn annotated(mut pod: Value, name: &str, value: &str) -> Value {
    pod["metadata"]["annotations"][format!("cedarpost.dev/{name}")] = value.into();
    pod
}

/// What an API server asks about a pod.
pub(crate) fn review(pod: &Value) -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "u-1",
            "kind": { "group": "", "version": "v1", "kind": "Pod" },
            "resource": { "group": "", "version": "v1", "resource": "pods" },
            "requestKind": { "group": "", "version": "v1", "kind": "Pod" },
            "requestResource": { "group": "", "version": "v1", "resource": "pods" },
            "namespace": "shop",
            "operation": "CREATE",
            "userInfo": { "username": "system:serviceaccount:kube-system:replicaset-controller" },
            "object": pod,
            "oldObject": null,
            "dryRun": false,
            "options": { "kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1" },
        },
    })
}
