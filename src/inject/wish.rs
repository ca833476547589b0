//! What a pod asks for in its annotations, checked against what an administrator allows.
//!
//! An annotation of ours that is not known is refused: a misspelled one would be a setting that silently does not hold.

mod place;

use self::place::{Upstream, own_port, port_of, upstream, usual_port};
use super::image::Image;
use super::names::{ANNOTATIONS, PREFIX, RUN_DIRECTORY, STATUS};
use super::pod::{Container, Pod};
use super::quantity::Quantity;
use super::refused::Refused;
use super::settings::{Binary, Settings};
use crate::domain::{ServerName, nearest};

/// Where servers usually speak MCP.
const USUAL_PATH: &str = "/mcp";
/// Labels that name what a pod runs, the one that counts first.
const NAME_LABELS: [&str; 2] = ["app.kubernetes.io/name", "app"];

/// All of it.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) mode: Mode,
    pub(super) image: Image,
    pub(super) cpu: [Quantity; 2],
    pub(super) memory: [Quantity; 2],
    pub(super) config_map: String,
    pub(super) policy_config_map: String,
    pub(super) state_claim: Option<String>,
    pub(super) services: Vec<String>,
    pub(super) ipv6: bool,
    pub(super) log_level: Option<String>,
    /// Whether a way around the sidecar keeps the pod from being ready; else it is only told.
    pub(super) bypass_enforced: bool,
}

/// What the sidecar is for.
#[derive(Debug)]
pub(super) enum Mode {
    /// It stands before a server of this pod that speaks HTTP, on a port or a socket.
    Guard(Guard),
    /// It stands before a server of this pod that speaks on its standard input and output.
    Stdio(Stdio),
    /// It stands between an agent of this pod and servers elsewhere.
    Agent(Agent),
}

#[derive(Debug)]
pub(super) struct Guard {
    /// The word for it.
    pub(super) word: &'static str,
    pub(super) server: String,
    /// Where the sidecar listens.
    pub(super) port: u16,
    /// Where the server listens.
    pub(super) app_port: u16,
    pub(super) upstream: String,
    pub(super) path: String,
    /// The unix socket on which it listens, instead of a port.
    pub(super) socket: Option<Socket>,
}

/// A socket in a volume that only the server's container and the sidecar have.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) container: String,
    /// Where the volume is in the server's container.
    pub(super) directory: String,
    /// The name of the socket in it.
    pub(super) file: String,
}

impl Socket {
    /// Where the sidecar finds it.
    pub(super) fn here(&self) -> String {
        format!("{RUN_DIRECTORY}/{}", self.file)
    }
}

#[derive(Debug)]
pub(super) struct Stdio {
    pub(super) server: String,
    pub(super) port: u16,
    pub(super) container: String,
    pub(super) binary: Binary,
}

#[derive(Debug)]
pub(super) struct Agent {
    /// Variables, and the servers whose addresses they are to hold.
    pub(super) variables: Vec<(String, String)>,
    /// The containers that get them; all that are no init containers when empty.
    pub(super) containers: Vec<String>,
}

impl Mode {
    /// The socket of the server, if it has one instead of a port.
    pub(super) const fn socket(&self) -> Option<&Socket> {
        match self {
            Self::Guard(guard) => guard.socket.as_ref(),
            Self::Stdio(_) | Self::Agent(_) => None,
        }
    }

    /// The word for it, as in the annotation.
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::Guard(guard) => guard.word,
            Self::Stdio(_) => "stdio",
            Self::Agent(_) => "agent",
        }
    }

    /// The port of the pod's address at which clients find the sidecar.
    pub(super) const fn port(&self) -> Option<u16> {
        match self {
            Self::Guard(guard) => Some(guard.port),
            Self::Stdio(stdio) => Some(stdio.port),
            Self::Agent(_) => None,
        }
    }
}

