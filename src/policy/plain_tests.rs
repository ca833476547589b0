//! Questions about entities of a service's own: what they may say, what is decided, and what is refused.

use bytes::Bytes;

use super::fixture::{World, line};
use crate::domain::{Access, AccessFault, Arguments, BadAccess, Extra, Thing};

const SCHEMA: &str = r#"
namespace App {
  entity Group;
  entity Boss = { grade: Long };
  entity User in [Group] = { clearance?: Long, manager?: Boss };
  entity Record = { level: Long, tags?: Set<String>, seen?: datetime, cost?: decimal, owner?: User };
  entity Colour enum ["red", "green"];
  action "all";
  action "read" in ["all"] appliesTo { principal: [User], resource: [Record], context: { hour?: Long, from?: ipaddr } };
  action "paint" in ["all"] appliesTo { principal: [User], resource: [Colour], context: { action: { coats: Long } } };
}
namespace Other {
  entity Thing;
  action "read" appliesTo { principal: [App::User], resource: [Thing] };
}
"#;

const ENTITIES: &str = r#"[
  { "uid": { "type": "App::Group", "id": "staff" } },
  { "uid": { "type": "App::User", "id": "ann" }, "attrs": { "clearance": 3 }, "parents": [{ "type": "App::Group", "id": "staff" }] },
  { "uid": { "type": "App::User", "id": "bob" } },
  { "uid": { "type": "App::Record", "id": "r1" }, "attrs": { "level": 2 } }
]"#;

const POLICIES: &str = r#"
@id("cleared") permit (principal, action == App::Action::"read", resource) when { principal has clearance && principal.clearance >= resource.level };
@id("owner") permit (principal, action == App::Action::"read", resource) when { resource has owner && resource.owner == principal };
@id("staff-paints") permit (principal in App::Group::"staff", action == App::Action::"paint", resource) when { context.action.coats < 3 };
@id("manager-fails") forbid (principal, action == App::Action::"read", resource) when { principal has manager && principal.manager.grade > 9 };
@id("calls") permit (principal, action in Mcp::Action::"tools/call", resource);
"#;

fn world() -> World {
    World::new(POLICIES).schema(SCHEMA).entities(ENTITIES)
}

fn said(text: &str) -> Arguments {
    if text.is_empty() { Arguments::ABSENT } else { Arguments::from_checked_json(Bytes::copy_from_slice(text.as_bytes())) }
}

fn thing(kind: &str, id: &str, properties: &str) -> Thing {
    Thing { kind: kind.into(), id: id.into(), properties: said(properties) }
}

fn read(subject: Thing, resource: Thing) -> Access {
    Access { subject, action: "read".into(), action_properties: said(""), resource, context: said(""), trace: None }
}

fn ann() -> Thing {
    thing("App::User", "ann", "")
}

fn r1() -> Thing {
    thing("App::Record", "r1", "")
}

fn decide(access: &Access) -> String {
    let snapshot = world().snapshot();
    match snapshot.pose(access, Extra::Refuse) {
        Ok(posed) => line(&snapshot.decide_posed(&posed)),
        Err(bad) => bad.to_string(),
    }
}

