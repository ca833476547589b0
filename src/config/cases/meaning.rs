//! The meaning of a case: names become domain types, and what contradicts itself or is left open is a problem.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::level::{Level, Said, Value};
use super::{Case, Expected, Question, TestPrincipal, json, token};
use crate::config::report::{Origin, Place, Problem};
use crate::domain::{
    Action, Arguments, Memberships, Principal, ServerName, Source, Target, Timestamp, Token, Transport, nearest,
};

/// When a case happens that does not say when: a Monday at noon.
const NOON: &str = "2026-01-05T12:00:00Z";
const ANSWERS: [&str; 3] = ["allow", "deny", "require_approval"];
/// What a case asks about: each of these excludes the others.
const SUBJECTS: [&str; 3] = ["tool", "resource", "prompt"];
/// What belongs to the question whether something may be done, and not to the one what is seen.
const OF_DECISIONS: [&str; 11] =
    ["tool", "resource", "prompt", "action", "method", "input", "input_json", "expect", "grounds", "cause", "decided_by"];

/// The case that a level describes; `None` after noting what is wrong.
pub(super) fn case(name: String, place: Place, level: &Level, problems: &mut Vec<Problem>) -> Option<Case> {
    let mut meaning = Meaning { level, origin: Origin::File(place), problems };
    let callers = meaning.callers();
    let token = meaning.token();
    let server = meaning.server();
    let at = meaning.at();
    let timezone = meaning.timezone();
    let source = meaning.source();
    let question = meaning.question();
    let ((agent, actor), (at, timezone)) = (callers?, (at?, timezone?));
    Some(Case { name, place, agent, actor, token: token?, server: server?, at, timezone, source: source?, question: question? })
}

struct Meaning<'a> {
    level: &'a Level,
    origin: Origin,
    problems: &'a mut Vec<Problem>,
}

