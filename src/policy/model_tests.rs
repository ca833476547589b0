//! The properties of the policy model, on random policy sets: what a snapshot decides, against Cedar on the whole set by the book.

use std::collections::BTreeSet;
use std::str::FromStr;

use cedar_policy::{Authorizer, Context, Decision as CedarDecision, EntityUid, PolicySet, Request, RestrictedExpression};

use super::PolicySnapshot;
use super::fixture::{REFUND, Random, World};
use crate::domain::{Action, Cause, Decision, Judgement, Principal, Target};

/// Random policy sets that are tried.
const SETS: u32 = 120;

const PRINCIPALS: [&str; 6] = [
    "principal",
    "principal is Mcp::Agent",
    "principal is Mcp::User",
    "principal in Mcp::Role::\"assistant\"",
    "principal in Mcp::Role::\"support\"",
    "principal == Mcp::User::\"olga\"",
];
const RESOURCES: [&str; 4] = [
    "resource",
    "resource in Mcp::Server::\"shop\"",
    "resource == Mcp::Tool::\"shop/refund\"",
    "resource in Mcp::ToolGroup::\"none\"",
];
/// Conditions for all tools, and those for the tool with typed arguments; some fail for some arguments.
const ANYWHERE: [&str; 8] = [
    "true",
    "resource.destructive",
    "resource.readOnly",
    "context has actor",
    "context.time.hour < 12",
    "context has approval",
    "principal is Mcp::Agent",
    "context has approval && context.approval.by == Mcp::User::\"olga\"",
];
const OF_REFUND: [&str; 5] = [
    "context.input.amount <= 100",
    "context.input.amount * 2 > 100",
    "context.input.order like \"vip-*\"",
    "context.input has note",
    "context.input has note && context.input.note == \"ok\"",
];

fn condition(random: &mut Random, typed: bool, depth: u32) -> String {
    match random.below(if depth == 0 { 2 } else { 6 }) {
        0 => random.pick(&ANYWHERE).to_owned(),
        1 if typed => random.pick(&OF_REFUND).to_owned(),
        1 => random.pick(&ANYWHERE).to_owned(),
        2 => format!("!({})", condition(random, typed, depth - 1)),
        3 => format!("({}) || ({})", condition(random, typed, depth - 1), condition(random, typed, depth - 1)),
        _ => format!("({}) && ({})", condition(random, typed, depth - 1), condition(random, typed, depth - 1)),
    }
}

fn policies(random: &mut Random) -> String {
    let mut policy = |number: usize| {
        let effect = random.pick(&["permit", "permit", "forbid"]);
        let typed = random.below(2) == 0;
        let action = if typed {
            "action == Mcp::Action::\"shop/refund\""
        } else {
            random.pick(&["action", "action in Mcp::Action::\"tools/call\""])
        };
        let (principal, resource) = (random.pick(&PRINCIPALS), random.pick(&RESOURCES));
        let clauses: Vec<String> = (0..random.below(3))
            .map(|_| format!("{} {{ {} }}", random.pick(&["when", "unless"]), condition(random, typed, 2)))
            .collect();
        format!("@id(\"p{number}\") {effect} ({principal}, {action}, {resource}) {};\n", clauses.join(" "))
    };
    // More than the index leaves whole, so that picking is part of what is compared.
    (0..10).map(&mut policy).collect()
}

const ARGUMENTS: [&str; 6] = [
    r#"{"order":"vip-1","amount":100}"#,
    r#"{"order":"o","amount":100,"note":"ok"}"#,
    r#"{"order":"vip-1","amount":101,"note":"no"}"#,
    r#"{"order":"o","amount":1}"#,
    r#"{"order":"o","amount":9223372036854775807}"#,
    r#"{"order":"o","amount":-9223372036854775808,"note":"ok"}"#,
];
const APPROVALS: [Option<&str>; 3] = [None, Some("olga"), Some("bob")];

/// What the book says about one principal.
#[derive(Debug, PartialEq, Eq)]
struct Verdict {
    failed: bool,
    allowed: bool,
    policies: BTreeSet<String>,
}

/// The context of a call of the refund tool, written out.
fn context(input: &str, approval: Option<&str>) -> Context {
    let mut context = String::from(
        r#""actor": Mcp::User::"alice", "agent": Mcp::Agent::"helper", "session": {"id": "s-1"},
               "time": {"now": datetime("2026-03-02T10:30:00Z"), "hour": 10, "minute": 30, "weekday": 1},
               "source": {"transport": "http", "ip": ip("10.1.2.3")}"#,
    );
    context.push_str(&format!(", \"input\": {input}"));
    if let Some(by) = approval {
        context.push_str(&format!(
                ", \"approval\": {{\"by\": Mcp::User::\"{by}\", \"at\": datetime(\"2026-03-02\"), \"expires\": datetime(\"2026-04-02\")}}"
            ));
    }
    let record = RestrictedExpression::from_str(&format!("{{{context}}}")).unwrap();
    let context = Context::from_pairs([("c".to_owned(), record)]).unwrap();
    let Some(cedar_policy::EvalResult::Record(record)) = context.get("c") else { panic!("a record") };
    let pairs: Vec<_> = record.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let pairs = pairs.into_iter().map(|(name, value)| (name, RestrictedExpression::from_str(&value).unwrap()));
    Context::from_pairs(pairs).unwrap()
}

