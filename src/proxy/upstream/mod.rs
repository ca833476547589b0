//! The servers behind the sidecar: where a permitted call goes.

pub mod child;
