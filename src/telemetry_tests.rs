//! Tests of `telemetry.rs`.
