//! The person behind an agent that has an identity of its own: a second token, which must be bound to this very agent.

use std::sync::Arc;

use serde_json::Value;

use super::authenticate::{Identified, Issuer, Room, Unidentified};
use super::flaw::Flaw;
use super::protected::Protected;
use super::shown::ShownToken;
use super::trace::Trace;
use crate::domain::{Actor, Caller, Evidence};

impl Room {
    /// The agent with the person whose token this is.
    pub(super) async fn with_actor(
        &self,
        agent: Identified,
        token: &str,
        server: &Protected,
        trace: &mut Trace,
    ) -> Result<Identified, Unidentified> {
        let believed = self.believe(token, server, trace).await?;
        let issuer = self.issuers.get(believed.issuer).ok_or(Flaw::UnknownIssuer)?;
        let (verified, agent_id) = (&believed.verified, agent.caller.agent.as_str());
        if !issuer.settings.for_actors || verified.bound.is_some() {
            return Err(Flaw::NotAccepted.into());
        }
        let meant_for_agent = verified.is_for(std::iter::once(agent_id));
        let names_agent = verified.claims.get("act").is_some() && verified.caller.agent.as_str() == agent_id
            || self.may_act(&verified.claims, issuer).as_deref() == Some(agent_id);
        let meant_for_us = server.is_meant_by(verified, &issuer.settings);
        if !(meant_for_agent || names_agent && meant_for_us) {
            return Err(Flaw::ActorBinding.into());
        }
        let Actor::Person(person) = &verified.caller.actor else { return Err(Flaw::ActorBinding.into()) };
        if agent.caller.actor.person().is_some_and(|other| other != person) {
            return Err(Flaw::ActorBinding.into());
        }
        trace.passed("actor", || format!("`{person}`"));
        if self.denied.list().denies(&verified.caller) {
            self.remembered.forget(&believed.digest);
            return Err(Flaw::Denied.into());
        }
        let actor_token = verified.caller.token.as_ref().and_then(|token| token.id.clone());
        let lasts = [agent.lasts, Some(self.left(verified))].into_iter().flatten().min();
        let mut shown = agent.shown;
        shown.actor = server.keeps_tokens.then(|| ShownToken::new(token, verified, self.clock.now()));
        Ok(Identified { caller: joined(agent.caller, &verified.caller)?, lasts, actor_token, shown })
    }

    /// The agent that a token allows to act (RFC 8693, section 4.4), by the id that policies know it by.
    fn may_act(&self, claims: &Value, issuer: &Issuer) -> Option<Arc<str>> {
        let allowed = claims.get("may_act")?;
        let text = |name: &str| allowed.get(name).and_then(Value::as_str);
        let by = text("iss").unwrap_or(&issuer.settings.issuer);
        self.prefixes.id(by, text("sub").or_else(|| text("client_id"))?)
    }
}

/// The agent of one and the person of the other, with what each brings.
fn joined(agent: Caller, person: &Caller) -> Result<Caller, Flaw> {
    let mut standing = (*agent.standing).clone();
    standing.actor = person.standing.actor.clone();
    let evidence = agent.evidence.as_deref().map(|own| {
        let theirs = person.evidence.as_deref().and_then(|theirs| theirs.token.clone());
        Arc::new(Evidence { actor: theirs, ..own.clone() })
    });
    let caller = Caller { actor: person.actor.clone(), evidence, ..agent }.with_standing(standing);
    let Some(theirs) = &person.token else { return Ok(caller) };
    let Some(own) = caller.token.as_deref().cloned() else {
        return Ok(Caller { token: Some(Arc::clone(theirs)), vouched: true, ..caller });
    };
    let mut token = own;
    for (name, value) in &theirs.attributes {
        // What both say, and say differently, nobody knows.
        if token.attributes.insert(Arc::clone(name), value.clone()).is_some_and(|before| before != *value) {
            return Err(Flaw::Claim(Arc::clone(name)));
        }
    }
    Ok(caller.with_token(token))
}
