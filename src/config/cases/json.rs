//! Arguments as a test file writes them: TOML values become the JSON text a client would send.

use bytes::Bytes;
use serde_json::value::RawValue;
use toml::de::{DeTable, DeValue};

use crate::domain::{Action, Arguments};
use crate::mcp::{self, Limits, Message};

/// A JSON value. Leaves are kept as text, so that no number is rounded on its way into a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Json {
    Leaf(String),
    Array(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl Json {
    /// The value as JSON, or what JSON cannot say.
    pub(super) fn of(value: &DeValue<'_>) -> Result<Self, String> {
        match value {
            DeValue::String(text) => Ok(Self::string(text)),
            DeValue::Integer(number) if number.radix() == 10 => Ok(Self::Leaf(number.as_str().replace('+', ""))),
            DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix())
                .map(|number| Self::Leaf(number.to_string()))
                .map_err(|_| format!("`{number}` is too large")),
            DeValue::Float(number) => match number.as_str().trim_start_matches('+') {
                text if text.contains("inf") || text.contains("nan") => Err(format!("JSON has no `{text}`")),
                // Not all of it: the sign of an exponent may stay.
                text => Ok(Self::Leaf(text.to_owned())),
            },
            DeValue::Boolean(value) => Ok(Self::Leaf(value.to_string())),
            DeValue::Datetime(value) => Ok(Self::string(&value.to_string())),
            DeValue::Array(items) => items.iter().map(|item| Self::of(item.get_ref())).collect::<Result<_, _>>().map(Self::Array),
            DeValue::Table(table) => Self::object(table),
        }
    }

    /// A table as a JSON object, its members in the order they are written.
    pub(super) fn object(table: &DeTable<'_>) -> Result<Self, String> {
        let member = |(name, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| -> Result<(String, Self), String> {
            let name: &std::borrow::Cow<'_, str> = name.get_ref();
            Ok((name.to_string(), Self::of(value.get_ref())?))
        };
        table.iter().map(member).collect::<Result<_, _>>().map(Self::Object)
    }

    fn string(text: &str) -> Self {
        Self::Leaf(serde_json::Value::from(text).to_string())
    }

    /// Puts a value at a path of member names, making the objects on the way. `false` when something else than an object is in the way.
    #[must_use]
    pub(super) fn put(&mut self, path: &[&str], value: Self) -> bool {
        let Some((name, rest)) = path.split_first() else {
            *self = value;
            return true;
        };
        let Self::Object(members) = self else { return false };
        match members.iter_mut().find(|(member, _)| member == name) {
            Some((_, member)) => member.put(rest, value),
            None => {
                let mut member = Self::Object(Vec::new());
                let put = member.put(rest, value);
                members.push(((*name).to_owned(), member));
                put
            }
        }
    }

    /// The JSON text.
    pub(super) fn text(&self) -> String {
        let list = |items: Vec<String>| items.join(",");
        match self {
            Self::Leaf(text) => text.clone(),
            Self::Array(items) => format!("[{}]", list(items.iter().map(Self::text).collect())),
            Self::Object(members) => {
                let member =
                    |(name, value): &(String, Self)| format!("{}:{}", serde_json::Value::from(name.as_str()), value.text());
                format!("{{{}}}", list(members.iter().map(member).collect()))
            }
        }
    }
}

/// Arguments from their JSON text, read as strictly as a client's message: what the sidecar would not even look at is no question.
pub(super) fn arguments(text: &str) -> Result<Arguments, String> {
    serde_json::from_str::<&RawValue>(text).map_err(|error| format!("this is not JSON: {error}"))?;
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"tool","arguments":{text}}}}}"#);
    let message = Message::parse(&Bytes::from(body), &Limits::default());
    let message = message.map_err(|malformed| format!("no client could send this: {}", malformed.sentence()))?;
    Ok(mcp::arguments(&message, Action::ToolsCall))
}
