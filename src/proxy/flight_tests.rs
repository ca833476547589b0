//! Ids in flight: what a client may do to its own requests, and what a server may do to them.

use super::*;

fn id(text: &str) -> RawId {
    RawId::from_text(text)
}

const fn flight(expect: Expect) -> Flight {
    Flight::new(Era::Legacy, expect, None)
}

fn flying(flights: &Flights, name: &str, expect: Expect) {
    flights.board(&id(name)).unwrap();
    assert!(flights.depart(&id(name), flight(expect)).is_ok());
}

#[test]
fn an_answer_ends_the_flight_of_its_request_once() {
    let flights = Flights::new(2);
    flying(&flights, "a", Expect::ToolResult);
    assert_eq!(flights.expectation(&id("a")), Some(Expect::ToolResult));
    assert_eq!(flights.land(&id("a")).map(|flight| flight.expect), Some(Expect::ToolResult));
    assert!(flights.land(&id("a")).is_none(), "a second answer answers nothing");
    assert!(flights.land(&id("b")).is_none(), "an answer to what nobody asked");
}

#[test]
fn an_id_in_use_is_not_used_again_until_it_is_answered() {
    let flights = Flights::new(2);
    flights.board(&id("a")).unwrap();
    assert_eq!(flights.board(&id("a")), Err(Grounded::SameId), "while it is being decided");
    assert!(flights.depart(&id("a"), flight(Expect::Plain)).is_ok());
    assert_eq!(flights.board(&id("a")), Err(Grounded::SameId), "while the server has it");
    assert_eq!(flights.expectation(&id("a")), Some(Expect::Plain), "the first request keeps its place");
    flights.land(&id("a"));
    assert_eq!(flights.board(&id("a")), Ok(()));
}

#[test]
fn flights_are_bounded_whether_they_have_departed_or_not() {
    let flights = Flights::new(2);
    flights.board(&id("a")).unwrap();
    flying(&flights, "b", Expect::Plain);
    assert_eq!(flights.board(&id("c")), Err(Grounded::TooMany));
    flights.disembark(&id("a"));
    assert_eq!(flights.board(&id("c")), Ok(()));
}

#[test]
fn what_is_cancelled_while_it_is_decided_never_departs() {
    let flights = Flights::new(1);
    flights.board(&id("a")).unwrap();
    assert_eq!(flights.cancel(&id("a")), Cancelled::BeforeDeparture);
    assert_eq!(flights.cancel(&id("a")), Cancelled::BeforeDeparture, "again");
    assert!(flights.depart(&id("a"), flight(Expect::ToolResult)).is_err());
    assert_eq!(flights.board(&id("a")), Ok(()), "the id is free again");
}

#[test]
fn a_request_that_the_server_has_stays_in_flight_when_it_is_cancelled() {
    let flights = Flights::new(1);
    flying(&flights, "a", Expect::ToolResult);
    assert!(!flights.is_cancelled(&id("a")));
    assert_eq!(flights.cancel(&id("a")), Cancelled::InFlight);
    assert!(flights.is_cancelled(&id("a")), "its server need not answer");
    assert!(flights.land(&id("a")).is_some_and(|flight| flight.cancelled), "its answer may have been on the way");
    assert_eq!(flights.cancel(&id("a")), Cancelled::Unknown);
}

#[test]
fn a_request_that_is_still_being_decided_cannot_be_answered() {
    let flights = Flights::new(1);
    flights.board(&id("a")).unwrap();
    assert!(flights.land(&id("a")).is_none(), "a server cannot know the id yet");
    assert_eq!(flights.expectation(&id("a")), None);
    assert!(flights.depart(&id("a"), flight(Expect::Plain)).is_ok(), "nor push it out of its place");
}

#[test]
fn what_never_boarded_never_departs() {
    assert!(Flights::new(1).depart(&id("a"), flight(Expect::Plain)).is_err());
}

#[test]
fn only_subscriptions_that_asked_for_it_are_told_of_tools() {
    let flights = Flights::new(4);
    flying(&flights, "a", Expect::Subscription { tools: true });
    flying(&flights, "b", Expect::Subscription { tools: false });
    flying(&flights, "c", Expect::List(ListKind::Tools));
    assert_eq!(flights.tool_subscriptions(), [id("a")]);
}
