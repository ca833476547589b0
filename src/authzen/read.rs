//! Bodies to the four entities of a question, strictly: what is missing or of another type is named by its JSON pointer, and no key
//! stands twice. Members that the specification does not know are passed over, as it asks for; what stands in `properties` and
//! `context` is for `understand` to read.

use std::borrow::Cow;

use super::bad::Bad;
use crate::json::{self, Fault, Member};

/// The longest type or name of an action, in bytes.
const MAX_WORD: usize = 1024;
/// The longest id, in bytes. Patterns are matched against it.
const MAX_ID: usize = 8 << 10;

type Read<T> = Result<T, Bad>;

/// A subject or resource, as far as it is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Entity<'a> {
    pub(super) kind: Option<Cow<'a, str>>,
    pub(super) id: Option<Cow<'a, str>>,
    /// The text of an object.
    pub(super) properties: Option<&'a str>,
}

/// An action, as far as it is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Verb<'a> {
    pub(super) name: Option<Cow<'a, str>>,
    /// The text of an object.
    pub(super) properties: Option<&'a str>,
}

/// The entities of a question, as far as they are given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Parts<'a> {
    pub(super) subject: Option<Entity<'a>>,
    pub(super) action: Option<Verb<'a>>,
    pub(super) resource: Option<Entity<'a>>,
    /// The text of an object.
    pub(super) context: Option<&'a str>,
}

/// A subject or resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named<'a> {
    pub(super) kind: Cow<'a, str>,
    pub(super) id: Cow<'a, str>,
    pub(super) properties: Option<&'a str>,
}

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked<'a> {
    pub(super) subject: Named<'a>,
    pub(super) action: Cow<'a, str>,
    pub(super) action_properties: Option<&'a str>,
    pub(super) resource: Named<'a>,
    pub(super) context: Option<&'a str>,
}

/// The members of a body that is one object, after a look at all of it.
pub(super) fn body(text: &str, depth: u32) -> Read<Vec<Member<'_>>> {
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    if text.is_empty() {
        return Err(Bad::request("the body is empty"));
    }
    json::check(text, depth).map_err(Bad::json)?;
    json::members(text).map_err(|fault| match fault {
        Fault::Shape => Bad::request("the body is not a JSON object"),
        other => Bad::json(other),
    })
}

/// The value of a member.
pub(super) fn member<'m, 'a>(members: &'m [Member<'a>], key: &str) -> Option<&'m Member<'a>> {
    members.iter().find(|member| member.key == key)
}

/// The text of a member that is an object, if it is there.
pub(super) fn object<'a>(members: &[Member<'a>], key: &str) -> Read<Option<&'a str>> {
    match member(members, key) {
        None => Ok(None),
        Some(member) if json::is_object(member.value) => Ok(Some(member.value)),
        Some(_) => Err(Bad::at(pointer(key), "is not an object")),
    }
}

/// A step of a pointer.
pub(super) fn pointer(key: &str) -> String {
    format!("/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// The members of an object in the body.
pub(super) fn members<'a>(text: &'a str) -> Read<Vec<Member<'a>>> {
    json::members(text).map_err(Bad::json)
}

/// The text of a member that is a string, if it is there.
pub(super) fn text<'a>(members: &[Member<'a>], key: &str, longest: usize) -> Read<Option<Cow<'a, str>>> {
    let Some(member) = member(members, key) else { return Ok(None) };
    let text = json::string(member.value).map_err(|_| Bad::at(pointer(key), "is not a string"))?;
    match text.len() {
        0 => Err(Bad::at(pointer(key), "is empty")),
        length if length > longest => Err(Bad::at(pointer(key), format!("is longer than {longest} bytes"))),
        _ => Ok(Some(text)),
    }
}

