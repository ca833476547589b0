//! `envoy.service.auth.v3.Authorization`: an HTTP request of a gateway's client, body and all, goes on or gets an answer of ours.
//!
//! Whatever goes wrong is a denial in an answer, and never an error of gRPC, which a gateway may be told to pass over.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use tonic::{Code, Request, Response, Status};

use super::ask::{Came, SERVER, SESSION_ID};
use super::backend::Backend;
use super::judge::{Asked, Judge, Kept};
use super::no::{DECISION_ID, No};
use super::pb::envoy::config::core::v3::address::Address;
use super::pb::envoy::config::core::v3::{HeaderValue as WireHeader, HeaderValueOption};
use super::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Peer, Request as Incoming};
use super::pb::envoy::service::auth::v3::authorization_server::Authorization;
use super::pb::envoy::service::auth::v3::check_response::HttpResponse;
use super::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest, CheckResponse, DeniedHttpResponse, OkHttpResponse};
use super::pb::envoy::r#type::v3::HttpStatus;
use super::pb::google::rpc;
use super::wire;
use crate::domain::{Caller, DecisionId, Source, Transport};
use crate::grpc::access::asker;
use crate::identity::ACTOR_TOKEN;
use crate::mcp::{Era, Message, version};
use crate::passage::{self, Unread, method};

/// Names the decision to the server.
const SERVERS_DECISION_ID: &str = "x-cedarpost-decision-id";
/// What no client tells a server under our name.
const OURS: &str = "x-cedarpost-";
/// Where a client wants a broken stream to go on, in the same revisions.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const PROOF: HeaderName = HeaderName::from_static("dpop");

/// Answers Envoy.
pub(in crate::grpc) struct ExtAuthz(pub(in crate::grpc) Arc<Judge>);

/// A request that may go on.
struct Going {
    /// The decision that lets it, if it needed one.
    decision: Option<DecisionId>,
    /// Headers that the server does not get.
    hidden: Vec<String>,
}

/// What is known of a request by now, for what comes after the filter in the proxy.
#[derive(Default)]
struct Facts(BTreeMap<String, prost_types::Value>);

impl Facts {
    fn note(&mut self, name: &str, text: &str) {
        let kind = prost_types::value::Kind::StringValue(text.to_owned());
        self.0.insert(name.to_owned(), prost_types::Value { kind: Some(kind) });
    }

    fn of_caller(&mut self, caller: &Caller) {
        self.note("agent", caller.agent.as_str());
        if let Some(actor) = caller.actor.person() {
            self.note("actor", actor.as_str());
        }
    }
}

#[tonic::async_trait]
impl Authorization for ExtAuthz {
    async fn check(&self, request: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        let by = asker(&request);
        let mut facts = Facts::default();
        let judged = self.judged(request.into_inner(), &by, &mut facts).await;
        Ok(Response::new(answer(judged, facts)))
    }
}

impl ExtAuthz {
    /// The order of looks is the proxy's: server, caller, method, body, message, headers against the body, session.
    async fn judged(&self, asked: CheckRequest, by: &str, facts: &mut Facts) -> Result<Going, No> {
        let nothing = || No::invalid(StatusCode::FORBIDDEN, "The gateway does not say what is asked.");
        let AttributeContext { source, request, context_extensions } = asked.attributes.ok_or_else(nothing)?;
        let http = request.and_then(|Incoming { http }| http).ok_or_else(nothing)?;
        let named = context_extensions.get(SERVER).map(String::as_str);
        let (backend, kept) = self.0.backend(named, Some(&http.host).filter(|host| !host.is_empty()).map(String::as_str))?;
        facts.note("server", backend.name.as_str());
        let unclear = || No::invalid(StatusCode::BAD_REQUEST, "The request is not one that everybody reads alike.");
        let headers = wire::headers_of(&http).map_err(|_| unclear())?;
        let method = Method::from_bytes(http.method.as_bytes()).map_err(|_| unclear())?;
        let uri: Uri = http.path.parse().map_err(|_| unclear())?;
        if let Some(told) = metadata(backend, &method, &uri) {
            return Err(told);
        }
        let principal = source.as_ref().map(|peer| peer.principal.as_str()).filter(|principal| !principal.is_empty());
        let ip = source.as_ref().and_then(address);
        let came = Came { headers: &headers, method: &method, uri: &uri, ip, principal };
        let who = self.0.identify(backend, &came).await?;
        facts.of_caller(&who.caller);
        let of = Of { backend, kept, caller: &who.caller, ip, by };
        match method {
            Method::POST => self.post(of, http, &headers, facts).await,
            Method::GET | Method::DELETE => of.stream(&headers),
            _ => Err(No::method_not_allowed()),
        }
    }

    async fn post(&self, of: Of<'_>, http: HttpRequest, headers: &HeaderMap, facts: &mut Facts) -> Result<Going, No> {
        let Of { backend, kept, caller, ip, by } = of;
        Unread::check(headers).map_err(No::unread)?;
        let body = wire::body_of(http, headers, self.0.limits.max_bytes).map_err(No::unread)?;
        let bad = |malformed| No::malformed(StatusCode::BAD_REQUEST, &malformed);
        let message = Message::parse(&body, &self.0.limits).map_err(bad)?;
        facts.note("method", method(&message));
        if let Some(target) = message.name().or(message.uri()) {
            facts.note("target", target);
        }
        let values = |name: &str| headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
        passage::agree(&self.0.gate, &backend.name, &message, values).map_err(bad)?;
        let session = if message.era() == Era::Modern { None } else { of.session(headers)? };
        let source = Source { transport: Transport::Http, ip, session: session.map(Arc::from) };
        let asked = Asked { backend, kept, caller, source, by, sees_answers: false };
        let decision = self.0.judge(&asked, &message).await?.decision;
        Ok(Going { decision, hidden: hidden(backend, headers, message.era()) })
    }
}

