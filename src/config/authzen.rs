//! `[authzen]`: where AuthZEN is spoken, how services know us, and which services may ask.

use super::listeners::{AUTHZEN, clients, listener};
use super::reader::{Reader, text};
use super::report::Problem;
use super::settings::AuthzenSettings;
use crate::domain::Extra;

/// `Some(None)` when there is no such listener.
pub(super) fn authzen(reader: &mut Reader<'_>) -> Option<Option<AuthzenSettings>> {
    let listener = listener(reader, &AUTHZEN);
    let max_connections = reader.count("authzen.max_connections", 1..=1_000_000);
    let url = reader.optional("authzen.url", |given| base(&text(given)?));
    let clients = clients(reader, &AUTHZEN, listener.as_ref().and_then(Option::as_ref));
    let tokens_file = reader.optional_path("authzen.tokens_file");
    let unknown_properties = reader.read("authzen.unknown_properties", |given| match text(given)?.as_str() {
        "refuse" => Ok(Extra::Refuse),
        "ignore" => Ok(Extra::Ignore),
        other => Err(format!("`{other}` is not one of refuse, ignore")),
    });
    let (listener, max_connections, url) = (listener?, max_connections?, url?);
    let (clients, tokens_file, unknown_properties) = (clients?, tokens_file?, unknown_properties?);
    let Some(listener) = listener else { return Some(None) };
    // A decision point that answers anybody tells anybody what policies say, and lets anybody use up approvals.
    if listener.address.is_remote() && tokens_file.is_none() && clients.is_none() {
        let origin = reader.origin("authzen.address");
        let message = format!(
            "`authzen.address` is `{}`, which other machines may reach, and nobody has to show a token or a certificate",
            listener.address
        );
        let help = "set `tokens_file` in [authzen] to the tokens of the services that may ask, or `client_ca_file` to who signs their \
                    certificates, or bind a loopback address or a unix socket";
        reader.problem(Problem::new(&origin, message).help(help));
    }
    // A service has one name in records, and one way to say who it is.
    if tokens_file.is_some() && clients.is_some() {
        let origin = reader.origin("authzen.tokens_file");
        let message = "`authzen.tokens_file` and `authzen.client_ca_file` are both set: services are known by one of the two";
        reader.problem(Problem::new(&origin, message).help("leave one of them out"));
    }
    Some(Some(AuthzenSettings { listener, max_connections, url, clients, tokens_file, unknown_properties }))
}

/// `https://host[:port]`, without a slash at the end: metadata of any other URL would be refused by those who read it.
fn base(text: &str) -> Result<String, String> {
    let uri: http::Uri = text.parse().map_err(|_| "this is not a URL".to_owned())?;
    let plain = uri.scheme_str() == Some("https") && uri.path() == "/" && uri.query().is_none();
    let named = uri.host().is_some_and(|host| !host.is_empty()) && !text.contains(['@', '#']);
    if plain && named {
        Ok(text.trim_end_matches('/').to_ascii_lowercase())
    } else {
        Err("it is where services reach us, such as \"https://pdp.example.com\": https, and without a path".to_owned())
    }
}

#[cfg(test)]
#[path = "authzen_tests.rs"]
mod tests;
