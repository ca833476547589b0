//! The circumstances of a call as policies see them: all of the context but the arguments.
//!
//! Making them takes longer than evaluating the policies, because Cedar's constructors of extension values run its parser over the
//! name of the function. So they are kept: the calls of one caller from one place within one second share them, and so do all
//! entries of a list. Hence the resolution of `context.time.now` is a second. Forgetting them costs time and nothing else.
//! Where it is known what the policies read, only that is made.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use cedar_policy::{Context, RestrictedExpression};
use jiff::tz::TimeZone;
use parking_lot::Mutex;

use super::entities::Names;
use super::residual::Needs;
use crate::domain::{Attribute, Caller, Source, Timestamp, Token};

/// Of how many callers the circumstances are kept within a second.
const MAX_KEPT: usize = 256;

/// An attribute of the context.
pub(super) type Fact = (String, RestrictedExpression);

/// Who calls, from where and when, and the words policies have for that.
#[derive(Debug, Clone, Copy)]
pub(super) struct Occasion<'a> {
    pub(super) names: &'a Names,
    pub(super) zone: &'a TimeZone,
    pub(super) caller: &'a Caller,
    pub(super) source: &'a Source,
    pub(super) now: Timestamp,
}

/// Everything but the arguments.
#[derive(Debug)]
pub(super) struct Circumstances {
    facts: Vec<Fact>,
    context: Context,
}

impl Circumstances {
    fn new(occasion: &Occasion<'_>) -> Result<Self, String> {
        let facts = occasion.facts(Needs::EVERYTHING)?;
        let context = Context::from_pairs(facts.iter().cloned()).map_err(|error| error.to_string())?;
        Ok(Self { facts, context })
    }

    /// The context of a call of which policies see nothing else, or of one with further attributes.
    pub(super) fn with(&self, more: &[Fact]) -> Result<Context, String> {
        if more.is_empty() {
            return Ok(self.context.clone());
        }
        // From the facts and not from the context: merging contexts evaluates everything once more than that.
        Context::from_pairs(self.facts.iter().chain(more).cloned()).map_err(|error| error.to_string())
    }
}

impl Occasion<'_> {
    fn second(&self) -> i64 {
        self.now.as_micros().div_euclid(1_000_000)
    }

    /// The circumstances that policies with these needs read.
    pub(super) fn facts(&self, needs: Needs) -> Result<Vec<Fact>, String> {
        let mut facts = Vec::new();
        if needs.has(Needs::TIME) {
            facts.push(record("time", time(self.zone, self.second(), needs)?)?);
        }
        if needs.has(Needs::SOURCE) {
            facts.push(record("source", source(self.source, needs))?);
        }
        if needs.has(Needs::SESSION) {
            let id = self.source.session.iter().map(|id| ("id".to_owned(), text(id)));
            facts.push(record("session", id.collect())?);
        }
        if let Some(said) = self.caller.token.as_deref().filter(|_| needs.has(Needs::TOKEN)) {
            facts.push(record("token", token(said)?)?);
        }
        if needs.has(Needs::AGENT) {
            facts.push(("agent".to_owned(), RestrictedExpression::new_entity_uid(self.names.agent(&self.caller.agent))));
        }
        if needs.has(Needs::ACTOR) {
            let actor = self.names.actor(self.caller);
            facts.extend(actor.map(|actor| ("actor".to_owned(), RestrictedExpression::new_entity_uid(actor))));
        }
        Ok(facts)
    }
}

pub(super) fn time(zone: &TimeZone, second: i64, needs: Needs) -> Result<Vec<Fact>, String> {
    let local = calendar(second)?.to_zoned(zone.clone());
    let long = |value: i8| RestrictedExpression::new_long(i64::from(value));
    let mut facts = Vec::new();
    if needs.has(Needs::NOW) {
        facts.push(("now".to_owned(), datetime(second)?));
    }
    let parts = [
        (Needs::HOUR, "hour", local.hour()),
        (Needs::MINUTE, "minute", local.minute()),
        (Needs::WEEKDAY, "weekday", local.weekday().to_monday_one_offset()),
    ];
    let read = parts.into_iter().filter(|(part, _, _)| needs.has(*part));
    facts.extend(read.map(|(_, name, value)| (name.to_owned(), long(value))));
    Ok(facts)
}

fn calendar(second: i64) -> Result<jiff::Timestamp, String> {
    jiff::Timestamp::from_second(second).map_err(|error| error.to_string())
}

fn datetime(second: i64) -> Result<RestrictedExpression, String> {
    Ok(RestrictedExpression::new_datetime(calendar(second)?.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()))
}

/// A point in time, to the second before it.
pub(super) fn instant(at: Timestamp) -> Result<RestrictedExpression, String> {
    datetime(at.as_micros().div_euclid(1_000_000))
}

fn source(source: &Source, needs: Needs) -> Vec<Fact> {
    let mut facts = Vec::new();
    if needs.has(Needs::TRANSPORT) {
        facts.push(("transport".to_owned(), text(source.transport.name())));
    }
    if let Some(ip) = source.ip.filter(|_| needs.has(Needs::IP)) {
        // An IPv4 address in IPv6 form is the IPv4 address.
        facts.push(("ip".to_owned(), RestrictedExpression::new_ip(ip.to_canonical().to_string())));
    }
    facts
}

fn token(token: &Token) -> Result<Vec<Fact>, String> {
    let claims = token.attributes.iter().map(|(name, value)| (name.to_string(), attribute(value))).collect();
    Ok(vec![("issuer".to_owned(), text(&token.issuer)), ("scopes".to_owned(), texts(&token.scopes)), record("claims", claims)?])
}

fn attribute(value: &Attribute) -> RestrictedExpression {
    match value {
        Attribute::Text(value) => text(value),
        Attribute::Texts(values) => texts(values),
        Attribute::Flag(value) => RestrictedExpression::new_bool(*value),
        Attribute::Number(value) => RestrictedExpression::new_long(*value),
    }
}

pub(super) fn texts(values: &BTreeSet<Arc<str>>) -> RestrictedExpression {
    RestrictedExpression::new_set(values.iter().map(|value| text(value)))
}

pub(super) fn text(text: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(text.to_owned())
}

pub(super) fn record(name: &str, facts: Vec<Fact>) -> Result<Fact, String> {
    let record = RestrictedExpression::new_record(facts).map_err(|error| error.to_string())?;
    Ok((name.to_owned(), record))
}

/// The circumstances made within the latest second.
#[derive(Debug, Default)]
pub(super) struct Kept(Mutex<Latest>);

#[derive(Debug, Default)]
struct Latest {
    second: i64,
    known: HashMap<(Caller, Source), Arc<Circumstances>>,
}

impl Kept {
    /// The circumstances of a call.
    ///
    /// # Errors
    ///
    /// What Cedar or the calendar cannot express, in words.
    pub(super) fn of(&self, occasion: &Occasion<'_>) -> Result<Arc<Circumstances>, String> {
        let second = occasion.second();
        let key = (occasion.caller.clone(), occasion.source.clone());
        {
            let latest = self.0.lock();
            if let Some(known) = latest.known.get(&key).filter(|_| latest.second == second) {
                return Ok(Arc::clone(known));
            }
        }
        let made = Arc::new(Circumstances::new(occasion)?);
        let mut latest = self.0.lock();
        if latest.second != second || latest.known.len() >= MAX_KEPT {
            latest.known.clear();
            latest.second = second;
        }
        latest.known.insert(key, Arc::clone(&made));
        Ok(made)
    }
}

#[cfg(test)]
#[path = "circumstances_tests.rs"]
mod tests;
