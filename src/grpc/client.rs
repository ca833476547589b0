//! The other side of this face: asks a running sidecar for a decision, once, within a deadline.
//!
//! The connection is ours ([`Dial`]), so certificates are checked as everywhere. There is one, it is used once, and nothing is tried again: a
//! question that was not answered may have been decided, and the log of the sidecar knows.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::{HeaderValue, Uri, header};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde::Serialize;
use tokio::task::JoinHandle;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use super::pb;
use super::pb::decision_service_client::DecisionServiceClient;
use crate::domain::{Actor, Attribute, Call, Caller, Memberships, Target, Token, Transport, visible};
use crate::outbound::{Dial, DialError, Place, SetupError, Trust};

/// The protocol that gRPC is spoken in.
const PROTOCOL: &str = "h2";
/// Who we say we are.
const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("cedarpost/", env!("CARGO_PKG_VERSION")));
/// How long a connection that failed may take to say why.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// The longest answer, in bytes.
const MAX_ANSWER: usize = 16 << 20;

/// Asks one sidecar.
#[derive(Debug, Clone)]
pub struct Client {
    dial: Dial,
    deadline: Duration,
}

/// What the sidecar says. The names are those of `CheckResponse` in `proto/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The decision; one that this version does not know is a denial.
    pub decision: Said,
    /// Its name in the log.
    pub decision_id: String,
    /// It was a question only.
    pub dry_run: bool,
    /// What an agent may be told; empty for an allow.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// One for the agent and, when there is one, one for the person.
    pub judgements: Vec<SaidOfOne>,
    /// What it was decided by.
    pub policy_fingerprint: String,
    /// Under which ticket people are asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending: Option<SaidOfTicket>,
    /// The ticket that was used up.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub approved_by_ticket: String,
}

/// The three answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// The call may be carried out.
    Allow,
    /// It may not.
    Deny,
    /// It may not until a person has approved it.
    RequireApproval,
}

impl Said {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::RequireApproval => "require_approval",
        }
    }
}

/// What policy says about one principal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SaidOfOne {
    /// `agent` or `actor`.
    pub principal: String,
    /// Why.
    pub cause: String,
    /// The policies that determined it.
    pub policies: Vec<SaidOfPolicy>,
    /// The policies that could not be evaluated.
    pub faults: Vec<SaidOfPolicy>,
}

/// A policy and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SaidOfPolicy {
    /// Its id.
    pub id: String,
    /// Its file.
    pub file: String,
    /// Its line, from 1.
    pub line: u32,
}

/// A ticket under which people are asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SaidOfTicket {
    /// Its name.
    pub ticket: String,
    /// When it ends by itself, RFC 3339; empty when the sidecar does not say it.
    pub expires: String,
}

/// Why there is no decision.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// There is no connection.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// It took too long.
    #[error("`{place}` did not answer within {} ms", .deadline.as_millis())]
    Silent {
        /// Who was asked.
        place: Place,
        /// How long they had.
        deadline: Duration,
    },
    /// The question makes no sense to the sidecar.
    #[error("{sentence}")]
    Question {
        /// The fields that are wrong, from the request on: `caller.agent`.
        fields: Vec<String>,
        /// What is wrong with them.
        sentence: String,
    },
    /// The connection ended before there was an answer, or what is said over it is not gRPC.
    #[error("`{place}` does not answer in gRPC")]
    Broken {
        /// Who was asked.
        place: Place,
        /// The cause.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The sidecar answers with an error.
    #[error("`{place}` gives no decision: {code}: {sentence}")]
    Refused {
        /// Who was asked.
        place: Place,
        /// The code of gRPC by its name.
        code: &'static str,
        /// What the sidecar says.
        sentence: String,
    },
}

impl Client {
    /// A client of the sidecar whose gRPC face is at `place`. A question may take `deadline`, the connection included.
    ///
    /// # Errors
    ///
    /// When certificates cannot be used.
    pub fn new(place: Place, trust: &Trust, deadline: Duration) -> Result<Self, SetupError> {
        Ok(Self { dial: Dial::new(place, PROTOCOL, trust)?, deadline })
    }

