//! Who asks: the service at the other end of the connection.

use std::sync::Arc;

use tonic::Request;

use crate::listen::Peer;

/// The service that asks, as the connection shows it.
pub(super) fn asker<T>(request: &Request<T>) -> Arc<str> {
    request.extensions().get::<Arc<Peer>>().map_or_else(|| "unknown".into(), |peer| peer.to_string().into())
}
