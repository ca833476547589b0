//! Page tokens: where an answer ended, and to which question. Whoever asks another question with one is told so.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};

use super::problem::BadField;

/// How much of the digest of a question stands in a token: enough to tell questions apart, and nobody gains by forging one.
const QUESTION: usize = 8;
/// The most bytes of one answer, roughly: clients take 4 MiB.
pub(super) const MAX_ANSWER: usize = 2 << 20;

/// A question, as far as a page belongs to it.
pub(super) struct Pages {
    question: [u8; QUESTION],
}

impl Pages {
    /// The pages of the question with this text.
    pub(super) fn of(question: &[u8]) -> Self {
        let mut pages = Self { question: [0; QUESTION] };
        let hash = digest(&SHA256, question);
        pages.question.iter_mut().zip(hash.as_ref()).for_each(|(to, from)| *to = *from);
        pages
    }

    /// The token of the page behind a place.
    pub(super) fn token(&self, place: &str) -> String {
        URL_SAFE_NO_PAD.encode([&self.question, place.as_bytes()].concat())
    }

    /// The place that a token stands for; `None` without a token.
    pub(super) fn place(&self, token: &str) -> Result<Option<String>, BadField> {
        if token.is_empty() {
            return Ok(None);
        }
        let wrong = || BadField::new("page_token", "is not one of an answer to this question");
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| wrong())?;
        let place = bytes.strip_prefix(&self.question).and_then(|place| std::str::from_utf8(place).ok());
        place.map(|place| Some(place.to_owned())).ok_or_else(wrong)
    }
}

/// The size of a page: `usual` for 0.
pub(super) fn size(asked: u32, usual: usize, most: usize) -> Result<usize, BadField> {
    match usize::try_from(asked) {
        Ok(0) => Ok(usual),
        Ok(size) if size <= most => Ok(size),
        Ok(_) | Err(_) => Err(BadField::new("page_size", format!("is more than {most}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_belongs_to_its_question() {
        let (one, other) = (Pages::of(b"one"), Pages::of(b"other"));
        let token = one.token("17");
        assert_eq!(one.place(&token), Ok(Some("17".to_owned())));
        assert_eq!(one.place(""), Ok(None));
        for wrong in [other.place(&token), one.place("17"), one.place("?"), one.place("AAAA"), one.place(&format!("x{token}"))] {
            assert_eq!(wrong.unwrap_err().field, "page_token");
        }
    }
}
