//! The types that values are converted by: what a schema says, compiled once a load.
//!
//! A type is what policies may *see* of a value. What they may not see (because Cedar cannot express it, or because no policy in
//! force reads it) is [`Ty::Hidden`]: it may be anything, and is never looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cedar_policy::EntityTypeName;
use serde_json::{Map, Value, json};

use super::reads::Reads;

/// A type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ty {
    Bool,
    Long,
    Str,
    /// A string that is one of these.
    OneOf(BTreeSet<Box<str>>),
    Decimal,
    Datetime,
    Duration,
    Ip,
    /// Only in entities files: an argument is never an entity, or an attacker could name any.
    Entity(EntityTypeName),
    Set(Box<Ty>),
    Record(Record),
    /// Anything. It is left out of what policies see.
    Hidden,
}

/// A record: the attributes that are known, and what becomes of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) fields: Fields,
    pub(super) others: Others,
}

/// The attributes of a record or an entity.
pub(super) type Fields = BTreeMap<String, Field>;

/// What becomes of a key that a record's type does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Others {
    /// The value is not of the type.
    Refused,
    /// It is left out of what policies see.
    Hidden,
}

/// One attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) ty: Ty,
    /// The key must be there.
    pub(super) required: bool,
    /// `null` is taken, and counts as absent. It always is where the key need not be there and nothing stands for it.
    pub(super) nullable: bool,
    /// What stands for it when the key is not there, as JSON text of its type.
    pub(super) default: Option<Arc<str>>,
}

impl Field {
    pub(super) const fn new(ty: Ty, required: bool) -> Self {
        Self { ty, required, nullable: false, default: None }
    }

    /// Whether a value of the record always has it.
    pub(super) const fn is_certain(&self) -> bool {
        (self.required || self.default.is_some()) && !self.nullable
    }

    /// Whether `null` stands for its absence.
    pub(super) const fn takes_null(&self) -> bool {
        self.nullable || !self.is_certain()
    }
}

impl Record {
    /// A record with these attributes and no others.
    pub(super) const fn closed(fields: Fields) -> Self {
        Self { fields, others: Others::Refused }
    }
}

impl Ty {
    /// Whether policies can see anything of it.
    pub(super) fn is_visible(&self) -> bool {
        match self {
            Self::Hidden => false,
            Self::Set(element) => element.is_visible(),
            _ => true,
        }
    }

    /// The same type in Cedar's JSON form of schemas; `None` for what policies cannot see.
    pub(super) fn to_cedar(&self) -> Option<Value> {
        let extension = |name: &str| Some(json!({ "type": "Extension", "name": name }));
        match self {
            Self::Bool => Some(json!({ "type": "Boolean" })),
            Self::Long => Some(json!({ "type": "Long" })),
            Self::Str | Self::OneOf(_) => Some(json!({ "type": "String" })),
            Self::Decimal => extension("decimal"),
            Self::Datetime => extension("datetime"),
            Self::Duration => extension("duration"),
            Self::Ip => extension("ipaddr"),
            Self::Entity(name) => Some(json!({ "type": "Entity", "name": name.to_string() })),
            Self::Set(element) => element.to_cedar().map(|element| json!({ "type": "Set", "element": element })),
            Self::Record(record) => Some(json!({ "type": "Record", "attributes": record.to_cedar() })),
            Self::Hidden => None,
        }
    }

    /// The type of what policies that read `reads` need to see: everything else is hidden.
    pub(super) fn only(&self, reads: &Reads) -> Self {
        match self {
            Self::Record(record) if !reads.is_whole() => Self::Record(record.only(reads)),
            _ => self.clone(),
        }
    }

    /// Whether it contains an entity anywhere.
    pub(super) fn names_entity(&self) -> bool {
        match self {
            Self::Entity(_) => true,
            Self::Set(element) => element.names_entity(),
            Self::Record(record) => record.fields.values().any(|field| field.ty.names_entity()),
            Self::Bool | Self::Long | Self::Str | Self::OneOf(_) | Self::Hidden => false,
            Self::Decimal | Self::Datetime | Self::Duration | Self::Ip => false,
        }
    }
}

impl Record {
    fn to_cedar(&self) -> Map<String, Value> {
        let visible = self.fields.iter().filter_map(|(name, field)| {
            let mut ty = field.ty.to_cedar()?;
            if !field.is_certain() {
                ty.as_object_mut()?.insert("required".to_owned(), Value::Bool(false));
            }
            Some((name.clone(), ty))
        });
        visible.collect()
    }

    fn only(&self, reads: &Reads) -> Self {
        let fields = self.fields.iter().map(|(name, field)| {
            let field = match reads.part(name) {
                Some(part) => Field { ty: field.ty.only(part), ..field.clone() },
                None => Field::new(Ty::Hidden, false),
            };
            (name.clone(), field)
        });
        Self { fields: fields.collect(), others: self.others }
    }
}

#[cfg(test)]
#[path = "ty_tests.rs"]
mod tests;
