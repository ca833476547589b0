//! The table of all settings: name, kind, default, and a sentence for who leaves it out.
//!
//! The file, the environment (`listen.address` is `CEDARPOST_LISTEN_ADDRESS`), `config show` and the example file all follow this
//! table. A default is safe, or it does not exist.

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A string; durations and sizes are strings too.
    Text,
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Integer,
    /// A list of strings; in the environment separated by commas.
    List,
    /// A table of strings; only in the file.
    Table,
    /// A list of tables of strings; only in the file.
    Tables,
}

impl Kind {
    /// The kind as a sentence names it.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Bool => "true or false",
            Self::Integer => "a whole number",
            Self::List => "a list of strings",
            Self::Table => "a table of strings",
            Self::Tables => "a list of tables of strings",
        }
    }
}

/// One setting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    /// Its dotted name.
    pub(super) path: &'static str,
    /// How it is written.
    pub(super) kind: Kind,
    /// What holds when nobody says anything, written as in the environment; `None` when there is no safe default.
    pub(super) default: Option<&'static str>,
    /// Keys that lose what a weaker source said when this key is given: a role belongs to the name that stood beside it.
    pub(super) replaces: &'static [&'static str],
}

const fn key(path: &'static str, kind: Kind, default: &'static str) -> Key {
    Key { path, kind, default: Some(default), replaces: &[] }
}

const fn open(path: &'static str, kind: Kind) -> Key {
    Key { path, kind, default: None, replaces: &[] }
}

