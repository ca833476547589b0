//! What a pod gets: the sidecar, and its volumes.
//!
//! Everything is written out, also what an API server would add: a pod that comes back from a cluster then compares equal to what would
//! be injected today.

use serde_json::{Value, json};

use super::names::{
    AUDIT_DIRECTORY, BIN, BIN_DIRECTORY, BIN_HERE, CONFIG, CONFIG_DIRECTORY, CONFIG_FILE, CONTAINER, COPY, POLICIES,
    POLICIES_DIRECTORY, PORT_ADMIN, PORT_MCP, RUN, RUN_DIRECTORY, STATE, STATE_DIRECTORY, STDIO_SOCKET, TOKEN, TOKEN_DIRECTORY,
};
use super::settings::{Binary, Settings};
use super::wish::{Mode, Socket, Wish};

/// How long a token is good for, in seconds: the shortest that Kubernetes gives out.
const TOKEN_SECONDS: u32 = 600;

/// The canonical container. `probes` are the probes that it passes on; `named` is the name that its port takes over.
pub(super) fn container(wish: &Wish, settings: &Settings, probes: &[String], named: Option<&str>) -> Value {
    let mut ports = vec![];
    if let Some(port) = wish.mode.port() {
        ports.push(json!({ "name": named.unwrap_or(PORT_MCP), "containerPort": port, "protocol": "TCP" }));
    }
    ports.push(json!({ "name": PORT_ADMIN, "containerPort": settings.admin_port, "protocol": "TCP" }));
    json!({
        "name": CONTAINER,
        "image": wish.image.as_str(),
        "imagePullPolicy": settings.pull_policy,
        "restartPolicy": "Always",
        "args": args(wish),
        "env": env(wish, settings, probes),
        "ports": ports,
        "resources": {
            "requests": { "cpu": wish.cpu[0].as_str(), "memory": wish.memory[0].as_str() },
            "limits": { "cpu": wish.cpu[1].as_str(), "memory": wish.memory[1].as_str() },
        },
        "securityContext": security(settings),
        // The containers behind it start once it listens, so a server that wants its address fails loudly instead of going around it.
        // Whether there are policies to decide by is asked by the readiness probe alone: were it asked here, bad policies would have the
        // sidecar killed over and over, and hold up the containers behind it for ever.
        "startupProbe": probe("/livez", settings.admin_port, 1, 60),
        "readinessProbe": probe("/readyz", settings.admin_port, 5, 2),
        "livenessProbe": probe("/livez", settings.admin_port, 10, 3),
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": mounts(wish),
    })
}

fn args(wish: &Wish) -> Vec<String> {
    let mut args = vec!["serve", "--config", CONFIG_FILE];
    let socket = wish.mode.socket().map(Socket::here);
    match &wish.mode {
        Mode::Guard(guard) => {
            args.extend(["--name", &guard.server, "--upstream", &guard.upstream, "--path", &guard.path]);
            args.extend(socket.iter().flat_map(|socket| ["--upstream-socket", socket]));
        }
        Mode::Stdio(stdio) => {
            args.extend(["--name", &stdio.server, "--path", "/mcp", "--", BIN_HERE, "bridge", "connect", STDIO_SOCKET]);
        }
        Mode::Agent(_) => {}
    }
    args.into_iter().map(str::to_owned).collect()
}

fn env(wish: &Wish, settings: &Settings, probes: &[String]) -> Vec<Value> {
    let field =
        |name: &str, path: &str| json!({ "name": name, "valueFrom": { "fieldRef": { "apiVersion": "v1", "fieldPath": path } } });
    let mut env = vec![
        field("POD_NAME", "metadata.name"),
        field("POD_NAMESPACE", "metadata.namespace"),
        field("POD_UID", "metadata.uid"),
        field("POD_IP", "status.podIP"),
        field("NODE_NAME", "spec.nodeName"),
        field("SERVICE_ACCOUNT", "spec.serviceAccountName"),
    ];
    let mut set = |name: &str, value: String| env.push(json!({ "name": name, "value": value }));
    let own = if wish.ipv6 { "[$(POD_IP)]" } else { "$(POD_IP)" };
    match wish.mode.port() {
        Some(port) => {
            set("CEDARPOST_LISTEN_ADDRESS", format!("{own}:{port}"));
            set("CEDARPOST_LISTEN_PLAINTEXT_NON_LOOPBACK", "true".to_owned());
        }
        None => set("CEDARPOST_LISTEN_ADDRESS", format!("127.0.0.1:{}", settings.agent_port)),
    }
    if !wish.services.is_empty() {
        set("CEDARPOST_LISTEN_ALLOWED_HOSTS", hosts(&wish.services));
    }
    set("CEDARPOST_ADMIN_ADDRESS", format!("{own}:{}", settings.admin_port));
    set("CEDARPOST_ADMIN_PLAINTEXT_NON_LOOPBACK", "true".to_owned());
    if !probes.is_empty() {
        set("CEDARPOST_ADMIN_APP_HEALTH", probes.join(","));
    }
    if wish.mode.port().is_some() {
        set("CEDARPOST_BYPASS_CHECK", if wish.bypass_enforced { "enforce" } else { "report" }.to_owned());
    }
    for part in ["POLICIES", "SCHEMA", "ENTITIES"] {
        set(&format!("CEDARPOST_POLICY_{part}"), POLICIES_DIRECTORY.to_owned());
    }
    set("CEDARPOST_AUDIT_DIRECTORY", AUDIT_DIRECTORY.to_owned());
    set("CEDARPOST_LOG_FORMAT", "json".to_owned());
    if let Some(level) = &wish.log_level {
        set("CEDARPOST_LOG_LEVEL", level.clone());
    }
    env
}