/// Whose request it is, and for what.
struct Of<'a> {
    backend: &'a Backend,
    kept: &'a Kept,
    caller: &'a Caller,
    ip: Option<IpAddr>,
    by: &'a str,
}

impl Of<'_> {
    /// The session that the headers name, if they name one.
    fn session<'h>(&self, headers: &'h HeaderMap) -> Result<Option<&'h str>, No> {
        self.kept.session(headers, self.caller)
    }

    /// A GET or DELETE is about a session; without one there is nothing to listen to, and nothing to end.
    fn stream(&self, headers: &HeaderMap) -> Result<Going, No> {
        let modern = |value: &HeaderValue| value.to_str().is_ok_and(|version| version::era_of(version) == Era::Modern);
        if headers.get_all(VERSION).iter().any(modern) {
            return Err(No::method_not_allowed());
        }
        match self.session(headers)? {
            Some(_) => Ok(Going { decision: None, hidden: hidden(self.backend, headers, Era::Legacy) }),
            None => Err(No::method_not_allowed()),
        }
    }
}

/// The headers of a request that the server is not shown: what somebody showed for us, what they say under our name, and the sessions of
/// a revision that has none.
fn hidden(backend: &Backend, headers: &HeaderMap, era: Era) -> Vec<String> {
    let credentials = [&header::AUTHORIZATION, &header::COOKIE, &ACTOR_TOKEN, &PROOF];
    let sessions = [&SESSION_ID, &LAST_EVENT_ID];
    let is_hidden = |name: &&HeaderName| {
        let kept = backend.keeps_token && **name == header::AUTHORIZATION;
        (credentials.contains(name) && !kept)
            || name.as_str().starts_with(OURS)
            || (era == Era::Modern && sessions.contains(name))
    };
    headers.keys().filter(is_hidden).map(ToString::to_string).collect()
}

/// The metadata of the server as a protected resource (RFC 9728), which everybody may read.
fn metadata(backend: &Backend, method: &Method, uri: &Uri) -> Option<No> {
    let (path, metadata) = backend.protected.metadata()?;
    let asked = uri.path() == path && (*method == Method::GET || *method == Method::HEAD);
    asked.then(|| {
        let mut told = No::with_body(StatusCode::OK, metadata.clone(), 0, "");
        told.rest.effect = "metadata";
        told.rest.headers.push((header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")));
        told
    })
}

fn address(peer: &Peer) -> Option<IpAddr> {
    let Address::SocketAddress(socket) = peer.address.as_ref()?.address.as_ref()?;
    socket.address.parse().ok()
}

fn answer(judged: Result<Going, No>, mut facts: Facts) -> CheckResponse {
    let (status, response) = match judged {
        Ok(Going { decision, mut hidden }) => {
            facts.note("effect", "allow");
            let id = decision.map(|id| id.to_string());
            if let Some(id) = &id {
                facts.note("decision_id", id);
                // It is set, and what is set and removed would be gone.
                hidden.retain(|name| name != SERVERS_DECISION_ID);
            }
            let headers = id.iter().map(|id| set(SERVERS_DECISION_ID, id)).collect();
            let response_headers_to_add = id.iter().map(|id| set(DECISION_ID.as_str(), id)).collect();
            (Code::Ok, HttpResponse::OkResponse(OkHttpResponse { headers, headers_to_remove: hidden, response_headers_to_add }))
        }
        Err(no) => {
            facts.note("effect", no.rest.effect);
            let id = no.rest.decision.map(|id| id.to_string());
            if let Some(id) = &id {
                facts.note("decision_id", id);
            }
            let mut headers: Vec<_> = id.iter().map(|id| set(DECISION_ID.as_str(), id)).collect();
            if !no.body.is_empty() {
                headers.push(set("content-type", "application/json"));
            }
            headers.extend(joined(&no.rest.headers).into_iter().map(|(name, value)| set(&name, &value)));
            let body = String::from_utf8_lossy(&no.body).into_owned();
            let status = Some(HttpStatus { code: i32::from(no.status.as_u16()) });
            let code = if no.status == StatusCode::UNAUTHORIZED { Code::Unauthenticated } else { Code::PermissionDenied };
            (code, HttpResponse::DeniedResponse(DeniedHttpResponse { status, headers, body }))
        }
    };
    CheckResponse {
        status: Some(rpc::Status { code: status.into(), message: String::new() }),
        http_response: Some(response),
        dynamic_metadata: Some(prost_types::Struct { fields: facts.0 }),
    }
}

/// Each header once, with all of its values: Envoy adds none to a header that is not there yet.
fn joined(headers: &[(HeaderName, HeaderValue)]) -> BTreeMap<String, String> {
    let mut joined: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in headers {
        let value = value.to_str().unwrap_or_default();
        match joined.get_mut(name.as_str()) {
            Some(before) => before.extend([", ", value]),
            None => drop(joined.insert(name.to_string(), value.to_owned())),
        }
    }
    joined
}

/// A header in the place of whatever there is of this name.
fn set(name: &str, value: &str) -> HeaderValueOption {
    let header = WireHeader { key: name.to_owned(), value: value.to_owned(), raw_value: Vec::new() };
    HeaderValueOption { header: Some(header), append: Some(false) }
}
