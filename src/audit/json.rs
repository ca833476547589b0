//! Writes JSON in the form of RFC 8785 (JSON Canonicalization Scheme), straight into a buffer.
//!
//! The writer escapes and separates; that keys come in ascending order and once is the caller's business, and a property test
//! holds the callers to it. There are no fractions: integers stay below 2^53, so that every reader sees the same number.

use std::fmt::Write as _;

use ring::digest;

/// The largest integer every JSON reader keeps exactly.
const MAX_INTEGER: u64 = (1 << 53) - 1;

/// JSON text that grows.
#[derive(Debug, Default)]
pub(super) struct Json {
    text: Vec<u8>,
}

impl Json {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self { text: Vec::with_capacity(bytes) }
    }

    pub(super) fn into_text(self) -> Vec<u8> {
        self.text
    }

    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    pub(super) fn open_object(&mut self) {
        self.text.push(b'{');
    }

    /// Begins an object that is an entry of a list.
    pub(super) fn open_entry(&mut self) {
        self.separate();
        self.open_object();
    }

    pub(super) fn close_object(&mut self) {
        self.text.push(b'}');
    }

    pub(super) fn open_list(&mut self) {
        self.text.push(b'[');
    }

    pub(super) fn close_list(&mut self) {
        self.text.push(b']');
    }

    /// Begins a member: `"key":`.
    pub(super) fn key(&mut self, key: &'static str) -> &mut Self {
        self.separate();
        self.text.push(b'"');
        self.text.extend_from_slice(key.as_bytes());
        self.text.extend_from_slice(b"\":");
        self
    }

    /// Begins an entry of a list that is no object.
    pub(super) fn entry(&mut self) -> &mut Self {
        self.separate();
        self
    }

    pub(super) fn integer(&mut self, value: u64) {
        self.plain(value.min(MAX_INTEGER));
    }

    pub(super) fn boolean(&mut self, value: bool) {
        self.text.extend_from_slice(if value { b"true" } else { b"false" });
    }

    /// A string that needs no escaping: words of our own, digests, ids, times.
    pub(super) fn plain_text(&mut self, value: impl std::fmt::Display) {
        self.text.push(b'"');
        self.plain(value);
        self.text.push(b'"');
    }

    /// JSON text that is already written.
    pub(super) fn raw(&mut self, json: &[u8]) {
        self.text.extend_from_slice(json);
    }

    /// A string of any content. When its escaped form is longer than `limit` bytes, an object stands in its place:
    /// the beginning (`cut`), the length in bytes (`len`) and the SHA-256 in hexadecimal of the whole. No string can look like it.
    pub(super) fn string(&mut self, value: &str, limit: usize) {
        let start = self.text.len();
        if !self.escape(value, limit) {
            self.text.truncate(start);
            self.cut(value, limit);
        }
    }

    fn cut(&mut self, value: &str, limit: usize) {
        self.text.push(b'{');
        self.key("cut");
        self.escape(value, limit);
        self.key("len").integer(value.len() as u64);
        self.key("sha256").plain_text(Hex(digest::digest(&digest::SHA256, value.as_bytes()).as_ref()));
        self.text.push(b'}');
    }

    /// Writes a quoted string of at most `limit` bytes between the quotes, ending at a character's end; `false` when that is not
    /// all of it.
    fn escape(&mut self, value: &str, limit: usize) -> bool {
        let mut whole = true;
        self.text.push(b'"');
        let start = self.text.len();
        let plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
        if value.len() <= limit && value.bytes().all(plain) {
            self.text.extend_from_slice(value.as_bytes());
        } else {
            for character in value.chars() {
                let before = self.text.len();
                self.escape_character(character);
                if self.text.len() - start > limit {
                    self.text.truncate(before);
                    whole = false;
                    break;
                }
            }
        }
        self.text.push(b'"');
        whole
    }

    fn escape_character(&mut self, character: char) {
        let short = match character {
            '"' => b"\\\"",
            '\\' => b"\\\\",
            '\u{8}' => b"\\b",
            '\t' => b"\\t",
            '\n' => b"\\n",
            '\u{c}' => b"\\f",
            '\r' => b"\\r",
            '\0'..='\u{1f}' => return self.plain(format_args!("\\u{:04x}", u32::from(character))),
            other => return self.text.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        };
        self.text.extend_from_slice(short);
    }

    /// A comma, when something of the same object or list stands before.
    fn separate(&mut self) {
        if !matches!(self.text.last(), None | Some(b'{' | b'[')) {
            self.text.push(b',');
        }
    }

    fn plain(&mut self, value: impl std::fmt::Display) {
        // Writing to memory does not fail.
        let _ = write!(Sink(&mut self.text), "{value}");
    }
}

/// The base64 form (RFC 4648, section 4, padded) of 32 bytes: 44 bytes.
pub(super) fn encode_base64(value: &[u8; 32]) -> [u8; 44] {
    use base64::Engine as _;
    let mut text = [b'='; 44];
    // 32 bytes always fill exactly 44.
    let _ = base64::engine::general_purpose::STANDARD.encode_slice(value, &mut text);
    text
}

/// An object without those of its members that are `null`: what is not known is not said.
pub(super) fn present(value: serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Object(mut members) => {
            members.retain(|_, member| !member.is_null());
            serde_json::Value::Object(members)
        }
        other => other,
    }
}

/// Bytes as lower-case hexadecimal digits.
pub(super) struct Hex<'a>(pub(super) &'a [u8]);

impl std::fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

struct Sink<'a>(&'a mut Vec<u8>);

impl std::fmt::Write for Sink<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}
