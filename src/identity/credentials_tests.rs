//! What headers show, and what they only pretend to.

use http::HeaderValue;

use super::*;

fn shown(headers: &[(&'static str, &'static str)]) -> Result<String, &'static str> {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .fold(HeaderMap::new(), |mut all, (name, value)| {
            all.append(name, value);
            all
        });
    let uri: Uri = "/shop?access_token=stolen".parse().unwrap();
    let credentials = Credentials::of_request(&headers, &Method::POST, &uri).map_err(|flaw| flaw.word())?;
    let token = credentials.token.map_or_else(String::new, |(scheme, token)| format!("{scheme:?} {token}"));
    let proof = credentials.proof.map_or_else(String::new, |proof| format!(" proof {} {}", proof.jwt, proof.path));
    let actor = credentials.actor.map_or_else(String::new, |actor| format!(" actor {actor}"));
    Ok(token + &proof + &actor)
}

#[test]
fn a_token_is_one_header_of_a_known_scheme() {
    for (headers, expected) in [
        (&[][..], Ok("")),
        (&[("authorization", "Bearer a.b.c")], Ok("Bearer a.b.c")),
        (&[("authorization", "bearer  a.b.c ")], Ok("Bearer a.b.c")),
        (&[("authorization", "DPoP x"), ("dpop", "p")], Ok("Dpop x proof p /shop")),
        (&[("authorization", "Bearer x"), ("cedarpost-actor-token", "y")], Ok("Bearer x actor y")),
        (&[("authorization", "Basic dTpw")], Err("not_accepted")),
        (&[("authorization", "Bearer")], Err("malformed")),
        (&[("authorization", "Bearer ")], Err("malformed")),
        (&[("authorization", "Bearer a b")], Err("malformed")),
        (&[("authorization", "Bearer a,b")], Err("malformed")),
        (&[("authorization", "Bearer a"), ("authorization", "Bearer b")], Err("malformed")),
        (&[("cedarpost-actor-token", "a"), ("cedarpost-actor-token", "b")], Err("malformed")),
        (&[("dpop", "a"), ("dpop", "b")], Err("proof")),
        (&[("x-forwarded-user", "root"), ("x-user", "root"), ("remote-user", "root")], Ok("")),
    ] {
        assert_eq!(shown(headers).as_deref(), expected.as_deref(), "{headers:?}");
    }
}
