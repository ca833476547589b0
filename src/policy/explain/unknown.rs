//! Names that nobody declared: which are known, and which was probably meant.

use super::super::evaluate::Request;
use super::super::snapshot::PolicySnapshot;
use super::model::Unknown;
use crate::domain::{Cause, Judgement, Principal, Target, nearest};

/// The most known names that are told.
const MAX_KNOWN: usize = 50;
/// Longer names are not compared with the known ones.
const MAX_COMPARED: usize = 128;

impl PolicySnapshot {
    /// The name that a judgement failed on, if it did.
    pub(super) fn unknown(&self, request: &Request<'_>, judgement: &Judgement) -> Option<Unknown> {
        let server = &request.call.server;
        if !self.shards.contains_key(server) {
            return Some(unknown("server", server.as_str(), self.shards.keys().map(ToString::to_string).collect()));
        }
        match (&judgement.cause, &request.call.target, judgement.principal) {
            (Cause::UnknownTool, Target::Tool(tool), _) => {
                Some(unknown("tool", tool, self.tools_of(server).iter().map(ToString::to_string).collect()))
            }
            (Cause::UnknownPrincipal, _, Principal::Agent) => {
                Some(unknown("agent", request.caller.agent.as_str(), self.ids_of("Agent")))
            }
            (Cause::UnknownPrincipal, _, Principal::Actor) => {
                Some(unknown("user", request.caller.actor.person()?.as_str(), self.ids_of("User")))
            }
            _ => None,
        }
    }

    /// The ids of all entities of a type of the base vocabulary.
    fn ids_of(&self, ty: &str) -> Vec<String> {
        let is_meant = |uid: &cedar_policy::EntityUid| uid.type_name().basename() == ty && uid.type_name().namespace() == "Mcp";
        self.entities.iter().map(cedar_policy::Entity::uid).filter(is_meant).map(|uid| uid.id().unescaped().to_owned()).collect()
    }
}

fn unknown(kind: &str, name: &str, mut known: Vec<String>) -> Unknown {
    known.sort();
    let compared = name.len() <= MAX_COMPARED;
    let nearest = compared.then(|| nearest(name, known.iter().map(String::as_str))).flatten().map(str::to_owned);
    let known_count = known.len();
    known.truncate(MAX_KNOWN);
    Unknown { kind: kind.to_owned(), name: name.to_owned(), nearest, known, known_count }
}
