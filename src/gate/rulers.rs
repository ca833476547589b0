//! How people rule, for whoever watches over fatigue: somebody who approves everything within seconds approves nothing.
//!
//! What is shown is what the tickets that are remembered say, looked up at each scrape, so a person who rules no more goes away by
//! themselves and there is nothing to reset. Of the people who rule most, so many are shown by name; people's names are labels nowhere else.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use super::Gate;
use crate::approval::RulerStats;

/// How many people are shown.
const MOST: usize = 100;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RulingLabels {
    ruler: String,
    verdict: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RulerLabel {
    ruler: String,
}

impl Gate {
    /// Shows at each scrape how everybody rules who did so lately.
    pub fn register_rulers(&self, registry: &mut Registry) {
        registry.register_collector(Box::new(Rulers(self.clone())));
    }
}

#[derive(Debug)]
struct Rulers(Gate);

impl Collector for Rulers {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut rulers = self.0.ruler_stats();
        rulers.truncate(MOST);
        encode_counts(&mut encoder, &rulers)?;
        let help = "Median time from asking to a person's ruling, in the tickets that are remembered";
        let mut family =
            encoder.encode_descriptor("approval_ruler_median_delay", help, Some(&Unit::Seconds), MetricType::Gauge)?;
        for RulerStats { ruler, median, .. } in &rulers {
            let label = RulerLabel { ruler: ruler.to_string() };
            ConstGauge::new(median.as_secs_f64()).encode(family.encode_family(&label)?)?;
        }
        Ok(())
    }
}

fn encode_counts(encoder: &mut DescriptorEncoder<'_>, rulers: &[RulerStats]) -> fmt::Result {
    let help = "Rulings of a person, in the tickets that are remembered";
    let mut family = encoder.encode_descriptor("approval_ruler_rulings", help, None, MetricType::Gauge)?;
    for RulerStats { ruler, approved, denied, .. } in rulers {
        for (verdict, count) in [("approve", approved), ("deny", denied)] {
            let labels = RulingLabels { ruler: ruler.to_string(), verdict };
            ConstGauge::new(i64::try_from(*count).unwrap_or(i64::MAX)).encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}