impl Wish {
    pub(super) fn read(pod: &Pod<'_>, settings: &Settings) -> Result<Self, Refused> {
        known(pod)?;
        let asked = Asked(pod);
        let wish = Self {
            mode: mode(&asked, settings)?,
            image: image(&asked, settings)?,
            cpu: [
                asked.amount("cpu-request", &settings.cpu_request, &settings.max_cpu)?,
                asked.amount("cpu-limit", &settings.cpu_limit, &settings.max_cpu)?,
            ],
            memory: [
                asked.amount("memory-request", &settings.memory_request, &settings.max_memory)?,
                asked.amount("memory-limit", &settings.memory_limit, &settings.max_memory)?,
            ],
            config_map: asked.name("config-map")?.unwrap_or_else(|| settings.config_map.clone()),
            policy_config_map: asked.name("policy-config-map")?.unwrap_or_else(|| settings.policy_config_map.clone()),
            state_claim: asked.name("state-claim")?,
            services: services(&asked)?,
            ipv6: match asked.text("ip-family") {
                None | Some("ipv4") => false,
                Some("ipv6") => true,
                Some(other) => return Err(Refused::annotation("ip-family", format!("`{other}` is neither ipv4 nor ipv6"))),
            },
            log_level: log_level(&asked)?,
            bypass_enforced: match asked.text("bypass-check") {
                None | Some("enforce") => true,
                Some("report") => false,
                Some(other) => {
                    return Err(Refused::annotation("bypass-check", format!("`{other}` is neither enforce nor report")));
                }
            },
        };
        for (kind, [request, limit]) in [("cpu", &wish.cpu), ("memory", &wish.memory)] {
            if request.exceeds(limit) {
                let reason = format!("the sidecar would request {request} of {kind} and be limited to {limit}");
                return Err(Refused::annotation(&format!("{kind}-request"), reason));
            }
        }
        Ok(wish)
    }
}

fn known(pod: &Pod<'_>) -> Result<(), Refused> {
    for key in pod.annotations.keys().filter(|key| **key != STATUS) {
        let Some(name) = key.strip_prefix(PREFIX) else { continue };
        if !ANNOTATIONS.contains(&name) {
            let hint = nearest(name, ANNOTATIONS.into_iter())
                .map(|near| format!("; did you mean `{PREFIX}{near}`?"))
                .unwrap_or_default();
            return Err(Refused::annotation(name, format!("this annotation is not known{hint}")));
        }
    }
    Ok(())
}

/// Annotations by their names without the prefix.
struct Asked<'a>(&'a Pod<'a>);

impl<'a> Asked<'a> {
    fn text(&self, name: &str) -> Option<&'a str> {
        self.0.annotations.get(format!("{PREFIX}{name}").as_str()).copied()
    }

    fn list(&self, name: &str) -> Vec<&'a str> {
        self.text(name).map(|text| text.split(',').map(str::trim).filter(|word| !word.is_empty()).collect()).unwrap_or_default()
    }

    /// The name of an object of Kubernetes.
    fn name(&self, name: &str) -> Result<Option<String>, Refused> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let form = || Refused::annotation(name, format!("`{text}` is not the name of an object"));
        is_object_name(text).then(|| Some(text.to_owned())).ok_or_else(form)
    }

    fn amount(&self, name: &str, default: &Quantity, most: &Quantity) -> Result<Quantity, Refused> {
        let Some(text) = self.text(name) else { return Ok(default.clone()) };
        let amount: Quantity = text.parse().map_err(|error| Refused::annotation(name, format!("{error}")))?;
        if amount.exceeds(most) {
            return Err(Refused::annotation(name, format!("`{text}` is more than the {most} that an administrator allows")));
        }
        Ok(amount)
    }
}

