//! Tests of `listen.rs`.
