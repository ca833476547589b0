//! Entities that a policy names and nothing else knows: a role that nobody has, a tool that no server lists.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::pst::{EntityOrSlot, EntityUID, Expr, Literal, PrincipalConstraint, ResourceConstraint};

use super::super::code::Code;
use super::super::report::{Problem, position};
use super::super::snapshot::PolicySnapshot;
use super::Subject;
use crate::domain::{ServerName, nearest};

/// Types that are known together: once anybody or anything of a family is declared, what is not declared is unknown.
const FAMILIES: [&[&str]; 2] =
    [&["Mcp::Agent", "Mcp::User", "Mcp::Role", "Mcp::Team"], &["Mcp::Server", "Mcp::Tool", "Mcp::ToolGroup", "Mcp::ServerGroup"]];

pub(super) fn lint(snapshot: &PolicySnapshot, subjects: &[Subject<'_>]) -> Vec<Problem> {
    let known = Known::of(snapshot);
    subjects.iter().flat_map(|subject| known.unknown(subject)).collect()
}

/// The ids of everything that is declared, configured or listed, by type.
struct Known<'a> {
    snapshot: &'a PolicySnapshot,
    ids: BTreeMap<String, BTreeSet<String>>,
}

impl<'a> Known<'a> {
    fn of(snapshot: &'a PolicySnapshot) -> Self {
        let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for entity in snapshot.entities.iter() {
            let uid = entity.uid();
            // What is a parent of something is declared by that.
            let all = snapshot.entities.ancestors(&uid).into_iter().flatten().chain([&uid]);
            for uid in all {
                let ids = ids.entry(uid.type_name().to_string()).or_default();
                if !ids.contains(uid.id().unescaped()) {
                    ids.insert(uid.id().unescaped().to_owned());
                }
            }
        }
        Self { snapshot, ids }
    }

    fn unknown(&self, subject: &Subject<'_>) -> Vec<Problem> {
        let mut named = literals(subject);
        named.retain(|uid| !self.knows(uid));
        named.dedup();
        named.into_iter().map(|uid| self.remark(subject, &uid)).collect()
    }

    fn knows(&self, uid: &EntityUID) -> bool {
        let ty = uid.ty.to_string();
        let Some(family) = FAMILIES.iter().find(|family| family.contains(&&*ty)) else { return true };
        let nobody = family.iter().all(|ty| !self.ids.contains_key(*ty));
        nobody || self.ids.get(&ty).is_some_and(|ids| ids.contains(uid.eid.as_str())) || self.may_come(&ty, &uid.eid)
    }

    /// Whether a tool may yet be listed: its server is known, and what it lists is not.
    fn may_come(&self, ty: &str, id: &str) -> bool {
        let server = id.split_once('/').and_then(|(server, _)| ServerName::new(server));
        let shard = server.and_then(|server| self.snapshot.shards.get(&server));
        ty == "Mcp::Tool" && shard.is_some_and(|shard| shard.listed.is_none())
    }

    fn remark(&self, subject: &Subject<'_>, uid: &EntityUID) -> Problem {
        let ty = uid.ty.to_string();
        let message = format!("`{uid}` is not known to the configuration, an entities file or a server's tools");
        let near = self.ids.get(&ty).and_then(|ids| nearest(&uid.eid, ids.iter().map(String::as_str)));
        let help = match near {
            Some(near) => format!("did you mean `{ty}::\"{near}\"`?"),
            None => "the policy matches nothing by that name: declare it, or change the name".to_owned(),
        };
        let word = uid.to_string();
        let problem = match &subject.origin.link {
            Some(link) if !subject.text().contains(&word) => {
                let (line, _) = position(&link.file.text, link.offset);
                let help = format!("{help} (the template is filled in at {}:{line})", link.file.name);
                return Problem::at(&link.file, link.offset, 0, message)
                    .with_policy(&subject.origin.policy.id)
                    .with_code(Code::UnknownEntity)
                    .with_help(help);
            }
            _ => subject.at_word(&word, message),
        };
        problem.with_code(Code::UnknownEntity).with_help(help)
    }
}

/// The entities that a policy names, in its scope and its conditions.
fn literals(subject: &Subject<'_>) -> Vec<EntityUID> {
    let entity = |entity: &EntityOrSlot| match entity {
        EntityOrSlot::Entity(uid) => Some(uid.clone()),
        EntityOrSlot::Slot(_) => None,
    };
    let principal = match &subject.body.principal {
        PrincipalConstraint::Eq(uid) | PrincipalConstraint::In(uid) | PrincipalConstraint::IsIn(_, uid) => entity(uid),
        PrincipalConstraint::Any | PrincipalConstraint::Is(_) => None,
    };
    let resource = match &subject.body.resource {
        ResourceConstraint::Eq(uid) | ResourceConstraint::In(uid) | ResourceConstraint::IsIn(_, uid) => entity(uid),
        ResourceConstraint::Any | ResourceConstraint::Is(_) => None,
    };
    let literal = |expr: &Expr| match expr {
        Expr::Literal(Literal::EntityUID(uid)) => Some(vec![uid.clone()]),
        _ => None,
    };
    let inside = subject.conditions().flat_map(|condition| condition.reduce(&literal, &|a, b| [a, b].concat(), Vec::new()));
    principal.into_iter().chain(resource).chain(inside).collect()
}
