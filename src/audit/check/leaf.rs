//! What a leaf says: the members that every record has, and those that tie records together.
//!
//! Members that are not known here are passed over: a later version may write more of them without changing the form's version.

use crate::domain::{DecisionId, Timestamp};

use super::super::tlog::TreeHash;
use super::scan::{FormFault, Value, members};

/// The version of the form that is read here.
const VERSION: u64 = 1;
/// The longest text of a key, in bytes: a name, an id and a public key, with escapes.
const MAX_KEY: usize = 1024;
/// Kinds of records that have nothing here to look at but what all have.
const PLAIN_KINDS: [&str; 9] = ["policy", "approval", "erase", "start", "stop", "recovery", "clock", "unidentified", "access"];

/// A leaf in the form that it should have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Leaf<'a> {
    /// The version of its form.
    pub(super) version: u64,
    /// The number it says it has.
    pub(super) seq: u64,
    /// What it says is the hash of the leaf before it.
    pub(super) prev: TreeHash,
    /// When it was put in line.
    pub(super) at: Timestamp,
    /// What it records.
    pub(super) body: Body<'a>,
}

/// What a leaf records, as far as other records depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body<'a> {
    /// A decision, and whether it lets the call go on.
    Decision {
        /// Its name.
        id: DecisionId,
        /// Whether it lets the call go on.
        allows: bool,
    },
    /// The end of a call.
    Outcome {
        /// The name of the decision that allowed it.
        id: DecisionId,
        /// Where that decision stands.
        of: u64,
    },
    /// One key follows another.
    Key(KeyChange<'a>),
    /// Records below this number may be gone.
    Prune(u64),
    /// Nothing that others depend on.
    Plain,
}

/// What a `key` record says, with escapes as they stand in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyChange<'a> {
    pub(super) old: &'a str,
    pub(super) new: &'a str,
    pub(super) from: u64,
}

#[derive(Default)]
struct Members<'a> {
    v: Option<u64>,
    seq: Option<u64>,
    prev: Option<&'a str>,
    t: Option<&'a str>,
    ts: Option<&'a str>,
    id: Option<&'a str>,
    decision: Option<&'a str>,
    outcome: Option<&'a str>,
    decision_seq: Option<u64>,
    old: Option<&'a str>,
    new: Option<&'a str>,
    from: Option<u64>,
    min_index: Option<u64>,
}

impl<'a> Members<'a> {
    fn take(&mut self, key: &'a str, value: Value<'a>) {
        match (key, value) {
            ("v", Value::Integer(number)) => self.v = Some(number),
            ("seq", Value::Integer(number)) => self.seq = Some(number),
            ("decision_seq", Value::Integer(number)) => self.decision_seq = Some(number),
            ("from", Value::Integer(number)) => self.from = Some(number),
            ("min_index", Value::Integer(number)) => self.min_index = Some(number),
            ("prev", Value::Text(text)) => self.prev = Some(text),
            ("t", Value::Text(text)) => self.t = Some(text),
            ("ts", Value::Text(text)) => self.ts = Some(text),
            ("id", Value::Text(text)) => self.id = Some(text),
            ("decision", Value::Text(text)) => self.decision = Some(text),
            ("outcome", Value::Text(text)) => self.outcome = Some(text),
            // No key is nearly that long.
            ("old", Value::Text(text)) if text.len() <= MAX_KEY => self.old = Some(text),
            ("new", Value::Text(text)) if text.len() <= MAX_KEY => self.new = Some(text),
            _ => {}
        }
    }

    fn body(&self) -> Result<Body<'a>, FormFault> {
        let id = || self.id.and_then(DecisionId::parse).ok_or(FormFault::Member("id"));
        match self.t.ok_or(FormFault::Member("t"))? {
            "decision" => match self.decision {
                Some("allow") => Ok(Body::Decision { id: id()?, allows: true }),
                Some("deny" | "require_approval") => Ok(Body::Decision { id: id()?, allows: false }),
                Some(_) | None => Err(FormFault::Member("decision")),
            },
            "outcome" => {
                self.outcome.ok_or(FormFault::Member("outcome"))?;
                Ok(Body::Outcome { id: id()?, of: self.decision_seq.ok_or(FormFault::Member("decision_seq"))? })
            }
            "key" => Ok(Body::Key(KeyChange {
                old: self.old.ok_or(FormFault::Member("old"))?,
                new: self.new.ok_or(FormFault::Member("new"))?,
                from: self.from.ok_or(FormFault::Member("from"))?,
            })),
            "prune" => self.min_index.map(Body::Prune).ok_or(FormFault::Member("min_index")),
            plain if PLAIN_KINDS.contains(&plain) => Ok(Body::Plain),
            _ => Err(FormFault::Kind),
        }
    }
}

impl<'a> Leaf<'a> {
    /// Reads a leaf. One of another version is only asked for what all versions have.
    pub(super) fn read(leaf: &'a [u8]) -> Result<Self, FormFault> {
        let mut found = Members::default();
        members(leaf, |key, value| found.take(key, value))?;
        let version = found.v.ok_or(FormFault::Member("v"))?;
        let seq = found.seq.ok_or(FormFault::Member("seq"))?;
        let prev = found.prev.and_then(TreeHash::parse).ok_or(FormFault::Member("prev"))?;
        let at = found.ts.and_then(read_time).ok_or(FormFault::Member("ts"))?;
        let body = if version == VERSION { found.body()? } else { Body::Plain };
        Ok(Self { version, seq, prev, at, body })
    }

    /// Whether this version knows what is in it.
    pub(super) const fn is_known(&self) -> bool {
        self.version == VERSION
    }
}

/// Reads `2026-11-22T10:15:14.000012Z`, the only form that times have in leaves.
pub(super) fn read_time(text: &str) -> Option<Timestamp> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| i64::from(byte - b'0'));
    let number = |digits: &[u8]| digits.iter().try_fold(0, |number, byte| Some(number * 10 + digit(*byte)?));
    let [years @ .., b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', i1, i2, b':', s1, s2, b'.', u1, u2, u3, u4, u5, u6, b'Z'] =
        text.as_bytes()
    else {
        return None;
    };
    let [year, month, day] = [number(years)?, number(&[*m1, *m2])?, number(&[*d1, *d2])?];
    let [hour, minute, second] = [number(&[*h1, *h2])?, number(&[*i1, *i2])?, number(&[*s1, *s2])?];
    let micros = number(&[*u1, *u2, *u3, *u4, *u5, *u6])?;
    if years.len() != 4 || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = days_since_1970(year, month, day)?;
    Some(Timestamp::from_micros(((days * 24 + hour) * 60 + minute).checked_mul(60_000_000)? + second * 1_000_000 + micros))
}

/// How many days a date of the Gregorian calendar is after the first of 1970.
fn days_since_1970(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let length = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    // Years that begin in March have the odd day at their end.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some(year * 365 + leaps + (153 * month + 2) / 5 + day - 1 - 719_468)
}

#[cfg(test)]
#[path = "leaf_tests.rs"]
mod tests;
