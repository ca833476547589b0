//! What all listeners have in common: an address, a certificate, the mode of a socket.

use super::raw::Given;
use super::reader::{Reader, list, text};
use super::report::Problem;
use super::settings::{ClientCertificates, Config};
use crate::identity::Subject;
use crate::listen::Settings;
use crate::listen::tls::TlsSettings;

/// The names of a listener's keys.
pub(super) struct Keys {
    section: &'static str,
    address: &'static str,
    plaintext: &'static str,
    mode: &'static str,
    certificate: &'static str,
    key: &'static str,
    clients_ca: &'static str,
    clients: &'static str,
}

macro_rules! keys {
    ($section:literal) => {
        Keys {
            section: $section,
            address: concat!($section, ".address"),
            plaintext: concat!($section, ".plaintext_non_loopback"),
            mode: concat!($section, ".socket_mode"),
            certificate: concat!($section, ".tls_cert_file"),
            key: concat!($section, ".tls_key_file"),
            clients_ca: concat!($section, ".client_ca_file"),
            clients: concat!($section, ".clients"),
        }
    };
}

pub(super) const LISTEN: Keys = keys!("listen");
pub(super) const ADMIN: Keys = keys!("admin");
pub(super) const GRPC: Keys = keys!("grpc");
pub(super) const CONSOLE: Keys = keys!("console");
pub(super) const WITNESS: Keys = keys!("witness");
pub(super) const AUTHZEN: Keys = keys!("authzen");

/// Reads a listener that may be turned off: `Some(None)` when it is.
pub(super) fn listener(reader: &mut Reader<'_>, keys: &Keys) -> Option<Option<Settings>> {
    let address = reader.read(keys.address, |given| match text(given)?.as_str() {
        "off" if keys.section != LISTEN.section => Ok(None),
        text => text.parse().map(Some).map_err(|error: crate::listen::BadAddress| error.to_string()),
    });
    let plaintext_non_loopback = reader.flag(keys.plaintext);
    let socket_mode = reader.read(keys.mode, mode);
    let certificate = reader.optional_path(keys.certificate);
    let key = reader.optional_path(keys.key);
    let (plaintext_non_loopback, socket_mode) = (plaintext_non_loopback?, socket_mode?);
    let (certificate, key) = (certificate?, key?);
    let Some(address) = address? else { return Some(None) };
    let tls = match (certificate, key) {
        (Some(certificate), Some(key)) => Some(TlsSettings { certificate, key }),
        (None, None) => None,
        (certificate, _) => {
            let (there, missing) =
                if certificate.is_some() { (keys.certificate, keys.key) } else { (keys.key, keys.certificate) };
            let origin = reader.origin(there);
            reader
                .problem(Problem::new(&origin, format!("`{there}` is set and `{missing}` is not: a certificate needs its key")));
            return None;
        }
    };
    let settings = Settings { address, plaintext_non_loopback, socket_mode, tls };
    guard(reader, keys, &settings);
    Some(Some(settings))
}

/// Reads whose certificates the clients of a listener have to show: `Some(None)` when they show none. `listener` is `None` when it is off.
pub(super) fn clients(reader: &mut Reader<'_>, keys: &Keys, listener: Option<&Settings>) -> Option<Option<ClientCertificates>> {
    let ca_file = reader.optional_path(keys.clients_ca);
    let services =
        reader.read(keys.clients, |given| list(given)?.iter().map(|name| service(name)).collect::<Result<Vec<_>, _>>());
    let (ca_file, services) = (ca_file?, services?);
    let Some(listener) = listener else { return Some(None) };
    let (section, ca_key, names_key) = (keys.section, keys.clients_ca, keys.clients);
    let problem = match &ca_file {
        Some(_) if listener.tls.is_none() => Some((
            ca_key,
            "client certificates need a listener with TLS".to_owned(),
            format!("set `tls_cert_file` and `tls_key_file` in [{section}], or leave out `client_ca_file`"),
        )),
        None if !services.is_empty() => Some((
            names_key,
            format!("`{names_key}` is set and `{ca_key}` is not: nobody vouches for these names"),
            format!(
                "set `client_ca_file` in [{section}] to a PEM file with the certificates of the authority that signs those of clients"
            ),
        )),
        Some(_) | None => None,
    };
    if let Some((key, message, help)) = problem {
        let origin = reader.origin(key);
        reader.problem(Problem::new(&origin, message).help(help));
    }
    Some(ca_file.map(|ca_file| ClientCertificates { ca_file, services }))
}

