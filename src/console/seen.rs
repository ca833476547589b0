//! Text of strangers as people must see it: what is invisible, turns the direction of reading or only looks like something else is shown
//! as what it is.
//!
//! This marks, and changes nothing: the text that runs is the text that is shown, mark by mark. Whether a whole word is written in another
//! alphabet on purpose cannot be known, so such a word is marked only when all of its letters look like Latin ones.

use super::html::{Content, Html, html, span};

/// A piece of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Letters that are what they seem.
    Plain(&'a str),
    /// One that is not seen, or that changes how others are seen.
    Hidden(char),
    /// One that looks like a Latin letter and is none, with the alphabet it is of.
    Alike(char, &'static str),
}

/// The pieces of a text, in order.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        if is_hidden(letter) {
            pieces.push(Piece::Hidden(letter));
            rest = rest.get(letter.len_utf8()..).unwrap_or_default();
            continue;
        }
        let is_word = letter.is_alphanumeric();
        let end = rest.find(|letter: char| is_hidden(letter) || letter.is_alphanumeric() != is_word).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        if is_word {
            word(run, &mut pieces)
        } else {
            plain(run, &mut pieces)
        }
        rest = after;
    }
    pieces
}

/// Whether everything in a text is what it seems.
pub(super) fn is_plain(text: &str) -> bool {
    pieces(text).iter().all(|piece| matches!(piece, Piece::Plain(_)))
}

/// A text with its marks.
pub(super) fn seen(text: &str) -> Html {
    let mark = |piece: &Piece<'_>| match piece {
        Piece::Plain(text) => html(*text),
        // A line break and a tab are seen where text keeps them.
        Piece::Hidden('\n') => html(span("hid").attr("title", "line break").with("⏎")),
        Piece::Hidden(letter) => {
            let code = code(*letter);
            span("hid").attr("title", format!("{} {code}", named(*letter))).with(code.as_str())
        }
        Piece::Alike(letter, alphabet) => {
            let title = format!("{alphabet} letter {}, looks like a Latin one", code(*letter));
            let sub = span("alike-code").with(code(*letter));
            span("alike").attr("title", title).with((letter.to_string(), sub))
        }
    };
    html(pieces(text).iter().map(mark).collect::<Vec<_>>())
}

/// JSON text with its marks. What is escaped by its number is marked where it stands, as it is written.
pub(super) fn seen_json(text: &str) -> Html {
    let mut parts = Vec::new();
    let (mut rest, mut from) = (text, 0);
    while let Some(at) = rest.get(from..).and_then(|rest| rest.find('\\')).map(|at| from + at) {
        let Some((escape, letter)) = rest.get(at..at + 6).and_then(|escape| Some((escape, numbered(escape)?))) else {
            // Another escape, such as of a backslash: both letters are what they seem.
            from = at + 1 + rest.get(at + 1..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
            continue;
        };
        parts.push(seen(rest.get(..at).unwrap_or_default()));
        let title = letter.map_or_else(|| "half of a letter".to_owned(), |letter| format!("{} {}", named(letter), code(letter)));
        parts.push(span("hid").attr("title", title).with(escape));
        (rest, from) = (rest.get(at + 6..).unwrap_or_default(), 0);
    }
    parts.push(seen(rest));
    html(parts)
}

/// Whether everything in a JSON text is what it seems, and is written as itself.
pub(super) fn is_plain_json(text: &str) -> bool {
    is_plain(text) && seen_json(text) == seen(text)
}

/// The letter of an escape by number, such as `\u202e`; `Some(None)` for a half of a pair, `None` for no such escape.
fn numbered(escape: &str) -> Option<Option<char>> {
    let digits = escape.strip_prefix("\\u").filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
    Some(char::from_u32(u32::from_str_radix(digits, 16).ok()?))
}

/// A text that is short and stands alone, such as a name.
pub(super) fn name(text: &str) -> Html {
    el_code(seen(text))
}

fn el_code(content: impl Content) -> Html {
    super::html::el("code").with(content)
}

fn plain<'a>(text: &'a str, pieces: &mut Vec<Piece<'a>>) {
    if !text.is_empty() {
        pieces.push(Piece::Plain(text));
    }
}