/// Whether this is a DNS subdomain (RFC 1123), as names of ConfigMaps and claims are.
#[must_use]
pub fn is_object_name(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let label = |label: &str| {
        label.bytes().next().is_some_and(inner)
            && label.bytes().last().is_some_and(inner)
            && label.bytes().all(|byte| inner(byte) || byte == b'-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

fn image(asked: &Asked<'_>, settings: &Settings) -> Result<Image, Refused> {
    let Some(text) = asked.text("image") else { return Ok(settings.image.clone()) };
    let image: Image = text.parse().map_err(|error| Refused::annotation("image", format!("{error}")))?;
    if image == settings.image || settings.allowed_images.contains(&image) {
        return Ok(image);
    }
    Err(Refused::annotation("image", format!("`{image}` is not one of the images that an administrator allows")))
}

fn services(asked: &Asked<'_>) -> Result<Vec<String>, Refused> {
    let read = |name: &str| {
        let form = || Refused::annotation("services", format!("`{name}` is not the name of a Service"));
        is_object_name(name).then(|| name.to_owned()).ok_or_else(form)
    };
    asked.list("services").into_iter().map(read).collect()
}

fn log_level(asked: &Asked<'_>) -> Result<Option<String>, Refused> {
    let Some(text) = asked.text("log-level") else { return Ok(None) };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'=' | b',');
    if text.is_empty() || text.len() > 256 || !text.bytes().all(plain) {
        return Err(Refused::annotation("log-level", format!("`{text}` is not a level such as \"info\"")));
    }
    Ok(Some(text.to_owned()))
}

fn mode(asked: &Asked<'_>, settings: &Settings) -> Result<Mode, Refused> {
    let mode = match asked.text("mode").unwrap_or("podip") {
        "podip" => Mode::Guard(podip(asked)?),
        "rename" => Mode::Guard(rename(asked)?),
        "socket" => Mode::Guard(socket(asked)?),
        "stdio" => Mode::Stdio(stdio(asked, settings)?),
        "agent" => Mode::Agent(agent(asked)?),
        other => {
            let reason = format!("`{other}` is not one of podip, rename, socket, stdio and agent");
            return Err(Refused::annotation("mode", reason));
        }
    };
    misplaced(asked, &mode)?;
    taken(asked.0, &mode, settings)?;
    Ok(mode)
}

/// What means nothing in a mode is a misunderstanding.
fn misplaced(asked: &Asked<'_>, mode: &Mode) -> Result<(), Refused> {
    let without: &[&str] = match mode {
        Mode::Guard(Guard { socket: Some(_), .. }) => &["agent-env", "binary"],
        Mode::Guard(_) => &["agent-env", "containers", "binary", "socket"],
        Mode::Stdio(_) => &["agent-env", "upstream", "socket"],
        Mode::Agent(_) => &["upstream", "server", "port", "services", "ip-family", "binary", "socket", "bypass-check"],
    };
    // An address family is also about the admin port, which every mode has.
    let misplaced = without.iter().find(|name| **name != "ip-family" && asked.text(name).is_some());
    match misplaced {
        Some(name) => Err(Refused::annotation(name, format!("this means nothing in mode {}", mode.word()))),
        None => Ok(()),
    }
}

/// Ports that the sidecar needs and a container of the pod says it uses.
fn taken(pod: &Pod<'_>, mode: &Mode, settings: &Settings) -> Result<(), Refused> {
    if mode.port() == Some(settings.admin_port) {
        return Err(Refused::annotation(
            "port",
            format!("{} is the port of the sidecar's probes and metrics", settings.admin_port),
        ));
    }
    let mut own = vec![settings.admin_port];
    match mode {
        Mode::Guard(guard) if guard.port != guard.app_port => own.push(guard.port),
        Mode::Guard(_) => {}
        Mode::Stdio(stdio) => own.push(stdio.port),
        Mode::Agent(_) => own.push(settings.agent_port),
    }
    for container in pod.lasting() {
        if let Some(port) = container.ports.iter().find(|port| port.tcp && own.contains(&port.number)) {
            let reason = format!("container `{}` says it uses port {}, which the sidecar needs", container.name, port.number);
            return Err(Refused::new(format!("{}.ports", container.path), reason));
        }
    }
    Ok(())
}

fn podip(asked: &Asked<'_>) -> Result<Guard, Refused> {
    let given = upstream(asked, None)?;
    let port = match (asked.text("port"), &given) {
        (Some(text), _) => port_of(asked.0, text)?,
        (None, Some(given)) => given.port,
        (None, None) => usual_port(asked.0)?,
    };
    if given.as_ref().is_some_and(|given| given.port != port) {
        let reason = format!("in mode podip the server listens on the guarded port, {port}; for another one use mode rename");
        return Err(Refused::annotation("upstream", reason));
    }
    let given = given.unwrap_or_else(|| Upstream {
        port,
        path: USUAL_PATH.to_owned(),
        url: format!("http://127.0.0.1:{port}{USUAL_PATH}"),
    });
    let (upstream, path) = (given.url, given.path);
    Ok(Guard { word: "podip", server: server(asked)?, port, app_port: port, upstream, path, socket: None })
}

/// As `podip`, but the server listens on a socket and on no port at all.
fn socket(asked: &Asked<'_>) -> Result<Guard, Refused> {
    let missing =
        || Refused::annotation("socket", "mode socket needs the path of the server's socket, such as \"/run/mcp/mcp.sock\"");
    let path = asked.text("socket").ok_or_else(missing)?;
    let container = server_container(asked)?;
    let (directory, file) = socket_path(path)?;
    let mounts = container.value.get("volumeMounts").and_then(serde_json::Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let there = |mount: &serde_json::Value| {
        let at = mount.get("mountPath").and_then(serde_json::Value::as_str).map(|at| at.trim_end_matches('/'));
        at.is_some_and(|at| at == directory || at.strip_prefix(directory).is_some_and(|below| below.starts_with('/')))
    };
    if mounts.iter().any(there) {
        let reason = format!(
            "container `{}` has a volume of its own at or below `{directory}`: the socket needs a directory of its own",
            container.name
        );
        return Err(Refused::annotation("socket", reason));
    }
    let port = match asked.text("port") {
        Some(text) => port_of(asked.0, text)?,
        None => usual_port(asked.0)?,
    };
    let given = upstream(asked, Some(port))?.unwrap_or_else(|| Upstream {
        port,
        path: USUAL_PATH.to_owned(),
        url: format!("http://localhost:{port}{USUAL_PATH}"),
    });
    let socket = Socket { container: container.name.to_owned(), directory: directory.to_owned(), file: file.to_owned() };
    let (upstream, path) = (given.url, given.path);
    Ok(Guard { word: "socket", server: server(asked)?, port, app_port: port, upstream, path, socket: Some(socket) })
}

/// The directory and the name of a socket. The directory becomes a volume, which hides what the image has there.
fn socket_path(text: &str) -> Result<(&str, &str), Refused> {
    let refuse = |reason: &str| Refused::annotation("socket", format!("`{text}`: {reason}"));
    if text.contains(':') {
        return Err(refuse(
            "write the path alone, such as \"/run/mcp/mcp.sock\"; path and host of requests are in the annotation upstream",
        ));
    }
    let (directory, file) = text.rsplit_once('/').ok_or_else(|| refuse("this is not an absolute path"))?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let segment = |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(plain);
    let inner = directory.strip_prefix('/').ok_or_else(|| refuse("this is not an absolute path"))?;
    if !segment(file) || !inner.split('/').all(segment) || text.len() > 100 {
        return Err(refuse("it is an absolute path of at most 100 letters, digits, . _ - and slashes"));
    }
    let shared = matches!(directory, "/var/run" | "/var/tmp" | "/dev/shm" | "/usr/bin" | "/usr/lib" | "/var/lib");
    let system = ["/proc", "/sys", "/dev"].iter().any(|top| directory.starts_with(&format!("{top}/")));
    if !inner.contains('/') || shared || system {
        return Err(refuse("the socket needs a directory of its own, such as /run/mcp, which becomes a volume"));
    }
    Ok((directory, file))
}

/// The container that is the server: the one that `containers` names, or the only one.
fn server_container<'a, 'b>(asked: &'b Asked<'a>) -> Result<&'b Container<'a>, Refused> {
    match (asked.list("containers").as_slice(), asked.0.containers.as_slice()) {
        ([name], _) => find(asked.0, name),
        ([], [only]) => Ok(only),
        ([], _) => Err(Refused::annotation("containers", "the pod has several containers: say which one is the server")),
        _ => Err(Refused::annotation("containers", "one container is the server")),
    }
}

fn rename(asked: &Asked<'_>) -> Result<Guard, Refused> {
    let missing =
        || Refused::annotation("upstream", "mode rename needs the server's address, such as \"http://127.0.0.1:8081/mcp\"");
    let given = upstream(asked, None)?.ok_or_else(missing)?;
    let port = own_port(asked, "rename")?;
    if given.port == port {
        return Err(Refused::annotation(
            "port",
            "in mode rename the sidecar and the server listen on two ports; for one use mode podip",
        ));
    }
    let (app_port, upstream, path) = (given.port, given.url, given.path);
    Ok(Guard { word: "rename", server: server(asked)?, port, app_port, upstream, path, socket: None })
}

fn stdio(asked: &Asked<'_>, settings: &Settings) -> Result<Stdio, Refused> {
    let port = own_port(asked, "stdio")?;
    let container = server_container(asked)?;
    let command = container
        .value
        .get("command")
        .and_then(serde_json::Value::as_array)
        .is_some_and(|command| !command.is_empty() && command.iter().all(serde_json::Value::is_string));
    if !command {
        let reason = format!(
            "container `{}` has no `command`: what its image starts by itself is not known here, so write it out (the image's \
             ENTRYPOINT, and CMD as `args`)",
            container.name
        );
        return Err(Refused::new(format!("{}.command", container.path), reason));
    }
    let binary = match asked.text("binary") {
        None => settings.binary,
        Some(word) => {
            Binary::of(word).ok_or_else(|| Refused::annotation("binary", format!("`{word}` is neither copy nor image-volume")))?
        }
    };
    Ok(Stdio { server: server(asked)?, port, container: container.name.to_owned(), binary })
}

fn agent(asked: &Asked<'_>) -> Result<Agent, Refused> {
    let read = |pair: &str| {
        let form = || Refused::annotation("agent-env", format!("`{pair}` is not VARIABLE=server"));
        let (variable, server) = pair.split_once('=').ok_or_else(form)?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let fits = variable.bytes().all(plain) && variable.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
        let server = ServerName::new(server.trim()).ok_or_else(form)?;
        fits.then(|| (variable.to_owned(), server.as_str().to_owned())).ok_or_else(form)
    };
    let variables: Vec<(String, String)> = asked.list("agent-env").into_iter().map(read).collect::<Result<_, _>>()?;
    for (place, (variable, _)) in variables.iter().enumerate() {
        if variables.iter().skip(place + 1).any(|(other, _)| other == variable) {
            return Err(Refused::annotation("agent-env", format!("`{variable}` stands there twice")));
        }
    }
    let containers = asked.list("containers");
    let containers = containers.into_iter().map(|name| find(asked.0, name).map(|found| found.name.to_owned()));
    Ok(Agent { variables, containers: containers.collect::<Result<_, _>>()? })
}

fn find<'a, 'b>(pod: &'b Pod<'a>, name: &str) -> Result<&'b Container<'a>, Refused> {
    let found = pod.containers.iter().find(|container| container.name == name);
    found.ok_or_else(|| Refused::annotation("containers", format!("the pod has no container `{name}`")))
}

fn server(asked: &Asked<'_>) -> Result<String, Refused> {
    let labels = NAME_LABELS.iter().find_map(|label| asked.0.labels.get(label).copied());
    let text = asked.text("server").or(labels).unwrap_or("server");
    ServerName::new(text).map(|name| name.as_str().to_owned()).ok_or_else(|| {
        let reason = format!("`{text}` is not a name for policies (1 to 64 of a-z 0-9 . _ -): say one");
        Refused::annotation("server", reason)
    })
}