    /// Has the sidecar decide a call. Unless it is `dry_run` this is a decision like any other: recorded, with an approval used up when
    /// there is one, and with people asked when they have to be.
    ///
    /// # Errors
    ///
    /// [`AskError`]. When the sidecar was silent or the connection broke, nobody knows here whether the call was decided.
    pub async fn check(&self, caller: &Caller, call: &Call, dry_run: bool) -> Result<Answer, AskError> {
        let question = pb::CheckRequest { caller: Some(asking(caller)), call: Some(asked(call)), dry_run };
        let began = Instant::now();
        let answered = async {
            let (line, connection) = self.connect().await?;
            let mut client = DecisionServiceClient::with_origin(line, self.origin()?).max_decoding_message_size(MAX_ANSWER);
            let mut request = Request::new(question);
            request.set_timeout(self.deadline.saturating_sub(began.elapsed()));
            match client.check(request).await {
                Ok(response) => Ok(answer(response.into_inner(), dry_run)),
                // Only what went wrong on this side has a cause; a status that came over the wire is only words.
                Err(status) if status.source().is_some() => Err(self.broken(last_words(&status, connection).await)),
                Err(status) => Err(self.failed(&status)),
            }
        };
        tokio::time::timeout(self.deadline, answered).await.unwrap_or_else(|_| Err(self.silent()))
    }

    /// A connection, and the task that serves it, which ends with it.
    async fn connect(&self) -> Result<(Line, JoinHandle<hyper::Result<()>>), AskError> {
        let wire = TokioIo::new(self.dial.connect().await?);
        let shaken = http2::handshake(TokioExecutor::new(), wire).await;
        let (send, connection) = shaken.map_err(|error| self.broken(Causes::of(&error)))?;
        Ok((Line(send), tokio::spawn(connection)))
    }

    fn origin(&self) -> Result<Uri, AskError> {
        let text = match self.dial.place() {
            Place::Unix(_) => "http://localhost".to_owned(),
            place @ (Place::Plain(_) | Place::Tls(_)) => place.to_string(),
        };
        text.parse().map_err(|error| self.broken(error))
    }

    fn silent(&self) -> AskError {
        AskError::Silent { place: self.dial.place().clone(), deadline: self.deadline }
    }

    fn broken(&self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> AskError {
        AskError::Broken { place: self.dial.place().clone(), source: source.into() }
    }

    fn failed(&self, status: &Status) -> AskError {
        if status.code() == Code::DeadlineExceeded {
            return self.silent();
        }
        // It may be anybody who answers, and a terminal that shows it.
        let sentence = visible(status.message()).into_owned();
        if matches!(status.code(), Code::InvalidArgument | Code::OutOfRange) {
            let violations = status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
            let told: Vec<String> =
                violations.iter().map(|bad| format!("`{}` {}", visible(&bad.field), visible(&bad.description))).collect();
            let sentence = if told.is_empty() { sentence } else { told.join("; ") };
            return AskError::Question { fields: violations.into_iter().map(|bad| bad.field).collect(), sentence };
        }
        AskError::Refused { place: self.dial.place().clone(), code: name(status.code()), sentence }
    }
}

/// A connection that speaks HTTP/2.
struct Line(SendRequest<Body>);

impl Service<http::Request<Body>> for Line {
    type Response = http::Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        request.headers_mut().insert(header::USER_AGENT, USER_AGENT);
        Box::pin(self.0.send_request(request))
    }
}

/// Why a question failed on this side: the connection knows best.
async fn last_words(status: &Status, connection: JoinHandle<hyper::Result<()>>) -> Causes {
    match tokio::time::timeout(LAST_WORDS, connection).await {
        Ok(Ok(Err(error))) => Causes::of(&error),
        _ => Causes::of(status),
    }
}

/// A failure and its causes, each told once: libraries repeat the causes of a cause in its sentence.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Causes(String);

impl Causes {
    fn of(error: &dyn StdError) -> Self {
        let (mut told, mut next) = (Vec::<String>::new(), Some(error));
        while let Some(error) = next {
            let sentence = error.to_string();
            if !told.iter().any(|before| before.contains(&sentence)) {
                told.push(sentence);
            }
            next = error.source();
        }
        Self(told.join(": "))
    }
}

