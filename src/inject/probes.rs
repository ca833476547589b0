//! Probes of the user's containers that point at the guarded port.
//!
//! A kubelet connects to the address of the pod, where the sidecar listens now and asks who is calling. So these probes go to the
//! sidecar's admin port, which passes them on to the loopback address (`/app-health/CONTAINER/livez` and so on).

use serde_json::{Map, Value, json};

use super::patch::{Draft, Misfit};
use super::pod::{Container, Pod};
use super::refused::Refused;
use super::wish::{Guard, Socket};

/// The probes of a container, and what the sidecar calls them.
const KINDS: [(&str, &str); 3] = [("livenessProbe", "livez"), ("readinessProbe", "readyz"), ("startupProbe", "startupz")];
/// What the paths of probes that were redirected begin with.
const REDIRECTED: &str = "/app-health/";

/// A probe that is to be redirected.
#[derive(Debug)]
pub(super) struct Redirect {
    /// Where the probe stands, as a JSON pointer.
    pub(super) pointer: String,
    pub(super) container: String,
    pub(super) key: &'static str,
    pub(super) was: Value,
    pub(super) becomes: Value,
    /// What the sidecar is told: `CONTAINER/livez=http://127.0.0.1:9000/healthz`.
    pub(super) target: String,
}

/// The probes that dial `app_port`, and what else is to be said of them.
pub(super) fn redirects(pod: &Pod<'_>, guard: &Guard, admin_port: u16) -> Result<(Vec<Redirect>, Vec<String>), Refused> {
    let app_port = guard.app_port;
    let (mut found, mut warnings) = (Vec::new(), Vec::new());
    for container in pod.lasting() {
        for (key, word) in KINDS {
            let Some(probe) = container.value.get(key).and_then(Value::as_object) else { continue };
            let at = format!("{}.{key}", container.path);
            let Some(target) = target(container, probe, guard, &at, &mut warnings)? else { continue };
            let mut becomes = probe.clone();
            let mut get = Map::new();
            get.insert("path".to_owned(), format!("{REDIRECTED}{}/{word}", container.name).into());
            get.insert("port".to_owned(), admin_port.into());
            get.insert("scheme".to_owned(), "HTTP".into());
            if let Some(headers) = probe.get("httpGet").and_then(|get| get.get("httpHeaders")) {
                get.insert("httpHeaders".to_owned(), headers.clone());
            }
            becomes.remove("tcpSocket");
            becomes.insert("httpGet".to_owned(), Value::Object(get));
            found.push(Redirect {
                pointer: format!("{}/{key}", container.pointer),
                container: container.name.to_owned(),
                key,
                was: Value::Object(probe.clone()),
                becomes: Value::Object(becomes),
                target: format!("{}/{word}={target}", container.name),
            });
        }
        for hook in ["postStart", "preStop"] {
            let handler = container.value.get("lifecycle").and_then(|lifecycle| lifecycle.get(hook));
            if handler
                .is_some_and(|handler| ["httpGet", "tcpSocket"].iter().any(|kind| dials(container, handler.get(kind), app_port)))
            {
                warnings.push(format!(
                    "{}.lifecycle.{hook} connects to port {app_port}, where the sidecar listens now: use `exec`",
                    container.path
                ));
            }
        }
    }
    Ok((found, warnings))
}

/// Where a probe goes inside of the pod, if it goes to the guarded port.
fn target(
    container: &Container<'_>,
    probe: &Map<String, Value>,
    guard: &Guard,
    at: &str,
    warnings: &mut Vec<String>,
) -> Result<Option<String>, Refused> {
    let app_port = guard.app_port;
    let socket = guard.socket.as_ref().map(Socket::here);
    if dials(container, probe.get("grpc"), app_port) {
        warnings.push(format!("{at} asks by gRPC on port {app_port}, where the sidecar listens now: use `exec`"));
        return Ok(None);
    }
    if dials(container, probe.get("tcpSocket"), app_port) {
        return Ok(Some(socket.map_or_else(|| format!("tcp://127.0.0.1:{app_port}"), |socket| format!("unix:{socket}"))));
    }
    let Some(get) = probe.get("httpGet").filter(|_| dials(container, probe.get("httpGet"), app_port)) else { return Ok(None) };
    if get.get("scheme").and_then(Value::as_str) == Some("HTTPS") {
        let reason = "a probe by HTTPS on the guarded port cannot be passed on: use `exec` or `tcpSocket`";
        return Err(Refused::new(format!("{at}.httpGet.scheme"), reason));
    }
    let path = get.get("path").and_then(Value::as_str).unwrap_or("/");
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let visible = |byte: u8| {
        byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' | b'#')
    };
    if !path.bytes().all(visible) || path.len() > 1024 {
        return Err(Refused::new(format!("{at}.httpGet.path"), "this path cannot be passed on: write it as it stands in a URL"));
    }
    // Commas stand between the settings of a list, and `$(` begins a reference to a variable.
    let path = path.replace(',', "%2C").replace('$', "%24");
    Ok(Some(match socket {
        Some(socket) => format!("unix:{socket}:{path}"),
        None => format!("http://127.0.0.1:{app_port}{path}"),
    }))
}

/// Whether an action of the kubelet connects to this port of the pod.
fn dials(container: &Container<'_>, action: Option<&Value>, port: u16) -> bool {
    let Some(action) = action else { return false };
    let elsewhere = action.get("host").and_then(Value::as_str).is_some_and(|host| !host.is_empty());
    let number = match action.get("port") {
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(name)) => {
            let named = container.ports.iter().find(|port| port.name == Some(name.as_str()));
            named.map(|port| u64::from(port.number))
        }
        _ => None,
    };
    !elsewhere && number == Some(u64::from(port))
}

/// Puts a probe back as it was, if it still is what was made of it.
pub(super) fn restore(draft: &mut Draft, pointer: &str, container: &str, was: &Map<String, Value>) -> Result<(), Misfit> {
    for (key, word) in KINDS {
        let (Some(old), path) = (was.get(key), format!("{pointer}/{key}")) else { continue };
        let redirected = json!(format!("{REDIRECTED}{container}/{word}"));
        if old.is_object() && draft.at(&format!("{path}/httpGet/path")) == Some(&redirected) {
            draft.replace(path, old.clone())?;
        }
    }
    Ok(())
}