impl<'a> Parts<'a> {
    /// Those among the members of an object.
    pub(super) fn of(members: &[Member<'a>]) -> Read<Self> {
        Ok(Self {
            subject: entity(members, "subject")?,
            action: verb(members)?,
            resource: entity(members, "resource")?,
            context: object(members, "context")?,
        })
    }

    /// These, and where they are silent those of the whole request. A subject or resource is one thing or the other; but its type and
    /// its id are not left open when the whole request gives them (certification scenario, c-3-2-7).
    pub(super) fn or(self, defaults: &Self) -> Self {
        Self {
            subject: merged(self.subject, defaults.subject.as_ref()),
            action: self.action.or_else(|| defaults.action.clone()),
            resource: merged(self.resource, defaults.resource.as_ref()),
            context: self.context.or(defaults.context),
        }
    }

    /// The question that they are.
    pub(super) fn whole(self) -> Read<Asked<'a>> {
        let subject = named(self.subject, "subject")?;
        let (action, action_properties) = action(self.action)?;
        let resource = named(self.resource, "resource")?;
        Ok(Asked { subject, action, action_properties, resource, context: self.context })
    }

    /// The question about a subject that is looked for, whatever id is given.
    pub(super) fn without_subject_id(self) -> Self {
        Self { subject: self.subject.map(Entity::without_id), ..self }
    }

    /// The question about a resource that is looked for, whatever id is given.
    pub(super) fn without_resource_id(self) -> Self {
        Self { resource: self.resource.map(Entity::without_id), ..self }
    }
}

impl<'a> Entity<'a> {
    fn without_id(self) -> Self {
        Self { id: None, ..self }
    }

    /// The same with an id.
    pub(super) fn with_id(&self, id: &'a str) -> Self {
        Self { id: Some(Cow::Borrowed(id)), ..self.clone() }
    }
}

fn merged<'a>(own: Option<Entity<'a>>, default: Option<&Entity<'a>>) -> Option<Entity<'a>> {
    let Some(own) = own else { return default.cloned() };
    let (kind, id) = default.map(|default| (default.kind.clone(), default.id.clone())).unwrap_or_default();
    Some(Entity { kind: own.kind.or(kind), id: own.id.or(id), properties: own.properties })
}

fn entity<'a>(of: &[Member<'a>], key: &str) -> Read<Option<Entity<'a>>> {
    let Some(whole) = object(of, key)? else { return Ok(None) };
    let read = || {
        let inner = members(whole)?;
        Ok(Entity {
            kind: text(&inner, "type", MAX_WORD)?,
            id: text(&inner, "id", MAX_ID)?,
            properties: object(&inner, "properties")?,
        })
    };
    read().map(Some).map_err(|bad: Bad| bad.within(&pointer(key)))
}

fn verb<'a>(of: &[Member<'a>]) -> Read<Option<Verb<'a>>> {
    let Some(whole) = object(of, "action")? else { return Ok(None) };
    let read = || {
        let inner = members(whole)?;
        Ok(Verb { name: text(&inner, "name", MAX_WORD)?, properties: object(&inner, "properties")? })
    };
    read().map(Some).map_err(|bad: Bad| bad.within("/action"))
}

fn named<'a>(entity: Option<Entity<'a>>, key: &str) -> Read<Named<'a>> {
    let entity = entity.ok_or_else(|| Bad::at(pointer(key), "is missing"))?;
    let kind = entity.kind.ok_or_else(|| Bad::at(format!("/{key}/type"), "is missing"))?;
    let id = entity.id.ok_or_else(|| Bad::at(format!("/{key}/id"), "is missing"))?;
    Ok(Named { kind, id, properties: entity.properties })
}

fn action<'a>(verb: Option<Verb<'a>>) -> Read<(Cow<'a, str>, Option<&'a str>)> {
    let Verb { name, properties } = verb.ok_or_else(|| Bad::at("/action", "is missing"))?;
    let name = name.ok_or_else(|| Bad::at("/action/name", "is missing"))?;
    Ok((name, properties))
}
