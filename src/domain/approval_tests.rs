//! Names of tickets, and the words for what becomes of them.

use super::*;

#[test]
fn a_ticket_has_one_name() {
    let id = TicketId::from_parts(1_795_000_000_000, 7);
    let text = id.to_string();
    assert!(text.starts_with("apr_") && text.len() == 30, "{text}");
    assert_eq!(TicketId::parse(&text), Some(id));
    for other in [
        "",
        "apr_",
        "apr_1",
        &text.to_lowercase(),
        &text.replace("apr_", ""),
        &format!("{text}0"),
        "apr_ZZZZZZZZZZZZZZZZZZZZZZZZZZ",
    ] {
        assert_eq!(TicketId::parse(other), None, "{other}");
    }
}

#[test]
fn every_word_is_read_as_what_it_was_written_for() {
    for state in TicketState::ALL {
        assert_eq!(TicketState::parse(state.name()), Some(state));
    }
    for channel in Channel::ALL {
        assert_eq!(Channel::parse(channel.name()), Some(channel));
    }
    for verdict in [Verdict::Approve, Verdict::Deny] {
        assert_eq!(Verdict::parse(verdict.name()), Some(verdict));
    }
    assert_eq!((TicketState::parse("Waiting"), Verdict::parse("allow"), Channel::parse("")), (None, None, None));
}

#[test]
fn a_ticket_is_over_when_nothing_can_come_of_it() {
    let open: Vec<_> = TicketState::ALL.into_iter().filter(|state| !state.is_over()).collect();
    assert_eq!(open, [TicketState::Waiting, TicketState::Granted]);
}
