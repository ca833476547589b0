//! The small store against a full copy: same decision, same determining policies, same failures, for random entities and policies.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use cedar_policy::{Authorizer, Context, Entities, Entity, EntityUid, PolicySet, Request, Response, RestrictedExpression};

use super::super::entities::Addition;
use super::super::literals::looked_up;
use super::super::syntax::Syntax;
use super::{Asked, MAX_REACH, Reaches};
use crate::domain::{Memberships, Standing};

/// Random worlds that are tried, with as many policies each.
const WORLDS: u64 = 300;
const POLICIES: u64 = 6;

/// A small generator of random numbers (xorshift): the same worlds in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }

    /// One of five of a type; the last two are often in no store.
    fn uid(&mut self, types: &[&str]) -> EntityUid {
        uid(&format!("{}::\"{}\"", self.pick(types), self.below(5)))
    }

    fn entity(&mut self, uid: EntityUid, parents: &[&str]) -> Addition {
        let reference = |random: &mut Self| RestrictedExpression::new_entity_uid(random.uid(&["U", "R", "T"]));
        let mut attributes = HashMap::from([("n".to_owned(), RestrictedExpression::new_long(self.below(3).cast_signed()))]);
        if self.below(4) > 0 {
            attributes.insert("boss".to_owned(), reference(self));
        }
        if self.below(3) > 0 {
            let inner = RestrictedExpression::new_record([("of".to_owned(), reference(self))]).unwrap();
            attributes.insert("home".to_owned(), RestrictedExpression::new_record([("at".to_owned(), inner)]).unwrap());
        }
        attributes.insert("friends".to_owned(), RestrictedExpression::new_set([reference(self), reference(self)]));
        let mut tags = HashMap::new();
        if self.below(2) > 0 {
            tags.insert("t".to_owned(), reference(self));
        }
        // A parent has a greater number, so that there are no circles.
        let number: u64 = uid.id().unescaped().parse().unwrap();
        let above: Vec<u64> = (number + 1..5).filter(|_| self.below(3) == 0).collect();
        let parents: Vec<EntityUid> =
            above.iter().flat_map(|id| parents.iter().map(move |ty| self::uid(&format!("{ty}::\"{id}\"")))).collect();
        Addition { entity: Entity::new_with_tags(uid, attributes, parents.clone(), tags).unwrap(), parents }
    }

    /// The entities of files, and what one request adds to them.
    fn world(&mut self) -> (Vec<Entity>, Vec<Addition>) {
        let kinds = [("U", &["R", "T"][..]), ("R", &["R", "U"]), ("T", &["T", "R"]), ("A", &["A"])];
        let (mut all, mut additions) = (Vec::new(), Vec::new());
        for (ty, parents) in kinds {
            for number in 0..5 {
                let uid = uid(&format!("{ty}::\"{number}\""));
                let known = number < 3 || self.below(2) == 0;
                if known {
                    all.push(self.entity(uid.clone(), parents).entity);
                }
                if !known && self.below(2) == 0 {
                    additions.push(self.entity(uid, parents));
                } else if known && ty == "U" && number == 0 {
                    additions.extend(all.last().map(|known| self.promoted(known)));
                }
            }
        }
        (all, additions)
    }

    /// An entity of the store with more parents than it has there.
    fn promoted(&mut self, known: &Entity) -> Addition {
        let tags = known.tags().map(|(name, value)| (name.to_owned(), value.unwrap().to_string().parse().unwrap()));
        let tags: Vec<(String, RestrictedExpression)> = tags.collect();
        let (uid, attributes, mut parents) = known.clone().into_inner();
        parents.extend((0..2).map(|_| self::uid(&format!("{}::\"{}\"", self.pick(&["R", "T"]), 1 + self.below(4)))));
        let entity = Entity::new_with_tags(uid, attributes, parents.clone(), tags).unwrap();
        Addition { entity, parents: parents.into_iter().collect() }
    }

    /// An expression that comes to an entity.
    fn one(&mut self, depth: u32) -> String {
        let start = ["principal", "resource", "action", "context.by", "U::\"0\"", "U::\"3\"", "R::\"1\"", "T::\"4\""];
        if depth == 0 {
            return self.pick(&start).to_owned();
        }
        let next = self.one(depth - 1);
        match self.below(6) {
            0 | 1 => format!("{next}.boss"),
            2 => format!("{next}.home.at.of"),
            3 => format!("{next}.getTag(\"t\")"),
            4 => format!("(if {} then {next} else {})", self.condition(depth - 1), self.one(depth - 1)),
            _ => format!("{{\"a\": {{\"b\": {next}}}}}.a.b"),
        }
    }

    fn condition(&mut self, depth: u32) -> String {
        let (one, other) = (self.one(depth), self.one(depth / 2));
        match self.below(9) {
            0 => format!("{one}.n > 0"),
            1 => format!("{one} in {other}"),
            2 => format!("{one} in [{other}, R::\"{}\"]", self.below(5)),
            3 => format!("{one} == {other}"),
            4 => format!("{one} has home.at.of"),
            5 => format!("{one}.friends.contains({other})"),
            6 => format!("{one} is U in {other}"),
            7 => format!("{one}.hasTag(\"t\")"),
            _ if depth > 0 => format!("({} && !({}))", self.condition(depth - 1), self.condition(depth - 1)),
            _ => "true".to_owned(),
        }
    }

    fn policy(&mut self) -> String {
        let scope = |random: &mut Self, variable: &str, types: &[&str]| match random.below(4) {
            0 => format!("{variable} in {}", random.uid(types)),
            1 => format!("{variable} == {}", random.uid(types)),
            _ => variable.to_owned(),
        };
        let (effect, kind) = (self.pick(&["permit", "forbid"]), self.pick(&["when", "unless"]));
        let (principal, resource) = (scope(self, "principal", &["U", "R"]), scope(self, "resource", &["T", "R"]));
        format!("{effect} ({principal}, action, {resource}) {kind} {{ {} }};\n", self.condition(2))
    }
}

