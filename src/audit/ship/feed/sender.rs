//! Puts records into requests and sends them, one at a time, each with a deadline. Tries nothing twice.

use std::io::{self, Write as _};
use std::path::PathBuf;

use bytes::Bytes;
use flate2::write::GzEncoder;
use http::{HeaderValue, Request, header};

use super::answer::{Answer, judge};
use super::record::LogRecord;
use super::settings::{Compression, Endpoint, FeedSettings, Headers, Protocol, sensitive};
use super::{attributes, json, protobuf};
use crate::audit::export::Entry;
use crate::clock::Clock;
use crate::domain::Timestamp;
use crate::outbound::{Limits, Outbound, OutboundError, PlainHttp};

/// The longest answer that is read, in bytes.
const MAX_ANSWER: usize = 64 << 10;
/// The name of what makes the records.
const SCOPE: &str = "cedarpost.audit";
/// The version of what makes them.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    /// There was none, or it was lost.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// The value of a header cannot be read.
    #[error("failed to read the header `{name}` from `{path}`")]
    HeaderFile {
        /// The header.
        name: String,
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The request could not be made smaller.
    #[error("failed to compress a request")]
    Compress(#[source] io::Error),
    /// The request could not be put together.
    #[error("failed to make a request")]
    Request(#[source] http::Error),
}

/// A record as it stands in a request.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) seq: u64,
    bytes: Vec<u8>,
}

impl Piece {
    /// How much of a request it takes, roughly.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }
}

/// Sends to one collector.
pub(super) struct Sender {
    outbound: Outbound,
    endpoint: Endpoint,
    protocol: Protocol,
    compression: Compression,
    headers: Headers,
    limits: Limits,
    clock: Clock,
}

impl Sender {
    pub(super) fn new(settings: &FeedSettings, outbound: &Outbound, clock: Clock) -> Self {
        Self {
            outbound: outbound.speaking(plain_http(settings)),
            endpoint: settings.endpoint.clone(),
            protocol: settings.protocol,
            compression: settings.compression,
            headers: settings.headers.clone(),
            limits: Limits { deadline: settings.deadline, max_body: MAX_ANSWER },
            clock,
        }
    }

    /// The time of day.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Encodes a record.
    pub(super) fn piece(&self, entry: &Entry<'_>, observed: Timestamp) -> Piece {
        let record = LogRecord::of(entry, observed);
        let bytes = match self.protocol {
            Protocol::Protobuf => protobuf::record(&record),
            Protocol::Json => json::record(&record),
        };
        Piece { seq: entry.seq(), bytes }
    }

    /// The body of a request with these records of the log `origin`.
    fn body(&self, origin: &str, pieces: &[Piece]) -> Vec<u8> {
        let resource = attributes::of_resource(origin, VERSION);
        let (scope, records) = ((SCOPE, VERSION), pieces.iter().map(|piece| piece.bytes.as_slice()));
        match self.protocol {
            Protocol::Protobuf => protobuf::request(&resource, scope, records),
            Protocol::Json => json::request(&resource, scope, records),
        }
    }

    /// Sends records, and reads what the collector says about them. Also tells how many bytes went.
    pub(super) async fn send(&self, origin: &str, pieces: &[Piece]) -> Result<(Answer, usize), SendError> {
        let request = self.request(self.body(origin, pieces)).await?;
        let bytes = request.body().len();
        let answer = self.outbound.request(request, self.limits).await?;
        Ok((judge(&answer, pieces.len() as u64, self.now()), bytes))
    }

    async fn request(&self, body: Vec<u8>) -> Result<Request<Bytes>, SendError> {
        let kind = match self.protocol {
            Protocol::Protobuf => "application/x-protobuf",
            Protocol::Json => "application/json",
        };
        let mut request = Request::post(self.endpoint.uri()).header(header::CONTENT_TYPE, kind);
        let body = match self.compression {
            Compression::None => body,
            Compression::Gzip => {
                request = request.header(header::CONTENT_ENCODING, "gzip");
                gzip(&body).map_err(SendError::Compress)?
            }
        };
        for (name, value) in self.headers.given() {
            request = request.header(name, value);
        }
        for (name, path) in self.headers.files() {
            let failed = |source| SendError::HeaderFile { name: name.to_string(), path: path.clone(), source };
            request = request.header(name, value_in(path).await.map_err(failed)?);
        }
        request.body(body.into()).map_err(SendError::Request)
    }
}

/// To whom plain HTTP is spoken: besides this machine to the collector, if the settings say so.
fn plain_http(settings: &FeedSettings) -> PlainHttp {
    let host = settings.plaintext_non_loopback.then(|| settings.endpoint.host().to_owned());
    PlainHttp::Also(host.into_iter().collect())
}

/// The value of a header in a file, as it is now: who exchanges a key need not restart us.
async fn value_in(path: &PathBuf) -> io::Result<HeaderValue> {
    let content = tokio::fs::read(path).await?;
    sensitive(&content).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it has characters that a header cannot have"))
}

fn gzip(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), flate2::Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}

#[cfg(test)]
#[path = "sender_tests.rs"]
mod tests;
