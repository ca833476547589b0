//! One function for each part of the house: its keys, their bounds, and what must hold between them.

use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::detail;
use super::listeners::{ADMIN, GRPC, LISTEN, clients, listener};
use super::raw::{Given, Table, Value};
use super::reader::{Reader, text, within};
use super::report::{Origin, Problem};
use super::settings::{
    AdminSettings, AuditSettings, GrpcSettings, LimitSettings, ListenSettings, LogFormat, LogSettings, PolicySettings,
};
use crate::audit::EpochLimits;
use crate::audit::tlog::KeyName;
use crate::bypass;
use crate::rest::AppProbe;
use crate::telemetry;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

pub(super) fn listen(reader: &mut Reader<'_>) -> Option<ListenSettings> {
    let listener = listener(reader, &LISTEN);
    let allowed_hosts = reader.list_of("listen.allowed_hosts", host);
    let allowed_origins = reader.list_of("listen.allowed_origins", web_origin);
    let max_connections = reader.count("listen.max_connections", 1..=1_000_000);
    let legacy_sse = reader.flag("listen.legacy_sse");
    Some(ListenSettings {
        listener: listener??,
        allowed_hosts: allowed_hosts?,
        allowed_origins: allowed_origins?,
        max_connections: max_connections?,
        legacy_sse: legacy_sse?,
    })
}

/// `Some(None)` when the admin listener is turned off.
pub(super) fn admin(reader: &mut Reader<'_>) -> Option<Option<AdminSettings>> {
    let listener = listener(reader, &ADMIN);
    let allowed_hosts = reader.list_of("admin.allowed_hosts", host);
    let app_health = reader.read("admin.app_health", |given| {
        super::reader::list(given)?.iter().map(|text| text.parse::<AppProbe>().map_err(|error| error.to_string())).collect()
    });
    let remote_details = reader.flag("admin.remote_details");
    let (listener, allowed_hosts, app_health, remote_details) = (listener?, allowed_hosts?, app_health?, remote_details?);
    Some(listener.map(|listener| AdminSettings { listener, allowed_hosts, remote_details, app_health }))
}

pub(super) fn bypass(reader: &mut Reader<'_>) -> Option<bypass::Settings> {
    let check = reader.read("bypass.check", |given| {
        let word = text(given)?;
        let found = bypass::Check::WORDS.into_iter().find(|(name, _)| *name == word);
        found.map(|(_, check)| check).ok_or_else(|| format!("`{word}` is not one of off, report, enforce"))
    });
    let interval = reader.duration("bypass.interval", Duration::from_millis(100)..=HOUR);
    Some(bypass::Settings { check: check?, interval: interval? })
}

/// `Some(None)` when there is no gRPC listener.
pub(super) fn grpc(reader: &mut Reader<'_>) -> Option<Option<GrpcSettings>> {
    let listener = listener(reader, &GRPC);
    let clients = clients(reader, &GRPC, listener.as_ref().and_then(Option::as_ref));
    let max_connections = reader.count("grpc.max_connections", 1..=1_000_000);
    let gateways = super::gateways::gateways(reader);
    let (listener, clients, max_connections, gateways) = (listener?, clients?, max_connections?, gateways?);
    let Some(listener) = listener else {
        super::gateways::nobody_listens(reader, &gateways);
        return Some(None);
    };
    Some(Some(GrpcSettings { listener, clients, max_connections, gateways }))
}

pub(super) fn limits(reader: &mut Reader<'_>) -> Option<LimitSettings> {
    let max_message = reader.size("limits.max_message", KIB..=GIB);
    let max_depth = reader.count("limits.max_depth", 8..=128);
    let max_sessions = reader.count("limits.max_sessions", 1..=1_000_000);
    let max_inflight = reader.count("limits.max_inflight", 1..=1_000_000);
    let connect = reader.duration("limits.upstream_connect_timeout", Duration::from_millis(10)..=HOUR);
    let response = reader.duration("limits.upstream_response_timeout", Duration::from_millis(10)..=DAY);
    let header = reader.duration("limits.header_timeout", Duration::from_millis(100)..=HOUR);
    let body = reader.duration("limits.body_timeout", Duration::from_millis(100)..=HOUR);
    let idle = reader.duration("limits.session_idle_timeout", SECOND..=DAY * 7);
    let grace = reader.duration("limits.shutdown_grace", Duration::ZERO..=HOUR);
    Some(LimitSettings {
        max_message_bytes: usize::try_from(max_message?).ok()?,
        max_depth: u32::try_from(max_depth?).ok()?,
        max_sessions: max_sessions?,
        max_inflight: max_inflight?,
        upstream_connect_timeout: connect?,
        upstream_response_timeout: response?,
        header_timeout: header?,
        body_timeout: body?,
        session_idle_timeout: idle?,
        shutdown_grace: grace?,
    })
}

