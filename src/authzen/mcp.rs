//! Questions about calls of MCP servers: AuthZEN's words to ours, in two dialects.
//!
//! - `agent`: the subject is the program, as policies see it; `properties.actor` is the person it acts for.
//! - `identity` (COAZ): the subject is the person, and `context.agent` the program.
//!
//! Every member that is mapped is known by name. One that is not is refused with its pointer: a fact that is spelled wrong would look
//! to policies like a fact that is missing.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

use super::bad::Bad;
use super::coaz::{self, Kind, Meaning};
use super::read::{Asked, Named, member, members, object, pointer, text};
use crate::domain::{
    Action, Actor, AgentId, Arguments, Attribute, Call, Caller, Memberships, ServerName, Source, Standing, Target, Token,
    TraceId, Transport, UserId, nearest,
};
use crate::json::{self, Member};

/// The type of the subject that is a program.
pub(super) const AGENT: &str = "agent";
/// The longest name, in bytes.
const MAX_NAME: usize = 1024;
/// The longest URI or name of what is asked for, in bytes.
const MAX_TARGET: usize = 8 << 10;

type Read<T> = Result<T, Bad>;

/// An MCP server that is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownServer {
    /// The name policies know it by.
    pub name: ServerName,
    /// The identifier that tokens for it have as their audience (RFC 8707), when we know it.
    pub identifier: Option<String>,
}

/// The MCP servers that are configured.
#[derive(Debug, Clone, Default)]
pub struct Servers(Vec<KnownServer>);

/// What a question about MCP comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meant {
    /// A call, which policies decide about, and the approval that the question shows a reference to.
    Call(Box<Caller>, Box<Call>, Option<Box<str>>),
    /// A list that everybody may ask for.
    List(Option<TraceId>),
    /// Something that is denied whatever policies say.
    Nothing(Option<TraceId>, &'static str),
}

impl Servers {
    /// These.
    #[must_use]
    pub const fn new(servers: Vec<KnownServer>) -> Self {
        Self(servers)
    }

    /// All names.
    pub(super) fn names(&self) -> impl Iterator<Item = &ServerName> {
        self.0.iter().map(|server| &server.name)
    }

    fn named(&self, name: &str) -> Option<&ServerName> {
        self.names().find(|known| known.as_str() == name)
    }

    /// The only one.
    pub(super) fn only(&self) -> Option<&ServerName> {
        match self.0.as_slice() {
            [only] => Some(&only.name),
            _ => None,
        }
    }

    fn identified(&self, id: &str) -> Option<&ServerName> {
        let same = |known: &KnownServer| {
            known.identifier.as_deref().is_some_and(|known| known.trim_end_matches('/') == id.trim_end_matches('/'))
        };
        self.named(id).or_else(|| self.0.iter().find(|known| same(known)).map(|known| &known.name))
    }

    fn hint(&self) -> String {
        let names: Vec<String> = self.names().take(8).map(|name| format!("`{name}`")).collect();
        format!("the servers are {}", names.join(", "))
    }
}

/// Whether a subject of this type is about MCP. These two types are ours: services have theirs in a namespace.
pub(super) fn is_about_mcp(subject_type: &str) -> bool {
    matches!(subject_type, AGENT | coaz::SUBJECT)
}

/// What a question about MCP means.
pub(super) fn read(asked: &Asked<'_>, servers: &Servers) -> Read<Meant> {
    no_properties(asked.action_properties, "/action/properties")?;
    if asked.subject.kind == coaz::SUBJECT { by_coaz(asked, servers) } else { by_agent(asked, servers) }
}

/// The dialect in which the subject is the program.
fn by_agent(asked: &Asked<'_>, servers: &Servers) -> Read<Meant> {
    let caller = agent(&asked.subject)?;
    let resource = Resource::of(&asked.resource)?;
    let context = Circumstances::of(asked.context, &[])?;
    let server = resource.server(servers)?;
    let (server, rest) = match server {
        Some(server) => (server, &*asked.resource.id),
        None if asked.resource.kind == "mcp_server" => {
            let known = servers.identified(&asked.resource.id);
            (known.cloned().ok_or_else(|| Bad::at("/resource/id", "is no server that is configured").hint(servers.hint()))?, "")
        }
        None => within(&asked.resource.id, servers)?,
    };
    let target = target(&asked.resource.kind, rest)?;
    let action = action(&asked.action, &target)?;
    call(caller, server, action, target, &resource, context)
}

