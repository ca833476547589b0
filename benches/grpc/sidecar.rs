//! The sidecar under measurement: what it serves, and as many policies as a real one has.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;

use crate::home::{Home, Texts};

/// How many policies there are.
pub(crate) const POLICIES: usize = 100;
/// How many tools.
const TOOLS: usize = 30;

const FACES: &str = r#"[listen]
address = "127.0.0.1:0"

[admin]
address = "off"

[grpc]
address = "127.0.0.1:0"

[identity]
agent = "assistant"
actor = "alice"

[[server]]
name = "bench"
url = "http://127.0.0.1:9/mcp"
"#;

/// Everything that the sidecar needs, with its audit log below `disk`.
pub(crate) fn prepare(disk: &Path) -> Result<Home> {
    Home::prepare(&Texts { policies: &policies(), schema: SCHEMA, entities: &entities() }, FACES, disk)
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
