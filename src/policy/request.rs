//! A call in Cedar's terms: which action, on which resource, in which context. Decides nothing.

use std::sync::Arc;

use cedar_policy::{Context, EntityUid, Request as CedarRequest, RestrictedExpression};

use super::circumstances::Fact;
use super::input::{Author, convert};
use super::reach::{self, Asked, Reach};
use super::shard::Shard;
use super::snapshot::PolicySnapshot;
use crate::domain::{Action, Arguments, Caller, Cause, Principal, ServerName, Source, Target, Timestamp};

/// The longest tool name, URI, prompt name or method, in bytes. Patterns are matched against it, and it is kept for a while.
const MAX_NAME: usize = 8 << 10;

/// What somebody wants to do, and under which circumstances: everything a decision looks at besides the snapshot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) caller: &'a Caller,
    pub(super) server: &'a ServerName,
    pub(super) action: Action,
    pub(super) target: &'a Target,
    /// `None` while the arguments are not known, in discovery.
    pub(super) arguments: Option<&'a Arguments>,
    pub(super) source: &'a Source,
    pub(super) now: Timestamp,
}

/// A question in Cedar's terms, the same for both principals.
pub(super) struct Prepared {
    action: EntityUid,
    resource: EntityUid,
    agent: EntityUid,
    actor: Option<EntityUid>,
    context: Context,
    pub(super) entities: Reach,
    pub(super) shard: Arc<Shard>,
}

impl PolicySnapshot {
    /// Puts a question in Cedar's terms, or says why it cannot be decided.
    pub(super) fn prepare(&self, question: &Question<'_>) -> Result<Prepared, Cause> {
        let invalid = |message: String| Cause::InvalidRequest(message.into());
        if let Target::Tool(tool) = question.target
            && !self.knows_tool(question.server, tool)
        {
            return Err(Cause::UnknownTool);
        }
        if let Target::Tool(tool) = question.target
            && self.is_drifted(question.server, tool)
        {
            return Err(Cause::Drifted);
        }
        if question.target.name().is_some_and(|name| name.len() > MAX_NAME) {
            return Err(invalid(format!("the name of what is asked for is longer than {MAX_NAME} bytes")));
        }
        let shard = self.shards.get(question.server);
        let shard = shard.ok_or_else(|| invalid(format!("server `{}` is not configured", question.server)))?;
        let (action, input) = self.action_and_input(question, shard)?;
        let names = &self.core.names;
        let circumstances = self.core.circumstances.of(names, &self.core.zone, question.caller, question.source, question.now);
        let mut more: Vec<Fact> = input.map(|input| ("input".to_owned(), input)).into_iter().collect();
        if let Target::Method(method) = question.target {
            more.push(("method".to_owned(), RestrictedExpression::new_string(method.to_string())));
        }
        let context = circumstances.and_then(|circumstances| circumstances.with(more)).map_err(invalid)?;
        let resource = names.target(question.server, question.target);
        let (agent, actor) = (names.agent(&question.caller.agent), names.actor(question.caller));
        let (entities, shard) = (Reach::all(Arc::clone(&self.entities)), Arc::clone(shard));
        let mut prepared = Prepared { action, resource, agent, actor, context, entities, shard };
        if let Some(reach) = self.reach(question, &prepared).map_err(invalid)? {
            prepared.entities = reach;
        }
        Ok(prepared)
    }

    /// The entities to decide with, unless those that are there already will do: when the caller brings memberships, or the target is
    /// in no file.
    fn reach(&self, question: &Question<'_>, prepared: &Prepared) -> Result<Option<Reach>, String> {
        let Question { caller, server, target, .. } = *question;
        let Prepared { action, resource, agent, actor, context, .. } = prepared;
        let is_new = matches!(target, Target::Resource(_) | Target::Prompt(_)) && self.entities.get(resource).is_none();
        let standing = Some(&caller.standing).filter(|standing| !standing.is_empty()).cloned();
        if !is_new && standing.is_none() {
            return Ok(None);
        }
        let mut named = vec![agent.clone()];
        named.extend(actor.clone());
        // Of what is in the context, only an approval names anybody else.
        context.get("approval").iter().for_each(|approval| reach::named(approval, &mut named));
        let asked = Asked { named, standing, action: action.clone(), resource: resource.clone() };
        let core = &*self.core;
        let reach = self.reaches.of(asked, &self.entities, &core.looked_up, || {
            let principal = |uid: &EntityUid, brings| core.declared.principal(&core.names, &core.vocabulary, uid.clone(), brings);
            let mut additions = principal(agent, &caller.standing.agent)?;
            if let Some(actor) = actor {
                additions.extend(principal(actor, &caller.standing.actor)?);
            }
            if is_new {
                additions.push(core.declared.learned(&core.names, server, target)?);
            }
            Ok(additions)
        });
        reach.map(Some)
    }

    /// The tool's own action with those of its arguments that policies read, else the method's action, which shows no arguments.
    fn action_and_input(
        &self,
        question: &Question<'_>,
        shard: &Shard,
    ) -> Result<(EntityUid, Option<RestrictedExpression>), Cause> {
        let typed = match (question.action, question.target) {
            (Action::ToolsCall, Target::Tool(tool)) => shard.tool(tool),
            _ => None,
        };
        let Some(typed) = typed else { return Ok((self.core.names.action(question.action), None)) };
        let input = match (question.arguments, &typed.input) {
            (Some(arguments), Some(ty)) => {
                let input = convert(arguments.json(), ty, Author::Anybody);
                Some(input.map_err(|unfit| Cause::NotRepresentable(unfit.to_string().into()))?)
            }
            _ => None,
        };
        Ok((typed.action.clone(), input))
    }

    /// The request for one principal; `None` when there is no such principal.
    ///
    /// A request that decides is checked against the schema, as far as that says anything new: both principals' requests have the
    /// same action, resource and context, and every action of the vocabulary is for both kinds of principal. Discovery cannot be
    /// checked, because it leaves out what is not known.
    pub(super) fn request(
        &self,
        prepared: &Prepared,
        principal: Principal,
        decides: bool,
    ) -> Option<Result<CedarRequest, Cause>> {
        let uid = match principal {
            Principal::Agent => &prepared.agent,
            Principal::Actor => prepared.actor.as_ref()?,
        };
        if prepared.entities.get(uid).is_none() {
            return Some(Err(Cause::UnknownPrincipal));
        }
        let schema = (decides && principal == Principal::Agent).then_some(&prepared.shard.schema);
        let (action, resource) = (prepared.action.clone(), prepared.resource.clone());
        let request = CedarRequest::new(uid.clone(), action, resource, prepared.context.clone(), schema);
        Some(request.map_err(|error| Cause::InvalidRequest(error.to_string().into())))
    }
}
