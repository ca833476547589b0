//! The entities within reach of one request: a small store in place of the big one, for callers and targets that are in no file.
//!
//! Resources and prompts are known only once somebody asks for them, and callers may come with roles and teams of their own. Adding
//! either to the store of all entities means copying it. So evaluation gets a store of what it can look at and nothing else:
//!
//! - the principals, the action and the resource, and what policies name where it is looked up (`literals.rs`),
//! - what the attributes of those refer to, and what the attributes of that refer to, and so on.
//!
//! Elements of sets are not among it, because no policy can get one out of its set to look it up. Neither are ancestors: each entity
//! carries the names of all of its own, and that is all that `in` asks for. An entity that is missing here is missing in the store of
//! all entities, so that it fails in the same way. The tests hold this against a full copy.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

use cedar_policy::{Entities, Entity, EntityUid, EvalResult};
use parking_lot::Mutex;

use super::entities::{Addition, chain};
use crate::domain::Standing;

/// A request that reaches more entities than this gets a full copy.
const MAX_REACH: usize = 1024;
/// How many entities all kept stores may have together.
const MAX_KEPT: usize = 16 << 10;
/// How many full copies of the big store are kept at most, when nothing else is. Their entities are shared with it.
const MAX_COPIES: usize = 32;

/// The entities that one request is evaluated with.
#[derive(Debug, Clone)]
pub(super) struct Reach {
    entities: Arc<Entities>,
}

impl Reach {
    /// All entities there are, for callers who bring nothing.
    pub(super) const fn all(entities: Arc<Entities>) -> Self {
        Self { entities }
    }

    /// The entities within reach of a request that is not like others.
    ///
    /// # Errors
    ///
    /// What is wrong with the additions, in words.
    pub(super) fn made(
        asked: &Asked,
        all: &Arc<Entities>,
        looked_up: &[EntityUid],
        additions: Vec<Addition>,
    ) -> Result<Self, String> {
        make(asked, all, looked_up, additions).map(|(reach, _)| reach)
    }

    /// Whether it is this store, all of it and nothing else. In any other, the same principal may have other ancestors, so what is
    /// known of the one must not be used for the other.
    pub(super) fn is(&self, all: &Arc<Entities>) -> bool {
        Arc::ptr_eq(&self.entities, all)
    }
}

impl Deref for Reach {
    type Target = Entities;

    fn deref(&self) -> &Entities {
        &self.entities
    }
}

/// What a small store is made for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Asked {
    /// The principals, and whoever else the context names.
    pub(super) named: Vec<EntityUid>,
    pub(super) standing: Option<Arc<Standing>>,
    /// Whether the principals are somebody although no file has heard of them.
    pub(super) vouched: bool,
    pub(super) action: EntityUid,
    pub(super) resource: EntityUid,
}

/// The small stores of one snapshot. Forgetting them costs time and nothing else.
#[derive(Debug, Default)]
pub(super) struct Reaches(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    known: HashMap<Asked, Reach>,
    weight: usize,
}

impl Reaches {
    /// The entities within reach of a request. `additions` makes the entities that `all` lacks or has with fewer parents.
    ///
    /// # Errors
    ///
    /// What is wrong with the additions, in words.
    pub(super) fn of(
        &self,
        asked: Asked,
        all: &Arc<Entities>,
        looked_up: &[EntityUid],
        additions: impl FnOnce() -> Result<Vec<Addition>, String>,
    ) -> Result<Reach, String> {
        if let Some(known) = self.0.lock().known.get(&asked) {
            return Ok(known.clone());
        }
        let additions = additions()?;
        let (reach, weight) = make(&asked, all, looked_up, additions)?;
        self.0.lock().keep(asked, &reach, weight);
        Ok(reach)
    }
}

impl Kept {
    fn keep(&mut self, asked: Asked, reach: &Reach, weight: usize) {
        if self.weight + weight > MAX_KEPT {
            *self = Self::default();
        }
        if self.known.insert(asked, reach.clone()).is_none() {
            self.weight += weight;
        }
    }
}

/// A store for one request, and how much it weighs.
fn make(asked: &Asked, all: &Arc<Entities>, looked_up: &[EntityUid], additions: Vec<Addition>) -> Result<(Reach, usize), String> {
    let small = small(asked, all, looked_up, &additions);
    let weight = small.as_ref().map_or(MAX_KEPT / MAX_COPIES, HashMap::len);
    let entities = match small {
        Some(small) => Entities::from_entities(small.into_values(), None),
        None => Entities::clone(all).upsert_entities(additions.into_iter().map(|addition| addition.entity), None),
    };
    let entities = Arc::new(entities.map_err(|error| chain(&error))?);
    Ok((Reach { entities }, weight))
}

/// The entities within reach; `None` when they are too many.
fn small(asked: &Asked, all: &Entities, looked_up: &[EntityUid], additions: &[Addition]) -> Option<HashMap<EntityUid, Entity>> {
    let mut open: Vec<EntityUid> = looked_up.to_vec();
    open.extend([asked.action.clone(), asked.resource.clone()]);
    open.extend(asked.named.iter().cloned());
    let mut found = HashMap::new();
    for Addition { entity, parents } in additions {
        references(entity, &mut open);
        // An addition does not know its ancestors yet. Its parents do.
        open.extend(parents.iter().cloned());
        found.insert(entity.uid(), entity.clone());
    }
    while let Some(uid) = open.pop() {
        let Some(entity) = all.get(&uid).filter(|_| !found.contains_key(&uid)) else { continue };
        if found.len() >= MAX_REACH {
            return None;
        }
        references(entity, &mut open);
        found.insert(uid, entity.clone());
    }
    Some(found)
}

/// Adds what a policy can get to from an entity.
fn references(entity: &Entity, into: &mut Vec<EntityUid>) {
    // A value that is an error is an unknown, which no store of ours has.
    let attributes = entity.attrs().filter_map(|(_, value)| value.ok());
    let tags = entity.tags().filter_map(|(_, value)| value.ok());
    attributes.chain(tags).for_each(|value| named(&value, into));
}

/// Adds the entities that a policy can get out of a value.
fn named(value: &EvalResult, into: &mut Vec<EntityUid>) {
    match value {
        EvalResult::EntityUid(uid) => into.push(uid.clone()),
        EvalResult::Record(record) => record.iter().for_each(|(_, value)| named(value, into)),
        EvalResult::Set(_)
        | EvalResult::Bool(_)
        | EvalResult::Long(_)
        | EvalResult::String(_)
        | EvalResult::ExtensionValue(_) => {}
    }
}

#[cfg(test)]
#[path = "reach_tests.rs"]
mod tests;
