//! Feeds arbitrary bytes to everything that reads messages. What must hold is said in `checks/jsonrpc.rs`, which the tests share.
#![no_main]

#[path = "../checks/jsonrpc.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::check(data));
