//! What the bytes are said to be, and what they are: compression, character sets, content types.

use super::{Case, Lab, UNREADABLE, UNSUPPORTED, Want, call};

/// `call("destroy")` as a gzip member of one stored block: some servers inflate and run it.
fn gzip(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap();
    let mut member = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    member.extend(length.to_le_bytes());
    member.extend((!length).to_le_bytes());
    member.extend(text.as_bytes());
    member.extend(crc32(text.as_bytes()).to_le_bytes());
    member.extend(u32::from(length).to_le_bytes());
    member
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

fn utf16(text: &str, unit: impl Fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(unit).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_not_plain_utf_8_is_refused_declared_or_not() {
    let mut lab = Lab::open().await;
    let text = call("destroy");
    let latin1: Vec<u8> =
        call("echo").replace('x', "\u{e9}").chars().map(|letter| u8::try_from(u32::from(letter)).unwrap()).collect();
    let instead_of_x = |bytes: &[u8]| {
        call("echo").bytes().flat_map(|byte| if byte == b'x' { bytes.to_vec() } else { vec![byte] }).collect::<Vec<u8>>()
    };
    let either = Want::Refused(&[400, 415], &[]);
    let table = vec![
        lab.legacy("gzip, declared", gzip(&text), UNSUPPORTED).with("content-encoding", "gzip"),
        lab.legacy("gzip, in capitals", gzip(&text), UNSUPPORTED).with("content-encoding", "GZIP"),
        lab.legacy("gzip, not declared", gzip(&text), UNREADABLE),
        lab.legacy("plain, called gzip", text.clone(), UNSUPPORTED).with("content-encoding", "gzip"),
        lab.legacy("plain, called deflate", text.clone(), UNSUPPORTED).with("content-encoding", "deflate"),
        lab.legacy("plain, called brotli", text.clone(), UNSUPPORTED).with("content-encoding", "br"),
        lab.legacy("identity, then gzip", gzip(&text), UNSUPPORTED)
            .with("content-encoding", "identity")
            .also("content-encoding", "gzip"),
        lab.legacy("UTF-16LE", utf16(&text, u16::to_le_bytes), UNREADABLE),
        lab.legacy("UTF-16BE", utf16(&text, u16::to_be_bytes), UNREADABLE),
        lab.legacy("UTF-16LE, marked", utf16(&format!("\u{feff}{text}"), u16::to_le_bytes), UNREADABLE),
        lab.legacy("UTF-16LE, declared", utf16(&text, u16::to_le_bytes), either)
            .with("content-type", "application/json; charset=utf-16le"),
        lab.legacy("UTF-16, declared and marked", utf16(&format!("\u{feff}{text}"), u16::to_le_bytes), either)
            .with("content-type", "application/json; charset=utf-16"),
        lab.legacy("UTF-8, marked", format!("\u{feff}{text}"), UNREADABLE),
        lab.legacy("Latin-1", latin1.clone(), UNREADABLE),
        lab.legacy("Latin-1, declared", latin1, either).with("content-type", "application/json; charset=iso-8859-1"),
        lab.legacy("plain, called Latin-1", text.clone(), UNSUPPORTED)
            .with("content-type", "application/json; charset=iso-8859-1"),
        lab.legacy("UTF-7, declared", text.clone(), UNSUPPORTED).with("content-type", "application/json;charset=utf-7"),
        lab.legacy("overlong UTF-8", instead_of_x(&[0xc1, 0xa1]), UNREADABLE),
        lab.legacy("a surrogate in UTF-8", instead_of_x(&[0xed, 0xa0, 0x80]), UNREADABLE),
        lab.legacy("half a letter", instead_of_x(&[0xc3]), UNREADABLE),
    ];
    lab.refuses(table).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_body_that_is_called_json_is_read() {
    let mut lab = Lab::open().await;
    let types = [
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "application/octet-stream",
        "application/jsonp",
        "application/json-seq",
        "application/json, text/plain",
        "text/plain; application/json",
        "*/*",
        "",
    ];
    let body = || call("destroy");
    let mut table: Vec<Case> =
        types.into_iter().map(|kind| lab.legacy(kind, body(), UNSUPPORTED).with("content-type", kind)).collect();
    table.push(lab.legacy("no type", body(), UNSUPPORTED).without("content-type"));
    let twice = Want::Refused(&[400, 415], &[]);
    table.push(lab.legacy("two types", body(), twice).also("content-type", "text/plain"));
    lab.refuses(table).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn json_is_json_in_any_spelling_of_its_type() {
    let mut lab = Lab::open().await;
    let types = ["application/json", "Application/JSON", "application/json;charset=utf-8", "application/json; charset=\"UTF-8\""];
    let table =
        types.into_iter().map(|kind| lab.legacy(kind, call("destroy"), Want::Denied).with("content-type", kind)).collect();
    lab.refuses(table).await;
}
