//! Questions of services about entities and actions of their own, which the author declares beside those of calls.
//!
//! They are decided by the same policies with the same care: a policy that fails denies and is named. What is different is who
//! vouches: a service says whom and what it asks about, and with which properties. So what it says is read by the types of the schema,
//! adds to what entities files declare, and never replaces it. There is one judgement, for the subject; agents, actors and approvals
//! are about calls only.

use std::collections::BTreeMap;
use std::sync::Arc;

use cedar_policy::{Context, EntityId, EntityTypeName, EntityUid, Request as CedarRequest, RestrictedExpression};
use serde_json::value::RawValue;

use super::entities::{Addition, is_same};
use super::evaluate::judgement;
use super::input::{Unfit, object, stated};
use super::plain_action::{PROPERTIES, PlainAction};
use super::reach::{Asked, Reach};
use super::residual::Answer;
use super::schema::NAMESPACE;
use super::snapshot::PolicySnapshot;
use super::ty::{Fields, Others, Record};
use crate::domain::{
    Access, AccessFault, Arguments, BadAccess, Cause, Decision, Extra, Grounds, PolicyFault, Principal, Thing, nearest,
};

/// Longer names are not compared with those that are known.
const COMPARED: usize = 128;
/// How many names a hint lists at most.
const HINTED: usize = 8;

/// A question in Cedar's terms, which fits the schema; `None` while no policies are in force, and with them no schema that it could fit.
#[derive(Debug)]
pub struct Posed(Option<(CedarRequest, Reach)>);

type Said = BTreeMap<String, RestrictedExpression>;

impl PolicySnapshot {
    /// Puts a question in Cedar's terms.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and where: nothing is decided about a question that may mean something else.
    pub fn pose(&self, access: &Access, extra: Extra) -> Result<Posed, BadAccess> {
        if self.in_force().is_none() {
            return Ok(Posed(None));
        }
        let Access { subject, resource, .. } = access;
        let principal = self.thing(subject, "/subject")?;
        let object = self.thing(resource, "/resource")?;
        let (action, declared) = self.plain_action(&access.action, principal.type_name(), object.type_name())?;
        let context = context(access, declared, extra)?;
        let additions = self.additions(access, &principal, &object, extra)?;
        let entities = if additions.is_empty() {
            Reach::all(Arc::clone(&self.entities))
        } else {
            let asked = Asked {
                named: vec![principal.clone()],
                standing: None,
                vouched: false,
                action: action.clone(),
                resource: object.clone(),
            };
            Reach::made(&asked, &self.entities, &self.core.looked_up, additions)
                .map_err(|message| unfit("", format!("cannot be put together: {message}")))?
        };
        let request = CedarRequest::new(principal, action, object, context, Some(&self.core.vocabulary.schema));
        let request = request.map_err(|error| unfit("", format!("does not fit the schema: {error}")))?;
        Ok(Posed(Some((request, entities))))
    }

    /// Decides about a question: allow or deny. Nobody can be asked for an approval of what is not a call.
    #[must_use]
    pub fn decide_posed(&self, posed: &Posed) -> Decision {
        let decided = |judgement| Decision::from_grounds(Grounds { snapshot: self.fingerprint(), judgements: vec![judgement] });
        let Posed(Some((request, entities))) = posed else {
            return decided(judgement(Principal::Subject, Cause::NoPoliciesInForce));
        };
        let answer = Answer::from(&self.core.concrete.evaluate(request, entities));
        let mut unfit: Vec<PolicyFault> = Vec::new();
        for shard in self.shards.values() {
            let more = self.unfit_in(shard, request, entities);
            unfit.extend(
                more.into_iter().filter(|fault| !unfit.iter().any(|known| known.policy == fault.policy)).collect::<Vec<_>>(),
            );
        }
        decided(self.judge(Principal::Subject, &answer, unfit, || None))
    }

    /// The ids of all entities of a type of the author's that are known, sorted; `None` when there is no such type.
    #[must_use]
    pub fn entities_of(&self, kind: &str) -> Option<Vec<Arc<str>>> {
        let ty = self.own_type(kind)?;
        Some(self.ids_of_type(&ty))
    }

    /// The ids of all entities of a type of the base vocabulary, sorted: `Agent`, `User`, `Resource` and so on.
    #[must_use]
    pub fn entities_of_base(&self, name: &str) -> Vec<Arc<str>> {
        format!("{NAMESPACE}::{name}").parse().map(|ty| self.ids_of_type(&ty)).unwrap_or_default()
    }

    fn ids_of_type(&self, ty: &EntityTypeName) -> Vec<Arc<str>> {
        let uids = self.entities.iter().map(cedar_policy::Entity::uid).filter(|uid| uid.type_name() == ty);
        let mut ids: Vec<Arc<str>> = uids.map(|uid| uid.id().unescaped().into()).collect();
        ids.sort();
        ids
    }

