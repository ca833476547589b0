//! Sessions that are nobody's, somebody else's, or missing where one is needed.

use super::{Case, Lab, Method, NO_SESSION, STRANGER, Want, call};

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_was_not_opened_here_does_not_exist() {
    let mut lab = Lab::open().await;
    // The server has opened and would honour this one, but not for a client of this sidecar.
    let direct = STRANGER;
    let ids = [direct, "unknown", "session-0", "../session-1", "00000000-0000-0000-0000-000000000000"];
    let mut table: Vec<Case> = Vec::new();
    for id in ids {
        table.push(lab.legacy(&format!("call in {id}"), call("echo"), NO_SESSION).with("mcp-session-id", id));
        table.push(lab.legacy(&format!("end of {id}"), "", NO_SESSION).with("mcp-session-id", id).method(Method::DELETE));
        let stream = lab.legacy(&format!("stream of {id}"), "", NO_SESSION).with("mcp-session-id", id).method(Method::GET);
        table.push(stream.with("accept", "text/event-stream").with("last-event-id", "7"));
    }
    lab.refuses(table).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_or_an_end_without_a_session_is_refused() {
    let mut lab = Lab::open().await;
    let refused = Want::Refused(&[400, 404, 405], &[]);
    let table = vec![
        lab.legacy("stream", "", refused).without("mcp-session-id").method(Method::GET).with("last-event-id", "7"),
        lab.legacy("end", "", refused).without("mcp-session-id").method(Method::DELETE),
        lab.legacy("two sessions", call("echo"), refused).also("mcp-session-id", STRANGER),
        lab.legacy("another verb", call("echo"), Want::Refused(&[405], &[])).method(Method::PUT),
        lab.legacy("another verb without a body", "", Want::Refused(&[405], &[])).method(Method::PATCH),
    ];
    lab.refuses(table).await;
}
