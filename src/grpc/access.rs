//! Who asks, as the connection shows it: looked at once for every request, before any service sees it.

use std::sync::Arc;

use tonic::service::Interceptor;
use tonic::{Code, Request, Status};

use super::problem::{Reason, problem};
use crate::identity::{Identity, Link, Unidentified};

/// The service that asks.
#[derive(Debug, Clone)]
pub(super) struct Asker {
    /// Its name: that of its certificate, or how it is connected.
    name: Arc<str>,
    /// Whether it may be told more than decisions: it showed a certificate, or nobody but this machine can connect.
    is_near: bool,
}

/// Looks at every request.
#[derive(Clone)]
pub(super) struct Guard {
    /// How the certificates of clients are known; `None` when they show none.
    services: Option<Identity>,
    /// Other machines may reach the listener.
    is_remote: bool,
}

impl Guard {
    pub(super) const fn new(services: Option<Identity>, is_remote: bool) -> Self {
        Self { services, is_remote }
    }
}

impl Interceptor for Guard {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let link = request.extensions().get::<Arc<Link>>();
        let name = match (&self.services, link) {
            (services, Some(link)) => link.service(services.as_ref()).map_err(|why| unknown(&why))?,
            (Some(_), None) => return Err(unknown(&Unidentified::Missing)),
            (None, None) => Arc::from("unknown"),
        };
        let is_near = self.services.is_some() || !self.is_remote;
        request.extensions_mut().insert(Asker { name, is_near });
        Ok(request)
    }
}

fn unknown(why: &Unidentified) -> Status {
    tracing::warn!(reason = why.word(), "a client of the gRPC face is turned away: {why}");
    problem(Code::Unauthenticated, Reason::Certificate, "the client's certificate does not hold (any more)")
}

/// The name of the service that asks, for records.
pub(super) fn asker<T>(request: &Request<T>) -> Arc<str> {
    request.extensions().get::<Asker>().map_or_else(|| "unknown".into(), |asker| Arc::clone(&asker.name))
}

/// Lets in only those who may be told more than decisions.
pub(super) fn only_near<T>(request: &Request<T>) -> Result<(), Status> {
    if request.extensions().get::<Asker>().is_some_and(|asker| asker.is_near) {
        return Ok(());
    }
    let sentence = "other machines reach this listener and clients show no certificates, so it tells nobody of the log and of \
                    policies: set `grpc.client_ca_file`, or listen on a loopback address or a socket";
    Err(problem(Code::PermissionDenied, Reason::Anybody, sentence))
}