impl Meaning<'_> {
    fn text(&self, key: &str) -> Option<(String, Origin)> {
        match self.level.get(key)? {
            Said { value: Value::Text(text), origin } => Some((text.clone(), origin.clone())),
            _ => None,
        }
    }

    fn texts(&self, key: &str) -> Option<(Vec<String>, Origin)> {
        match self.level.get(key)? {
            Said { value: Value::Texts(texts), origin } => Some((texts.clone(), origin.clone())),
            _ => None,
        }
    }

    /// Notes a problem, at a value or else at the whole case.
    fn wrong<T>(&mut self, at: Option<&Origin>, message: impl Into<String>, help: &str) -> Option<T> {
        let problem = Problem::new(at.unwrap_or(&self.origin), message);
        self.problems.push(if help.is_empty() { problem } else { problem.help(help) });
        None
    }

    /// An optional value in another form; the outer `None` after noting that it has none.
    fn optional<T>(&mut self, key: &str, help: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<Option<T>> {
        let Some((text, origin)) = self.text(key) else { return Some(None) };
        match read(&text) {
            Some(value) => Some(Some(value)),
            None => self.wrong(Some(&origin), format!("`{key}` cannot be `{text}`"), help),
        }
    }

    fn callers(&mut self) -> Option<(TestPrincipal, Option<TestPrincipal>)> {
        let agent = match self.principal("agent", ["agent_roles", "agent_teams"]) {
            None => self.wrong(None, "it is not said which agent calls", "write `agent = \"…\"` in the case or in [defaults]"),
            agent => agent,
        };
        let actor = self.principal("actor", ["actor_roles", "actor_teams"]);
        let unattended = self.level.get("unattended").is_some_and(|said| said.value == Value::Flag(true));
        match (&actor, unattended) {
            (Some(_), true) => {
                return self.wrong(None, "`actor` and `unattended` contradict each other", "");
            }
            (None, false) => {
                let help = "write `actor = \"…\"`, or `unattended = true` when nobody stands behind the agent";
                return self.wrong(None, "it is not said for whom the agent acts", help);
            }
            (Some(_), false) | (None, true) => {}
        }
        for key in ["actor_roles", "actor_teams"] {
            if let Some((_, origin)) = self.texts(key).filter(|_| actor.is_none()) {
                return self.wrong(Some(&origin), format!("there are `{key}`, but there is no actor"), "");
            }
        }
        Some((agent?, actor))
    }

    fn principal(&self, key: &str, [roles, teams]: [&str; 2]) -> Option<TestPrincipal> {
        let (id, _) = self.text(key)?;
        let names = |key| self.texts(key).map(|(names, _)| names.into_iter().map(Arc::from).collect());
        let (roles, teams) = (names(roles), names(teams));
        let declares = roles.is_some() || teams.is_some();
        let brings = declares.then(|| Memberships { roles: roles.unwrap_or_default(), teams: teams.unwrap_or_default() });
        Some(TestPrincipal { id, brings })
    }

    /// What a token says with which the caller comes; `Some(None)` when they come without one.
    fn token(&mut self) -> Option<Option<Token>> {
        let issuer = self.text("token.issuer").map(|(issuer, _)| issuer);
        let scopes = self.texts("token.scopes").map(|(scopes, _)| scopes);
        let claims = match self.level.get("token.claims") {
            Some(Said { value: Value::Input(claims), origin }) => Some((claims.text(), origin.clone())),
            _ => None,
        };
        match token::of(issuer.as_deref(), scopes.as_deref(), claims.as_ref().map(|(claims, _)| claims.as_str())) {
            Ok(token) => Some(token),
            Err(message) => self.wrong(claims.as_ref().map(|(_, origin)| origin), message, ""),
        }
    }

    fn server(&mut self) -> Option<ServerName> {
        let help = "a server's name is 1 to 64 of `a-z 0-9 . _ -`";
        match self.optional("server", help, ServerName::new)? {
            None => {
                self.wrong(None, "it is not said which server is asked", "write `server = \"…\"` in the case or in [defaults]")
            }
            server => server,
        }
    }

    fn at(&mut self) -> Option<Timestamp> {
        let help =
            "write an instant such as `2026-03-02T10:30:00Z`, or a local time with its zone: `2026-03-02T11:30[Europe/Vienna]`";
        self.optional("at", help, instant)?.or_else(|| instant(NOON))
    }

    fn timezone(&mut self) -> Option<Option<String>> {
        let help = "write a name of the IANA database such as `Europe/Vienna`";
        self.optional("timezone", help, |name| TimeZone::get(name).is_ok().then(|| name.to_owned()))
    }

    fn source(&mut self) -> Option<Source> {
        let ip =
            self.optional("context.ip", "write an address such as `10.0.0.1` or `2001:db8::1`", |ip| ip.parse::<IpAddr>().ok());
        let transports = [Transport::Http, Transport::Stdio];
        let transport = self.optional("context.transport", "a transport is `http` or `stdio`", |name| {
            transports.into_iter().find(|transport| transport.name() == name)
        });
        let session = self.text("context.session").map(|(id, _)| Arc::from(id));
        Some(Source { transport: transport?.unwrap_or(Transport::Http), ip: ip?, session })
    }

    fn question(&mut self) -> Option<Question> {
        let (visible, hidden) = (self.texts("visible"), self.texts("hidden"));
        if visible.is_none() && hidden.is_none() {
            return self.decide();
        }
        if let Some(key) = OF_DECISIONS.into_iter().find(|key| self.level.get(key).is_some()) {
            let origin = self.level.get(key).map(|said| said.origin.clone());
            let help = "ask what is seen and what may be called in two cases";
            return self.wrong(origin.as_ref(), format!("`{key}` is not about the list of tools"), help);
        }
        let list = |texts: Option<(Vec<String>, Origin)>| texts.map(|(texts, _)| texts);
        Some(Question::List { visible: list(visible), hidden: list(hidden).unwrap_or_default() })
    }

    fn decide(&mut self) -> Option<Question> {
        let expected = self.expected();
        let subject = self.subject();
        let arguments = self.arguments();
        let ((action, target), arguments, expected) = (subject?, arguments?, expected?);
        let shows_arguments = matches!(action, Action::ToolsCall | Action::PromptsGet);
        if arguments != Arguments::ABSENT && !shows_arguments {
            return self.wrong(None, format!("`{action}` has no input"), "only calls of tools and prompts have arguments");
        }
        Some(Question::Decide { action, target, arguments, expected })
    }

    /// What is asked for: a tool, a resource, a prompt, or an action at the server itself.
    fn subject(&mut self) -> Option<(Action, Target)> {
        let named: Vec<&str> = SUBJECTS.into_iter().filter(|key| self.level.get(key).is_some()).collect();
        let help = "the actions are listed in docs/policies.md";
        let action = self.optional("action", help, |name| Action::ALL.into_iter().find(|action| action.name() == name))?;
        let method = self.text("method");
        if let Some((_, origin)) = method.as_ref().filter(|_| action != Some(Action::Extension)) {
            return self.wrong(Some(origin), "`method` goes with `action = \"extension\"`", "");
        }
        let name = |key: &&str| self.text(key).map(|(name, _)| Arc::<str>::from(name)).unwrap_or_default();
        let target = match named.as_slice() {
            [] => method.map_or(Target::Server, |(method, _)| Target::Method(method.into())),
            ["tool"] => Target::Tool(name(&"tool")),
            ["resource"] => Target::Resource(name(&"resource")),
            ["prompt"] => Target::Prompt(name(&"prompt")),
            several => {
                return self.wrong(None, format!("a case is about one thing, not about {}", several.join(" and ")), "");
            }
        };
        match action.or_else(|| usual(&target)) {
            Some(action) if fits(action, &target) => Some((action, target)),
            Some(action) => self.wrong(None, format!("`{action}` is not done to that"), needs(action)),
            None => {
                self.wrong(None, "it is not said what is asked for", "write `tool`, `resource`, `prompt`, `action` or `visible`")
            }
        }
    }

    fn arguments(&mut self) -> Option<Arguments> {
        let (text, origin) = match (self.level.get("input"), self.level.get("input_json")) {
            (None, None) => return Some(Arguments::ABSENT),
            (Some(Said { value: Value::Input(input), origin }), None) => (input.text(), origin.clone()),
            (None, Some(Said { value: Value::Text(text), origin })) => (text.clone(), origin.clone()),
            (_, said) => {
                let origin = said.map(|said| said.origin.clone());
                return self.wrong(origin.as_ref(), "`input` and `input_json` say the same thing twice", "");
            }
        };
        match json::arguments(&text) {
            Ok(arguments) => Some(arguments),
            Err(message) => self.wrong(Some(&origin), message, ""),
        }
    }

    fn expected(&mut self) -> Option<Expected> {
        let answers = "an answer is `allow`, `deny` or `require_approval`";
        let answer = match self.optional("expect", answers, |word| ANSWERS.contains(&word).then(|| word.to_owned())) {
            Some(None) => self.wrong(
                None,
                "it is not said what is expected",
                "write `expect = \"allow\"`, `\"deny\"` or `\"require_approval\"`",
            ),
            Some(answer) => answer,
            None => None,
        };
        let principals = [Principal::Agent, Principal::Actor];
        let decided_by = self.optional("decided_by", "it is the `agent` or the `actor` who decides", |name| {
            principals.into_iter().find(|principal| principal.name() == name)
        });
        let cause = self.cause();
        let mut grounds = self.texts("grounds").map(|(grounds, _)| grounds);
        grounds.iter_mut().for_each(|grounds| grounds.sort());
        Some(Expected { answer: answer?, grounds, cause: cause?, decided_by: decided_by? })
    }

    fn cause(&mut self) -> Option<Option<String>> {
        let known: Vec<&str> = CAUSES.iter().map(|(cause, _)| *cause).collect();
        let near = self.text("cause").and_then(|(cause, _)| nearest(&cause, known.iter().copied()));
        let help = near.map_or_else(|| format!("the causes are {}", known.join(", ")), |near| format!("did you mean `{near}`?"));
        let cause = self.optional("cause", &help, |cause| known.contains(&cause).then(|| cause.to_owned()))?;
        let answer = self.text("expect");
        let fitting = |cause: &str| CAUSES.iter().find(|(known, _)| *known == cause).map(|(_, answer)| *answer);
        if let (Some(cause), Some((answer, _))) = (&cause, answer)
            && let Some(fitting) = fitting(cause).filter(|fitting| *fitting != answer)
        {
            let origin = self.level.get("cause").map(|said| said.origin.clone());
            return self.wrong(origin.as_ref(), format!("the answer to `{cause}` is `{fitting}`, never `{answer}`"), "");
        }
        Some(cause)
    }
}

