//! The binary under test: a home with everything it reads and writes, and the running process.

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method};
use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

use super::Connection;

/// The path on which the sidecar serves the server of these tests.
pub(crate) const PATH: &str = "/lab";

const DEADLINE: Duration = Duration::from_secs(30);

/// Configuration, policies and audit log. Outlives the processes that use it, as a disk does.
pub(crate) struct Home(TempDir);

impl Home {
    /// A home for a sidecar in front of `upstream` that permits what `policies` permit to everybody.
    pub(crate) fn new(upstream: SocketAddr, policies: &str) -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        fs::create_dir(home.0.path().join("policies")).unwrap();
        fs::write(home.0.path().join("policies/lab.cedar"), policies).unwrap();
        let config = format!(
            r#"
            [listen]
            address = "127.0.0.1:0"
            [admin]
            address = "127.0.0.1:0"
            [limits]
            max_message = "64KiB"
            max_depth = 64
            [identity]
            agent = "assistant"
            actor = "alice"
            [policy]
            policies = ["{root}/policies"]
            [audit]
            directory = "{root}/audit"
            [log]
            format = "json"
            level = "info"
            [[server]]
            name = "lab"
            url = "http://{upstream}/mcp"
            "#,
            root = home.0.path().display(),
        );
        fs::write(home.config(), config).unwrap();
        home
    }

    /// Identifies callers in another way than by saying who they all are, in TOML.
    pub(crate) fn with_identity(self, section: &str) -> Self {
        let config = fs::read_to_string(self.config()).unwrap();
        let (before, rest) = config.split_once("[identity]").unwrap();
        let (_, after) = rest.split_once("[policy]").unwrap();
        fs::write(self.config(), format!("{before}[identity]\n{section}\n[policy]{after}")).unwrap();
        self
    }

    /// Says where it listens, in TOML: the sections `listen` and `admin`.
    pub(crate) fn with_listeners(self, sections: &str) -> Self {
        let config = fs::read_to_string(self.config()).unwrap();
        let (before, rest) = config.split_once("[listen]").unwrap();
        let (_, after) = rest.split_once("[limits]").unwrap();
        fs::write(self.config(), format!("{before}{sections}\n[limits]{after}")).unwrap();
        self
    }

    /// A file in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Says more about the server, in TOML.
    pub(crate) fn with_server(self, keys: &str) -> Self {
        let config = fs::read_to_string(self.config()).unwrap();
        fs::write(self.config(), config + keys).unwrap();
        self
    }

    /// Replaces the policies while the sidecar runs.
    pub(crate) fn write_policies(&self, policies: &str) {
        fs::write(self.0.path().join("policies/lab.cedar"), policies).unwrap();
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.0.path().join("cedarpost.toml")
    }

    pub(crate) fn audit(&self) -> PathBuf {
        self.0.path().join("audit")
    }
}

/// A running `cedarpost serve`. Dropping it kills it.
pub(crate) struct Sidecar {
    process: Child,
    pub(crate) address: SocketAddr,
    pub(crate) admin: Option<SocketAddr>,
    pub(crate) grpc: Option<SocketAddr>,
    pub(crate) authzen: Option<SocketAddr>,
    pub(crate) console: Option<SocketAddr>,
    log: Arc<Mutex<String>>,
}

impl Sidecar {
    /// Starts the binary and waits until its log says where it serves MCP.
    pub(crate) async fn start(home: &Home) -> Self {
        Self::start_with(home, &[]).await
    }

    /// The same with settings from the environment, which count for more than those of the file.
    pub(crate) async fn start_with(home: &Home, settings: &[(&str, &str)]) -> Self {
        Self::start_saying(home, settings, &[]).await
    }

    /// The same with more words on its command line.
    pub(crate) async fn start_saying(home: &Home, settings: &[(&str, &str)], words: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_cedarpost"))
            .envs(settings.iter().copied())
            .arg("serve")
            .arg("--config")
            .arg(home.config())
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut faces = tokio::time::timeout(DEADLINE, listening(&mut log)).await.expect("the sidecar says where it listens");
        // A pipe that nobody reads would stop the sidecar.
        let said = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&said);
        tokio::spawn(async move {
            while let Ok(Some(line)) = log.next_line().await {
                kept.lock().push_str(&(line + "\n"));
            }
        });
        // A socket is no TCP address; whoever made one knows where it is.
        let address = faces.remove("mcp").unwrap_or(SocketAddr::from(([0, 0, 0, 0], 0)));
        let [admin, grpc, authzen, console] = ["admin", "grpc", "authzen", "console"].map(|face| faces.remove(face));
        Self { process, address, admin, grpc, authzen, console, log: said }
    }

    /// What it has logged since it began to listen.
    pub(crate) fn log(&self) -> String {
        self.log.lock().clone()
    }

    /// The value of a metric with these labels; 0 while there is none.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let headers = HeaderMap::from_iter([(http::header::HOST, "localhost".parse().unwrap())]);
        let mut connection = Connection::open(self.admin.unwrap()).await.unwrap();
        let metrics = connection.send(Method::GET, "/metrics", &headers, b"").await.unwrap();
        let text = String::from_utf8(metrics.body.to_vec()).unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
        value.unwrap_or(0)
    }

    /// Its resident memory, in KiB.
    pub(crate) fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id().unwrap())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// SIGKILL: no handler runs, no buffer is flushed.
    pub(crate) async fn kill(mut self) {
        self.process.kill().await.unwrap();
    }

    /// SIGTERM, and waits for the orderly end.
    pub(crate) async fn stop(mut self) {
        let pid = Pid::from_raw(i32::try_from(self.process.id().unwrap()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        let status = tokio::time::timeout(DEADLINE, self.process.wait()).await.expect("the sidecar stops in time").unwrap();
        assert!(status.success(), "an orderly stop ends with {status}");
    }
}

/// Runs a command of the binary to its end.
pub(crate) async fn cedarpost(arguments: &[&str]) -> Output {
    let run = Command::new(env!("CARGO_BIN_EXE_cedarpost")).args(arguments).stdin(Stdio::null()).output();
    tokio::time::timeout(DEADLINE, run).await.expect("the command ends in time").unwrap()
}

/// Reads the log up to the line that tells where MCP is served, and where the other faces are, which say so before.
async fn listening(log: &mut Lines<BufReader<ChildStderr>>) -> HashMap<String, SocketAddr> {
    let (mut said, mut faces) = (Vec::new(), HashMap::new());
    while let Some(line) = log.next_line().await.unwrap() {
        let parsed: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        let attributes = &parsed["attributes"];
        if attributes["event"] == "listening" {
            let face = attributes["face"].as_str().unwrap();
            if let Ok(address) = attributes["address"].as_str().unwrap().parse() {
                faces.insert(face.to_owned(), address);
            }
            if face == "mcp" {
                return faces;
            }
        }
        said.push(line);
    }
    panic!("the sidecar ended before it listened, and said:\n{}", said.join("\n"));
}
