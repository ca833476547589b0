//! Tests of finding records: whatever the index looks like, what is found is what looking at every record finds.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::audit::archive::fixtures::{Dice, Log};
use crate::audit::archive::{Archive, BUNDLE, Layout, LocalVolume};
use crate::audit::time::TimeText;
use crate::domain::Timestamp;

/// How many records a segment has in these tests.
const LENGTH: u64 = 1024;
/// Three segments and a part of a fourth.
const ARCHIVED: usize = 3 * 1024 + 3 * BUNDLE;
/// What is archived, and a part of a bundle.
const SIZE: usize = ARCHIVED + 200;
/// Where the time of random records begins.
const BEGIN: i64 = 1_795_000_000_000_000;

fn one_of<const N: usize>(dice: &mut Dice, words: [&'static str; N]) -> &'static str {
    words[usize::try_from(dice.roll(N as u64)).unwrap()]
}

fn id(number: u64) -> DecisionId {
    DecisionId::from_parts(1_795_000_000_000, number.into())
}

/// A string, or what stands for one that was cut.
fn text(dice: &mut Dice, text: String) -> Value {
    if dice.roll(12) == 0 { json!({"cut": text, "len": 4000, "sha256": "00"}) } else { Value::String(text) }
}

fn policies(dice: &mut Dice) -> Vec<Value> {
    let count = dice.roll(3);
    let policy = |dice: &mut Dice| {
        let name = format!("p{}", dice.roll(12));
        json!({"file": "shop.cedar", "id": text(dice, name), "line": 1})
    };
    (0..count).map(|_| policy(dice)).collect()
}

fn decision(dice: &mut Dice, seq: u64) -> Value {
    let verdict = one_of(dice, ["allow", "allow", "allow", "deny", "require_approval"]);
    let judgement = json!({"cause": "permitted", "faults": policies(dice), "policies": policies(dice), "principal": "agent"});
    let mut leaf = json!({"t": "decision", "decision": verdict, "id": id(seq).to_string(), "judgements": [judgement]});
    let target = one_of(dice, ["tool", "resource", "prompt", "method"]);
    for (member, count) in [("agent", 5), ("actor", 40), ("server", 3), ("action", 4), (target, 30), ("session", 500)] {
        let number = dice.roll(count);
        // Some have no actor, and some no session.
        if member == target || !["actor", "session"].contains(&member) || !number.is_multiple_of(4) {
            leaf[member] = text(dice, format!("{member:.2}{number}"));
        }
    }
    leaf
}

/// The outcome of a decision; some are wrong about which.
fn outcome(dice: &mut Dice, seq: u64) -> Value {
    let back = if dice.roll(8) == 0 { dice.roll(seq) + 1 } else { dice.roll(50).min(seq - 1) + 1 };
    let of = if dice.roll(200) == 0 { seq + 1 } else { seq - back };
    let of_id = if dice.roll(50) == 0 { id(seq) } else { id(of) };
    let word = one_of(dice, ["ok", "ok", "tool_error", "failed"]);
    json!({"t": "outcome", "outcome": word, "id": of_id.to_string(), "decision_seq": of})
}

fn random_leaf(dice: &mut Dice, seq: u64, time: &str) -> Vec<u8> {
    let mut leaf = match dice.roll(40) {
        0 => return b"damaged".to_vec(),
        1 => json!({"t": "policy", "change": "accepted", "policies": 7}),
        2 => json!({"t": one_of(dice, ["start", "stop", "recovery"])}),
        3..20 if seq > 0 => outcome(dice, seq),
        _ => decision(dice, seq),
    };
    leaf["seq"] = seq.into();
    leaf["ts"] = time.into();
    leaf.to_string().into_bytes()
}

fn random_log() -> Log {
    let (mut dice, mut time, mut texts) = (Dice(4), BEGIN, TimeText::default());
    let leaves = (0..SIZE as u64).map(|seq| {
        // The clock is set back now and then.
        time += if dice.roll(500) == 0 { -30_000_000 } else { i64::try_from(dice.roll(1_000_000)).unwrap() };
        random_leaf(&mut dice, seq, texts.of(Timestamp::from_micros(time)))
    });
    Log { leaves: leaves.collect(), kept: vec![None; SIZE] }
}

/// The state of the archive that is searched.
#[derive(Clone, Copy)]
enum State {
    Whole,
    /// The first segment is missing, the second damaged.
    WithoutIndex,
    /// Pruned into the first segment.
    Pruned,
}

/// An archive that is searched, and what is known of the records in it.
struct Searched {
    reader: ArchiveReader,
    log: Log,
    looks: Vec<Look>,
    _directory: TempDir,
}

impl Searched {
    fn new(state: State) -> Self {
        let (log, directory) = (random_log(), tempfile::tempdir().unwrap());
        let layout = Layout::new(directory.path()).with_segments_of(LENGTH);
        let mut archive = Archive::open_on(layout.clone(), Arc::new(LocalVolume)).unwrap();
        log.archive(&mut archive, ARCHIVED);
        while archive.tend_index().unwrap() {}
        match state {
            State::Whole => {}
            State::WithoutIndex => {
                fs::remove_file(layout.segment(0)).unwrap();
                fs::write(layout.segment(LENGTH), b"damaged").unwrap();
            }
            State::Pruned => _ = archive.prune(600).unwrap(),
        }
        let looks = log.leaves.iter().map(|leaf| Look::at(leaf)).collect();
        Self { reader: archive.reader(), log, looks, _directory: directory }
    }

    /// The numbers of the records that a query finds.
    fn find(&self, query: &Query) -> Vec<u64> {
        let rest = |from: u64| {
            let leaves = (from..).zip(self.log.leaves.iter().skip(usize::try_from(from).unwrap()));
            leaves.map(|(seq, leaf)| Ok::<_, Failure>(StoredRecord::new(seq, leaf)))
        };
        let found = query.run(&self.reader, rest).unwrap();
        found.iter().for_each(|record| assert_eq!(record.leaf(), self.log.leaves[usize::try_from(record.seq()).unwrap()]));
        found.iter().map(StoredRecord::seq).collect()
    }

    /// The numbers of the records that it should find.
    fn expected(&self, query: &Query) -> Vec<u64> {
        let pruned = self.reader.pruned();
        let mut found: Vec<u64> = (0..SIZE as u64).filter(|seq| is_wanted(query, &self.looks, pruned, *seq)).collect();
        if query.order == Order::NewestFirst {
            found.reverse();
        }
        found.truncate(query.limit);
        found
    }
}

#[derive(Debug, PartialEq)]
struct Failure;

impl From<ArchiveError> for Failure {
    fn from(error: ArchiveError) -> Self {
        panic!("{error}")
    }
}

/// What one sees of a record by looking at it, and at nothing else.
struct Look {
    values: BTreeMap<Facet, Vec<String>>,
    time: Option<i64>,
    id: Option<String>,
    of: Option<u64>,
}

impl Look {
    fn at(leaf: &[u8]) -> Self {
        let leaf: Value = serde_json::from_slice(leaf).unwrap_or_default();
        let time = leaf["ts"].as_str().map(|time| time.parse::<jiff::Timestamp>().unwrap().as_microsecond());
        let values = Facet::ALL.map(|facet| (facet, values(&leaf, facet)));
        Self { values: values.into(), time, id: leaf["id"].as_str().map(str::to_owned), of: leaf["decision_seq"].as_u64() }
    }

    fn is(&self, kind: &str) -> bool {
        self.values[&Facet::Kind] == [kind]
    }
}

fn values(leaf: &Value, facet: Facet) -> Vec<String> {
    let text = |value: &Value| value.as_str().or_else(|| value["cut"].as_str()).map(str::to_owned);
    let members: &[&str] = match facet {
        Facet::Kind => &["t"],
        Facet::Verdict => &["decision", "outcome", "change"],
        Facet::Agent => &["agent"],
        Facet::Actor => &["actor"],
        Facet::Server => &["server"],
        Facet::Action => &["action"],
        Facet::Target => &["tool", "resource", "prompt", "method"],
        Facet::Session => &["session"],
        Facet::Policy => {
            let lists = leaf["judgements"].as_array().into_iter().flatten().flat_map(|one| [&one["policies"], &one["faults"]]);
            return lists.flat_map(|list| list.as_array().unwrap()).filter_map(|policy| text(&policy["id"])).collect();
        }
    };
    members.iter().find_map(|member| text(&leaf[*member])).into_iter().collect()
}

/// Whether a record is to be found, told by a look at it and at its decision.
fn is_wanted(query: &Query, looks: &[Look], pruned: u64, seq: u64) -> bool {
    let own = &looks[usize::try_from(seq).unwrap()];
    let decision = own.of.filter(|of| *of < seq && *of >= pruned).map(|of| &looks[usize::try_from(of).unwrap()]);
    let decision = decision.filter(|decision| decision.is("decision") && decision.id == own.id);
    let fits = |(facet, pattern): &(Facet, Pattern)| {
        let about = if facet.is_own() { own } else { decision.unwrap_or(own) };
        about.values[facet].iter().any(|value| match pattern {
            Pattern::Exact(text) => text == value,
            Pattern::Prefix(text) => value.starts_with(text),
        })
    };
    seq >= query.from.max(pruned)
        && seq < query.to
        && query.id.is_none_or(|id| own.id == Some(id.to_string()))
        && query.since.is_none_or(|since| own.time.is_some_and(|time| time >= since.as_micros()))
        && query.until.is_none_or(|until| own.time.is_some_and(|time| time < until.as_micros()))
        && (query.outcomes || !own.is("outcome"))
        && query.terms.iter().all(fits)
}

fn term() -> impl Strategy<Value = (Facet, Pattern)> {
    let facet = proptest::sample::select(&Facet::ALL[..]);
    facet.prop_flat_map(|facet| {
        let values: Vec<String> = match facet {
            Facet::Kind => ["decision", "outcome", "policy", "st*", "nothing"].map(String::from).to_vec(),
            Facet::Verdict => ["allow", "deny", "failed", "accepted", "re*", "*"].map(String::from).to_vec(),
            Facet::Policy => (0..13).map(|number| format!("p{number}")).chain(["p1*".into(), "*".into()]).collect(),
            Facet::Target => ["to3", "re2*", "pr*", "me11"].map(String::from).to_vec(),
            Facet::Agent | Facet::Actor | Facet::Server | Facet::Action | Facet::Session => {
                let name = format!("{facet:?}").to_lowercase();
                (0..5).map(|number| format!("{name:.2}{number}")).chain([format!("{name:.2}1*")]).collect()
            }
        };
        proptest::sample::select(values).prop_map(move |value| (facet, Pattern::from(value.as_str())))
    })
}

fn query() -> impl Strategy<Value = Query> {
    let time = || {
        proptest::option::weighted(0.2, 0..SIZE as i64).prop_map(|at| at.map(|at| Timestamp::from_micros(BEGIN + at * 500_000)))
    };
    let size = SIZE as u64;
    let place = move |usual: u64| prop_oneof![3 => Just(usual), 1 => 0..size + 100];
    let limit = prop_oneof![Just(1_usize), Just(10), Just(100), Just(usize::MAX), Just(0)];
    let order = prop_oneof![Just(Order::NewestFirst), Just(Order::OldestFirst)];
    let id = proptest::option::weighted(0.1, 0..size).prop_map(|number| number.map(id));
    let terms = proptest::collection::vec(term(), 0..4);
    (terms, id, time(), time(), place(0), place(u64::MAX), any::<bool>(), order, limit).prop_map(
        |(terms, id, since, until, from, to, outcomes, order, limit)| Query {
            terms,
            id,
            since,
            until,
            from,
            to,
            outcomes,
            order,
            limit,
        },
    )
}

/// Searches an archive in a state for many things.
fn assert_finds_what_is_wanted(state: State, cases: u32) {
    let (searched, hits) = (Searched::new(state), Cell::new(0));
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(cases) });
    let outcome = runner.run(&query(), |query| {
        let found = searched.find(&query);
        hits.set(hits.get() + u32::from(!found.is_empty()));
        prop_assert_eq!(found, searched.expected(&query));
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(hits.get() > cases / 8, "{} of {cases} found something", hits.get());
}

#[test]
fn what_is_found_is_what_looking_at_every_record_finds() {
    assert_finds_what_is_wanted(State::Whole, 128);
}

#[test]
fn the_same_is_found_without_an_index() {
    assert_finds_what_is_wanted(State::WithoutIndex, 32);
}

#[test]
fn nothing_is_found_of_what_was_pruned_nor_by_it() {
    assert_finds_what_is_wanted(State::Pruned, 64);
}

#[test]
fn the_outcome_of_a_call_is_found_by_who_asked_for_what() {
    let searched = Searched::new(State::Whole);
    let terms = vec![(Facet::Agent, "ag*".into()), (Facet::Verdict, "ok".into())];
    let query = Query { terms, limit: usize::MAX, ..Query::default() };
    let found = searched.find(&query);
    // Of each stretch, and from one to the other.
    let of = |seq: &u64| searched.looks[usize::try_from(*seq).unwrap()].of.unwrap();
    assert!(found.iter().any(|seq| *seq >= ARCHIVED as u64 && of(seq) >= ARCHIVED as u64));
    assert!(found.iter().any(|seq| *seq >= ARCHIVED as u64 && of(seq) < ARCHIVED as u64));
    assert!(found.iter().any(|seq| (LENGTH..2 * LENGTH).contains(seq) && of(seq) < LENGTH));
    assert_eq!(found, searched.expected(&query));
    assert!(searched.find(&Query { outcomes: false, ..query }).is_empty());
}

#[test]
fn a_search_goes_on_where_the_one_before_ended() {
    let searched = Searched::new(State::Whole);
    for order in [Order::NewestFirst, Order::OldestFirst] {
        let whole = Query { terms: vec![(Facet::Policy, "p3".into())], order, limit: usize::MAX, ..Query::default() };
        let (mut query, mut pages) = (Query { limit: 70, ..whole.clone() }, Vec::new());
        loop {
            let page = searched.find(&query);
            let Some(last) = page.last() else { break };
            match order {
                Order::NewestFirst => query.to = *last,
                Order::OldestFirst => query.from = last + 1,
            }
            pages.extend(page);
        }
        assert_eq!(pages, searched.find(&whole));
    }
}

#[test]
fn damage_is_told_where_it_may_hide_what_is_looked_for() {
    let (dir, log) = (tempfile::tempdir().unwrap(), Log::of(2 * BUNDLE));
    let mut archive = Archive::open(dir.path()).unwrap();
    log.archive(&mut archive, 2 * BUNDLE);
    let path = archive.reader().layout().tiles().join("tile/entries/001");
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
    let run = |query: &Query| query.run::<ArchiveError, _>(&archive.reader(), |_| std::iter::empty());
    let query = Query { terms: vec![(Facet::Agent, "ann".into())], ..Query::default() };
    assert!(run(&query).unwrap_err().to_string().starts_with("record 511 in"));
    assert!(run(&Query { to: 511, ..query }).unwrap().is_empty());
}

#[test]
fn what_the_caller_cannot_read_is_the_callers_error() {
    let dir = tempfile::tempdir().unwrap();
    let reader = ArchiveReader::open(dir.path()).unwrap();
    let refusal = Query::default().run(&reader, |_| std::iter::once(Err(Failure))).unwrap_err();
    assert_eq!(refusal, Failure);
}