/// A run of letters and digits: those of another alphabet are marked when they stand among Latin ones, or all look like them.
fn word<'a>(word: &'a str, pieces: &mut Vec<Piece<'a>>) {
    let has_latin = word.chars().any(|letter| letter.is_ascii_alphabetic());
    let letters = || word.chars().filter(|letter| letter.is_alphabetic());
    let all_alike = letters().all(|letter| looks_latin(letter).is_some()) && letters().count() > 1;
    let marked = |letter: char| match (looks_latin(letter), alphabet(letter)) {
        (Some(alphabet), _) if has_latin || all_alike || always(letter) => Some(alphabet),
        (None, Some(alphabet)) if has_latin => Some(alphabet),
        _ => None,
    };
    let mut from = 0;
    for (at, letter) in word.char_indices() {
        if let Some(alphabet) = marked(letter) {
            plain(word.get(from..at).unwrap_or_default(), pieces);
            pieces.push(Piece::Alike(letter, alphabet));
            from = at + letter.len_utf8();
        }
    }
    plain(word.get(from..).unwrap_or_default(), pieces);
}

/// Control characters, marks of direction, and what Unicode calls default-ignorable; spaces that are no plain space.
fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{a0}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{1680}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{2000}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{205f}'..='\u{206f}' | '\u{2800}'
            | '\u{3000}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}' | '\u{e000}'..='\u{f8ff}')
}

fn code(letter: char) -> String {
    format!("U+{:04X}", u32::from(letter))
}

const fn named(letter: char) -> &'static str {
    match letter {
        '\t' => "tab",
        '\r' => "carriage return",
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => "control character",
        '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            "changes the direction of reading"
        }
        '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' => "zero width",
        '\u{e0000}'..='\u{e0fff}' => "invisible tag",
        '\u{e000}'..='\u{f8ff}' => "private use",
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' | '\u{2800}' => "unusual space",
        _ => "not visible",
    }
}

/// Letters that are never what they seem: wide and mathematical forms of Latin ones.
const fn always(letter: char) -> bool {
    matches!(letter, '\u{ff10}'..='\u{ff5a}' | '\u{1d400}'..='\u{1d7ff}' | '\u{2100}'..='\u{214f}')
}

/// The alphabets whose letters one meets in the middle of Latin words only to deceive.
const fn alphabet(letter: char) -> Option<&'static str> {
    match letter {
        '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => Some("Greek"),
        '\u{400}'..='\u{52f}' | '\u{1c80}'..='\u{1c8f}' | '\u{a640}'..='\u{a69f}' => Some("Cyrillic"),
        '\u{530}'..='\u{58f}' => Some("Armenian"),
        '\u{13a0}'..='\u{13ff}' | '\u{ab70}'..='\u{abbf}' => Some("Cherokee"),
        '\u{2c80}'..='\u{2cff}' => Some("Coptic"),
        '\u{a4d0}'..='\u{a4ff}' => Some("Lisu"),
        '\u{250}'..='\u{2af}' => Some("phonetic"),
        _ => None,
    }
}

/// The alphabet of a letter that looks like a Latin one.
fn looks_latin(letter: char) -> Option<&'static str> {
    const CYRILLIC: &str = "АВЕЅІЈКМНОРСТУХҮԌԜаеѕіјорсухһԁԛԝ";
    const GREEK: &str = "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧανορυι";
    const ARMENIAN: &str = "ՕՍԼսոօհզցրւյ";
    match letter {
        letter if always(letter) => Some("wide or mathematical"),
        letter if CYRILLIC.contains(letter) => Some(alphabet(letter).unwrap_or("Cyrillic")),
        letter if GREEK.contains(letter) => Some("Greek"),
        letter if ARMENIAN.contains(letter) => Some("Armenian"),
        '\u{13a0}'..='\u{13f4}' => Some("Cherokee"),
        'ı' | 'ɑ' | 'ǀ' | 'ⅼ' | 'ⅰ' => Some("look-alike"),
        _ => None,
    }
}

#[cfg(test)]
#[path = "seen_tests.rs"]
mod tests;
