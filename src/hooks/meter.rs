//! What operators see of hooks. Labels are names of the settings.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    hook: String,
}

/// Counters of all hooks.
#[derive(Debug, Clone, Default)]
pub(super) struct Meters {
    sent: Family<Labels, Counter>,
    failed: Family<Labels, Counter>,
    dropped: Family<Labels, Counter>,
    queue: Family<Labels, Gauge>,
    disabled: Family<Labels, Gauge>,
}

/// Counters of one.
#[derive(Debug, Clone)]
pub(super) struct Meter {
    /// Messages that were taken.
    pub(super) sent: Counter,
    /// Tries that came to nothing.
    pub(super) failed: Counter,
    /// Messages that were given up.
    pub(super) dropped: Counter,
    /// Messages that wait, with the one that is being sent.
    pub(super) queue: Gauge,
    /// 1 once the other side has said that it is gone.
    pub(super) disabled: Gauge,
}

impl Meters {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let meters = Self::default();
        registry.register("webhook_sent", "Messages that a webhook took", meters.sent.clone());
        registry.register("webhook_failed_tries", "Tries to send a message to a webhook that failed", meters.failed.clone());
        registry.register(
            "webhook_dropped",
            "Messages that were given up: the queue was full, or no try worked",
            meters.dropped.clone(),
        );
        registry.register("webhook_queue", "Messages that wait for a webhook", meters.queue.clone());
        registry.register("webhook_disabled", "1 once a webhook has answered that it is gone (410)", meters.disabled.clone());
        meters
    }

    pub(super) fn of(&self, hook: &str) -> Meter {
        let labels = Labels { hook: hook.to_owned() };
        let counter = |family: &Family<Labels, Counter>| family.get_or_create(&labels).clone();
        let gauge = |family: &Family<Labels, Gauge>| family.get_or_create(&labels).clone();
        Meter {
            sent: counter(&self.sent),
            failed: counter(&self.failed),
            dropped: counter(&self.dropped),
            queue: gauge(&self.queue),
            disabled: gauge(&self.disabled),
        }
    }
}
