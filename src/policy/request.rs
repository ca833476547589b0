//! A call in Cedar's terms: which action, on which resource, in which context. Decides nothing.

use std::cell::OnceCell;
use std::sync::Arc;

use cedar_policy::{Context, Entities, EntityUid, Request as CedarRequest, RestrictedExpression};

use super::circumstances::{Fact, Occasion};
use super::input::{Author, convert};
use super::residual::Needs;
use super::shard::Shard;
use super::slice::Scope;
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
    pub(super) entities: Arc<Entities>,
    pub(super) shard: Arc<Shard>,
}

impl Prepared<'_> {
    /// Who asks for what, for one principal; `None` when there is no such principal.
    pub(super) fn scope(&self, principal: Principal) -> Option<Scope> {
        let principal = match principal {
            Principal::Agent => self.agent.clone(),
            Principal::Actor => self.actor.clone()?,
        };
        Some(Scope { principal, action: self.action.clone(), resource: self.resource.clone() })
    }
}

impl PolicySnapshot {
    /// Puts a question in Cedar's terms, or says why it cannot be decided.
    pub(super) fn prepare<'a>(&self, question: &Question<'a>) -> Result<Prepared<'a>, Cause> {
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
        let mut more: Vec<Fact> = input.map(|input| ("input".to_owned(), input)).into_iter().collect();
        if let Target::Method(method) = question.target {
            more.push(("method".to_owned(), RestrictedExpression::new_string(method.to_string())));
        }
        Ok(Prepared {
            question: *question,
            action,
            resource: names.target(question.server, question.target),
            agent: names.agent(&question.caller.agent),
            actor: names.actor(question.caller),
            more,
            context: OnceCell::new(),
            entities: self.entities_with(question.server, question.target).map_err(invalid)?,
            shard: Arc::clone(shard),
        })
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
