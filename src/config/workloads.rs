//! `[[identity.authority]]` and `[[identity.peer]]`: whom certificates and processes tell of.

use std::collections::BTreeMap;

use super::keys::{AUTHORITY, AUTHORITY_KEYS, PEER, PEER_KEYS};
use super::raw::{Given, Table, Value};
use super::reader::{Reader, boolean, id, text};
use super::report::Problem;
use crate::domain::{Actor, AgentId, Caller, UserId};
use crate::identity::{AuthoritySettings, PeerSettings, Subject, TrustDomain};

/// All authorities of the file.
pub(super) fn authorities(reader: &mut Reader<'_>, tables: Vec<Table>) -> Option<Vec<AuthoritySettings>> {
    let mut all: Vec<AuthoritySettings> = Vec::new();
    let mut complete = true;
    for (index, table) in tables.into_iter().enumerate() {
        let at = table.origin.clone();
        match authority(&mut reader.scoped(AUTHORITY_KEYS, format!("[[{AUTHORITY}]] {index}"), table)) {
            None => complete = false,
            Some(authority) => {
                if all.iter().any(|other| other.name == authority.name) {
                    let message = format!("there are two authorities `{}`: give each another `name`", authority.name);
                    reader.problem(Problem::new(&at, message));
                }
                all.push(authority);
            }
        }
    }
    complete.then_some(all)
}

fn authority(reader: &mut Reader<'_>) -> Option<AuthoritySettings> {
    let name = reader.optional("name", |given| id(&text(given)?));
    let at = reader.at.clone();
    let ca_file = reader.optional_path("ca_file");
    let trust_domain =
        reader.optional("trust_domain", |given| TrustDomain::new(&text(given)?).map_err(|error| error.to_string()));
    let agents = reader.optional("agents", agents);
    let Some(ca_file) = ca_file? else {
        let help = "set `ca_file` to a PEM file with the certificates that it signs with";
        reader.problem(Problem::new(&at, "`ca_file` is not set").help(help));
        return None;
    };
    let (name, trust_domain) = (name?, trust_domain?);
    let named = || trust_domain.as_ref().map_or_else(|| ca_file.display().to_string(), ToString::to_string);
    let name = name.unwrap_or_else(named).into();
    Some(AuthoritySettings { name, ca_file, trust_domain, agents: agents?.unwrap_or_default(), services: None })
}

/// `{ dns, agent }`, `{ uri, agent }` or `{ subject, agent }`.
fn agents(given: &Given) -> Result<Vec<(Subject, AgentId)>, String> {
    let Value::Tables(tables) = &given.value else { return Err("this is not a list of tables of strings".to_owned()) };
    tables.iter().map(row).collect()
}

fn row(table: &BTreeMap<String, String>) -> Result<(Subject, AgentId), String> {
    let wrong = || "an agent is { dns, agent }, { uri, agent } or { subject, agent }".to_owned();
    let agent = table.get("agent").ok_or_else(wrong).and_then(|agent| id(agent))?;
    let mut said = table.iter().filter(|(name, _)| *name != "agent");
    let (Some((kind, value)), None) = (said.next(), said.next()) else { return Err(wrong()) };
    let value = id(value)?;
    let subject = match kind.as_str() {
        "dns" => Subject::Dns(value.to_ascii_lowercase().into()),
        "uri" => Subject::Uri(value.into()),
        "subject" => Subject::Name(value.into()),
        _ => return Err(wrong()),
    };
    Ok((subject, AgentId::new(agent)))
}

/// All peers of the file.
pub(super) fn peers(reader: &mut Reader<'_>, tables: Vec<Table>) -> Option<Vec<PeerSettings>> {
    let mut all: Vec<PeerSettings> = Vec::new();
    let mut complete = true;
    for (index, table) in tables.into_iter().enumerate() {
        let at = table.origin.clone();
        match peer(&mut reader.scoped(PEER_KEYS, format!("[[{PEER}]] {index}"), table)) {
            None => complete = false,
            Some(peer) => {
                if all.iter().any(|other| (other.uid, other.gid) == (peer.uid, peer.gid)) {
                    reader.problem(Problem::new(&at, format!("uid {} is there twice", peer.uid)));
                }
                all.push(peer);
            }
        }
    }
    complete.then_some(all)
}

fn peer(reader: &mut Reader<'_>) -> Option<PeerSettings> {
    let uid = reader.read("uid", number);
    let gid = reader.optional("gid", number);
    let agent = reader.read("agent", |given| id(&text(given)?));
    let user = reader.optional("user", |given| id(&text(given)?));
    let unattended = reader.optional("unattended", boolean);
    let (user, unattended) = (user?, unattended?.unwrap_or(false));
    let actor = match (user, unattended) {
        (Some(user), false) => Actor::Person(UserId::new(user)),
        (None, true) => Actor::Unattended,
        (Some(_), true) | (None, false) => {
            let at = reader.at.clone();
            let message = "it is not said for whom the process acts: set either `user` or `unattended = true`";
            reader.problem(Problem::new(&at, message));
            return None;
        }
    };
    Some(PeerSettings { uid: uid?, gid: gid?, caller: Caller::new(AgentId::new(agent?), actor).vouched() })
}

/// An id of a user or a group.
fn number(given: &Given) -> Result<u32, String> {
    let Value::Integer(number) = given.value else { return Err("this is not a whole number".to_owned()) };
    u32::try_from(number).map_err(|_| format!("{number} is no id of a user or a group"))
}

#[cfg(test)]
#[path = "workloads_tests.rs"]
mod tests;
