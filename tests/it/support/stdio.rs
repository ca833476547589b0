//! `cedarpost stdio` as a client spawns it, and the shell script that stands behind it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::LEGACY;

/// The script; it takes the file that it notes what it gets in as its argument.
pub(crate) const SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/support/server.sh");

const DEADLINE: Duration = Duration::from_secs(20);

/// What several `stdio` processes share: policies, the place of the log, and what their servers have seen.
pub(crate) struct Desk(TempDir);

impl Desk {
    pub(crate) fn new(policies: &str) -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        fs::create_dir(desk.path("policies")).unwrap();
        desk.write_policies(policies);
        desk
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write_policies(&self, policies: &str) {
        fs::write(self.path("policies/lab.cedar"), policies).unwrap();
    }

    /// What the servers got, line by line.
    pub(crate) fn seen(&self) -> String {
        fs::read_to_string(self.path("seen")).unwrap_or_default()
    }

    /// Runs the shell script behind the sidecar.
    pub(crate) fn spawn(&self) -> Talk {
        let seen = self.path("seen");
        self.spawn_server(&["sh", SERVER, seen.to_str().unwrap()])
    }

    /// Runs this command behind the sidecar.
    pub(crate) fn spawn_server(&self, server: &[&str]) -> Talk {
        self.spawn_with(&[&["--"], server].concat())
    }

    /// Runs the sidecar with these further arguments.
    pub(crate) fn spawn_with(&self, arguments: &[&str]) -> Talk {
        let (policies, audit) = (self.path("policies"), self.path("audit"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_cedarpost"));
        command.args(["stdio", "--name", "lab", "--agent", "assistant", "--actor", "alice", "--log-format", "json"]);
        command.arg("--policies").arg(policies).arg("--audit-dir").arg(audit).args(arguments);
        Talk::start(command)
    }

    pub(crate) fn audit(&self, number: u32) -> PathBuf {
        self.path(&if number == 1 { "audit".to_owned() } else { format!("audit.{number}") })
    }
}

/// A client's talk with a sidecar.
pub(crate) struct Talk {
    process: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
    log: Arc<Mutex<String>>,
}

impl Talk {
    fn start(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().unwrap();
        let input = process.stdin.take();
        let output = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let log = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&log);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                kept.lock().push_str(&(line + "\n"));
            }
        });
        Self { process, input, output, log }
    }

    /// Where what is written to standard error is kept, also when the talk is over.
    pub(crate) fn shared_log(&self) -> &Arc<Mutex<String>> {
        &self.log
    }

    /// Writes to a sidecar that may have stopped reading.
    pub(crate) async fn try_write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.input.as_mut().unwrap().write_all(bytes).await
    }

    /// What the sidecar and the server wrote to standard error.
    pub(crate) fn log(&self) -> String {
        self.log.lock().clone()
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.input.as_mut().unwrap().write_all(bytes).await.unwrap();
    }

    pub(crate) async fn say(&mut self, message: &Value) {
        self.write(format!("{message}\n").as_bytes()).await;
    }

    /// The next line of standard output, which must be a message.
    pub(crate) async fn hear(&mut self) -> Value {
        let line = self.hear_line().await;
        let message: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("not a message: {line:?}"));
        assert_eq!(message["jsonrpc"], "2.0", "not MCP: {line}");
        message
    }

    /// The next line of standard output, as it is.
    pub(crate) async fn hear_line(&mut self) -> String {
        let line = tokio::time::timeout(DEADLINE, self.output.next_line()).await.unwrap_or_else(|_| panic!("{}", self.log()));
        line.unwrap().unwrap_or_else(|| panic!("standard output ended: {}", self.log()))
    }

    /// Sends a request and returns the message that answers it; what comes before is dropped.
    pub(crate) async fn ask(&mut self, id: &str, method: &str, params: Value) -> Value {
        self.say(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})).await;
        loop {
            let message = self.hear().await;
            if message["id"] == id && message["method"].is_null() {
                return message;
            }
        }
    }

    pub(crate) async fn call(&mut self, id: &str, tool: &str) -> Value {
        self.ask(id, "tools/call", json!({"name": tool, "arguments": {}})).await
    }

    /// Shakes hands as a client of the stateful era.
    pub(crate) async fn greet(&mut self) {
        let hello = json!({"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "lab", "version": "1"}});
        let welcome = self.ask("hello", "initialize", hello).await;
        assert!(welcome["result"].is_object(), "{welcome}");
        self.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.process.id().unwrap()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Closes standard input and waits for the end.
    pub(crate) async fn close(mut self) -> (ExitStatus, String) {
        drop(self.input.take());
        self.end().await
    }

    /// Waits for the end: how it went, and what was left on standard output.
    pub(crate) async fn end(mut self) -> (ExitStatus, String) {
        let mut rest = String::new();
        while let Ok(Some(line)) = tokio::time::timeout(DEADLINE, self.output.next_line()).await.expect("it ends in time") {
            rest.push_str(&(line + "\n"));
        }
        let status = tokio::time::timeout(DEADLINE, self.process.wait()).await.expect("it ends in time").unwrap();
        (status, rest)
    }
}

/// Waits until `holds`, looking often.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let late = tokio::time::Instant::now() + DEADLINE;
    while !holds() {
        assert!(tokio::time::Instant::now() < late, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The lines that `audit show --json` prints.
pub(crate) async fn shown(directory: &Path) -> Vec<Value> {
    let output =
        super::cedarpost(&["audit", "show", "--json", "--limit", "1000", "--audit-dir", directory.to_str().unwrap()]).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
