//! Random pods: what always holds, whatever a pod looks like.

use std::collections::BTreeSet;

use cedarpost::inject::{Outcome, apply, inject, manifest, remove, yaml};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{restricted, settings};

/// A text as manifests have them, many of which YAML takes for something else.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,8}",
        "\\PC{0,12}",
        prop::sample::select(vec![
            "on",
            "off",
            "yes",
            "No",
            "y",
            "N",
            "null",
            "~",
            "",
            "0o17",
            "017",
            "1e3",
            "0x1F",
            "1_000",
            "-",
            "--- a",
            "a: b",
            "a #b",
            "#",
            "- a",
            "{}",
            "[a]",
            "'",
            "\"",
            "*a",
            "&a",
            "!t",
            "%x",
            "@x",
            "`x",
            "|",
            ">",
            "? a",
            "12:30:45",
            "2024-01-01",
            ".5",
            "+1",
            ".inf",
            "<<",
            "=",
            "true",
            "True",
            " a",
            "a ",
            "a\nb",
            "a\nb\n",
            "\na",
            "a\n\n",
            " a\nb",
            "a\tb",
            "\ta\nb",
            "a\r\nb",
            "é\u{85}x",
            "\u{2028}",
            "\u{feff}x",
            "\u{7f}",
            "😀\nb",
            "a:",
            "a:b",
            "$(X)",
            "a\n  b\n c",
        ])
        .prop_map(str::to_owned),
    ]
}

fn action(port: u16) -> impl Strategy<Value = Value> {
    let ports = prop_oneof![Just(json!(port)), Just(json!("mcp")), Just(json!("other")), Just(json!(8081))];
    let path = prop::sample::select(vec!["/", "/healthz", "/a,b", "/x?y=$(Z)", "healthz"]);
    prop_oneof![
        (ports.clone(), path).prop_map(|(port, path)| json!({"httpGet": {"port": port, "path": path, "scheme": "HTTP"}})),
        (ports.clone(), any::<bool>()).prop_map(|(port, host)| {
            if host {
                json!({"httpGet": {"port": port, "host": "1.2.3.4"}})
            } else {
                json!({"httpGet": {"port": port, "httpHeaders": [{"name": "X", "value": "on"}]}})
            }
        }),
        ports.prop_map(|port| json!({"tcpSocket": {"port": port}})),
        Just(json!({"exec": {"command": ["true"]}})),
        Just(json!({"grpc": {"port": 8081}})),
    ]
}

fn container(name: String, port: u16) -> impl Strategy<Value = Value> {
    let env = vec(("[A-C]{1,2}", text()), 0..3);
    let probes = btree_map(prop::sample::select(vec!["livenessProbe", "readinessProbe", "startupProbe"]), action(port), 0..3);
    let ports = prop_oneof![
        Just(json!(null)),
        Just(json!([{"name": "mcp", "containerPort": port}])),
        Just(json!([{"name": "other", "containerPort": 8081, "protocol": "TCP"}, {"name": "mcp", "containerPort": port}])),
        Just(json!([{"name": "dns", "containerPort": 5353, "protocol": "UDP"}])),
    ];
    let more = btree_map("x-[a-z]{1,4}", text(), 0..3);
    (env, probes, ports, more, any::<(bool, bool, bool)>(), vec(text(), 0..3)).prop_map(
        move |(env, probes, ports, more, has, words)| {
            let mut container = Map::new();
            container.insert("name".into(), name.clone().into());
            container.insert("image".into(), "app:1".into());
            container.extend(more.into_iter().map(|(key, value)| (key, value.into())));
            container.extend(probes.into_iter().map(|(key, value)| (key.into(), value)));
            if !ports.is_null() {
                container.insert("ports".into(), ports);
            }
            if has.0 {
                let env: Vec<Value> = env.into_iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
                container.insert("env".into(), env.into());
            }
            if has.1 {
                container.insert("volumeMounts".into(), json!([{"name": "data", "mountPath": "/data"}]));
            }
            if has.2 {
                container.insert("command".into(), json!(["/app"]));
                container.insert("args".into(), json!(words));
                container.insert("securityContext".into(), json!({"runAsUser": 1000, "capabilities": {"add": ["NET_ADMIN"]}}));
            }
            Value::Object(container)
        },
    )
}

fn mode() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!({"cedarpost.dev/port": "9000"}),
        json!({"cedarpost.dev/services": "web", "cedarpost.dev/port": "9000"}),
        json!({"cedarpost.dev/mode": "rename", "cedarpost.dev/port": "9100", "cedarpost.dev/upstream": "http://127.0.0.1:9000/mcp"}),
        json!({"cedarpost.dev/mode": "socket", "cedarpost.dev/port": "9000", "cedarpost.dev/socket": "/run/mcp/s.sock", "cedarpost.dev/containers": "c0"}),
        json!({"cedarpost.dev/mode": "agent", "cedarpost.dev/agent-env": "A=shop, B=files"}),
        json!({"cedarpost.dev/mode": "agent", "cedarpost.dev/containers": "c0"}),
        json!({"cedarpost.dev/mode": "stdio", "cedarpost.dev/port": "9100", "cedarpost.dev/containers": "c0"}),
        json!({"cedarpost.dev/mode": "stdio", "cedarpost.dev/port": "9100", "cedarpost.dev/containers": "c0", "cedarpost.dev/binary": "image-volume"}),
        json!({"cedarpost.dev/port": "9000", "cedarpost.dev/state-claim": "log", "kubectl.kubernetes.io/default-container": "c0"}),
    ])
}

