//! What an administrator says about injection: what pods get, and within which bounds they may ask for something else.

use super::image::Image;
use super::quantity::Quantity;

/// The settings of injection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The sidecar's image.
    pub image: Image,
    /// Other images that a pod may ask for.
    pub allowed_images: Vec<Image>,
    /// When the image is pulled: `Always`, `IfNotPresent` or `Never`.
    pub pull_policy: String,
    /// The ConfigMap with `cedarpost.toml`, in the namespace of the pod.
    pub config_map: String,
    /// The ConfigMap with policies, in the namespace of the pod.
    pub policy_config_map: String,
    /// For whom the sidecar's token is.
    pub audience: String,
    /// Whether the sidecar gets a second token, with which an API server knows it as the pod's service account: whoever may read the
    /// cluster's keys only when it is known can do so then.
    pub api_token: bool,
    /// Where probes, metrics and status are, at the address of the pod.
    pub admin_port: u16,
    /// Where agents find their servers, at the pod's loopback address.
    pub agent_port: u16,
    /// The user and group of the sidecar. Not root.
    pub user: u32,
    /// What the scheduler sets aside for the sidecar.
    pub cpu_request: Quantity,
    /// The same of memory.
    pub memory_request: Quantity,
    /// What it may use at most.
    pub cpu_limit: Quantity,
    /// The same of memory.
    pub memory_limit: Quantity,
    /// The most that a pod may ask for.
    pub max_cpu: Quantity,
    /// The same of memory.
    pub max_memory: Quantity,
    /// How large the log and the rest of its state may become in a pod that names no claim.
    pub state_size: Quantity,
    /// How the binary gets into the container of a server on standard input and output.
    pub binary: Binary,
}

/// How the binary gets into a container of the user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binary {
    /// An init container copies it into a volume.
    Copy,
    /// The image itself is a volume: Kubernetes 1.36 or newer.
    ImageVolume,
}

impl Binary {
    /// The word for it in settings and annotations.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        match word {
            "copy" => Some(Self::Copy),
            "image-volume" => Some(Self::ImageVolume),
            _ => None,
        }
    }
}
