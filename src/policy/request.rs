//! A call in Cedar's terms: which action, on which resource, in which context. Decides nothing.

use std::cell::OnceCell;
use std::sync::Arc;

use cedar_policy::{Context, EntityUid, Request as CedarRequest, RestrictedExpression};

use super::approval;
use super::circumstances::{Fact, Occasion};
use super::input::{Author, convert};
use super::reach::{Asked, Reach};
use super::residual::Needs;
use super::shard::Shard;
use super::slice::Scope;
use super::snapshot::PolicySnapshot;
use crate::domain::{Action, Approval, Arguments, Caller, Cause, Principal, ServerName, Source, Target, Timestamp};

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
    /// What people said about exactly this call.
    pub(super) approval: Option<&'a Approval>,
}

/// A question in Cedar's terms, the same for both principals.
pub(super) struct Prepared<'a> {
    question: Question<'a>,
    action: EntityUid,
    resource: EntityUid,
    agent: EntityUid,
    actor: Option<EntityUid>,
    /// What the context holds besides the circumstances.
    more: Vec<Fact>,
    /// The whole context, once somebody asked for it.
    context: OnceCell<Context>,
    pub(super) entities: Reach,
    pub(super) shard: Arc<Shard>,
}

impl Prepared<'_> {
    /// Who asks for what, for one principal; `None` when there is no such principal.
    pub(super) fn scope(&self, principal: Principal) -> Option<Scope> {
        let principal = match principal {
            Principal::Agent => self.agent.clone(),
            Principal::Actor => self.actor.clone()?,
            Principal::Subject => return None,
        };
        Some(Scope { principal, action: self.action.clone(), resource: self.resource.clone() })
    }
}

