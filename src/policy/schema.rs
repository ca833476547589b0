//! The vocabulary: the base schema that is built in, merged with the fragments of the author, and compiled types of it.
//!
//! Merging happens on Cedar's JSON form of schemas, so that a typed action needs only its `input` (the base context is added here)
//! and a base entity type can be given further attributes. What an author may not do is change what is there already: a policy
//! that was reviewed against the base vocabulary keeps its meaning.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use cedar_policy::{EntityTypeName, EntityUid, Schema, SchemaFragment};
use serde_json::{Map, Value};

use super::load::SourceFile;
use super::plain_action::{self, PlainAction};
use super::report::{LoadError, Problem};
use super::ty::{Fields, Record, Ty};
use super::types::{MAX_NESTING, Types, members, qualified};
use crate::domain::AttributeKind;

/// The base vocabulary's text.
pub(super) const BASE: &str = include_str!("../../schema/cedarpost.cedarschema");
/// The namespace of the base vocabulary.
pub(super) const NAMESPACE: &str = "Mcp";
/// The group of the actions of all tools.
const TOOLS_CALL: &str = "tools/call";
/// Entity types that come from servers at run time: nobody could give them a required attribute.
const LEARNED: [&str; 3] = ["Tool", "Resource", "Prompt"];

/// The schema of the files, and what is compiled from it. The tools that servers list are added to it, server by server.
#[derive(Debug)]
pub(super) struct Vocabulary {
    pub(super) schema: Schema,
    /// The actions for tools that the author's files declare, by `server/tool`, with the type of `context.input`; [`Ty::Hidden`] where
    /// the action has none.
    pub(super) tools: BTreeMap<String, Ty>,
    /// The attributes of each entity type.
    pub(super) shapes: HashMap<EntityTypeName, Fields>,
    /// The actions of services that ask about entities of their own.
    pub(super) plain: BTreeMap<EntityUid, PlainAction>,
    /// The schema in Cedar's JSON form.
    namespaces: Map<String, Value>,
    base_context: Map<String, Value>,
}

impl Vocabulary {
    /// Whether an action is declared by the base vocabulary or the author, whatever servers list.
    pub(super) fn has_action(&self, id: &str) -> bool {
        self.action(id).is_some()
    }

    /// Whether an action stands for the actions of several tools.
    pub(super) fn is_tool_group(&self, id: &str) -> bool {
        id == TOOLS_CALL || self.action(id).is_some_and(|action| !applies(action))
    }

    /// Whether the schema lists the entities of a type.
    pub(super) fn is_enumerated(&self, ty: &EntityTypeName) -> bool {
        let types = self.namespaces.get(&ty.namespace()).and_then(|body| body.get("entityTypes"));
        types.and_then(|types| types.get(ty.basename())?.get("enum")).is_some()
    }

    /// Whether the schema lists the entities of a type and this is none of them.
    pub(super) fn is_not_listed(&self, ty: &EntityTypeName, id: &str) -> bool {
        let types = self.namespaces.get(&ty.namespace()).and_then(|body| body.get("entityTypes"));
        let listed = types.and_then(|types| types.get(ty.basename())?.get("enum")?.as_array());
        listed.is_some_and(|listed| !listed.iter().any(|item| item.as_str() == Some(id)))
    }

    fn action(&self, id: &str) -> Option<&Map<String, Value>> {
        self.namespaces.get(NAMESPACE)?.get("actions")?.get(id)?.as_object()
    }

    /// The schema with an action for each of these tools (by `server/tool`), in place of what the author's files say about it.
    ///
    /// # Errors
    ///
    /// A sentence of Cedar's, which no type of ours should cause.
    pub(super) fn with_tools<'a>(&self, tools: impl Iterator<Item = (&'a str, Arguments<'a>)>) -> Result<Schema, String> {
        Schema::from_json_value(self.document(tools)).map_err(|error| error.to_string())
    }

    /// The same in Cedar's JSON form.
    pub(super) fn document<'a>(&self, tools: impl Iterator<Item = (&'a str, Arguments<'a>)>) -> Value {
        let mut namespaces = self.namespaces.clone();
        let actions = namespaces.get_mut(NAMESPACE).and_then(|body| body.get_mut("actions")).and_then(Value::as_object_mut);
        if let Some(actions) = actions {
            for (id, arguments) in tools {
                let action = match arguments {
                    Arguments::Irrelevant => serde_json::json!({ "memberOf": [{ "id": TOOLS_CALL }] }),
                    Arguments::Of(ty) => self.tool_action(ty.to_cedar()),
                };
                actions.insert(id.to_owned(), action);
            }
        }
        Value::Object(namespaces)
    }

    fn tool_action(&self, input: Option<Value>) -> Value {
        let mut context = self.base_context.clone();
        context.extend(input.map(|input| ("input".to_owned(), input)));
        serde_json::json!({
            "memberOf": [{ "id": TOOLS_CALL }],
            "appliesTo": {
                "principalTypes": ["Agent", "User"],
                "resourceTypes": ["Tool"],
                "context": { "type": "Record", "attributes": context },
            },
        })
    }
}

