//! What pods of Kubernetes get (`[inject]`), and where an API server asks (`[webhook]`).

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use super::raw::Given;
use super::reader::{Reader, text};
use super::report::Problem;
use super::settings::{ApiAccess, LogSettings, OwnCertificate, WebhookSettings};
use crate::inject::{Binary, Image, Quantity, Settings};
use crate::listen;
use crate::listen::tls::TlsSettings;

/// Reads `[inject]`; the inner `None` when no image is named.
pub(super) fn injection(reader: &mut Reader<'_>) -> Option<Option<Settings>> {
    let image = reader.optional("inject.image", parsed::<Image>);
    let allowed_images = reader.read("inject.allowed_images", |given| {
        super::reader::list(given)?.iter().map(|text| text.parse::<Image>().map_err(|error| error.to_string())).collect()
    });
    let pull_policy = reader.read("inject.pull_policy", |given| {
        let word = text(given)?;
        let known = ["Always", "IfNotPresent", "Never"];
        if known.contains(&word.as_str()) { Ok(word) } else { Err(format!("`{word}` is not one of {}", known.join(", "))) }
    });
    let config_map = reader.read("inject.config_map", object_name);
    let policy_config_map = reader.read("inject.policy_config_map", object_name);
    let audience = reader.read("inject.audience", |given| super::reader::id(&text(given)?));
    let admin_port = reader.count("inject.admin_port", 1024..=65_535);
    let agent_port = reader.count("inject.agent_port", 1024..=65_535);
    let user = reader.count("inject.user", 1..=2_147_483_647);
    let api_token = reader.flag("inject.api_token");
    let cpu_request = reader.read("inject.cpu_request", parsed::<Quantity>);
    let memory_request = reader.read("inject.memory_request", parsed::<Quantity>);
    let cpu_limit = reader.read("inject.cpu_limit", parsed::<Quantity>);
    let memory_limit = reader.read("inject.memory_limit", parsed::<Quantity>);
    let max_cpu = reader.read("inject.max_cpu", parsed::<Quantity>);
    let max_memory = reader.read("inject.max_memory", parsed::<Quantity>);
    let state_size = reader.read("inject.state_size", parsed::<Quantity>);
    let binary = reader.read("inject.binary", |given| {
        let word = text(given)?;
        Binary::of(&word).ok_or_else(|| format!("`{word}` is neither \"copy\" nor \"image-volume\""))
    });
    let (admin_port, agent_port) = (u16::try_from(admin_port?).ok()?, u16::try_from(agent_port?).ok()?);
    if admin_port == agent_port {
        let origin = reader.origin("inject.agent_port");
        reader.problem(Problem::new(&origin, format!("`inject.admin_port` and `inject.agent_port` are both {admin_port}")));
        return None;
    }
    let (cpu_request, cpu_limit, max_cpu) = (cpu_request?, cpu_limit?, max_cpu?);
    let (memory_request, memory_limit, max_memory) = (memory_request?, memory_limit?, max_memory?);
    let rising = [
        ("inject.cpu_request", &cpu_request, "inject.cpu_limit", &cpu_limit),
        ("inject.cpu_limit", &cpu_limit, "inject.max_cpu", &max_cpu),
        ("inject.memory_request", &memory_request, "inject.memory_limit", &memory_limit),
        ("inject.memory_limit", &memory_limit, "inject.max_memory", &max_memory),
    ];
    if let Some((low, less, high, more)) = rising.into_iter().find(|(_, less, _, more)| less.exceeds(more)) {
        let origin = reader.origin(low);
        reader.problem(Problem::new(&origin, format!("`{low}` is {less}, which is more than `{high}`, {more}")));
        return None;
    }
    let (allowed_images, pull_policy, config_map, policy_config_map) =
        (allowed_images?, pull_policy?, config_map?, policy_config_map?);
    let (audience, user, state_size, binary) = (audience?, u32::try_from(user?).ok()?, state_size?, binary?);
    let api_token = api_token?;
    Some(image?.map(|image| Settings {
        image,
        allowed_images,
        pull_policy,
        config_map,
        policy_config_map,
        audience,
        api_token,
        admin_port,
        agent_port,
        user,
        cpu_request,
        memory_request,
        cpu_limit,
        memory_limit,
        max_cpu,
        max_memory,
        state_size,
        binary,
    }))
}

