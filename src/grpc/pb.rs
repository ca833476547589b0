//! The messages and services of `proto/`, as they are generated when the crate is built.

#![expect(
    clippy::all,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "generated; what each means is in proto/"
)]

tonic::include_proto!("cedarpost.v1");

/// The description of all of them, for reflection.
pub const DESCRIPTION: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/cedarpost.bin"));