/// What a schema says about the arguments of a tool.
#[derive(Debug, Clone, Copy)]
pub(super) enum Arguments<'a> {
    /// The type of `context.input`.
    Of(&'a Ty),
    /// The action is only there because policies name it.
    Irrelevant,
}

/// Builds the vocabulary from the author's fragments. Every problem found is added to `problems`; `None` when there is no schema
/// to go on with.
pub(super) fn build(
    files: &[SourceFile],
    token_claims: &[(Arc<str>, AttributeKind)],
    problems: &mut Vec<Problem>,
) -> Result<Option<Vocabulary>, LoadError> {
    let mut merged = Merged::base()?;
    merged.describe_tokens(token_claims);
    let before = problems.len();
    for file in files {
        match parse(file) {
            Ok(namespaces) => merged.add(file, &namespaces, problems),
            Err(problem) => problems.push(*problem),
        }
    }
    merged.complete_actions(problems);
    if problems.len() > before {
        return Ok(None);
    }
    let schema = match Schema::from_json_value(Value::Object(merged.namespaces.clone())) {
        Ok(schema) => schema,
        Err(error) => {
            problems.push(locate(files, &error));
            return Ok(None);
        }
    };
    let tools = merged.typed_tools(problems);
    let shapes = merged.shapes(problems);
    let plain = merged.plain(problems);
    let Merged { namespaces, base_context, .. } = merged;
    Ok((problems.len() == before).then_some(Vocabulary { schema, tools, shapes, plain, namespaces, base_context }))
}

fn parse(file: &SourceFile) -> Result<Map<String, Value>, Box<Problem>> {
    let failed = |error: &dyn miette::Diagnostic| Box::new(Problem::from_diagnostic(file, error));
    let fragment = if file.name.ends_with(".json") {
        // Cedar's own error has the place only in its sentence.
        serde_json::from_str::<serde::de::IgnoredAny>(&file.text).map_err(|error| Box::new(Problem::from_json(file, &error)))?;
        SchemaFragment::from_json_str(&file.text).map_err(|error| failed(&error))?
    } else {
        SchemaFragment::from_cedarschema_str(&file.text).map_err(|error| failed(&error))?.0
    };
    match fragment.to_json_value().map_err(|error| failed(&error))? {
        Value::Object(namespaces) => Ok(namespaces),
        _ => Err(Box::new(Problem::at(file, 0, 0, "a schema is an object of namespaces"))),
    }
}

/// All fragments in Cedar's JSON form, and where the author's actions stand.
struct Merged {
    namespaces: Map<String, Value>,
    base_actions: Vec<String>,
    base_context: Map<String, Value>,
    /// The author's actions and the file each is declared in.
    actions: BTreeMap<String, SourceFile>,
    /// The same for those of other namespaces, by namespace and name.
    others: BTreeMap<(String, String), SourceFile>,
}

impl Merged {
    fn base() -> Result<Self, LoadError> {
        let broken = |error: String| LoadError::Vocabulary(error);
        let (fragment, _) = SchemaFragment::from_cedarschema_str(BASE).map_err(|error| broken(error.to_string()))?;
        let Value::Object(namespaces) = fragment.to_json_value().map_err(|error| broken(error.to_string()))? else {
            return Err(broken("not an object".to_owned()));
        };
        let base = namespaces.get(NAMESPACE).ok_or_else(|| broken("no namespace".to_owned()))?;
        let base_actions = members(base, "actions").keys().cloned().collect();
        let base_context =
            members(base, "commonTypes").get("CallContext").map(|ty| members(ty, "attributes")).unwrap_or_default();
        Ok(Self { base_actions, base_context, namespaces, actions: BTreeMap::new(), others: BTreeMap::new() })
    }

