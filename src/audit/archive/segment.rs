//! One segment of the index: what records are looked for by, in columns.
//!
//! It proves nothing and holds nothing that is not in the records: it says where to look. All numbers are big-endian.
//!
//! ```text
//! format (u8), first record (u64), number of records (u32), hash of the last one (32 bytes)
//! times in microseconds (i64 each; the least number where there is none), ids of decisions (16 bytes each; zeros where there is none)
//! for each facet: length of the dictionary (u32); its entries: number of values (u16), each with its length (u16) before it;
//!                 then for each record the number of its entry (u16); entry 0 has no values
//! SHA-256 of all that
//! ```
//!
//! The hash of the last record stands for all before it. A segment of other records, left over from another history, is not used.
//! An outcome has the facets of the decision that it is the outcome of, where it has none of its own.

use std::collections::HashMap;
use std::ops::Range;

use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};

use super::facets::{Facet, Facets};
use crate::audit::tlog::TreeHash;
use crate::domain::{DecisionId, Timestamp};

/// The first byte.
const FORMAT: u8 = 1;
/// The time of a record that has none.
const NO_TIME: i64 = i64::MIN;
/// The id of a record that has none.
const NO_ID: [u8; 16] = [0; 16];

/// Which records a segment is of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Records {
    pub(super) first: u64,
    pub(super) count: u32,
    pub(super) last_hash: TreeHash,
}

impl Records {
    fn header(&self) -> Vec<u8> {
        [&[FORMAT][..], &self.first.to_be_bytes(), &self.count.to_be_bytes(), self.last_hash.as_bytes()].concat()
    }
}

/// A segment being put together.
#[derive(Debug)]
pub(super) struct SegmentWriter {
    about: Records,
    times: Vec<u8>,
    ids: Vec<u8>,
    columns: [ColumnWriter; Facet::ALL.len()],
}

#[derive(Debug, Default)]
struct ColumnWriter {
    dictionary: Vec<u8>,
    entries: HashMap<Vec<u8>, u16>,
    codes: Vec<u8>,
}

impl SegmentWriter {
    pub(super) fn new(about: Records) -> Self {
        Self { about, times: Vec::new(), ids: Vec::new(), columns: Default::default() }
    }

    /// Adds the next record; `subject` is the decision that it is the outcome of, if it is one and the decision can be read.
    pub(super) fn push(&mut self, own: &Facets<'_>, subject: Option<&Facets<'_>>) {
        self.times.extend_from_slice(&own.time.map_or(NO_TIME, Timestamp::as_micros).to_be_bytes());
        self.ids.extend_from_slice(&own.id.map_or(NO_ID, DecisionId::to_bytes));
        for (facet, column) in Facet::ALL.into_iter().zip(&mut self.columns) {
            let facets = if facet.is_own() { own } else { subject.unwrap_or(own) };
            column.push(&facets.values(facet));
        }
    }

    /// The bytes of the segment.
    pub(super) fn finish(self) -> Vec<u8> {
        let mut bytes = self.about.header();
        bytes.extend_from_slice(&self.times);
        bytes.extend_from_slice(&self.ids);
        for column in &self.columns {
            bytes.extend_from_slice(&u32::try_from(column.dictionary.len()).unwrap_or(u32::MAX).to_be_bytes());
            bytes.extend_from_slice(&column.dictionary);
            bytes.extend_from_slice(&column.codes);
        }
        let sum = digest(&SHA256, &bytes);
        bytes.extend_from_slice(sum.as_ref());
        bytes
    }
}

impl ColumnWriter {
    fn push(&mut self, values: &[&str]) {
        if self.entries.is_empty() {
            self.entry(&[]);
        }
        let code = self.entry(values);
        self.codes.extend_from_slice(&code.to_be_bytes());
    }

    /// The number of the entry with these values. A segment has fewer records than there are numbers.
    fn entry(&mut self, values: &[&str]) -> u16 {
        let mut entry = length(values.len()).to_vec();
        for value in values {
            entry.extend_from_slice(&length(value.len()));
            entry.extend_from_slice(value.as_bytes());
        }
        if let Some(code) = self.entries.get(&entry) {
            return *code;
        }
        let code = u16::try_from(self.entries.len()).unwrap_or(u16::MAX);
        self.dictionary.extend_from_slice(&entry);
        self.entries.insert(entry, code);
        code
    }
}

