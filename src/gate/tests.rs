//! The gate over real rooms: a log on disk and policies from files.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use prometheus_client::registry::Registry;
use tempfile::TempDir;

use super::fixture::tickets;
use super::{AdoptError, Answer, ApprovalSettings, Books, Doubt, Gate, Metrics, Outcome};
use crate::approval::Limits;
use crate::audit::{self, AuditReader, StoredRecord};
use crate::clock::Clock;
use crate::domain::{
    Action, Actor, AgentId, Annotations, Arguments, Call, Caller, ServerName, Source, Target, ToolDefinition, Transport, UserId,
};
use crate::policy::{self, DeclaredPrincipal, PrincipalKind};

#[path = "check_tests.rs"]
mod check;
#[path = "content_tests.rs"]
mod content;
#[path = "rule_tests.rs"]
mod rule;
#[path = "unidentified_tests.rs"]
mod unidentified;

const PERMIT_READS: &str = r#"
@id("reads") permit (principal, action in Mcp::Action::"tools/call", resource) when { resource.readOnly };
@id("no-drop") @reason("Dropping is for people.") forbid (principal, action, resource == Mcp::Tool::"shop/drop");
@id("approved") permit (principal, action, resource == Mcp::Tool::"shop/pay") when { context has approval };
"#;

/// A gate with everything behind it, and the folder it lives in.
struct House {
    home: TempDir,
    gate: Gate,
    reader: AuditReader,
    settings: policy::Settings,
    registry: Registry,
    clock: Clock,
}

impl House {
    async fn open(policies: &str, low_water: u64) -> Self {
        Self::with(policies, low_water, |settings| settings).await
    }

    async fn with(policies: &str, low_water: u64, more: impl FnOnce(policy::Settings) -> policy::Settings) -> Self {
        Self::keeping(policies, low_water, more, audit::DetailSettings::default()).await
    }

