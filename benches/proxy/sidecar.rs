//! The sidecar under measurement: what it serves, and policies of an ordinary number.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Result;

use crate::home::{Home, Texts};

/// The path on which the sidecar serves the measured server.
pub(crate) const PATH: &str = "/bench";

/// Everything that one sidecar in front of `upstream` needs, with its audit log below `disk`.
pub(crate) fn prepare(upstream: SocketAddr, disk: &Path) -> Result<Home> {
    let faces = format!(
        r#"[listen]
address = "127.0.0.1:0"

[admin]
address = "127.0.0.1:0"

[identity]
agent = "assistant"
actor = "alice"
agent_roles = ["bots"]
actor_roles = ["support"]

[[server]]
name = "bench"
url = "http://{upstream}/mcp"
"#
    );
    Home::prepare(&Texts { policies: POLICIES, schema: SCHEMA, entities: ENTITIES }, &faces, disk)
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
