//! The bundles that were read last, for those who go through records one by one and look back at decisions.

use std::collections::VecDeque;
use std::sync::Arc;

use super::bundle::Bundle;
use super::facets::Facets;
use super::layout::BUNDLE;
use super::read::{ArchiveError, ArchiveReader};

/// How many bundles are kept in memory. A call seldom lasts longer than these reach back.
const KEPT: usize = 4;

/// Reads bundles and keeps the last few.
#[derive(Debug)]
pub(super) struct RecentBundles {
    archive: ArchiveReader,
    bundles: VecDeque<Arc<Bundle>>,
}

impl RecentBundles {
    pub(super) const fn new(archive: ArchiveReader) -> Self {
        Self { archive, bundles: VecDeque::new() }
    }

    /// The bundle with a record; nothing when it was pruned or is not archived.
    pub(super) fn with(&mut self, seq: u64) -> Result<Option<Arc<Bundle>>, ArchiveError> {
        let index = seq / BUNDLE as u64;
        if let Some(at) = self.bundles.iter().position(|bundle| bundle.first() / BUNDLE as u64 == index) {
            self.bundles.swap(0, at);
            return Ok(self.bundles.front().cloned());
        }
        let bundle = match self.archive.bundle(index) {
            Err(ArchiveError::Pruned { .. }) | Ok(None) => return Ok(None),
            read => read?.map(Arc::new),
        };
        self.bundles.extend(bundle.clone());
        self.bundles.rotate_right(1);
        self.bundles.truncate(KEPT);
        Ok(bundle)
    }

    /// Lets `look` see the decision of which record `seq` is the outcome: nothing when it is none, or the decision cannot be had.
    pub(super) fn subject<T>(
        &mut self,
        seq: u64,
        own: &Facets<'_>,
        look: impl FnOnce(Option<&Facets<'_>>) -> T,
    ) -> Result<T, ArchiveError> {
        let Some(of) = own.outcome_of().filter(|of| *of < seq) else { return Ok(look(None)) };
        let Some(bundle) = self.with(of)? else { return Ok(look(None)) };
        let decision = Facets::of(bundle.leaf(of)?);
        Ok(look(decision.is_decision_of(own).then_some(&decision)))
    }
}
