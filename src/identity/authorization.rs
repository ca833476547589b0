//! The `Authorization` header (RFC 9110, section 11.6.2), read in one way for everybody who takes tokens: there is exactly one, it names a
//! scheme, in whatever case, and after spaces comes one token of the form that RFC 9110 calls `token68`.
//!
//! What it says is not believed here.

use super::credentials::Scheme;
use super::flaw::Flaw;

/// The bearer token (RFC 6750) in the values of all `Authorization` headers of a request; `None` when it is not exactly one that shows one.
pub fn bearer<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Option<&'a str> {
    let mut values = values.into_iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    match token(std::str::from_utf8(value).ok()?) {
        Ok((Scheme::Bearer, token)) => Some(token),
        Ok((Scheme::Dpop, _)) | Err(_) => None,
    }
}

/// Whether a text can be shown as a token.
#[must_use]
pub fn is_token(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/');
    !body.is_empty() && body.bytes().all(plain)
}

/// The scheme of a value, and its token.
pub(super) fn token(value: &str) -> Result<(Scheme, &str), Flaw> {
    let (scheme, token) = value.split_once(' ').ok_or(Flaw::Malformed)?;
    let token = token.trim_matches(' ');
    if !is_token(token) {
        return Err(Flaw::Malformed);
    }
    match scheme {
        scheme if scheme.eq_ignore_ascii_case("bearer") => Ok((Scheme::Bearer, token)),
        scheme if scheme.eq_ignore_ascii_case("dpop") => Ok((Scheme::Dpop, token)),
        _ => Err(Flaw::NotAccepted),
    }
}

#[cfg(test)]
mod tests {
    //! What is a bearer token, and what only looks like one.

    use super::*;

    #[test]
    fn a_bearer_token_is_one_header_with_one_token() {
        for value in ["Bearer a.b-c_d~e+f/9==", "bearer  a.b-c_d~e+f/9== ", "BEARER a.b-c_d~e+f/9=="] {
            assert_eq!(bearer([value.as_bytes()]), Some("a.b-c_d~e+f/9=="), "{value}");
        }
        let none: [&[&[u8]]; 15] = [
            &[],
            &[b"Bearer a", b"Bearer a"],
            &[b"Bearer a", b"Basic dTpw"],
            &[b""],
            &[b"Bearer"],
            &[b"Bearer "],
            &[b"a"],
            &[b"Bearer\ta"],
            &[b"Bearer a b"],
            &[b"Bearer a,b"],
            &[b"Bearer =a"],
            &[b"Bearer a=b"],
            &[b"Bearer ="],
            &[b"DPoP a"],
            &[b"Bearer \xc3\xa4"],
        ];
        for values in none {
            assert_eq!(bearer(values.iter().copied()), None, "{values:?}");
        }
        assert_eq!(bearer([&b"Bearer \xff"[..]]), None);
    }
}
