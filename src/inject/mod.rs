//! Puts the sidecar into pods of Kubernetes: a pure function from a pod and the settings of an administrator to a JSON patch.
//!
//! [`inject`] is what `cedarpost inject` and the webhook share. It works on raw JSON, so that fields which are newer than this program
//! stay as they are, and every operation of its patch is written out: nothing is compared to find out what changed. Whatever carries a
//! name of ours in the pod is taken out first and put in anew, so a container that only bears the sidecar's name is replaced.
//! [`manifest`] finds pods in manifests, [`yaml`] reads and writes those, and [`review`] is the conversation with an API server.
//!
//! Nothing here talks to anybody. Names are in `names`, what a pod may ask for in `wish`, what it gets in `sidecar`; `docs/kubernetes.md`
//! tells users.

mod env;
#[cfg(test)]
pub(crate) mod fixture;
mod image;
pub mod manifest;
mod names;
mod pass;
mod patch;
mod pod;
mod probes;
mod quantity;
mod refused;
pub mod review;
mod settings;
mod sidecar;
mod status;
mod strip;
mod subject;
mod wish;
pub mod yaml;

pub use image::Image;
pub use names::{INJECTED_LABEL, POD_LABEL, STATUS};
pub use pass::{Outcome, Patch, inject, remove};
pub use patch::{Op, apply};
pub use quantity::Quantity;
pub use refused::Refused;
pub use settings::{Binary, Settings};
pub use subject::Subject;
pub use wish::is_object_name;