/// The causes of a judgement as records name them, and the answer that each gives.
const CAUSES: [(&str, &str); 10] = [
    ("permitted", "allow"),
    ("approval_missing", "require_approval"),
    ("no_permit", "deny"),
    ("forbidden", "deny"),
    ("not_evaluable", "deny"),
    ("not_representable", "deny"),
    ("unknown_tool", "deny"),
    ("drifted", "deny"),
    ("unknown_principal", "deny"),
    ("invalid_request", "deny"),
];

/// Reads an instant, or a local time with its zone.
fn instant(text: &str) -> Option<Timestamp> {
    let instant = text.parse::<jiff::Timestamp>().or_else(|_| text.parse::<jiff::Zoned>().map(|zoned| zoned.timestamp()));
    instant.ok().map(|instant| Timestamp::from_micros(instant.as_microsecond()))
}

/// What is done to a thing when the case does not say it.
const fn usual(target: &Target) -> Option<Action> {
    match target {
        Target::Tool(_) => Some(Action::ToolsCall),
        Target::Resource(_) => Some(Action::ResourcesRead),
        Target::Prompt(_) => Some(Action::PromptsGet),
        Target::Server | Target::Method(_) => None,
    }
}

const fn fits(action: Action, target: &Target) -> bool {
    match action {
        Action::ToolsCall => matches!(target, Target::Tool(_)),
        Action::ResourcesRead | Action::ResourcesSubscribe => matches!(target, Target::Resource(_)),
        Action::PromptsGet => matches!(target, Target::Prompt(_)),
        Action::CompletionComplete => matches!(target, Target::Prompt(_) | Target::Resource(_)),
        Action::Extension => matches!(target, Target::Method(_)),
        Action::LoggingSetLevel | Action::SamplingCreateMessage | Action::ElicitationCreate | Action::RootsList => {
            matches!(target, Target::Server)
        }
    }
}

const fn needs(action: Action) -> &'static str {
    match action {
        Action::ToolsCall => "it needs a `tool`",
        Action::ResourcesRead | Action::ResourcesSubscribe => "it needs a `resource`",
        Action::PromptsGet => "it needs a `prompt`",
        Action::CompletionComplete => "it needs a `prompt` or a `resource`",
        Action::Extension => "it needs the `method`",
        Action::LoggingSetLevel | Action::SamplingCreateMessage | Action::ElicitationCreate | Action::RootsList => {
            "it is about the server itself"
        }
    }
}
