//! What is written in a state is what is read in it, and nothing else is.

use super::*;

#[test]
fn a_state_is_read_as_it_was_written() {
    for (asked, theirs) in [
        (Asked::Page, ""),
        (Asked::Form, r#""inputResponses":{"a":1}"#),
        (Asked::Patience, "\"requestState\":\"lines\nand spaces \""),
    ] {
        let state = State { ticket: TicketId::from_parts(1, 2), number: 7, asked, theirs: theirs.to_owned() };
        assert_eq!(State::read(&state.written()), Some(state));
    }
}

#[test]
fn what_was_not_written_so_is_no_state() {
    let ticket = TicketId::from_parts(1, 2);
    for text in [
        String::new(),
        format!("{ticket} 1 page"),
        format!("{ticket} 1\n"),
        format!("{ticket} one page\n"),
        format!("{ticket} 1 book\n"),
        format!("{ticket} 1 page form\n"),
        "apr_1 1 page\n".to_owned(),
    ] {
        assert_eq!(State::read(&text), None, "{text}");
    }
}
