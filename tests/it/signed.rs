//! Signed policies, with the real binary: what authors do, what a sidecar with trusted keys puts in force and what it refuses, also after
//! a restart, and that other implementations of signed notes agree.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use cedarpost::grpc::pb;
use cedarpost::grpc::pb::policy_service_client::PolicyServiceClient;
use rustix::process::Signal;
use serde_json::{Value, json};
use signed_note::{Note, StandardSigner, StandardVerifier, Verifier, VerifierList};
use tonic::transport::Endpoint;

use crate::support::grpc::next;
use crate::support::{Desk, Era, Home, Mcp, Served, Sidecar, Upstream, shown, until};

const ALLOW: &str = "@id(\"all\")\n@allow(\"broad-permit\")\npermit (principal, action, resource);\n";
const DENY: &str = "@id(\"none\")\nforbid (principal, action, resource);\n";
const DEADLINE: Duration = Duration::from_secs(30);

fn policy(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cedarpost")).arg("policy").args(words).env_clear().output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Runs a command that must end with this code, and returns what it printed.
fn ends(code: i32, words: &[&str]) -> String {
    let output = policy(words);
    assert_eq!(output.status.code(), Some(code), "{words:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// An author with a key.
struct Author {
    key: PathBuf,
    public: String,
}

impl Author {
    fn new(desk: &Desk, file: &str) -> Self {
        let key = desk.path(file);
        let public = ends(0, &["keygen", "--name", "policies.example/lab", "--output", path(&key)]);
        Self { key, public: public.trim_end().to_owned() }
    }

    /// The name and id of the key, as it is told.
    fn id(&self) -> String {
        // The key itself, in base64, may have plus signs, too.
        self.public.splitn(3, '+').take(2).collect::<Vec<_>>().join("+")
    }

    fn sign(&self, directory: &Path, version: u64) {
        ends(0, &["sign", "--key", path(&self.key), "--version", &version.to_string(), path(directory)]);
    }
}

/// A volume as Kubernetes mounts a ConfigMap: links through `..data`, which is swapped as a whole.
struct Volume {
    root: PathBuf,
    count: std::cell::Cell<u32>,
}

impl Volume {
    fn new(desk: &Desk) -> Self {
        let root = desk.path("policies");
        fs::remove_dir_all(&root).unwrap();
        fs::create_dir(&root).unwrap();
        for name in ["lab.cedar", "policies.sig"] {
            symlink(format!("..data/{name}"), root.join(name)).unwrap();
        }
        Self { root, count: 0.into() }
    }

    /// Shows other files, after `change` was made to them.
    fn publish(&self, policies: &str, change: impl FnOnce(&Path)) {
        self.count.set(self.count.get() + 1);
        let name = format!("..{}", self.count.get());
        let directory = self.root.join(&name);
        fs::create_dir(&directory).unwrap();
        fs::write(directory.join("lab.cedar"), policies).unwrap();
        change(&directory);
        symlink(&name, self.root.join("..data_tmp")).unwrap();
        fs::rename(self.root.join("..data_tmp"), self.root.join("..data")).unwrap();
    }
}

fn configure(desk: &Desk, upstream: &Upstream, keys: &[&str], more: &str) {
    let keys: Vec<String> = keys.iter().map(|key| format!("'{key}'")).collect();
    let more = format!("policy.trusted_keys = [{}]\n{more}", keys.join(", "));
    desk.configure(&format!("url = 'http://{}/mcp'", upstream.address), &more);
}

/// Starts a sidecar whose policies must not be put in force, for this reason: it ends with exit code 3, or is not ready and denies.
async fn not_in_force(desk: &Desk, upstream: &Upstream, reason: &str) {
    let log = desk.path("start.log");
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_cedarpost"));
    command.arg("serve").arg("--config").arg(desk.config()).stdin(Stdio::null()).stdout(Stdio::null());
    let mut process = command.stderr(fs::File::create(&log).unwrap()).kill_on_drop(true).spawn().unwrap();
    let began = Instant::now();
    let said = || fs::read_to_string(&log).unwrap();
    let listening = |face: &str| {
        let told = said();
        let mut lines = told.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let line = lines.find(|line| line["attributes"]["event"] == "listening" && line["attributes"]["face"] == face)?;
        line["attributes"]["address"].as_str()?.parse::<std::net::SocketAddr>().ok()
    };
    while began.elapsed() < DEADLINE {
        if let Some(status) = process.try_wait().unwrap() {
            assert_eq!(status.code(), Some(3), "{}", said());
            assert!(said().contains(reason), "{}", said());
            return;
        }
        if let Some(address) = listening("mcp") {
            let before = upstream.count();
            let allowed = match Mcp::connect(address, Era::Modern).await {
                Ok(mut client) => client.call("1", "echo", json!({"message": "x"})).await.is_ok_and(|reply| reply.is_good()),
                Err(_) => false,
            };
            assert!(!allowed, "{}", said());
            assert!(upstream.seen_since(before).iter().all(|seen| !format!("{seen:?}").contains("tools/call")));
            while !said().contains(reason) {
                assert!(began.elapsed() < DEADLINE, "{}", said());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it neither listens nor ends: {}", said());
}

/// Waits until the newest load was refused for this reason, once more than before.
async fn refused(served: &Served, reason: &str, before: u64) -> String {
    let metric = format!("cedarpost_policy_signature_refusals_total{{reason=\"{reason}\"}}");
    let began = Instant::now();
    while began.elapsed() < DEADLINE {
        let count: u64 = served.metric(&metric).await.and_then(|count| count.parse().ok()).unwrap_or(0);
        let status = served.status().await;
        if count > before && status["policy"]["last_load"]["accepted"] == false {
            assert_eq!(status["policy"]["last_refused"]["problems"], status["policy"]["last_load"]["problems"]);
            return status["policy"]["last_load"]["problems"].to_string();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never refused as {reason}: {:#}\n{}", served.status().await, served.log());
}

/// Waits until this version is in force.
async fn in_force(served: &Served, version: u64) {
    let began = Instant::now();
    loop {
        let status = served.status().await;
        if status["policy"]["signed"]["version"] == version && status["policy"]["last_load"]["accepted"] == true {
            assert_eq!(served.metric("cedarpost_policy_version").await, Some(version.to_string()));
            return;
        }
        assert!(began.elapsed() < DEADLINE, "never: {status:#}\n{}", served.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn allows(client: &mut Mcp, id: &str) -> bool {
    client.call(id, "echo", json!({"message": "x"})).await.unwrap().is_good()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_what_was_signed_is_ever_in_force_and_nothing_older() {
    let upstream = Upstream::start().await;
    let desk = Desk::new(ALLOW);
    let (author, stranger) = (Author::new(&desk, "author.key"), Author::new(&desk, "stranger.key"));
    let volume = Volume::new(&desk);
    configure(&desk, &upstream, &[&author.public], "");

    volume.publish(ALLOW, |_| {});
    not_in_force(&desk, &upstream, "`policies.sig` is missing").await;
    volume.publish(ALLOW, |files| stranger.sign(files, 1));
    not_in_force(&desk, &upstream, "no trusted key has signed").await;

    volume.publish(ALLOW, |files| author.sign(files, 2));
    let served = desk.serve().await;
    let mut client = Mcp::connect(served.mcp, Era::Modern).await.unwrap();
    assert!(allows(&mut client, "signed").await);
    in_force(&served, 2).await;
    let status = served.status().await;
    let id = author.id();
    assert_eq!(status["policy"]["signed"]["keys"], json!([id]));
    let ready = text(&served.get("/readyz?verbose").await.body);
    assert!(ready.contains(&format!("version 2 signed by {id}")), "{ready}");

    type Change<'a> = Box<dyn FnOnce(&Path) + 'a>;
    let cases: Vec<(&str, &str, Change<'_>)> = vec![
        ("unsigned", "is missing", Box::new(|_| {})),
        ("untrusted", "no trusted key has signed", Box::new(|files| stranger.sign(files, 3))),
        (
            "changed",
            "`lab.cedar` is not as it was signed",
            Box::new(|files| {
                author.sign(files, 3);
                fs::write(files.join("lab.cedar"), format!("{DENY}//")).unwrap();
            }),
        ),
        (
            "changed",
            "`more.cedar` was not signed",
            Box::new(|files| {
                author.sign(files, 3);
                fs::write(files.join("more.cedar"), "").unwrap();
            }),
        ),
        (
            "changed",
            "`more.cedar` is missing",
            Box::new(|files| {
                fs::write(files.join("more.cedar"), "").unwrap();
                author.sign(files, 3);
                fs::remove_file(files.join("more.cedar")).unwrap();
            }),
        ),
        (
            "forged",
            "is wrong",
            Box::new(|files| {
                author.sign(files, 3);
                let signature = fs::read_to_string(files.join("policies.sig")).unwrap();
                fs::write(files.join("policies.sig"), signature.replace("version 3", "version 4")).unwrap();
            }),
        ),
        ("malformed", "not a signed note", Box::new(|files| fs::write(files.join("policies.sig"), "nonsense").unwrap())),
        ("older", "version 1 is older than 2", Box::new(|files| author.sign(files, 1))),
        ("reused", "version 2 was already in force with other content", Box::new(|files| author.sign(files, 2))),
    ];
    for (number, (reason, sentence, change)) in cases.into_iter().enumerate() {
        let metric = format!("cedarpost_policy_signature_refusals_total{{reason=\"{reason}\"}}");
        let before = served.metric(&metric).await.and_then(|count| count.parse().ok()).unwrap_or(0);
        volume.publish(DENY, change);
        let told = refused(&served, reason, before).await;
        assert!(told.contains(sentence), "{reason}: {told}");
        assert!(allows(&mut client, &format!("still-{number}")).await, "{reason}: the last good set stays");
        assert_eq!(served.status().await["policy"]["signed"]["version"], 2);
        assert_eq!(served.get("/readyz").await.status, 200);
        until("the log says so", || served.log().contains(sentence)).await;
    }

    volume.publish(DENY, |files| author.sign(files, 5));
    in_force(&served, 5).await;
    assert!(!allows(&mut client, "newer").await);
    // Older content under a higher version is how one goes back.
    volume.publish(ALLOW, |files| author.sign(files, 6));
    in_force(&served, 6).await;
    assert!(allows(&mut client, "back").await);
    served.signal(Signal::TERM);
    assert_eq!(served.end().await.code(), Some(0));

    volume.publish(ALLOW, |files| author.sign(files, 5));
    not_in_force(&desk, &upstream, "version 5 is older than 6").await;
    volume.publish(DENY, |files| author.sign(files, 6));
    not_in_force(&desk, &upstream, "version 6 was already in force with other content").await;
    volume.publish(ALLOW, |files| author.sign(files, 6));
    let served = desk.serve().await;
    in_force(&served, 6).await;
    served.signal(Signal::TERM);
    assert_eq!(served.end().await.code(), Some(0));

    let records = shown(&desk.audit(1)).await;
    let changes = records.iter().filter(|record| record["t"] == "policy" && record["change"] == "accepted");
    let versions: Vec<&Value> = changes.map(|record| &record["bundle"]["version"]).collect();
    assert_eq!(versions, [2, 5, 6, 6], "{records:#?}");
    let verified = Command::new(env!("CARGO_BIN_EXE_cedarpost"))
        .args(["audit", "verify", "--quiet", "--audit-dir"])
        .arg(desk.audit(1))
        .output();
    assert!(verified.unwrap().status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_memory_that_is_damaged_or_gone_is_helped_with_a_lowest_version() {
    let upstream = Upstream::start().await;
    let desk = Desk::new(ALLOW);
    let author = Author::new(&desk, "author.key");
    configure(&desk, &upstream, &[&author.public], "");
    author.sign(&desk.path("policies"), 5);
    let served = desk.serve().await;
    served.signal(Signal::TERM);
    assert_eq!(served.end().await.code(), Some(0));
    let memory = desk.audit(1).join("policies.highest");
    let good = fs::read_to_string(&memory).unwrap();
    assert_eq!(fs::metadata(&memory).unwrap().permissions().mode() & 0o777, 0o600);

    fs::write(&memory, good.replace("version 5", "version 1")).unwrap();
    not_in_force(&desk, &upstream, "is damaged: which version").await;
    fs::remove_file(&memory).unwrap();
    configure(&desk, &upstream, &[&author.public], "policy.minimum_version = 6");
    not_in_force(&desk, &upstream, "version 5 is older than 6, which is the lowest that is allowed").await;
    configure(&desk, &upstream, &[&author.public], "policy.minimum_version = 5");
    let served = desk.serve().await;
    in_force(&served, 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_exchanged_without_a_moment_in_which_nothing_is_trusted() {
    let upstream = Upstream::start().await;
    let desk = Desk::new(ALLOW);
    let [old, new] = ["old.key", "new.key"].map(|file| Author::new(&desk, file));
    let directory = desk.path("policies");
    for (version, trusted, signers) in [
        ("1", vec![&old], vec![&old]),
        ("2", vec![&old, &new], vec![&old, &new]),
        ("3", vec![&new], vec![&old, &new]),
        ("4", vec![&new], vec![&new]),
    ] {
        let keys: Vec<&str> = trusted.iter().map(|author| author.public.as_str()).collect();
        configure(&desk, &upstream, &keys, "");
        let mut words = vec!["sign", "--version", version];
        signers.iter().for_each(|author| words.extend(["--key", path(&author.key)]));
        words.push(path(&directory));
        ends(0, &words);
        let served = desk.serve().await;
        in_force(&served, version.parse().unwrap()).await;
        served.signal(Signal::TERM);
        assert_eq!(served.end().await.code(), Some(0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_grpc_the_version_in_force_is_told_and_why_another_set_was_refused() {
    let upstream = Upstream::start().await;
    let (home, desk) = (Home::new(upstream.address, ALLOW), Desk::new(ALLOW));
    let author = Author::new(&desk, "author.key");
    author.sign(&home.path("policies"), 7);
    let settings = [("CEDARPOST_POLICY_TRUSTED_KEYS", author.public.as_str()), ("CEDARPOST_GRPC_ADDRESS", "127.0.0.1:0")];
    let sidecar = Sidecar::start_with(&home, &settings).await;
    let channel = Endpoint::from_shared(format!("http://{}", sidecar.grpc.unwrap())).unwrap().connect().await.unwrap();
    let asked = PolicyServiceClient::new(channel).watch_policy_status(pb::WatchPolicyStatusRequest {}).await;
    let mut stream = asked.unwrap().into_inner();
    let first = next(&mut stream).await.unwrap().unwrap().status.unwrap();
    let signed = first.signed.clone().unwrap();
    assert_eq!((signed.version, signed.keys.as_slice()), (7, [author.id()].as_slice()));
    assert!(signed.digest.starts_with("sha256:"), "{signed:?}");
    home.write_policies(DENY);
    // The tools of the server may be news, too.
    let refused = loop {
        let status = next(&mut stream).await.unwrap().unwrap().status.unwrap();
        if status.last_refused.is_some() {
            break status;
        }
    };
    assert_eq!(refused.signed, first.signed);
    let finding = &refused.last_refused.unwrap().findings[0];
    assert_eq!((finding.code.as_str(), finding.file.as_str()), ("signature", "lab.cedar"));
    sidecar.stop().await;
}

#[test]
fn authors_make_keys_sign_and_verify() {
    let desk = Desk::new(ALLOW);
    let author = Author::new(&desk, "author.key");
    let (directory, key) = (desk.path("policies"), path(&author.key));
    let directory = path(&directory);
    assert_eq!(fs::metadata(&author.key).unwrap().permissions().mode() & 0o777, 0o600);
    // A key is never overwritten.
    let before = fs::read(&author.key).unwrap();
    ends(1, &["keygen", "--name", "policies.example/lab", "--output", key]);
    assert_eq!(fs::read(&author.key).unwrap(), before);
    ends(1, &["keygen", "--name", "two words", "--output", path(&desk.path("bad.key"))]);

    ends(3, &["verify", "--key", &author.public, directory]);
    let output = policy(&["sign", "--key", key, directory]);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("say --version N"), "{}", text(&output.stderr));
    let signed: Value = serde_json::from_str(&ends(0, &["sign", "--key", key, "--version", "7", "--json", directory])).unwrap();
    assert_eq!((&signed["version"], &signed["files"]), (&json!(7), &json!(1)));
    assert_eq!(fs::metadata(desk.path("policies/policies.sig")).unwrap().permissions().mode() & 0o777, 0o644);

    let verified: Value = serde_json::from_str(&ends(0, &["verify", "--key", &author.public, "--json", directory])).unwrap();
    assert_eq!((&verified["valid"], &verified["version"], &verified["digest"]), (&json!(true), &json!(7), &signed["digest"]));
    let public = desk.path("policies.pub");
    fs::write(&public, format!("# of the lab\n{}\n", author.public)).unwrap();
    assert!(
        ends(0, &["verify", "--key", path(&public), "--minimum-version", "7", directory])
            .starts_with("1 file, version 7, signed by ")
    );
    ends(3, &["verify", "--key", &author.public, "--minimum-version", "8", directory]);
    ends(1, &["verify", "--key", "no-such-file", directory]);
    ends(2, &["verify", directory]);
    ends(2, &["sign", "--key", key, "--version", "0", directory]);
    // Nothing has changed, so it stays the version it is; then it counts on.
    assert!(ends(0, &["sign", "--key", key, directory]).contains("version 7"));
    ends(0, &["check", "--deny-warnings", directory]);

    desk.write_policies(DENY);
    let output = policy(&["check", directory]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stderr).contains("stale-signature"), "{}", text(&output.stderr));
    ends(3, &["check", "--deny-warnings", directory]);
    let refused: Value = serde_json::from_str(&ends(3, &["verify", "--key", &author.public, "--json", directory])).unwrap();
    assert_eq!(
        (&refused["valid"], &refused["reason"], &refused["problems"][0]["file"]),
        (&json!(false), &json!("changed"), &json!("lab.cedar"))
    );
    ends(3, &["sign", "--key", key, "--version", "7", directory]);
    assert!(ends(0, &["sign", "--key", key, directory]).contains("version 8"));
    assert!(!text(&policy(&["check", directory]).stderr).contains("stale-signature"));

    // Keys as OpenSSL writes them have no name.
    let mut der = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    der.extend_from_slice(&[9; 32]);
    let plain = desk.path("plain.pk8");
    fs::write(&plain, der).unwrap();
    ends(1, &["sign", "--key", path(&plain), "--version", "9", directory]);
    assert!(
        ends(0, &["sign", "--key", path(&plain), "--name", "ci.example", "--version", "9", directory])
            .contains("signed by ci.example+")
    );
}

#[test]
fn a_check_with_a_configuration_verifies_as_the_sidecar_would() {
    let desk = Desk::new(ALLOW);
    let author = Author::new(&desk, "author.key");
    desk.configure("url = 'http://127.0.0.1:9/mcp'", &format!("policy.trusted_keys = ['{}']", author.public));
    let config = desk.config();
    let check = ["check", "--config", path(&config), "--format", "json"];
    let document: Value = serde_json::from_str(&ends(3, &check)).unwrap();
    assert_eq!(
        (&document["problems"][0]["code"], &document["problems"][0]["file"]),
        (&json!("signature"), &json!("policies.sig"))
    );
    author.sign(&desk.path("policies"), 1);
    let document: Value = serde_json::from_str(&ends(0, &check)).unwrap();
    let plain: Value = serde_json::from_str(&ends(0, &["check", path(&desk.path("policies")), "--format", "json"])).unwrap();
    assert_eq!(document["valid"], true);
    // With the same settings the fingerprint does not depend on who signed.
    author.sign(&desk.path("policies"), 2);
    let again: Value = serde_json::from_str(&ends(0, &check)).unwrap();
    assert_eq!((&document["fingerprint"], &plain["warnings"]), (&again["fingerprint"], &json!(0)));
}

fn verifiers(key: &str) -> VerifierList {
    VerifierList::new(vec![Box::new(StandardVerifier::new(key).unwrap()) as Box<dyn Verifier>])
}

#[test]
fn another_implementation_verifies_what_is_signed_here_and_signs_what_is_verified_here() {
    let desk = Desk::new(ALLOW);
    let author = Author::new(&desk, "author.key");
    let (directory, signature) = (desk.path("policies"), desk.path("policies/policies.sig"));
    fs::write(desk.path("policies/roles.json"), "[]").unwrap();
    author.sign(&directory, 7);
    let note = Note::from_bytes(&fs::read(&signature).unwrap()).unwrap();
    assert_eq!(note.verify(&verifiers(&author.public)).unwrap().0.len(), 1);
    // The list is one of `sha256sum`.
    let lines: String = text(note.text()).lines().skip(2).map(|line| format!("{line}\n")).collect();
    fs::write(desk.path("sums"), lines).unwrap();
    let checked =
        Command::new("sha256sum").args(["--strict", "-c", path(&desk.path("sums"))]).current_dir(&directory).output().unwrap();
    assert!(checked.status.success(), "{}", text(&checked.stderr));
    assert_eq!(text(&checked.stdout), "lab.cedar: OK\nroles.json: OK\n");

    // Theirs, with our key and with one of theirs, over a list that `sha256sum` made.
    desk.write_policies(DENY);
    let sums = Command::new("sha256sum").args(["lab.cedar", "roles.json"]).current_dir(&directory).output().unwrap();
    let list = format!("cedarpost.dev/policy-bundle/v1\nversion 8\n{}", text(&sums.stdout));
    let key = fs::read_to_string(&author.key).unwrap();
    let signer = StandardSigner::new(key.trim_end()).unwrap();
    let mut theirs = Note::new(list.as_bytes(), &[]).unwrap();
    theirs.add_sigs(&[&signer]).unwrap();
    fs::write(&signature, theirs.to_bytes()).unwrap();
    assert!(ends(0, &["verify", "--key", &author.public, path(&directory)]).starts_with("2 files, version 8, "));
}