/// Pods that can be injected, but for stdio servers without a command.
fn pod() -> impl Strategy<Value = Value> {
    let containers =
        (1_usize..4).prop_flat_map(|count| (0..count).map(|place| container(format!("c{place}"), 9000)).collect::<Vec<_>>());
    let init =
        (0_usize..3).prop_flat_map(|count| (0..count).map(|place| container(format!("i{place}"), 7000)).collect::<Vec<_>>());
    (mode(), containers, init, any::<(bool, bool, bool, bool)>(), btree_map("[a-z]{1,4}", text(), 0..3)).prop_map(
        |(annotations, containers, mut init, has, labels)| {
            let mut pod = json!({"metadata": {"annotations": annotations, "labels": labels}, "spec": {"containers": containers}});
            if has.0 || !init.is_empty() {
                if let Some(first) = init.first_mut().filter(|_| has.1) {
                    first["restartPolicy"] = "Always".into();
                }
                pod["spec"]["initContainers"] = init.into();
            }
            if has.2 {
                pod["spec"]["volumes"] = json!([{"name": "data", "emptyDir": {}}]);
            }
            if has.3 {
                pod["metadata"]["annotations"]["note"] = "on".into();
                pod["spec"]["securityContext"] = json!({"fsGroup": 2000});
                pod["spec"]["newerThanThisProgram"] = json!({"a": [1, 2.5, null]});
            }
            pod
        },
    )
}

/// A container without what its mode may change.
fn kept(container: &Value, mode: &str) -> Value {
    let mut kept = container.clone();
    let map = kept.as_object_mut().unwrap();
    let changed: &[&str] = match mode {
        "agent" => &["env"],
        "stdio" => &["command", "volumeMounts"],
        "socket" => &["livenessProbe", "readinessProbe", "startupProbe", "volumeMounts"],
        _ => &["livenessProbe", "readinessProbe", "startupProbe"],
    };
    changed.iter().for_each(|key| drop(map.remove(*key)));
    if let (true, Some(ports)) = (mode == "rename", map.get_mut("ports").and_then(Value::as_array_mut)) {
        ports.iter_mut().for_each(|port| drop(port.as_object_mut().unwrap().remove("name")));
    }
    kept
}

