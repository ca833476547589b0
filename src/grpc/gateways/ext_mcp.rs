//! `agentgateway.dev.ext_mcp.ExtMcp`: a message that agentgateway has read goes on or does not, and results come by before the client gets
//! them: lists lose what their caller may not use, states are sealed, tasks get an owner, and what a server asks its client for is decided.
//!
//! The gateway makes the request to the server anew from what is judged here, so the headers of its client are looked at for who calls,
//! for the session, and for nothing else. Where it sends no headers (with results) it is told to copy them into what it says besides
//! (`metadata_context`). Whatever goes wrong is an error in an answer, and never one of gRPC, which a gateway may be told to pass over.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri};
use prost_types::Struct;
use prost_types::value::Kind as ValueKind;
use tonic::{Request, Response, Status};

use super::ask::{Came, SERVER};
use super::backend::Backend;
use super::judge::{Asked, Judge, Kept, Yes};
use super::no::No;
use super::pb::agentgateway::dev::ext_mcp::authorization_error::Code;
use super::pb::agentgateway::dev::ext_mcp::ext_mcp_server::ExtMcp as Service;
use super::pb::agentgateway::dev::ext_mcp::{
    AuthorizationError, HeaderMutation, McpHeader, McpRequest, McpRequestResult, McpResponse, McpResponseResult, Pass,
    mcp_request_result, mcp_response_result,
};
use super::wire;
use crate::domain::{Source, Target, Transport};
use crate::grpc::access::asker;
#[cfg(test)]
use crate::identity::ACTOR_TOKEN;
use crate::identity::Identified;
use crate::mcp::elicit::KEY;
use crate::mcp::list::{self, CachePolicy};
use crate::mcp::method::{self, Form};
use crate::mcp::reply::POLICY_DENIED;
use crate::mcp::{
    self, Era, INTERNAL_ERROR, INVALID_PARAMS, Inspection, Limits, ListKind, METHOD_NOT_FOUND, Message, ResultKind, Route, Sender,
};
use crate::{json, passage};

/// Names the decision to the server.
const DECISION_ID: &str = "x-cedarpost-decision-id";
/// What a gateway may copy into what it says besides, where it sends no headers.
const COPIED: [&str; 3] = ["authorization", "dpop", ACTOR];
const ACTOR: &str = "cedarpost-actor-token";
/// What stands before a result where it is read as an answer.
const BEGIN: &str = r#"{"jsonrpc":"2.0","id":0,"result":"#;
/// The deepest a result is looked into.
const DEEPEST: u32 = json::MAX_DEPTH;

/// Answers agentgateway.
pub(in crate::grpc) struct ExtMcp(pub(in crate::grpc) Arc<Judge>);

#[tonic::async_trait]
impl Service for ExtMcp {
    async fn check_request(&self, request: Request<McpRequest>) -> Result<Response<McpRequestResult>, Status> {
        let by = asker(&request);
        let asked = request.into_inner();
        let ours = |header: &McpHeader| header.key.to_ascii_lowercase().starts_with("x-cedarpost-") && header.key != DECISION_ID;
        let forged: Vec<String> = asked.headers.iter().filter(|header| ours(header)).map(|header| header.key.clone()).collect();
        let (result, decision) = match self.request(asked, &by).await {
            Ok((Yes { decision, .. }, None)) => (mcp_request_result::Result::Pass(Pass {}), decision),
            Ok((Yes { decision, .. }, Some(params))) => (mcp_request_result::Result::Mutated(params.to_vec()), decision),
            Err(no) => (mcp_request_result::Result::Error(error(&no)), None),
        };
        let id = decision.map(|id| id.to_string());
        let mut remove = forged;
        if id.is_none() {
            remove.push(DECISION_ID.to_owned());
        }
        let set = id.iter().map(|id| McpHeader { key: DECISION_ID.to_owned(), value: id.clone().into_bytes() }).collect();
        let metadata = id.map(|id| Struct { fields: [("cedarpost_decision_id".to_owned(), text(id))].into() });
        let header_mutation = Some(HeaderMutation { set, remove });
        Ok(Response::new(McpRequestResult { result: Some(result), header_mutation, metadata }))
    }

    async fn check_response(&self, request: Request<McpResponse>) -> Result<Response<McpResponseResult>, Status> {
        let by = asker(&request);
        let result = match self.response(request.into_inner(), &by).await {
            Ok(None) => mcp_response_result::Result::Pass(Pass {}),
            Ok(Some(mutated)) => mcp_response_result::Result::Mutated(mutated.to_vec()),
            Err(no) => mcp_response_result::Result::Error(error(&no)),
        };
        Ok(Response::new(McpResponseResult { result: Some(result) }))
    }
}

