//! `[console]`: where the console listens, how browsers know it, and where people log in.

use std::collections::BTreeMap;
use std::path::Path;

use super::issuers::secure;
use super::listeners::{CONSOLE, listener};
use super::raw::{Given, Value};
use super::reader::{Reader, id, text};
use super::report::Problem;
use super::settings::ConsoleSettings;
use crate::domain::JsonPointer;
use crate::identity::{ClientSecret, LoginSettings};

/// The names in `console.oidc`.
const OIDC: [&str; 10] =
    ["issuer", "label", "client_id", "client_secret_file", "scopes", "user", "roles", "teams", "prefix", "ca_file"];

/// `Some(None)` when the console is turned off.
pub(super) fn console(reader: &mut Reader<'_>) -> Option<Option<ConsoleSettings>> {
    let listener = listener(reader, &CONSOLE);
    let url = reader.optional("console.url", |given| origin(&text(given)?));
    let hosts = reader.list_of("console.allowed_hosts", host);
    let base = reader.base.map(Path::to_owned);
    let oidc = reader.optional("console.oidc", |given| oidc(given, base.as_deref()));
    let at = reader.origin("console.oidc");
    let (listener, url, mut allowed_hosts, oidc) = (listener?, url?, hosts?, oidc?);
    let Some(listener) = listener else { return Some(None) };
    if oidc.is_some() && url.is_none() {
        let problem = Problem::new(&at, "`console.oidc` is set and `console.url` is not");
        reader.problem(
            problem.help("the provider sends browsers back there: set `url`, such as \"https://cedarpost.example.com\""),
        );
    }
    let of_url = url.as_deref().and_then(|url| url.parse::<http::Uri>().ok()?.host().map(str::to_owned));
    allowed_hosts.extend(of_url);
    Some(Some(ConsoleSettings { listener, url, allowed_hosts, oidc }))
}

/// `scheme://host[:port]`, without a slash at the end.
fn origin(text: &str) -> Result<String, String> {
    let uri: http::Uri = text.parse().map_err(|_| "this is not a URL".to_owned())?;
    let plain = matches!(uri.scheme_str(), Some("http" | "https")) && uri.path() == "/" && uri.query().is_none();
    let named = uri.host().is_some_and(|host| !host.is_empty()) && !text.contains(['@', '#']);
    let told = text.trim_end_matches('/').to_ascii_lowercase();
    if plain && named {
        Ok(told)
    } else {
        Err("it is the address of a site, such as \"https://cedarpost.example.com\", without a path".to_owned())
    }
}

fn host(text: &str) -> Result<String, String> {
    let plain = !text.is_empty() && !text.contains(['@', '*', ':', '/']) && text.parse::<http::uri::Authority>().is_ok();
    if plain { Ok(text.to_ascii_lowercase()) } else { Err(format!("`{text}` is not a host name without a port")) }
}

fn oidc(given: &Given, base: Option<&Path>) -> Result<LoginSettings, String> {
    let Value::Table(table) = &given.value else { return Err("it is a table of strings".to_owned()) };
    if let Some(unknown) = table.keys().find(|name| !OIDC.contains(&name.as_str())) {
        return Err(format!("`{unknown}` is not one of {}", OIDC.join(", ")));
    }
    let needed = |name: &str| member(table, name)?.ok_or_else(|| format!("`{name}` is missing"));
    let path = |name: &str| {
        Ok::<_, String>(member(table, name)?.map(|file| base.map_or_else(|| file.clone().into(), |base| base.join(&file))))
    };
    let issuer = needed("issuer")?;
    secure(&issuer, &[])?;
    let place = |name: &str| member(table, name)?.map(|text| pointer(&text)).transpose();
    let scopes = member(table, "scopes")?.unwrap_or_default();
    Ok(LoginSettings {
        label: member(table, "label")?.unwrap_or_else(|| issuer.clone()),
        issuer: issuer.into(),
        client_id: id(&needed("client_id")?)?,
        secret: path("client_secret_file")?.map(ClientSecret::Basic),
        scopes: scopes.split_whitespace().filter(|scope| *scope != "openid").map(str::to_owned).collect(),
        user: place("user")?.unwrap_or_else(|| JsonPointer::of_member("sub")),
        roles: place("roles")?,
        teams: place("teams")?,
        prefix: member(table, "prefix")?.unwrap_or_default().into(),
        ca_file: path("ca_file")?,
        deny: None,
    })
}

fn member(table: &BTreeMap<String, String>, name: &str) -> Result<Option<String>, String> {
    match table.get(name) {
        Some(text) if text.trim().is_empty() => Err(format!("`{name}` is empty")),
        text => Ok(text.cloned()),
    }
}

fn pointer(text: &str) -> Result<JsonPointer, String> {
    text.parse().map_err(|_| format!("`{text}` is not a JSON pointer, such as \"/groups\""))
}

#[cfg(test)]
#[path = "console_tests.rs"]
mod tests;
