//! Server-sent events, cut at their borders while they arrive.
//!
//! The framer follows the event stream format of the HTML standard: lines end with `\n`, `\r` or `\r\n`, an empty line ends an event.
//! It gives every byte of the stream back, in order; only who wants to change an event's data gets new bytes, by [`Event::with_data`].

use bytes::{BufMut, Bytes, BytesMut};

/// Why a stream cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SseError {
    /// An event is longer than the limit.
    #[error("an event is longer than {limit} bytes")]
    TooLong {
        /// The limit, in bytes.
        limit: usize,
    },
}

/// One event: all its lines, and what they say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Every byte of the event, with the empty line that ends it. When a stream ends its lines with `\r\n` and is cut between the two,
    /// the `\n` stands at the start of the next event: an event is never held back for a byte that may not come.
    pub raw: Bytes,
    /// The data: the values of all `data` lines, joined with `\n`. `None` when there is no such line, so that clients see no event.
    pub data: Option<Bytes>,
    /// The value of the last `event` line.
    pub event: Option<Bytes>,
    /// The value of the last `id` line.
    pub id: Option<Bytes>,
    /// It is the first of its stream, where a byte order mark is not part of the first line.
    is_first: bool,
}

/// Cuts a stream into events, however it is split into chunks. It holds no more than one event.
#[derive(Debug)]
pub struct Framer {
    limit: usize,
    /// The beginning of an event whose end has not come yet.
    pending: BytesMut,
    /// Nothing of the current line has come yet.
    line_is_empty: bool,
    /// The last byte was `\r`: a `\n` that follows belongs to it.
    after_cr: bool,
    /// No event has been completed yet.
    at_start: bool,
    failed: bool,
}

impl Framer {
    /// A framer for one stream, whose events are at most `limit` bytes long.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, pending: BytesMut::new(), line_is_empty: true, after_cr: false, at_start: true, failed: false }
    }

    /// Takes the next chunk and returns the events that are complete with it.
    ///
    /// # Errors
    ///
    /// [`SseError`] when an event exceeds the limit; the stream cannot be read on then, and events that were complete in the same chunk
    /// are dropped with it.
    #[expect(clippy::needless_pass_by_value, reason = "chunks are handed over: events are slices that share them")]
    pub fn push(&mut self, chunk: Bytes) -> Result<Vec<Event>, SseError> {
        let mut events = Vec::new();
        let mut start = 0;
        while let Some(end) = self.event_end(&chunk, start) {
            events.push(self.complete(chunk.slice(start..end))?);
            start = end;
        }
        self.keep(chunk.get(start..).unwrap_or_default())?;
        Ok(events)
    }

    /// What is left of a stream that has ended: an event that was never completed, which clients must ignore.
    #[must_use]
    pub fn finish(self) -> Bytes {
        self.pending.freeze()
    }

    /// Goes through `chunk` from `from` on until an event ends, and returns the position behind it.
    fn event_end(&mut self, chunk: &[u8], from: usize) -> Option<usize> {
        let mut at = from;
        if std::mem::take(&mut self.after_cr) {
            match chunk.get(at) {
                Some(b'\n') => at += 1,
                Some(_) => {}
                None => {
                    self.after_cr = true;
                    return None;
                }
            }
        }
        while let Some(rest) = chunk.get(at..).filter(|rest| !rest.is_empty()) {
            let Some(length) = memchr::memchr2(b'\n', b'\r', rest) else {
                self.line_is_empty = false;
                return None;
            };
            let ends_event = self.line_is_empty && length == 0;
            let terminator = at + length;
            at = terminator + 1;
            self.line_is_empty = true;
            if chunk.get(terminator) == Some(&b'\r') {
                match chunk.get(at) {
                    Some(b'\n') => at += 1,
                    Some(_) => {}
                    None => self.after_cr = true,
                }
            }
            if ends_event {
                return Some(at);
            }
        }
        None
    }

    /// The event that ends with `tail`.
    fn complete(&mut self, tail: Bytes) -> Result<Event, SseError> {
        let raw = if self.pending.is_empty() {
            self.fits(tail.len())?;
            tail
        } else {
            self.keep(&tail)?;
            self.pending.split().freeze()
        };
        Ok(Event::read(raw, std::mem::take(&mut self.at_start)))
    }

    fn keep(&mut self, part: &[u8]) -> Result<(), SseError> {
        self.fits(self.pending.len().saturating_add(part.len()))?;
        self.pending.extend_from_slice(part);
        Ok(())
    }

    fn fits(&mut self, length: usize) -> Result<(), SseError> {
        self.failed |= length > self.limit;
        if self.failed { Err(SseError::TooLong { limit: self.limit }) } else { Ok(()) }
    }
}

