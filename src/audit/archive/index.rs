//! The index: a segment for each 16,384 archived records, made by the writer when there is time.
//!
//! Nothing depends on it but speed. A segment that is missing or damaged is made anew; until then readers look through the records.

use super::facets::Facets;
use super::files::{Archive, WriteError};
use super::layout::{bundle_of, leaf_hashes_of};
use super::read::{ArchiveError, ArchiveReader};
use super::recent::RecentBundles;
use super::segment::{Records, Segment, SegmentWriter};

impl Archive {
    /// Looks after one segment of the index, and makes it when it is missing or damaged. Tells whether there was one to look after:
    /// then there may be more. After opening, each segment gets one look.
    ///
    /// # Errors
    ///
    /// [`WriteError`]; the next call goes on, with the same segment when it could not be written.
    pub fn tend_index(&mut self) -> Result<bool, WriteError> {
        let found_damaged = self.shared.damaged_segments.lock().pop_first();
        let Some(first) = found_damaged.or_else(|| self.next_segment()) else { return Ok(false) };
        let tended = self.tend(first);
        match &tended {
            Err(WriteError::Io { .. }) => _ = self.shared.damaged_segments.lock().insert(first),
            // A damaged record is for `verify` to tell; without it there is no index.
            Err(_) | Ok(()) => _ = self.shared.damaged_segments.lock().remove(&first),
        }
        tended.map(|()| true)
    }

    fn tend(&self, first: u64) -> Result<(), WriteError> {
        let reader = self.reader();
        if first + self.layout().segment_len() <= reader.pruned() || reader.segment(first).is_some() {
            return Ok(());
        }
        let Some(about) = reader.records_of_segment(first)? else { return Ok(()) };
        self.write(&self.layout().segment(first), &index(&reader, about)?)
    }

    /// The segment that nobody has looked at since the archive was opened.
    fn next_segment(&mut self) -> Option<u64> {
        let (marker, length) = (self.shared.marker(), self.layout().segment_len());
        let next = self.next_segment.max(marker.pruned - marker.pruned % length);
        (next + length <= marker.archived).then(|| {
            self.next_segment = next + length;
            next
        })
    }
}

impl ArchiveReader {
    /// The records that the segment is of that begins with `first`; nothing when they are not all archived, or cannot be read.
    fn records_of_segment(&self, first: u64) -> Result<Option<Records>, ArchiveError> {
        let length = self.layout().segment_len();
        let end = first.saturating_add(length);
        let Some(bundle) = bundle_of(end - 1, self.archived()) else { return Ok(None) };
        let hashes = leaf_hashes_of(bundle).map(|tile| self.read_hashes(tile)).transpose()?;
        let last_hash = hashes.and_then(|hashes| hashes.last().copied());
        Ok(last_hash.map(|last_hash| Records { first, count: u32::try_from(length).unwrap_or(u32::MAX), last_hash }))
    }

    /// The segment of the index that begins with a record; nothing when it cannot be used.
    pub(super) fn segment(&self, first: u64) -> Option<Segment> {
        let bytes = std::fs::read(self.layout().segment(first)).ok()?;
        let segment = Segment::decode(self.records_of_segment(first).ok()??, bytes);
        if segment.is_none() {
            self.shared.damaged_segments.lock().insert(first);
        }
        segment
    }
}

/// The bytes of a segment, made from the records. Those that were pruned are in it without facets.
fn index(reader: &ArchiveReader, about: Records) -> Result<Vec<u8>, ArchiveError> {
    let (mut bundles, mut segment) = (RecentBundles::new(reader.clone()), SegmentWriter::new(about));
    for seq in (about.first..).take(usize::try_from(about.count).unwrap_or(usize::MAX)) {
        match bundles.with(seq)? {
            None => segment.push(&Facets::default(), None),
            Some(bundle) => {
                let own = Facets::of(bundle.leaf(seq)?);
                bundles.subject(seq, &own, |subject| segment.push(&own, subject))?;
            }
        }
    }
    Ok(segment.finish())
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
