//! The servers, from what the configuration says of them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use super::rooms::Rooms;
use crate::config::{Config, LimitSettings, ServerSettings, ServerTarget};
use crate::lifecycle::Stop;
use crate::mcp;
use crate::proxy::upstream::child::{ChildSettings, PoolSettings, Stderr};
use crate::proxy::upstream::{HttpSettings, UpstreamSettings};
use crate::proxy::{Asking, Endpoint, EndpointSettings, Limits, Metrics};

/// Largest answer of a server, in bytes: results may be much larger than requests.
const LARGEST_ANSWER: usize = 64 * 1024 * 1024;
/// How long an answer may take to arrive once it has begun, and a client to take a piece of it.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);
/// How long a client may keep a filtered list: new policies change it, and not every client listens for that.
pub(super) const LIST_TTL: Duration = Duration::from_secs(10);

/// Prepares the endpoints of all servers.
///
/// Processes of servers end with `processes`; with `stopping` no client waits for people any more.
pub(super) fn endpoints(
    config: &Config,
    rooms: &Rooms,
    metrics: &Metrics,
    processes: &Stop,
    stopping: &Stop,
) -> anyhow::Result<Vec<Arc<Endpoint>>> {
    let endpoint = |server: &ServerSettings| {
        let settings = EndpointSettings {
            name: server.name.clone(),
            path: server.path.clone(),
            upstream: upstream(server, &config.limits),
            extensions: server.extensions.clone(),
            legacy_sse: config.listen.legacy_sse,
            catalog_ttl: config.policy.catalog_ttl,
            asking: Asking {
                hold: config.approvals.hold,
                hold_with_progress: config.approvals.hold_with_progress,
                console: config.console_url().map(Into::into),
            },
            stopping: stopping.clone(),
            limits: limits(&config.limits),
        };
        Endpoint::new(settings, rooms.gate.clone(), metrics.clone(), &rooms.clock, processes)
            .map(Arc::new)
            .with_context(|| format!("failed to prepare the server `{}`", server.name))
    };
    config.servers.iter().map(endpoint).collect()
}

fn limits(limits: &LimitSettings) -> Limits {
    Limits {
        request: mcp::Limits { max_bytes: limits.max_message_bytes, max_depth: limits.max_depth },
        answer: mcp::Limits { max_bytes: LARGEST_ANSWER.max(limits.max_message_bytes), max_depth: mcp::Limits::DEEPEST },
        sessions: limits.max_sessions,
        in_flight: limits.max_inflight,
        body_timeout: limits.body_timeout,
        answer_timeout: ANSWER_TIMEOUT,
        session_idle: limits.session_idle_timeout,
        list_ttl: LIST_TTL,
    }
}

pub(super) fn upstream(server: &ServerSettings, limits: &LimitSettings) -> UpstreamSettings {
    match &server.target {
        ServerTarget::Http { url, socket, credential } => UpstreamSettings::Http(Box::new(HttpSettings {
            url: url.clone(),
            socket: socket.clone(),
            connect_timeout: limits.upstream_connect_timeout,
            response_timeout: limits.upstream_response_timeout,
            credential: (**credential).clone(),
        })),
        ServerTarget::Child { program, args, directory, environment } => {
            let child = ChildSettings {
                env: environment.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
                inherit_env: false,
                working_dir: directory.clone(),
                stderr: Stderr::Log,
                max_line_bytes: LARGEST_ANSWER,
                ..ChildSettings::new(server.name.to_string(), [program.clone()].into_iter().chain(args.iter().cloned()).collect())
            };
            let max_sessions = limits.max_sessions.min(64);
            UpstreamSettings::Child(Box::new(PoolSettings { max_sessions, ..PoolSettings::new(child) }))
        }
    }
}