impl ExtMcp {
    /// Whether a message goes on, and with which parameters in place of its own.
    async fn request(&self, asked: McpRequest, by: &str) -> Result<(Yes, Option<Bytes>), No> {
        let McpRequest { service_names, method, metadata_context, mcp_request, headers } = asked;
        let besides = metadata_context.as_ref();
        let lists = matches!(route(&method, |_| false), Route::Filter(_) | Route::Pass);
        let (backend, kept) = self.backend(&service_names, besides, lists)?;
        let (sent, who) = self.who(backend, &headers, besides).await?;
        let bad = |malformed| No::malformed(StatusCode::BAD_REQUEST, &malformed);
        let message = wire::message(&method, mcp_request.as_deref(), &self.0.limits).map_err(bad)?;
        let session = if message.era() == Era::Modern { None } else { kept.session(&sent, &who.caller)? };
        let source = Source { transport: Transport::Http, ip: None, session: session.map(Arc::from) };
        let asked = Asked { backend, kept, caller: &who.caller, source, by, sees_answers: true };
        let yes = self.0.judge(&asked, &message).await?;
        let params = yes.state.as_deref().map(|state| self.with_state(&message, state)).transpose().map_err(bad)?;
        Ok((yes, params))
    }

    /// The parameters with this state in place of the one that the client brings back.
    fn with_state(&self, message: &Message, state: &str) -> Result<Bytes, mcp::Malformed> {
        let reopened = mcp::state::reopened(message, state)?;
        // What is read once more is ours to the state, which was as long when it was sealed.
        let limits = Limits { max_bytes: reopened.len(), ..self.0.limits };
        Ok(Message::parse(&reopened, &limits)?.params().cloned().unwrap_or_default())
    }

    /// What goes to the client in the place of a result; `None` for the result itself.
    async fn response(&self, asked: McpResponse, by: &str) -> Result<Option<Bytes>, No> {
        let McpResponse { service_names, method, metadata_context, mcp_response } = asked;
        let besides = metadata_context.as_ref();
        let is_extension = |name: &str| self.0.gateways.backends.iter().any(|backend| backend.extensions.contains(name));
        let route = route(&method, is_extension);
        if route == Route::Refuse {
            return Err(No::error(StatusCode::OK, None, METHOD_NOT_FOUND, "Nobody knows what this result is of."));
        }
        let result = wire::object(&mcp_response, DEEPEST).map_err(|_| unreadable())?;
        let body = Bytes::from(format!("{BEGIN}{result}}}"));
        let about = About { services: &service_names, besides, by };
        let changed = match route {
            Route::Filter(kind) => self.list(&about, kind, is_modern(result), &body).await?,
            Route::Check(_) | Route::Pass | Route::Refuse => self.answer(&about, &body).await?,
        };
        let end = changed.len().saturating_sub(1);
        Ok((changed != body).then(|| changed.slice(BEGIN.len().min(end)..end)))
    }

    /// A list as its caller gets it.
    async fn list(&self, about: &About<'_>, kind: ListKind, is_modern: bool, body: &Bytes) -> Result<Bytes, No> {
        let (backend, kept) = self.backend(about.services, about.besides, false)?;
        let (_, who) = self.who(backend, &[], about.besides).await?;
        if kind == ListKind::Tools {
            self.know(backend, body).await.map_err(|_| unreadable())?;
        }
        let source = Source { transport: Transport::Http, ip: None, session: None };
        let view = self.0.gate.view(&who.caller, &backend.name, &source);
        let cache = if is_modern { self.private() } else { CachePolicy::Untouched };
        passage::filter(&view, kind, cache, body, |task| kept.tasks.owns(&who.caller, task)).map_err(|_| unreadable())
    }

    /// Any other answer: what it brings that is its caller's becomes so, and what it asks them for is decided. Most bring nothing, and
    /// then it does not matter whose they are.
    async fn answer(&self, about: &About<'_>, body: &Bytes) -> Result<Bytes, No> {
        let limits = Limits { max_bytes: body.len(), max_depth: DEEPEST };
        let message = Message::parse_from_server(body, &limits).map_err(|_| unreadable())?;
        let inspection = Inspection::of(&message).map_err(|_| unreadable())?;
        let task = if let ResultKind::Task(task) = &inspection.kind { Some(task) } else { None };
        if !inspection.state && task.is_none() && inspection.input_requests.is_empty() {
            return Ok(body.clone());
        }
        let (backend, kept) = self.backend(about.services, about.besides, false)?;
        let (_, who) = self.who(backend, &[], about.besides).await?;
        let source = Source { transport: Transport::Http, ip: None, session: None };
        let asked = Asked { backend, kept, caller: &who.caller, source, by: about.by, sees_answers: true };
        for request in &inspection.input_requests {
            // The name of our own question is ours alone.
            let action = request.method.action().filter(|_| &*request.key != KEY).ok_or_else(unreadable)?;
            let call = asked.call(&message, action, Target::Server);
            self.0.checked(&asked, &call).await.map_err(|refusal| No::undue(&refusal))?;
        }
        if let Some(task) = task {
            kept.tasks.note(task, &who.caller);
        }
        let sealed = mcp::state::sealed(&message, |state| kept.states.seal(state, &who.caller)).map_err(|_| unreadable())?;
        Ok(sealed.unwrap_or_else(|| body.clone()))
    }

