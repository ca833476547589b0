//! Schemas as servers write them, and as nobody should: what becomes of each.

use std::time::{Duration, Instant};

use cedar_policy::Schema;
use serde_json::{Value, json};

use super::super::ty::Others;
use super::*;

/// A type in a few letters: `?` is not required, `~` takes null, `=` has a default, `…` takes other keys, `_` cannot be seen.
fn compact(ty: &Ty) -> String {
    match ty {
        Ty::Bool => "bool".to_owned(),
        Ty::Long => "long".to_owned(),
        Ty::Str => "str".to_owned(),
        Ty::OneOf(values) => values.iter().map(|value| format!("{value:?}")).collect::<Vec<_>>().join("|"),
        Ty::Decimal => "decimal".to_owned(),
        Ty::Set(element) => format!("[{}]", compact(element)),
        Ty::Record(record) => {
            let fields = record.fields.iter().map(|(name, field)| {
                let required = if field.required { "" } else { "?" };
                let null = if field.nullable { "~" } else { "" };
                let default = field.default.as_ref().map(|text| format!("={text}")).unwrap_or_default();
                format!("{name}{required}{null}: {}{default}", compact(&field.ty))
            });
            let others = (record.others == Others::Hidden).then(|| "…".to_owned());
            format!("{{{}}}", fields.chain(others).collect::<Vec<_>>().join(", "))
        }
        Ty::Hidden => "_".to_owned(),
        Ty::Datetime | Ty::Duration | Ty::Ip | Ty::Entity(_) => panic!("{ty:?} comes from no JSON schema"),
    }
}

/// A schema's type, and its notes with a pointer each.
fn mapped(schema: &str) -> (String, Vec<String>) {
    let Mapped { input, notes } = map(Some(schema.as_bytes()));
    (compact(&input), notes.iter().map(|note| format!("{} {}", note.pointer, note.reason)).collect())
}

