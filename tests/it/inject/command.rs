//! `cedarpost inject` as scripts use it.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use cedarpost::inject::yaml;
use serde_json::{Value, json};

const IMAGE: &str = "registry.example/cedarpost:0.1";

const MANIFEST: &str = r#"
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: mcp}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata:
      labels: {app: web, "on": "yes"}
      annotations: {cedarpost.dev/services: web}
    spec:
      containers:
      - name: app
        image: web:1
        args: [--mode, "on", "0o17", "1e3", 'no', "null"]
        env: [{name: A, value: "on"}, {name: B, value: "1e3"}]
        ports: [{name: mcp, containerPort: 9000}]
        volumeMounts: [{name: secret, mountPath: /s}]
      volumes: [{name: secret, secret: {secretName: s, defaultMode: 0400}}]
"#;

fn run(words: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_cedarpost"))
        .arg("inject")
        .args(words)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    // The program may end before it has read everything.
    let writing = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    output
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn values(text: &str) -> Vec<Value> {
    yaml::read(text).unwrap().into_iter().map(|document| document.value).collect()
}

#[test]
fn a_manifest_is_injected_verified_and_put_back() {
    let injected = run(&["--image", IMAGE, "-f", "-"], MANIFEST);
    assert_eq!(injected.status.code(), Some(0), "{}", said(&injected));
    let documents = values(&out(&injected));
    assert_eq!(documents[0], values(MANIFEST)[0], "what holds no pod stays");
    let spec = &documents[1]["spec"]["template"]["spec"];
    assert_eq!(spec["initContainers"][0]["image"], IMAGE);
    assert_eq!(spec["containers"], values(MANIFEST)[1]["spec"]["template"]["spec"]["containers"]);
    assert_eq!(spec["volumes"][0]["secret"]["defaultMode"], 256);
    let (before, after) = (&values(MANIFEST)[1], &documents[1]);
    let template = &after["spec"]["template"]["metadata"]["labels"];
    assert_eq!(template, &json!({"app": "web", "on": "yes", "cedarpost.dev/injected": "true"}));
    assert_eq!(
        (&after["spec"]["selector"], &after["metadata"]),
        (&before["spec"]["selector"], &before["metadata"]),
        "the label is on pods alone, and nothing selects by it that did not"
    );
    for word in ["\"on\"", "\"0o17\"", "\"1e3\"", "\"no\"", "\"null\"", "\"yes\""] {
        assert!(out(&injected).contains(word), "{word}\n{}", out(&injected));
    }

    let verify = |text: &str| run(&["--image", IMAGE, "-f", "-", "--verify"], text);
    assert_eq!(verify(&out(&injected)).status.code(), Some(0));
    assert_eq!(out(&verify(&out(&injected))), "injected       Deployment shop/web\n");
    assert_eq!(verify(MANIFEST).status.code(), Some(3));
    for other in ["cedarpost.dev/injected: \"false\"", "another: \"true\""] {
        let changed = out(&injected).replace("cedarpost.dev/injected: \"true\"", other);
        assert_ne!(changed, out(&injected));
        assert_eq!(verify(&changed).status.code(), Some(3), "{other}");
    }
    let other = run(&["--image", "registry.example/cedarpost:0.2", "-f", "-", "--verify"], &out(&injected));
    assert_eq!((other.status.code(), out(&other).as_str()), (Some(3), "not injected   Deployment shop/web\n"));

    let again = run(&["--image", IMAGE, "-f", "-"], &out(&injected));
    assert_eq!(out(&again), out(&injected));
    let removed = run(&["-f", "-", "--remove"], &out(&injected));
    assert_eq!((removed.status.code(), values(&out(&removed))), (Some(0), values(MANIFEST)));
}

#[test]
fn every_kind_that_holds_a_pod_is_injected() {
    let pod = json!({"metadata": {"annotations": {"cedarpost.dev/services": "a"}}, "spec": {"containers": [{"name": "a", "ports": [{"containerPort": 9000}]}]}});
    let template = |version: &str, kind: &str| json!({"apiVersion": version, "kind": kind, "metadata": {"name": "n"}, "spec": {"template": pod}});
    let mut bare = pod.clone();
    bare["apiVersion"] = "v1".into();
    bare["kind"] = "Pod".into();
    let cron = json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "n"}, "spec": {"jobTemplate": {"spec": {"template": pod}}}});
    let objects = [
        bare.clone(),
        template("apps/v1", "Deployment"),
        template("apps/v1", "StatefulSet"),
        template("apps/v1", "DaemonSet"),
        template("apps/v1", "ReplicaSet"),
        template("batch/v1", "Job"),
        template("v1", "ReplicationController"),
        cron,
    ];
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    let mut item = pod.clone();
    item["metadata"]["name"] = "inner".into();
    let typed = json!({"apiVersion": "v1", "kind": "PodList", "items": [item]});
    let injected = run(&["--image", IMAGE, "-f", "-"], &format!("{list}\n{typed}"));
    assert_eq!(injected.status.code(), Some(0), "{}", said(&injected));
    assert_eq!(out(&injected).matches("\"restartPolicy\": \"Always\"").count(), 9, "JSON goes out as it came in");
    let verified = run(&["--image", IMAGE, "-f", "-", "--verify"], &out(&injected));
    assert_eq!(out(&verified).lines().count(), 9, "{}", out(&verified));
    assert_eq!(run(&["--image", IMAGE, "-f", "-", "-o", "yaml"], &out(&injected)).status.code(), Some(0));

    let rollout = template("argoproj.io/v1alpha1", "Rollout");
    let passed = run(&["--image", IMAGE, "-f", "-"], &rollout.to_string());
    assert_eq!((passed.status.code(), values(&out(&passed))), (Some(0), vec![rollout]));
    assert!(said(&passed).contains("Rollout n: this kind is not known here"), "{}", said(&passed));
}

