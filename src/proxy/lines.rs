//! Cutting a stream of bytes into lines: one message a line, as the stdio framing has it.
//!
//! Pure: it is fed what was read and gives out what is complete. Bytes are not looked at beyond the line end.

use bytes::{Buf, Bytes, BytesMut};

/// A buffer that grew beyond this for one long line is given back when it runs empty.
const KEEP_CAPACITY: usize = 64 * 1024;

/// A line is longer than the limit. What the sender meant cannot be known any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LineTooLong;

/// Splits a byte stream at `\n`, holding at most one line that is not complete yet.
#[derive(Debug)]
pub(super) struct Lines {
    buffer: BytesMut,
    /// Bytes at the front of `buffer` that are known to hold no line end, so that a long line is searched once.
    searched: usize,
    max_bytes: usize,
}

impl Lines {
    /// Lines of at most `max_bytes` bytes, the line end not counted.
    pub(super) fn new(max_bytes: usize) -> Self {
        Self { buffer: BytesMut::new(), searched: 0, max_bytes }
    }

    /// Where the next bytes are to be read to, with room for `additional` of them.
    pub(super) fn space(&mut self, additional: usize) -> &mut BytesMut {
        if self.buffer.is_empty() && self.buffer.capacity() > KEEP_CAPACITY {
            self.buffer = BytesMut::new();
        }
        self.buffer.reserve(additional);
        &mut self.buffer
    }

    /// The next complete line that is not blank, without its `\n` or `\r\n`; `None` when more bytes are needed.
    ///
    /// The line is a copy of exactly its size: a message that is kept for long pins no read buffer.
    pub(super) fn next_line(&mut self) -> Result<Option<Bytes>, LineTooLong> {
        loop {
            let unseen = self.buffer.get(self.searched..).unwrap_or_default();
            let Some(end) = memchr::memchr(b'\n', unseen).map(|at| self.searched + at) else {
                self.searched = self.buffer.len();
                return if without_cr(&self.buffer).len() > self.max_bytes { Err(LineTooLong) } else { Ok(None) };
            };
            let line = without_cr(self.buffer.get(..end).unwrap_or_default());
            if line.len() > self.max_bytes {
                return Err(LineTooLong);
            }
            let line = (!line.trim_ascii().is_empty()).then(|| Bytes::copy_from_slice(line));
            self.buffer.advance(end + 1);
            self.searched = 0;
            if line.is_some() {
                return Ok(line);
            }
        }
    }

    /// Takes the first part of a line that is too long, so that [`Lines::next_line`] goes on with the rest of it.
    pub(super) fn take_piece(&mut self) -> Bytes {
        self.searched = 0;
        self.buffer.split_to(self.max_bytes.min(self.buffer.len())).freeze()
    }

    /// Takes out whatever has been read and is no complete line.
    pub(super) fn take_rest(&mut self) -> Bytes {
        self.searched = 0;
        self.buffer.split().freeze()
    }
}

fn without_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The message as one line. A line break in JSON text can only stand between tokens, where a space means the same; on a transport of
/// lines it would end the message.
pub(super) fn on_one_line(message: Bytes) -> Bytes {
    if memchr::memchr2(b'\n', b'\r', &message).is_none() {
        return message;
    }
    message.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }).collect()
}

#[cfg(test)]
#[path = "lines_tests.rs"]
mod tests;