/// The questions about one call: for agent and actor, without an approval and with each.
struct Asked {
    arguments: &'static str,
    requests: [[Request; 3]; 2],
}

impl Asked {
    fn new(arguments: &'static str) -> Self {
        let uid = |text: &str| EntityUid::from_str(text).unwrap();
        let (action, tool) = (uid("Mcp::Action::\"shop/refund\""), uid("Mcp::Tool::\"shop/refund\""));
        let contexts = APPROVALS.map(|by| context(arguments, by));
        let request =
            |who: &str, context: &Context| Request::new(uid(who), action.clone(), tool.clone(), context.clone(), None).unwrap();
        Self { arguments, requests: WHO.map(|(_, who)| contexts.each_ref().map(|context| request(who, context))) }
    }
}

/// A question put to Cedar itself.
struct Book<'a> {
    set: &'a PolicySet,
    snapshot: &'a PolicySnapshot,
}

impl Book<'_> {
    fn verdict(&self, request: &Request) -> Verdict {
        let response = Authorizer::new().is_authorized(request, self.set, &self.snapshot.entities);
        Verdict {
            failed: response.diagnostics().errors().next().is_some(),
            allowed: response.decision() == CedarDecision::Allow,
            policies: response.diagnostics().reason().map(ToString::to_string).collect(),
        }
    }
}

const WHO: [(Principal, &str); 2] = [(Principal::Agent, "Mcp::Agent::\"helper\""), (Principal::Actor, "Mcp::User::\"alice\"")];

fn rank(decision: &Decision) -> u8 {
    match decision {
        Decision::Deny(_) => 0,
        Decision::RequireApproval(_) => 1,
        Decision::Allow(_) => 2,
    }
}

fn rank_of(judgement: &Judgement) -> u8 {
    match judgement.cause {
        Cause::Permitted => 2,
        Cause::ApprovalMissing => 1,
        _ => 0,
    }
}

/// How often what happened.
#[derive(Debug, Default)]
struct Tally {
    allowed: u32,
    asked: u32,
    denied: u32,
    failed: u32,
    shown: u32,
    hidden: u32,
}

/// A judgement is what the book says about its principal.
fn compare(judgement: &Judgement, book: &Verdict, with_approval: bool, tally: &mut Tally) {
    let policies: BTreeSet<String> = judgement.policies.iter().map(|policy| policy.id.to_string()).collect();
    match &judgement.cause {
        Cause::NotEvaluable => {
            assert!(book.failed && !judgement.faults.is_empty());
            tally.failed += 1;
        }
        Cause::Permitted => assert!(book.allowed && !book.failed && policies == book.policies),
        Cause::NoPermit => assert!(!book.allowed && !book.failed && book.policies.is_empty() && !with_approval),
        Cause::Forbidden => assert!(!book.allowed && !book.failed && policies == book.policies && !with_approval),
        Cause::ApprovalMissing => {
            assert!(!book.allowed && !book.failed && (book.policies.is_empty() || policies == book.policies))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_snapshot_decides_by_the_book_for_both_and_takes_the_stricter() {
    let (mut random, mut tally) = (Random(0x2545_f491_4f6c_dd1d), Tally::default());
    let calls = ARGUMENTS.map(Asked::new);
    for _ in 0..SETS {
        let text = policies(&mut random);
        let world = World::new(&text).schema(REFUND);
        let Ok(snapshot) = world.load() else { continue };
        let set: PolicySet = text.parse().unwrap();
        let named = set.policies().map(|policy| policy.new_id(policy.annotation("id").unwrap().parse().unwrap()));
        let set = PolicySet::from_policies(named).unwrap();
        let book = Book { set: &set, snapshot: &snapshot };
        let mut callable = false;
        for Asked { arguments, requests } in &calls {
            let decision = world.decide_with(&snapshot, Action::ToolsCall, Target::Tool("refund".into()), arguments);
            let judgements = &decision.grounds().judgements;
            let verdicts = requests.each_ref().map(|of_one| of_one.each_ref().map(|request| book.verdict(request)));
            let allowed = |verdict: &Verdict| verdict.allowed && !verdict.failed;
            for (judgement, ((principal, _), [bare, with_approval @ ..])) in judgements.iter().zip(WHO.iter().zip(&verdicts)) {
                assert_eq!(judgement.principal, *principal);
                compare(judgement, bare, with_approval.iter().any(allowed), &mut tally);
            }
            assert_eq!(judgements.len(), 2);
            assert_eq!(rank(&decision), judgements.iter().map(rank_of).min().unwrap(), "the stricter of the two");
            let [agent, actor] = &verdicts;
            callable |= agent.iter().zip(actor).any(|(agent, actor)| allowed(agent) && allowed(actor));
            *[&mut tally.denied, &mut tally.asked, &mut tally.allowed][usize::from(rank(&decision))] += 1;
        }
        let shown = world.shows(&snapshot, "shop/refund");
        assert!(shown || !callable, "hidden although callable:\n{text}");
        *(if shown { &mut tally.shown } else { &mut tally.hidden }) += 1;
    }
    println!("{tally:?}");
    for count in [tally.allowed, tally.asked, tally.denied, tally.failed, tally.shown, tally.hidden] {
        assert!(count > SETS / 40, "{tally:?}");
    }
}
