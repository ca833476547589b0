//! A call in Cedar's terms: which action, on which resource, in which context. Decides nothing.

use std::sync::Arc;

use cedar_policy::{Context, Entities, EntityUid, Request as CedarRequest, RestrictedExpression};

use super::input::{Author, convert};
use super::snapshot::PolicySnapshot;
use crate::domain::{Action, Arguments, Caller, Cause, Principal, ServerName, Source, Target, Timestamp};

/// The longest tool name, URI, prompt name or method, in bytes. Patterns are matched against it, and it is kept for a while.
const MAX_NAME: usize = 8 << 10;

/// An attribute of the context.
type Fact = (String, RestrictedExpression);

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
    /// What policies see of the circumstances, for both principals.
    facts: Vec<Fact>,
    /// The agent's context: the facts and nothing else.
    context: Context,
    pub(super) entities: Arc<Entities>,
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
        if question.target.name().is_some_and(|name| name.len() > MAX_NAME) {
            return Err(invalid(format!("the name of what is asked for is longer than {MAX_NAME} bytes")));
        }
        if !self.core.servers.contains(question.server) {
            return Err(invalid(format!("server `{}` is not configured", question.server)));
        }
        let (action, input) = self.action_and_input(question)?;
        let names = &self.core.names;
        let mut facts = self.facts(question).map_err(invalid)?;
        facts.extend(input.map(|input| ("input".to_owned(), input)));
        Ok(Prepared {
            action,
            resource: names.target(question.server, question.target),
            agent: names.agent(&question.caller.agent),
            actor: names.actor(question.caller),
            context: Context::from_pairs(facts.iter().cloned()).map_err(|error| invalid(error.to_string()))?,
            facts,
            entities: self.entities_with(question.server, question.target).map_err(invalid)?,
        })
    }

    /// The tool's own action with its arguments where the schema has one, else the method's action, which shows no arguments.
    fn action_and_input(&self, question: &Question<'_>) -> Result<(EntityUid, Option<RestrictedExpression>), Cause> {
        let typed = match (question.action, question.target) {
            (Action::ToolsCall, Target::Tool(tool)) => self.core.vocabulary.tools.get(&format!("{}/{tool}", question.server)),
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

    /// The context that does not depend on the tool.
    fn facts(&self, question: &Question<'_>) -> Result<Vec<Fact>, String> {
        let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
        let record = |pairs: Vec<Fact>| RestrictedExpression::new_record(pairs).map_err(|error| error.to_string());
        let mut source = vec![("transport".to_owned(), text(question.source.transport.name()))];
        source.extend(question.source.ip.map(|ip| ("ip".to_owned(), self.core.extensions.address(ip))));
        let session = question.source.session.iter().map(|id| ("id".to_owned(), text(id))).collect();
        let mut facts = vec![
            ("time".to_owned(), record(self.time(question.now)?)?),
            ("source".to_owned(), record(source)?),
            ("session".to_owned(), record(session)?),
        ];
        if let Some(actor) = self.core.names.actor(question.caller) {
            facts.push(("actor".to_owned(), RestrictedExpression::new_entity_uid(actor)));
        }
        if let Target::Method(method) = question.target {
            facts.push(("method".to_owned(), text(method)));
        }
        Ok(facts)
    }

    fn time(&self, now: Timestamp) -> Result<Vec<Fact>, String> {
        let instant = jiff::Timestamp::from_microsecond(now.as_micros()).map_err(|error| error.to_string())?;
        let local = instant.to_zoned(self.core.zone.clone());
        let long = |value: i8| RestrictedExpression::new_long(i64::from(value));
        Ok(vec![
            ("now".to_owned(), self.core.extensions.instant(instant.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string())),
            ("hour".to_owned(), long(local.hour())),
            ("minute".to_owned(), long(local.minute())),
            ("weekday".to_owned(), long(local.weekday().to_monday_one_offset())),
        ])
    }

    /// The request for one principal; `None` when there is no such principal.
    ///
    /// With `validated`, the request is checked against the schema. Discovery cannot, because it leaves out what is not known.
    pub(super) fn request(
        &self,
        prepared: &Prepared,
        principal: Principal,
        validated: bool,
    ) -> Option<Result<CedarRequest, Cause>> {
        let (uid, context) = match (principal, &prepared.actor) {
            (Principal::Agent, _) => (&prepared.agent, Ok(prepared.context.clone())),
            (Principal::Actor, Some(actor)) => {
                let agent = ("agent".to_owned(), RestrictedExpression::new_entity_uid(prepared.agent.clone()));
                // From the facts and not from the agent's context: merging contexts evaluates everything once more than that.
                (actor, Context::from_pairs(prepared.facts.iter().cloned().chain([agent])).map_err(|error| error.to_string()))
            }
            (Principal::Actor, None) => return None,
        };
        if prepared.entities.get(uid).is_none() {
            return Some(Err(Cause::UnknownPrincipal));
        }
        let schema = validated.then_some(&self.core.vocabulary.schema);
        let request = context.and_then(|context| {
            CedarRequest::new(uid.clone(), prepared.action.clone(), prepared.resource.clone(), context, schema)
                .map_err(|error| error.to_string())
        });
        Some(request.map_err(|message| Cause::InvalidRequest(message.into())))
    }
}
