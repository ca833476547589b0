//! What is printed can be read again, and means the same.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use super::super::fixture::{World, shop, typed_tool};
use super::super::input::{Author, convert};
use super::super::ty::{Field, Fields, Others, Record, Ty};
use super::*;

/// Tools as different generators of schemas describe them.
const TICKETS: &str = include_str!("schemas/tickets.json");

fn tools(list: &str) -> Vec<ToolDefinition> {
    let entries: Vec<Value> = serde_json::from_str(list).unwrap();
    let tool = |entry: &Value| typed_tool(entry["name"].as_str().unwrap(), &entry["inputSchema"].to_string());
    entries.iter().map(tool).collect()
}

fn server(name: &str) -> ServerName {
    ServerName::new(name).unwrap()
}

/// The vocabulary of a schema file.
fn vocabulary(text: &str) -> Result<Vocabulary, String> {
    let file = SourceFile { name: "s.cedarschema".into(), text: text.into() };
    let mut problems = Vec::new();
    let built = schema::build(&[file], &[], &mut problems).map_err(|error| error.to_string())?;
    built.ok_or_else(|| format!("{problems:?}"))
}

#[test]
fn a_generated_file_reads_like_one_that_somebody_wrote() {
    let text = generate(&server("tickets"), &tools(TICKETS)).unwrap();
    assert_eq!(text, include_str!("schemas/tickets.cedarschema"), "{text}");
}

