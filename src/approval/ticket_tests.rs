//! What a ticket is bound to, and what is not in that.

use super::*;
use crate::approval::fixture::{bound, caller};
use crate::domain::{Attribute, Memberships, Token};

#[test]
fn the_projection_is_the_published_one() {
    let bound = bound(r#"{"amount":25,"order":"A-1"}"#);
    let expected = r#"{"action":"tools/call","actor":"ann","agent":"bot","arguments":{"amount":25,"order":"A-1"},"server":"shop","target":"refund","v":1}"#;
    assert_eq!(bound.projection(), expected);
    // The digest is what anybody computes over that text.
    let digest = ring::digest::digest(&ring::digest::SHA256, expected.as_bytes());
    assert_eq!(bound.digest().as_bytes(), digest.as_ref());
}

#[test]
fn whatever_is_bound_changes_the_digest() {
    let first = bound("{}");
    let asker = first.asker.clone();
    let others = [
        Bound { asker: Asker { agent: AgentId::new("bot2"), ..asker.clone() }, ..first.clone() },
        Bound { asker: Asker { actor: None, ..asker.clone() }, ..first.clone() },
        Bound { asker: Asker { issuer: Some("https://a".into()), ..asker }, ..first.clone() },
        Bound { server: ServerName::new("other").unwrap(), ..first.clone() },
        Bound { action: Action::PromptsGet, ..first.clone() },
        Bound { target: Target::Tool("refunds".into()), ..first.clone() },
        Bound { via: Some("call_tool".into()), ..first.clone() },
        Bound { arguments: None, ..first.clone() },
        Bound { arguments: Some(Bytes::from_static(b"{\"a\":1}")), ..first.clone() },
        Bound { definition: Some(Fingerprint::new([1; 32])), ..first.clone() },
    ];
    let mut digests: Vec<_> = others.iter().map(Bound::digest).chain([first.digest()]).collect();
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), others.len() + 1);
}

#[test]
fn names_cannot_be_made_to_look_like_other_members() {
    let hostile = "bot\",\"arguments\":{},\"agent\":\"bot";
    let one = Bound { asker: Asker { agent: AgentId::new(hostile), ..bound("{}").asker }, ..bound("{}") };
    let text: serde_json::Value = serde_json::from_str(&one.projection()).unwrap();
    assert_eq!(text["agent"], hostile);
    assert_ne!(one.digest(), bound("{}").digest());
}

#[test]
fn what_a_caller_brings_is_kept_but_not_bound() {
    let brings = Memberships { roles: ["lead".into()].into(), ..Memberships::default() };
    let token = Token {
        issuer: "https://idp".into(),
        id: Some("jti-1".into()),
        chain: vec![],
        scopes: ["shop".into()].into(),
        attributes: [("level".into(), Attribute::Number(3))].into(),
    };
    let rich = caller().with_standing(Standing { actor: brings, ..Standing::default() }).with_token(token);
    let asker = Asker::of(&rich);
    assert_eq!(asker.caller(), rich);
    let poor = Asker { standing: Arc::default(), token: None, vouched: false, ..asker.clone() };
    assert_eq!(Bound { asker: poor, ..bound("{}") }.digest(), Bound { asker, ..bound("{}") }.digest());
}