    /// The names of all actions that can be asked for with such a subject and such a resource, in the form that questions have them.
    #[must_use]
    pub fn actions_between(&self, subject: &str, resource: &str) -> Vec<Arc<str>> {
        let (Some(subject), Some(resource)) = (self.own_type(subject), self.own_type(resource)) else { return Vec::new() };
        let plain = &self.core.vocabulary.plain;
        let fit = plain.iter().filter(|(_, action)| action.principals.contains(&subject) && action.resources.contains(&resource));
        let mut names: Vec<Arc<str>> = fit
            .map(|(uid, _)| {
                let short = uid.id().unescaped();
                match self.plain_action(short, &subject, &resource) {
                    Ok((found, _)) if found == *uid => short.into(),
                    Ok(_) | Err(_) => uid.to_string().into(),
                }
            })
            .collect();
        names.sort();
        names
    }

    fn own_type(&self, kind: &str) -> Option<EntityTypeName> {
        let ty: EntityTypeName = kind.parse().ok()?;
        (ty.namespace() != NAMESPACE && self.core.vocabulary.shapes.contains_key(&ty)).then_some(ty)
    }

    /// The entity that a question names.
    fn thing(&self, thing: &Thing, at: &str) -> Result<EntityUid, BadAccess> {
        let Some(ty) = self.own_type(&thing.kind) else { return Err(self.unknown_type(&thing.kind, at)) };
        if self.core.vocabulary.is_not_listed(&ty, &thing.id) {
            let problem = format!("is none of the entities of type `{ty}` that the schema lists");
            return Err(unknown(format!("{at}/id"), problem, None));
        }
        Ok(EntityUid::from_type_name_and_id(ty, EntityId::new(&*thing.id)))
    }

    fn unknown_type(&self, kind: &str, at: &str) -> BadAccess {
        let mut known: Vec<String> = Vec::new();
        for action in self.core.vocabulary.plain.values() {
            known.extend(action.principals.iter().chain(&action.resources).map(ToString::to_string));
        }
        known.sort();
        known.dedup();
        let short = Some(kind).filter(|kind| kind.len() <= COMPARED);
        let hint = match short.and_then(|kind| nearest(kind, known.iter().map(String::as_str))) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => {
                "no schema file declares actions of a service's own; calls of MCP servers are asked for with the subject type `agent`".to_owned()
            }
            None => format!("the schema has {}", listed(&known)),
        };
        unknown(format!("{at}/type"), "is not an entity type of the schema files".to_owned(), Some(hint))
    }

    /// The action that a name means between such a subject and such a resource: in full (`App::Action::"read"`), or by its own name in
    /// the namespace of either, else in none.
    fn plain_action(
        &self,
        name: &str,
        subject: &EntityTypeName,
        resource: &EntityTypeName,
    ) -> Result<(EntityUid, &PlainAction), BadAccess> {
        let plain = &self.core.vocabulary.plain;
        let found = match name.parse::<EntityUid>() {
            Ok(uid) => plain.get_key_value(&uid),
            Err(_) => {
                let mut spaces = vec![subject.namespace(), resource.namespace()];
                spaces.dedup();
                let within = |space: &String| {
                    let ty = super::types::qualified(space, "Action").parse().ok()?;
                    plain.get_key_value(&EntityUid::from_type_name_and_id(ty, EntityId::new(name)))
                };
                let mut near = spaces.iter().filter_map(within);
                match (near.next(), near.next()) {
                    (Some(_), Some(_)) => {
                        let hint = format!(
                            "write `{}::Action::\"{name}\"`, or the other one",
                            spaces.first().map_or("", String::as_str)
                        );
                        return Err(unknown("/action/name".to_owned(), "is in two namespaces".to_owned(), Some(hint)));
                    }
                    (Some(found), None) => Some(found),
                    (None, _) => within(&String::new()),
                }
            }
        };
        let Some((uid, action)) = found else {
            let names: Vec<String> = plain.keys().map(|uid| uid.id().unescaped().to_owned()).collect();
            let short = Some(name).filter(|name| name.len() <= COMPARED);
            let near = short.and_then(|name| nearest(name, names.iter().map(String::as_str)));
            let hint = near.map(|near| format!("did you mean `{near}`?"));
            return Err(unknown("/action/name".to_owned(), "is not an action of the schema files".to_owned(), hint));
        };
        if !action.principals.contains(subject) || !action.resources.contains(resource) {
            let names = |types: &std::collections::BTreeSet<EntityTypeName>| {
                listed(&types.iter().map(ToString::to_string).collect::<Vec<_>>())
            };
            let hint = format!("it is for {} on {}", names(&action.principals), names(&action.resources));
            let problem = format!("is no action of a `{subject}` on a `{resource}`");
            return Err(unknown("/action/name".to_owned(), problem, Some(hint)));
        }
        Ok((uid.clone(), action))
    }

    /// The entities of the question that are not there yet, or not with all that is said about them.
    fn additions(
        &self,
        access: &Access,
        principal: &EntityUid,
        object: &EntityUid,
        extra: Extra,
    ) -> Result<Vec<Addition>, BadAccess> {
        let read = |uid: &EntityUid, thing: &Thing, at: &str| self.said(uid, &thing.properties, at, extra);
        let mut subject = read(principal, &access.subject, "/subject/properties")?;
        let resource = read(object, &access.resource, "/resource/properties")?;
        let mut additions = Vec::new();
        if principal == object {
            // What is said twice about one entity must be the same.
            for (name, value) in resource {
                match subject.get(&name) {
                    Some(other) if !is_same(other, &value) => {
                        return Err(contradicts("/resource/properties", &name, "what is said of the subject, which is the same"));
                    }
                    _ => drop(subject.insert(name, value)),
                }
            }
            additions.extend(self.addition(principal, &subject, "/subject/properties")?);
        } else {
            additions.extend(self.addition(principal, &subject, "/subject/properties")?);
            additions.extend(self.addition(object, &resource, "/resource/properties")?);
        }
        Ok(additions)
    }

    fn said(&self, uid: &EntityUid, properties: &Arguments, at: &str, extra: Extra) -> Result<Said, BadAccess> {
        let fields = self.core.vocabulary.shapes.get(uid.type_name()).cloned().unwrap_or_default();
        read(properties, fields, extra, true, at)
    }

    fn addition(&self, uid: &EntityUid, said: &Said, at: &str) -> Result<Option<Addition>, BadAccess> {
        let is_declared = self.core.declared.declares(uid);
        let fields = self.core.vocabulary.shapes.get(uid.type_name());
        let mut missing = fields.into_iter().flatten().filter(|(name, field)| field.required && !said.contains_key(*name));
        if let Some((name, _)) = missing.next().filter(|_| !is_declared) {
            let problem = "is required by the schema, and no entities file declares the entity".to_owned();
            return Err(unfit(&format!("{at}/{}", escaped(name)), problem));
        }
        let stated = self.core.declared.stated(uid, said);
        let stated = stated.map_err(|name| contradicts(at, &name, "what the entities files declare"))?;
        stated.transpose().map_err(|message| unfit(at, message))
    }
}