#[test]
fn a_generated_file_is_accepted_and_keeps_what_calls_may_be() {
    let policies = r#"permit (principal is Mcp::Agent, action, resource);
        permit (principal is Mcp::User, action == Mcp::Action::"tickets/create-ticket", resource)
        when { context.input.priority == "normal" && context.input.labels.isEmpty() && !context.input.notify };
        permit (principal is Mcp::User, action == Mcp::Action::"tickets/move \"ticket\"", resource) when { context.input.to == "x" };
        permit (principal is Mcp::User, action == Mcp::Action::"tickets/search", resource)
        when { if context.input has limit then context.input.limit < 50 else context.input.query == "all" };"#;
    let live = tools(TICKETS).iter().fold(World::new(policies), |world, tool| {
        world.lists("tickets", &tool.name, std::str::from_utf8(tool.input_schema.as_ref().unwrap()).unwrap())
    });
    let kept = {
        let text = generate(&server("tickets"), &tools(TICKETS)).unwrap();
        tools(TICKETS).iter().fold(World::new(policies).schema(text), |world, tool| world.lists("tickets", &tool.name, "{}"))
    };
    let (from_server, from_file) = (live.snapshot(), kept.snapshot());
    for (tool, arguments, decision) in [
        ("create-ticket", r#"{"title":"a"}"#, "allow"),
        ("create-ticket", r#"{"title":"a","custom-fields":{"x":1},"due":7}"#, "allow"),
        ("create-ticket", r#"{"title":"a","notify":true}"#, "deny"),
        ("create-ticket", r#"{"title":"a","notify":null}"#, "deny"),
        ("move \"ticket\"", r#"{"to":"x","key":"k","whatever":{}}"#, "allow"),
        ("move \"ticket\"", r#"{"key":"k"}"#, "deny"),
        ("search", r#"{"query":"a"}"#, "allow"),
        ("search", r#"{"query":"a","limit":null}"#, "deny"),
        ("search", r#"{"query":"all","limit":null}"#, "allow"),
        ("search", r#"{"query":"a","filters":[{"field":"f","value":1.23456}]}"#, "allow"),
        ("search", r#"{"query":"a","limit":50}"#, "deny"),
    ] {
        let line = |world: &World, snapshot| world.line_by(snapshot, &format!("tickets/{tool}"), arguments);
        assert!(line(&live, &from_server).starts_with(decision), "{tool} {arguments}: {}", line(&live, &from_server));
        // A file is open where the server's schema has properties that policies cannot see, so it cannot refuse others there.
        assert_eq!(line(&live, &from_server), line(&kept, &from_file), "{tool} {arguments}");
    }
}

#[test]
fn annotations_that_do_not_fit_are_mistakes() {
    let declared = |input: &str| {
        let text = format!(
            "namespace Mcp {{ action \"shop/x\" in [\"tools/call\"] appliesTo {{ principal: [Agent, User], resource: [Tool], context: {{ {input} }} }}; }}"
        );
        vocabulary(&text).map_or_else(|error| error, |vocabulary| format!("{:?}", vocabulary.tools["shop/x"]))
    };
    for (input, expected) in [
        ("input: { @default(\"x\") a: Long }", "the `@default` of `a` is not of its type: `/` is not JSON"),
        ("input: { @default(\"1.5\") a: Long }", "is not of its type: `/` is not an integer of 64 bits"),
        ("input: { @others(\"seen\") a: Long }", "`@others(\\\"seen\\\")` means nothing"),
        ("input: { @others(\"hidden\") a: Long }", "`@others` belongs to a record or a set of records"),
        ("input: { @default(\"7\") a: Long }", "nullable: false, default: Some(\"7\")"),
        ("input: { @default(\"7\") a?: Long }", "nullable: true, default: Some(\"7\")"),
        ("input: { @others(\"hidden\") a: Set<Set<{}>> }", "others: Hidden"),
        ("@others(\"hidden\") input: {}", "others: Hidden"),
        ("@doc(\"anything\") input: { @doc(\"else\") a: Long }", "nullable: false, default: None"),
    ] {
        assert!(declared(input).contains(expected), "{input}: {}", declared(input));
    }
    let entity = vocabulary("namespace Mcp { entity User = { @default(\"x\") @others(\"x\") level?: Long }; }").unwrap();
    assert!(
        format!("{:?}", entity.shapes).contains("\"level\": Field { ty: Long, required: false, nullable: false, default: None }")
    );
}

#[test]
fn what_is_shown_has_the_base_the_files_and_the_tools_of_servers() {
    let own = "namespace Mcp { entity User = { level?: Long }; }";
    let world = World::new("")
        .schema(own)
        .lists("fs", "read", r#"{"properties":{"path":{"type":"string"},"x":{}}}"#)
        .lists("tools", "call", "{}");
    let shown = Shown::of(&world.settings, &world.files(), &world.catalog).unwrap();
    let text = shown.to_cedar();
    let places = [
        "entity Role in [Role];",
        "// ==== s.cedarschema ====",
        own,
        "`context.input.x` may be anything: /properties/x",
        "action \"shop/search\"",
    ];
    let found: Vec<Option<usize>> = places.iter().map(|place| text.find(place)).collect();
    assert!(found.iter().all(Option::is_some) && found.is_sorted(), "{found:?}");
    assert_eq!(text.matches("action \"tools/call\"").count(), 1, "a tool cannot redefine what all tools are in");
    let json = shown.to_json();
    assert_eq!(
        json["Mcp"]["actions"]["fs/read"]["appliesTo"]["context"]["attributes"]["input"]["attributes"]["path"]["type"],
        "String"
    );
    assert!(cedar_policy::Schema::from_json_value(json).is_ok());
    let only = Shown::of(&world.settings, &world.files(), &world.catalog).unwrap().only(&shop());
    assert!(only.has_tools() && !only.to_cedar().contains("fs/read") && only.to_cedar().contains("shop/search"));
    assert!(!only.only(&server("none")).has_tools());
}

#[test]
fn nothing_that_a_server_says_leaves_its_comment() {
    let hostile = "a\n};\n entity Evil;\u{202e}\u{2028}/* */ \"";
    let schema = serde_json::json!({ "properties": { hostile: { "anyOf": [] }, "b": { "enum": [hostile] } }, "required": [format!("{hostile}2")] });
    let tool = ToolDefinition { name: Arc::from(hostile), ..typed_tool("x", &schema.to_string()) };
    let text = generate(&server("s"), &[tool]).unwrap();
    assert!(!text.contains(['\u{202e}', '\u{2028}']) && !text.contains("\n};\n entity"), "{text}");
    let vocabulary = vocabulary(&text).unwrap();
    assert_eq!(vocabulary.tools.keys().map(String::as_str).collect::<Vec<_>>(), [format!("s/{hostile}")]);
}

#[test]
fn a_tool_without_a_schema_keeps_its_action() {
    let tool = ToolDefinition { input_schema: None, definition: Bytes::new(), ..typed_tool("x", "{}") };
    let text = generate(&server("s"), &[tool]).unwrap();
    assert!(text.contains("// `context.input` has no schema\n"), "{text}");
    assert_eq!(vocabulary(&text).unwrap().tools["s/x"], Ty::Hidden);
    assert!(vocabulary(&generate(&server("s"), &[]).unwrap()).is_ok());
}

#[test]
fn the_page_about_types_is_true() {
    const PAGE: &str = include_str!("../../docs/argument-types.md");
    let block =
        |language: &str| PAGE.split(&format!("```{language}\n")).nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let Mapped { input, notes } = json_schema::map(Some(block("json").as_bytes()));
    let mut printed = String::new();
    schema_text::action("s/x", &Mapped { input, notes: vec![] })
        .lines()
        .filter(|line| !line.trim_start().starts_with('@'))
        .for_each(|line| printed.push_str(line.split(" //").next().unwrap()));
    let printed: String = printed.split_whitespace().collect::<String>().replace(",}", "}");
    for attribute in block("text").trim().trim_matches(['{', '}']).split(", ") {
        assert!(printed.contains(&attribute.split_whitespace().collect::<String>()), "{attribute} in {printed}");
    }
    assert_eq!(
        notes.iter().map(|note| format!("// {note}: {}", note.pointer)).collect::<Vec<_>>(),
        [PAGE.lines().find(|line| line.starts_with("// `context.input.filter`")).unwrap()]
    );
    assert!(vocabulary(block("cedarschema")).is_ok());
}

/// Types as input schemas give them.
fn any_type() -> impl Strategy<Value = Ty> {
    let leaf = prop::sample::select(vec![
        Ty::Bool,
        Ty::Long,
        Ty::Str,
        Ty::Decimal,
        Ty::Hidden,
        Ty::OneOf(["a\"\n".into(), "b\\".into(), "\u{301}".into()].into()),
    ]);
    leaf.prop_recursive(3, 16, 4, |inner| prop_oneof![inner.clone().prop_map(|ty| Ty::Set(Box::new(ty))), any_record(inner)])
}

fn any_record(inner: impl Strategy<Value = Ty> + 'static) -> impl Strategy<Value = Ty> {
    let names =
        vec!["a", "in", "if", "__cedar", "a b", "", "\"", "\n", "\\", "\0", "ä\u{301}", "Long", "__entity", "'", "true", "_"];
    let defaults =
        prop::sample::select(vec!["7", "-1.5", "true", "\"b\\\\\"", "\"a\\\"\\n\"", "[]", "{}", "[\"\\u0301\"]", "{\"a\":1}"]);
    let field =
        (inner, any::<bool>(), any::<bool>(), prop::option::of(defaults)).prop_map(|(ty, required, nullable, default)| {
            let default = default.filter(|text| convert(Some(text.as_bytes()), &ty, Author::Anybody).is_ok()).map(Into::into);
            Field { ty, required, nullable, default }
        });
    let others = prop::sample::select(vec![Others::Refused, Others::Hidden]);
    (prop::collection::btree_map(prop::sample::select(names).prop_map(str::to_owned), field, 0..4), others)
        .prop_map(|(fields, others)| Ty::Record(Record { fields, others }))
}

/// What is left of a type in a file: the same values are taken, except that listed strings are not listed, and that keys which policies
/// cannot see are not told from those that the server does not know.
fn kept(ty: &Ty) -> Ty {
    match ty {
        Ty::OneOf(_) => Ty::Str,
        Ty::Set(element) => Ty::Set(Box::new(kept(element))),
        Ty::Record(record) => {
            let visible = record.fields.iter().filter(|(_, field)| field.ty.is_visible());
            let fields: Fields = visible.map(|(name, field)| (name.clone(), kept_field(field))).collect();
            let all = fields.len() == record.fields.len();
            Ty::Record(Record { fields, others: if all { record.others } else { Others::Hidden } })
        }
        other => other.clone(),
    }
}

fn kept_field(field: &Field) -> Field {
    let ty = kept(&field.ty);
    match &field.default {
        Some(default) => Field { ty, required: false, nullable: field.nullable, default: Some(default.clone()) },
        None => Field::new(ty, field.is_certain()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    // Reading a file takes longer than reading an action, so each case has many.
    #[test]
    fn types_that_are_printed_and_read_again_are_the_same(inputs in prop::collection::vec(any_record(any_type()), 40..80)) {
        let tool = |(number, input): (usize, &Ty)| (format!("shop/{number}"), Mapped { input: input.clone(), notes: vec![] });
        let text = namespace(&inputs.iter().enumerate().map(tool).collect::<Vec<_>>());
        let vocabulary = vocabulary(&text);
        prop_assert!(vocabulary.is_ok(), "{text}: {vocabulary:?}");
        let read = vocabulary.unwrap().tools;
        for (number, input) in inputs.iter().enumerate() {
            prop_assert_eq!(&read[&format!("shop/{number}")], &kept(input));
        }
    }
}
