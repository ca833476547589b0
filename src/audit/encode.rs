//! Turns a record into the text of its leaf, all but the members that only its place in the log decides.
//!
//! Members stand in ascending order (RFC 8785), so the gaps come as `commit` (in `args` or `result`), `prev`, `seq`, `ts`. Encoding
//! happens in the task that wants to record; the one thread that writes the log only fills the gaps (`draft`).

mod draft;
mod parts;

use crate::domain::{Actor, Target};

use super::json::Json;
use super::private::content::{Committed, Content};
use super::record::{
    AccessAnswer, AccessRecord, ApprovalRecord, ClockRecord, DecisionRecord, EraseRecord, KeyRecord, Kind, Outcome,
    OutcomeRecord, PolicyRecord, PruneRecord, Record, StartRecord, UnidentifiedRecord,
};
use super::time::{TimeText, micros_between};
use draft::{GAPS, Gap, Gaps};
use parts::{
    write_bundle, write_check, write_evidence, write_grant, write_judgement, write_list, write_memberships, write_policy,
    write_problem, write_source, write_ticket,
};

pub(super) use draft::Draft;

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
const LIST: usize = 5 << 9;
/// The same for lists of names from outside.
const NAMES: usize = 1 << 10;
/// The same for lists of pointers, and half of it for each of them.
const POINTERS: usize = 256;

/// Why a record could not be encoded.
#[derive(Debug, thiserror::Error)]
pub(super) enum EncodeError {
    /// The bounds of this file do not hold.
    #[error("a record of {0} bytes is too long")]
    TooLong(usize),
}

impl Draft {
    /// Encodes a record.
    pub(super) fn of(record: &Record<'_>) -> Result<Self, EncodeError> {
        let mut leaf = Leaf::new();
        match record {
            Record::Decision(decision) => leaf.decision(decision),
            Record::Outcome(outcome) => leaf.outcome(outcome),
            Record::Policy(policy) => leaf.policy(policy),
            Record::Start(start) => leaf.start(start),
            Record::Stop => leaf.stop(),
            Record::Recovery(recovery) => leaf.recovery(recovery.found),
            Record::Clock(clock) => leaf.clock(clock),
            Record::Key(key) => leaf.key(key),
            Record::Prune(prune) => leaf.prune(prune),
            Record::Erase(erase) => leaf.erase(erase),
            Record::Approval(approval) => leaf.approval(approval),
            Record::Unidentified(turned_away) => leaf.unidentified(turned_away),
            Record::Access(access) => leaf.access(access),
        }
        leaf.json.close_object();
        let text = leaf.json.into_text();
        if text.len() + GAPS > MAX_LEAF {
            return Err(EncodeError::TooLong(text.len()));
        }
        Ok(Self::new(record.kind(), text, leaf.gaps, leaf.content))
    }
}

/// A leaf being written. INVARIANT: members are written in ascending order, `prev`, `seq` and `ts` among them.
struct Leaf {
    json: Json,
    gaps: Gaps,
    content: Option<Committed>,
}

impl Leaf {
    fn new() -> Self {
        let mut json = Json::with_capacity(1024);
        json.open_object();
        Self { json, gaps: Gaps::default(), content: None }
    }

    fn decision(&mut self, record: &DecisionRecord<'_>) {
        let DecisionRecord { id, caller, call, via, args, catalog, decision, approval, check, micros } = record;
        let json = &mut self.json;
        json.key("action").plain_text(call.action);
        if let Actor::Person(user) = &caller.actor {
            json.key("actor").string(user.as_str(), NAME);
            write_memberships(json, "actor_brings", &caller.standing.actor);
        }
        json.key("agent").string(caller.agent.as_str(), NAME);
        write_memberships(json, "agent_brings", &caller.standing.agent);
        if let Some(approval) = approval {
            write_ticket(json, approval);
        }
        self.content("args", *args);
        let json = &mut self.json;
        if let Some(digest) = catalog {
            json.key("catalog").plain_text(digest);
        }
        if let Some(check) = check {
            write_check(json, check);
        }
        json.key("decision").plain_text(decision.name());
        json.key("id").plain_text(id);
        if let Some(evidence) = &caller.evidence {
            write_evidence(json, evidence);
        }
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
    }

    fn access(&mut self, record: &AccessRecord<'_>) {
        let AccessRecord { id, by, asked, args, answer, trace, micros } = record;
        if let Some(action) = asked.action {
            self.json.key("action").string(action, NAME);
        }
        self.content("args", *args);
        let json = &mut self.json;
        json.key("by").string(by, FILE);
        match answer {
            AccessAnswer::Decided(decision) => json.key("decision").plain_text(decision.name()),
            AccessAnswer::Fixed { allow, .. } => json.key("decision").plain_text(if *allow { "allow" } else { "deny" }),
            AccessAnswer::Found { found, .. } => json.key("found").integer(*found),
        }
        json.key("id").plain_text(id);
        let policy = match answer {
            AccessAnswer::Decided(decision) => {
                json.key("judgements").open_list();
                decision.grounds().judgements.iter().for_each(|judgement| write_judgement(json, judgement));
                json.close_list();
                Some(decision.grounds().snapshot)
            }
            AccessAnswer::Fixed { .. } => None,
            AccessAnswer::Found { snapshot, .. } => Some(*snapshot),
        };
        if let Some(policy) = policy {
            json.key("policy").plain_text(policy);
        }
        self.prev();
        let json = &mut self.json;
        if let Some(resource) = asked.resource {
            json.key("resource").string(resource, NAME);
        }
        json.key("resource_type").string(asked.resource_type, NAME);
        if let AccessAnswer::Found { what, .. } = answer {
            json.key("search").plain_text(what);
        }
        self.seq();
        let json = &mut self.json;
        if let Some(subject) = asked.subject {
            json.key("subject").string(subject, NAME);
        }
        json.key("subject_type").string(asked.subject_type, NAME);
        json.key("t").plain_text(Kind::Access.name());
        if let Some(trace) = trace {
            json.key("trace").plain_text(trace);
        }
        if let AccessAnswer::Found { tried, .. } = answer {
            json.key("tried").integer(*tried);
        }
        self.ts();
        self.json.key("us").integer(*micros);
        self.json.key("v").integer(VERSION);
        if let AccessAnswer::Fixed { why, .. } = answer {
            self.json.key("why").string(why, SENTENCE);
        }
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
        self.content("result", record.result.as_ref());
        self.seq();
        self.json.key("t").plain_text(Kind::Outcome.name());
        self.ts();
        self.json.key("us").integer(record.micros);
        self.json.key("v").integer(VERSION);
    }