/// The same, when an image must be named.
pub(super) fn needed(reader: &mut Reader<'_>) -> Option<Settings> {
    let injection = injection(reader)?;
    if injection.is_none() {
        let problem = Problem::new(&reader.at.clone(), "`inject.image` is not set");
        reader.problem(problem.help("set `image` in [inject], CEDARPOST_INJECT_IMAGE, or --image: the sidecar's image"));
    }
    injection
}

/// What `[webhook]` says, whether or not it is enough.
pub(super) struct Webhook {
    listener: listen::Settings,
    max_connections: usize,
    own: Option<OwnCertificate>,
    events: bool,
    api: ApiAccess,
}

/// Reads `[webhook]`. An API server speaks TLS and nothing else.
pub(super) fn webhook(reader: &mut Reader<'_>) -> Option<Webhook> {
    let address = reader.read("webhook.address", |given| {
        let text = text(given)?;
        text.parse::<SocketAddr>().map_err(|_| format!("`{text}` is not an IP address with a port, such as \"0.0.0.0:8443\""))
    });
    let certificate = reader.optional_path("webhook.tls_cert_file");
    let key = reader.optional_path("webhook.tls_key_file");
    let max_connections = reader.count("webhook.max_connections", 1..=100_000);
    let service = reader.optional("webhook.service", object_name);
    let namespace = reader.optional("webhook.namespace", object_name);
    let configuration = reader.read("webhook.configuration", object_name);
    let directory = reader.optional_path("webhook.directory");
    let events = reader.flag("webhook.events");
    let lifetime = reader.duration("webhook.lifetime", Duration::from_secs(10)..=Duration::from_secs(366 * 86_400));
    let api = reader.read("webhook.api", |given| super::servers::url(&text(given)?).map(|url| url.to_string()));
    let account = reader.optional_path("webhook.account");
    let tls = match (certificate?, key?) {
        (Some(certificate), Some(key)) => Some(TlsSettings { certificate, key }),
        _ => None,
    };
    let (configuration, directory, lifetime) = (configuration?, directory??, lifetime?);
    let api = ApiAccess { url: api?, account: account?? };
    let own = match (service?, namespace?) {
        (Some(service), Some(namespace)) => Some(OwnCertificate { service, namespace, configuration, directory, lifetime }),
        _ => None,
    };
    let listener = listen::Settings { tls, ..listen::Settings::plain(address?) };
    Some(Webhook { listener, max_connections: max_connections?, own, events: events?, api })
}

/// All that `webhook` needs.
pub(super) fn served(reader: &mut Reader<'_>) -> Option<WebhookSettings> {
    let injection = needed(reader);
    let webhook = webhook(reader);
    let log: Option<LogSettings> = super::parts::log(reader);
    let Webhook { listener, max_connections, own, events, api } = webhook?;
    if listener.tls.is_some() == own.is_some() {
        let message = if own.is_some() {
            "`webhook.tls_cert_file` and `webhook.service` exclude each other: one certificate is served"
        } else {
            "there is no certificate: set both `webhook.tls_cert_file` and `webhook.tls_key_file`, or both `webhook.service` and `webhook.namespace`"
        };
        let problem = Problem::new(&reader.at.clone(), message);
        reader.problem(problem.help("files are what cert-manager keeps; without them the webhook makes its own certificate"));
        return None;
    }
    Some(WebhookSettings { listener, own_certificate: own, events, api, max_connections, injection: injection?, log: log? })
}

fn parsed<T: FromStr<Err: std::fmt::Display>>(given: &Given) -> Result<T, String> {
    text(given)?.parse().map_err(|error: T::Err| error.to_string())
}

fn object_name(given: &Given) -> Result<String, String> {
    let name = text(given)?;
    if crate::inject::is_object_name(&name) {
        Ok(name)
    } else {
        Err(format!("`{name}` is not the name of an object of Kubernetes"))
    }
}
