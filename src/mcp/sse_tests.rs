//! Event streams, however they arrive.

use bytes::Bytes;
use proptest::prelude::*;

use super::{Event, Framer, SseError};

/// The events of a stream that comes in these chunks.
fn frame(chunks: &[&[u8]]) -> Vec<Event> {
    let mut framer = Framer::new(1000);
    chunks.iter().flat_map(|chunk| framer.push(Bytes::copy_from_slice(chunk)).unwrap()).collect()
}

/// The data of all events, `-` for an event without.
fn data(stream: &[u8]) -> Vec<String> {
    frame(&[stream])
        .iter()
        .map(|event| event.data.as_deref().map_or("-".into(), |data| String::from_utf8_lossy(data).into()))
        .collect()
}

#[test]
fn an_event_ends_with_an_empty_line_whatever_ends_its_lines() {
    for (stream, expected) in [
        (&b"data: a\n\ndata: b\n\n"[..], &["a", "b"][..]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", &["a", "b"]),
        (b"data: a\r\rdata: b\r\r", &["a", "b"]),
        (b"data: a\r\n\ndata: b\n\r\n", &["a", "b"]),
        (b"data: a\n\rdata: b\r\n\r", &["a", "b"]),
        (b"data: a\ndata: b\n\n", &["a\nb"]),
        (b"data: a\rdata: b\r\ndata: c\n\n", &["a\nb\nc"]),
        (b"data:a\n\ndata:  a\n\ndata\n\ndata: \n\n", &["a", " a", "", ""]),
        (b": comment\n\n\n\ndata: a\n\n", &["-", "-", "-", "a"]),
        (b"id: 1\nretry: 5\n\n", &["-"]),
        (b"Data: x\ndata : y\n data: z\ndata: a\n\n", &["a"]),
        (b"\xef\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n", &["a", "-"]),
        (b"data: a\n\ndata: unfinished\n", &["a"]),
    ] {
        assert_eq!(data(stream), expected, "{}", String::from_utf8_lossy(stream));
    }
}

#[test]
fn an_event_is_given_out_with_its_last_byte_even_when_that_is_half_a_line_end() {
    let mut framer = Framer::new(100);
    let first = framer.push(Bytes::from_static(b"data: a\r\n\r")).unwrap();
    assert_eq!((first.len(), first[0].raw.as_ref()), (1, &b"data: a\r\n\r"[..]));
    assert_eq!(framer.push(Bytes::new()).unwrap(), []);
    let second = framer.push(Bytes::from_static(b"\ndata: b\r\n\r\n")).unwrap();
    assert_eq!((second.len(), second[0].raw.as_ref()), (1, &b"\ndata: b\r\n\r\n"[..]));
    assert_eq!(second[0].data.as_deref(), Some(&b"b"[..]));
    let mut framer = Framer::new(100);
    assert_eq!(framer.push(Bytes::from_static(b"data: a\r")).unwrap(), []);
    assert_eq!(framer.push(Bytes::from_static(b"\n")).unwrap(), []);
    assert_eq!(framer.push(Bytes::from_static(b"\n")).unwrap()[0].raw.as_ref(), b"data: a\r\n\n");
}

#[test]
fn the_name_and_id_of_an_event_are_those_of_its_last_such_lines() {
    let events = frame(&[b"event: a\nid: 1\nevent: message\nid:2\nid: bad\0id\ndata: x\n\n"]);
    assert_eq!((events[0].event.as_deref(), events[0].id.as_deref()), (Some(&b"message"[..]), Some(&b"2"[..])));
}

#[test]
fn new_data_leaves_every_other_line_as_it_is() {
    for (event, new, expected) in [
        (&b": c\nid: 7\ndata: a\nretry: 5\n\n"[..], &b"{}"[..], &b": c\nid: 7\ndata: {}\nretry: 5\n\n"[..]),
        (b"data:a\r\nid: 1\r\ndata: b\r\n\r\n", b"x", b"data:x\r\nid: 1\r\n\r\n"),
        (b"event: message\rdata: a\r\r", b"1\n2\r\n3\r4", b"event: message\rdata: 1\rdata: 2\rdata: 3\rdata: 4\r\r"),
        (b"data: a\n\r\n", b"", b"data: \n\r\n"),
        (b"data:a\n\n", b" x", b"data:  x\n\n"),
        (b"data: a\rdata: b\n\n", b"x", b"data: x\r\n\n"),
        (b"id: 1\n\n", b"x", b"id: 1\ndata: x\n\n"),
        (b"\xef\xbb\xbfdata: a\n\n", b"x", b"\xef\xbb\xbfdata: x\n\n"),
    ] {
        let seen = frame(&[event])[0].with_data(new);
        assert_eq!(String::from_utf8_lossy(&seen), String::from_utf8_lossy(expected));
    }
    let events = frame(&[b"data: a\r\n\r", b"\ndata: b\r\n\r\n"]);
    assert_eq!(events[1].with_data(b"x").as_ref(), b"\ndata: x\r\n\r\n");
}

#[test]
fn an_event_over_the_limit_ends_the_stream_for_good() {
    let long = SseError::TooLong { limit: 10 };
    let mut framer = Framer::new(10);
    assert_eq!(framer.push(Bytes::from_static(b"data: ab\n\n")).unwrap().len(), 1);
    assert_eq!(framer.push(Bytes::from_static(b"data: abc\n\n")), Err(long));
    assert_eq!(framer.push(Bytes::from_static(b"data: a\n\n")), Err(long));
    let mut framer = Framer::new(10);
    assert_eq!(framer.push(Bytes::from_static(b"data: abc")), Ok(vec![]));
    assert_eq!(framer.push(Bytes::from_static(b"de")), Err(long), "an event that never ends is not kept");
}

#[test]
fn a_whole_event_is_not_copied() {
    let chunk = Bytes::from_static(b"id: 1\ndata: abc\n\n");
    let events = Framer::new(100).push(chunk.clone()).unwrap();
    assert_eq!(events[0].raw.as_ptr(), chunk.as_ptr());
    assert_eq!(events[0].data.as_ref().unwrap().as_ptr(), chunk[12..].as_ptr());
}

/// Streams that consist of what matters, in any order.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let parts: Vec<&[u8]> =
        vec![b"\n", b"\r", b"\r\n", b"data: ", b"data", b":", b"id: 1", b"event: e", b"{}", b" ", b"\xef\xbb\xbf", b"\xff"];
    prop::collection::vec(prop::sample::select(parts), 0..40).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn every_byte_comes_back_and_the_cuts_change_nothing(stream in stream(), cuts in prop::collection::vec(1_usize..6, 1..60)) {
        let mut framer = Framer::new(1000);
        let whole = framer.push(Bytes::from(stream.clone())).unwrap();
        let mut bytes: Vec<u8> = whole.iter().flat_map(|event| event.raw.to_vec()).collect();
        bytes.extend(framer.finish());
        prop_assert_eq!(&bytes, &stream);

        let (mut framer, mut rest, mut cut) = (Framer::new(1000), stream.as_slice(), Vec::new());
        for size in cuts.iter().cycle() {
            let (chunk, after) = rest.split_at((*size).min(rest.len()));
            cut.extend(framer.push(Bytes::copy_from_slice(chunk)).unwrap());
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        let mut bytes: Vec<u8> = cut.iter().flat_map(|event| event.raw.to_vec()).collect();
        bytes.extend(framer.finish());
        prop_assert_eq!(&bytes, &stream);
        let said = |events: &[Event]| events.iter().map(|event| (event.data.clone(), event.event.clone(), event.id.clone())).collect::<Vec<_>>();
        prop_assert_eq!(said(&whole), said(&cut));
    }

    #[test]
    fn new_data_is_read_back(stream in stream(), new in "[a-z{}\" ]{0,9}") {
        for event in frame(&[&stream]).into_iter().filter(|event| event.data.is_some() && !event.is_first) {
            let again = frame(&[b"\n", &event.with_data(new.as_bytes())]);
            let said: Vec<_> = again.iter().filter_map(|event| event.data.as_deref()).collect();
            prop_assert_eq!(said, [new.as_bytes()]);
        }
    }
}