/// All settings except those of lists of tables, in the order of the example file.
pub(super) const KEYS: &[Key] = &[
    key("listen.address", Kind::Text, "127.0.0.1:8080"),
    key("listen.plaintext_non_loopback", Kind::Bool, "false"),
    key("listen.socket_mode", Kind::Text, "0600"),
    open("listen.tls_cert_file", Kind::Text),
    open("listen.tls_key_file", Kind::Text),
    key("listen.allowed_hosts", Kind::List, ""),
    key("listen.allowed_origins", Kind::List, ""),
    key("listen.max_connections", Kind::Integer, "1024"),
    key("listen.legacy_sse", Kind::Bool, "false"),
    key("admin.address", Kind::Text, "127.0.0.1:9090"),
    key("admin.plaintext_non_loopback", Kind::Bool, "false"),
    key("admin.socket_mode", Kind::Text, "0600"),
    open("admin.tls_cert_file", Kind::Text),
    open("admin.tls_key_file", Kind::Text),
    key("admin.allowed_hosts", Kind::List, ""),
    key("admin.remote_details", Kind::Bool, "false"),
    key("admin.app_health", Kind::List, ""),
    key("bypass.check", Kind::Text, "report"),
    key("bypass.interval", Kind::Text, "5s"),
    key("grpc.address", Kind::Text, "off"),
    key("grpc.plaintext_non_loopback", Kind::Bool, "false"),
    key("grpc.socket_mode", Kind::Text, "0600"),
    open("grpc.tls_cert_file", Kind::Text),
    open("grpc.tls_key_file", Kind::Text),
    open("grpc.client_ca_file", Kind::Text),
    key("grpc.clients", Kind::List, ""),
    key("grpc.max_connections", Kind::Integer, "1024"),
    key("grpc.ext_authz", Kind::Bool, "false"),
    key("grpc.ext_authz_lists", Kind::Text, "some"),
    key("grpc.ext_authz_states", Kind::Text, "none"),
    key("grpc.ext_authz_hosts", Kind::List, ""),
    key("grpc.ext_authz_principal", Kind::Bool, "false"),
    key("grpc.ext_mcp", Kind::Bool, "false"),
    key("authzen.address", Kind::Text, "off"),
    key("authzen.plaintext_non_loopback", Kind::Bool, "false"),
    key("authzen.socket_mode", Kind::Text, "0600"),
    open("authzen.tls_cert_file", Kind::Text),
    open("authzen.tls_key_file", Kind::Text),
    key("authzen.max_connections", Kind::Integer, "1024"),
    open("authzen.client_ca_file", Kind::Text),
    key("authzen.clients", Kind::List, ""),
    open("authzen.url", Kind::Text),
    open("authzen.tokens_file", Kind::Text),
    key("authzen.unknown_properties", Kind::Text, "refuse"),
    key("console.address", Kind::Text, "off"),
    key("console.plaintext_non_loopback", Kind::Bool, "false"),
    key("console.socket_mode", Kind::Text, "0600"),
    open("console.tls_cert_file", Kind::Text),
    open("console.tls_key_file", Kind::Text),
    open("console.url", Kind::Text),
    key("console.allowed_hosts", Kind::List, ""),
    open("console.oidc", Kind::Table),
    key("limits.max_message", Kind::Text, "4MiB"),
    key("limits.max_depth", Kind::Integer, "128"),
    key("limits.max_sessions", Kind::Integer, "1024"),
    key("limits.max_inflight", Kind::Integer, "1024"),
    key("limits.upstream_connect_timeout", Kind::Text, "5s"),
    key("limits.upstream_response_timeout", Kind::Text, "5m"),
    key("limits.header_timeout", Kind::Text, "10s"),
    key("limits.body_timeout", Kind::Text, "30s"),
    key("limits.session_idle_timeout", Kind::Text, "30m"),
    key("limits.shutdown_grace", Kind::Text, "10s"),
    key("identity.accept", Kind::List, "configured"),
    Key { path: "identity.agent", kind: Kind::Text, default: None, replaces: &["identity.agent_roles"] },
    key("identity.agent_roles", Kind::List, ""),
    Key { path: "identity.actor", kind: Kind::Text, default: None, replaces: &["identity.actor_roles", "identity.unattended"] },
    key("identity.actor_roles", Kind::List, ""),
    Key {
        path: "identity.unattended",
        kind: Kind::Bool,
        default: Some("false"),
        replaces: &["identity.actor", "identity.actor_roles"],
    },
    open("identity.resource", Kind::Text),
    key("identity.scopes", Kind::List, ""),
    open("identity.documentation", Kind::Text),
    key("identity.clock_skew", Kind::Text, "30s"),
    key("identity.cache_size", Kind::Integer, "10000"),
    key("identity.cache_ttl", Kind::Text, "5m"),
    open("identity.deny", Kind::Text),
    key("identity.actor_token", Kind::Text, "off"),
    open("identity.actor_token_file", Kind::Text),
    key("identity.dpop_max_age", Kind::Text, "60s"),
    key("identity.dpop_nonce", Kind::Bool, "false"),
    open("policy.policies", Kind::List),
    key("policy.schema", Kind::List, ""),
    key("policy.entities", Kind::List, ""),
    open("policy.lock", Kind::Text),
    key("policy.trusted_keys", Kind::List, ""),
    key("policy.minimum_version", Kind::Integer, "0"),
    key("policy.catalog_ttl", Kind::Text, "5m"),
    key("policy.timezone", Kind::Text, "UTC"),
    key("policy.poll_interval", Kind::Text, "500ms"),
    key("policy.residuals", Kind::Bool, "true"),
    key("approvals.lifetime", Kind::Text, "15m"),
    key("approvals.grant_lifetime", Kind::Text, "10m"),
    key("approvals.hold", Kind::Text, "45s"),
    open("approvals.hold_with_progress", Kind::Text),
    key("approvals.max_waiting", Kind::Integer, "1000"),
    key("approvals.max_waiting_per_caller", Kind::Integer, "20"),
    key("approvals.operator", Kind::Text, "operator"),
    open("approvals.resource", Kind::Text),
    key("approvals.programs", Kind::List, ""),
    open("audit.directory", Kind::Text),
    open("audit.origin", Kind::Text),
    open("audit.keys", Kind::Text),
    key("audit.append_deadline", Kind::Text, "2s"),
    key("audit.queue", Kind::Integer, "4096"),
    key("audit.low_water", Kind::Text, "64MiB"),
    key("audit.epoch_records", Kind::Integer, "131072"),
    key("audit.epoch_bytes", Kind::Text, "256MiB"),
    key("audit.epoch_age", Kind::Text, "24h"),
    key("audit.detail", Kind::Text, "arguments"),
    key("audit.keep_limit", Kind::Text, "64KiB"),
    key("audit.mask", Kind::List, ""),
    open("audit.feed_endpoint", Kind::Text),
    key("audit.feed_protocol", Kind::Text, "http/protobuf"),
    key("audit.feed_compression", Kind::Text, "none"),
    open("audit.feed_headers", Kind::Table),
    open("audit.feed_headers_file", Kind::Table),
    key("audit.feed_plaintext_non_loopback", Kind::Bool, "false"),
    key("audit.feed_deadline", Kind::Text, "10s"),
    key("audit.export", Kind::List, ""),
    key("audit.export_interval", Kind::Text, "10s"),
    key("audit.export_deadline", Kind::Text, "30s"),
    key("audit.anchors", Kind::List, ""),
    key("audit.anchor_interval", Kind::Text, "10s"),
    open("audit.witness", Kind::Tables),
    open("audit.witness_quorum", Kind::Integer),
    key("witness.address", Kind::Text, "off"),
    key("witness.plaintext_non_loopback", Kind::Bool, "false"),
    key("witness.socket_mode", Kind::Text, "0600"),
    open("witness.tls_cert_file", Kind::Text),
    open("witness.tls_key_file", Kind::Text),
    open("witness.name", Kind::Text),
    open("witness.directory", Kind::Text),
    open("witness.log", Kind::Tables),
    open("inject.image", Kind::Text),
    key("inject.allowed_images", Kind::List, ""),
    key("inject.pull_policy", Kind::Text, "IfNotPresent"),
    key("inject.config_map", Kind::Text, "cedarpost-config"),
    key("inject.policy_config_map", Kind::Text, "cedarpost-policies"),
    key("inject.audience", Kind::Text, "cedarpost"),
    key("inject.api_token", Kind::Bool, "false"),
    key("inject.admin_port", Kind::Integer, "15020"),
    key("inject.agent_port", Kind::Integer, "15001"),
    key("inject.user", Kind::Integer, "65532"),
    key("inject.cpu_request", Kind::Text, "10m"),
    key("inject.memory_request", Kind::Text, "32Mi"),
    key("inject.cpu_limit", Kind::Text, "1"),
    key("inject.memory_limit", Kind::Text, "128Mi"),
    key("inject.max_cpu", Kind::Text, "2"),
    key("inject.max_memory", Kind::Text, "1Gi"),
    key("inject.state_size", Kind::Text, "1Gi"),
    key("inject.binary", Kind::Text, "copy"),
    key("webhook.address", Kind::Text, "0.0.0.0:8443"),
    open("webhook.tls_cert_file", Kind::Text),
    open("webhook.tls_key_file", Kind::Text),
    key("webhook.max_connections", Kind::Integer, "256"),
    open("webhook.service", Kind::Text),
    open("webhook.namespace", Kind::Text),
    key("webhook.configuration", Kind::Text, "cedarpost"),
    key("webhook.directory", Kind::Text, "/run/cedarpost"),
    key("webhook.lifetime", Kind::Text, "720h"),
    key("webhook.events", Kind::Bool, "false"),
    key("webhook.api", Kind::Text, "https://kubernetes.default.svc"),
    key("webhook.account", Kind::Text, "/var/run/secrets/kubernetes.io/serviceaccount"),
    key("outbound.connect_timeout", Kind::Text, "5s"),
    open("outbound.ca_file", Kind::Text),
    key("log.format", Kind::Text, "auto"),
    key("log.level", Kind::Text, "info"),
];

