//! What the gRPC services look into: the log, and policies that are tried out.

use std::error::Error;
use std::sync::Arc;

use crate::app::tail;
use crate::audit::archive::{ArchiveError, Facet, Order, Pattern, Query};
use crate::audit::{AuditReader, Kind, ProveError, ReadError};
use crate::gate::Gate;
use crate::grpc::{Book, BookError, Extent, Head, Lab, Record, Verdict, Wanted};
use crate::policy::{self, PolicySnapshot};

/// The stack on which policies of others are checked, in bytes.
const STACK: usize = 32 << 20;

/// The log.
pub(super) struct LogBook(pub(super) AuditReader);

impl Book for LogBook {
    fn extent(&self) -> Extent {
        // What is pruned meanwhile only makes the first larger.
        let first = self.0.first();
        Extent { first, size: self.0.len() }
    }

    fn find(&self, wanted: &Wanted) -> Result<Vec<Record>, BookError> {
        let found = self.0.find(&query(wanted)?).map_err(unreadable)?;
        Ok(found.iter().map(tail::told).collect())
    }

    fn prove(&self, seq: u64) -> Result<(Record, String), BookError> {
        let proven = self.0.prove(seq).map_err(|error| match error {
            ProveError::NoRecord(seq) => BookError::Missing(seq),
            ProveError::Unsigned(seq) => BookError::Unsigned(seq),
            ProveError::Read(ReadError::Archive(ArchiveError::Pruned { .. })) => BookError::Pruned(seq),
            error => BookError::Unreadable(Box::new(error)),
        })?;
        Ok((tail::told(&proven.record), proven.proof.to_string()))
    }

    fn checkpoint(&self) -> Head {
        let signed = self.0.checkpoint();
        let checkpoint = signed.checkpoint();
        Head {
            note: signed.to_string(),
            origin: checkpoint.origin().to_owned(),
            size: checkpoint.size(),
            root: *checkpoint.root().as_bytes(),
        }
    }
}

fn unreadable(error: ReadError) -> BookError {
    BookError::Unreadable(Box::new(error))
}

fn query(wanted: &Wanted) -> Result<Query, BookError> {
    let Wanted { kind, verdict, agent, actor, server, action, target, session, policy, .. } = wanted;
    let Wanted { id, since, until, from, to, outcomes, oldest_first, limit, .. } = *wanted;
    if kind.as_deref().is_some_and(|kind| !kind.ends_with('*') && Kind::parse(kind).is_none()) {
        return Err(BookError::Kind);
    }
    let terms = [
        (Facet::Kind, kind),
        (Facet::Verdict, verdict),
        (Facet::Agent, agent),
        (Facet::Actor, actor),
        (Facet::Server, server),
        (Facet::Action, action),
        (Facet::Target, target),
        (Facet::Session, session),
        (Facet::Policy, policy),
    ];
    let terms = terms.into_iter().filter_map(|(facet, text)| Some((facet, Pattern::from(text.as_deref()?)))).collect();
    let order = if oldest_first { Order::OldestFirst } else { Order::NewestFirst };
    Ok(Query { terms, id, since, until, from, to, outcomes, order, limit })
}

/// Where policies are tried out: with the schema, the entities and the lock as their files are, and the tools that servers list now.
pub(super) struct PolicyLab {
    pub(super) gate: Gate,
    pub(super) settings: Arc<policy::Settings>,
}

impl Lab for PolicyLab {
    fn check(&self, files: &[(String, String)]) -> Result<Verdict, Box<dyn Error + Send + Sync>> {
        let intricate = policy::intricate(files);
        if !intricate.is_empty() {
            return Ok(Verdict { errors: intricate, ..Verdict::default() });
        }
        let files = policy::read(&self.settings)?.with_policies(files);
        let now = self.gate.snapshot();
        let check = || match PolicySnapshot::build(&self.settings, &files, now.catalog()) {
            Ok(tried) => Verdict { policies: Some(tried.policy_count()), warnings: tried.lint(), errors: Vec::new() },
            Err(error) => Verdict { errors: error.problems(), ..Verdict::default() },
        };
        // Parsers call themselves: with room enough, what is let through above fits by far.
        std::thread::scope(|scope| {
            let checking = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, check)?;
            checking.join().map_err(|_| "the check of policies broke off".into())
        })
    }
}