impl Event {
    /// Reads a whole event.
    fn read(raw: Bytes, is_first: bool) -> Self {
        let (mut data, mut event, mut id) = (Vec::new(), None, None);
        for line in lines(&raw, is_first) {
            match line.field() {
                ("data", value) => data.push(value),
                ("event", value) => event = Some(raw.slice_ref(value)),
                // A NUL makes clients ignore the line.
                ("id", value) if !value.contains(&0) => id = Some(raw.slice_ref(value)),
                _ => {}
            }
        }
        let data = match data.as_slice() {
            [] => None,
            [one] => Some(raw.slice_ref(one)),
            many => Some(many.join(&b'\n').into()),
        };
        Self { raw, data, event, id, is_first }
    }

    /// The bytes of the event with other data: new `data` lines stand where the first one stood, as many as `data` has lines, spaced and
    /// ended like that one. Every other line stays as it is. An event without data gets its lines before the empty line.
    #[must_use]
    pub fn with_data(&self, data: &[u8]) -> Bytes {
        let mut out = BytesMut::with_capacity(self.raw.len().saturating_add(data.len()));
        let mut written = false;
        for line in lines(&self.raw, self.is_first) {
            out.put_slice(line.lead);
            let is_data = line.field().0 == "data";
            let is_last = line.content.is_empty() && line.is_last;
            if !written && (is_data || is_last) {
                let prefix: &[u8] = if is_data && !line.content.starts_with(b"data: ") { b"data:" } else { b"data: " };
                write_data(&mut out, prefix, data, line.terminator);
                written = true;
            }
            if !is_data {
                if line.content.is_empty() && line.terminator == b"\n" && out.last() == Some(&b'\r') {
                    // The line between the two is gone: without this, `\r` and `\n` would become one line end.
                    out.put_u8(b'\n');
                }
                out.put_slice(line.content);
                out.put_slice(line.terminator);
            }
        }
        out.freeze()
    }
}

/// Writes one line of data for each line of `data`.
fn write_data(out: &mut BytesMut, prefix: &[u8], data: &[u8], terminator: &[u8]) {
    let mut rest = Some(data);
    while let Some(text) = rest {
        let length = memchr::memchr2(b'\n', b'\r', text).unwrap_or(text.len());
        let (line, after) = text.split_at_checked(length).unwrap_or((text, &[]));
        // Clients drop one space after the colon: a line that starts with one needs another.
        out.put_slice(if line.starts_with(b" ") { b"data: " } else { prefix });
        out.put_slice(line);
        out.put_slice(terminator);
        rest = after.strip_prefix(b"\r\n").or_else(|| after.get(1..));
    }
}

/// One line of an event.
struct Line<'a> {
    /// A byte order mark before the first line of a stream, which is not part of it.
    lead: &'a [u8],
    content: &'a [u8],
    terminator: &'a [u8],
    /// No line follows in this event.
    is_last: bool,
}

impl<'a> Line<'a> {
    /// The name and value of the field; comments and names that are not UTF-8 have no name.
    fn field(&self) -> (&'a str, &'a [u8]) {
        let colon = memchr::memchr(b':', self.content).unwrap_or(self.content.len());
        let (name, rest) = self.content.split_at_checked(colon).unwrap_or((self.content, &[]));
        let value = rest.strip_prefix(b":").unwrap_or(rest);
        (std::str::from_utf8(name).unwrap_or_default(), value.strip_prefix(b" ").unwrap_or(value))
    }
}

/// The lines of an event, with what ends them.
fn lines(text: &[u8], is_first: bool) -> impl Iterator<Item = Line<'_>> {
    let marked = is_first && text.starts_with(b"\xef\xbb\xbf");
    let (lead, mut rest) = text.split_at_checked(if marked { 3 } else { 0 }).unwrap_or((&[], text));
    let mut lead = Some(lead);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let length = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let (content, after) = rest.split_at_checked(length)?;
        let terminated = if after.starts_with(b"\r\n") { 2 } else { after.len().min(1) };
        let (terminator, next) = after.split_at_checked(terminated)?;
        rest = next;
        Some(Line { lead: lead.take().unwrap_or_default(), content, terminator, is_last: rest.is_empty() })
    })
}

#[cfg(test)]
#[path = "sse_tests.rs"]
mod tests;