    async fn keeping(
        policies: &str,
        low_water: u64,
        more: impl FnOnce(policy::Settings) -> policy::Settings,
        detail: audit::DetailSettings,
    ) -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("policies")).unwrap();
        write(home.path(), policies);
        let principal = |kind, id: &str| DeclaredPrincipal { kind, id: id.to_owned(), roles: Vec::new() };
        let settings = policy::Settings {
            principals: vec![principal(PrincipalKind::Agent, "bot"), principal(PrincipalKind::User, "ann")],
            servers: vec![server()],
            ..policy::Settings::new(vec![home.path().join("policies")])
        };
        let settings = more(settings);
        let mut registry = Registry::default();
        let log = audit::Settings { low_water, ..audit::Settings::new(home.path().join("audit")) };
        let (writer, reader) = audit::open(&log, &Clock::System, &mut registry).unwrap();
        let files = policy::read(&settings);
        let metrics = (Metrics::new(&mut registry), policy::Metrics::new(&mut registry));
        let detail = audit::Detail::new(&detail);
        let tickets = tickets(home.path(), Limits { waiting: 100, waiting_per_caller: 10 });
        let books = Books { audit: writer, detail, tickets, approvals: ApprovalSettings::default() };
        let clock = Clock::manual(Clock::System.now());
        let gate = Gate::open(settings.clone(), files, books, clock.clone(), metrics.0, metrics.1).await.unwrap().0;
        for (name, read_only) in [("look", true), ("drop", false), ("pay", false), ("move", false)] {
            gate.learn(&server(), false, vec![tool(name, read_only)]).await;
        }
        Self { home, gate, reader, settings, registry, clock }
    }

    /// The records of these kinds, as JSON, once `count` of them are there.
    async fn records(&self, kind: &str, count: usize) -> Vec<serde_json::Value> {
        for _ in 0..200 {
            let all = self
                .reader
                .range(0)
                .map(|record| json(&record.unwrap()))
                .filter(|record| record["t"] == kind)
                .collect::<Vec<_>>();
            if all.len() >= count {
                return all;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("fewer than {count} records of kind {kind}");
    }

    async fn adopt(&self, policies: &str) -> Result<(), AdoptError> {
        write(self.home.path(), policies);
        self.gate.adopt(policy::read(&self.settings)).await.map(drop)
    }
}

fn json(record: &StoredRecord) -> serde_json::Value {
    serde_json::from_str(&record.json()).unwrap()
}

fn write(home: &Path, policies: &str) {
    fs::write(home.join("policies/test.cedar"), policies).unwrap();
}

fn server() -> ServerName {
    ServerName::new("shop").unwrap()
}

fn tool(name: &str, read_only: bool) -> ToolDefinition {
    let annotations = Annotations { read_only, ..Annotations::default() };
    ToolDefinition { name: name.into(), annotations, input_schema: None, definition: bytes::Bytes::from(name.to_owned()) }
}

fn caller() -> Caller {
    Caller::new(AgentId::new("bot"), Actor::Person(UserId::new("ann")))
}

fn call(tool: &str) -> Call {
    Call {
        server: server(),
        action: Action::ToolsCall,
        target: Target::Tool(tool.into()),
        arguments: Arguments::ABSENT,
        source: Source { transport: Transport::Http, ip: None, session: None },
        request: Some(Arc::from("1")),
        trace: None,
    }
}

#[tokio::test]
async fn a_permit_comes_after_its_record_and_leaves_a_second_one() {
    let house = House::open(PERMIT_READS, 0).await;
    let permit = house.gate.admit(&caller(), call("look")).await.unwrap();
    let decisions = house.records("decision", 1).await;
    assert_eq!(decisions[0]["decision"], "allow");
    assert_eq!(decisions[0]["id"], permit.decision().to_string());

    permit.spend().settle(Outcome::ToolError, Answer::NONE);
    let outcomes = house.records("outcome", 1).await;
    assert_eq!(outcomes[0]["outcome"], "tool_error");
    assert_ne!(outcomes[0]["seq"], decisions[0]["seq"]);
    assert_eq!(outcomes[0]["id"], decisions[0]["id"]);
}

#[tokio::test]
async fn a_permit_that_is_dropped_is_recorded_as_abandoned_once() {
    let house = House::open(PERMIT_READS, 0).await;
    drop(house.gate.admit(&caller(), call("look")).await.unwrap());
    let spent = house.gate.admit(&caller(), call("look")).await.unwrap().spend();
    spent.settle(Outcome::Ok, Answer::NONE);
    let outcomes: Vec<_> = house.records("outcome", 2).await.iter().map(|record| record["outcome"].clone()).collect();
    assert_eq!(outcomes, ["abandoned", "ok"]);
}

#[tokio::test]
async fn every_no_is_recorded_and_says_which_no_it_is() {
    let house = House::open(PERMIT_READS, 0).await;
    for (tool, doubt, decision) in [
        ("move", Doubt::NotPermitted, "deny"),
        ("drop", Doubt::Forbidden, "deny"),
        ("pay", Doubt::ApprovalRequired, "require_approval"),
        ("nobody-knows-me", Doubt::UnknownTool, "deny"),
    ] {
        let refusal = house.gate.admit(&caller(), call(tool)).await.unwrap_err();
        assert_eq!(refusal.doubt(), doubt, "{tool}");
        let last = house.records("decision", 1).await.pop().unwrap();
        assert_eq!((&last["decision"], &last["id"]), (&decision.into(), &refusal.id().to_string().into()), "{tool}");
        assert!(refusal.sentence().contains(&refusal.id().to_string()), "{tool}: {}", refusal.sentence());
    }
}

#[tokio::test]
async fn the_author_s_reason_is_all_that_an_agent_learns_of_a_policy() {
    let house = House::open(PERMIT_READS, 0).await;
    let sentence = house.gate.admit(&caller(), call("drop")).await.unwrap_err().sentence();
    assert!(sentence.contains("Dropping is for people."), "{sentence}");
    assert!(!sentence.contains("no-drop") && !sentence.contains(".cedar"), "{sentence}");
}

#[tokio::test]
async fn what_cannot_be_recorded_is_refused_whatever_policy_says() {
    // More free space is demanded than any disk has.
    let house = House::open(PERMIT_READS, u64::MAX / 2).await;
    let refusal = house.gate.admit(&caller(), call("look")).await.unwrap_err();
    assert_eq!((refusal.doubt(), refusal.retryable(), refusal.effect()), (Doubt::NotRecorded, true, "error"));
    assert!(matches!(house.gate.audit_health(), audit::Health::Failed(_)));
}

#[tokio::test]
async fn an_agent_gets_no_more_than_its_person() {
    let agents_only = r#"permit (principal is Mcp::Agent, action, resource);"#;
    let house = House::open(agents_only, 0).await;
    assert_eq!(house.gate.admit(&caller(), call("look")).await.unwrap_err().doubt(), Doubt::NotPermitted);
    let alone = Caller { actor: Actor::Unattended, ..caller() };
    drop(house.gate.admit(&alone, call("look")).await.unwrap());
}

#[tokio::test]
async fn a_bad_set_changes_nothing_but_the_report_and_the_log() {
    let house = House::open(PERMIT_READS, 0).await;
    let before = house.gate.policy_status();
    let mut adoptions = house.gate.adoptions();
    assert!(matches!(
        house.adopt("permit (principal, action, resource) when { resource.colour };").await,
        Err(AdoptError::Invalid(_))
    ));
    let after = house.gate.policy_status();
    assert!(after.in_force.is_some() && after.in_force == before.in_force);
    assert!(!after.last_report.accepted);
    assert_eq!(after.last_report.problems[0].line, 1);
    assert!(!adoptions.has_changed().unwrap());
    assert_eq!(house.records("policy", 2).await[1]["change"], "refused");

    house.adopt("permit (principal, action, resource);").await.unwrap();
    assert!(adoptions.has_changed().unwrap());
    adoptions.mark_unchanged();
    assert!(house.gate.policy_status().last_report.accepted);
    drop(house.gate.admit(&caller(), call("move")).await.unwrap());
}

#[tokio::test]
async fn without_policies_at_the_start_everything_is_refused_and_recorded_until_there_are_some() {
    let house = House::open("permit (", 0).await;
    let status = house.gate.policy_status();
    assert_eq!((status.in_force, status.policies, status.last_report.accepted), (None, 0, false));
    assert!(status.last_refused.is_some_and(|report| report.problems[0].line == 1));
    assert_eq!(status.tools[&server()], 4, "what the server lists is learned all the same");
    for tool in ["look", "drop", "nobody-knows-me"] {
        let refusal = house.gate.admit(&caller(), call(tool)).await.unwrap_err();
        assert_eq!((refusal.doubt(), refusal.effect(), refusal.retryable()), (Doubt::NoPolicies, "deny", true), "{tool}");
    }
    let (caller_, name) = (caller(), server());
    let source = call("look").source;
    assert!(!house.gate.view(&caller_, &name, &source).shows(Action::ToolsCall, &Target::Tool("look".into())));
    house.adopt("forbid (").await.unwrap_err();
    let mut adoptions = house.gate.adoptions();
    house.adopt(PERMIT_READS).await.unwrap();
    assert!(adoptions.has_changed().unwrap(), "clients are told that lists may have changed");
    adoptions.mark_unchanged();
    drop(house.gate.admit(&caller(), call("look")).await.unwrap());
    let changes = house.records("policy", 3).await;
    let told: Vec<_> = changes.iter().map(|record| (&record["change"], record["policy"].is_string())).collect();
    assert_eq!(told, [(&"refused".into(), false), (&"refused".into(), false), (&"accepted".into(), true)]);
    let decisions = house.records("decision", 4).await;
    assert_eq!(decisions[0]["judgements"][0]["cause"], "no_policies_in_force");
    assert_eq!(decisions[3]["policy"], changes[2]["policy"]);
}

#[tokio::test]
async fn policies_as_intricate_as_may_be_are_adopted_and_more_intricate_ones_are_refused() {
    let house = House::open(PERMIT_READS, 0).await;
    let deep = |levels: usize| {
        format!("permit (principal, action, resource) when {{ {}true{} }};", "(".repeat(levels), ")".repeat(levels))
    };
    let not = |levels: usize| {
        let (open, close) = ("!(".repeat(levels), ")".repeat(levels));
        format!("forbid (principal, action, resource) when {{ {open}context.source.transport == \"http\"{close} }};")
    };
    let long = |operators: usize, with: &str| {
        let one = "resource == Mcp::Tool::\"shop/x\"";
        format!("forbid (principal, action, resource) when {{ {} }};", vec![one; operators / 2].join(with))
    };
    for good in [deep(120), not(120), long(998, " || "), long(998, " && ")] {
        house.adopt(&good).await.unwrap_or_else(|error| panic!("{error:?}: {good:.80}"));
        // It is decided, one way or the other, and the process is still there.
        drop(house.gate.admit(&caller(), call("move")).await);
        let _ =
            house.gate.view(&caller(), &server(), &call("move").source).shows(Action::ToolsCall, &Target::Tool("move".into()));
    }
    let before = house.gate.policy_status().in_force;
    for bad in [deep(129), deep(100_000), not(100_000), long(1_100, " || "), long(100_000, " && "), "-".repeat(1_000_000)] {
        assert!(matches!(house.adopt(&bad).await, Err(AdoptError::Invalid(_))), "{bad:.80}");
        assert_eq!(house.gate.policy_status().in_force, before);
    }
}

#[tokio::test]
async fn settings_that_no_policies_can_mend_do_not_open_the_gate() {
    let home = tempfile::tempdir().unwrap();
    let mut registry = Registry::default();
    let (writer, _reader) = audit::open(&audit::Settings::new(home.path().join("audit")), &Clock::System, &mut registry).unwrap();
    let tickets = tickets(home.path(), Limits { waiting: 1, waiting_per_caller: 1 });
    let detail = audit::Detail::new(&audit::DetailSettings::default());
    let books = Books { audit: writer, detail, tickets, approvals: ApprovalSettings::default() };
    let settings = policy::Settings { timezone: "Mars/Base".to_owned(), ..policy::Settings::new(vec![]) };
    let metrics = (Metrics::new(&mut registry), policy::Metrics::new(&mut registry));
    let read = policy::read(&settings);
    let opened = Gate::open(settings, read, books, Clock::System, metrics.0, metrics.1).await;
    assert!(matches!(opened, Err(AdoptError::Invalid(_))));
}

#[tokio::test]
async fn what_is_learned_survives_new_policies_and_can_be_seen() {
    let house = House::open(PERMIT_READS, 0).await;
    assert!(house.gate.learn(&server(), false, vec![tool("peek", true)]).await);
    assert!(!house.gate.learn(&server(), false, vec![tool("peek", true)]).await, "nothing new");
    house.adopt(PERMIT_READS).await.unwrap();
    let (caller, name) = (caller(), server());
    let source = call("peek").source;
    let view = house.gate.view(&caller, &name, &source);
    for (tool, shown) in [("peek", true), ("look", true), ("pay", true), ("move", false), ("drop", false), ("unheard-of", false)]
    {
        assert_eq!(view.shows(Action::ToolsCall, &Target::Tool(tool.into())), shown, "{tool}");
    }
}

#[tokio::test]
async fn a_tool_that_is_not_as_it_was_reviewed_is_refused_and_shown() {
    let lock =
        r#"{"version":1,"servers":{"shop":{"tools":[{"name":"look"},{"name":"pay","description":"pays"},{"name":"rest"}]}}}"#;
    let house = House::with("permit (principal, action, resource);", 0, |settings| {
        let file = settings.policies[0].parent().unwrap().join("catalog.lock.json");
        fs::write(&file, lock).unwrap();
        policy::Settings { lock: Some(file), ..settings }
    })
    .await;
    let defined = |name: &str, definition: &str| ToolDefinition { definition: definition.to_owned().into(), ..tool(name, true) };
    let look = || defined("look", r#"{ "name": "look" }"#);
    let tools =
        vec![look(), defined("pay", r#"{"name":"pay","description":"pays twice"}"#), defined("sneak", r#"{"name":"sneak"}"#)];
    assert!(house.gate.learn(&server(), true, tools).await);
    drop(house.gate.admit(&caller(), call("look")).await.unwrap());
    for tool in ["pay", "sneak"] {
        assert_eq!(house.gate.admit(&caller(), call(tool)).await.unwrap_err().doubt(), Doubt::Drifted, "{tool}");
    }
    assert_eq!(house.records("decision", 3).await[2]["judgements"][0]["cause"], "drifted");

    let drift = house.gate.policy_status().drift;
    let told: Vec<_> = drift.iter().map(|change| format!("{} {:?}", change.tool, change.difference)).collect();
    assert_eq!(told, ["pay Changed { members: [\"description\"] }", "rest Gone", "sneak New"]);
    let counted = |expected: &str| {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &house.registry).unwrap();
        assert!(text.contains(&format!("catalog_drifted_tools{{server=\"shop\"}} {expected}\n")), "{text}");
    };
    counted("2");
    assert!(house.gate.learn(&server(), true, vec![look()]).await);
    counted("0");
}

#[tokio::test]
async fn a_call_of_a_meta_tool_is_recorded_as_the_call_that_it_comes_to() {
    let pointer = |text: &str| text.parse().unwrap();
    let house = House::with(PERMIT_READS, 0, |settings| policy::Settings {
        meta_tools: vec![policy::MetaTool {
            server: server(),
            tool: "run".to_owned(),
            name: pointer("/tool"),
            arguments: pointer("/with"),
        }],
        ..settings
    })
    .await;
    let run = |arguments: &'static str| Call {
        arguments: Arguments::from_checked_json(bytes::Bytes::from_static(arguments.as_bytes())),
        ..call("run")
    };
    let permit = house.gate.admit(&caller(), run(r#"{"tool":"look","with":{}}"#)).await.unwrap();
    assert_eq!(permit.call().target, Target::Tool("run".into()), "what is carried out is what was asked for");
    drop(permit);
    assert_eq!(house.gate.admit(&caller(), run(r#"{"tool":"drop"}"#)).await.unwrap_err().doubt(), Doubt::Forbidden);
    assert_eq!(house.gate.admit(&caller(), run(r#"{"tool":"run"}"#)).await.unwrap_err().doubt(), Doubt::Undecidable);
    let told: Vec<_> =
        house.records("decision", 3).await.iter().map(|record| format!("{} {}", record["tool"], record["via"])).collect();
    assert_eq!(told, ["\"look\" \"run\"", "\"drop\" \"run\"", "\"run\" null"]);
}
