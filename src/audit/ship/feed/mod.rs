//! The live feed: each record, soon after it is durable, as a log record of OpenTelemetry (OTLP over HTTP) to one collector.
//!
//! At least once, in the order of the log, nothing left out: the cursor moves only after the collector has said that it took every
//! record of a request. An answer is read for that: `200` with rejected records is no success. A record that the collector will not
//! take stops the feed there, with an alarm, until it is taken; whoever receives tells duplicates by `audit.origin` and `audit.seq`.
//!
//! The feed never holds up a decision: the log on disk is its buffer. What the collector does with a record is the collector's word;
//! nothing is ever pruned on the strength of it.
//!
//! Read in this order: [`settings`], `record` (what a record becomes), `protobuf` and `json` (its two encodings), `answer`, `sender`,
//! [`run`].

mod answer;
mod attributes;
mod batch;
mod count;
mod json;
mod protobuf;
mod record;
pub mod run;
mod sender;
pub mod settings;

pub use run::Feed;
pub use settings::{Compression, Endpoint, EndpointError, FeedSettings, HeaderError, Headers, Protocol};
