//! Pods of many shapes, each with what becomes of it: `NAME.yaml` goes in; `NAME.out.yaml` comes out, by the operations of
//! `NAME.patch.json`; or `NAME.no.txt` says why not. With `BLESS_GOLDEN` set these are written anew: look at what changed.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use cedarpost::inject::{Op, Outcome, Settings, apply, inject, remove, yaml};
use serde_json::Value;

use super::{restricted, settings};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/inject")
}

fn pods() -> Vec<(String, Value)> {
    let mut pods = Vec::new();
    for entry in fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(stem) = name.strip_suffix(".yaml").filter(|stem| !stem.ends_with(".out")) else { continue };
        let mut documents = yaml::read(&fs::read_to_string(folder().join(&name)).unwrap()).unwrap();
        pods.push((stem.to_owned(), documents.pop().unwrap().value));
    }
    pods.sort_by(|one, other| one.0.cmp(&other.0));
    pods
}

/// Holds a text against a file, or writes it. No text: there must be no file.
#[expect(clippy::disallowed_methods, reason = "whether files are written anew is a setting of this test, not of the product")]
fn hold(name: &str, text: Option<String>) {
    let path = folder().join(name);
    if std::env::var_os("BLESS_GOLDEN").is_some() {
        match text {
            Some(text) => fs::write(path, text).unwrap(),
            None => drop(fs::remove_file(path)),
        }
        return;
    }
    assert_eq!(text, fs::read_to_string(&path).ok(), "{name}");
}

#[test]
fn golden_pods_come_out_as_they_did() {
    let pods = pods();
    assert!(pods.len() >= 30, "{}", pods.len());
    for (name, pod) in pods {
        let (mut out, mut patch, mut no) = (None, None, None);
        match inject(&pod, &settings()) {
            Ok(Outcome::Injected(done)) => {
                let mut said = String::new();
                done.warnings.iter().for_each(|warning| writeln!(said, "# warning: {warning}").unwrap());
                out = Some(said + &yaml::write(std::slice::from_ref(&done.pod)));
                patch = Some(serde_json::to_string_pretty(&done.ops).unwrap() + "\n");
                check(&name, &pod, &done.ops, &done.pod);
            }
            Ok(Outcome::Skipped(reason)) => no = Some(format!("skipped: {reason}\n")),
            Err(refused) => no = Some(format!("refused: {refused}\n")),
        }
        hold(&format!("{name}.out.yaml"), out);
        hold(&format!("{name}.patch.json"), patch);
        hold(&format!("{name}.no.txt"), no);
    }
}

#[test]
fn a_token_for_the_api_server_is_there_when_an_administrator_says_so() {
    let (_, pod) = &pods().into_iter().find(|(name, _)| name == "minimal").unwrap();
    let sources = |api_token: bool| {
        let Ok(Outcome::Injected(done)) = inject(pod, &Settings { api_token, ..settings() }) else { panic!() };
        let volumes = done.pod["spec"]["volumes"].as_array().unwrap().clone();
        let token = volumes.iter().find(|volume| volume["name"] == "cedarpost-token").unwrap();
        token["projected"]["sources"].as_array().unwrap().clone()
    };
    assert_eq!(sources(false).len(), 2);
    let with = sources(true);
    assert_eq!(with[..2], sources(false)[..]);
    let token = serde_json::json!({"serviceAccountToken": {"expirationSeconds": 600, "path": "api-token"}});
    assert_eq!(with[2..], [token], "without an audience it is for the API server");
}

/// What holds of every pod that is injected.
fn check(name: &str, pod: &Value, ops: &[Op], out: &Value) {
    let mut applied = pod.clone();
    ops.iter().for_each(|op| apply(&mut applied, op).unwrap());
    assert_eq!(applied, *out, "{name}");
    let Outcome::Injected(again) = inject(out, &settings()).unwrap() else { panic!("{name}") };
    assert!(again.ops.is_empty(), "{name}: {:?}", again.ops);
    // What only looked like the sidecar does not come back.
    let spoofed = name.starts_with("spoofed");
    assert!(spoofed || remove(out).unwrap().pod == *pod, "{name}");
    let sidecar = &out["spec"]["initContainers"][0];
    assert_eq!((&sidecar["name"], &sidecar["restartPolicy"]), (&"cedarpost".into(), &"Always".into()), "{name}");
    let ours = out["spec"]["initContainers"].as_array().unwrap().iter();
    let ours = ours.filter(|container| container["name"].as_str().unwrap().starts_with("cedarpost"));
    let broken: Vec<String> = ours.flat_map(restricted::container).collect();
    assert!(broken.is_empty(), "{name}: {broken:?}");
    let volumes = out["spec"]["volumes"].as_array().unwrap().iter();
    let volumes = volumes.filter(|volume| volume["name"].as_str().unwrap().starts_with("cedarpost-"));
    assert_eq!(volumes.filter_map(restricted::volume).count(), 0, "{name}");
}
