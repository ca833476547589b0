//! Replays the seeds of the fuzz targets: what was once found interesting is tried on every run.
#![cfg(test)]

use std::path::Path;

#[path = "../../fuzz/checks/jsonrpc.rs"]
mod jsonrpc;
#[path = "../../fuzz/checks/sse.rs"]
mod sse;

/// Calls `check` for each seed of a target.
fn replay(target: &str, check: fn(&[u8])) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let seeds: Vec<_> = std::fs::read_dir(&directory).expect("the corpus is there").map(|entry| entry.unwrap().path()).collect();
    assert!(seeds.len() >= 10, "{} has only {} seeds", directory.display(), seeds.len());
    for seed in seeds {
        println!("{}", seed.display());
        check(&std::fs::read(&seed).expect("a seed can be read"));
    }
}

#[test]
fn every_seed_of_the_jsonrpc_target_holds() {
    replay("jsonrpc", jsonrpc::check);
}

#[test]
fn every_seed_of_the_sse_target_holds() {
    replay("sse", sse::check);
}