fn service(name: &str) -> Result<Subject, String> {
    let help = "such as \"spiffe://prod.example/ns/shop/sa/gateway\" or \"gateway.example.com\"";
    Subject::of_service(name).ok_or_else(|| format!("`{name}` is neither a SPIFFE id nor a DNS name, {help}"))
}

/// The permissions of a socket, in octal digits: `0600`, `660`.
fn mode(given: &Given) -> Result<u32, String> {
    let digits = text(given)?;
    let mode = u32::from_str_radix(&digits, 8).ok().filter(|mode| *mode <= 0o777 && !digits.starts_with('+'));
    mode.ok_or_else(|| format!("`{digits}` is not a file mode in octal digits, such as \"0660\""))
}

fn guard(reader: &mut Reader<'_>, keys: &Keys, settings: &Settings) {
    let origin = reader.origin(keys.address);
    let (section, address) = (keys.section, &settings.address);
    if settings.tls.is_none() && address.is_remote() && !settings.plaintext_non_loopback {
        let message = format!("`{section}.address` is `{address}`, which other machines may reach, and this listener has no TLS");
        let help = format!(
            "set `tls_cert_file` and `tls_key_file` in [{section}], bind a loopback address, or set `plaintext_non_loopback = true`"
        );
        reader.problem(Problem::new(&origin, message).help(help));
    }
    if settings.tls.is_some() && address.tcp().is_none() {
        let message =
            format!("`{section}.address` is a unix socket, which needs no certificate: nobody else hears what is said there");
        let help = format!("leave out `tls_cert_file` and `tls_key_file` in [{section}]");
        reader.problem(Problem::new(&origin, message).help(help));
    }
}

/// A listener and the name of its key.
type Named<'a> = (&'static str, &'a Settings);

/// Two listeners cannot share an address: these, the most important first.
pub(super) fn distinct_addresses(reader: &mut Reader<'_>, listeners: &[Named<'_>]) {
    for (place, listener) in listeners.iter().enumerate() {
        listeners.iter().skip(place + 1).for_each(|another| distinct(reader, *listener, *another));
    }
}

/// The same for those that are off unless somebody asks for them, among each other and beside the others.
pub(super) fn distinct_from_all(reader: &mut Reader<'_>, config: &Config) {
    let admin = config.admin.as_ref().map(|admin| ("admin.address", &admin.listener));
    let grpc = config.grpc.as_ref().map(|grpc| ("grpc.address", &grpc.listener));
    let witness = config.witness.as_ref().map(|witness| ("witness.address", &witness.listener));
    let authzen = config.authzen.as_ref().map(|authzen| ("authzen.address", &authzen.listener));
    let console = config.console.as_ref().map(|console| ("console.address", &console.listener));
    let others = [Some(("listen.address", &config.listen.listener)), admin, grpc];
    let asked: Vec<Named<'_>> = [witness, authzen, console].into_iter().flatten().collect();
    for other in others.into_iter().flatten() {
        asked.iter().for_each(|asked| distinct(reader, other, *asked));
    }
    distinct_addresses(reader, &asked);
}

fn distinct(reader: &mut Reader<'_>, (name, listener): Named<'_>, (other, another): Named<'_>) {
    if listener.address.clashes_with(&another.address) {
        let origin = reader.origin(other);
        let message = format!("`{name}` and `{other}` are both `{}`", another.address);
        reader.problem(Problem::new(&origin, message));
    }
}

#[cfg(test)]
#[path = "listeners_tests.rs"]
mod tests;
