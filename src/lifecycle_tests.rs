//! Tests of `lifecycle.rs`.
