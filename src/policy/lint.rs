//! Remarks about a set of policies that is valid.
use super::PolicySnapshot;
use super::report::Problem;

impl PolicySnapshot {
    /// Everything that is worth a remark, in the order of the files.
    #[must_use]
    pub fn lint(&self) -> Vec<Problem> {
        self.warnings().to_vec()
    }
}
