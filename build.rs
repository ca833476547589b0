//! Makes Rust of `proto/`: the messages and services of the gRPC face, and their description for reflection.
//!
//! The compiler of protobuf is a Rust library, so that nobody has to install one.

use std::path::PathBuf;

/// What is described apart, because it is served only where it is asked for: the description's name, and the files of the services.
const DESCRIBED: [(&str, &[&str]); 3] = [
    (
        "cedarpost",
        &["cedarpost/v1/decision.proto", "cedarpost/v1/approval.proto", "cedarpost/v1/audit.proto", "cedarpost/v1/policy.proto"],
    ),
    ("ext_authz", &["envoy/service/auth/v3/external_auth.proto"]),
    ("ext_mcp", &["agentgateway/ext_mcp.proto"]),
];

#[expect(clippy::disallowed_methods, reason = "this is how cargo tells a build where to write")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from("proto");
    println!("cargo::rerun-if-changed=proto");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    for (name, files) in DESCRIBED {
        let described = protox::compile(files, [&root])?;
        std::fs::write(out.join(format!("{name}.bin")), prost::Message::encode_to_vec(&described))?;
        tonic_prost_build::configure().build_client(true).compile_fds(described)?;
    }
    Ok(())
}