#[test]
fn what_cannot_be_injected_is_said_with_its_place_and_nothing_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("deploy.yaml");
    for (change, expected) in [
        (
            ("cedarpost.dev/services: web", "cedarpost.dev/prot: '1'"),
            "document 2 (line 6): Deployment shop/web: spec.template.metadata.annotations[cedarpost.dev/prot]: this annotation is not known; did you mean `cedarpost.dev/port`?",
        ),
        (
            ("cedarpost.dev/services: web", "cedarpost.dev/port: 9000"),
            "spec.template.metadata.annotations[cedarpost.dev/port]: this is not text; put it in quotes",
        ),
        (("name: app\n", "name: cedarpost\n"), "spec.template.spec.containers[0].name: `cedarpost` is a name of the sidecar's"),
        (
            ("      containers:", "      hostNetwork: yes\n      containers:"),
            "spec.template.spec.hostNetwork: a pod in the network of its node",
        ),
        (("kind: Deployment\n", ""), "document 2 (line 6): document: apiVersion, kind: this is not an object of Kubernetes"),
        (("containers:", "containers: &a [*a]"), "line 17"),
    ] {
        fs::write(&file, MANIFEST.replacen(change.0, change.1, 1)).unwrap();
        let refused = run(&["--image", IMAGE, "-f", file.to_str().unwrap()], "");
        assert_eq!((refused.status.code(), out(&refused).as_str()), (Some(3), ""), "{change:?}");
        assert!(said(&refused).contains(expected) && said(&refused).contains("deploy.yaml"), "{}", said(&refused));
    }
    assert_eq!(run(&["-f", "-"], MANIFEST).status.code(), Some(78), "an image must be named");
    assert_eq!(run(&["--image", IMAGE, "-f", "/does/not/exist"], "").status.code(), Some(1));
    assert_eq!(run(&["--image", IMAGE], "").status.code(), Some(2));
    assert_eq!(run(&["--image", "-x", "-f", "-"], MANIFEST).status.code(), Some(2));
    assert_eq!(run(&["--image", "x y", "-f", "-"], MANIFEST).status.code(), Some(78));
}
