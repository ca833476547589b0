//! What a snapshot holds, for those who report about it: its policies, and the tools of a server.

use std::collections::BTreeSet;
use std::sync::Arc;

use cedar_policy::Effect as CedarEffect;

use super::snapshot::PolicySnapshot;
use crate::domain::{PolicyRef, ServerName};

/// What a policy does when it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It permits, unless another forbids.
    Permit,
    /// It forbids, whatever others permit.
    Forbid,
}

/// A policy in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Which policy it is, and where it stands.
    pub policy: PolicyRef,
    /// What it does when it matches.
    pub effect: Effect,
}

impl Listed {
    /// Whether it permits; otherwise it forbids.
    #[must_use]
    pub fn is_permit(&self) -> bool {
        self.effect == Effect::Permit
    }
}

impl PolicySnapshot {
    /// All policies, by file and line.
    #[must_use]
    pub fn policies(&self) -> Vec<Listed> {
        let listed = |policy: &cedar_policy::Policy| Listed {
            policy: self.core.policies.reference(policy.id()),
            effect: match policy.effect() {
                CedarEffect::Permit => Effect::Permit,
                CedarEffect::Forbid => Effect::Forbid,
            },
        };
        let mut policies: Vec<Listed> = self.core.policies.set.policies().map(listed).collect();
        policies
            .sort_by(|a, b| (&a.policy.file, a.policy.line, &a.policy.id).cmp(&(&b.policy.file, b.policy.line, &b.policy.id)));
        policies
    }

    /// The names of a server's tools, in order: those it lists, and those that an entities file declares.
    #[must_use]
    pub fn tools_of(&self, server: &ServerName) -> Vec<Arc<str>> {
        let listed = self.catalog.tools().filter(|(of, _)| *of == server).map(|(_, tool)| Arc::clone(&tool.name));
        let declared = self.entities.iter().filter(|entity| *entity.uid().type_name() == self.core.names.tool);
        let declared = declared.filter_map(|entity| {
            let uid = entity.uid();
            let (of, name) = uid.id().unescaped().split_once('/')?;
            (of == server.as_str()).then(|| Arc::from(name))
        });
        listed.chain(declared).collect::<BTreeSet<_>>().into_iter().collect()
    }
}

#[cfg(test)]
#[path = "listing_tests.rs"]
mod tests;
