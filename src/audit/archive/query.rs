//! What one looks for in the log, and whether a record is it.
//!
//! How it is found is in `search`.

use super::facets::{Facet, Facets};
use crate::audit::Kind;
use crate::domain::{DecisionId, Timestamp};

/// What a value has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// This text.
    Exact(String),
    /// A text that begins like this.
    Prefix(String),
}

impl From<&str> for Pattern {
    /// Text with a `*` at its end stands for all that begin like it, other text for itself.
    fn from(text: &str) -> Self {
        match text.strip_suffix('*') {
            Some(prefix) => Self::Prefix(prefix.to_owned()),
            None => Self::Exact(text.to_owned()),
        }
    }
}

impl Pattern {
    /// Whether a value is one that is looked for.
    #[must_use]
    pub fn fits(&self, value: &[u8]) -> bool {
        match self {
            Self::Exact(text) => text.as_bytes() == value,
            Self::Prefix(prefix) => value.starts_with(prefix.as_bytes()),
        }
    }
}

/// In which order records come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// The last first.
    #[default]
    NewestFirst,
    /// As they stand in the log.
    OldestFirst,
}

/// What is looked for: records for which all of this holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// What their facets have to be; a record without the facet is not looked for. An outcome has the facets of its decision where it
    /// has none of its own ([`Facet::is_own`]).
    pub terms: Vec<(Facet, Pattern)>,
    /// The decision that they are, or are about.
    pub id: Option<DecisionId>,
    /// Their time is not before this.
    pub since: Option<Timestamp>,
    /// Their time is before this.
    pub until: Option<Timestamp>,
    /// Their number is not below this.
    pub from: u64,
    /// Their number is below this. To go on where an answer ended, set this or `from` by its last record.
    pub to: u64,
    /// Whether outcomes are looked for, too.
    pub outcomes: bool,
    /// Which come first, and so which are left out when there are more than `limit`.
    pub order: Order,
    /// How many at most.
    pub limit: usize,
}

impl Default for Query {
    /// The last hundred records.
    fn default() -> Self {
        Self {
            terms: Vec::new(),
            id: None,
            since: None,
            until: None,
            from: 0,
            to: u64::MAX,
            outcomes: true,
            order: Order::default(),
            limit: 100,
        }
    }
}

impl Query {
    /// Whether all that a record says itself fits.
    pub(super) fn fits_itself(&self, seq: u64, own: &Facets<'_>) -> bool {
        (self.from..self.to).contains(&seq)
            && (self.outcomes || !own.is(Kind::Outcome))
            && (self.id.is_none() || self.id == own.id)
            && self.fits_time(own.time)
            && self.own_terms().all(|term| holds(term, own))
    }

    /// Whether the record that it is about fits: the decision, for outcomes.
    pub(super) fn fits_subject(&self, subject: &Facets<'_>) -> bool {
        self.subject_terms().all(|term| holds(term, subject))
    }

    pub(super) fn fits_time(&self, time: Option<Timestamp>) -> bool {
        self.since.is_none_or(|since| time.is_some_and(|time| time >= since))
            && self.until.is_none_or(|until| time.is_some_and(|time| time < until))
    }

    /// Whether it takes the decision to tell if an outcome fits.
    pub(super) fn asks_for_subject(&self) -> bool {
        self.subject_terms().next().is_some()
    }

    fn own_terms(&self) -> impl Iterator<Item = &(Facet, Pattern)> {
        self.terms.iter().filter(|(facet, _)| facet.is_own())
    }

    fn subject_terms(&self) -> impl Iterator<Item = &(Facet, Pattern)> {
        self.terms.iter().filter(|(facet, _)| !facet.is_own())
    }
}

fn holds((facet, pattern): &(Facet, Pattern), facets: &Facets<'_>) -> bool {
    facets.values(*facet).iter().any(|value| pattern.fits(value.as_bytes()))
}