    /// Tools that policies do not know yet are looked up at the server itself: who asks here may say anything.
    async fn know(&self, backend: &Backend, body: &Bytes) -> Result<(), list::Unreadable> {
        let page = list::tools(body)?;
        if page.tools.iter().any(|tool| !self.0.gate.knows_tool(&backend.name, &tool.name)) {
            (backend.refresh)().await;
        }
        Ok(())
    }

    fn private(&self) -> CachePolicy {
        CachePolicy::Private { max_ttl_ms: u64::try_from(self.0.gateways.list_ttl.as_millis()).unwrap_or(u64::MAX) }
    }

    /// The server that the gateway names: by what it says besides, else by its own name for it.
    fn backend(&self, services: &[String], besides: Option<&Struct>, several: bool) -> Result<(&Backend, &Kept), No> {
        let told = said(besides, SERVER);
        let named = match (told, services) {
            (Some(told), _) => Some(told),
            (None, [one]) => Some(one.as_str()),
            (None, []) => None,
            // Where nothing is decided by the server, one of them stands for all.
            (None, [first, ..]) if several => Some(first.as_str()),
            (None, _) => {
                let sentence = "What is put together from several servers cannot be looked at; it is withheld.";
                return Err(No::error(StatusCode::OK, None, INTERNAL_ERROR, sentence));
            }
        };
        self.0.backend(named, None)
    }

    /// Who is behind a message, and the headers that it came with.
    async fn who(
        &self,
        backend: &Backend,
        headers: &[McpHeader],
        besides: Option<&Struct>,
    ) -> Result<(HeaderMap, Identified), No> {
        let unclear = || No::invalid(StatusCode::BAD_REQUEST, "The headers are not such that everybody reads them alike.");
        let sent: HeaderMap =
            wire::headers(headers.iter().map(|header| (header.key.as_str(), header.value.as_slice()))).map_err(|_| unclear())?;
        let copied = || COPIED.into_iter().filter_map(|name| said(besides, name).map(|value| (name, value.as_bytes())));
        let mut all = sent.clone();
        for (name, value) in &wire::headers(copied()).map_err(|_| unclear())? {
            // A copy that says something else than the header stands beside it, and two that differ are believed neither.
            if !sent.get_all(name).iter().any(|sent| sent == value) {
                all.append(name, value.clone());
            }
        }
        let pseudo = |name: &str| headers.iter().find(|header| header.key == name).map(|header| header.value.as_slice());
        let method = pseudo(":method").and_then(|method| Method::from_bytes(method).ok()).unwrap_or(Method::POST);
        let path = pseudo(":path").and_then(|path| std::str::from_utf8(path).ok()).unwrap_or("/");
        let uri: Uri = path.parse().map_err(|_| unclear())?;
        let came = Came { headers: &all, method: &method, uri: &uri, ip: None, principal: None };
        self.0.identify(backend, &came).await.map(|who| (sent, who))
    }
}

/// Which result it is.
struct About<'a> {
    services: &'a [String],
    besides: Option<&'a Struct>,
    /// The gateway, as the connection shows it.
    by: &'a str,
}

fn unreadable() -> No {
    No::later(None, "The server's answer could not be read safely and is withheld.")
}

/// What becomes of a method, whichever form it has.
fn route(name: &str, is_extension: impl Fn(&str) -> bool) -> Route {
    let method = method::Method::of(name);
    let form = method.row().map_or(Form::Request, |row| row.form);
    method.route(form, Sender::Client, is_extension)
}

/// Whether a result is of the revision that has cache hints.
fn is_modern(result: &str) -> bool {
    let hints = ["resultType", "ttlMs", "cacheScope"];
    json::members(result).is_ok_and(|members| members.iter().any(|member| hints.contains(&&*member.key)))
}

/// A text that the gateway says besides.
fn said<'a>(besides: Option<&'a Struct>, name: &str) -> Option<&'a str> {
    match besides?.fields.get(name)?.kind.as_ref()? {
        ValueKind::StringValue(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}

fn text(text: String) -> prost_types::Value {
    prost_types::Value { kind: Some(ValueKind::StringValue(text)) }
}

fn error(no: &No) -> AuthorizationError {
    let code = match no.code {
        POLICY_DENIED => Code::PermissionDenied,
        INVALID_PARAMS if no.rest.data.is_some() => Code::PermissionDenied,
        INTERNAL_ERROR => Code::Unknown,
        _ if matches!(no.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => Code::PermissionDenied,
        _ => Code::Invalid,
    };
    AuthorizationError { code: code.into(), reason: no.sentence.clone(), mcp_error: Some(no.error_json()) }
}

#[cfg(test)]
mod tests {
    //! What is copied by the configuration of a gateway has the name that identity knows.

    #[test]
    fn the_name_of_an_actors_token_is_the_one_that_identity_knows() {
        assert_eq!(super::ACTOR, super::ACTOR_TOKEN.as_str());
    }
}
