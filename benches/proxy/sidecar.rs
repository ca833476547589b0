//! The sidecar under measurement: its command line, its configuration, and a policy directory of ordinary size.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context as _, Result};
use tempfile::TempDir;
use tokio::process::Command;

/// The path on which the sidecar serves the measured server.
pub(crate) const PATH: &str = "/bench";

/// A sidecar's files: configuration, policies and audit log, removed when this is dropped.
pub(crate) struct Sidecar {
    home: TempDir,
    audit: TempDir,
}

impl Sidecar {
    /// Writes everything that one sidecar in front of `upstream` needs, with its audit log below `audit_root`.
    pub(crate) fn prepare(upstream: SocketAddr, audit_root: &Path) -> Result<Self> {
        let home = tempfile::tempdir().context("failed to make a directory for the sidecar")?;
        let audit = tempfile::tempdir_in(audit_root).context("failed to make a directory for the audit log")?;
        for (file, text) in
            [("policies/bench.cedar", POLICIES), ("schema/bench.cedarschema", SCHEMA), ("entities/bench.json", ENTITIES)]
        {
            let path = home.path().join(file);
            fs::create_dir_all(path.parent().unwrap_or(home.path()))?;
            fs::write(&path, text).with_context(|| format!("failed to write `{}`", path.display()))?;
        }
        let config = config(upstream, home.path(), audit.path());
        fs::write(home.path().join("cedarpost.toml"), config).context("failed to write the configuration")?;
        Ok(Self { home, audit })
    }

    /// The command that serves it.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cedarpost"));
        command.arg("serve").arg("--config").arg(self.home.path().join("cedarpost.toml"));
        command
    }

    /// How much it has recorded, in bytes: a benchmark of a sidecar that records nothing would be worthless.
    pub(crate) fn recorded_bytes(&self) -> Result<u64> {
        let mut bytes = 0;
        let mut directories = vec![self.audit.path().to_owned()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    directories.push(entry.path());
                } else {
                    bytes += entry.metadata()?.len();
                }
            }
        }
        Ok(bytes)
    }
}

fn config(upstream: SocketAddr, home: &Path, audit: &Path) -> String {
    format!(
        r#"[listen]
address = "127.0.0.1:0"

[admin]
address = "127.0.0.1:0"

[identity]
agent = "assistant"
actor = "alice"
agent_roles = ["bots"]
actor_roles = ["support"]

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
url = "http://{upstream}/mcp"
"#,
        home = home.display(),
        audit = audit.display(),
    )
}

const POLICIES: &str = r#"
@id("bots-may-echo")
permit (principal in Mcp::Role::"bots", action == Mcp::Action::"bench/echo", resource) when { context.input.amount <= 10000 };

@id("support-may-echo")
permit (principal in Mcp::Role::"support", action == Mcp::Action::"bench/echo", resource) when { context.input.amount <= 10000 };

@id("support-reads")
permit (principal in Mcp::Role::"support", action in Mcp::Action::"tools/call", resource) when { resource.readOnly };

@id("admins-may-all")
permit (principal in Mcp::Role::"admins", action, resource);

@id("support-prompts")
permit (principal in Mcp::Role::"support", action == Mcp::Action::"prompts/get", resource);

@id("support-resources")
permit (principal in Mcp::Role::"support", action == Mcp::Action::"resources/read", resource);

@id("no-shouting")
forbid (principal, action == Mcp::Action::"bench/echo", resource) when { context.input.message like "*!!!*" };

@id("no-negative-amounts")
forbid (principal, action == Mcp::Action::"bench/echo", resource) when { context.input.amount < 0 };

@id("nothing-destructive")
forbid (principal in Mcp::Role::"bots", action in Mcp::Action::"tools/call", resource) when { resource.destructive };

@id("interns-look-only")
forbid (principal in Mcp::Role::"interns", action in Mcp::Action::"tools/call", resource) unless { resource.readOnly };
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

const ENTITIES: &str = r#"[
  { "uid": { "type": "Mcp::Role", "id": "admins" }, "attrs": {}, "parents": [] },
  { "uid": { "type": "Mcp::Role", "id": "interns" }, "attrs": {}, "parents": [] }
]
"#;
