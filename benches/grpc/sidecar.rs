//! The sidecar under measurement: its configuration, and a directory with as many policies as a real one has.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use tempfile::TempDir;
use tokio::process::Command;

/// How many policies there are.
pub(crate) const POLICIES: usize = 100;
/// How many tools.
const TOOLS: usize = 30;

/// A sidecar's files, removed when this is dropped.
pub(crate) struct Home {
    home: TempDir,
    audit: TempDir,
}

impl Home {
    /// Writes everything that a sidecar needs, with its audit log below `disk`.
    pub(crate) fn prepare(disk: &Path) -> Result<Self> {
        let home = tempfile::tempdir().context("failed to make a directory for the sidecar")?;
        let audit = tempfile::tempdir_in(disk).context("failed to make a directory for the audit log")?;
        for (file, text) in [
            ("policies/bench.cedar", policies()),
            ("schema/bench.cedarschema", SCHEMA.to_owned()),
            ("entities/bench.json", entities()),
        ] {
            let path = home.path().join(file);
            fs::create_dir_all(path.parent().unwrap_or(home.path()))?;
            fs::write(&path, text).with_context(|| format!("failed to write `{}`", path.display()))?;
        }
        let config = config(home.path(), audit.path());
        fs::write(home.path().join("cedarpost.toml"), config).context("failed to write the configuration")?;
        Ok(Self { home, audit })
    }

    /// The command that serves it.
    pub(crate) fn command(&self, binary: Option<&Path>) -> Command {
        let mut command = Command::new(binary.unwrap_or_else(|| Path::new(env!("CARGO_BIN_EXE_cedarpost"))));
        command.arg("serve").arg("--config").arg(self.home.path().join("cedarpost.toml"));
        command
    }

    /// How much it has recorded, in bytes.
    pub(crate) fn recorded_bytes(&self) -> Result<u64> {
        let mut bytes = 0;
        let mut directories = vec![self.audit.path().to_owned()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory)? {
                let entry = entry?;
                match entry.file_type()?.is_dir() {
                    true => directories.push(entry.path()),
                    false => bytes += entry.metadata()?.len(),
                }
            }
        }
        Ok(bytes)
    }
}

fn config(home: &Path, audit: &Path) -> String {
    format!(
        r#"[listen]
address = "127.0.0.1:0"

[admin]
address = "off"

[grpc]
address = "127.0.0.1:0"

[identity]
agent = "assistant"
actor = "alice"

[policy]
policies = ["{home}/policies"]
schema = ["{home}/schema"]
entities = ["{home}/entities"]

[audit]
directory = "{audit}"

[log]
format = "json"
level = "info"

[[server]]
name = "bench"
url = "http://127.0.0.1:9/mcp"
"#,
        home = home.display(),
        audit = audit.display(),
    )
}

/// Two that allow what is asked, and the others a mix of what stands beside them: other tools, other roles, forbids that do not hold.
fn policies() -> String {
    let mut text = ALLOWING.to_owned();
    for number in 2..POLICIES {
        let tool = number % TOOLS;
        let _ = match number % 4 {
            0 => writeln!(
                text,
                "@id(\"p{number}\") permit (principal in Mcp::Role::\"team-{tool}\", action in Mcp::Action::\"tools/call\", resource == Mcp::Tool::\"bench/tool-{tool}\");"
            ),
            1 => writeln!(
                text,
                "@id(\"p{number}\") permit (principal in Mcp::Role::\"team-{tool}\", action in Mcp::Action::\"tools/call\", resource) when {{ resource.readOnly }};"
            ),
            2 => writeln!(
                text,
                "@id(\"p{number}\") forbid (principal, action == Mcp::Action::\"bench/echo\", resource) when {{ context.input.amount > {number}000 }};"
            ),
            _ => writeln!(
                text,
                "@id(\"p{number}\") forbid (principal in Mcp::Role::\"interns-{tool}\", action in Mcp::Action::\"tools/call\", resource) unless {{ resource.readOnly }};"
            ),
        };
    }
    text
}

fn entities() -> String {
    let entity = |kind: &str, id: &str, parents: &[&str]| {
        let parents: Vec<_> = parents.iter().map(|role| serde_json::json!({"type": "Mcp::Role", "id": role})).collect();
        serde_json::json!({"uid": {"type": kind, "id": id}, "attrs": {}, "parents": parents})
    };
    let tool = |name: String| serde_json::json!({"uid": {"type": "Mcp::Tool", "id": format!("bench/{name}")}, "attrs": {}, "parents": []});
    let mut all = vec![entity("Mcp::Agent", "assistant", &["bots"]), entity("Mcp::User", "alice", &["support"])];
    all.extend((0..TOOLS).flat_map(|number| {
        [entity("Mcp::Role", &format!("team-{number}"), &[]), entity("Mcp::Role", &format!("interns-{number}"), &[])]
    }));
    all.push(tool("echo".to_owned()));
    all.extend((0..TOOLS).map(|number| tool(format!("tool-{number}"))));
    serde_json::Value::from(all).to_string()
}

const ALLOWING: &str = r#"
@id("bots-may-echo")
permit (principal in Mcp::Role::"bots", action == Mcp::Action::"bench/echo", resource) when { context.input.amount <= 10000 };
@id("support-may-echo")
permit (principal in Mcp::Role::"support", action == Mcp::Action::"bench/echo", resource) when { context.input.amount <= 10000 };
"#;

const SCHEMA: &str = r#"
namespace Mcp {
  action "bench/echo" in ["tools/call"] appliesTo {
    principal: [Agent, User],
    resource: [Tool],
    context: { input: { message: String, amount: Long } },
  };
}
"#;
