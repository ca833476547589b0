//! Turns a record into the text of its leaf, all but the three members that only its place in the log decides.
//!
//! Members stand in ascending order (RFC 8785), so the three gaps come as `prev`, `seq`, `ts`. Encoding happens in the task that
//! wants to record; the one thread that writes the log only fills the gaps.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

use crate::domain::{Actor, Judgement, Memberships, PolicyFault, PolicyRef, Source, Target};

use super::chain::LeafHash;
use super::json::{Json, encode_base64};
use super::record::{ClockRecord, DecisionRecord, Kind, Outcome, OutcomeRecord, PolicyRecord, Problem, Record, StartRecord};
use super::time::micros_between;

/// The longest leaf, in bytes.
pub const MAX_LEAF: usize = 32 << 10;

/// The version of the leaf's form. Readers pass over members they do not know, so a further member does not change it.
const VERSION: u64 = 1;
/// How long names from outside may be in escaped form, in bytes, before they are cut.
const NAME: usize = 1 << 10;
/// The same for sentences about what went wrong.
const SENTENCE: usize = 512;
/// The same for names from the operator's own files.
const FILE: usize = 256;
/// How long a list may be, in bytes, before the rest is only counted. One entry more may stand after it.
const LIST: usize = 3 << 10;
/// The same for lists of names from outside.
const NAMES: usize = 1 << 10;

/// Why a record could not be encoded.
#[derive(Debug, thiserror::Error)]
pub(super) enum EncodeError {
    /// The operating system gave no random bytes for a salt.
    #[error("the system gave no random bytes")]
    Random,
    /// The bounds of this file do not hold.
    #[error("a record of {0} bytes is too long")]
    TooLong(usize),
}

/// A leaf with gaps.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) kind: Kind,
    text: Vec<u8>,
    /// Where `prev`, `seq` and `ts` go, in ascending order.
    gaps: [usize; 3],
    /// The salt of the commitment to the arguments.
    pub(super) salt: Option<[u8; 32]>,
}

impl Draft {
    /// Encodes a record.
    pub(super) fn of(record: &Record<'_>) -> Result<Self, EncodeError> {
        let mut leaf = Leaf::new();
        let mut salt = None;
        match record {
            Record::Decision(decision) => salt = leaf.decision(decision)?,
            Record::Outcome(outcome) => leaf.outcome(outcome),
            Record::Policy(policy) => leaf.policy(policy),
            Record::Start(start) => leaf.start(start),
            Record::Stop => leaf.stop(),
            Record::Recovery(recovery) => leaf.recovery(recovery.found),
            Record::Clock(clock) => leaf.clock(clock),
        }
        leaf.json.close_object();
        let (text, gaps) = (leaf.json.into_text(), leaf.gaps);
        // The gaps take 44 + 16 + 27 bytes at most.
        if text.len() + 96 > MAX_LEAF {
            return Err(EncodeError::TooLong(text.len()));
        }
        Ok(Self { kind: record.kind(), text, gaps, salt })
    }

    /// The length of the finished leaf at most, in bytes.
    pub(super) fn max_len(&self) -> usize {
        self.text.len() + 96
    }

    /// Appends the finished leaf to `out`.
    pub(super) fn finish(&self, prev: &LeafHash, seq: u64, ts: &str, out: &mut Vec<u8>) {
        let [prev_at, seq_at, ts_at] = self.gaps;
        out.extend_from_slice(self.part(0..prev_at));
        out.extend_from_slice(&encode_base64(prev.as_bytes()));
        out.extend_from_slice(self.part(prev_at..seq_at));
        let mut digits = Json::default();
        digits.integer(seq);
        out.extend_from_slice(&digits.into_text());
        out.extend_from_slice(self.part(seq_at..ts_at));
        out.extend_from_slice(ts.as_bytes());
        out.extend_from_slice(self.part(ts_at..self.text.len()));
    }

    fn part(&self, range: Range<usize>) -> &[u8] {
        self.text.get(range).unwrap_or_default()
    }
}

/// A leaf being written. INVARIANT: members are written in ascending order, `prev`, `seq` and `ts` among them.
struct Leaf {
    json: Json,
    gaps: [usize; 3],
}

impl Leaf {
    fn new() -> Self {
        let mut json = Json::with_capacity(1024);
        json.open_object();
        Self { json, gaps: [0; 3] }
    }

