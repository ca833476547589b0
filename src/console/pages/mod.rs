//! The pages, one file each. A page looks at its sources once, and is then a function of what it saw.

pub(super) mod approvals;
pub(super) mod decisions;
mod explained;
pub(super) mod health;
pub(super) mod log;
pub(super) mod matrix;
pub(super) mod policies;
pub(super) mod sandbox;
pub(super) mod ticket;
