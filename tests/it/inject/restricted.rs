//! The *restricted* profile of the Pod Security Standards, as far as a container and volumes that are added to a pod can break it; written
//! from the standard, and from nothing of ours.

use serde_json::{Value, json};

/// The kinds of volumes that the profile allows; `image` since it exists.
const VOLUMES: [&str; 9] =
    ["configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected", "secret"];
const SYSCALLS: [&str; 2] = ["RuntimeDefault", "Localhost"];

/// What breaks the profile in a container.
pub(super) fn container(container: &Value) -> Vec<String> {
    let name = &container["name"];
    let context = &container["securityContext"];
    let mut broken = Vec::new();
    let mut must = |holds: bool, what: &str| {
        if !holds {
            broken.push(format!("{name}: {what}"));
        }
    };
    must(context["privileged"] != json!(true), "privileged");
    must(context["allowPrivilegeEscalation"] == json!(false), "allowPrivilegeEscalation");
    must(context["runAsNonRoot"] == json!(true), "runAsNonRoot");
    must(context["runAsUser"].as_i64().is_none_or(|user| user != 0), "runAsUser");
    let dropped = context["capabilities"]["drop"].as_array().is_some_and(|drop| drop.contains(&json!("ALL")));
    must(dropped, "capabilities.drop");
    let added = context["capabilities"]["add"].as_array().is_none_or(|add| add.iter().all(|add| add == "NET_BIND_SERVICE"));
    must(added, "capabilities.add");
    let filtered = context["seccompProfile"]["type"].as_str().is_some_and(|kind| SYSCALLS.contains(&kind));
    must(filtered, "seccompProfile");
    must(context["procMount"].is_null() || context["procMount"] == "Default", "procMount");
    must(context["appArmorProfile"]["type"] != "Unconfined", "appArmorProfile");
    must(context["seLinuxOptions"].is_null() && context["windowsOptions"].is_null(), "other options");
    let ports = container["ports"].as_array().map(Vec::as_slice).unwrap_or_default();
    must(ports.iter().all(|port| port["hostPort"].as_u64().unwrap_or(0) == 0), "hostPort");
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        // The newest profile wants no `host` in probes.
        must(container[probe]["httpGet"]["host"].is_null(), "host of a probe");
    }
    broken
}

/// What breaks the profile in a volume.
pub(super) fn volume(volume: &Value) -> Option<String> {
    let kinds: Vec<&String> = volume.as_object().unwrap().keys().filter(|key| *key != "name").collect();
    let fits = kinds.len() == 1 && VOLUMES.contains(&kinds[0].as_str());
    (!fits).then(|| format!("volume {volume}"))
}

#[test]
fn the_checker_finds_what_it_is_for() {
    let good = json!({"name": "a", "securityContext": {"allowPrivilegeEscalation": false, "runAsNonRoot": true,
        "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"}}});
    assert!(container(&good).is_empty());
    for (pointer, bad) in [
        ("/securityContext/allowPrivilegeEscalation", json!(true)),
        ("/securityContext/runAsNonRoot", json!(false)),
        ("/securityContext/capabilities", json!({"drop": ["NET_RAW"]})),
        ("/securityContext/capabilities", json!({"drop": ["ALL"], "add": ["NET_ADMIN"]})),
        ("/securityContext/seccompProfile/type", json!("Unconfined")),
    ] {
        let mut changed = good.clone();
        *changed.pointer_mut(pointer).unwrap() = bad;
        assert_eq!(container(&changed).len(), 1, "{pointer}");
    }
    assert!(volume(&json!({"name": "a", "hostPath": {"path": "/"}})).is_some());
    assert!(volume(&json!({"name": "a", "emptyDir": {}})).is_none());
}
