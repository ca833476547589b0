//! `cedarpost serve` with everything an operator has: its log, its admin face, its signals.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method};
use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::{Connection, Desk, Reply, SERVER, until};

const DEADLINE: Duration = Duration::from_secs(30);

/// A running sidecar. Dropping it kills it.
pub(crate) struct Served {
    process: Child,
    log: Arc<Mutex<String>>,
    pub(crate) mcp: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl Desk {
    pub(crate) fn config(&self) -> PathBuf {
        self.path("cedarpost.toml")
    }

    /// Writes the configuration of `serve`: `server` says where the server is, `more` what else there is to say.
    pub(crate) fn configure(&self, server: &str, more: &str) {
        let root = self.path("");
        let config = format!(
            "listen.address = '127.0.0.1:0'\nadmin.address = '127.0.0.1:0'\nidentity = {{ agent = 'assistant', actor = 'alice' }}\n\
             policy.policies = ['{root}policies']\nlog.format = 'json'\naudit.directory = '{root}audit'\n{more}\n\
             [[server]]\nname = 'lab'\n{server}\n",
            root = root.display(),
        );
        fs::write(self.config(), config).unwrap();
    }

    /// Writes the configuration of `serve` in front of the shell script.
    pub(crate) fn configure_child(&self, more: &str) {
        let seen = self.path("seen");
        self.configure(&format!("command = ['sh', '{SERVER}', '{}']", seen.display()), more);
    }

    pub(crate) async fn serve(&self) -> Served {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cedarpost"));
        command.arg("serve").arg("--config").arg(self.config());
        Served::start(command).await
    }
}

impl Served {
    pub(crate) async fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let log = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&log);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                kept.lock().push_str(&(line + "\n"));
            }
        });
        until("it listens", || listening(&log.lock(), "mcp").is_some()).await;
        let [mcp, admin] = ["mcp", "admin"].map(|face| listening(&log.lock(), face));
        Self { process, log, mcp: mcp.unwrap(), admin: admin.unwrap() }
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().clone()
    }

    /// Where another face listens.
    pub(crate) fn face(&self, name: &str) -> SocketAddr {
        listening(&self.log(), name).unwrap_or_else(|| panic!("no face {name}: {}", self.log()))
    }

    /// What the admin face answers.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        let headers = HeaderMap::from_iter([(http::header::HOST, "localhost".parse().unwrap())]);
        Connection::open(self.admin).await.unwrap().send(Method::GET, path, &headers, b"").await.unwrap()
    }

    pub(crate) async fn status(&self) -> Value {
        self.get("/status").await.json()
    }

    /// The value of a metric with these labels, as it is printed.
    pub(crate) async fn metric(&self, name: &str) -> Option<String> {
        let text = String::from_utf8(self.get("/metrics").await.body.to_vec()).unwrap();
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned))
    }

    /// Where a face listens, once it has said so.
    pub(crate) fn listening(&self, face: &str) -> Option<SocketAddr> {
        listening(&self.log.lock(), face)
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.process.id().unwrap()).unwrap()).unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    pub(crate) async fn end(mut self) -> ExitStatus {
        tokio::time::timeout(DEADLINE, self.process.wait()).await.expect("it ends in time").unwrap()
    }
}

fn listening(log: &str, face: &str) -> Option<SocketAddr> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut said = lines.filter(|line| line["attributes"]["event"] == "listening" && line["attributes"]["face"] == face);
    said.find_map(|line| line["attributes"]["address"].as_str()?.parse().ok())
}
