//! While nothing is in force everything is denied, nothing is shown, and the reason is always the same one.

use super::super::evaluate::Request;
use super::super::fixture::{World, line, shop, source, tool};
use super::super::{Catalog, PolicySnapshot, Settings};
use crate::domain::{Access, Action, Annotations, Arguments, Call, Extra, Target, Thing, Timestamp};

const EVERYTHING: &str = "permit (principal, action, resource);";

fn closed(world: &World) -> PolicySnapshot {
    PolicySnapshot::closed(&world.settings, &world.catalog).unwrap()
}

#[test]
fn every_call_is_denied_for_the_one_reason_and_no_tool_is_shown() {
    let world = World::new(EVERYTHING).silent("other");
    let snapshot = closed(&world);
    for tool in ["shop/search", "shop/delete", "shop/nobody-knows-me", "other/any", "nowhere/any"] {
        assert_eq!(world.line_by(&snapshot, tool, "{}"), "deny: agent no_policies_in_force", "{tool}");
        assert!(!world.shows(&snapshot, tool), "{tool}");
    }
    for (action, target) in [
        (Action::ResourcesRead, Target::Resource("file:///etc/passwd".into())),
        (Action::PromptsGet, Target::Prompt("greet".into())),
    ] {
        assert_eq!(line(&world.decide_with(&snapshot, action, target, "{}")), "deny: agent no_policies_in_force");
    }
    let decision = world.decide_with(&snapshot, Action::ToolsCall, Target::Tool("search".into()), "{}");
    let judged: Vec<_> = decision.grounds().judgements.iter().map(|judgement| judgement.principal.name()).collect();
    assert_eq!(judged, ["agent", "actor"], "everybody concerned is told of");
}

#[test]
fn what_a_service_asks_of_its_own_is_denied_and_not_called_unknown() {
    let snapshot = closed(&World::new(EVERYTHING));
    let thing = |kind: &str| Thing { kind: kind.into(), id: "x".into(), properties: Arguments::ABSENT };
    let access = Access {
        subject: thing("App::User"),
        action: "read".into(),
        action_properties: Arguments::ABSENT,
        resource: thing("App::Record"),
        context: Arguments::ABSENT,
        trace: None,
    };
    let posed = snapshot.pose(&access, Extra::Refuse).unwrap();
    assert_eq!(line(&snapshot.decide_posed(&posed)), "deny: subject no_policies_in_force");
    // Posed while nothing was in force, decided when something is: in doubt the answer is no.
    let later = World::new(EVERYTHING).snapshot();
    assert_eq!(line(&later.decide_posed(&posed)), "deny: subject no_policies_in_force");
}

#[test]
fn an_explanation_says_what_would_change_it() {
    let world = World::new(EVERYTHING);
    let call = Call {
        server: shop(),
        action: Action::ToolsCall,
        target: Target::Tool("search".into()),
        arguments: Arguments::ABSENT,
        source: source(),
        request: None,
        trace: None,
    };
    let request = Request { caller: &world.caller(), call: &call, now: Timestamp::from_micros(world.now), approval: None };
    let text = closed(&world).explain(&request).render(false);
    assert!(text.contains("no policies could be put in force") && text.contains("cedarpost policy check"), "{text}");
}

#[test]
fn it_has_one_name_whatever_servers_list_and_stays_closed_when_they_list_more() {
    let world = World::new(EVERYTHING);
    let snapshot = closed(&world);
    assert_eq!(
        snapshot.fingerprint().to_string(),
        "sha256:e288eb1eae1d0c763b3380e5528de5273ce128501156b368760913fbfc44eea4",
        "as docs/operations.md has it"
    );
    assert_eq!((snapshot.in_force(), snapshot.policy_count(), snapshot.warnings().len()), (None, 0, 0));
    let mut more = world.catalog.clone();
    more.learn(&shop(), false, [tool("new", Annotations::default())]);
    let later = snapshot.with_catalog(&more).unwrap();
    assert!(later.knows_tool(&shop(), "new"), "what servers list is learned");
    assert_eq!((later.in_force(), later.fingerprint()), (None, snapshot.fingerprint()));
    assert_eq!(world.line_by(&later, "shop/new", "{}"), "deny: agent no_policies_in_force");
}

#[test]
fn a_set_of_no_policies_is_in_force_and_is_something_else() {
    let mut world = World::new("");
    world.policies.clear();
    let empty = world.snapshot();
    assert!(empty.in_force().is_some_and(|name| name != closed(&world).fingerprint()));
    assert_eq!(world.line_by(&empty, "shop/search", "{}"), "deny: agent no_permit");
}

#[test]
fn settings_that_are_wrong_in_themselves_are_no_matter_of_policies() {
    let settings = Settings { timezone: "Mars/Base".to_owned(), ..Settings::new(vec![]) };
    assert!(PolicySnapshot::closed(&settings, &Catalog::default()).is_err());
}
