//! Tests of reading table tests.