    fn decision(&mut self, record: &DecisionRecord<'_>) -> Result<Option<[u8; 32]>, EncodeError> {
        let DecisionRecord { id, caller, call, via, decision, micros } = record;
        let json = &mut self.json;
        json.key("action").plain_text(call.action);
        if let Actor::Person(user) = &caller.actor {
            json.key("actor").string(user.as_str(), NAME);
            write_memberships(json, "actor_brings", &caller.standing.actor);
        }
        json.key("agent").string(caller.agent.as_str(), NAME);
        write_memberships(json, "agent_brings", &caller.standing.agent);
        let salt = call.arguments.json().map(|arguments| commitment(json, arguments)).transpose()?;
        json.key("decision").plain_text(decision.name());
        json.key("id").plain_text(id);
        json.key("judgements").open_list();
        decision.grounds().judgements.iter().for_each(|judgement| write_judgement(json, judgement));
        json.close_list();
        if let Target::Method(name) = &call.target {
            json.key("method").string(name, NAME);
        }
        json.key("policy").plain_text(decision.grounds().snapshot);
        self.prev();
        let json = &mut self.json;
        if let Target::Prompt(name) = &call.target {
            json.key("prompt").string(name, NAME);
        }
        if let Some(request) = &call.request {
            json.key("request").string(request, NAME);
        }
        if let Target::Resource(uri) = &call.target {
            json.key("resource").string(uri, NAME);
        }
        self.seq();
        let json = &mut self.json;
        json.key("server").string(call.server.as_str(), NAME);
        if let Some(session) = &call.source.session {
            json.key("session").string(session, NAME);
        }
        write_source(json, &call.source);
        json.key("t").plain_text(Kind::Decision.name());
        if let Target::Tool(name) = &call.target {
            json.key("tool").string(name, NAME);
        }
        if let Some(trace) = call.trace {
            json.key("trace").plain_text(trace);
        }
        self.ts();
        let json = &mut self.json;
        if caller.actor == Actor::Unattended {
            json.key("unattended").boolean(true);
        }
        json.key("us").integer(*micros);
        json.key("v").integer(VERSION);
        if let Some(meta_tool) = via {
            json.key("via").string(meta_tool, NAME);
        }
        Ok(salt)
    }

    fn outcome(&mut self, record: &OutcomeRecord) {
        self.json.key("bytes").integer(record.bytes);
        self.json.key("decision_seq").integer(record.seq);
        if let Outcome::Failed(why) = &record.outcome {
            self.json.key("failure").string(why, SENTENCE);
        }
        self.json.key("id").plain_text(record.decision);
        self.json.key("outcome").plain_text(record.outcome.name());
        self.prev();
        self.seq();
        self.json.key("t").plain_text(Kind::Outcome.name());
        self.ts();
        self.json.key("us").integer(record.micros);
        self.json.key("v").integer(VERSION);
    }

    fn policy(&mut self, record: &PolicyRecord<'_>) {
        match record {
            PolicyRecord::Accepted { fingerprint, policies } => {
                self.json.key("change").plain_text("accepted");
                self.json.key("policies").integer(*policies);
                self.json.key("policy").plain_text(fingerprint);
                self.prev();
            }
            PolicyRecord::Refused { in_force, problems } => {
                self.json.key("change").plain_text("refused");
                if let Some(fingerprint) = in_force {
                    self.json.key("policy").plain_text(fingerprint);
                }
                self.prev();
                self.json.key("problems");
                write_list(&mut self.json, 4 * LIST, problems, write_problem);
            }
        }
        self.ending(Kind::Policy);
    }

    fn start(&mut self, record: &StartRecord<'_>) {
        self.json.key("boot").string(record.boot, FILE);
        self.json.key("config").string(record.config, FILE);
        self.json.key("origin").string(record.origin, NAME);
        self.prev();
        self.seq();
        self.json.key("t").plain_text(Kind::Start.name());
        self.ts();
        self.json.key("v").integer(VERSION);
        self.json.key("version").string(record.version, FILE);
    }

    fn stop(&mut self) {
        self.prev();
        self.ending(Kind::Stop);
    }

    fn recovery(&mut self, found: u64) {
        self.json.key("found").integer(found);
        self.prev();
        self.ending(Kind::Recovery);
    }

    fn clock(&mut self, record: &ClockRecord) {
        self.json.key("back_us").integer(micros_between(record.now, record.reached));
        self.prev();
        self.ending(Kind::Clock);
    }

    /// The members that end most kinds.
    fn ending(&mut self, kind: Kind) {
        self.seq();
        self.json.key("t").plain_text(kind.name());
        self.ts();
        self.json.key("v").integer(VERSION);
    }

    fn prev(&mut self) {
        self.json.key("prev").plain_text("");
        self.gaps[0] = self.json.len() - 1;
    }