fn asking(caller: &Caller) -> pb::Caller {
    let brings = |brought: &Memberships| {
        let texts = |names: &std::collections::BTreeSet<std::sync::Arc<str>>| names.iter().map(ToString::to_string).collect();
        let message = pb::Memberships { roles: texts(&brought.roles), teams: texts(&brought.teams) };
        (message != pb::Memberships::default()).then_some(message)
    };
    pb::Caller {
        agent: caller.agent.as_str().to_owned(),
        person: Some(match &caller.actor {
            Actor::Person(person) => pb::caller::Person::Actor(person.as_str().to_owned()),
            Actor::Unattended => pb::caller::Person::Unattended(true),
        }),
        agent_brings: brings(&caller.standing.agent),
        actor_brings: brings(&caller.standing.actor),
        token: caller.token.as_deref().map(token),
    }
}

fn token(token: &Token) -> pb::Token {
    let claim = |attribute: &Attribute| pb::Claim {
        value: Some(match attribute {
            Attribute::Text(text) => pb::claim::Value::Text(text.to_string()),
            Attribute::Texts(texts) => {
                pb::claim::Value::Texts(pb::Texts { values: texts.iter().map(ToString::to_string).collect() })
            }
            Attribute::Flag(flag) => pb::claim::Value::Flag(*flag),
            Attribute::Number(number) => pb::claim::Value::Number(*number),
        }),
    };
    let claims: HashMap<_, _> = token.attributes.iter().map(|(name, value)| (name.to_string(), claim(value))).collect();
    pb::Token { issuer: token.issuer.to_string(), scopes: token.scopes.iter().map(ToString::to_string).collect(), claims }
}

fn asked(call: &Call) -> pb::Call {
    pb::Call {
        server: call.server.as_str().to_owned(),
        target: Some(match &call.target {
            Target::Tool(name) => pb::call::Target::Tool(name.to_string()),
            Target::Resource(uri) => pb::call::Target::Resource(uri.to_string()),
            Target::Prompt(name) => pb::call::Target::Prompt(name.to_string()),
            Target::Method(name) => pb::call::Target::Method(name.to_string()),
            Target::Server => pb::call::Target::ServerItself(true),
        }),
        action: call.action.name().to_owned(),
        arguments_json: call.arguments.json().map(|text| String::from_utf8_lossy(text).into_owned()).unwrap_or_default(),
        source: Some(pb::Source {
            ip: call.source.ip.map(|ip| ip.to_string()).unwrap_or_default(),
            transport: match call.source.transport {
                Transport::Stdio => pb::Transport::Stdio,
                Transport::Http => pb::Transport::Http,
            }
            .into(),
            session: call.source.session.as_deref().unwrap_or_default().to_owned(),
        }),
        traceparent: String::new(),
    }
}

fn answer(response: pb::CheckResponse, dry_run: bool) -> Answer {
    let policies = |policies: Vec<pb::PolicyRef>| {
        policies.into_iter().map(|pb::PolicyRef { id, file, line }| SaidOfPolicy { id, file, line }).collect()
    };
    let judgement = |judgement: pb::Judgement| SaidOfOne {
        principal: judgement.principal,
        cause: judgement.cause,
        policies: policies(judgement.policies),
        faults: policies(judgement.faults),
    };
    Answer {
        decision: match response.decision() {
            pb::Decision::Allow => Said::Allow,
            pb::Decision::RequireApproval => Said::RequireApproval,
            pb::Decision::Deny | pb::Decision::Unspecified => Said::Deny,
        },
        decision_id: response.decision_id,
        dry_run,
        message: response.message,
        judgements: response.judgements.into_iter().map(judgement).collect(),
        policy_fingerprint: response.policy_fingerprint,
        pending: response.pending.map(|pending| SaidOfTicket {
            ticket: pending.ticket,
            expires: pending
                .expires
                .and_then(|at| jiff::Timestamp::new(at.seconds, at.nanos).ok())
                .map_or_else(String::new, |at| at.to_string()),
        }),
        approved_by_ticket: response.approved_by_ticket,
    }
}

/// The name of a code, as the specification of gRPC writes it.
const fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
