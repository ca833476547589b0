//! One entities file to entities, each with its place, by the types of the schema.
//!
//! The format is Cedar's (`[{"uid": {"type", "id"}, "attrs": {…}, "parents": […]}]`), the reader is not: see [`super::input`].

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use cedar_policy::{EntityTypeName, EntityUid, RestrictedExpression};
use serde_json::value::RawValue;

use super::input::{attributes, object, offset_in, reference};
use super::load::SourceFile;
use super::report::Problem;
use super::schema::Vocabulary;
use super::yaml::{self, Json};

/// What a file says about one entity.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) uid: EntityUid,
    pub(super) attributes: BTreeMap<String, RestrictedExpression>,
    pub(super) parents: HashSet<EntityUid>,
}

/// Types of things that servers bring: their ids name the server, and what the server says need not be repeated.
const OF_A_SERVER: [&str; 3] = [TOOL, "Mcp::Resource", "Mcp::Prompt"];
const TOOL: &str = "Mcp::Tool";

/// The JSON text of a file, which may have been written as YAML.
pub(super) struct Text<'a> {
    file: &'a SourceFile,
    yaml: Option<Json>,
}

impl<'a> Text<'a> {
    /// # Errors
    ///
    /// What is wrong with a file that is written as YAML.
    pub(super) fn of(file: &'a SourceFile) -> Result<Self, Box<Problem>> {
        let is_yaml = [".yaml", ".yml"].iter().any(|end| file.name.ends_with(end));
        let yaml = if is_yaml { Some(yaml::to_json(&file.text)) } else { None };
        let refused = |refused: yaml::Refused| Box::new(Problem::at(file, refused.offset, 1, refused.reason));
        Ok(Self { file, yaml: yaml.transpose().map_err(refused)? })
    }

    pub(super) fn json(&self) -> &str {
        self.yaml.as_ref().map_or(&self.file.text, |json| &json.text)
    }

    /// Where a place in the JSON is in the file.
    fn place(&self, offset: usize) -> usize {
        self.yaml.as_ref().map_or(offset, |json| json.back(offset))
    }

    fn problem(&self, offset: usize, length: usize, message: String) -> Problem {
        // How long something is in JSON says nothing about YAML.
        let length = if self.yaml.is_some() { 1 } else { length };
        Problem::at(self.file, self.place(offset), length, message)
    }

    fn not_json(&self, error: &serde_json::Error) -> Problem {
        if self.yaml.is_none() {
            return Problem::from_json(self.file, error);
        }
        // What was made of YAML has one line.
        let message = error.to_string();
        let message: Cow<'_, str> = message.split(" at line ").next().unwrap_or(&message).into();
        self.problem(error.column().saturating_sub(1), 1, message.into_owned())
    }
}

/// Reads a file: its entities with the offset each begins at. Every problem is added to `problems`. Without a vocabulary, because
/// the schema is broken, only what needs none is checked.
pub(super) fn read(file: &SourceFile, vocabulary: Option<&Vocabulary>, problems: &mut Vec<Problem>) -> Vec<(usize, Read)> {
    let text = match Text::of(file) {
        Ok(text) => text,
        Err(problem) => {
            problems.push(*problem);
            return Vec::new();
        }
    };
    let items: Vec<&RawValue> = match serde_json::from_str(text.json()) {
        Ok(items) => items,
        Err(error) => {
            let help = "an entities file is an array of { \"uid\": …, \"attrs\": …, \"parents\": … }";
            problems.push(text.not_json(&error).with_help(help.to_owned()));
            return Vec::new();
        }
    };
    let Some(vocabulary) = vocabulary else { return Vec::new() };
    let reader = Reader { text: &text, vocabulary };
    let mut entities = Vec::new();
    for raw in items {
        match reader.entity(raw) {
            Ok(entity) => entities.push((text.place(offset_in(text.json(), raw.get())), entity)),
            Err(problem) => problems.push(*problem),
        }
    }
    entities
}

struct Reader<'a> {
    text: &'a Text<'a>,
    vocabulary: &'a Vocabulary,
}

