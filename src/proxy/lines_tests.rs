//! Cutting bytes into lines.

use super::*;

/// Feeds `chunks` one after the other and gives all lines, then how it ended.
fn split(max_bytes: usize, chunks: &[&[u8]]) -> (Vec<Vec<u8>>, Result<Vec<u8>, LineTooLong>) {
    let mut lines = Lines::new(max_bytes);
    let mut seen = Vec::new();
    for chunk in chunks {
        lines.space(chunk.len()).extend_from_slice(chunk);
        loop {
            match lines.next_line() {
                Ok(Some(line)) => seen.push(line.to_vec()),
                Ok(None) => break,
                Err(error) => return (seen, Err(error)),
            }
        }
    }
    (seen, Ok(lines.take_rest().to_vec()))
}

#[test]
fn lines_come_out_whole_however_the_bytes_arrive() {
    type Chunks = &'static [&'static [u8]];
    let cases: [(Chunks, Chunks, &[u8]); 7] = [
        (&[b"one\ntwo\n"], &[b"one", b"two"], b""),
        (&[b"o", b"ne", b"\n", b"two\n"], &[b"one", b"two"], b""),
        (&[b"one\r\ntwo\r", b"\n"], &[b"one", b"two"], b""),
        (&[b"\n\n \t\n\r\none\n\n"], &[b"one"], b""),
        (&[b"one\nhalf"], &[b"one"], b"half"),
        (&[b"\xff\xfe\n"], &[b"\xff\xfe"], b""),
        (&[b"a\rb\n"], &[b"a\rb"], b""),
    ];
    for (chunks, expected, rest) in cases {
        let (seen, end) = split(100, chunks);
        assert_eq!(seen, expected, "{chunks:?}");
        assert_eq!(end, Ok(rest.to_vec()), "{chunks:?}");
    }
}

#[test]
fn a_line_may_be_exactly_as_long_as_the_limit_and_no_longer() {
    assert_eq!(split(4, &[b"1234\n", b"1234\r\n"]).0, [b"1234", b"1234"]);
    assert_eq!(split(4, &[b"12345\n"]), (vec![], Err(LineTooLong)));
    assert_eq!(split(4, &[b"ok\n", b"123", b"45"]), (vec![b"ok".to_vec()], Err(LineTooLong)));
}

#[test]
fn a_long_line_does_not_leave_a_large_buffer_behind() {
    let mut lines = Lines::new(1 << 20);
    lines.space(1 << 20).extend_from_slice(&vec![b'x'; 1 << 20]);
    lines.space(1).extend_from_slice(b"\n");
    assert_eq!(lines.next_line().unwrap().unwrap().len(), 1 << 20);
    assert!(lines.space(16).capacity() <= KEEP_CAPACITY);
}
