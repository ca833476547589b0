//! Reads a leaf byte by byte and takes only the one spelling that RFC 8785 has for it, within the profile of the log.
//!
//! The profile: an object; keys of printable ASCII without escapes, each once, in ascending order; whole numbers below 2^53. One pass,
//! nothing is copied. What the members mean is [`super::leaf`]'s business.

use std::str;

/// How deep objects and lists may stand in each other.
const MAX_DEPTH: u8 = 64;
/// The largest whole number every JSON reader keeps exactly.
const MAX_INTEGER: u64 = (1 << 53) - 1;

/// Why bytes are not a leaf in canonical form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormFault {
    /// The bytes are not UTF-8.
    #[error("it is not UTF-8")]
    Utf8,
    /// It is not an object.
    #[error("it is not a JSON object")]
    NotAnObject,
    /// It is not JSON without white space.
    #[error("it is not JSON without white space")]
    Syntax,
    /// Something follows the object.
    #[error("something follows the JSON object")]
    Trailing,
    /// A key has characters that none has.
    #[error("a key is not plain ASCII")]
    Key,
    /// Keys are not in order, or one stands twice.
    #[error("its keys are not in ascending order, each once")]
    Order,
    /// A string is not escaped the one right way.
    #[error("a string is not escaped as RFC 8785 has it")]
    Escape,
    /// A number is not a whole number in its shortest form, below 2^53.
    #[error("a number is not whole, below 2^53 and in its shortest form")]
    Number,
    /// Objects and lists are nested too deep.
    #[error("it is nested more than {MAX_DEPTH} deep")]
    Depth,
    /// A member that every record of its kind has is missing, or not of its type.
    #[error("the member `{0}` is missing or not what it should be")]
    Member(&'static str),
    /// The kind is none that this version knows.
    #[error("its kind is not known to this version")]
    Kind,
}

/// What a member holds, as far as anybody asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// A string: what stands between its quotes, escapes as they are.
    Text(&'a str),
    /// A whole number that is not negative.
    Integer(u64),
    /// Anything else.
    Other,
}

/// Reads a leaf and tells `each` member of its object.
pub(super) fn members<'a>(leaf: &'a [u8], mut each: impl FnMut(&'a str, Value<'a>)) -> Result<(), FormFault> {
    let text = str::from_utf8(leaf).map_err(|_| FormFault::Utf8)?;
    let mut scanner = Scanner { rest: text };
    scanner.take(b'{').map_err(|_| FormFault::NotAnObject)?;
    scanner.object(1, &mut each)?;
    if scanner.rest.is_empty() { Ok(()) } else { Err(FormFault::Trailing) }
}

struct Scanner<'a> {
    rest: &'a str,
}

impl<'a> Scanner<'a> {
    fn peek(&self) -> Option<u8> {
        self.rest.as_bytes().first().copied()
    }

