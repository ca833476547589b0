//! One line of JSON for each record: where it stands, then the record itself, byte for byte as it is stored.
//!
//! `record` is the last member, so that its bytes are what stands between `"record":` and the closing brace: with a zero byte before
//! them their SHA-256 is `leaf_hash`. A record that is damaged, so that it would break the line, comes in base64 as `damaged` instead.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::audit::json::Json;

use super::entry::Entry;

/// Appends the line of a record.
pub fn write(entry: &Entry<'_>, out: &mut Vec<u8>) {
    let mut json = Json::default();
    json.open_object();
    json.key("seq").integer(entry.seq());
    json.key("leaf_hash").plain_text(entry.hash());
    json.key("origin").string(entry.origin(), usize::MAX);
    if fits_a_line(entry) {
        json.key("record").raw(entry.bytes());
    } else {
        json.key("damaged").plain_text(STANDARD.encode(entry.bytes()));
    }
    json.close_object();
    out.extend_from_slice(&json.into_text());
    out.push(b'\n');
}

/// Leaves have no line breaks: their writer puts no space between tokens, and within strings JSON escapes them.
fn fits_a_line(entry: &Entry<'_>) -> bool {
    entry.leaf().is_some() && !entry.bytes().iter().any(|byte| matches!(byte, b'\n' | b'\r'))
}
