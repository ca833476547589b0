//! What the log gets of requests that are turned away.

use super::{House, PERMIT_READS, Transport, server};
use crate::gate::TurnedAway;

fn turn_away(house: &House, reason: &'static str, last: u8) {
    let (listener, server, transport, ip) = ("mcp", &server(), Transport::Http, Some([10, 0, 0, last].into()));
    house.gate.turned_away(TurnedAway { listener, server, reason, transport, ip });
}

async fn recorded(house: &House, count: usize) -> Vec<String> {
    let records = house.records("unidentified", count).await;
    let line = |record: &serde_json::Value| {
        format!("{} {} x {} from {}", record["server"], record["reason"], record["count"], record["source"]["ip"])
            .replace('"', "")
    };
    records.iter().map(line).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_of_a_kind_is_recorded_at_once_and_those_after_it_together() {
    let house = House::open(PERMIT_READS, 1).await;
    (1..=100).for_each(|last| turn_away(&house, "expired", last));
    turn_away(&house, "missing", 7);
    let mut expected = vec!["shop expired x 1 from 10.0.0.1".to_owned(), "shop missing x 1 from 10.0.0.7".to_owned()];
    assert_eq!(recorded(&house, 2).await, expected);
    house.gate.record_all_turned_away();
    expected.push("shop expired x 99 from 10.0.0.2".to_owned());
    assert_eq!(recorded(&house, 3).await, expected);
    // A minute without any, and the next one is a first again.
    house.gate.record_all_turned_away();
    turn_away(&house, "expired", 9);
    expected.push("shop expired x 1 from 10.0.0.9".to_owned());
    assert_eq!(recorded(&house, 4).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_get_nothing_of_what_is_left_of_a_disk() {
    let house = House::open(PERMIT_READS, u64::MAX / 2).await;
    (1..=100).for_each(|last| turn_away(&house, "expired", last));
    house.gate.record_all_turned_away();
    assert_eq!(recorded(&house, 0).await, Vec::<String>::new());
}
