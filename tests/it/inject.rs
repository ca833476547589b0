//! The sidecar in pods of Kubernetes: golden pods, random pods, the command and the webhook with the real binary.

mod bridge;
mod command;
mod events;
mod golden;
mod own_certificate;
mod random;
mod restricted;
mod webhook;

use cedarpost::inject::{Binary, Settings};

/// What an administrator of these tests says.
fn settings() -> Settings {
    Settings {
        image: "registry.example/cedarpost:0.1".parse().unwrap(),
        allowed_images: vec!["registry.example/cedarpost:0.2".parse().unwrap()],
        pull_policy: "IfNotPresent".to_owned(),
        config_map: "cedarpost-config".to_owned(),
        policy_config_map: "cedarpost-policies".to_owned(),
        audience: "cedarpost".to_owned(),
        admin_port: 15020,
        agent_port: 15001,
        user: 65532,
        cpu_request: "10m".parse().unwrap(),
        memory_request: "32Mi".parse().unwrap(),
        cpu_limit: "1".parse().unwrap(),
        memory_limit: "128Mi".parse().unwrap(),
        max_cpu: "2".parse().unwrap(),
        max_memory: "1Gi".parse().unwrap(),
        state_size: "1Gi".parse().unwrap(),
        binary: Binary::Copy,
    }
}