/// The settings of one `[[identity.issuer]]` table. What is about claims and has no default here has one by `preset`.
pub(super) const ISSUER_KEYS: &[Key] = &[
    open("name", Kind::Text),
    open("issuer", Kind::Text),
    key("preset", Kind::Text, "rfc9068"),
    key("audiences", Kind::List, ""),
    key("algorithms", Kind::List, "RS256,PS256,ES256,ES384,EdDSA"),
    open("token_types", Kind::List),
    open("jwks_url", Kind::Text),
    open("jwks_token_file", Kind::Text),
    open("jwks_file", Kind::Text),
    open("review_url", Kind::Text),
    open("review_token_file", Kind::Text),
    open("ca_file", Kind::Text),
    key("plain_http_hosts", Kind::List, ""),
    key("refresh", Kind::Text, "5m"),
    key("keep_stale", Kind::Text, "24h"),
    key("prefix", Kind::Text, ""),
    key("membership_prefix", Kind::Text, ""),
    open("user", Kind::List),
    open("client", Kind::List),
    open("act", Kind::List),
    open("roles", Kind::List),
    open("teams", Kind::List),
    open("agent_roles", Kind::List),
    open("agent_teams", Kind::List),
    open("scopes", Kind::List),
    open("attributes", Kind::Tables),
    open("require", Kind::Tables),
    open("unattended", Kind::Tables),
    open("attended", Kind::Tables),
    key("max_chain", Kind::Integer, "4"),
    key("introspection", Kind::Bool, "false"),
    open("introspection_url", Kind::Text),
    key("introspection_ttl", Kind::Text, "60s"),
    open("client_id", Kind::Text),
    open("client_secret_file", Kind::Text),
    open("client_key_file", Kind::Text),
    open("client_key_id", Kind::Text),
    key("bound_only", Kind::Bool, "false"),
    key("actors", Kind::Bool, "false"),
];

