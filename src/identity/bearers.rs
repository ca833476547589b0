//! People who show a token that was given out for ruling on calls: the only ones who may do so from outside of this machine.

use std::collections::BTreeSet;
use std::time::Duration;

use super::authenticate::{Identified, Identity, Unidentified};
use super::credentials::{Credentials, Handshake, Scheme};
use super::login::Person;
use super::protected::{Protected, Refusal};
use crate::domain::AgentId;

/// Those who show a token for the place where people rule. A token for the MCP resource is none of these: an agent that holds one could
/// rule on its own calls.
#[derive(Debug)]
pub struct Bearers {
    identity: Identity,
    /// The place as a protected resource. Its identifier is the audience that tokens must have.
    place: Protected,
    /// The programs that people use to rule.
    programs: BTreeSet<AgentId>,
}

/// A person who showed a token, for as long as it holds.
#[derive(Debug, Clone)]
pub struct Bearer {
    /// Who.
    pub person: Person,
    identified: Identified,
}

/// Why nobody is known by a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unknown {
    /// There is none, or it is not believed.
    Refused(Refusal),
    /// It was not given to a program that people rule with.
    Program,
    /// It tells of no person: what is asked for is a person's yes.
    NoPerson,
}

impl Unknown {
    /// A sentence for people.
    #[must_use]
    pub fn sentence(&self) -> &str {
        match self {
            Self::Refused(refusal) => &refusal.sentence,
            Self::Program => "the token was not given to a program that people rule with",
            Self::NoPerson => "the token tells of no person; only people rule on approvals",
        }
    }
}

impl Bearers {
    /// Believes what `identity` believes; the settings behind it have the URL of the place as their resource, and nobody configured.
    ///
    /// Only tokens that were given to one of these programs count: a token that was handed on to an agent names that agent, whatever it
    /// was given out for.
    #[must_use]
    pub fn new(identity: Identity, programs: BTreeSet<AgentId>) -> Self {
        let place = identity.protect("/", Vec::new());
        Self { identity, place, programs }
    }

    /// Who bears this token; `over` is the connection, to whose certificate it may be bound.
    ///
    /// # Errors
    ///
    /// Why nobody can tell, or why it is nobody who rules.
    pub async fn identify(&self, token: Option<&str>, over: &Handshake) -> Result<Bearer, Unknown> {
        let refuse = |why: &Unidentified| Unknown::Refused(self.identity.refusal(why, &self.place));
        let token = token.ok_or_else(|| refuse(&Unidentified::Missing))?;
        // A process at the other end of a socket is nobody here: what counts is the token.
        let credentials = Credentials { token: Some((Scheme::Bearer, token)), ..Credentials::default().over(over) };
        let identified = self.identity.identify(&credentials, &self.place).await.map_err(|why| refuse(&why))?;
        let caller = &identified.caller;
        if caller.token.is_none() || !self.programs.contains(&caller.agent) {
            return Err(Unknown::Program);
        }
        let person = caller.actor.person().cloned().ok_or(Unknown::NoPerson)?;
        let person = Person { person, standing: caller.standing.actor.clone(), evidence: caller.evidence.clone() };
        Ok(Bearer { person, identified: identified.without_tokens() })
    }

    /// Returns when somebody is not to be believed any more: their token ends, or they are denied.
    ///
    /// # Cancel safety
    ///
    /// Waits only.
    pub async fn until_over(&self, bearer: &Bearer) {
        let mut revocations = self.identity.revocations();
        let end = tokio::time::sleep(bearer.identified.lasts.unwrap_or(Duration::MAX));
        tokio::pin!(end);
        while !self.identity.denies(&bearer.identified) {
            tokio::select! {
                () = &mut end => return,
                changed = revocations.changed() => if changed.is_err() {
                    return end.await;
                },
            }
        }
    }
}
