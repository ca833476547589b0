//! Who asks about approvals: the operator at the control socket, or somebody whose token was given out for the console.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;

use http::request::Parts;
use http::{HeaderValue, StatusCode, header};

use crate::domain::{AgentId, Channel, Evidence, Memberships, UserId, Way};
use crate::gate::Ruler;
use crate::identity::{self, Handshake, Identity, Unknown};

/// Somebody who was identified.
#[derive(Debug, Clone)]
pub struct Person {
    /// Who they are when they rule.
    pub ruler: Ruler,
    /// Whether all tickets are shown to them, or only those that are their business.
    pub sees_all: bool,
    /// The token that says who they are, when it is one that does.
    pub bearer: Option<identity::Bearer>,
}

/// What is said to whoever was not identified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nobody {
    /// 401, 403 or 503.
    pub status: StatusCode,
    /// `WWW-Authenticate`.
    pub challenges: Vec<HeaderValue>,
    /// A sentence for people.
    pub sentence: String,
}

/// The moment from which on somebody is not to be believed any more.
pub type Until<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Who somebody is, once that is known.
pub type Identifying<'a> = Pin<Box<dyn Future<Output = Result<Person, Nobody>> + Send + 'a>>;

/// Says who is behind a request. Whoever believes cookies has to see to it that a web page elsewhere cannot send the request: a request
/// that changes something always has the content type `application/json`.
pub trait People: Send + Sync + 'static {
    /// Who sent the request with this head.
    fn identify<'a>(&'a self, head: &'a Parts) -> Identifying<'a>;

    /// Ends when the person is not to be believed any more; never for those who are who they are as long as they are connected.
    fn until_over<'a>(&'a self, _person: &'a Person) -> Until<'a> {
        Box::pin(std::future::pending())
    }
}

/// Everybody is the operator: at a socket that nobody else can open.
#[derive(Debug)]
pub struct Operator(Person);

impl Operator {
    /// The operator, by the name that the configuration gives them.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let evidence = Some(Arc::new(Evidence::of(Way::PEER)));
        let (person, standing, channel) = (UserId::new(name), Memberships::default(), Channel::Cli);
        Self(Person { ruler: Ruler { person, standing, evidence, channel }, sees_all: true, bearer: None })
    }
}

impl People for Operator {
    fn identify<'a>(&'a self, _: &'a Parts) -> Identifying<'a> {
        Box::pin(std::future::ready(Ok(self.0.clone())))
    }
}

/// Those who show a token that was given out for the console, see [`identity::Bearers`].
#[derive(Debug)]
pub struct Bearers(identity::Bearers);

impl Bearers {
    /// Believes what `identity` believes, of tokens that were given to one of these programs.
    #[must_use]
    pub fn new(identity: Identity, programs: BTreeSet<AgentId>) -> Self {
        Self(identity::Bearers::new(identity, programs))
    }

    async fn look(&self, head: &Parts) -> Result<Person, Nobody> {
        let shown = identity::bearer(head.headers.get_all(header::AUTHORIZATION).iter().map(HeaderValue::as_bytes));
        let known = self.0.identify(shown, &Handshake::default()).await.map_err(nobody)?;
        let identity::Person { person, standing, evidence } = known.person.clone();
        let ruler = Ruler { person, standing, evidence, channel: Channel::Api };
        Ok(Person { ruler, sees_all: false, bearer: Some(known) })
    }
}

fn nobody(why: Unknown) -> Nobody {
    let sentence = why.sentence().to_owned();
    match why {
        Unknown::Refused(refusal) => Nobody { status: refusal.status, challenges: refusal.challenges, sentence },
        Unknown::Program | Unknown::NoPerson => Nobody { status: StatusCode::FORBIDDEN, challenges: Vec::new(), sentence },
    }
}

impl People for Bearers {
    fn identify<'a>(&'a self, head: &'a Parts) -> Identifying<'a> {
        Box::pin(self.look(head))
    }

    fn until_over<'a>(&'a self, person: &'a Person) -> Until<'a> {
        Box::pin(async {
            match &person.bearer {
                Some(bearer) => self.0.until_over(bearer).await,
                None => std::future::pending().await,
            }
        })
    }
}
