//! What a `[[server]]` is shown of us: `credential` and the keys that belong to it.

use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderName, Uri, header};

use super::environment::Environment;
use super::issuers::secure;
use super::reader::{Reader, id, scope, text};
use super::report::{Origin, Problem};
use super::servers::url;
use super::settings::{Config, ServerTarget};
use crate::identity::{ActorTokens, ClientSecret, ClientSettings, Secret, TokenPlace};
use crate::outbound::PlainHttp;
use crate::proxy::upstream::{CredentialSettings, FixedCredential, FixedSource};

const SECOND: Duration = Duration::from_secs(1);

/// The words of `credential`.
const WAYS: [&str; 5] = ["none", "static", "client_credentials", "exchange", "same-resource"];

/// The keys that belong to each way, besides those that belong to all.
const FIXED: [&str; 3] = ["credential_file", "credential_env", "credential_header"];
const CLIENT: [&str; 13] = [
    "credential_issuer",
    "credential_token_url",
    "credential_client_id",
    "credential_client_secret_file",
    "credential_client_secret_in",
    "credential_client_key_file",
    "credential_client_key_id",
    "credential_scopes",
    "credential_resource",
    "credential_audience",
    "credential_ca_file",
    "credential_plain_http_hosts",
    "credential_deadline",
];

/// All keys about credentials.
pub(super) fn keys() -> impl Iterator<Item = &'static str> {
    let others = ["credential", "credential_actor_token", "credential_plaintext_non_loopback"];
    FIXED.into_iter().chain(CLIENT).chain(others)
}

/// What the server at this URL is shown. With `on_socket` nothing of it leaves this machine.
pub(super) fn credential(
    reader: &mut Reader<'_>,
    environment: &Environment,
    server: &Uri,
    on_socket: bool,
) -> Option<CredentialSettings> {
    let way = reader.read("credential", |given| {
        let word = text(given)?;
        let known = WAYS.into_iter().find(|way| *way == word);
        known.ok_or_else(|| format!("`{word}` is not one of {}", WAYS.join(", ")))
    })?;
    belongs(reader, way);
    if way == "none" {
        return Some(CredentialSettings::None);
    }
    let plaintext = reader.flag("credential_plaintext_non_loopback");
    let credential = match way {
        "static" => fixed(reader, environment),
        "same-resource" => same(reader),
        "exchange" => {
            let (client, actor) = (client(reader, way), reader.flag("credential_actor_token"));
            client.zip(actor).map(|(client, actor)| CredentialSettings::Exchange { client, actor })
        }
        _ => client(reader, way).map(CredentialSettings::Client),
    };
    in_the_open(reader, server, plaintext? || on_socket);
    credential
}

/// Says that something is missing without which a way is none.
fn lacks<T>(reader: &mut Reader<'_>, way: &str, what: &str, help: &str) -> Option<T> {
    let origin = reader.origin("credential");
    reader.problem(Problem::new(&origin, format!("`credential = \"{way}\"` needs {what}")).help(help));
    None
}

/// Says which keys mean nothing for this way.
fn belongs(reader: &mut Reader<'_>, way: &str) {
    let fits = |key: &str| match key {
        "credential_actor_token" => way == "exchange",
        "credential_plaintext_non_loopback" => way != "none",
        "credential_resource" if way == "same-resource" => true,
        key if FIXED.contains(&key) => way == "static",
        key if CLIENT.contains(&key) => matches!(way, "client_credentials" | "exchange"),
        _ => true,
    };
    for key in keys().filter(|key| reader.given.contains_key(key) && !fits(key)).collect::<Vec<_>>() {
        let origin = reader.origin(key);
        reader.problem(Problem::new(&origin, format!("`{key}` means nothing with `credential = \"{way}\"`")));
    }
}

/// A credential must not be readable on the way.
fn in_the_open(reader: &mut Reader<'_>, server: &Uri, allowed: bool) {
    let host = server.host().unwrap_or_default();
    if server.scheme_str() != Some("https") && !allowed && !PlainHttp::Loopback.admits(host) {
        let origin = reader.origin("credential");
        let problem = Problem::new(&origin, format!("the credential would go to `{host}` in plain text"));
        reader.problem(problem.help("use https, or set `credential_plaintext_non_loopback = true` if nobody can listen there"));
    }
}