/// The dialect of COAZ, in which it is the person.
fn by_coaz(asked: &Asked<'_>, servers: &Servers) -> Read<Meant> {
    no_properties(asked.subject.properties, "/subject/properties")?;
    let Some((_, kind, meaning, more)) = coaz::row(&asked.action) else {
        let trace = Circumstances::of(asked.context, &["level", "protocol_version"])?.trace;
        return Ok(Meant::Nothing(trace, "the method has no default mapping, and what is not mapped is denied"));
    };
    if !kind.fits(&asked.resource.kind) {
        return Err(Bad::at("/resource/type", format!("is not what `{}` is asked about", asked.action)));
    }
    let context = Circumstances::of(asked.context, more)?;
    let caller = person(&asked.subject, context.agent.as_deref())?;
    let resource = Resource::of(&asked.resource)?;
    let server = match resource.server(servers)? {
        Some(server) => server,
        None => {
            let by_id = servers.identified(&asked.resource.id).filter(|_| *kind == Kind::Server);
            // The id of anything else is the server's own word for it, and says nothing of servers, whatever it looks like.
            let known = by_id.or_else(|| servers.only());
            let place = if *kind == Kind::Server { "/resource/id" } else { "/resource/properties/server" };
            known.cloned().ok_or_else(|| Bad::at(place, "does not say which server is meant").hint(servers.hint()))?
        }
    };
    match *meaning {
        Meaning::List => Ok(Meant::List(context.trace)),
        Meaning::Deny(why) => Ok(Meant::Nothing(context.trace, why)),
        Meaning::Decide(action) => {
            let target = target(&asked.resource.kind, &asked.resource.id)?;
            call(caller, server, action, target, &resource, context)
        }
    }
}

fn call(
    caller: Caller,
    server: ServerName,
    action: Action,
    target: Target,
    resource: &Resource<'_>,
    context: Circumstances<'_>,
) -> Read<Meant> {
    let arguments = match (resource.arguments, context.arguments) {
        (Some(_), Some(_)) => {
            let hint = "they are in `/resource/properties/arguments` too";
            return Err(Bad::at("/context/arguments", "are given twice").hint(hint));
        }
        (Some(text), None) => Some((text, "/resource/properties/arguments")),
        (None, Some(text)) => Some((text, "/context/arguments")),
        (None, None) => None,
    };
    let arguments = match arguments {
        None => Arguments::ABSENT,
        Some((text, _)) if matches!(action, Action::ToolsCall | Action::PromptsGet) => {
            Arguments::from_checked_json(Bytes::copy_from_slice(text.as_bytes()))
        }
        Some((_, place)) => return Err(Bad::at(place, "are for tools and prompts only")),
    };
    let Circumstances { source, trace, approval, .. } = context;
    let call = Call { server, action, target, arguments, source, request: None, trace };
    Ok(Meant::Call(Box::new(caller), Box::new(call), approval.map(|id| (*id).into())))
}

/// What is asked for, at a server.
fn target(kind: &str, name: &str) -> Read<Target> {
    let filled = || {
        if name.is_empty() { Err(Bad::at("/resource/id", "names nothing at the server")) } else { Ok(Arc::<str>::from(name)) }
    };
    match kind {
        "tool" => filled().map(Target::Tool),
        "resource" => filled().map(Target::Resource),
        "prompt" => filled().map(Target::Prompt),
        "mcp_server" => Ok(Target::Server),
        _ => {
            let hint =
                "it is one of `tool`, `resource`, `prompt` and `mcp_server`; a service's own types go with a subject of its own";
            Err(Bad::at("/resource/type", "is none that calls of MCP are about").hint(hint))
        }
    }
}

fn action(name: &str, target: &Target) -> Read<Action> {
    let fitting = target.actions();
    fitting.iter().copied().find(|action| action.name() == name).ok_or_else(|| {
        let fitting: Vec<String> = fitting.iter().map(|action| format!("`{action}`")).collect();
        Bad::at("/action/name", "is no action on such a resource").hint(format!("{} would be", fitting.join(", ")))
    })
}

/// An id as `server/name`.
fn within<'i>(id: &'i str, servers: &Servers) -> Read<(ServerName, &'i str)> {
    let split = id.split_once('/').and_then(|(server, name)| Some((servers.named(server)?.clone(), name)));
    split.ok_or_else(|| {
        let hint = format!("write `server/name`, or the server in `properties.server`; {}", servers.hint());
        Bad::at("/resource/id", "does not begin with the name of a server").hint(hint)
    })
}

/// What the properties of a resource say.
#[derive(Debug, Clone, Default)]
struct Resource<'a> {
    server: Option<Cow<'a, str>>,
    /// The text of an object.
    arguments: Option<&'a str>,
}

