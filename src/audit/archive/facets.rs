//! What records are looked for by, as their leaves say it.
//!
//! An outcome has few facets of its own: who asked for what is in the decision it names, its *subject*. What was cut counts as what is
//! left of it. Where a leaf has another form than ours, it has no facets.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::audit::Kind;
use crate::audit::time::parse_time;
use crate::domain::{DecisionId, Timestamp};

/// Something that records are looked for by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Facet {
    /// The kind of record.
    Kind,
    /// The word of a decision or outcome, or what became of policies.
    Verdict,
    /// The agent.
    Agent,
    /// The person it acted for.
    Actor,
    /// The server.
    Server,
    /// The action.
    Action,
    /// The tool, resource, prompt or method.
    Target,
    /// The session.
    Session,
    /// Each policy that determined a decision, or could not be evaluated.
    Policy,
}

impl Facet {
    /// All facets.
    pub const ALL: [Self; 9] = [
        Self::Kind,
        Self::Verdict,
        Self::Agent,
        Self::Actor,
        Self::Server,
        Self::Action,
        Self::Target,
        Self::Session,
        Self::Policy,
    ];

    /// Whether an outcome has it of its own, and not from the decision that it is the outcome of.
    #[must_use]
    pub const fn is_own(self) -> bool {
        match self {
            Self::Kind | Self::Verdict => true,
            Self::Agent | Self::Actor | Self::Server | Self::Action | Self::Target | Self::Session | Self::Policy => false,
        }
    }
}

/// What one record says.
#[derive(Debug, Default)]
pub(super) struct Facets<'a> {
    leaf: Leaf<'a>,
    pub(super) time: Option<Timestamp>,
    pub(super) id: Option<DecisionId>,
}

impl<'a> Facets<'a> {
    pub(super) fn of(leaf: &'a [u8]) -> Self {
        let leaf: Leaf<'a> = serde_json::from_slice(leaf).unwrap_or_default();
        let time = leaf.ts.get().and_then(parse_time);
        let id = leaf.id.get().and_then(DecisionId::parse);
        Self { leaf, time, id }
    }

    /// The values of a facet: several only of policies, none where the record has no such member.
    pub(super) fn values(&self, facet: Facet) -> Vec<&str> {
        let Leaf { t, decision, outcome, change, ruling, agent, actor, server, action, .. } = &self.leaf;
        let Leaf { tool, resource, prompt, method, session, judgements, .. } = &self.leaf;
        let alternatives: &[&Text<'_>] = match facet {
            Facet::Kind => &[t],
            Facet::Verdict => &[decision, outcome, change, ruling],
            Facet::Agent => &[agent],
            Facet::Actor => &[actor],
            Facet::Server => &[server],
            Facet::Action => &[action],
            Facet::Target => &[tool, resource, prompt, method],
            Facet::Session => &[session],
            Facet::Policy => {
                let named = judgements.iter().flat_map(|judgement| judgement.policies.iter().chain(&judgement.faults));
                return named.filter_map(|policy| policy.id.get()).collect();
            }
        };
        alternatives.iter().find_map(|text| text.get()).into_iter().collect()
    }

    /// Where the decision stands that this is the outcome of; nothing when it is no outcome.
    pub(super) fn outcome_of(&self) -> Option<u64> {
        self.is(Kind::Outcome).then_some(self.leaf.decision_seq).flatten()
    }

    /// Whether this is the decision that `outcome` names.
    pub(super) fn is_decision_of(&self, outcome: &Self) -> bool {
        self.is(Kind::Decision) && self.id.is_some() && self.id == outcome.id
    }

    pub(super) fn is(&self, kind: Kind) -> bool {
        self.leaf.t.get() == Some(kind.name())
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Leaf<'a> {
    #[serde(borrow)]
    t: Text<'a>,
    #[serde(borrow)]
    ts: Text<'a>,
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    decision: Text<'a>,
    #[serde(borrow)]
    outcome: Text<'a>,
    #[serde(borrow)]
    change: Text<'a>,
    #[serde(borrow)]
    ruling: Text<'a>,
    #[serde(borrow)]
    agent: Text<'a>,
    #[serde(borrow)]
    actor: Text<'a>,
    #[serde(borrow)]
    server: Text<'a>,
    #[serde(borrow)]
    action: Text<'a>,
    #[serde(borrow)]
    tool: Text<'a>,
    #[serde(borrow)]
    resource: Text<'a>,
    #[serde(borrow)]
    prompt: Text<'a>,
    #[serde(borrow)]
    method: Text<'a>,
    #[serde(borrow)]
    session: Text<'a>,
    #[serde(borrow)]
    judgements: Vec<Judgement<'a>>,
    decision_seq: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Judgement<'a> {
    #[serde(borrow)]
    policies: Vec<Policy<'a>>,
    #[serde(borrow)]
    faults: Vec<Policy<'a>>,
}

/// A policy, or the entry that says how many more there are.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Policy<'a> {
    #[serde(borrow)]
    id: Text<'a>,
}

/// A string, whole or cut to what is left of it; `None` for something else, which is not looked for.
///
/// Every record is read like this when the archive indexes it, so it is read in one go: an untagged enum would keep each value in a buffer
/// and try one form after the other.
#[derive(Debug, Default)]
struct Text<'a>(Option<Cow<'a, str>>);

impl Text<'_> {
    fn get(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor).map(Self)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Option<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(text.to_owned())))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut cut, mut cuts) = (None, 0_u32);
        while let Some(Text(key)) = map.next_key()? {
            if key.as_deref() == Some("cut") {
                let Whole(text) = map.next_value()?;
                (cut, cuts) = (text, cuts.saturating_add(1));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        // What stands there twice stands there for nobody.
        Ok(cut.filter(|_| cuts == 1))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// The text in the place of one that was cut, which cannot be cut itself.
struct Whole<'a>(Option<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Whole<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?;
        Ok(Self(if raw.get().starts_with('"') { Text::deserialize(raw).map_err(Error::custom)?.0 } else { None }))
    }
}

#[cfg(test)]
#[path = "facets_tests.rs"]
mod tests;