#[test]
fn what_is_said_adds_to_what_is_declared_and_never_replaces_it() {
    let ann = |properties| thing("App::User", "ann", properties);
    let bob = |properties| thing("App::User", "bob", properties);
    let record = |id, properties| thing("App::Record", id, properties);
    let cases = [
        (read(ann(""), r1()), "allow: subject permitted [cleared]"),
        (read(ann(r#"{"clearance":3}"#), r1()), "allow: subject permitted [cleared]"),
        (read(ann(r#"{"clearance":9}"#), r1()), "`/subject/properties/clearance` contradicts what the entities files declare"),
        (read(ann(r#"{"clearance":0}"#), r1()), "`/subject/properties/clearance` contradicts what the entities files declare"),
        (read(bob(""), r1()), "deny: subject no_permit"),
        (read(bob(r#"{"clearance":2}"#), r1()), "allow: subject permitted [cleared]"),
        (read(bob(r#"{"clearance":1}"#), r1()), "deny: subject no_permit"),
        (
            read(ann(""), record("r1", r#"{"level":1}"#)),
            "`/resource/properties/level` contradicts what the entities files declare",
        ),
        (read(ann(""), record("r1", r#"{"level":2,"tags":["a"]}"#)), "allow: subject permitted [cleared]"),
        (read(bob(""), record("r1", r#"{"owner":{"type":"App::User","id":"bob"}}"#)), "allow: subject permitted [owner]"),
        (
            read(bob(""), record("r1", r#"{"owner":{"type":"App::Group","id":"bob"}}"#)),
            "`/resource/properties/owner` is not of type `App::User`",
        ),
        (read(bob(""), record("r1", r#"{"owner":"bob"}"#)), "`/resource/properties/owner` is not an entity reference"),
        // Nobody has declared these.
        (read(thing("App::User", "eve", ""), r1()), "deny: subject no_permit"),
        (read(thing("App::User", "eve", r#"{"clearance":5}"#), r1()), "allow: subject permitted [cleared]"),
        (
            read(ann(""), record("r9", "")),
            "`/resource/properties/level` is required by the schema, and no entities file declares the entity",
        ),
        (read(ann(""), record("r9", r#"{"level":3}"#)), "allow: subject permitted [cleared]"),
        (read(ann(""), record("r9", r#"{"level":4}"#)), "deny: subject no_permit"),
        // A forbid that fails denies, and is named.
        (
            read(ann(r#"{"manager":{"type":"App::Boss","id":"nobody"}}"#), r1()),
            "deny: subject not_evaluable [cleared] failed [manager-fails]",
        ),
        (
            read(ann(r#"{"manager":{"type":"App::User","id":"bob"}}"#), r1()),
            "`/subject/properties/manager` is not of type `App::Boss`",
        ),
    ];
    for (access, expected) in cases {
        assert_eq!(decide(&access), expected, "{access:?}");
    }
}

#[test]
fn no_value_is_ever_more_than_its_type() {
    for (properties, expected) in [
        (r#"{"clearance":1.5}"#, "is not an integer of 64 bits"),
        (r#"{"clearance":9223372036854775808}"#, "is not an integer of 64 bits"),
        (r#"{"clearance":"3"}"#, "is not an integer of 64 bits"),
        (r#"{"clearance":{"__extn":{"fn":"unknown","arg":"x"}}}"#, "is not an integer of 64 bits"),
        (r#"{"clearance":{"__entity":{"type":"App::User","id":"ann"}}}"#, "is not an integer of 64 bits"),
        (r#"{"manager":{"__extn":{"fn":"unknown","arg":"x"}}}"#, "is not an entity reference"),
        (r#"{"__entity":{"type":"App::User","id":"ann"}}"#, "is not in the schema"),
    ] {
        let told = decide(&read(thing("App::User", "bob", properties), r1()));
        assert!(told.ends_with(expected), "{properties}: {told}");
    }
    for (properties, expected) in [
        (r#"{"level":1,"seen":"2026-11-29T10:00:00Z","cost":12.5}"#, "allow: subject permitted [cleared]"),
        (r#"{"level":1,"seen":"yesterday"}"#, "`/resource/properties/seen` is not a valid datetime"),
        (r#"{"level":1,"seen":{"__extn":{"fn":"datetime","arg":"2026-11-29"}}}"#, "`/resource/properties/seen` is not a string"),
        (r#"{"level":1,"cost":1.23456}"#, "`/resource/properties/cost` is not a number with at most 4 decimal places"),
        (r#"{"level":1,"tags":["a",1]}"#, "`/resource/properties/tags/1` is not a string"),
    ] {
        assert_eq!(decide(&read(ann(), thing("App::Record", "r9", properties))), expected, "{properties}");
    }
}

#[test]
fn actions_are_found_by_their_name_and_say_what_they_are_for() {
    let access = |action: &str, resource: Thing, context: &str, properties: &str| Access {
        action: action.into(),
        context: said(context),
        action_properties: said(properties),
        ..read(ann(), resource)
    };
    let red = || thing("App::Colour", "red", "");
    let cases = [
        (access("read", r1(), r#"{"hour":3,"from":"10.0.0.1"}"#, ""), "allow: subject permitted [cleared]"),
        (access("App::Action::\"read\"", r1(), "", ""), "allow: subject permitted [cleared]"),
        (access("Other::Action::\"read\"", r1(), "", ""), "`/action/name` is no action of a `App::User` on a `App::Record`"),
        (access("read", thing("Other::Thing", "t", ""), "", ""), "`/action/name` is in two namespaces"),
        (access("Other::Action::\"read\"", thing("Other::Thing", "t", ""), "", ""), "deny: subject no_permit"),
        (access("raed", r1(), "", ""), "`/action/name` is not an action of the schema files"),
        (access("all", r1(), "", ""), "`/action/name` is not an action of the schema files"),
        (access("tools/call", r1(), "", ""), "`/action/name` is not an action of the schema files"),
        (access("Mcp::Action::\"tools/call\"", r1(), "", ""), "`/action/name` is not an action of the schema files"),
        (access("read", r1(), r#"{"hour":"3"}"#, ""), "`/context/hour` is not an integer of 64 bits"),
        (access("read", r1(), r#"{"from":"home"}"#, ""), "`/context/from` is not a valid ip"),
        (access("read", r1(), r#"{"when":3}"#, ""), "`/context/when` is not in the schema"),
        (access("read", r1(), "", r#"{"coats":1}"#), "`/action/properties/coats` is not in the schema"),
        (access("paint", red(), "", r#"{"coats":2}"#), "allow: subject permitted [staff-paints]"),
        (access("paint", red(), "", r#"{"coats":3}"#), "deny: subject no_permit"),
        (access("paint", red(), "", ""), "`/action/properties/coats` is required and missing"),
        (
            access("paint", red(), r#"{"action":{"coats":1}}"#, ""),
            "`/context/action` is where policies find the action's properties: say them there",
        ),
        (
            access("paint", thing("App::Colour", "blue", ""), "", r#"{"coats":2}"#),
            "`/resource/id` is none of the entities of type `App::Colour` that the schema lists",
        ),
        (
            access("read", thing("Mcp::Tool", "shop/refund", ""), "", ""),
            "`/resource/type` is not an entity type of the schema files",
        ),
        (access("read", thing("App::Nothing", "x", ""), "", ""), "`/resource/type` is not an entity type of the schema files"),
    ];
    for (access, expected) in cases {
        assert_eq!(decide(&access), expected, "{access:?}");
    }
}

#[test]
fn policies_about_calls_and_questions_leave_each_other_alone() {
    let world = world();
    assert_eq!(line(&world.call("search", "{}")), "allow: agent permitted [calls]");
    let snapshot = world.snapshot();
    assert_eq!(snapshot.entities_of("App::User").unwrap().iter().map(|id| &**id).collect::<Vec<_>>(), ["ann", "bob"]);
    assert_eq!((snapshot.entities_of("Mcp::Agent"), snapshot.entities_of("App::Nobody")), (None, None));
    let names =
        |subject, resource| snapshot.actions_between(subject, resource).iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names("App::User", "App::Record"), ["read"]);
    assert_eq!(
        names("App::User", "Other::Thing"),
        ["Other::Action::\"read\""],
        "a name that would be ambiguous is written in full"
    );
    assert_eq!(names("App::Group", "App::Record"), [""; 0]);
}

#[test]
fn properties_that_no_schema_has_change_nothing_when_they_are_passed_over() {
    let snapshot = world().snapshot();
    let pose = |access: &Access| snapshot.pose(access, Extra::Ignore).map(|posed| line(&snapshot.decide_posed(&posed)));
    let fine = read(thing("App::User", "ann", r#"{"shoe":43}"#), thing("App::Record", "r1", r#"{"x":[{}]}"#));
    assert_eq!(pose(&fine).unwrap(), "allow: subject permitted [cleared]");
    let fault = |bad: Result<String, BadAccess>| bad.unwrap_err().fault;
    assert_eq!(fault(pose(&read(thing("App::User", "ann", r#"{"clearance":4,"x":1}"#), r1()))), AccessFault::Contradicts);
    assert_eq!(fault(pose(&read(thing("App::User", "ann", r#"{"clearance":"4"}"#), r1()))), AccessFault::Unfit);
    assert_eq!(fault(pose(&read(thing("App::Usr", "ann", ""), r1()))), AccessFault::Unknown);
}

#[test]
fn actions_of_a_service_are_about_types_of_its_own() {
    let problem = |schema: &str| World::new("").schema(schema).load().unwrap_err().to_string();
    for (schema, expected) in [
        (
            "namespace A { entity E; action a appliesTo { principal: [Mcp::User], resource: [E] }; }",
            "action `a` is about `Mcp::User`",
        ),
        (
            "namespace A { entity E; action a appliesTo { principal: [E], resource: [Mcp::Tool] }; }",
            "action `a` is about `Mcp::Tool`",
        ),
        (
            "namespace A { entity E; action a in [Mcp::Action::\"tools/call\"] appliesTo { principal: [E], resource: [E] }; }",
            "is in a group of `Mcp`",
        ),
        (
            "entity E; action a appliesTo { principal: [E], resource: [E], context: { action: String } };",
            "has `action` in its context, which is not a record",
        ),
    ] {
        let said = problem(schema);
        assert!(said.contains(expected), "{schema}: {said}");
    }
    let common = "type C = { n?: Long }; entity E; action a, b appliesTo { principal: [E], resource: [E], context: C };";
    let snapshot = World::new("").schema(common).snapshot();
    assert_eq!(snapshot.actions_between("E", "E").len(), 2, "in no namespace, with a context of a common type");
}
