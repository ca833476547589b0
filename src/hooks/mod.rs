//! Webhooks: what happens to tickets is told to services that people use, signed as Standard Webhooks say, or in the form of Slack.
//!
//! A face that only sends. Nobody is waited for: news goes into a bounded queue for each hook, and a task for each takes it from there,
//! tries again when it fails, and gives up after a while. A hook that does not work holds up neither calls nor other hooks. What is sent
//! tells who asks for what and why, and the arguments only when the settings say so: it leaves the house.
//!
//! Reading order: [`settings`] (where to, and what), `payload` and `slack` (what is said), [`sign`] (by whom), `deliver` (one message, until
//! it is taken), `run` (from the news to the queues).

mod deliver;
mod meter;
mod payload;
mod run;
pub mod settings;
pub mod sign;
mod slack;

pub use run::{Hooks, OpenError};
pub use settings::{Address, BadAddress, Event, Format, HookSettings, Settings, Target};
pub use sign::{BadSecret, Secrets};

#[cfg(test)]
mod tests;