/// The context: what is said of the circumstances, and of the action.
fn context(access: &Access, action: &PlainAction, extra: Extra) -> Result<Context, BadAccess> {
    if action.properties.is_some() && has_key(&access.context, PROPERTIES) {
        let pointer = format!("/context/{PROPERTIES}");
        return Err(unfit(&pointer, "is where policies find the action's properties: say them there".to_owned()));
    }
    let mut facts = read(&access.context, action.context.fields.clone(), extra, false, "/context")?;
    let said = access.action_properties.json().is_some();
    let (record, required) = match &action.properties {
        Some((record, required)) => (record.fields.clone(), *required),
        None => (Fields::new(), false),
    };
    if said || required {
        let properties = read(&access.action_properties, record, extra, false, "/action/properties")?;
        if action.properties.is_some() {
            let properties =
                RestrictedExpression::new_record(properties).map_err(|error| unfit("/action/properties", error.to_string()))?;
            facts.insert(PROPERTIES.to_owned(), properties);
        }
    }
    Context::from_pairs(facts).map_err(|error| unfit("/context", error.to_string()))
}

fn has_key(said: &Arguments, key: &str) -> bool {
    let Some(raw) = said.json().and_then(|text| serde_json::from_slice::<&RawValue>(text).ok()) else { return false };
    object(raw).is_ok_and(|members| members.iter().any(|(name, _)| name == key))
}

fn read(said: &Arguments, fields: Fields, extra: Extra, allow_partial: bool, at: &str) -> Result<Said, BadAccess> {
    let others = match extra {
        Extra::Refuse => Others::Refused,
        Extra::Ignore => Others::Hidden,
    };
    let record = Record { fields, others };
    stated(said.json(), &record, allow_partial).map_err(|Unfit { pointer, reason, .. }| {
        let name = pointer.strip_prefix('/').filter(|name| !name.contains('/') && name.len() <= COMPARED);
        let near = name.and_then(|name| nearest(name, record.fields.keys().map(String::as_str)).filter(|near| *near != name));
        let hint = near.map(|near| format!("did you mean `{near}`?"));
        BadAccess { pointer: format!("{at}{pointer}"), fault: AccessFault::Unfit, problem: reason.into_owned(), hint }
    })
}

fn unknown(pointer: String, problem: String, hint: Option<String>) -> BadAccess {
    BadAccess { pointer, fault: AccessFault::Unknown, problem, hint }
}

fn unfit(pointer: &str, problem: String) -> BadAccess {
    BadAccess { pointer: pointer.to_owned(), fault: AccessFault::Unfit, problem, hint: None }
}

fn contradicts(at: &str, name: &str, what: &str) -> BadAccess {
    let hint = "say the same, or leave it out".to_owned();
    let pointer = format!("{at}/{}", escaped(name));
    BadAccess { pointer, fault: AccessFault::Contradicts, problem: format!("contradicts {what}"), hint: Some(hint) }
}

/// A key as a step of a JSON pointer.
fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn listed(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(HINTED).map(|name| format!("`{name}`")).collect();
    let more = if names.len() > HINTED { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}
