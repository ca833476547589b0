//! The kill switch: who is denied is out within a second, with all that they have open.

use std::fs;

use tokio::time::Instant;

use super::{Answer, Duration, Era, House, json};

#[tokio::test(flavor = "multi_thread")]
async fn who_is_denied_is_out_within_a_second_with_everything_that_they_have_open() {
    for (line, change) in [("agent helper", json!({})), ("user alice # left", json!({})), ("token t-1", json!({}))] {
        let (events, stream) = Answer::events();
        let mut stream = Some(stream);
        let house = House::with("", "", move |seen, message| {
            if seen.method == "GET" {
                return stream.take();
            }
            // A call that takes for ever.
            (message["params"]["name"] == "echo" && message["params"]["arguments"]["slow"] == true).then_some(Answer::Silence)
        })
        .await;
        let mut alice = house.client(Era::Legacy, &house.idp.token(change)).await;
        let mut bob =
            house.client(Era::Modern, &house.idp.token(json!({ "sub": "bob", "client_id": "other", "jti": "t-2" }))).await;
        let mut listening = alice.listen(house.sidecar.address, None).await;
        events.send("data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{}}\n\n".into()).unwrap();
        assert!(listening.next().await.is_some(), "{line}");
        let mut slow = house.client(Era::Modern, &house.idp.token(json!({}))).await;
        let waiting = tokio::spawn(async move { slow.call("s", "echo", json!({ "slow": true })).await.unwrap() });
        house.ear.message(|message| message["params"]["arguments"]["slow"] == true).await;

        let begun = Instant::now();
        fs::write(house.home.path("deny"), line).unwrap();
        assert_eq!(listening.next().await, None, "{line}: the stream ends");
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(1), "{line}: {took:?}");
        let cut = waiting.await.unwrap();
        assert_eq!(cut.status, 401, "{line}: what is under way ends: {cut:?}");
        let refused = alice.call("1", "echo", json!({})).await.unwrap();
        assert_eq!(refused.status, 401, "{line}: {refused:?}");
        assert!(bob.call("1", "echo", json!({})).await.unwrap().is_good(), "{line}: others are let in as before");

        fs::write(house.home.path("deny"), "").unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let gone = alice.call("2", "echo", json!({})).await.unwrap();
        assert_eq!(gone.status, 404, "{line}: the session has ended with the denial: {gone:?}");
    }
}
