//! The circumstances of a call as policies see them: all of the context but the arguments.
//!
//! Making them takes longer than evaluating the policies, because Cedar's constructors of extension values run its parser over the
//! name of the function. So they are kept: the calls of one caller from one place within one second share them, and so do all
//! entries of a list. Hence the resolution of `context.time.now` is a second. Forgetting them costs time and nothing else.

use std::collections::HashMap;
use std::sync::Arc;

use cedar_policy::{Context, RestrictedExpression};
use jiff::tz::TimeZone;
use parking_lot::Mutex;

use super::entities::Names;
use crate::domain::{Caller, Source, Timestamp};

/// Of how many callers the circumstances are kept within a second.
const MAX_KEPT: usize = 256;

/// An attribute of the context.
pub(super) type Fact = (String, RestrictedExpression);

/// Everything but the arguments.
#[derive(Debug)]
pub(super) struct Circumstances {
    facts: Vec<Fact>,
    context: Context,
}

impl Circumstances {
    fn new(names: &Names, zone: &TimeZone, caller: &Caller, source: &Source, second: i64) -> Result<Self, String> {
        let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
        let record = |pairs: Vec<Fact>| RestrictedExpression::new_record(pairs).map_err(|error| error.to_string());
        let mut from = vec![("transport".to_owned(), text(source.transport.name()))];
        // An IPv4 address in IPv6 form is the IPv4 address.
        let address = source.ip.map(|ip| RestrictedExpression::new_ip(ip.to_canonical().to_string()));
        from.extend(address.map(|address| ("ip".to_owned(), address)));
        let session = source.session.iter().map(|id| ("id".to_owned(), text(id))).collect();
        let mut facts = vec![
            ("time".to_owned(), record(time(zone, second)?)?),
            ("source".to_owned(), record(from)?),
            ("session".to_owned(), record(session)?),
            ("agent".to_owned(), RestrictedExpression::new_entity_uid(names.agent(&caller.agent))),
        ];
        facts.extend(names.actor(caller).map(|actor| ("actor".to_owned(), RestrictedExpression::new_entity_uid(actor))));
        let context = Context::from_pairs(facts.iter().cloned()).map_err(|error| error.to_string())?;
        Ok(Self { facts, context })
    }

    /// The context of a call of which policies see nothing else, or of one with further attributes.
    pub(super) fn with(&self, more: Vec<Fact>) -> Result<Context, String> {
        if more.is_empty() {
            return Ok(self.context.clone());
        }
        // From the facts and not from the context: merging contexts evaluates everything once more than that.
        Context::from_pairs(self.facts.iter().cloned().chain(more)).map_err(|error| error.to_string())
    }
}

fn time(zone: &TimeZone, second: i64) -> Result<Vec<Fact>, String> {
    let instant = jiff::Timestamp::from_second(second).map_err(|error| error.to_string())?;
    let local = instant.to_zoned(zone.clone());
    let long = |value: i8| RestrictedExpression::new_long(i64::from(value));
    Ok(vec![
        ("now".to_owned(), RestrictedExpression::new_datetime(instant.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())),
        ("hour".to_owned(), long(local.hour())),
        ("minute".to_owned(), long(local.minute())),
        ("weekday".to_owned(), long(local.weekday().to_monday_one_offset())),
    ])
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
    pub(super) fn of(
        &self,
        names: &Names,
        zone: &TimeZone,
        caller: &Caller,
        source: &Source,
        now: Timestamp,
    ) -> Result<Arc<Circumstances>, String> {
        let second = now.as_micros().div_euclid(1_000_000);
        let key = (caller.clone(), source.clone());
        {
            let latest = self.0.lock();
            if let Some(known) = latest.known.get(&key).filter(|_| latest.second == second) {
                return Ok(Arc::clone(known));
            }
        }
        let made = Arc::new(Circumstances::new(names, zone, caller, source, second)?);
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
