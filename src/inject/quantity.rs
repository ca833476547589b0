//! Amounts of a resource as Kubernetes writes them: `100m`, `1.5`, `64Mi`.

use std::fmt;
use std::str::FromStr;

/// An amount, and the text it was written as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quantity {
    text: String,
    thousandths: u128,
}

/// A text that is no amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an amount such as \"250m\", \"1.5\" or \"64Mi\"")]
pub struct NotAQuantity(String);

/// What the ends of an amount multiply it by, in thousandths.
const SUFFIXES: [(&str, u128); 11] = [
    ("Ki", 1000 << 10),
    ("Mi", 1000 << 20),
    ("Gi", 1000 << 30),
    ("Ti", 1000 << 40),
    ("Pi", 1000 << 50),
    ("m", 1),
    ("k", 1_000_000),
    ("M", 1_000_000_000),
    ("G", 1_000_000_000_000),
    ("T", 1_000_000_000_000_000),
    ("P", 1_000_000_000_000_000_000),
];

impl Quantity {
    /// The text, as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether this is more than `other`.
    #[must_use]
    pub const fn exceeds(&self, other: &Self) -> bool {
        self.thousandths > other.thousandths
    }
}

impl FromStr for Quantity {
    type Err = NotAQuantity;

    /// More than nothing, without an exponent and without a sign.
    fn from_str(text: &str) -> Result<Self, NotAQuantity> {
        let suffix = SUFFIXES.iter().find_map(|(end, factor)| Some((text.strip_suffix(end)?, *factor)));
        let (number, factor) = suffix.unwrap_or((text, 1000));
        thousandths(number, factor)
            .filter(|thousandths| *thousandths > 0)
            .map(|thousandths| Self { text: text.to_owned(), thousandths })
            .ok_or_else(|| NotAQuantity(text.to_owned()))
    }
}

fn thousandths(number: &str, factor: u128) -> Option<u128> {
    let digits = |text: &str| !text.is_empty() && text.len() <= 15 && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let whole = whole.parse::<u128>().ok()?.checked_mul(factor)?;
    // Parts below a thousandth are rounded up, as an API server does.
    let part =
        fraction.parse::<u128>().ok()?.checked_mul(factor)?.div_ceil(10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?);
    whole.checked_add(part)
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    //! Amounts, what is none, and which is more.

    use super::*;

    fn of(text: &str) -> Quantity {
        text.parse().unwrap()
    }

    #[test]
    fn amounts_compare_across_their_spellings() {
        for (more, less) in [("1", "999m"), ("1Gi", "1G"), ("64Mi", "64M"), ("1.5", "1499m"), ("0.1Gi", "100M"), ("2", "1.999")] {
            assert!(of(more).exceeds(&of(less)) && !of(less).exceeds(&of(more)), "{more} {less}");
        }
        for (one, same) in [("1", "1000m"), ("1Ki", "1024"), ("1.5Gi", "1536Mi"), ("1k", "1000")] {
            assert!(!of(one).exceeds(&of(same)) && !of(same).exceeds(&of(one)), "{one} {same}");
        }
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in
            ["", "0", "0m", "-1", "+1", "1e3", "1 Gi", "Mi", ".5", "1.", "1..2", "1Gib", "1K", "99999999999999999999", "１"]
        {
            assert!(text.parse::<Quantity>().is_err(), "{text}");
        }
    }
}