/// The settings of one `[[identity.authority]]` table.
pub(super) const AUTHORITY_KEYS: &[Key] =
    &[open("name", Kind::Text), open("ca_file", Kind::Text), open("trust_domain", Kind::Text), open("agents", Kind::Tables)];

/// The settings of one `[[identity.peer]]` table.
pub(super) const PEER_KEYS: &[Key] = &[
    open("uid", Kind::Integer),
    open("gid", Kind::Integer),
    open("agent", Kind::Text),
    open("user", Kind::Text),
    open("unattended", Kind::Bool),
];

/// The settings of one `[[server]]` table.
pub(super) const SERVER_KEYS: &[Key] = &[
    open("name", Kind::Text),
    open("path", Kind::Text),
    open("url", Kind::Text),
    open("socket", Kind::Text),
    open("socket_uid", Kind::Integer),
    open("command", Kind::List),
    open("directory", Kind::Text),
    open("env", Kind::Table),
    open("inherit_env", Kind::Bool),
    key("extensions", Kind::List, ""),
    key("scopes", Kind::List, ""),
    open("meta_tools", Kind::Tables),
    key("credential", Kind::Text, "none"),
    open("credential_file", Kind::Text),
    open("credential_env", Kind::Text),
    open("credential_header", Kind::Text),
    open("credential_issuer", Kind::Text),
    open("credential_token_url", Kind::Text),
    open("credential_client_id", Kind::Text),
    open("credential_client_secret_file", Kind::Text),
    open("credential_client_secret_in", Kind::Text),
    open("credential_client_key_file", Kind::Text),
    open("credential_client_key_id", Kind::Text),
    key("credential_scopes", Kind::List, ""),
    open("credential_resource", Kind::Text),
    open("credential_audience", Kind::Text),
    key("credential_actor_token", Kind::Bool, "false"),
    open("credential_ca_file", Kind::Text),
    key("credential_plain_http_hosts", Kind::List, ""),
    key("credential_deadline", Kind::Text, "5s"),
    key("credential_plaintext_non_loopback", Kind::Bool, "false"),
];

/// The settings of one `[[audit.tool]]` table.
pub(super) const AUDIT_TOOL_KEYS: &[Key] = &[open("name", Kind::Text), open("detail", Kind::Text), open("mask", Kind::List)];

/// The settings of one `[[approvals.webhook]]` table.
pub(super) const WEBHOOK_KEYS: &[Key] = &[
    open("name", Kind::Text),
    open("url", Kind::Text),
    open("url_file", Kind::Text),
    open("secret_file", Kind::Text),
    key("events", Kind::List, ""),
    key("format", Kind::Text, "standard"),
    key("timeout", Kind::Text, "10s"),
    key("include_arguments", Kind::Bool, "false"),
    key("plaintext_non_loopback", Kind::Bool, "false"),
];

/// The list of those who are told of tickets.
pub(super) const WEBHOOK: &str = "approvals.webhook";
/// The list of what is kept for single tools.
pub(super) const AUDIT_TOOL: &str = "audit.tool";
/// The list of those who vouch for client certificates.
pub(super) const AUTHORITY: &str = "identity.authority";
/// The list of processes that are known by who runs them.
pub(super) const PEER: &str = "identity.peer";
/// The list of issuers.
pub(super) const ISSUER: &str = "identity.issuer";

/// The lists of tables that stand inside sections, and the settings of one of their tables.
pub(super) const LISTS: &[(&str, &[Key])] = &[
    (AUDIT_TOOL, AUDIT_TOOL_KEYS),
    (ISSUER, ISSUER_KEYS),
    (AUTHORITY, AUTHORITY_KEYS),
    (PEER, PEER_KEYS),
    (WEBHOOK, WEBHOOK_KEYS),
];

/// The key of this name.
pub(super) fn find(keys: &'static [Key], path: &str) -> Option<&'static Key> {
    keys.iter().find(|key| key.path == path)
}

/// The environment variable that sets `path`.
pub(super) fn variable(path: &str) -> String {
    format!("CEDARPOST_{}", path.to_ascii_uppercase().replace('.', "_"))
}
