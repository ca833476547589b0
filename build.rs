//! Makes Rust of `proto/`: the messages and services of the gRPC face, and their description for reflection.
//!
//! The compiler of protobuf is a Rust library, so that nobody has to install one.

use std::path::PathBuf;

#[expect(clippy::disallowed_methods, reason = "this is how cargo tells a build where to write")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from("proto");
    let files = ["cedarpost/v1/decision.proto"];
    println!("cargo::rerun-if-changed=proto");
    let described = protox::compile(files, [&root])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("cedarpost.bin"), prost::Message::encode_to_vec(&described))?;
    tonic_prost_build::configure().build_client(true).compile_fds(described)?;
    Ok(())
}
