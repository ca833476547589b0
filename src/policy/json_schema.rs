//! placeholder
use super::ty::Ty;
pub(super) struct Mapped {
    pub(super) input: Ty,
}
pub(super) fn map(_: Option<&[u8]>) -> Mapped {
    Mapped { input: Ty::Hidden }
}