    /// Says what the configuration takes from tokens.
    fn describe_tokens(&mut self, claims: &[(Arc<str>, AttributeKind)]) {
        let ty = |kind: AttributeKind| match kind {
            AttributeKind::Text => serde_json::json!({ "type": "String", "required": false }),
            AttributeKind::Texts => serde_json::json!({ "type": "Set", "element": { "type": "String" }, "required": false }),
            AttributeKind::Flag => serde_json::json!({ "type": "Boolean", "required": false }),
            AttributeKind::Number => serde_json::json!({ "type": "Long", "required": false }),
        };
        let types = self.namespaces.get_mut(NAMESPACE).and_then(|base| base.get_mut("commonTypes"));
        if let Some(attributes) =
            types.and_then(|types| types.pointer_mut("/TokenClaims/attributes")).and_then(Value::as_object_mut)
        {
            attributes.extend(claims.iter().map(|(name, kind)| (name.to_string(), ty(*kind))));
        }
    }

    fn add(&mut self, file: &SourceFile, namespaces: &Map<String, Value>, problems: &mut Vec<Problem>) {
        for (name, body) in namespaces {
            for part in ["commonTypes", "entityTypes", "actions"] {
                for (key, value) in members(body, part) {
                    self.declare(file, name, part, &key, value, problems);
                }
            }
        }
    }

    fn declare(&mut self, file: &SourceFile, namespace: &str, part: &str, key: &str, value: Value, problems: &mut Vec<Problem>) {
        let body = self.namespaces.entry(namespace).or_insert_with(|| serde_json::json!({ "entityTypes": {}, "actions": {} }));
        let Some(declared) = body.as_object_mut().and_then(|body| body.entry(part).or_insert_with(empty).as_object_mut()) else {
            return;
        };
        match declared.get_mut(key) {
            None => {
                declared.insert(key.to_owned(), value);
                match (part, namespace) {
                    ("actions", NAMESPACE) => drop(self.actions.insert(key.to_owned(), file.clone())),
                    ("actions", other) => drop(self.others.insert((other.to_owned(), key.to_owned()), file.clone())),
                    _ => {}
                }
            }
            Some(existing) if part == "entityTypes" => extend_entity(file, key, existing, &value, problems),
            Some(_) => {
                problems.push(about(file, key, format!("`{key}` is already declared")).with_help(
                    "the base vocabulary and the other schema files have names of their own: choose another".to_owned(),
                ))
            }
        }
    }

    /// Gives each action of the author the base context, after checking that it is an action for a tool.
    fn complete_actions(&mut self, problems: &mut Vec<Problem>) {
        let base = self.base_context.clone();
        let common = self.part("commonTypes");
        let groups = self.part("actions");
        let authored: Vec<(String, SourceFile)> = self.actions.iter().map(|(name, file)| (name.clone(), file.clone())).collect();
        for (name, file) in authored {
            let Some(action) = self.action_mut(&name) else { continue };
            if !applies(action) {
                continue;
            }
            if let Err((message, help)) = check_action(&name, action, &groups) {
                problems.push(about(&file, &name, message).with_help(help));
                continue;
            }
            if let Err(message) = add_context(action, &base, &common) {
                problems.push(about(&file, &name, format!("the context of action `{name}` {message}")).with_help(
                    "give only what is special to the tool: `context: { input: { … } }`; the rest is added for you".to_owned(),
                ));
            }
        }
    }

    fn action_mut(&mut self, name: &str) -> Option<&mut Map<String, Value>> {
        self.namespaces.get_mut(NAMESPACE)?.get_mut("actions")?.get_mut(name)?.as_object_mut()
    }

    fn part(&self, part: &str) -> Map<String, Value> {
        self.namespaces.get(NAMESPACE).map(|body| members(body, part)).unwrap_or_default()
    }

    fn typed_tools(&self, problems: &mut Vec<Problem>) -> BTreeMap<String, Ty> {
        let mut tools = BTreeMap::new();
        let types = Types { namespaces: &self.namespaces, of_arguments: true };
        for (name, action) in self.part("actions") {
            let Some(file) = self.actions.get(&name) else { continue };
            if self.base_actions.contains(&name) || !action.as_object().is_some_and(applies) {
                continue;
            }
            let input = action.pointer("/appliesTo/context/attributes/input");
            let compiled = input.map(|input| types.compile(NAMESPACE, input, MAX_NESTING)).transpose();
            let compiled = compiled.and_then(|ty| match ty {
                Some(ty) if ty.names_entity() => Err("an argument cannot be an entity: whoever calls could name any".to_owned()),
                Some(ty @ Ty::Record(_)) => Ok(ty),
                None => Ok(Ty::Hidden),
                Some(_) => Err("`input` must be a record".to_owned()),
            });
            match compiled {
                Ok(input) => drop(tools.insert(name, input)),
                Err(message) => problems.push(about(file, &name, format!("action `{name}`: {message}"))),
            }
        }
        tools
    }