impl<'a> Resource<'a> {
    fn of(resource: &Named<'a>) -> Read<Self> {
        if resource.id.len() > MAX_TARGET {
            return Err(Bad::at("/resource/id", format!("is longer than {MAX_TARGET} bytes")));
        }
        let at = "/resource/properties";
        let found = known(resource.properties, at, &["server", "arguments"])?;
        let read = || Ok(Self { server: text(&found, "server", MAX_NAME)?, arguments: object(&found, "arguments")? });
        read().map_err(|bad: Bad| bad.within(at))
    }

    /// The server that the properties name.
    fn server(&self, servers: &Servers) -> Read<Option<ServerName>> {
        let Some(name) = &self.server else { return Ok(None) };
        let known = servers.named(name).cloned();
        let unknown = || Bad::at("/resource/properties/server", "is no server that is configured").hint(servers.hint());
        known.map(Some).ok_or_else(unknown)
    }
}

/// What the context says.
struct Circumstances<'a> {
    agent: Option<Cow<'a, str>>,
    arguments: Option<&'a str>,
    source: Source,
    trace: Option<TraceId>,
    /// The id of an approval (Access Request and Approval Profile).
    approval: Option<Cow<'a, str>>,
}

impl<'a> Circumstances<'a> {
    /// `more` are members that may be there and that nobody looks at.
    fn of(context: Option<&'a str>, more: &[&str]) -> Read<Self> {
        let mut names = vec!["agent", "approval", "arguments", "business_justification", "source", "traceparent"];
        names.extend(more);
        let at = "/context";
        let found = known(context, at, &names)?;
        let read = || {
            let trace = text(&found, "traceparent", 256)?;
            let trace = trace.map(|trace| {
                TraceId::from_traceparent(&trace).ok_or_else(|| Bad::at("/traceparent", "is not a W3C traceparent"))
            });
            Ok(Self {
                agent: text(&found, "agent", MAX_NAME)?,
                arguments: object(&found, "arguments")?,
                source: source(object(&found, "source")?)?,
                trace: trace.transpose()?,
                approval: approval(object(&found, "approval")?)?,
            })
        };
        read().map_err(|bad: Bad| bad.within(at))
    }
}

/// The id in a reference to an approval, whose other members are for whoever shows it.
fn approval(approval: Option<&str>) -> Read<Option<Cow<'_, str>>> {
    let Some(approval) = approval else { return Ok(None) };
    let id = text(&members(approval)?, "id", MAX_NAME).map_err(|bad| bad.within("/approval"))?;
    id.map(Some).ok_or_else(|| Bad::at("/approval/id", "is missing"))
}

fn source(source: Option<&str>) -> Read<Source> {
    let found = known(source, "/source", &["ip", "transport", "session"])?;
    let read = || {
        let ip = text(&found, "ip", 64)?;
        let ip = ip.map(|ip| ip.parse().map_err(|_| Bad::at("/ip", "is not an IP address"))).transpose()?;
        let transport = match text(&found, "transport", 16)?.as_deref() {
            None | Some("http") => Transport::Http,
            Some("stdio") => Transport::Stdio,
            Some(_) => return Err(Bad::at("/transport", "is neither `http` nor `stdio`")),
        };
        let session = text(&found, "session", MAX_NAME)?.map(|session| Arc::from(&*session));
        Ok(Source { transport, ip, session })
    };
    read().map_err(|bad: Bad| bad.within("/source"))
}

/// The caller, when the subject is the program.
fn agent(subject: &Named<'_>) -> Read<Caller> {
    let id = name(subject)?;
    let at = "/subject/properties";
    let names = ["actor", "unattended", "roles", "teams", "actor_roles", "actor_teams", "token"];
    let found = known(subject.properties, at, &names)?;
    let read = || {
        let actor = match (text(&found, "actor", MAX_NAME)?, member(&found, "unattended").map(|member| member.value)) {
            (Some(actor), None | Some("false")) => Actor::Person(UserId::new(&*actor)),
            (None, Some("true")) => Actor::Unattended,
            (Some(_), Some(_)) => return Err(Bad::at("/unattended", "cannot be when there is an `actor`")),
            (None, _) => {
                let hint = "give the person's id, or `\"unattended\": true` for nobody";
                return Err(Bad::at("/actor", "is missing: whom does the agent act for?").hint(hint));
            }
        };
        let brings =
            |roles: &str, teams: &str| Ok::<_, Bad>(Memberships { roles: texts(&found, roles)?, teams: texts(&found, teams)? });
        let standing = Standing { agent: brings("roles", "teams")?, actor: brings("actor_roles", "actor_teams")? };
        if actor == Actor::Unattended && !standing.actor.is_empty() {
            return Err(Bad::at("/actor_roles", "belong to nobody: there is no `actor`"));
        }
        // Who asks us for a decision vouches for whom it is about.
        let caller = Caller::new(AgentId::new(id), actor).with_standing(standing).vouched();
        Ok(match object(&found, "token")? {
            Some(token) => caller.with_token(self::token(token)?),
            None => caller,
        })
    };
    read().map_err(|bad: Bad| bad.within(at))
}