impl Reader<'_> {
    fn entity(&self, raw: &RawValue) -> Result<Read, Box<Problem>> {
        let (mut uid, mut attrs, mut parents) = (None, None, HashSet::new());
        for (key, value) in object(raw).map_err(|reason| self.problem(raw, format!("the entity {reason}"), None))? {
            match &*key {
                "uid" => uid = Some((value, self.uid(value)?)),
                "attrs" => attrs = Some(value),
                "parents" => parents = self.parents(value)?,
                other => {
                    let help = "the keys are `uid`, `attrs` and `parents`";
                    return Err(self.problem(value, format!("unknown key `{other}`"), Some(help)));
                }
            }
        }
        let (place, uid) = uid.ok_or_else(|| self.problem(raw, "the entity has no `uid`".to_owned(), None))?;
        self.check_id(place, &uid)?;
        let attributes = attrs.map(|attrs| self.attributes(attrs, place, uid.type_name())).transpose()?;
        Ok(Read { uid, attributes: attributes.unwrap_or_default(), parents })
    }

    fn uid(&self, raw: &RawValue) -> Result<EntityUid, Box<Problem>> {
        reference(raw).ok_or_else(|| self.problem(raw, "`uid` is not { \"type\": …, \"id\": … }".to_owned(), None))
    }

    fn parents(&self, raw: &RawValue) -> Result<HashSet<EntityUid>, Box<Problem>> {
        let items: Vec<&RawValue> =
            serde_json::from_str(raw.get()).map_err(|_| self.problem(raw, "`parents` is not an array".to_owned(), None))?;
        let wrong = |item| self.problem(item, "a parent is not { \"type\": …, \"id\": … }".to_owned(), None);
        // Parts of a part are found in the file because every raw value borrows from its text.
        items.into_iter().map(|item| reference(item).ok_or_else(|| wrong(item))).collect()
    }

    fn check_id(&self, place: &RawValue, uid: &EntityUid) -> Result<(), Box<Problem>> {
        let ty = uid.type_name();
        if !self.vocabulary.shapes.contains_key(ty) {
            return Err(self.problem(place, format!("unknown entity type `{ty}`"), Some(&self.known())));
        }
        if OF_A_SERVER.contains(&ty.to_string().as_str()) && !uid.id().unescaped().contains('/') {
            let help = "the id is the server's name, a slash and the thing's own name: \"shop/refund\"";
            return Err(self.problem(place, format!("`{uid}` names no server"), Some(help)));
        }
        Ok(())
    }

    fn attributes(
        &self,
        raw: &RawValue,
        place: &RawValue,
        ty: &EntityTypeName,
    ) -> Result<BTreeMap<String, RestrictedExpression>, Box<Problem>> {
        let Some(fields) = self.vocabulary.shapes.get(ty) else {
            return Err(self.problem(place, format!("unknown entity type `{ty}`"), None));
        };
        let ty = ty.to_string();
        let values = attributes(raw.get(), fields, OF_A_SERVER.contains(&ty.as_str())).map_err(|unfit| {
            let offset = offset_in(self.text.json(), raw.get()) + unfit.offset;
            Box::new(self.text.problem(offset, 1, format!("attribute {unfit}")))
        })?;
        if ty == TOOL && values.contains_key("pinned") {
            let help = "state all of readOnly, destructive, idempotent and openWorld";
            return Err(self.problem(raw, "`pinned` cannot be set".to_owned(), Some(help)));
        }
        Ok(values)
    }

    fn known(&self) -> String {
        let mut known: Vec<String> = self.vocabulary.shapes.keys().map(ToString::to_string).collect();
        known.sort();
        format!("the schema has {}", known.join(", "))
    }

    fn problem(&self, part: &RawValue, message: String, help: Option<&str>) -> Box<Problem> {
        let offset = offset_in(self.text.json(), part.get());
        Box::new(self.text.problem(offset, part.get().len(), message).with_help(help.map(str::to_owned)))
    }
}
