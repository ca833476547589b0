//! The names that the injector, its users and the chart agree on.

/// What stands before the labels and annotations of this house.
pub(super) const PREFIX: &str = "cedarpost.dev/";
/// A pod with this label and the value `"false"` is left alone.
pub const POD_LABEL: &str = "cedarpost.dev/inject";
/// The label of pods that have the sidecar, for selectors: network policies, monitors, admission policies. Nobody else gives it to a pod.
pub const INJECTED_LABEL: &str = "cedarpost.dev/injected";
/// Its value.
pub(super) const INJECTED: &str = "true";
/// The annotation with what was done.
pub const STATUS: &str = "cedarpost.dev/status";
/// Which container `kubectl logs` and `exec` are about.
pub(super) const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";
/// Marks the mirror of a static pod, which nobody can change.
pub(super) const MIRROR: &str = "kubernetes.io/config.mirror";

/// The sidecar.
pub(super) const CONTAINER: &str = "cedarpost";
/// The init container that copies the binary.
pub(super) const COPY: &str = "cedarpost-copy";
/// The containers of this house.
pub(super) const CONTAINERS: [&str; 2] = [CONTAINER, COPY];

pub(super) const CONFIG: &str = "cedarpost-config";
pub(super) const POLICIES: &str = "cedarpost-policies";
pub(super) const STATE: &str = "cedarpost-state";
pub(super) const TOKEN: &str = "cedarpost-token";
pub(super) const RUN: &str = "cedarpost-run";
pub(super) const BIN: &str = "cedarpost-bin";
/// The volumes of this house.
pub(super) const VOLUMES: [&str; 6] = [CONFIG, POLICIES, STATE, TOKEN, RUN, BIN];

pub(super) const CONFIG_DIRECTORY: &str = "/etc/cedarpost/config";
pub(super) const CONFIG_FILE: &str = "/etc/cedarpost/config/cedarpost.toml";
pub(super) const POLICIES_DIRECTORY: &str = "/etc/cedarpost/policies";
pub(super) const STATE_DIRECTORY: &str = "/var/lib/cedarpost";
pub(super) const AUDIT_DIRECTORY: &str = "/var/lib/cedarpost/audit";
pub(super) const TOKEN_DIRECTORY: &str = "/var/run/secrets/cedarpost";
pub(super) const RUN_DIRECTORY: &str = "/run/cedarpost";
pub(super) const STDIO_SOCKET: &str = "/run/cedarpost/stdio.sock";
pub(super) const BIN_DIRECTORY: &str = "/opt/cedarpost";
/// The binary in a container of the user's.
pub(super) const BIN_THERE: &str = "/opt/cedarpost/cedarpost";
/// The binary in the sidecar's image.
pub(super) const BIN_HERE: &str = "/cedarpost";

pub(super) const PORT_ADMIN: &str = "cedarpost-admin";
pub(super) const PORT_MCP: &str = "cedarpost-mcp";

/// The annotations that users may write, without the prefix.
pub(super) const ANNOTATIONS: [&str; 20] = [
    "mode",
    "port",
    "upstream",
    "socket",
    "bypass-check",
    "server",
    "services",
    "config-map",
    "policy-config-map",
    "state-claim",
    "image",
    "cpu-request",
    "cpu-limit",
    "memory-request",
    "memory-limit",
    "agent-env",
    "containers",
    "ip-family",
    "log-level",
    "binary",
];
