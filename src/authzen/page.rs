//! Pages of search results. A token says after which candidate the next page begins and which search it belongs to; it holds nothing
//! secret, and whoever makes one up only skips results of their own.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ring::digest::{SHA256, digest};

use super::bad::Bad;
use super::read::{Parts, member, members, object, text};
use crate::json::Member;

/// The most results of a page, also when more are asked for.
pub(super) const MOST: usize = 1000;
/// The longest token, in bytes.
const MAX_TOKEN: usize = 16 << 10;
/// How much of the digest of a search a token has, in bytes.
const MARK: usize = 12;

/// Which part of the results is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Page {
    /// The most results.
    pub(super) limit: usize,
    /// The candidate after which it begins; `None` for the first page.
    pub(super) after: Option<String>,
    mark: [u8; MARK],
}

impl Page {
    /// Reads the member `page` of a search for `what` with these parts.
    pub(super) fn of(found: &[Member<'_>], what: &str, parts: &Parts<'_>) -> Result<Self, Bad> {
        let mark = mark(what, parts);
        let Some(page) = object(found, "page")? else { return Ok(Self { limit: MOST, after: None, mark }) };
        let read = || {
            let inner = members(page)?;
            let limit = match member(&inner, "limit") {
                None => MOST,
                Some(member) => {
                    let limit = member.value.parse::<usize>();
                    limit.map_err(|_| Bad::at("/limit", "is not a whole number that is not negative"))?
                }
            };
            // `next_token` is what drafts of the specification called it.
            let (token, draft) = (token(&inner, "token")?, token(&inner, "next_token")?);
            let (token, place) = if token.is_some() { (token, "/token") } else { (draft, "/next_token") };
            let after = token.map(|token| {
                open(&token, mark).ok_or_else(|| {
                    Bad::at(place, "does not belong to this search")
                        .hint("ask with all members as they were, and the `next_token` of the page before")
                })
            });
            Ok(Self { limit: limit.min(MOST), after: after.transpose()?, mark })
        };
        read().map_err(|bad: Bad| bad.within("/page"))
    }

    /// The token of the page that begins after this candidate.
    pub(super) fn after(&self, candidate: &str) -> String {
        let mut bytes = self.mark.to_vec();
        bytes.extend_from_slice(candidate.as_bytes());
        BASE64.encode(bytes)
    }
}

/// The text of a token; an empty one is none.
fn token(inner: &[Member<'_>], key: &str) -> Result<Option<String>, Bad> {
    if member(inner, key).is_some_and(|member| member.value == "\"\"") {
        return Ok(None);
    }
    Ok(text(inner, key, MAX_TOKEN)?.map(std::borrow::Cow::into_owned))
}

fn open(token: &str, mark: [u8; MARK]) -> Option<String> {
    let bytes = BASE64.decode(token).ok()?;
    let (marked, rest) = bytes.split_at_checked(MARK)?;
    if marked != mark {
        return None;
    }
    String::from_utf8(rest.to_vec()).ok()
}

/// What two pages of one search have in common.
fn mark(what: &str, parts: &Parts<'_>) -> [u8; MARK] {
    let text = format!("{what} {parts:?}");
    let mut mark = [0; MARK];
    let digest = digest(&SHA256, text.as_bytes());
    mark.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
    mark
}