    fn seq(&mut self) {
        self.json.key("seq");
        self.gaps[1] = self.json.len();
    }

    fn ts(&mut self) {
        self.json.key("ts").plain_text("");
        self.gaps[2] = self.json.len() - 1;
    }
}

/// Commits to the arguments without showing them: HMAC-SHA256 over their bytes, with a fresh salt as the key. Without the salt, which
/// is stored apart and can be erased, nobody can test a guess.
fn commitment(json: &mut Json, arguments: &[u8]) -> Result<[u8; 32], EncodeError> {
    let mut salt = [0; 32];
    SystemRandom::new().fill(&mut salt).map_err(|_| EncodeError::Random)?;
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &salt), arguments);
    let commit = tag.as_ref().try_into().map_err(|_| EncodeError::Random)?;
    json.key("args").open_object();
    json.key("alg").plain_text("hmac-sha256-salted");
    json.key("commit").base64(&commit);
    json.key("len").integer(arguments.len() as u64);
    json.close_object();
    Ok(salt)
}

/// What somebody brought; nothing is written when that is nothing.
fn write_memberships(json: &mut Json, key: &'static str, brings: &Memberships) {
    if brings.is_empty() {
        return;
    }
    let names = |names: &BTreeSet<Arc<str>>| names.iter().cloned().collect::<Vec<_>>();
    json.key(key).open_object();
    for (key, names) in [("roles", names(&brings.roles)), ("teams", names(&brings.teams))] {
        json.key(key);
        write_list(json, NAMES, &names, |json, name| json.entry().string(name, FILE));
    }
    json.close_object();
}

fn write_judgement(json: &mut Json, judgement: &Judgement) {
    use crate::domain::Cause;

    json.open_entry();
    json.key("cause").plain_text(judgement.cause.name());
    match &judgement.cause {
        Cause::NotRepresentable(detail) | Cause::InvalidRequest(detail) => json.key("detail").string(detail, SENTENCE),
        Cause::Permitted
        | Cause::NoPermit
        | Cause::Forbidden
        | Cause::ApprovalMissing
        | Cause::NotEvaluable
        | Cause::UnknownTool
        | Cause::Drifted
        | Cause::UnknownPrincipal => {}
    }
    json.key("faults");
    write_list(json, LIST, &judgement.faults, write_fault);
    json.key("policies");
    write_list(json, LIST, &judgement.policies, |json, policy| write_policy(json, policy, None));
    json.key("principal").plain_text(judgement.principal.name());
    json.close_object();
}

fn write_fault(json: &mut Json, fault: &PolicyFault) {
    write_policy(json, &fault.policy, Some(&fault.message));
}

fn write_policy(json: &mut Json, policy: &PolicyRef, message: Option<&str>) {
    json.open_entry();
    json.key("file").string(&policy.file, FILE);
    json.key("id").string(&policy.id, FILE);
    json.key("line").integer(u64::from(policy.line));
    if let Some(message) = message {
        json.key("message").string(message, SENTENCE);
    }
    json.close_object();
}

fn write_problem(json: &mut Json, problem: &Problem<'_>) {
    json.open_entry();
    json.key("column").integer(problem.column);
    json.key("file").string(problem.file, FILE);
    json.key("line").integer(problem.line);
    json.key("message").string(problem.message, SENTENCE);
    json.close_object();
}

fn write_source(json: &mut Json, source: &Source) {
    json.key("source").open_object();
    if let Some(ip) = source.ip {
        json.key("ip").plain_text(ip);
    }
    json.key("transport").plain_text(source.transport.name());
    json.close_object();
}

/// Writes a list, the part of it that begins within `limit` bytes; how many entries more there are, and the SHA-256 over their
/// JSON texts, stands as the last entry (`more`).
fn write_list<T>(json: &mut Json, limit: usize, entries: &[T], write: impl Fn(&mut Json, &T)) {
    json.open_list();
    let start = json.len();
    let mut rest = entries.iter();
    while json.len() - start <= limit {
        let Some(entry) = rest.next() else { break };
        write(json, entry);
    }
    let more = rest.len() as u64;
    if more > 0 {
        let mut hidden = Json::default();
        rest.for_each(|entry| write(&mut hidden, entry));
        let digest = ring::digest::digest(&ring::digest::SHA256, &hidden.into_text());
        json.open_entry();
        json.key("more").integer(more);
        json.key("sha256").plain_text(super::json::Hex(digest.as_ref()));
        json.close_object();
    }
    json.close_list();
}

#[cfg(test)]
#[path = "encode_tests.rs"]
mod tests;
