//! Sub-processes: start one, learn its address, read what it costs, and never leave one behind.
//!
//! Every process that is measured says on stderr where it listens, as one JSON line: `{"event":"listening","address":"…"}`, the
//! form the sidecar's own log has. Costs come from `/proc`, so figures for CPU and memory exist on Linux only.

use std::fs;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{ChildStderr, Command};

/// How long a process may take to say where it listens.
const START_DEADLINE: Duration = Duration::from_secs(20);

/// The unit of process times: Linux shows hundredths of a second to programs, whatever its own clock does.
const TICK: Duration = Duration::from_millis(10);

/// A running process. Dropping it kills it.
pub(crate) struct Child {
    process: tokio::process::Child,
    address: SocketAddr,
}

/// Resident memory in MiB.
pub(crate) struct Memory {
    pub(crate) now: f64,
    pub(crate) peak: f64,
}

impl Child {
    /// Starts the command and waits until it says where it serves MCP.
    pub(crate) async fn start(mut command: Command) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().with_context(|| format!("failed to start {command:?}"))?;
        let stderr = process.stderr.take().context("the child has no stderr")?;
        let mut lines = BufReader::new(stderr).lines();
        let address = tokio::time::timeout(START_DEADLINE, listening(&mut lines))
            .await
            .context("the child did not say where it listens")?
            .with_context(|| format!("{command:?} did not start"))?;
        // A pipe that nobody reads stops its writer.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { process, address })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// CPU time that the process has used, in user space and kernel, by living and by ended threads.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let stat = fs::read_to_string(self.proc("stat")?).context("failed to read the process times")?;
        // The second field is the program's name in brackets, which may contain anything; utime and stime are fields 14 and 15.
        let (_, fields) = stat.rsplit_once(") ").context("the process times have no name")?;
        let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
        Ok(TICK * u32::try_from(ticks)?)
    }

    pub(crate) fn memory(&self) -> Result<Memory> {
        let status = fs::read_to_string(self.proc("status")?).context("failed to read the process status")?;
        Ok(Memory { now: mebibytes(&status, "VmRSS:")?, peak: mebibytes(&status, "VmHWM:")? })
    }

    /// Kills the process and waits until it is gone.
    pub(crate) async fn stop(mut self) -> Result<()> {
        self.process.kill().await.context("failed to stop a child")
    }

    fn proc(&self, leaf: &str) -> Result<String> {
        let pid = self.process.id().context("the child has ended")?;
        Ok(format!("/proc/{pid}/{leaf}"))
    }
}

async fn listening(lines: &mut Lines<BufReader<ChildStderr>>) -> Result<SocketAddr> {
    let mut said = Vec::new();
    while let Some(line) = lines.next_line().await? {
        if let Some(address) = mcp_address(&line) {
            return address.parse().with_context(|| format!("`{address}` is no address"));
        }
        said.push(line);
    }
    bail!("it ended and said:\n{}", said.join("\n"))
}

/// The address in a log line that tells where MCP is served. The admin listener, which says so too, is not it.
fn mcp_address(line: &str) -> Option<String> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    // The sidecar logs in the words of OpenTelemetry; the other processes of the benchmark say it plainly.
    let fields = line.get("attributes").unwrap_or(&line);
    let text = |key: &str| fields.get(key).and_then(serde_json::Value::as_str);
    (text("event") == Some("listening") && text("face") != Some("admin")).then(|| text("address").map(str::to_owned))?
}

fn mebibytes(status: &str, key: &str) -> Result<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key)).with_context(|| format!("no {key} in the status"))?;
    let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kibibytes / 1024.0)
}