/// The caller, when the subject is the person. Who is their own agent acts for nobody.
fn person(subject: &Named<'_>, agent: Option<&str>) -> Read<Caller> {
    let id = name(subject)?;
    let agent = agent.ok_or_else(|| Bad::at("/context/agent", "is missing: which program acts for the subject?"))?;
    let actor = if id == agent { Actor::Unattended } else { Actor::Person(UserId::new(id)) };
    Ok(Caller::new(AgentId::new(agent), actor).vouched())
}

fn name<'s>(subject: &'s Named<'_>) -> Read<&'s str> {
    let fits = subject.id.len() <= MAX_NAME;
    fits.then_some(&*subject.id).ok_or_else(|| Bad::at("/subject/id", format!("is longer than {MAX_NAME} bytes")))
}

fn token(token: &str) -> Read<Token> {
    let found = known(Some(token), "/token", &["issuer", "scopes", "claims"])?;
    let read = || {
        let issuer = text(&found, "issuer", MAX_NAME)?.ok_or_else(|| Bad::at("/issuer", "is missing"))?;
        let claims = object(&found, "claims")?.map(members).transpose()?.unwrap_or_default();
        let claim = |claim: &Member<'_>| {
            let value = attribute(claim.value).ok_or_else(|| {
                Bad::at(
                    format!("/claims{}", pointer(&claim.key)),
                    "is not a string, a list of strings, a whole number or a boolean",
                )
            });
            Ok((Arc::from(&*claim.key), value?))
        };
        Ok(Token {
            issuer: Arc::from(&*issuer),
            id: None,
            chain: Vec::new(),
            scopes: texts(&found, "scopes")?,
            attributes: claims.iter().map(claim).collect::<Read<_>>()?,
        })
    };
    read().map_err(|bad: Bad| bad.within("/token"))
}

fn attribute(value: &str) -> Option<Attribute> {
    match value.bytes().next()? {
        b'"' => json::string(value).ok().map(|text| Attribute::Text(Arc::from(&*text))),
        b't' | b'f' => Some(Attribute::Flag(value == "true")),
        b'[' => {
            let elements = json::elements(value).ok()?;
            let texts = elements.into_iter().map(|text| json::string(text).ok().map(|text| Arc::from(&*text)));
            texts.collect::<Option<_>>().map(Attribute::Texts)
        }
        _ => value.parse().ok().map(Attribute::Number),
    }
}

fn texts<T: FromIterator<Arc<str>>>(found: &[Member<'_>], key: &str) -> Read<T> {
    let Some(member) = member(found, key) else { return Ok(T::from_iter([])) };
    let elements = json::elements(member.value).map_err(|_| Bad::at(pointer(key), "is not a list"))?;
    let each = elements.into_iter().enumerate().map(|(at, element)| {
        let wrong = |problem: &str| Bad::at(format!("{}/{at}", pointer(key)), problem);
        let text = json::string(element).map_err(|_| wrong("is not a string"))?;
        if text.is_empty() || text.len() > MAX_NAME { Err(wrong("is empty or too long")) } else { Ok(Arc::from(&*text)) }
    });
    each.collect()
}

/// The members of an object, which may only have these.
fn known<'a>(text: Option<&'a str>, at: &str, names: &[&str]) -> Read<Vec<Member<'a>>> {
    let found = text.map(members).transpose()?.unwrap_or_default();
    match found.iter().find(|member| !names.contains(&&*member.key)) {
        None => Ok(found),
        Some(stranger) => {
            let short: String = stranger.key.chars().take(64).collect();
            let bad = Bad::at(format!("{at}{}", pointer(&stranger.key)), "is nothing that a question about MCP can say");
            let quoted = || names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            Err(match nearest(&short, names.iter().copied()) {
                Some(near) => bad.hint(format!("did you mean `{near}`?")),
                None if names.is_empty() => bad,
                None => bad.hint(format!("known are {}", quoted())),
            })
        }
    }
}

fn no_properties(properties: Option<&str>, at: &str) -> Read<()> {
    known(properties, at, &[]).map(drop)
}

#[cfg(test)]
#[path = "mcp_tests.rs"]
mod tests;
