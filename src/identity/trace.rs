//! What was looked at while a token was verified, for people who want to know why one is not believed.

/// One look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What was looked at.
    pub name: &'static str,
    /// What was found.
    pub found: String,
}

/// The looks that found nothing wrong, if anybody wants to know them.
#[derive(Debug, Default)]
pub(super) struct Trace(Option<Vec<Step>>);

impl Trace {
    /// A trace that is kept.
    pub(super) const fn kept() -> Self {
        Self(Some(Vec::new()))
    }

    /// Nothing was wrong with this.
    pub(super) fn passed(&mut self, name: &'static str, found: impl FnOnce() -> String) {
        if let Some(steps) = &mut self.0 {
            steps.push(Step { name, found: found() });
        }
    }

    /// All that was kept.
    pub(super) fn steps(self) -> Vec<Step> {
        self.0.unwrap_or_default()
    }
}
