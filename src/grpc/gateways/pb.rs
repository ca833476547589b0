//! The messages and services of Envoy and agentgateway in `proto/`, as they are generated when the crate is built. The modules are the
//! packages.

#![expect(
    missing_docs,
    clippy::all,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "generated; what each means is in proto/"
)]

pub mod agentgateway {
    pub mod dev {
        pub mod ext_mcp {
            tonic::include_proto!("agentgateway.dev.ext_mcp");
        }
    }
}

pub mod envoy {
    pub mod config {
        pub mod core {
            pub mod v3 {
                tonic::include_proto!("envoy.config.core.v3");
            }
        }
    }
    pub mod service {
        pub mod auth {
            pub mod v3 {
                tonic::include_proto!("envoy.service.auth.v3");
            }
        }
    }
    pub mod r#type {
        pub mod v3 {
            tonic::include_proto!("envoy.r#type.v3");
        }
    }
}

pub mod google {
    pub mod rpc {
        tonic::include_proto!("google.rpc");
    }
}

/// The description of Envoy's service, for reflection.
pub const EXT_AUTHZ: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/ext_authz.bin"));
/// The description of agentgateway's.
pub const EXT_MCP: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/ext_mcp.bin"));