impl PolicySnapshot {
    /// Puts a question in Cedar's terms, or says why it cannot be decided.
    pub(super) fn prepare<'a>(&self, question: &Question<'a>) -> Result<Prepared<'a>, Cause> {
        let invalid = |message: String| Cause::InvalidRequest(message.into());
        if self.in_force().is_none() {
            return Err(Cause::NoPoliciesInForce);
        }
        let names = &self.core.names;
        let resource = names.target(question.server, question.target);
        if let Target::Tool(tool) = question.target
            && !self.catalog.has(question.server, tool)
            && self.entities.get(&resource).is_none()
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
        let mut more: Vec<Fact> = input.map(|input| ("input".to_owned(), input)).into_iter().collect();
        if let Target::Method(method) = question.target {
            more.push(("method".to_owned(), RestrictedExpression::new_string(method.to_string())));
        }
        if let Some(approval) = question.approval {
            more.push(approval::fact(names, approval).map_err(invalid)?);
        }
        let (agent, actor) = (names.agent(&question.caller.agent), names.actor(question.caller));
        let (entities, shard) = (Reach::all(Arc::clone(&self.entities)), Arc::clone(shard));
        let (question, context) = (*question, OnceCell::new());
        let mut prepared = Prepared { question, action, resource, agent, actor, more, context, entities, shard };
        if let Some(reach) = self.reach(&prepared).map_err(invalid)? {
            prepared.entities = reach;
        }
        Ok(prepared)
    }

    /// The entities to decide with, unless those that are there already will do: when the caller brings memberships or is in no file, or
    /// the target is in none.
    fn reach(&self, prepared: &Prepared<'_>) -> Result<Option<Reach>, String> {
        let Question { caller, server, target, approval, .. } = prepared.question;
        let Prepared { action, resource, agent, actor, .. } = prepared;
        let is_new = matches!(target, Target::Resource(_) | Target::Prompt(_)) && self.entities.get(resource).is_none();
        let standing = Some(&caller.standing).filter(|standing| !standing.is_empty()).cloned();
        // Somebody for whom somebody vouches is somebody, also when no file has heard of them.
        let unknown = |uid: &EntityUid| self.entities.get(uid).is_none();
        let vouched = caller.vouched && (unknown(agent) || actor.as_ref().is_some_and(unknown));
        if !is_new && standing.is_none() && !vouched && approval.is_none() {
            return Ok(None);
        }
        let mut named = vec![agent.clone()];
        named.extend(actor.clone());
        // Of what is in the context, only an approval names anybody else.
        let approver = approval.map(|approval| (self.core.names.user(&approval.by), &approval.standing));
        named.extend(approver.iter().map(|(approver, _)| approver.clone()));
        let asked = Asked { named, standing, vouched, action: action.clone(), resource: resource.clone() };
        let core = &*self.core;
        let additions = || {
            let principal =
                |uid: &EntityUid, brings| core.declared.principal(&core.names, &core.vocabulary, uid.clone(), brings, vouched);
            let mut additions = principal(agent, &caller.standing.agent)?;
            if let Some(actor) = actor {
                additions.extend(principal(actor, &caller.standing.actor)?);
            }
            // Whoever approves their own call is who they are in the call.
            if let Some((approver, brings)) = approver.as_ref().filter(|(approver, _)| Some(approver) != actor.as_ref()) {
                additions.extend(core.declared.principal(&core.names, &core.vocabulary, approver.clone(), brings, true)?);
            }
            if is_new {
                additions.push(core.declared.learned(&core.names, server, target)?);
            }
            Ok(additions)
        };
        // What the approver brings is not in the key of those that are kept, and approvals are rare.
        let reach = match approval {
            Some(_) => Reach::made(&asked, &self.entities, &core.looked_up, additions()?),
            None => self.reaches.of(asked, &self.entities, &core.looked_up, additions),
        };
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

    /// As much of the context as policies with these needs read.
    pub(super) fn context_for(&self, prepared: &Prepared<'_>, needs: Needs) -> Result<Context, String> {
        let mut facts = self.occasion(prepared).facts(needs)?;
        if needs.has(Needs::MORE) {
            facts.extend_from_slice(&prepared.more);
        }
        Context::from_pairs(facts).map_err(|error| error.to_string())
    }

    fn whole_context(&self, prepared: &Prepared<'_>) -> Result<Context, Cause> {
        if let Some(made) = prepared.context.get() {
            return Ok(made.clone());
        }
        let circumstances = self.core.circumstances.of(&self.occasion(prepared));
        let context = circumstances.and_then(|circumstances| circumstances.with(&prepared.more));
        let context = context.map_err(|message| Cause::InvalidRequest(message.into()))?;
        Ok(prepared.context.get_or_init(|| context).clone())
    }

    fn occasion<'a>(&'a self, prepared: &Prepared<'a>) -> Occasion<'a> {
        let Question { caller, source, now, .. } = prepared.question;
        Occasion { names: &self.core.names, zone: &self.core.zone, caller, source, now }
    }

    /// The request for one principal with the whole context; `None` when there is no such principal.
    ///
    /// A request that decides is checked against the schema, as far as that says anything new: both principals' requests have the
    /// same action, resource and context, and every action of the vocabulary is for both kinds of principal. Discovery cannot be
    /// checked, because it leaves out what is not known.
    pub(super) fn request(
        &self,
        prepared: &Prepared<'_>,
        principal: Principal,
        decides: bool,
    ) -> Option<Result<CedarRequest, Cause>> {
        let Scope { principal: uid, action, resource } = prepared.scope(principal)?;
        if prepared.entities.get(&uid).is_none() {
            return Some(Err(Cause::UnknownPrincipal));
        }
        let schema = (decides && principal == Principal::Agent).then_some(&prepared.shard.schema);
        let request = self.whole_context(prepared).and_then(|context| {
            let request = CedarRequest::new(uid, action, resource, context, schema);
            request.map_err(|error| Cause::InvalidRequest(error.to_string().into()))
        });
        Some(request)
    }
}
