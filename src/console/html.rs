//! HTML that can only be written escaped: names of elements and attributes are words of ours, everything else is text.
//!
//! There is no way from a string to markup. Addresses (`href`, `action`, `src`) lead into this site or nowhere, so a text that gets there
//! cannot be a script either.

/// Escaped HTML. Only this module makes one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Html(String);

/// Attributes whose value a browser follows.
const FOLLOWED: [&str; 4] = ["href", "action", "src", "formaction"];

impl Html {
    /// The document.
    pub(super) fn into_document(self) -> String {
        format!("<!doctype html>{}", self.0)
    }
}

/// What can stand in an element.
pub(super) trait Content {
    /// Writes it, escaped.
    fn write(self, out: &mut Html);
}

impl Content for Html {
    fn write(self, out: &mut Html) {
        out.0.push_str(&self.0);
    }
}

impl Content for &str {
    fn write(self, out: &mut Html) {
        escape(self, &mut out.0);
    }
}

impl Content for String {
    fn write(self, out: &mut Html) {
        self.as_str().write(out);
    }
}

impl Content for &String {
    fn write(self, out: &mut Html) {
        self.as_str().write(out);
    }
}

impl Content for () {
    fn write(self, _: &mut Html) {}
}

impl<T: Content> Content for Option<T> {
    fn write(self, out: &mut Html) {
        if let Some(content) = self {
            content.write(out);
        }
    }
}

impl<T: Content> Content for Vec<T> {
    fn write(self, out: &mut Html) {
        self.into_iter().for_each(|content| content.write(out));
    }
}

impl<T: Content, const N: usize> Content for [T; N] {
    fn write(self, out: &mut Html) {
        self.into_iter().for_each(|content| content.write(out));
    }
}

macro_rules! tuples {
    ($($($name:ident)+;)+) => { $(
        impl<$($name: Content),+> Content for ($($name,)+) {
            #[expect(non_snake_case, reason = "the parts of a tuple are named after their types")]
            fn write(self, out: &mut Html) {
                let ($($name,)+) = self;
                $($name.write(out);)+
            }
        }
    )+ };
}

tuples! { A; A B; A B C; A B C D; A B C D F; A B C D F G; A B C D F G H; A B C D F G H I; A B C D F G H I J; }

/// Any content by itself.
pub(super) fn html(content: impl Content) -> Html {
    let mut out = Html::default();
    content.write(&mut out);
    out
}

/// Begins an element.
pub(super) fn el(name: &'static str) -> Tag {
    Tag { text: format!("<{name}"), name }
}

/// A `div` of a class.
pub(super) fn div(class: &'static str) -> Tag {
    el("div").class(class)
}

/// A `span` of a class.
pub(super) fn span(class: &'static str) -> Tag {
    el("span").class(class)
}

/// A link within this site.
pub(super) fn link(path: &str) -> Tag {
    el("a").attr("href", path)
}

/// An element that is being begun.
#[derive(Debug)]
pub(super) struct Tag {
    text: String,
    name: &'static str,
}

impl Tag {
    /// Adds an attribute.
    pub(super) fn attr(mut self, name: &'static str, value: impl AsRef<str>) -> Self {
        let value = value.as_ref();
        let value = if FOLLOWED.contains(&name) && !is_ours(value) { "#" } else { value };
        self.text.push(' ');
        self.text.push_str(name);
        self.text.push_str("=\"");
        escape(value, &mut self.text);
        self.text.push('"');
        self
    }

    /// Adds an attribute if there is a value.
    pub(super) fn maybe(self, name: &'static str, value: Option<impl AsRef<str>>) -> Self {
        match value {
            Some(value) => self.attr(name, value),
            None => self,
        }
    }

    /// Adds its classes.
    pub(super) fn class(self, class: &'static str) -> Self {
        self.attr("class", class)
    }

    /// Adds an attribute without value, if it holds.
    pub(super) fn flag(mut self, name: &'static str, holds: bool) -> Self {
        if holds {
            self.text.push(' ');
            self.text.push_str(name);
        }
        self
    }

    /// Ends it with what stands in it.
    pub(super) fn with(self, content: impl Content) -> Html {
        let mut out = Html(self.text);
        out.0.push('>');
        content.write(&mut out);
        out.0.push_str("</");
        out.0.push_str(self.name);
        out.0.push('>');
        out
    }

    /// Ends an element that has no content and no end.
    pub(super) fn void(mut self) -> Html {
        self.text.push('>');
        Html(self.text)
    }
}

/// Whether an address leads into this site: a path, a query or a place in the page.
fn is_ours(address: &str) -> bool {
    match address.as_bytes() {
        [b'/', b'/' | b'\\', ..] => false,
        [b'/' | b'?' | b'#', rest @ ..] => !rest.iter().any(|byte| *byte < 0x20 || *byte == b'\\'),
        _ => false,
    }
}

fn escape(text: &str, out: &mut String) {
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // What HTML does not allow anywhere.
            '\0' => out.push('\u{fffd}'),
            letter => out.push(letter),
        }
    }
}

/// A text as part of a path or query.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
#[path = "html_tests.rs"]
mod tests;
