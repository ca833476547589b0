//! What must hold for every event stream, however it is cut: every byte comes back, and the cuts do not change what the events say.

use bytes::Bytes;
use cedarpost::mcp::sse::{Event, Framer};

/// The first byte of `data` says how long the chunks are, the rest is the stream.
pub(crate) fn check(data: &[u8]) {
    let Some((size, stream)) = data.split_first() else { return };
    let (whole, rest) = read(stream, stream.len().max(1));
    let (cut, cut_rest) = read(stream, usize::from(*size).max(1));
    assert_eq!(joined(&whole, &rest), stream, "every byte comes back");
    assert_eq!(joined(&cut, &cut_rest), stream, "every byte comes back, cut or not");
    let said = |events: &[Event]| {
        let heard = events.iter().filter(|event| event.data.is_some());
        heard.map(|event| (event.data.clone(), event.event.clone(), event.id.clone())).collect::<Vec<_>>()
    };
    assert_eq!(said(&whole), said(&cut), "the cuts do not change what is said");
    for (index, event) in whole.iter().enumerate().filter(|(_, event)| event.data.is_some()) {
        replaced_data_is_read_back(event, index == 0);
    }
}

/// An event with other data says that data, and the same for the rest.
fn replaced_data_is_read_back(event: &Event, is_first: bool) {
    let mut framer = Framer::new(usize::MAX);
    if !is_first {
        let lead = framer.push(Bytes::from_static(b"\n")).expect("there is no limit");
        assert_eq!(lead.len(), 1);
    }
    let events = framer.push(event.with_data(b"{\"a\":\n1}")).expect("there is no limit");
    let said: Vec<_> = events.iter().filter(|event| event.data.is_some()).collect();
    let [read] = said.as_slice() else { panic!("{} events instead of one", said.len()) };
    assert_eq!(read.data.as_deref(), Some(&b"{\"a\":\n1}"[..]));
    assert_eq!((&read.event, &read.id), (&event.event, &event.id));
}

fn read(stream: &[u8], size: usize) -> (Vec<Event>, Bytes) {
    let mut framer = Framer::new(usize::MAX);
    let mut events = Vec::new();
    for chunk in stream.chunks(size) {
        events.extend(framer.push(Bytes::copy_from_slice(chunk)).expect("there is no limit"));
    }
    (events, framer.finish())
}

fn joined(events: &[Event], rest: &[u8]) -> Vec<u8> {
    let mut bytes: Vec<u8> = events.iter().flat_map(|event| event.raw.iter().copied()).collect();
    bytes.extend_from_slice(rest);
    bytes
}
