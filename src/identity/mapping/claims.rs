//! Claims of each kind, found by pointers.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::AttributeRule;
use crate::domain::{Attribute, AttributeKind, JsonPointer};
use crate::identity::flaw::Flaw;

/// The longest name of anybody or anything, in bytes.
const MAX_NAME: usize = 256;

/// What stands at the pointer. A key of an object or, as in RFC 6901, a number in a list.
pub(super) fn at<'a>(claims: &'a Value, pointer: &JsonPointer) -> Option<&'a Value> {
    let found = pointer.steps().try_fold(claims, |value, step| match value {
        Value::Object(members) => members.get(step),
        Value::Array(items) => {
            let plain = step == "0" || !step.starts_with('0') && step.bytes().all(|byte| byte.is_ascii_digit());
            step.parse::<usize>().ok().filter(|_| plain).and_then(|index| items.get(index))
        }
        _ => None,
    });
    found.filter(|value| !value.is_null())
}

/// The first of these places where there is something, which must be a name.
pub(super) fn text<'a>(claims: &'a Value, places: &[JsonPointer]) -> Result<Option<&'a str>, Flaw> {
    let found = places.iter().find_map(|place| Some((place, at(claims, place)?)));
    found.map(|(place, value)| value.as_str().and_then(name).ok_or_else(|| wrong(place))).transpose()
}

/// The names at all of these places: lists of texts, or a text alone.
pub(super) fn names(claims: &Value, places: &[JsonPointer]) -> Result<BTreeSet<Arc<str>>, Flaw> {
    let mut found = BTreeSet::new();
    for place in places {
        found.extend(at(claims, place).map(|value| texts(value).ok_or_else(|| wrong(place))).transpose()?.unwrap_or_default());
    }
    Ok(found)
}

/// The same, but a text is one of words that spaces separate, as scopes are written.
pub(super) fn words(claims: &Value, places: &[JsonPointer]) -> Result<BTreeSet<Arc<str>>, Flaw> {
    let mut found = BTreeSet::new();
    for place in places {
        match at(claims, place) {
            None => {}
            Some(Value::String(text)) => {
                let all = text.split(' ').filter(|word| !word.is_empty());
                let all: Option<Vec<Arc<str>>> = all.map(|word| name(word).map(Into::into)).collect();
                found.extend(all.ok_or_else(|| wrong(place))?);
            }
            Some(value) => found.extend(texts(value).ok_or_else(|| wrong(place))?),
        }
    }
    Ok(found)
}

/// The attribute that a rule is about.
pub(super) fn attribute(claims: &Value, rule: &AttributeRule) -> Result<Option<Attribute>, Flaw> {
    let Some(value) = at(claims, &rule.claim) else { return Ok(None) };
    let found = match rule.kind {
        AttributeKind::Text => value.as_str().map(|text| Attribute::Text(text.into())),
        AttributeKind::Texts => texts(value).map(Attribute::Texts),
        AttributeKind::Flag => value.as_bool().map(Attribute::Flag),
        AttributeKind::Number => value.as_i64().map(Attribute::Number),
    };
    found.map(Some).ok_or_else(|| wrong(&rule.claim))
}

/// The attribute that a value by itself would be: for questions about policies, in which somebody says what a token would.
#[must_use]
pub fn attribute_of(value: &Value) -> Option<Attribute> {
    match value {
        Value::String(text) => Some(Attribute::Text(text.as_str().into())),
        Value::Array(_) => texts(value).map(Attribute::Texts),
        Value::Bool(flag) => Some(Attribute::Flag(*flag)),
        Value::Number(number) => number.as_i64().map(Attribute::Number),
        Value::Null | Value::Object(_) => None,
    }
}

fn texts(value: &Value) -> Option<BTreeSet<Arc<str>>> {
    match value {
        Value::String(text) => name(text).map(|text| BTreeSet::from([text.into()])),
        Value::Array(items) => items.iter().map(|item| item.as_str().and_then(name).map(Into::into)).collect(),
        _ => None,
    }
}

/// A text that can be a name: not empty, not endless, on one line, without space around it.
fn name(text: &str) -> Option<&str> {
    let fits = (1..=MAX_NAME).contains(&text.len()) && text.trim() == text && !text.chars().any(char::is_control);
    fits.then_some(text)
}

fn wrong(place: &JsonPointer) -> Flaw {
    Flaw::Claim(place.to_string().into())
}
