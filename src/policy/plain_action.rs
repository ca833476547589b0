//! The actions of services that ask about entities of their own: what they are about, and what their context is.
//!
//! They stand in the author's schema files, in any namespace but `Mcp`. What is in `Mcp` is about calls, and follows other rules.

use std::collections::BTreeSet;

use cedar_policy::{EntityId, EntityTypeName, EntityUid};
use serde_json::{Map, Value};

use super::schema::NAMESPACE;
use super::ty::{Record, Ty};
use super::types::{MAX_NESTING, Types, members, qualified};

/// The attribute of a context that holds the properties of the action.
pub(super) const PROPERTIES: &str = "action";

/// An action that a service can ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PlainAction {
    /// The types of those who may be asked about.
    pub(super) principals: BTreeSet<EntityTypeName>,
    /// The types of what it can be done to.
    pub(super) resources: BTreeSet<EntityTypeName>,
    /// What the context may hold, besides the action's properties.
    pub(super) context: Record,
    /// What the action's properties may be, and whether there must be any.
    pub(super) properties: Option<(Record, bool)>,
}

/// Compiles a declaration in Cedar's JSON form.
///
/// # Errors
///
/// What is wrong with it, as the end of a sentence, and what would be right.
pub(super) fn compile(
    namespaces: &Map<String, Value>,
    namespace: &str,
    name: &str,
    action: &Map<String, Value>,
) -> Result<(EntityUid, PlainAction), (String, String)> {
    let help =
        "an action outside `Mcp` is about entity types of your own; the actions of calls are `Mcp::Action::\"server/tool\"`";
    let wrong = |message: String| (message, help.to_owned());
    let types = |key: &str| {
        let listed = action.get("appliesTo").and_then(|applies| applies.get(key)).and_then(Value::as_array);
        let listed = listed.into_iter().flatten().filter_map(Value::as_str);
        listed.map(|name| own_type(namespaces, namespace, name).map_err(wrong)).collect::<Result<BTreeSet<_>, _>>()
    };
    let (principals, resources) = (types("principalTypes")?, types("resourceTypes")?);
    let groups = action.get("memberOf").and_then(Value::as_array).into_iter().flatten();
    let mut kinds = groups.filter_map(|group| group.get("type").and_then(Value::as_str));
    if kinds.any(|kind| kind.starts_with("Mcp::")) {
        return Err(wrong("is in a group of `Mcp`".to_owned()));
    }
    let types = Types { namespaces, of_arguments: false };
    let declared = action.get("appliesTo").and_then(|applies| applies.get("context"));
    let context = declared.map(|context| types.compile(namespace, context, MAX_NESTING)).transpose();
    let mut context = match context.map_err(|message| (format!("has a context that cannot be used: {message}"), String::new()))? {
        None => Record::closed(super::ty::Fields::new()),
        Some(Ty::Record(record)) => record,
        Some(_) => return Err(("has a context that is not a record".to_owned(), "write `context: { … }`".to_owned())),
    };
    let properties = match context.fields.remove(PROPERTIES) {
        None => None,
        Some(field) => match field.ty {
            Ty::Record(record) => Some((record, field.required)),
            _ => {
                let help =
                    "`action` in the context of such an action holds the properties of the action that is asked for: a record";
                return Err(("has `action` in its context, which is not a record".to_owned(), help.to_owned()));
            }
        },
    };
    let ty: EntityTypeName = qualified(namespace, "Action").parse().map_err(|_| wrong("has no usable namespace".to_owned()))?;
    let uid = EntityUid::from_type_name_and_id(ty, EntityId::new(name));
    Ok((uid, PlainAction { principals, resources, context, properties }))
}

/// The type that a declaration in this namespace means, by the rules of Cedar. None of `Mcp`: what is declared there is about calls.
fn own_type(namespaces: &Map<String, Value>, namespace: &str, name: &str) -> Result<EntityTypeName, String> {
    let own = || namespaces.get(namespace).is_some_and(|body| members(body, "entityTypes").contains_key(name));
    let full = if !name.contains("::") && own() { qualified(namespace, name) } else { name.to_owned() };
    let ty: EntityTypeName = full.parse().map_err(|_| format!("is about `{name}`, which is not the name of a type"))?;
    if ty.namespace() == NAMESPACE { Err(format!("is about `{full}`")) } else { Ok(ty) }
}
