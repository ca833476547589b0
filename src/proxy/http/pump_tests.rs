//! Events without data: what a client may see unread.

use super::*;

fn events(stream: &str) -> Vec<sse::Event> {
    sse::Framer::new(1024).push(Bytes::copy_from_slice(stream.as_bytes())).unwrap()
}

#[test]
fn comments_ids_and_pauses_say_nothing() {
    for stream in
        [": hello\n\n", ":\n\n", "\n", "id: 1\nretry: 500\ndata:\n\n", "id\r\n\r\n", "event: message\r\r", "\u{feff}id: 1\n\n"]
    {
        assert!(events(stream).iter().all(says_nothing), "{stream:?}");
    }
}

#[test]
fn anything_else_might_be_read_by_somebody() {
    let strange = [
        "{\"jsonrpc\":\"2.0\",\n\n",
        "\"result\":{\"tools\":[]}}\n\n",
        "[\n\n",
        "id: 1\nvendor: x\n\n",
        " data: x\n\n",
        "Data: x\n\n",
        "\u{1f}\u{8b}\n\n",
    ];
    for stream in strange {
        assert!(!events(stream).iter().any(says_nothing), "{stream:?}");
    }
}