fn uid(text: &str) -> EntityUid {
    text.parse().unwrap()
}

/// The decision, the policies that determined it, and the failures, in words.
fn answer(response: &Response) -> (bool, BTreeSet<String>, BTreeSet<String>) {
    let diagnostics = response.diagnostics();
    (
        response.decision() == cedar_policy::Decision::Allow,
        diagnostics.reason().map(ToString::to_string).collect(),
        diagnostics.errors().map(ToString::to_string).collect(),
    )
}

fn asked(principal: &EntityUid, by: &EntityUid, action: &EntityUid, resource: &EntityUid, standing: Standing) -> Asked {
    let named = vec![principal.clone(), by.clone()];
    Asked { named, standing: Some(Arc::new(standing)), vouched: false, action: action.clone(), resource: resource.clone() }
}

#[test]
fn a_small_store_answers_as_a_full_copy_does() {
    let mut random = Random(0x5eed_cafe);
    let (mut allowed, mut failed, mut smaller) = (0, 0, 0);
    for world in 0..WORLDS {
        let (all, additions) = random.world();
        let Ok(all) = Entities::from_entities(all, None) else { continue };
        let copied = additions.iter().map(|addition| addition.entity.clone()).collect::<Vec<_>>();
        let copy = all.clone().upsert_entities(copied, None);
        let policies: PolicySet = (0..POLICIES).map(|_| random.policy()).collect::<String>().parse().unwrap();
        let named: Vec<EntityUid> = looked_up(&Syntax::of_set(&policies)).unwrap().into_iter().collect();
        let (principal, by) = (random.uid(&["U"]), random.uid(&["U"]));
        let (action, resource) = (random.uid(&["A"]), random.uid(&["T"]));
        let asked = asked(&principal, &by, &action, &resource, Standing::default());
        let small = Reaches::default().of(asked, &Arc::new(all), &named, || Ok(additions));
        let (Ok(copy), Ok(small)) = (copy, small) else { continue };
        let context = Context::from_pairs([("by".to_owned(), RestrictedExpression::new_entity_uid(by))]).unwrap();
        let request = Request::new(principal, action, resource, context, None).unwrap();
        let decide = |entities: &Entities| answer(&Authorizer::new().is_authorized(&request, &policies, entities));
        let (expected, found) = (decide(&copy), decide(&small));
        assert_eq!(found, expected, "world {world}: {request}\n{policies}");
        allowed += u32::from(expected.0);
        failed += u32::from(!expected.2.is_empty());
        smaller += u32::from(small.iter().count() < copy.iter().count());
    }
    // The worlds are worth trying only if all of this happens often.
    assert!(allowed > 5 && failed > 50 && smaller > 50, "{allowed} {failed} {smaller}");
}

/// `count` users, each of which has the next one for a boss.
fn chain(count: usize) -> Arc<Entities> {
    let user = |number: usize| {
        let boss = RestrictedExpression::new_entity_uid(uid(&format!("U::\"{}\"", number + 1)));
        Entity::new(uid(&format!("U::\"{number}\"")), HashMap::from([("boss".to_owned(), boss)]), HashSet::new()).unwrap()
    };
    Arc::new(Entities::from_entities((0..count).map(user), None).unwrap())
}

fn new_resource() -> Vec<Addition> {
    vec![Addition { entity: Entity::new_no_attrs(uid("T::\"new\""), HashSet::new()), parents: Vec::new() }]
}

#[test]
fn who_reaches_too_much_gets_a_full_copy() {
    for (count, expected) in [(10, 11), (MAX_REACH - 1, MAX_REACH), (MAX_REACH + 500, MAX_REACH + 501)] {
        let all = chain(count);
        let asked = asked(&uid("U::\"0\""), &uid("U::\"1\""), &uid("A::\"a\""), &uid("T::\"new\""), Standing::default());
        let reach = Reaches::default().of(asked, &all, &[], || Ok(new_resource())).unwrap();
        assert_eq!(reach.iter().count(), expected);
    }
}

#[test]
fn a_store_is_made_once_and_only_so_many_are_kept() {
    let (all, reaches) = (chain(200), Reaches::default());
    let ask = |resource: u32, role: &str, made: &mut u32| {
        let brings = Memberships { roles: [Arc::from(role)].into(), teams: BTreeSet::new() };
        let standing = Standing { agent: brings, actor: Memberships::default() };
        let asked = asked(&uid("U::\"0\""), &uid("U::\"none\""), &uid("A::\"a\""), &uid(&format!("T::\"{resource}\"")), standing);
        let additions = || {
            *made += 1;
            Ok(Vec::new())
        };
        reaches.of(asked, &all, &[], additions).unwrap();
    };
    let mut made = 0;
    for (resource, role) in [(1, "a"), (1, "a"), (2, "a"), (1, "b"), (2, "a")] {
        ask(resource, role, &mut made);
    }
    assert_eq!(made, 3, "one for each resource and standing");
    for resource in 0..100 {
        ask(resource, "c", &mut made);
    }
    let kept: usize = reaches.0.lock().known.values().map(|reach| reach.iter().count()).sum();
    assert!(kept <= super::MAX_KEPT && kept > 200, "{kept}");
}
