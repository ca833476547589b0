//! Logs and the root of all metrics.
//!
//! Logs go to standard error, always: standard output belongs to MCP in `stdio` mode. Whoever reads standard error may be slow or gone,
//! so lines are written by a thread of their own (`stderr.rs`), and nobody waits for it. JSON lines (`json.rs`) use the words of
//! OpenTelemetry. What a line says is the business of the part that says it; metrics belong to each part, this only makes the registry.

mod json;
mod setup;
mod stderr;

pub use setup::{Format, InitError, LevelError, Settings, check_level, init, registry};
pub use stderr::Logging;

#[cfg(test)]
mod tests;
