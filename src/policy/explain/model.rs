//! An explanation as plain data: what it says, in a form that can be printed, sent and read back.
//!
//! The JSON form is stable: fields are added, never renamed. `docs/explain.md` describes it.

use serde::{Deserialize, Serialize};

/// Why a decision is what it is, and what would change it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The decision: the strictest of the judgements.
    pub decision: Answer,
    /// The time the decision was made for, RFC 3339 in UTC.
    pub at: String,
    /// The fingerprint of the snapshot it was made against.
    pub snapshot: String,
    /// What was asked.
    pub asked: Asked,
    /// One for the agent and, when there is one, one for the actor.
    pub judgements: Vec<Explained>,
}

/// The three answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The call may go on.
    Allow,
    /// The call may go on once a person has approved it.
    RequireApproval,
    /// The call may not go on.
    Deny,
}

/// Who asked for what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The agent's id.
    pub agent: String,
    /// The actor's id; absent when nobody stands behind the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// The server.
    pub server: String,
    /// The action, as a method of the protocol.
    pub action: String,
    /// The tool, URI, prompt or method; absent when the action is about the server itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

/// What policy says about one principal, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explained {
    /// Whom it is about.
    pub principal: Side,
    /// Their id.
    pub id: String,
    /// What they are in (roles, teams), as Cedar writes entities, sorted.
    pub member_of: Vec<String>,
    /// The answer for them alone.
    pub answer: Answer,
    /// The cause, in the word of the records.
    pub cause: String,
    /// The cause in more detail, where the word alone does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The name that is not known, when that is the cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<Unknown>,
    /// The policies that matched, the determining ones first.
    pub matched: Vec<Matched>,
    /// The policies that could not be evaluated.
    pub failed: Vec<Failed>,
    /// The policies that nearly matched, the nearest first.
    pub near: Vec<Near>,
    /// How many more nearly matched than are listed.
    pub near_left_out: usize,
    /// What would change the answer for this principal: any one of these, unless `all_needed`.
    pub changes: Vec<Change>,
    /// Each of the changes is needed, not any one: each is about a policy that stands in the way.
    pub all_needed: bool,
}

/// The two principals of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The program that calls.
    Agent,
    /// The person it acts for.
    Actor,
}

/// A name that nobody declared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unknown {
    /// `tool`, `agent`, `user` or `server`.
    pub kind: String,
    /// The name.
    pub name: String,
    /// What was probably meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nearest: Option<String>,
    /// Names that are known, in order; at most fifty.
    pub known: Vec<String>,
    /// How many are known.
    pub known_count: usize,
}

/// Which policy, and where its author finds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyName {
    /// Its `@id`, or `file#policyN`.
    pub id: String,
    /// The file, relative to its policy directory.
    pub file: String,
    /// The line where it starts, from 1.
    pub line: u32,
    /// Whether it permits or forbids.
    pub effect: Force,
}

/// What a policy does when it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Force {
    /// It permits.
    Permit,
    /// It forbids.
    Forbid,
}

/// A policy that matched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matched {
    /// The policy.
    pub policy: PolicyName,
    /// Whether the answer rests on it. A permit that a forbid beats has matched all the same.
    pub determining: bool,
    /// The parts of its conditions, all as it needs them.
    pub because: Vec<Part>,
    /// Its exceptions (`unless`), none of which is met: each is met when all of its parts are true.
    pub exceptions: Vec<Vec<Part>>,
}

/// A policy that could not be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// The policy.
    pub policy: PolicyName,
    /// What went wrong, in the engine's words.
    pub message: String,
    /// The part of its conditions that failed, when it could be singled out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
}

/// A policy that did not match, but would have with little else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Near {
    /// The policy.
    pub policy: PolicyName,
    /// The part of its scope that does not fit; absent when the whole scope fits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<ScopeMiss>,
    /// The parts of its conditions that are not as it needs them, in the order they are evaluated.
    pub missing: Vec<Part>,
}

/// The part of a scope that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeMiss {
    /// `principal`, `action` or `resource`.
    pub variable: String,
    /// What the policy says: `principal in Mcp::Role::"owner"`.
    pub wanted: String,
    /// What it is instead.
    pub found: String,
    /// What kind of thing is missing.
    pub about: About,
}

/// One part of a condition: what stands between two `&&` of a `when`, or two `||` of an `unless`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The part in its author's words, on one line and without comments.
    pub text: String,
    /// The clause it stands in.
    pub clause: Clause,
    /// The line it begins on, from 1.
    pub line: u32,
    /// What it would have to be: for the policy to match, or, in an exception, for the exception to be met.
    pub wanted: bool,
    /// What it is.
    pub found: Found,
    /// Why it could not be evaluated, in the engine's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What kind of thing it asks about.
    pub about: About,
    /// The values that it read.
    pub read: Vec<Read>,
}

/// The two kinds of conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clause {
    /// `when { … }`
    When,
    /// `unless { … }`
    Unless,
}

/// What a part of a condition is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// It is true.
    True,
    /// It is false.
    False,
    /// It cannot be evaluated, so that the policy fails.
    Error,
    /// It is not reached: an earlier part already decides, and without that this one cannot be evaluated.
    NotReached,
}

/// What kind of thing a policy asks about, so that an author, or a program, knows where to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// A person's approval.
    Approval,
    /// The arguments of the call.
    Argument,
    /// The person behind the agent.
    Person,
    /// The time.
    Time,
    /// Where the call came from, or its session.
    Source,
    /// Which role or team the principal is in.
    Role,
    /// Which principal, or what kind of principal, it is.
    Principal,
    /// Which group or server the tool, resource or prompt is in.
    Group,
    /// Which tool, resource, prompt or server it is, or one of its attributes.
    Resource,
    /// Which action it is.
    Action,
    /// Something else.
    Other,
}

/// A value that a part of a condition read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Read {
    /// Where it stands, such as `context.input.amount`.
    pub expression: String,
    /// What stands there, as Cedar writes it, cut after 200 characters; absent when nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// Something that would change the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The policy that would then match, or no longer match; absent when it is not about a policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyName>,
    /// The ways to bring it about, any one of them; each takes all that it names.
    pub ways: Vec<Vec<Need>>,
}

/// One thing that it takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    /// What kind of thing.
    pub about: About,
    /// It in words, to be read after "it takes".
    pub text: String,
}