pub(super) fn policy(reader: &mut Reader<'_>) -> Option<PolicySettings> {
    let origin = reader.origin("policy.policies");
    let policies = reader.paths("policy.policies");
    let schema = reader.paths("policy.schema");
    let entities = reader.paths("policy.entities");
    let lock = reader.optional_path("policy.lock");
    let places = [("policy.policies", &policies), ("policy.schema", &schema), ("policy.entities", &entities)];
    let places = places.map(|(setting, paths)| (setting, paths.clone().unwrap_or_default()));
    let locks = ("policy.lock", lock.iter().flatten().cloned().collect());
    let trust = super::bundle::trust(reader, &[&places[..], &[locks]].concat());
    let catalog_ttl = catalog_ttl(reader);
    let timezone = reader.read("policy.timezone", |given| {
        let name = text(given)?;
        TimeZone::get(&name).map(|_| name.clone()).map_err(|_| format!("`{name}` is not a time zone of the IANA database"))
    });
    let poll_interval = reader.duration("policy.poll_interval", Duration::from_millis(50)..=HOUR);
    let residuals = reader.flag("policy.residuals");
    if policies.as_ref().is_some_and(Vec::is_empty) {
        reader.problem(Problem::new(&origin, "`policy.policies` is empty: every call would be refused"));
    }
    let trust = trust?;
    Some(PolicySettings {
        policies: policies?,
        schema: schema?,
        entities: entities?,
        lock: lock?,
        trusted_keys: trust.keys,
        minimum_version: trust.minimum,
        catalog_ttl: catalog_ttl?,
        timezone: timezone?,
        poll_interval: poll_interval?,
        residuals: residuals?,
    })
}

/// `Some(None)` when servers are not asked again without a reason.
fn catalog_ttl(reader: &mut Reader<'_>) -> Option<Option<Duration>> {
    reader.read("policy.catalog_ttl", |given| match text(given)?.as_str() {
        "off" => Ok(None),
        text => within(text, SECOND..=DAY).map(Some),
    })
}

/// `default` is where the log goes when nobody says it; `tools` are the `[[audit.tool]]` tables, and `servers` the names that they may name.
pub(super) fn audit(
    reader: &mut Reader<'_>,
    default: Option<PathBuf>,
    tools: Vec<Table>,
    servers: Option<&[String]>,
) -> Option<AuditSettings> {
    let directory = match default {
        Some(default) if !reader.given.contains_key("audit.directory") => {
            let value = Value::Text(default.display().to_string());
            reader.show("audit.directory", &Given { value, origin: Origin::Default });
            Some(default)
        }
        _ => {
            let given = reader.optional_path("audit.directory");
            if given == Some(None) { reader.read("audit.directory", |_| Ok(PathBuf::new())) } else { given.flatten() }
        }
    };
    let origin = reader.optional("audit.origin", |given| KeyName::new(text(given)?).map_err(|error| error.to_string()));
    let keys = reader.optional_path("audit.keys");
    let append_deadline = reader.duration("audit.append_deadline", Duration::from_millis(10)..=HOUR);
    let queue = reader.count("audit.queue", 1..=1_000_000);
    let low_water = reader.size("audit.low_water", 0..=GIB * 1_024 * 1_024);
    let records = reader.count("audit.epoch_records", 256..=1 << 30);
    let bytes = reader.size("audit.epoch_bytes", MIB..=GIB * 1_024);
    let age = reader.duration("audit.epoch_age", SECOND..=DAY * 366);
    let detail = detail::detail(reader, tools, servers);
    let feed = super::feed::feed(reader);
    Some(AuditSettings {
        directory: directory?,
        origin: origin?,
        keys: keys?,
        epochs: EpochLimits { records: u64::try_from(records?).ok()?, bytes: bytes?, age: age? },
        append_deadline: append_deadline?,
        queue: queue?,
        low_water_bytes: low_water?,
        detail: detail?,
        feed: feed?,
    })
}

pub(super) fn log(reader: &mut Reader<'_>) -> Option<LogSettings> {
    let format = reader.read("log.format", |given| {
        let word = text(given)?;
        let found = LogFormat::NAMES.into_iter().find(|(name, _)| *name == word);
        found.map(|(_, format)| format).ok_or_else(|| format!("`{word}` is not one of auto, json, pretty"))
    });
    let level = reader.read("log.level", |given| {
        let level = text(given)?;
        telemetry::check_level(&level).map_err(|error| error.to_string())?;
        Ok(level)
    });
    Some(LogSettings { format: format?, level: level? })
}

/// A service by the name that its certificate has.
/// `name` or `name:port`, in lower case.
fn host(text: &str) -> Result<String, String> {
    let authority = text.parse::<http::uri::Authority>().ok().filter(|_| !text.contains(['@', '*']));
    authority.map(|_| text.to_ascii_lowercase()).ok_or_else(|| format!("`{text}` is not a host name, with or without a port"))
}

/// `scheme://host[:port]`, in lower case. Wildcards and `null` would let any web page in.
fn web_origin(text: &str) -> Result<String, String> {
    let named = text.split_once("://").filter(|(scheme, _)| !scheme.is_empty());
    named
        .filter(|(_, authority)| host(authority).is_ok())
        .map(|_| text.to_ascii_lowercase())
        .ok_or_else(|| format!("`{text}` is not an origin, such as \"https://app.example\""))
}
