//! Conditions that are joined against each of them alone: random ones, many at a time, some of which fail or are no truth values.

use std::collections::BTreeSet;

use cedar_policy::{Context, PolicySet, Request};

use super::super::answer::Answer;
use super::super::tests::{Random, condition, contexts, uid, world};
use super::{Arc, Authorizer, Clause, Conditions, Effect, Found, Part, Shelf};
use crate::policy::fixture::policy;

/// How many lists of conditions are tried.
const LISTS: usize = 300;

fn clauses(text: &str) -> Vec<Clause> {
    policy(&format!("permit (principal, action, resource) {text};")).to_pst().unwrap().body().clauses().clone()
}

fn request(principal: &str, context: Context) -> Request {
    Request::new(uid(principal), uid("Action::\"a\""), uid("T::\"t1\""), context, None).unwrap()
}

/// The numbers of the conditions that hold, and of those that fail with what they fail.
type Shown = (BTreeSet<usize>, BTreeSet<(usize, String)>);

#[test]
fn conditions_come_to_the_same_joined_and_each_alone() {
    let (entities, contexts, mut random) = (world(), contexts(), Random(0x9e37_79b9_7f4a_7c15));
    let mut text = |deep: u32| {
        let clause = |random: &mut Random| {
            let keyword = ["when", "unless"][random.below(2)];
            // Mostly false, as conditions of forbids are.
            let quiet = random.below(8) > 0;
            let condition = condition(random, deep);
            if quiet && keyword == "when" {
                format!("when {{ {condition} && false }}")
            } else {
                format!("{keyword} {{ {condition} }}")
            }
        };
        (0..1 + random.below(2)).map(|_| clause(&mut random)).collect::<Vec<_>>().join(" ")
    };
    let pool: Vec<String> = (0..200).map(|number| text(number % 3)).collect();
    let pool: Vec<(Vec<Clause>, cedar_policy::Policy)> =
        pool.iter().map(|text| (clauses(text), policy(&format!("permit (principal, action, resource) {text};")))).collect();
    let [mut quiet, mut held, mut failed] = [0; 3];
    for list in 0..LISTS {
        let chosen: Vec<usize> =
            (0..1 + random.below(if list % 10 == 0 { 150 } else { 20 })).map(|_| random.below(pool.len())).collect();
        let effect = [Effect::Permit, Effect::Forbid][list % 2];
        let conditions = Conditions::new(effect, chosen.iter().map(|number| pool[*number].0.clone()).collect()).unwrap();
        for context in &contexts {
            let request = request("U::\"u1\"", context.clone());
            let mut expected = Shown::default();
            for (number, chosen) in chosen.iter().enumerate() {
                let alone = PolicySet::from_policies([pool[*chosen].1.clone()]).unwrap();
                let answer = Answer::from(&Authorizer::new().is_authorized(&request, &alone, &entities));
                expected.0.extend(answer.allow.then_some(number));
                expected.1.extend(answer.failed.into_iter().map(|(_, failure)| (number, failure)));
            }
            let truth = conditions.evaluate(&request, &entities).unwrap();
            let (holds, fails) = (truth.holds.len(), truth.fails.len());
            let seen: Shown = (truth.holds.into_iter().collect(), truth.fails.into_iter().collect());
            assert_eq!((seen.0.len(), seen.1.len()), (holds, fails), "one is named twice");
            assert_eq!(seen, expected, "{conditions:?}");
            let count = if fails > 0 {
                &mut failed
            } else if holds > 0 {
                &mut held
            } else {
                &mut quiet
            };
            *count += 1;
        }
    }
    assert!([quiet, held, failed].iter().all(|count| *count > 40), "{quiet} {held} {failed}");
}

#[test]
fn forbids_are_joined_up_to_a_bound_and_permits_when_there_are_many() {
    let make = |effect, count: usize| {
        let each = (0..count).map(|number| clauses(&format!("when {{ context.n == {number} }}"))).collect();
        let parts = Conditions::new(effect, each).unwrap().parts;
        parts.iter().map(|part| if let Part::Several(each) = part { each.num_of_policies() } else { 1 }).collect::<Vec<_>>()
    };
    assert_eq!(make(Effect::Forbid, 1), [1]);
    assert_eq!(make(Effect::Forbid, 25), [25]);
    assert_eq!(make(Effect::Forbid, 130), [64, 64, 2]);
    assert_eq!(make(Effect::Permit, 7), [1; 7]);
    assert_eq!(make(Effect::Permit, 17), [4, 4, 4, 4, 1]);
}

#[test]
fn conditions_are_shared_when_they_are_the_same_and_found_out_once_unless_they_speak_of_the_principal() {
    let (entities, shelf, context) = (world(), Shelf::default(), contexts().remove(0));
    let of = |effect, text: &str| shelf.conditions(effect, vec![clauses(text)]).unwrap();
    let one = of(Effect::Forbid, "when { context.n == 0 }");
    assert!(Arc::ptr_eq(&one, &of(Effect::Forbid, "when { context.n == 0 }")));
    for (effect, other) in [
        (Effect::Permit, "when { context.n == 0 }"),
        (Effect::Forbid, "unless { context.n == 0 }"),
        (Effect::Forbid, "when { context.n == 1 }"),
        (Effect::Forbid, "when { context.n == 0 } when { true }"),
    ] {
        assert!(!Arc::ptr_eq(&one, &of(effect, other)), "{other}");
    }
    let requests = ["U::\"u1\"", "A::\"u1\""].map(|principal| request(principal, context.clone()));
    for (text, once) in [
        ("when { context.n == 0 && resource.x == 1 }", true),
        ("when { context.n == 0 && principal in R::\"r0\" }", false),
        ("when { context.n == 0 && [principal].contains(resource) }", false),
        ("when { if context.flag then (principal has limit) else false }", false),
        ("when { context.n == 0 && context.actor == U::\"principal\" }", true),
    ] {
        let (conditions, mut found, mut asked) = (of(Effect::Permit, text), Found::default(), 0);
        for request in &requests {
            let ask = || {
                asked += 1;
                Some(request)
            };
            let truth = found.truth(&conditions, ask, &entities).unwrap();
            let alone = conditions.evaluate(request, &entities).unwrap();
            assert_eq!((&truth.holds, &truth.fails), (&alone.holds, &alone.fails), "{text}");
        }
        assert_eq!(asked, if once { 1 } else { 2 }, "{text}");
    }
}
