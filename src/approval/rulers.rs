//! How people rule: how often, how often they approve, and how long they take. Somebody who approves everything within seconds approves
//! nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use super::ticket::Ticket;
use crate::domain::{UserId, Verdict};

/// How somebody rules, in the tickets that are remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulerStats {
    /// Who.
    pub ruler: UserId,
    /// How many calls they approved.
    pub approved: u64,
    /// How many they denied.
    pub denied: u64,
    /// The median of the times from the question to their ruling.
    pub median: Duration,
}

/// What can be said of everybody who ruled on these tickets, those who rule most first.
#[must_use]
pub fn stats<'a>(tickets: impl Iterator<Item = &'a Ticket>) -> Vec<RulerStats> {
    let mut rulings: BTreeMap<UserId, (u64, u64, Vec<i64>)> = BTreeMap::new();
    for ticket in tickets {
        for vote in &ticket.votes {
            let (approved, denied, took) = rulings.entry(vote.ruler.clone()).or_default();
            match vote.verdict {
                Verdict::Approve => *approved += 1,
                Verdict::Deny => *denied += 1,
            }
            took.push(vote.at.as_micros().saturating_sub(ticket.asked.as_micros()));
        }
    }
    let stats = |(ruler, (approved, denied, mut took)): (UserId, (u64, u64, Vec<i64>))| {
        took.sort_unstable();
        let median = took.get(took.len() / 2).copied().unwrap_or_default();
        RulerStats { ruler, approved, denied, median: Duration::from_micros(u64::try_from(median).unwrap_or_default()) }
    };
    let mut all: Vec<RulerStats> = rulings.into_iter().map(stats).collect();
    all.sort_by_key(|stats| std::cmp::Reverse(stats.approved + stats.denied));
    all
}

#[cfg(test)]
#[path = "rulers_tests.rs"]
mod tests;