    /// What a leaf says of a text: that it is committed to, how long it is, whether it is kept, and what of it is masked.
    fn content(&mut self, key: &'static str, content: Option<&Content>) {
        let Some(content) = content else { return };
        let json = &mut self.json;
        json.key(key).open_object();
        match content {
            Content::Committed(committed) => {
                json.key("alg").plain_text("hmac-sha256");
                json.key("commit").plain_text("");
                self.gaps.push(Gap::Commit, json.len() - 1);
                json.key("kept").boolean(committed.kept.is_some());
                json.key("len").integer(committed.len);
                if !committed.masked.is_empty() {
                    json.key("masked");
                    write_list(json, POINTERS, &committed.masked, |json, pointer| json.entry().string(pointer, POINTERS / 2));
                }
                self.content = Some(committed.clone());
            }
            Content::Withheld(why) => {
                json.key("kept").boolean(false);
                json.key("withheld").plain_text(why.word());
            }
        }
        self.json.close_object();
    }

    fn policy(&mut self, record: &PolicyRecord<'_>) {
        match record {
            PolicyRecord::Accepted { fingerprint, policies, bundle } => {
                if let Some(bundle) = bundle {
                    write_bundle(&mut self.json, bundle);
                }
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

    fn key(&mut self, record: &KeyRecord<'_>) {
        self.json.key("from").integer(record.from);
        self.json.key("new").string(record.new, NAME);
        self.json.key("old").string(record.old, NAME);
        self.prev();
        self.ending(Kind::Key);
    }

    fn prune(&mut self, record: &PruneRecord) {
        if let Some(before) = record.before {
            self.json.key("before").plain_text(TimeText::default().of(before));
        }
        self.json.key("min_index").integer(record.min_index);
        self.prev();
        self.ending(Kind::Prune);
    }

    fn erase(&mut self, record: &EraseRecord<'_>) {
        self.json.key("erased_seq").integer(record.seq);
        self.prev();
        if let Some(reason) = record.reason {
            self.json.key("reason").string(reason, NAME);
        }
        self.ending(Kind::Erase);
    }

    fn approval(&mut self, record: &ApprovalRecord<'_>) {
        if let Some(ruler) = record.ruler {
            self.json.key("channel").plain_text(ruler.channel.name());
        }
        if let Some(comment) = record.comment {
            self.json.key("comment").string(comment, NAME);
        }
        self.json.key("decision_seq").integer(record.seq);
        if let Some(grant) = &record.grant {
            write_grant(&mut self.json, grant);
        }
        self.json.key("id").plain_text(record.decision);
        if let Some(evidence) = record.ruler.and_then(|ruler| ruler.evidence) {
            write_evidence(&mut self.json, evidence);
        }
        if !record.policies.is_empty() {
            self.json.key("policies");
            write_list(&mut self.json, LIST, record.policies, |json, policy| write_policy(json, policy, None));
        }
        self.prev();
        if let Some(ruler) = record.ruler {
            self.json.key("ruler").string(ruler.person.as_str(), NAME);
        }
        self.json.key("ruling").plain_text(record.ruling.name());
        self.seq();
        self.json.key("t").plain_text(Kind::Approval.name());
        self.json.key("ticket").plain_text(record.ticket);
        self.ts();
        self.json.key("v").integer(VERSION);
    }

    fn unidentified(&mut self, record: &UnidentifiedRecord<'_>) {
        self.json.key("count").integer(record.count);
        self.json.key("listener").string(record.listener, FILE);
        self.prev();
        self.json.key("reason").string(record.reason, FILE);
        self.seq();
        self.json.key("server").string(record.server.as_str(), NAME);
        self.json.key("since").plain_text(TimeText::default().of(record.since));
        write_source(&mut self.json, record.source);
        self.json.key("t").plain_text(Kind::Unidentified.name());
        self.ts();
        self.json.key("v").integer(VERSION);
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
        self.gaps.push(Gap::Prev, self.json.len() - 1);
    }

    fn seq(&mut self) {
        self.json.key("seq");
        self.gaps.push(Gap::Seq, self.json.len());
    }

    fn ts(&mut self) {
        self.json.key("ts").plain_text("");
        self.gaps.push(Gap::Time, self.json.len() - 1);
    }
}

#[cfg(test)]
#[path = "encode_tests.rs"]
mod tests;