    /// Cuts off the next `length` bytes, which end at the end of a character.
    fn cut(&mut self, length: usize) -> Result<&'a str, FormFault> {
        let (cut, rest) = self.rest.split_at_checked(length).ok_or(FormFault::Syntax)?;
        self.rest = rest;
        Ok(cut)
    }

    fn take(&mut self, byte: u8) -> Result<(), FormFault> {
        if self.peek() == Some(byte) { self.cut(1).map(|_| ()) } else { Err(FormFault::Syntax) }
    }

    /// The rest of an object whose brace was taken.
    fn object(&mut self, depth: u8, each: &mut dyn FnMut(&'a str, Value<'a>)) -> Result<(), FormFault> {
        let mut before = None;
        if self.peek() == Some(b'}') {
            return self.take(b'}');
        }
        loop {
            let key = self.key()?;
            // All keys are ASCII, whose order is the same in UTF-8 and in the UTF-16 of RFC 8785.
            if before.is_some_and(|before| key <= before) {
                return Err(FormFault::Order);
            }
            let value = self.value(depth)?;
            each(key, value);
            if self.peek() == Some(b'}') {
                return self.take(b'}');
            }
            self.take(b',')?;
            before = Some(key);
        }
    }

    /// The rest of a list whose bracket was taken.
    fn list(&mut self, depth: u8) -> Result<(), FormFault> {
        if self.peek() == Some(b']') {
            return self.take(b']');
        }
        loop {
            self.value(depth)?;
            if self.peek() == Some(b']') {
                return self.take(b']');
            }
            self.take(b',')?;
        }
    }

    fn key(&mut self) -> Result<&'a str, FormFault> {
        self.take(b'"')?;
        let plain = |byte: &u8| (b' '..=b'~').contains(byte) && *byte != b'"' && *byte != b'\\';
        let length = self.rest.bytes().take_while(plain).count();
        let key = self.cut(length)?;
        self.take(b'"').map_err(|_| FormFault::Key)?;
        self.take(b':')?;
        Ok(key)
    }

    fn value(&mut self, depth: u8) -> Result<Value<'a>, FormFault> {
        match self.peek().ok_or(FormFault::Syntax)? {
            b'"' => self.string().map(Value::Text),
            b'-' | b'0'..=b'9' => self.number(),
            b'{' if depth < MAX_DEPTH => {
                self.take(b'{')?;
                self.object(depth + 1, &mut |_, _| {}).map(|()| Value::Other)
            }
            b'[' if depth < MAX_DEPTH => {
                self.take(b'[')?;
                self.list(depth + 1).map(|()| Value::Other)
            }
            b'{' | b'[' => Err(FormFault::Depth),
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Result<Value<'a>, FormFault> {
        let words = ["true", "false", "null"];
        let rest = words.iter().find_map(|word| self.rest.strip_prefix(word)).ok_or(FormFault::Syntax)?;
        self.rest = rest;
        Ok(Value::Other)
    }

    fn number(&mut self) -> Result<Value<'a>, FormFault> {
        let negative = self.peek() == Some(b'-');
        if negative {
            self.take(b'-')?;
        }
        let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let digits = self.cut(digits)?;
        let shortest = !digits.starts_with('0') || (digits == "0" && !negative);
        let number = digits.parse().ok().filter(|number| shortest && *number <= MAX_INTEGER).ok_or(FormFault::Number)?;
        match self.peek() {
            Some(b'.' | b'e' | b'E') => Err(FormFault::Number),
            _ if negative => Ok(Value::Other),
            _ => Ok(Value::Integer(number)),
        }
    }

    /// A string, quotes taken off.
    fn string(&mut self) -> Result<&'a str, FormFault> {
        self.take(b'"')?;
        let whole = self.rest;
        let mut length = 0;
        loop {
            let plain = self.rest.bytes().take_while(|byte| *byte >= b' ' && *byte != b'"' && *byte != b'\\').count();
            // A plain stretch ends before an ASCII character, so between characters.
            self.cut(plain)?;
            length += plain;
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => length += self.escape()?,
                Some(_) => return Err(FormFault::Escape),
                None => return Err(FormFault::Syntax),
            }
        }
        self.take(b'"')?;
        whole.get(..length).ok_or(FormFault::Syntax)
    }

    /// An escape that could not be left out and has no shorter form; its length.
    fn escape(&mut self) -> Result<usize, FormFault> {
        match self.rest.as_bytes() {
            [b'\\', b'"' | b'\\' | b'b' | b't' | b'n' | b'f' | b'r', ..] => self.cut(2).map(str::len),
            // \b \t \n \f \r have their short forms.
            [b'\\', b'u', b'0', b'0', b'0', b'0'..=b'7' | b'b' | b'e' | b'f', ..]
            | [b'\\', b'u', b'0', b'0', b'1', b'0'..=b'9' | b'a'..=b'f', ..] => self.cut(6).map(str::len),
            _ => Err(FormFault::Escape),
        }
    }
}

#[cfg(test)]
#[path = "scan_tests.rs"]
mod tests;