/// The type of a required argument `v` of this schema, and the notes about it, pointers relative to its schema.
fn value(schema: &str) -> (String, Vec<String>) {
    let (ty, notes) = mapped(&format!(r#"{{"type":"object","properties":{{"v":{schema}}},"required":["v"]}}"#));
    let relative = notes.iter().map(|note| note.replacen("/properties/v", "", 1)).collect();
    (ty.strip_prefix("{v").and_then(|rest| rest.strip_suffix('}')).unwrap_or(&ty).to_owned(), relative)
}

fn assert_values(cases: &[(&str, &str, &[&str])]) {
    for (schema, ty, notes) in cases {
        let expected = (format!("{}{ty}", if ty.starts_with('~') { "" } else { ": " }), notes.to_vec());
        let (ty, notes) = value(schema);
        assert_eq!((ty, notes.iter().map(String::as_str).collect()), expected, "{schema}");
    }
}

fn assert_inputs(cases: &[(&str, &str, &[&str])]) {
    for (schema, ty, notes) in cases {
        let (seen, noted) = mapped(schema);
        assert_eq!((seen.as_str(), noted.iter().map(String::as_str).collect()), (*ty, notes.to_vec()), "{schema}");
    }
}

#[test]
fn scalars_have_their_type_and_what_narrows_them_does_not_matter() {
    assert_values(&[
        (r#"{"type":"string"}"#, "str", &[]),
        (r#"{"type":"string","format":"date-time","pattern":"^a","minLength":3,"title":"A"}"#, "str", &[]),
        (r#"{"type":"integer","minimum":1,"exclusiveMaximum":true,"multipleOf":2}"#, "long", &[]),
        (r#"{"type":"number"}"#, "decimal", &[]),
        (r#"{"type":"boolean"}"#, "bool", &[]),
        (r#"{"type":["integer","number"]}"#, "decimal", &[]),
        (r#"{"type":["string"]}"#, "str", &[]),
        (r#"{"type":"string","not":{"const":"x"},"if":{"const":"a"},"then":{"minLength":1}}"#, "str", &[]),
        (r#"{"type":"string","anyOf":[{"format":"uri"},{"format":"email"}]}"#, "str", &[]),
        (r#"{"type":"null"}"#, "_", &["/type takes nothing but null"]),
        (r#"{"type":["string","integer"]}"#, "_", &["/type is a choice of types (`type`)"]),
        (r#"{"type":"any"}"#, "_", &["/type has a `type` that JSON Schema does not know"]),
        (r##"{"type":{"$ref":"#"}}"##, "_", &["/type has a `type` that JSON Schema does not know"]),
        (r#"{"type":[]}"#, "_", &["/type has a `type` that JSON Schema does not know"]),
    ]);
}

#[test]
fn listed_values_say_the_type() {
    assert_values(&[
        (r#"{"type":"string","enum":["b","a","b"]}"#, r#""a"|"b""#, &[]),
        (r#"{"enum":["a"]}"#, r#""a""#, &[]),
        (r#"{"const":"x\"y"}"#, r#""x\"y""#, &[]),
        (r#"{"enum":["a",null]}"#, r#"~: "a""#, &[]),
        (r#"{"type":["string","null"],"enum":["a"]}"#, r#": "a""#.trim_start_matches(": "), &[]),
        (r#"{"enum":[1,2.0,1e3]}"#, "long", &[]),
        (r#"{"type":"number","enum":[1,2]}"#, "long", &[]),
        (r#"{"enum":[1,0.5]}"#, "decimal", &[]),
        (r#"{"enum":[true,false]}"#, "bool", &[]),
        (r#"{"const":false}"#, "bool", &[]),
        (r#"{"enum":["a",1]}"#, "_", &["/enum is one of several values that have no type in common"]),
        (r#"{"enum":[1,true]}"#, "_", &["/enum is one of several values that have no type in common"]),
        (r#"{"enum":[0.00001]}"#, "_", &["/enum is one of several values that have no type in common"]),
        (r#"{"enum":["\ud800"]}"#, "_", &["/enum is one of several values that have no type in common"]),
        (r#"{"const":{"a":1}}"#, "_", &["/const is one of several values that have no type in common"]),
        (r#"{"enum":[null]}"#, "_", &["/enum takes nothing but null"]),
        (r#"{"enum":[]}"#, "_", &["/enum takes no value"]),
    ]);
    let many = (0..1025).map(|n| format!("\"{n}\"")).collect::<Vec<_>>().join(",");
    let (ty, notes) = value(&format!("{{\"enum\":[{many}]}}"));
    assert_eq!((&*ty, &*notes[0]), (": str", "/enum may be any string to policies: more than 1024 values are listed"));
}

#[test]
fn null_may_be_said_in_many_ways() {
    assert_values(&[
        (r#"{"type":["string","null"]}"#, "~: str", &[]),
        (r#"{"anyOf":[{"type":"integer"},{"type":"null"}],"default":null}"#, "~: long", &[]),
        (r#"{"oneOf":[{"type":"null"},{"type":"array","items":{"type":"string"}}]}"#, "~: [str]", &[]),
        (r#"{"anyOf":[{"type":["string","null"]},{"const":null}]}"#, "~: str", &[]),
        (r#"{"type":"string","nullable":true}"#, "~: str", &[]),
        (r#"{"type":"string","nullable":false}"#, "str", &[]),
        (r#"{"anyOf":[{"type":"null"}]}"#, "_", &["/anyOf takes no value but null"]),
    ]);
}

#[test]
fn a_choice_can_be_seen_when_it_is_between_values_of_one_type() {
    assert_values(&[
        (r#"{"oneOf":[{"const":"a","title":"A"},{"const":"b"},{"enum":["c"]}]}"#, r#""a"|"b"|"c""#, &[]),
        (r#"{"anyOf":[{"type":"string","format":"uri"},{"const":"none"}]}"#, "str", &[]),
        (r#"{"anyOf":[{"type":"integer"},{"type":"number"}]}"#, "decimal", &[]),
        (r#"{"anyOf":[{"type":"boolean"}]}"#, "bool", &[]),
        (r#"{"anyOf":[false,{"type":"boolean"}]}"#, "bool", &[]),
        (r#"{"anyOf":[{"type":"string"},{"type":"integer"}]}"#, "_", &["/anyOf is a choice of types (`anyOf`)"]),
        (r#"{"oneOf":[{"type":"string"},{"type":"array","items":{}}]}"#, "_", &["/oneOf is a choice of types (`oneOf`)"]),
        (r#"{"anyOf":[{}]}"#, "_", &["/anyOf/0 may be anything"]),
        (r#"{"anyOf":[]}"#, "_", &["/anyOf takes no value but null"]),
        (
            r#"{"anyOf":[{"type":"object","properties":{"a":{}}},{"type":"object","properties":{"b":{}}}]}"#,
            "_",
            &["/anyOf is a choice of types (`anyOf`)"],
        ),
    ]);
}

#[test]
fn an_array_with_one_kind_of_items_is_a_set() {
    assert_values(&[
        (r#"{"type":"array","items":{"type":"string"},"minItems":1,"uniqueItems":true}"#, "[str]", &[]),
        (r#"{"items":{"type":"array","items":{"enum":["a"]}}}"#, r#"[["a"]]"#, &[]),
        (r#"{"type":"array"}"#, "_", &[" is an array of anything"]),
        (r#"{"type":"array","items":true}"#, "_", &["/items may be anything"]),
        (r#"{"type":"array","items":{"type":"object"}}"#, "_", &["/items is an object of any keys"]),
        (r#"{"type":"array","items":[{"type":"string"}]}"#, "_", &[" is a tuple"]),
        (r#"{"type":"array","prefixItems":[{"type":"string"}],"items":{"type":"string"}}"#, "_", &[" is a tuple"]),
        (
            r#"{"type":"array","items":{"type":["string","null"]}}"#,
            "[str]",
            &["/items may be null, which a set cannot hold: a call with a null in it is refused where policies read the set"],
        ),
    ]);
}

#[test]
fn what_says_no_type_cannot_be_seen() {
    assert_values(&[
        ("{}", "_", &[" may be anything"]),
        ("true", "_", &[" may be anything"]),
        (r#"{"description":"x"}"#, "_", &[" does not say its type"]),
        (r#"{"not":{"type":"string"}}"#, "_", &[" does not say its type"]),
        (r#"{"if":{"const":1},"then":{"const":1}}"#, "_", &[" does not say its type"]),
        ("1", "_", &[" has no valid schema"]),
        ("[]", "_", &[" has no valid schema"]),
        (r##"{"$dynamicRef":"#node"}"##, "_", &[" refers to what is only known at run time (`$dynamicRef`)"]),
        (r#"{"allOf":[{"type":"string"},{"minLength":1}]}"#, "_", &["/allOf is a combination of schemas (`allOf`)"]),
    ]);
}

const OPEN: &str = " takes further keys, which policies cannot see";

#[test]
fn an_object_with_properties_is_a_record_that_is_open_where_it_says_so() {
    assert_inputs(&[
        (r#"{"type":"object","properties":{}}"#, "{}", &[]),
        (r#"{"type":"object","additionalProperties":false}"#, "{}", &[]),
        (r#"{"properties":{"a":{"type":"string"}},"required":["a"]}"#, "{a: str}", &[]),
        (r#"{"type":"object","properties":{"a":{"type":"string"}}}"#, "{a?: str}", &[]),
        (r#"{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":{"not":{}}}"#, "{a?: str}", &[]),
        (r#"{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":true}"#, "{a?: str, …}", &[OPEN]),
        (r#"{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":{}}"#, "{a?: str, …}", &[OPEN]),
        (
            r#"{"type":"object","properties":{"a":{"type":"string"}},"patternProperties":{"^x":{}},"additionalProperties":false}"#,
            "{a?: str, …}",
            &[OPEN],
        ),
        (r#"{"type":"object","properties":{"a":{"type":"string"}},"unevaluatedProperties":true}"#, "{a?: str, …}", &[OPEN]),
        (r#"{"type":"object","properties":{"a":{"type":"string"}},"unevaluatedProperties":false}"#, "{a?: str}", &[]),
        (r#"{"type":"object"}"#, "_", &[" is an object of any keys"]),
        (r#"{"type":"object","additionalProperties":{"type":"string"}}"#, "_", &[" is an object of any keys"]),
        (r#"{"type":"object","properties":{"a":false}}"#, "{}", &[]),
        (r#"{"type":"object","properties":{"a":{"not":{}},"b":{"type":"boolean"}}}"#, "{b?: bool}", &[]),
        (
            r#"{"type":"object","properties":{"a":false},"additionalProperties":true}"#,
            "{a?: _, …}",
            &["/properties/a must not be given, which only the server can refuse", OPEN],
        ),
        (
            r#"{"type":"object","properties":{"a":{"type":"string"}},"required":["a","b",7]}"#,
            "{a: str, b?: _}",
            &[" requires keys without saying what they are, which policies cannot see: `b`"],
        ),
        (r#"{"type":"string"}"#, "_", &[" is not an object"]),
        (r#"{"type":["object","null"],"properties":{}}"#, "{}", &[]),
    ]);
}

#[test]
fn a_default_stands_for_an_absent_key_if_it_is_of_the_type() {
    let wrong = "/default counts as absent when it is not given: its `default` is not of its type";
    let long = format!(r#"{{"type":"string","default":"{}"}}"#, "x".repeat(1024));
    assert_values(&[
        (r#"{"type":"integer","default":7}"#, "long=7", &[]),
        (r#"{"type":"number","default":9007199254740.9931}"#, "decimal=9007199254740.9931", &[]),
        (r#"{"type":"string","default":null}"#, "str", &[]),
        (r#"{"type":["string","null"],"default":"a"}"#, "~: str=\"a\"", &[]),
        (r#"{"type":"array","items":{"type":"string"},"default":["a"]}"#, "[str]=[\"a\"]", &[]),
        (r#"{"properties":{"x":{"type":"integer","default":1}},"default":{}}"#, "{x?: long=1}={}", &[]),
        (r##"{"$ref":"#/$defs/u","default":"b"}"##, "_", &["/$ref refers to something that is not in the schema (`$ref`)"]),
        (r#"{"type":"integer","default":"7"}"#, "long", &[wrong]),
        (r#"{"type":"number","default":0.00001}"#, "decimal", &[wrong]),
        (r#"{"enum":["a"],"default":"b"}"#, "\"a\"", &[wrong]),
        (r#"{"properties":{"x":{"type":"integer"}},"required":["x"],"default":{}}"#, "{x: long}", &[wrong]),
        (&long, "str", &["/default counts as absent when it is not given: its `default` is longer than 1 KiB"]),
        (r#"{"default":7}"#, "_", &[" does not say its type"]),
    ]);
}

#[test]
fn references_inside_the_document_are_followed() {
    for (reference, ty) in [
        ("#/$defs/unit", "str"),
        ("#/definitions/a~1b~0c%20d", "long"),
        ("#/properties/list/items", "bool"),
        ("#/$defs/chain", "str"),
        ("#/allOf/0", "decimal"),
        ("#/$defs/sub", "{k?: str}"),
    ] {
        let schema = json!({
            "type": "object",
            "properties": { "list": { "items": { "type": "boolean" } }, "v": { "$ref": reference, "description": "x" } },
            "allOf": [{ "type": "number" }],
            "definitions": { "a/b~c d": { "type": "integer" } },
            "$defs": {
                "unit": { "type": "string" },
                "chain": { "allOf": [{ "$ref": "#/$defs/unit" }] },
                "sub": { "$id": "sub.json", "properties": { "k": { "type": "string" } } },
            },
        });
        assert_eq!(mapped(&schema.to_string()), (format!("{{list?: [bool], v?: {ty}}}"), vec![]), "{reference}");
    }
    assert_inputs(&[
        (
            r##"{"type":"object","$ref":"#/definitions/I","definitions":{"I":{"type":"object","properties":{"a":{"type":"string"}}}}}"##,
            "{a?: str}",
            &[],
        ),
        (
            r##"{"properties":{"v":{"$ref":"#/$defs/u","default":"b","nullable":true}},"$defs":{"u":{"enum":["a","b"]}}}"##,
            r#"{v?~: "a"|"b"="b"}"#,
            &[],
        ),
    ]);
}

#[test]
fn references_that_lead_nowhere_certain_hide_the_value() {
    let nowhere = "/$ref refers to something that is not in the schema (`$ref`)";
    let other = "/$ref refers to another document (`$ref`)";
    let long = format!(r##"{{"$ref":"#/{}"}}"##, "x".repeat(2000));
    assert_values(&[
        (r#"{"$ref":"https://example.com/a.json"}"#, "_", &[other]),
        (r#"{"$ref":"a.json#/definitions/x"}"#, "_", &[other]),
        (r#"{"$ref":""}"#, "_", &[other]),
        (r##"{"$ref":"#name"}"##, "_", &[nowhere]),
        (r##"{"$ref":"#/$defs/x"}"##, "_", &[nowhere]),
        (r##"{"$ref":"#/properties/v/%zz"}"##, "_", &[nowhere]),
        (r##"{"$ref":"#/properties/v/%+1"}"##, "_", &[nowhere]),
        (r##"{"$ref":"#/properties/v/%"}"##, "_", &[nowhere]),
        (r##"{"$ref":"#/required/00"}"##, "_", &[nowhere]),
        (r##"{"$ref":"#/required/0"}"##, "_", &["/required/0 has no valid schema"]),
        (r#"{"$ref":7}"#, "_", &["/$ref has a `$ref` that is not a short string"]),
        (&long, "_", &["/$ref has a `$ref` that is not a short string"]),
        (r##"{"$ref":"#/properties/v"}"##, "_", ["/properties/v is recursive"].map(|_| " is recursive").as_slice()),
        (
            r##"{"$ref":"#/required","properties":{}}"##,
            "_",
            &[" has `properties` beside `$ref`, which drafts of JSON Schema read differently"],
        ),
        (
            r##"{"$id":"other.json","items":{"$ref":"#/$defs/x"}}"##,
            "_",
            &["/items/$ref refers to something from inside a schema with an `$id` of its own"],
        ),
    ]);
    let behind = r##"{"properties":{"v":{"$ref":"#/$defs/a/items"}},"$defs":{"a":{"$id":"a.json","items":{"type":"string"}}}}"##;
    assert_eq!(mapped(behind).0, "{v?: _}");
}

#[test]
fn recursion_is_seen_up_to_where_it_recurs() {
    let tree = r##"{"properties":{"root":{"$ref":"#/$defs/node"}},"$defs":{"node":{"type":"object","properties":{
        "name":{"type":"string"},"children":{"type":"array","items":{"$ref":"#/$defs/node"}},
        "next":{"anyOf":[{"$ref":"#/$defs/node"},{"type":"null"}]},"top":{"$ref":"#"}}}}}"##;
    assert_inputs(&[
        (
            tree,
            "{root?: {children?: _, name?: str, next?: _, top?: _}}",
            &["/$defs/node is recursive", "/$defs/node is recursive", " is recursive"],
        ),
        (r##"{"$ref":"#"}"##, "_", &[" is recursive"]),
        (
            r##"{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}}"##,
            "_",
            &["/$defs/a is recursive"],
        ),
    ]);
    let notes = map(Some(tree.as_bytes())).notes;
    assert_eq!(notes[0].to_string(), "`context.input.root.children[]` is recursive");
}

#[test]
fn properties_that_only_a_combination_names_are_let_pass_unseen() {
    let what = |names: &str| format!(" has properties in a combination of schemas, which policies cannot see: {names}");
    let base = r#""type":"object","properties":{"a":{"type":"string"}}"#;
    for (combination, ty, notes) in [
        (r#""anyOf":[{"required":["a"]},{"properties":{"a":{"const":"x"}}}]"#, "{a?: str}", vec![]),
        (r#""not":{"required":["b"]}"#, "{a?: str}", vec![]),
        (r#""oneOf":[{"properties":{"b":{}}},{"required":["c"]}]"#, "{a?: str, b?: _, c?: _}", vec![what("`b`, `c`")]),
        (r#""if":{},"then":{"properties":{"b":{}}},"else":false"#, "{a?: str, b?: _}", vec![what("`b`")]),
        (r#""dependentSchemas":{"a":{"properties":{"b":{}}}}"#, "{a?: str, b?: _}", vec![what("`b`")]),
        (r#""dependencies":{"a":["z"],"y":{"properties":{"b":{}}}}"#, "{a?: str, b?: _}", vec![what("`b`")]),
        (
            r##""allOf":[{"$ref":"#/$defs/x"}],"$defs":{"x":{"allOf":[{"properties":{"b":{}}}]}}"##,
            "{a?: str, b?: _}",
            vec![what("`b`")],
        ),
        (r##""allOf":[{"$ref":"#"}]"##, "{a?: str}", vec![]),
        (r#""allOf":[{"properties":{"b":{}}}],"additionalProperties":false"#, "{a?: str}", vec![]),
        (r#""allOf":[{"$ref":"other.json"}]"#, "{a?: str, …}", vec![OPEN.to_owned()]),
        (r#""allOf":[{"additionalProperties":true}]"#, "{a?: str, …}", vec![OPEN.to_owned()]),
    ] {
        let schema = format!("{{{base},{combination}}}");
        assert_eq!(mapped(&schema), (ty.to_owned(), notes), "{schema}");
    }
}

#[test]
fn any_name_is_an_ordinary_name() {
    for name in ["__entity", "__extn", "", "a b", "\"", "a\nb", "$ref", "properties", "~/", "ä", "\u{0}", "if", "type"] {
        let schema = json!({ "type": "object", "properties": { name: { "type": "string" }, "h": {} }, "required": [name] });
        let Mapped { input, notes } = map(Some(schema.to_string().as_bytes()));
        let Ty::Record(record) = &input else { panic!("{name:?}") };
        assert_eq!((record.fields[name].ty.clone(), record.fields[name].required, notes.len()), (Ty::Str, true, 1), "{name:?}");
        cedar_schema(&input);
    }
    let schema = r#"{"properties":{"a b":{"properties":{"x\"":{}}},"_1":{}}}"#;
    let notes: Vec<String> = map(Some(schema.as_bytes())).notes.iter().map(ToString::to_string).collect();
    assert_eq!(notes, ["`context.input._1` may be anything", r#"`context.input["a b"]["x\""]` may be anything"#]);
}

#[test]
fn a_text_that_two_readers_could_read_differently_is_not_read() {
    for (text, note) in [
        (&br#"{"type":"object","type":"string"}"#[..], " has a key twice"),
        (br#"{"properties":{"a":{"type":"string","\u0074ype":"integer"}}}"#, "/properties/a has a key twice"),
        (br#"{"properties":{"a":{"examples":[{"b":1,"b":2}]}}}"#, "/properties/a/examples/0 has a key twice"),
        (br#"{"\ud800":1}"#, " cannot be read as an object"),
        (b"{", " is not JSON"),
        (b"", " is not JSON"),
        (b"{} {}", " is not JSON"),
        (b"\xff", " is not UTF-8"),
        (b"[]", " has no valid schema"),
        (b"null", " has no valid schema"),
        (b"true", " may be anything"),
        (b"false", " takes no value"),
    ] {
        let Mapped { input, notes } = map(Some(text));
        let notes: Vec<String> = notes.iter().map(|note| format!("{} {}", note.pointer, note.reason)).collect();
        assert_eq!((input, notes), (Ty::Hidden, vec![note.to_owned()]), "{}", String::from_utf8_lossy(text));
    }
    assert_eq!(map(None).notes[0].to_string(), "`context.input` has no schema");
}

#[test]
fn every_limit_has_an_answer() {
    let object = |inside: &str| format!(r#"{{"type":"object","properties":{{"v":{inside}}}}}"#);
    let nested = |levels: usize| (1..levels).fold(r#"{"type":"string"}"#.to_owned(), |inside, _| object(&inside));
    assert_eq!(mapped(&nested(17)).1, Vec::<String>::new(), "16 records");
    let (ty, notes) = mapped(&nested(18));
    assert_eq!(
        (ty.matches('_').count(), notes[0].get(notes[0].rfind("/v").unwrap()..).unwrap()),
        (1, "/v is nested more than 16 levels deep")
    );
    let lists = (0..16).fold(r#"{"type":"string"}"#.to_owned(), |inside, _| format!(r#"{{"type":"array","items":{inside}}}"#));
    assert_eq!(mapped(&object(&lists)).0, "{v?: _}");
    assert_eq!(
        mapped(&format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))).1[0].rsplit('/').next().unwrap(),
        "0 is nested more than 64 levels deep"
    );
    let long = object(&format!(r#"{{"type":"string","description":"{}"}}"#, "x".repeat(1 << 20)));
    assert_eq!(mapped(&long), ("_".to_owned(), vec![" is longer than 1 MiB".to_owned()]));

    let many = |count: usize| {
        let properties: Vec<String> = (0..count).map(|n| format!(r#""p{n}":{{"type":"string"}}"#)).collect();
        format!(r#"{{"properties":{{{}}}}}"#, properties.join(","))
    };
    assert_eq!(mapped(&many(4095)).1, Vec::<String>::new());
    let too_many = " has more parts than can be looked at (4096 schemas, 1 MiB of names and values)";
    assert_eq!(mapped(&many(4096)), ("_".to_owned(), vec![too_many.to_owned()]));
    let chain: Vec<String> = (0..200).map(|n| format!(r##""d{n}":{{"$ref":"#/$defs/d{}"}}"##, n + 1)).collect();
    let chain = format!(r##"{{"properties":{{"v":{{"$ref":"#/$defs/d0"}}}},"$defs":{{{}}}}}"##, chain.join(","));
    assert_eq!(mapped(&chain), ("{v?: _}".to_owned(), vec!["/$defs/d94 is reached through more than 96 schemas".to_owned()]));
}

/// Schemas that grow without bound when their references are followed without counting.
fn bombs() -> Vec<(&'static str, String)> {
    let doubling = |link: &dyn Fn(usize) -> Value| {
        let defs: serde_json::Map<String, Value> = (0..40).map(|n| (format!("d{n}"), link(n + 1))).collect();
        json!({ "properties": { "v": { "$ref": "#/$defs/d0" } }, "$defs": defs }).to_string()
    };
    let to = |n: usize| json!({ "$ref": format!("#/$defs/d{n}") });
    let fan = |target: Value| {
        let properties: serde_json::Map<String, Value> =
            (0..4000).map(|n| (format!("p{n}"), json!({ "$ref": "#/$defs/x" }))).collect();
        json!({ "properties": properties, "$defs": { "x": target } }).to_string()
    };
    let big = "x".repeat(800_000);
    let listed: Vec<String> = (0..60_000).map(|n| n.to_string()).collect();
    vec![
        ("laughs in records", doubling(&|n| json!({ "properties": { "a": to(n), "b": to(n) } }))),
        ("laughs in choices", doubling(&|n| json!({ "anyOf": [to(n), to(n)] }))),
        ("laughs in combinations", doubling(&|n| json!({ "properties": {}, "allOf": [to(n), to(n)] }))),
        ("one long value many times", fan(json!({ "const": big }))),
        ("one long name many times", fan(json!({ "properties": { (big.as_str()): { "type": "string" } } }))),
        ("one long default many times", fan(json!({ "properties": { "a": { "type": "string", "default": big } } }))),
        ("one long required many times", fan(json!({ "properties": {}, "required": listed }))),
        ("one long enum many times", fan(json!({ "enum": listed }))),
        ("one long choice many times", fan(json!({ "anyOf": vec![json!(false); 60_000] }))),
        ("one long type many times", fan(json!({ "type": big }))),
        ("one long reference many times", fan(json!({ "$ref": format!("#{big}") }))),
        ("many long notes", fan(json!({ "properties": { (big.as_str()): {} } }))),
        ("many arrays", format!("{{\"x\":[{}]}}", vec!["[]"; 300_000].join(","))),
        ("text in depth", format!("{}{}{}", "[".repeat(60), "1,".repeat(500_000), "]".repeat(60))),
    ]
}

#[test]
fn no_schema_takes_long_or_grows() {
    for (name, schema) in bombs() {
        let started = Instant::now();
        let Mapped { input, notes } = map(Some(schema.as_bytes()));
        assert!(started.elapsed() < Duration::from_secs(10), "{name} took {:?}", started.elapsed());
        let size = format!("{input:?}{notes:?}").len();
        assert!(size < 8 << 20, "{name} became {size} bytes");
        assert!(!notes.is_empty(), "{name}");
    }
}

/// A schema whose only action has this input; `None` where nothing of it can be seen.
pub(super) fn cedar_schema(input: &Ty) -> Option<Schema> {
    let input = input.to_cedar()?;
    let schema = json!({ "T": {
        "entityTypes": { "E": {} },
        "actions": { "a": { "appliesTo": {
            "principalTypes": ["E"], "resourceTypes": ["E"],
            "context": { "type": "Record", "attributes": { "input": input } },
        } } },
    } });
    Some(Schema::from_json_value(schema.clone()).unwrap_or_else(|error| panic!("{error}: {schema}")))
}
