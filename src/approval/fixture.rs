//! Tickets for tests.

use std::sync::Arc;

use bytes::Bytes;

use super::ticket::{Asker, Bound, Grant, Ticket, Vote};
use crate::domain::{
    Action, Actor, AgentId, Caller, Channel, DecisionId, Memberships, ServerName, Source, Target, Terms, TicketId, TicketState,
    Timestamp, Transport, UserId, Verdict,
};

/// When tickets are asked for.
pub(super) const ASKED: i64 = 1_795_000_000_000_000;
/// How long they wait, in microseconds.
pub(super) const LIFE: i64 = 900_000_000;

pub(super) const fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(ASKED + micros)
}

pub(super) fn caller() -> Caller {
    Caller::new(AgentId::new("bot"), Actor::Person(UserId::new("ann")))
}

pub(super) fn bound(arguments: &str) -> Bound {
    Bound {
        asker: Asker::of(&caller()),
        server: ServerName::new("shop").unwrap(),
        action: Action::ToolsCall,
        target: Target::Tool("refund".into()),
        via: None,
        arguments: Some(Bytes::copy_from_slice(arguments.as_bytes())),
        definition: None,
    }
}

pub(super) fn ticket(number: u64, arguments: &str) -> Ticket {
    let bound = bound(arguments);
    Ticket {
        id: TicketId::from_parts(1_795_000_000_000, number.into()),
        digest: bound.digest(),
        bound,
        source: Source { transport: Transport::Http, ip: Some([10, 0, 0, 7].into()), session: None },
        decision: DecisionId::from_parts(1_795_000_000_000, number.into()),
        seq: number,
        asked: at(0),
        expires: at(LIFE),
        terms: Terms { groups: vec!["owners".into()], ..Terms::default() },
        votes: Vec::new(),
        state: TicketState::Waiting,
        grant: None,
        used: 0,
        ended: None,
    }
}

pub(super) fn vote(ruler: &str, verdict: Verdict, micros: i64) -> Vote {
    let standing = Memberships { roles: [Arc::from("owner")].into(), ..Memberships::default() };
    Vote { ruler: UserId::new(ruler), standing, verdict, at: at(micros), comment: Some("fine".into()), channel: Channel::Cli }
}

pub(super) const fn once(until: i64) -> Grant {
    Grant { until: at(until), uses: Some(1), any_arguments: false, window: false }
}