    /// The actions of services that ask about entities of their own: all that are not in the namespace of calls.
    fn plain(&self, problems: &mut Vec<Problem>) -> BTreeMap<EntityUid, PlainAction> {
        let mut plain = BTreeMap::new();
        for ((namespace, name), file) in &self.others {
            let body = self.namespaces.get(namespace).map(|body| members(body, "actions")).unwrap_or_default();
            let Some(action) = body.get(name).and_then(Value::as_object) else { continue };
            match plain_action::compile(&self.namespaces, namespace, name, action) {
                // A group of actions is nothing that could be asked for.
                Ok((uid, compiled)) if applies(action) => drop(plain.insert(uid, compiled)),
                Ok(_) => {}
                Err((message, help)) => problems.push(about(file, name, format!("action `{name}` {message}")).with_help(help)),
            }
        }
        plain
    }

    fn shapes(&self, problems: &mut Vec<Problem>) -> HashMap<EntityTypeName, Fields> {
        let types = Types { namespaces: &self.namespaces, of_arguments: false };
        let mut shapes = HashMap::new();
        for (namespace, body) in &self.namespaces {
            for (name, declared) in members(body, "entityTypes") {
                let full = qualified(namespace, &name);
                let shape = declared.get("shape").map(|shape| types.compile(namespace, shape, MAX_NESTING)).transpose();
                match (full.parse::<EntityTypeName>(), shape) {
                    (Ok(full), Ok(Some(Ty::Record(Record { fields, .. })))) => drop(shapes.insert(full, fields)),
                    (Ok(full), Ok(_)) => drop(shapes.insert(full, Fields::new())),
                    (Ok(_), Err(message)) => problems.push(Problem::nowhere("", format!("entity type `{full}`: {message}"))),
                    (Err(error), _) => problems.push(Problem::nowhere("", format!("entity type `{full}`: {error}"))),
                }
            }
        }
        shapes
    }
}

/// Adds an author's attributes and parent types to an entity type that is there already.
fn extend_entity(file: &SourceFile, name: &str, existing: &mut Value, addition: &Value, problems: &mut Vec<Problem>) {
    let Some(existing) = existing.as_object_mut() else { return };
    if existing.contains_key("enum") || addition.get("enum").is_some() || addition.get("tags").is_some() {
        problems.push(about(file, name, format!("entity type `{name}` can only be given further attributes and parents")));
        return;
    }
    if let Some(Value::Array(more)) = addition.get("memberOfTypes")
        && let Some(parents) = existing.entry("memberOfTypes").or_insert_with(|| Value::Array(Vec::new())).as_array_mut()
    {
        parents.extend(more.iter().filter(|parent| !parents.contains(parent)).cloned().collect::<Vec<_>>());
    }
    let attributes = addition.get("shape").map(|shape| members(shape, "attributes")).unwrap_or_default();
    if attributes.is_empty() {
        return;
    }
    let shape = existing.entry("shape").or_insert_with(|| serde_json::json!({ "type": "Record", "attributes": {} }));
    let Some(declared) = shape.get_mut("attributes").and_then(Value::as_object_mut) else { return };
    for (attribute, ty) in attributes {
        let optional = ty.get("required") == Some(&Value::Bool(false));
        if declared.contains_key(&attribute) {
            problems.push(about(file, &attribute, format!("attribute `{attribute}` of `{name}` is already declared")));
        } else if LEARNED.contains(&name) && !optional {
            problems.push(
                about(file, &attribute, format!("attribute `{attribute}` of `{name}` must be optional"))
                    .with_help(format!("servers name their own tools, resources and prompts: write `{attribute}?: …`")),
            );
        } else {
            declared.insert(attribute, ty);
        }
    }
}

fn applies(action: &Map<String, Value>) -> bool {
    let nonempty = |key: &str| {
        action
            .get("appliesTo")
            .and_then(|applies| applies.get(key))
            .and_then(Value::as_array)
            .is_some_and(|types| !types.is_empty())
    };
    nonempty("principalTypes") && nonempty("resourceTypes")
}

