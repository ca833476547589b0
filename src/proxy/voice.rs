//! How a client hears from us while its request waits, and whether it is still there. Each transport has its own.

use bytes::Bytes;

/// The way to a client whose request is being looked at.
pub(super) trait Voice: Send {
    /// Whether the client can be asked something before it is answered.
    fn reaches(&self) -> bool;

    /// Whether the client can hear how it goes before it is answered; it need not be able to say anything back.
    fn hears(&self) -> bool;

    /// Tells the client something before it is answered. False when it is not there to hear it.
    fn say(&mut self, message: Bytes) -> impl Future<Output = bool> + Send;

    /// When the client has left; never, where nobody can tell.
    ///
    /// # Cancel safety
    ///
    /// Looks only.
    fn gone(&mut self) -> impl Future<Output = ()> + Send;
}
