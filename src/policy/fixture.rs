//! A small world for tests: a shop with a few tools, two roles, and files given as text.

use std::sync::Arc;

use bytes::Bytes;

use super::load::{PolicyFiles, SourceFile};
use super::{Catalog, DeclaredPrincipal, LoadError, PolicySnapshot, PrincipalKind, Request, Settings};
use crate::domain::{
    Action, Actor, AgentId, Annotations, Arguments, Call, Caller, Cause, Decision, ServerName, Source, Target, Timestamp,
    ToolDefinition, Transport, UserId,
};

/// A typed action for the shop's refund tool, as an author writes it.
pub(super) const REFUND: &str = r#"namespace Mcp {
  action "shop/refund" in ["tools/call"] appliesTo {
    principal: [Agent, User], resource: [Tool],
    context: { input: { order: String, amount: Long, note?: String } }
  };
}"#;

/// 2026-03-02 is a Monday; 10:30 UTC.
pub(super) const MONDAY: i64 = 1_772_447_400_000_000;

/// Files as text, and what is asked.
pub(super) struct World {
    pub(super) settings: Settings,
    pub(super) policies: Vec<(&'static str, String)>,
    pub(super) schema: Vec<(&'static str, String)>,
    pub(super) entities: Vec<(&'static str, String)>,
    pub(super) lock: Option<String>,
    pub(super) links: Vec<(&'static str, String)>,
    pub(super) catalog: Catalog,
    pub(super) attended: bool,
    pub(super) now: i64,
}

impl World {
    pub(super) fn new(policies: impl Into<String>) -> Self {
        let principal = |kind, id: &str, role: &str| DeclaredPrincipal { kind, id: id.to_owned(), roles: vec![role.to_owned()] };
        let mut settings = Settings::new(vec![]);
        settings.principals = vec![
            principal(PrincipalKind::Agent, "helper", "assistant"),
            principal(PrincipalKind::User, "alice", "support"),
            principal(PrincipalKind::User, "olga", "owner"),
        ];
        settings.servers = vec![shop()];
        let mut catalog = Catalog::default();
        let read_only = Annotations { read_only: true, destructive: false, idempotent: true, open_world: false };
        let tools = [("search", read_only), ("refund", Annotations::default()), ("delete", Annotations::default())];
        catalog.learn(&shop(), true, tools.map(|(name, annotations)| tool(name, annotations)));
        Self {
            settings,
            policies: vec![("p.cedar", policies.into())],
            schema: vec![],
            entities: vec![],
            lock: None,
            links: vec![],
            catalog,
            attended: true,
            now: MONDAY,
        }
    }

    pub(super) fn schema(mut self, text: impl Into<String>) -> Self {
        self.schema.push(("s.cedarschema", text.into()));
        self
    }

    pub(super) fn entities(mut self, text: impl Into<String>) -> Self {
        self.entities.push(("e.json", text.into()));
        self
    }

    /// A server lists a tool with the JSON Schema of its arguments, and with what is claimed where nothing is said.
    pub(super) fn lists(mut self, server: &str, name: &str, input_schema: &str) -> Self {
        let server = ServerName::new(server).unwrap();
        if !self.settings.servers.contains(&server) {
            self.settings.servers.push(server.clone());
        }
        self.catalog.learn(&server, false, [typed_tool(name, input_schema)]);
        self
    }

    /// What the servers list now has been reviewed.
    pub(super) fn locked(mut self) -> Self {
        self.lock = Some(super::Lock::of(&self.catalog).unwrap().to_json());
        self
    }

    /// A configured server of which nothing is known yet.
    pub(super) fn silent(mut self, server: &str) -> Self {
        self.settings.servers.push(ServerName::new(server).unwrap());
        self
    }

    pub(super) fn unattended(mut self) -> Self {
        self.attended = false;
        self
    }

    pub(super) fn files(&self) -> PolicyFiles {
        let files = |texts: &[(&'static str, String)]| {
            texts.iter().map(|(name, text)| SourceFile { name: (*name).into(), text: text.as_str().into() }).collect::<Vec<_>>()
        };
        PolicyFiles {
            policies: files(&self.policies),
            schema: files(&self.schema),
            entities: files(&self.entities),
            lock: self.lock.as_ref().map(|text| SourceFile { name: "catalog.lock.json".into(), text: text.as_str().into() }),
            links: files(&self.links),
            digest: [7; 32],
            signed: None,
            evidence: None,
        }
    }

    pub(super) fn load(&self) -> Result<PolicySnapshot, LoadError> {
        PolicySnapshot::build(&self.settings, &self.files(), &self.catalog)
    }

    pub(super) fn snapshot(&self) -> PolicySnapshot {
        self.load().unwrap_or_else(|error| panic!("{error}"))
    }

    pub(super) fn caller(&self) -> Caller {
        let actor = if self.attended { Actor::Person(UserId::new("alice")) } else { Actor::Unattended };
        Caller::new(AgentId::new("helper"), actor)
    }

    /// The decision about a call of a tool of the shop.
    pub(super) fn call(&self, name: &str, arguments: &str) -> Decision {
        self.decide(Action::ToolsCall, Target::Tool(name.into()), arguments)
    }

    pub(super) fn decide(&self, action: Action, target: Target, arguments: &str) -> Decision {
        self.decide_by(&self.snapshot(), shop(), action, target, arguments)
    }

    /// The decision of a snapshot about something at the shop.
    pub(super) fn decide_with(&self, snapshot: &PolicySnapshot, action: Action, target: Target, arguments: &str) -> Decision {
        self.decide_by(snapshot, shop(), action, target, arguments)
    }

    /// The decision of a snapshot about a call of `server/tool`, as a line.
    pub(super) fn line_by(&self, snapshot: &PolicySnapshot, tool: &str, arguments: &str) -> String {
        let (server, name) = tool.split_once('/').unwrap();
        let server = ServerName::new(server).unwrap();
        line(&self.decide_by(snapshot, server, Action::ToolsCall, Target::Tool(name.into()), arguments))
    }

    fn decide_by(
        &self,
        snapshot: &PolicySnapshot,
        server: ServerName,
        action: Action,
        target: Target,
        arguments: &str,
    ) -> Decision {
        let arguments = Arguments::from_checked_json(Bytes::copy_from_slice(arguments.as_bytes()));
        let call = Call { server, action, target, arguments, source: source(), request: None, trace: None };
        let request = Request { caller: &self.caller(), call: &call, now: Timestamp::from_micros(self.now), approval: None };
        snapshot.decide(&request)
    }

    pub(super) fn visible(&self, name: &str) -> bool {
        self.shows(&self.snapshot(), &format!("shop/{name}"))
    }

    /// Whether a snapshot shows `server/tool` in a list.
    pub(super) fn shows(&self, snapshot: &PolicySnapshot, tool: &str) -> bool {
        let (server, name) = tool.split_once('/').unwrap();
        let (server, now) = (ServerName::new(server).unwrap(), Timestamp::from_micros(self.now));
        snapshot.possible(&self.caller(), &server, Action::ToolsCall, &Target::Tool(name.into()), &source(), now)
    }
}

/// A small generator of random numbers (xorshift): the same in every run.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// A single policy from its text.
pub(super) fn policy(text: &str) -> cedar_policy::Policy {
    cedar_policy::Policy::parse(None, text).unwrap()
}

pub(super) fn shop() -> ServerName {
    ServerName::new("shop").unwrap()
}

pub(super) fn source() -> Source {
    Source { transport: Transport::Http, ip: Some([10, 1, 2, 3].into()), session: Some("s-1".into()) }
}

pub(super) fn tool(name: &str, annotations: Annotations) -> ToolDefinition {
    let name: Arc<str> = name.into();
    let definition = serde_json::json!({ "name": name, "inputSchema": { "type": "object" } }).to_string().into();
    ToolDefinition { definition, name, annotations, input_schema: None }
}

/// A tool with the JSON Schema of its arguments.
pub(super) fn typed_tool(name: &str, input_schema: &str) -> ToolDefinition {
    let definition =
        serde_json::json!({ "name": name, "inputSchema": serde_json::from_str::<serde_json::Value>(input_schema).unwrap() });
    ToolDefinition {
        definition: definition.to_string().into_bytes().into(),
        input_schema: Some(Bytes::copy_from_slice(input_schema.as_bytes())),
        ..tool(name, Annotations::default())
    }
}

/// A decision as a line: the word, the cause, and the policies and failures of the judgement that decided.
pub(super) fn line(decision: &Decision) -> String {
    let Some(judgement) = decision.grounds().deciding() else { return "nobody judged".to_owned() };
    let ids = |ids: Vec<&str>| if ids.is_empty() { String::new() } else { format!(" [{}]", ids.join(" ")) };
    let policies = ids(judgement.policies.iter().map(|policy| &*policy.id).collect());
    let faults = ids(judgement.faults.iter().map(|fault| &*fault.policy.id).collect());
    let detail = match &judgement.cause {
        Cause::NotRepresentable(why) | Cause::InvalidRequest(why) => format!(" {why}"),
        _ => String::new(),
    };
    let faults = if faults.is_empty() { faults } else { format!(" failed{faults}") };
    format!("{}: {} {}{policies}{faults}{detail}", decision.name(), judgement.principal.name(), judgement.cause.name())
}
