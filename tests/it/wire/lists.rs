//! A list never shows a tool that policy denies, however the server wraps it.

use super::{Framing, Lab, Method, PATH, Reply, json};

/// The denied tool is nowhere in the answer, neither by name nor by what it says about itself.
fn is_silent(reply: &Reply) -> bool {
    let text = String::from_utf8_lossy(&reply.body);
    !text.contains("destroy") && !text.contains("Removes everything")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_in_any_wrapping_hides_the_denied_tool_or_is_not_passed_on() {
    let mut lab = Lab::open().await;
    let mut faults = Vec::new();
    for framing in Framing::ALL {
        lab.upstream.frame_lists(framing);
        for (era, client) in [("legacy", &mut lab.legacy), ("modern", &mut lab.modern)] {
            for cursor in [json!({}), json!({"cursor": "page-2"})] {
                let reply = client.request("list", "tools/list", None, cursor.clone()).await.unwrap();
                // Unreadable under its own name: the agent is told that it failed, and sees nothing of it.
                let lying = matches!(
                    framing,
                    Framing::JsonCalledSse | Framing::SseCalledJson | Framing::JsonCalledText | Framing::JsonCalledNothing
                );
                let right = reply.is_good() || lying && reply.code() == Some(-32603);
                if !is_silent(&reply) || !right {
                    faults.push(format!("{framing:?} {era} {cursor}: {} {}", reply.status, String::from_utf8_lossy(&reply.body)));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_list_still_shows_the_allowed_tool() {
    let mut lab = Lab::open().await;
    for framing in
        [Framing::Json, Framing::Sse, Framing::SseSplit, Framing::SseCarriageReturn, Framing::SseCrowded, Framing::Paged]
    {
        lab.upstream.frame_lists(framing);
        for client in [&mut lab.legacy, &mut lab.modern] {
            let reply = client.request("list", "tools/list", None, json!({})).await.unwrap();
            assert!(String::from_utf8_lossy(&reply.body).contains("Says it again."), "{framing:?} {reply:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filtered_list_is_never_for_a_shared_cache() {
    let mut lab = Lab::open().await;
    for framing in [Framing::Json, Framing::Sse, Framing::Paged] {
        lab.upstream.frame_lists(framing);
        for cursor in [json!({}), json!({"cursor": "page-2"})] {
            let result = lab.modern.request("list", "tools/list", None, cursor).await.unwrap().json()["result"].clone();
            assert_eq!(result["cacheScope"], "private", "{framing:?} {result}");
            assert!(result["ttlMs"].as_u64().is_some_and(|ttl| ttl < 86_400_000), "{framing:?} {result}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_arrives_on_a_resumed_stream_is_filtered_too() {
    let mut lab = Lab::open().await;
    let mut headers = lab.legacy.headers("", None);
    headers.insert("accept", "text/event-stream".parse().unwrap());
    headers.insert("last-event-id", "6".parse().unwrap());
    headers.remove("content-type");
    let reply = lab.legacy.connection.send(Method::GET, PATH, &headers, b"").await.unwrap();
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(is_silent(&reply), "{reply:?}");
}