fn fixed(reader: &mut Reader<'_>, environment: &Environment) -> Option<CredentialSettings> {
    let file = reader.optional_path("credential_file");
    let given = reader.optional("credential_env", |given| {
        let name = text(given)?;
        let value = environment.secret(&name).ok_or_else(|| format!("there is no variable `{name}`, or it is empty"))?;
        Ok(FixedSource::Given(Secret::new(value)))
    });
    let header = reader.optional("credential_header", |given| header_name(&text(given)?));
    let (file, given, header) = (file?, given?, header?);
    let source = match (file, given) {
        (None, None) => {
            return lacks(
                reader,
                "static",
                "the secret",
                "set `credential_file` to a file, or `credential_env` to the name of a variable",
            );
        }
        (Some(path), None) => FixedSource::File(path),
        (None, Some(given)) => given,
        (Some(_), Some(_)) => {
            let origin = reader.origin("credential_env");
            reader.problem(Problem::new(&origin, "a secret is in one place: `credential_file` or `credential_env`"));
            return None;
        }
    };
    Some(CredentialSettings::Fixed(FixedCredential { source, header }))
}

fn same(reader: &mut Reader<'_>) -> Option<CredentialSettings> {
    match reader.optional("credential_resource", |given| resource(&text(given)?))? {
        Some(resource) => Some(CredentialSettings::SameResource { resource: resource.into() }),
        None => {
            let help = "set `credential_resource` to what tokens for the server have in `aud`";
            lacks(reader, "same-resource", "the server's own resource", help)
        }
    }
}

/// Who we are, and for whom.
fn client(reader: &mut Reader<'_>, way: &str) -> Option<ClientSettings> {
    let plain = reader.list("credential_plain_http_hosts");
    let hosts = plain.clone().unwrap_or_default();
    let issuer = reader.optional("credential_issuer", |given| {
        let issuer = text(given)?;
        secure(&issuer, &hosts).map(|_| TokenPlace::Issuer(issuer.into()))
    });
    let token_url = reader.optional("credential_token_url", |given| secure(&text(given)?, &hosts).map(TokenPlace::Url));
    let client_id = reader.optional("credential_client_id", |given| id(&text(given)?));
    let secret = client_secret(reader);
    let scopes = reader.list_of("credential_scopes", scope);
    let resource = reader.optional("credential_resource", |given| resource(&text(given)?));
    let audience = reader.optional("credential_audience", |given| id(&text(given)?));
    let ca_file = reader.optional_path("credential_ca_file");
    let deadline = reader.duration("credential_deadline", SECOND / 10..=SECOND * 60);
    let (issuer, token_url, client_id, secret) = (issuer?, token_url?, client_id?, secret?);
    let (scopes, resource, audience) = (scopes?, resource?, audience?);
    let (ca_file, plain_hosts, deadline) = (ca_file?, plain?, deadline?);
    if issuer.is_some() && token_url.is_some() {
        let origin = reader.origin("credential_token_url");
        let message = "tokens are asked for in one place: `credential_issuer` or `credential_token_url`";
        reader.problem(Problem::new(&origin, message));
    }
    let Some(((place, client_id), secret)) = issuer.or(token_url).zip(client_id).zip(secret) else {
        let help = "set `credential_issuer` or `credential_token_url`, `credential_client_id`, and `credential_client_secret_file` or `credential_client_key_file`";
        return lacks(reader, way, "who we are for whom", help);
    };
    Some(ClientSettings { place, client_id, secret, scopes, resource, audience, ca_file, plain_hosts, deadline })
}