fn named(pod: &Value) -> Vec<&Value> {
    ["initContainers", "containers"].iter().filter_map(|list| pod["spec"][list].as_array()).flatten().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_pod_looks_like_its_containers_stay_and_everything_can_be_put_back(pod in pod()) {
        let injected = inject(&pod, &settings());
        let mode = pod["metadata"]["annotations"]["cedarpost.dev/mode"].as_str().unwrap_or("podip");
        let Ok(Outcome::Injected(done)) = injected else {
            prop_assert!(mode == "stdio" && pod["spec"]["containers"][0]["command"].is_null(), "{injected:?}");
            return Ok(());
        };
        let mut applied = pod.clone();
        for op in &done.ops {
            apply(&mut applied, op).unwrap();
        }
        prop_assert_eq!(&applied, &done.pod);

        let Ok(Outcome::Injected(again)) = inject(&done.pod, &settings()) else { panic!("not again") };
        prop_assert!(again.ops.is_empty() && again.pod == done.pod, "{:?}", again.ops);
        prop_assert_eq!(&remove(&done.pod).unwrap().pod, &pod);

        let mut labels = pod["metadata"]["labels"].as_object().unwrap().clone();
        labels.insert("cedarpost.dev/injected".to_owned(), "true".into());
        prop_assert_eq!(done.pod["metadata"]["labels"].as_object().unwrap(), &labels);
        let all = named(&done.pod);
        prop_assert_eq!(&all[0]["name"], "cedarpost");
        let theirs: Vec<&Value> = all.iter().copied().filter(|container| !container["name"].as_str().unwrap().starts_with("cedarpost")).collect();
        let before = named(&pod);
        prop_assert_eq!(theirs.len(), before.len());
        for (after, before) in theirs.iter().zip(&before) {
            prop_assert_eq!(kept(after, mode), kept(before, mode));
        }
        for ours in all.iter().filter(|container| container["name"].as_str().unwrap().starts_with("cedarpost")) {
            prop_assert_eq!(restricted::container(ours), Vec::<String>::new());
        }
        let names: BTreeSet<&str> = done.pod["spec"]["volumes"].as_array().unwrap().iter().map(|volume| volume["name"].as_str().unwrap()).collect();
        for mount in all[0]["volumeMounts"].as_array().unwrap() {
            prop_assert!(names.contains(mount["name"].as_str().unwrap()));
        }
        // Only the sidecar has the token.
        for container in theirs {
            let mounts = container["volumeMounts"].as_array().map(Vec::as_slice).unwrap_or_default();
            prop_assert!(mounts.iter().all(|mount| mount["name"] != "cedarpost-token" && mount["name"] != "cedarpost-state"));
        }
    }

    #[test]
    fn what_pretends_to_be_the_sidecar_is_replaced(pod in pod(), image in text(), place in 0_usize..3, status in text()) {
        let Ok(Outcome::Injected(honest)) = inject(&pod, &settings()) else { return Ok(()) };
        let mut spoofed = pod;
        let fake = json!({"name": "cedarpost", "image": image, "restartPolicy": "Always", "command": ["sleep", "1d"]});
        let list = spoofed["spec"].as_object_mut().unwrap().entry("initContainers").or_insert(json!([])).as_array_mut().unwrap();
        list.insert(place.min(list.len()), fake);
        spoofed["metadata"]["labels"]["cedarpost.dev/injected"] = status.clone().into();
        spoofed["metadata"]["annotations"]["cedarpost.dev/status"] = status.into();
        spoofed["spec"].as_object_mut().unwrap().entry("volumes").or_insert(json!([])).as_array_mut().unwrap()
            .push(json!({"name": "cedarpost-policies", "emptyDir": {}}));
        for container in spoofed["spec"]["containers"].as_array_mut().unwrap() {
            let mounts = container.as_object_mut().unwrap().entry("volumeMounts").or_insert(json!([])).as_array_mut().unwrap();
            mounts.push(json!({"name": "cedarpost-token", "mountPath": "/stolen"}));
        }
        let Ok(Outcome::Injected(done)) = inject(&spoofed, &settings()) else { panic!("{:?}", inject(&spoofed, &settings())) };
        prop_assert_eq!(&done.pod["spec"]["initContainers"][0], &honest.pod["spec"]["initContainers"][0]);
        prop_assert_eq!(&done.pod["metadata"]["labels"], &honest.pod["metadata"]["labels"]);
        let twice = named(&done.pod).iter().filter(|container| container["name"] == "cedarpost").count();
        prop_assert_eq!(twice, 1);
        let of = |pod: &Value, name: &str| pod["spec"]["volumes"].as_array().unwrap().iter().filter(|volume| volume["name"] == name).cloned().collect::<Vec<_>>();
        prop_assert_eq!(of(&done.pod, "cedarpost-policies"), of(&honest.pod, "cedarpost-policies"));
        prop_assert!(!done.pod["spec"]["containers"].to_string().contains("/stolen"));
    }

    #[test]
    fn a_manifest_that_is_written_reads_as_it_was(pods in vec(pod(), 1..3)) {
        let written = yaml::write(&pods);
        let read = yaml::read(&written);
        prop_assert!(read.is_ok(), "{read:?}\n{written}");
        let read: Vec<Value> = read.unwrap().into_iter().map(|document| document.value).collect();
        prop_assert_eq!(read, pods, "{}", written);
    }

    #[test]
    fn nothing_that_is_read_as_yaml_panics(text in "[ -~\n]{0,200}|[-:{}\\[\\]&*!|> a0\n\"']{0,60}") {
        if let Ok(documents) = yaml::read(&text) {
            let values: Vec<Value> = documents.into_iter().map(|document| document.value).collect();
            let read = yaml::read(&yaml::write(&values)).unwrap();
            prop_assert_eq!(read.into_iter().map(|document| document.value).collect::<Vec<_>>(), values);
        }
    }

    #[test]
    fn no_object_makes_the_injector_panic(mut object in arbitrary_json(), pointer in prop::sample::select(vec!["", "/spec", "/metadata", "/spec/containers", "/spec/containers/0", "/metadata/annotations", "/spec/containers/0/ports"])) {
        let _ = inject(&object, &settings());
        let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"annotations": {"cedarpost.dev/port": "9000"}},
            "spec": {"containers": [{"name": "a", "ports": []}]}});
        *pod.pointer_mut(pointer).unwrap() = object.clone();
        let _ = (inject(&pod, &settings()), remove(&pod));
        let _ = manifest::each_pod(&mut object, &|pod| inject(pod, &settings()));
    }
}

fn arbitrary_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text().prop_map(Value::from)
    ];
    let keys = prop::sample::select(vec![
        "kind",
        "apiVersion",
        "items",
        "metadata",
        "spec",
        "name",
        "containers",
        "initContainers",
        "annotations",
        "labels",
        "ports",
        "env",
        "containerPort",
        "template",
    ]);
    leaf.prop_recursive(5, 40, 4, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(keys.clone(), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())),
        ]
    })
}
