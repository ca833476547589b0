//! Feeds arbitrary bytes, in arbitrary chunks, to the event stream framer. What must hold is said in `checks/sse.rs`, which the tests
//! share.
#![no_main]

#[path = "../checks/sse.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::check(data));
