//! Signed JSON Web Tokens: compact JWS and nothing else (RFC 7515, RFC 7519; the advice of RFC 8725 is followed throughout).
//!
//! Pure: no clock, no files, no sockets. What a token says of its own keys (`jwk`, `jku`, `x5c`, `x5u`) is not believed; whoever verifies
//! one brings the keys of its issuer, and the algorithms that this issuer may use. There is no symmetric algorithm and no `none` to
//! choose, so neither can be configured by mistake.
//!
//! The cryptography is ring's. The checks are ours, because the libraries that were looked at leave too many of them to their users.

mod algorithm;
mod compact;
mod keys;
mod sign;
mod times;

pub use algorithm::Algorithm;
pub(super) use compact::Compact;
pub use compact::TokenType;
pub use keys::BadKeySet;
pub(super) use keys::{Key, KeySet, MAX_SET, NoKey};
pub use sign::BadSigner;
pub(super) use sign::Signer;
pub(super) use times::{Times, timestamp};

#[cfg(test)]
mod tests;