/// Checks that an author's action is one for a tool, so that rules about all tool calls cover it.
fn check_action(name: &str, action: &Map<String, Value>, groups: &Map<String, Value>) -> Result<(), (String, String)> {
    let types = |key: &str| -> Vec<String> {
        let listed = action.get("appliesTo").and_then(|applies| applies.get(key)).and_then(Value::as_array);
        let bare = |ty: &Value| ty.as_str().map(|ty| ty.strip_prefix("Mcp::").unwrap_or(ty).to_owned());
        let mut types: Vec<String> = listed.into_iter().flatten().filter_map(bare).collect();
        types.sort();
        types
    };
    if !in_tools_call(action, groups, MAX_NESTING) {
        return Err((
            format!("action `{name}` is not in the group `tools/call`"),
            format!("write `action \"{name}\" in [\"tools/call\"] appliesTo …`, or rules about all tools would not cover it"),
        ));
    }
    if types("principalTypes") != ["Agent", "User"] || types("resourceTypes") != ["Tool"] {
        return Err((
            format!("action `{name}` does not apply to every caller"),
            "write `appliesTo { principal: [Agent, User], resource: [Tool], … }`: a call is decided for both".to_owned(),
        ));
    }
    Ok(())
}

fn in_tools_call(action: &Map<String, Value>, groups: &Map<String, Value>, depth: u32) -> bool {
    let parents = action.get("memberOf").and_then(Value::as_array).into_iter().flatten();
    let mut ids = parents.filter_map(|parent| parent.get("id").and_then(Value::as_str));
    depth > 0
        && ids.any(|id| {
            id == TOOLS_CALL
                || groups.get(id).and_then(Value::as_object).is_some_and(|group| in_tools_call(group, groups, depth - 1))
        })
}

/// Writes the base attributes into an action's context.
fn add_context(
    action: &mut Map<String, Value>,
    base: &Map<String, Value>,
    common: &Map<String, Value>,
) -> Result<(), &'static str> {
    let Some(applies) = action.get_mut("appliesTo").and_then(Value::as_object_mut) else { return Ok(()) };
    let context = applies.entry("context").or_insert_with(|| serde_json::json!({ "type": "Record", "attributes": {} }));
    if let Some(name) = reference_name(context) {
        let bare = name.strip_prefix("Mcp::").unwrap_or(name);
        *context = common.get(bare).cloned().ok_or("is not a record")?;
    }
    let attributes = context.get_mut("attributes").and_then(Value::as_object_mut).ok_or("is not a record")?;
    for (name, ty) in base {
        match attributes.get(name) {
            Some(declared) if declared != ty => return Err("declares an attribute of the base context differently"),
            Some(_) => {}
            None => drop(attributes.insert(name.clone(), ty.clone())),
        }
    }
    Ok(())
}

/// The name a type expression refers to, if it is a reference.
fn reference_name(ty: &Value) -> Option<&str> {
    match ty.get("type").and_then(Value::as_str)? {
        "EntityOrCommon" => ty.get("name").and_then(Value::as_str),
        "Record" | "Set" | "String" | "Long" | "Boolean" | "Bool" | "Entity" | "Extension" => None,
        common => Some(common),
    }
}

fn empty() -> Value {
    Value::Object(Map::new())
}

/// A problem with a name, at the first place the file has it. The JSON form of a schema has lost the positions.
fn about(file: &SourceFile, name: &str, message: String) -> Problem {
    let quoted = file.text.find(&format!("\"{name}\"")).map(|at| at + 1);
    let at = quoted.or_else(|| file.text.find(name)).unwrap_or(0);
    Problem::at(file, at, name.len(), message)
}

/// A problem with the schema as a whole, at the first place where a file has the name that Cedar complains about.
fn locate(files: &[SourceFile], error: &cedar_policy::SchemaError) -> Problem {
    let message = error.to_string();
    let help = miette::Diagnostic::help(error).map(|help| help.to_string());
    let names = message.split(|c: char| !(c.is_alphanumeric() || "_:/-.".contains(c))).map(|word| word.trim_matches([':', '.']));
    let mut candidates: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
    candidates.reverse();
    let found = candidates.iter().find_map(|name| {
        let bare = name.rsplit("::").next().unwrap_or(name);
        files.iter().find_map(|file| file.text.find(bare).map(|at| Problem::at(file, at, bare.len(), message.clone())))
    });
    found.unwrap_or_else(|| Problem::nowhere("", message)).with_help(help)
}
