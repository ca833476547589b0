//! The part of OTLP that the feed speaks, in protobuf: log records out, the answer in.
//!
//! Written by hand: it is one message of few fields, and the generated types would bring an SDK along. Tests hold what is written here
//! against those types. The numbers are those of `opentelemetry/proto/{collector/logs,logs,resource,common}/v1` and `google.rpc.Status`.

use super::answer::Report;
use super::attributes::Attribute;
use super::record::{Body, LogRecord, Value};

/// A message that grows.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn number(&mut self, field: u64, value: u64) {
        self.varint(field << 3);
        self.varint(value);
    }

    fn fixed64(&mut self, field: u64, value: u64) {
        self.varint(field << 3 | 1);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn bytes(&mut self, field: u64, value: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
    }

    fn message(&mut self, field: u64, write: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        write(&mut inner);
        self.bytes(field, &inner.0);
    }

    fn attributes(&mut self, field: u64, attributes: &[Attribute<'_>]) {
        for (name, value) in attributes {
            self.message(field, |pair| {
                pair.bytes(1, name.as_bytes());
                pair.message(2, |any| any.value(value));
            });
        }
    }

    fn value(&mut self, value: &Value<'_>) {
        match value {
            Value::Text(text) => self.bytes(1, text.as_bytes()),
            Value::Flag(flag) => self.number(2, u64::from(*flag)),
            Value::Number(number) => self.number(3, *number),
            Value::Texts(texts) => self.message(5, |list| {
                texts.iter().for_each(|text| list.message(1, |any| any.bytes(1, text.as_bytes())));
            }),
        }
    }
}

/// A log record, to be put into a request with others.
pub(super) fn record(record: &LogRecord<'_>) -> Vec<u8> {
    let mut message = Message::default();
    if let Some(nanos) = record.time_nanos {
        message.fixed64(1, nanos);
    }
    message.number(2, record.severity.number());
    message.bytes(3, record.severity.text().as_bytes());
    message.message(5, |any| match record.body {
        Body::Text(text) => any.bytes(1, text.as_bytes()),
        Body::Bytes(bytes) => any.bytes(7, bytes),
    });
    message.attributes(6, &record.attributes);
    if let Some(trace) = &record.trace {
        message.bytes(9, trace);
    }
    message.fixed64(11, record.observed_nanos);
    message.bytes(12, record.event_name.as_bytes());
    message.0
}

/// A request with log records.
pub(super) fn request<'r>(resource: &[Attribute<'_>], scope: (&str, &str), records: impl Iterator<Item = &'r [u8]>) -> Vec<u8> {
    let mut message = Message::default();
    message.message(1, |resource_logs| {
        resource_logs.message(1, |message| message.attributes(1, resource));
        resource_logs.message(2, |scope_logs| {
            scope_logs.message(1, |message| {
                message.bytes(1, scope.0.as_bytes());
                message.bytes(2, scope.1.as_bytes());
            });
            records.for_each(|record| scope_logs.bytes(2, record));
        });
    });
    message.0
}

/// What an answer with success says; `None` when it is not of this form.
pub(super) fn report(answer: &[u8]) -> Option<Report> {
    let mut report = Report::default();
    for field in fields(answer) {
        if let (1, Field::Bytes(partial)) = field? {
            for field in fields(partial) {
                match field? {
                    // A negative number is one with ten bytes; it is not zero either.
                    (1, Field::Number(rejected)) => report.rejected = rejected,
                    (2, Field::Bytes(message)) => report.message = String::from_utf8_lossy(message).into_owned(),
                    _ => {}
                }
            }
        }
    }
    Some(report)
}

/// The message of an answer without success.
pub(super) fn complaint(answer: &[u8]) -> Option<String> {
    let mut found = None;
    for field in fields(answer) {
        if let (2, Field::Bytes(message)) = field? {
            found = Some(std::str::from_utf8(message).ok()?.to_owned());
        }
    }
    found
}

enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Other,
}

/// The fields of a message with their numbers; `None` where it is malformed, and nothing after that.
fn fields(message: &[u8]) -> impl Iterator<Item = Option<(u64, Field<'_>)>> {
    let mut rest = Some(message);
    std::iter::from_fn(move || {
        let bytes = rest.filter(|rest| !rest.is_empty())?;
        let read = field(bytes);
        rest = read.as_ref().map(|(_, rest)| *rest);
        Some(read.map(|(field, _)| field))
    })
}

type Read<'a, T> = Option<(T, &'a [u8])>;

fn field(bytes: &[u8]) -> Read<'_, (u64, Field<'_>)> {
    let (key, rest) = varint(bytes)?;
    let (field, rest) = match key & 7 {
        0 => varint(rest).map(|(number, rest)| (Field::Number(number), rest))?,
        1 => (Field::Other, rest.get(8..)?),
        2 => {
            let (length, rest) = varint(rest)?;
            let (value, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            (Field::Bytes(value), rest)
        }
        5 => (Field::Other, rest.get(4..)?),
        _ => return None,
    };
    (key >> 3 != 0).then_some(((key >> 3, field), rest))
}

fn varint(bytes: &[u8]) -> Read<'_, u64> {
    let mut value = 0_u64;
    for (at, byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f).checked_shl(u32::try_from(at).ok()? * 7)?;
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(at + 1..)?));
        }
    }
    None
}

#[cfg(test)]
#[path = "protobuf_tests.rs"]
mod tests;
