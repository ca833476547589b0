//! Finds the records that a query is for: the index says where to look, and each record is looked at before it counts.
//!
//! So an index that is wrong costs hits, never shows false ones; one that is damaged is not used. Records that are not indexed are all
//! looked at.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;

use super::facets::{Facet, Facets};
use super::query::{Order, Pattern, Query};
use super::read::{ArchiveError, ArchiveReader};
use super::recent::RecentBundles;
use super::segment::Segment;
use crate::audit::{Kind, StoredRecord};
use crate::domain::DecisionId;

impl Query {
    /// Finds records. `rest` reads all records from a number on, in the order of the log: those that are not archived.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`], also when a record that may be one of those looked for is damaged; and what `rest` reports.
    pub fn run<E, R>(&self, archive: &ArchiveReader, rest: impl FnOnce(u64) -> R) -> Result<Vec<StoredRecord>, E>
    where
        E: From<ArchiveError>,
        R: Iterator<Item = Result<StoredRecord, E>>,
    {
        let archived = archive.archived();
        let mut search = Search { query: self, archive, bundles: RecentBundles::new(archive.clone()), found: Vec::new() };
        match self.order {
            Order::OldestFirst => {
                search.archived(archived)?;
                search.rest(archived, rest)?;
            }
            Order::NewestFirst => {
                search.rest(archived, rest)?;
                search.archived(archived)?;
            }
        }
        Ok(search.found)
    }
}

/// A search under way.
struct Search<'a> {
    query: &'a Query,
    archive: &'a ArchiveReader,
    bundles: RecentBundles,
    found: Vec<StoredRecord>,
}

impl Search<'_> {
    fn is_over(&self) -> bool {
        self.found.len() >= self.query.limit
    }

    /// Looks through the records below `archived`, a segment at a time.
    fn archived(&mut self, archived: u64) -> Result<(), ArchiveError> {
        let (start, end) = (self.query.from.max(self.archive.pruned()), self.query.to.min(archived));
        let length = self.archive.layout().segment_len();
        let mut segments = start / length..end.div_ceil(length);
        let newest_first = self.query.order == Order::NewestFirst;
        while let Some(number) = if newest_first { segments.next_back() } else { segments.next() } {
            let first = number * length;
            let mut candidates = self.candidates(first, start.max(first)..end.min(first + length));
            if newest_first {
                candidates.reverse();
            }
            for seq in candidates {
                if self.is_over() {
                    return Ok(());
                }
                self.look_at(seq)?;
            }
        }
        Ok(())
    }

    /// The records of a segment that are worth a look, in the order of the log.
    fn candidates(&self, first: u64, wanted: Range<u64>) -> Vec<u64> {
        match self.archive.segment(first) {
            Some(segment) => {
                let places = places(&segment, self.query).unwrap_or_default();
                places.into_iter().map(|place| first + place as u64).filter(|seq| wanted.contains(seq)).collect()
            }
            None => wanted.collect(),
        }
    }

    fn look_at(&mut self, seq: u64) -> Result<(), ArchiveError> {
        // It may have been pruned meanwhile.
        let Some(bundle) = self.bundles.with(seq)? else { return Ok(()) };
        let own = Facets::of(bundle.leaf(seq)?);
        if self.query.fits_itself(seq, &own) && self.subject_fits(seq, &own)? {
            self.found.push(bundle.record(seq)?);
        }
        Ok(())
    }

    fn subject_fits(&mut self, seq: u64, own: &Facets<'_>) -> Result<bool, ArchiveError> {
        let query = self.query;
        Ok(!query.asks_for_subject() || self.bundles.subject(seq, own, |subject| query.fits_subject(subject.unwrap_or(own)))?)
    }

    /// Looks through the records from `archived` on.
    fn rest<E, R>(&mut self, archived: u64, rest: impl FnOnce(u64) -> R) -> Result<(), E>
    where
        E: From<ArchiveError>,
        R: Iterator<Item = Result<StoredRecord, E>>,
    {
        if self.is_over() || self.query.to <= archived {
            return Ok(());
        }
        let room = self.query.limit - self.found.len();
        let (mut found, mut subjects) = (VecDeque::new(), Subjects { archived, fitting: HashMap::new() });
        for record in rest(archived) {
            let record = record?;
            if record.seq() >= self.query.to || (found.len() == room && self.query.order == Order::OldestFirst) {
                break;
            }
            if !self.fits(&record, &mut subjects)? {
                continue;
            }
            if found.len() == room {
                found.pop_front();
            }
            found.push_back(record);
        }
        match self.query.order {
            Order::OldestFirst => self.found.extend(found),
            Order::NewestFirst => self.found.extend(found.into_iter().rev()),
        }
        Ok(())
    }

    /// Whether a record that is not archived is looked for. It comes after all that it may be about.
    fn fits(&mut self, record: &StoredRecord, subjects: &mut Subjects) -> Result<bool, ArchiveError> {
        let (seq, own) = (record.seq(), Facets::of(record.leaf()));
        if self.query.asks_for_subject() {
            subjects.note(seq, &own, self.query);
        }
        if !self.query.fits_itself(seq, &own) {
            return Ok(false);
        }
        match own.outcome_of() {
            Some(of) if of >= subjects.archived && self.query.asks_for_subject() => Ok(subjects.fit(of, &own)),
            _ => self.subject_fits(seq, &own),
        }
    }
}

/// The decisions among the records that are not archived that fit.
struct Subjects {
    archived: u64,
    fitting: HashMap<u64, Option<DecisionId>>,
}

impl Subjects {
    fn note(&mut self, seq: u64, own: &Facets<'_>, query: &Query) {
        if own.is(Kind::Decision) && query.fits_subject(own) {
            self.fitting.insert(seq, own.id);
        }
    }

    fn fit(&self, of: u64, outcome: &Facets<'_>) -> bool {
        outcome.id.is_some() && self.fitting.get(&of) == Some(&outcome.id)
    }
}

/// The places in the segment of the records that a query may be for; nothing when there are none.
fn places(segment: &Segment, query: &Query) -> Option<Vec<usize>> {
    let having = |(facet, pattern): &(Facet, Pattern)| segment.having(*facet, |value| pattern.fits(value));
    let mut masks = query.terms.iter().map(having).collect::<Option<Vec<_>>>()?;
    if query.since.is_some() || query.until.is_some() {
        masks.push(segment.times().map(|time| query.fits_time(time)).collect());
    }
    let outcomes =
        if query.outcomes { None } else { segment.having(Facet::Kind, |kind| kind == Kind::Outcome.name().as_bytes()) };
    let mut places = match query.id {
        Some(id) => segment.with_id(id),
        None => (0..segment.len()).collect(),
    };
    let is_set = |mask: &Vec<bool>, place: &usize| mask.get(*place).copied().unwrap_or(false);
    for mask in &masks {
        places.retain(|place| is_set(mask, place));
    }
    if let Some(outcomes) = outcomes {
        places.retain(|place| !is_set(&outcomes, place));
    }
    Some(places)
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