fn client_secret(reader: &mut Reader<'_>) -> Option<Option<ClientSecret>> {
    let secret = reader.optional_path("credential_client_secret_file");
    let in_form = reader.optional("credential_client_secret_in", |given| match text(given)?.as_str() {
        "header" => Ok(false),
        "form" => Ok(true),
        other => Err(format!("`{other}` is not one of header, form")),
    });
    let key = reader.optional_path("credential_client_key_file");
    let key_id = reader.optional("credential_client_key_id", text);
    let (secret, in_form, key, key_id) = (secret?, in_form?.unwrap_or(false), key?, key_id?);
    let by_secret: fn(PathBuf) -> ClientSecret = if in_form { ClientSecret::Post } else { ClientSecret::Basic };
    match (secret, key) {
        (None, None) => Some(None),
        (Some(path), None) => Some(Some(by_secret(path))),
        (None, Some(path)) => Some(Some(ClientSecret::PrivateKey(path, key_id))),
        (Some(_), Some(_)) => {
            let origin = reader.origin("credential_client_key_file");
            let message = "we prove who we are in one way: `credential_client_secret_file` or `credential_client_key_file`";
            reader.problem(Problem::new(&origin, message));
            None
        }
    }
}

/// A header that is ours to fill: none that says how the message is to be read, or that MCP or HTTP itself uses.
fn header_name(text: &str) -> Result<HeaderName, String> {
    let name: HeaderName = text.parse().map_err(|_| format!("`{text}` is not the name of a header"))?;
    let taken = [
        header::HOST,
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::CONTENT_ENCODING,
        header::TRANSFER_ENCODING,
        header::ACCEPT,
        header::ACCEPT_ENCODING,
        header::UPGRADE,
        header::TE,
        header::TRAILER,
        header::EXPECT,
    ];
    if taken.contains(&name) || name.as_str().starts_with("mcp-") || name.as_str() == "last-event-id" {
        return Err(format!("`{text}` has another meaning already"));
    }
    Ok(name)
}

/// The identifier of a resource (RFC 8707): an absolute URI without a fragment.
fn resource(text: &str) -> Result<String, String> {
    let absolute = text.split_once(':').is_some_and(|(scheme, rest)| !scheme.is_empty() && !rest.is_empty());
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic()) && !text.contains('#');
    if !absolute || !plain {
        return Err("a resource is an absolute URI without a fragment".to_owned());
    }
    if text.starts_with("http") { url(text).map(|_| text.to_owned()) } else { Ok(text.to_owned()) }
}

/// What must hold between the servers' credentials and how callers are identified.
pub(super) fn fits(reader: &mut Reader<'_>, config: &Config, by_stdio: bool) {
    let ways = &config.callers.ways;
    let shows_access = !by_stdio && (ways.accept.oauth || ways.accept.kubernetes);
    let shows_actor = ways.actor != ActorTokens::Off;
    for server in &config.servers {
        let ServerTarget::Http { credential, .. } = &server.target else { continue };
        let problem = match &**credential {
            CredentialSettings::Exchange { .. } if !shows_access && !shows_actor => Some((
                "nobody shows a token that could be exchanged".to_owned(),
                "let callers be identified by tokens (`accept` or `actor_token` in [identity]), or use `client_credentials`",
            )),
            CredentialSettings::SameResource { .. } if !shows_access => Some((
                "nobody shows an access token that could go on".to_owned(),
                "let callers be identified by tokens (`accept` in [identity])",
            )),
            CredentialSettings::SameResource { resource } => {
                let path = if server.path == "/" { "" } else { &server.path };
                let ours = ways.resource.as_ref().map(|ours| format!("{}{path}", ours.base));
                (ours.as_deref() != Some(&**resource)).then(|| {
                    let ours = ours.unwrap_or_else(|| "unknown".to_owned());
                    let message = format!("its resource is `{resource}` and ours is `{ours}`: a token for us is not for it");
                    (message, "use `exchange`, so that the server gets a token of its own")
                })
            }
            CredentialSettings::Exchange { .. }
            | CredentialSettings::None
            | CredentialSettings::Fixed(_)
            | CredentialSettings::Client(_) => None,
        };
        if let Some((message, help)) = problem {
            let message = format!("server `{}` with `credential = \"{}\"`: {message}", server.name, credential.word());
            reader.problem(Problem::new(&Origin::Default, message).help(help));
        }
    }
}

#[cfg(test)]
#[path = "credentials_tests.rs"]
mod tests;