/// The names by which clients of a Service find it. One with dots is written out already.
fn hosts(services: &[String]) -> String {
    let names = |service: &String| {
        if service.contains('.') {
            return service.clone();
        }
        let namespace = "$(POD_NAMESPACE)";
        format!("{service},{service}.{namespace},{service}.{namespace}.svc,{service}.{namespace}.svc.cluster.local")
    };
    services.iter().map(names).collect::<Vec<_>>().join(",")
}

/// The *restricted* profile of pod security, and no writable root.
fn security(settings: &Settings) -> Value {
    json!({
        "allowPrivilegeEscalation": false,
        "capabilities": { "drop": ["ALL"] },
        "privileged": false,
        "readOnlyRootFilesystem": true,
        "runAsGroup": settings.user,
        "runAsNonRoot": true,
        "runAsUser": settings.user,
        "seccompProfile": { "type": "RuntimeDefault" },
    })
}

fn probe(path: &str, port: u16, period: u32, failures: u32) -> Value {
    json!({
        "httpGet": { "path": path, "port": port, "scheme": "HTTP" },
        "timeoutSeconds": 5,
        "periodSeconds": period,
        "successThreshold": 1,
        "failureThreshold": failures,
    })
}

fn mounts(wish: &Wish) -> Vec<Value> {
    let mut mounts = vec![
        json!({ "name": CONFIG, "mountPath": CONFIG_DIRECTORY, "readOnly": true }),
        json!({ "name": POLICIES, "mountPath": POLICIES_DIRECTORY, "readOnly": true }),
        json!({ "name": STATE, "mountPath": STATE_DIRECTORY }),
        json!({ "name": TOKEN, "mountPath": TOKEN_DIRECTORY, "readOnly": true }),
    ];
    if matches!(wish.mode, Mode::Stdio(_)) {
        mounts.push(json!({ "name": RUN, "mountPath": RUN_DIRECTORY }));
    }
    if wish.mode.socket().is_some() {
        // Connecting to a socket takes no writing to its directory.
        mounts.push(json!({ "name": RUN, "mountPath": RUN_DIRECTORY, "readOnly": true }));
    }
    mounts
}

/// The init container that copies the binary, if there is to be one.
pub(super) fn copier(wish: &Wish, settings: &Settings) -> Option<Value> {
    let Mode::Stdio(stdio) = &wish.mode else { return None };
    (stdio.binary == Binary::Copy).then(|| {
        json!({
            "name": COPY,
            "image": wish.image.as_str(),
            "imagePullPolicy": settings.pull_policy,
            "args": ["bridge", "install", BIN_DIRECTORY],
            "resources": {
                "requests": { "cpu": wish.cpu[0].as_str(), "memory": wish.memory[0].as_str() },
                "limits": { "cpu": wish.cpu[1].as_str(), "memory": wish.memory[1].as_str() },
            },
            "securityContext": security(settings),
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "FallbackToLogsOnError",
            "volumeMounts": [{ "name": BIN, "mountPath": BIN_DIRECTORY }],
        })
    })
}

/// The volumes of the pod.
pub(super) fn volumes(wish: &Wish, settings: &Settings) -> Vec<Value> {
    const MODE: u32 = 0o644;
    let config_map = |volume: &str, name: &str| json!({ "name": volume, "configMap": { "name": name, "defaultMode": MODE } });
    let state = match &wish.state_claim {
        Some(claim) => json!({ "name": STATE, "persistentVolumeClaim": { "claimName": claim } }),
        None => json!({ "name": STATE, "emptyDir": { "sizeLimit": settings.state_size.as_str() } }),
    };
    let mut sources = vec![
        json!({ "serviceAccountToken": { "audience": settings.audience, "expirationSeconds": TOKEN_SECONDS, "path": "token" } }),
        json!({ "configMap": { "name": "kube-root-ca.crt", "items": [{ "key": "ca.crt", "path": "ca.crt" }] } }),
    ];
    if settings.api_token {
        // Without an audience it is for the API server.
        sources.push(json!({ "serviceAccountToken": { "expirationSeconds": TOKEN_SECONDS, "path": "api-token" } }));
    }
    let token = json!({ "name": TOKEN, "projected": { "defaultMode": MODE, "sources": sources } });
    let mut volumes = vec![config_map(CONFIG, &wish.config_map), config_map(POLICIES, &wish.policy_config_map), state, token];
    if matches!(wish.mode, Mode::Stdio(_)) || wish.mode.socket().is_some() {
        volumes.push(json!({ "name": RUN, "emptyDir": { "medium": "Memory", "sizeLimit": "1Mi" } }));
    }
    if let Mode::Stdio(stdio) = &wish.mode {
        volumes.push(match stdio.binary {
            Binary::Copy => json!({ "name": BIN, "emptyDir": { "sizeLimit": "256Mi" } }),
            Binary::ImageVolume => {
                json!({ "name": BIN, "image": { "reference": wish.image.as_str(), "pullPolicy": settings.pull_policy } })
            }
        });
    }
    volumes
}