/// A number of at most 65,535, which all in a leaf are.
fn length(number: usize) -> [u8; 2] {
    u16::try_from(number).unwrap_or(u16::MAX).to_be_bytes()
}

/// A segment as it was read.
#[derive(Debug)]
pub(super) struct Segment {
    bytes: Vec<u8>,
    times: Range<usize>,
    ids: Range<usize>,
    /// Dictionary and codes of each facet.
    columns: Vec<(Range<usize>, Range<usize>)>,
}

impl Segment {
    /// Takes the bytes of a segment of these records; nothing when they are damaged, or about others.
    pub(super) fn decode(about: Records, bytes: Vec<u8>) -> Option<Self> {
        let (content, sum) = bytes.split_last_chunk::<SHA256_OUTPUT_LEN>()?;
        if digest(&SHA256, content).as_ref() != sum {
            return None;
        }
        let mut cursor = Cursor { rest: content, at: 0 };
        let header = about.header();
        if content.get(cursor.take(header.len())?)? != header {
            return None;
        }
        let count = usize::try_from(about.count).ok()?;
        let times = cursor.take(count.checked_mul(size_of::<i64>())?)?;
        let ids = cursor.take(count.checked_mul(NO_ID.len())?)?;
        let mut columns = Vec::new();
        for _ in Facet::ALL {
            let length = u32::from_be_bytes(*content.get(cursor.take(4)?)?.first_chunk()?);
            columns.push((cursor.take(usize::try_from(length).ok()?)?, cursor.take(count.checked_mul(size_of::<u16>())?)?));
        }
        cursor.rest.is_empty().then_some(())?;
        Some(Self { bytes, times, ids, columns })
    }

    /// How many records it covers.
    pub(super) fn len(&self) -> usize {
        self.times.len() / size_of::<i64>()
    }

    fn slice(&self, range: &Range<usize>) -> &[u8] {
        self.bytes.get(range.clone()).unwrap_or_default()
    }

    /// The time of each record.
    pub(super) fn times(&self) -> impl Iterator<Item = Option<Timestamp>> {
        let times = self.slice(&self.times).as_chunks().0.iter().map(|time| i64::from_be_bytes(*time));
        times.map(|time| (time != NO_TIME).then_some(Timestamp::from_micros(time)))
    }

    /// The places of the records with an id.
    pub(super) fn with_id(&self, id: DecisionId) -> Vec<usize> {
        let ids = self.slice(&self.ids).as_chunks().0.iter().enumerate();
        ids.filter(|(_, found)| **found == id.to_bytes()).map(|(place, _)| place).collect()
    }

    /// For each record whether one of its values of a facet is `wanted`; nothing when that is so of none.
    pub(super) fn having(&self, facet: Facet, wanted: impl Fn(&[u8]) -> bool) -> Option<Vec<bool>> {
        let place = Facet::ALL.iter().position(|other| *other == facet)?;
        let (dictionary, codes) = self.columns.get(place)?;
        let entries: Vec<bool> = Entries(self.slice(dictionary)).map(|values| values.iter().any(|value| wanted(value))).collect();
        let codes = self.slice(codes).as_chunks().0.iter().map(|code| usize::from(u16::from_be_bytes(*code)));
        entries.contains(&true).then(|| codes.map(|code| entries.get(code).copied().unwrap_or(false)).collect())
    }
}

/// Walks through bytes and says what is where.
struct Cursor<'a> {
    rest: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn take(&mut self, length: usize) -> Option<Range<usize>> {
        self.rest = self.rest.get(length..)?;
        self.at += length;
        Some(self.at - length..self.at)
    }
}

/// The entries of a dictionary, each with its values.
struct Entries<'a>(&'a [u8]);

impl<'a> Entries<'a> {
    fn number(&mut self) -> Option<usize> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u16::from_be_bytes(*number).into())
    }

    fn value(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        let (value, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(value)
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Vec<&'a [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        let count = self.number()?;
        (0..count).map(|_| self.value()).collect()
    }
}

#[cfg(test)]
#[path = "segment_tests.rs"]
mod tests;
