//! Who is the same caller as before, and who is not.

use std::collections::HashSet;

use super::*;

fn caller(change: impl Fn(&mut Token)) -> Caller {
    let scopes = BTreeSet::from(["read".into()]);
    let attributes = BTreeMap::from([("level".into(), Attribute::Number(2))]);
    let mut token = Token { issuer: "https://idp".into(), id: Some("1".into()), chain: vec!["a".into()], scopes, attributes };
    change(&mut token);
    Caller::new(AgentId::new("assistant"), Actor::Person(UserId::new("alice"))).with_token(token)
}

#[test]
fn a_new_token_for_the_same_purpose_makes_no_other_caller_and_any_other_token_does() {
    let mut seen = HashSet::from([caller(|_| ())]);
    assert!(!seen.insert(caller(|token| token.id = Some("2".into()))));
    assert!(!seen.insert(caller(|token| token.id = None)));
    let others: [fn(&mut Token); 5] = [
        |token| token.issuer = "https://other".into(),
        |token| token.chain.clear(),
        |token| token.scopes.extend(["write".into()]),
        |token| token.attributes.extend([("level".into(), Attribute::Number(3))]),
        |token| token.attributes.extend([("level".into(), Attribute::Text("2".into()))]),
    ];
    assert!(others.into_iter().all(|change| seen.insert(caller(change))));
    assert!(seen.insert(Caller { token: None, ..caller(|_| ()) }));
}
