//! The sidecar in pods of Kubernetes: golden pods, random pods, the command and the webhook with the real binary.

mod bridge;
mod command;
mod events;
mod golden;
mod own_certificate;
mod random;
mod restricted;
mod webhook;

#[path = "../../src/inject/fixture/settings.rs"]
mod administrator;

use administrator::settings;
use cedarpost::inject::{Binary, Settings};
