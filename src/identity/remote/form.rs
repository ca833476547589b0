//! Forms as HTML has them (`application/x-www-form-urlencoded`), which is what OAuth speaks.

/// Pairs of names and values as the body of a form.
pub(in crate::identity) fn form(pairs: &[(&str, &str)]) -> String {
    let pairs = pairs.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// A text in which only letters, digits and `*-._` stand for themselves.
pub(in crate::identity) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::form;

    #[test]
    fn a_form_says_what_it_was_made_of() {
        assert_eq!(form(&[("a", "1"), ("b c", "&=+%ä")]), "a=1&b+c=%26%3D%2B%25%C3%A4");
        assert_eq!(form(&[]), "");
    }
}
