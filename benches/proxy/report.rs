//! What the measurement found, as three tables and as JSON.

use std::fmt::Write as _;

use serde::Serialize;

use crate::stats::{Sample, median, paired};

/// Everything about one target. Its samples stand in the order of the rounds, the same for every target.
#[derive(Debug, Serialize)]
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    /// Runs with one client.
    pub(crate) alone: Vec<Sample>,
    /// Runs with many clients.
    pub(crate) crowd: Vec<Sample>,
    /// Milliseconds from starting the process to its first good answer; empty for a target that has no process of its own.
    pub(crate) starts_ms: Vec<f64>,
    /// Resident memory in MiB after the first answer.
    pub(crate) idle_mib: f64,
    /// The largest resident memory in MiB.
    pub(crate) peak_mib: f64,
}

/// The whole measurement. The first subject is the direct call, the second the bare proxy; the others are compared with these.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// The number of clients in the runs with many.
    pub(crate) clients: usize,
    pub(crate) subjects: Vec<Subject>,
}

impl Report {
    /// The tables. Ratios are medians of values paired within a round.
    pub(crate) fn tables(&self) -> Result<String, std::fmt::Error> {
        let mut out = String::new();
        if let [direct, bare, ..] = self.subjects.as_slice() {
            self.latency(&mut out, direct, bare)?;
            self.throughput(&mut out, direct, bare)?;
            self.footprint(&mut out)?;
        }
        Ok(out)
    }

    fn latency(&self, out: &mut String, direct: &Subject, bare: &Subject) -> std::fmt::Result {
        writeln!(out, "\n1 client (microseconds)")?;
        writeln!(out, "{:<18}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}", "", "p50", "p99", "+p50", "+p99", "x bare", "cpu", "x bare")?;
        for subject in &self.subjects {
            let added = paired(&subject.alone, &direct.alone, |this, direct| this.p50 - direct.p50);
            let added_tail = paired(&subject.alone, &direct.alone, |this, direct| this.p99 - direct.p99);
            writeln!(
                out,
                "{:<18}{:>9.1}{:>9.1}{:>9.1}{:>9.1}{:>9.2}{:>9.1}{:>9.2}",
                subject.name,
                median(subject.alone.iter().map(|sample| sample.p50)),
                median(subject.alone.iter().map(|sample| sample.p99)),
                added,
                added_tail,
                median(added_ratios(subject, bare, direct)),
                median(subject.alone.iter().map(|sample| sample.cpu)),
                paired(&subject.alone, &bare.alone, |this, bare| this.cpu / bare.cpu),
            )?;
        }
        Ok(())
    }

    fn throughput(&self, out: &mut String, direct: &Subject, bare: &Subject) -> std::fmt::Result {
        writeln!(out, "\n{} clients", self.clients)?;
        writeln!(out, "{:<18}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}", "", "calls/s", "x direct", "x bare", "p99 ms", "cpu us", "x bare")?;
        for subject in &self.subjects {
            writeln!(
                out,
                "{:<18}{:>9.0}{:>9.2}{:>9.2}{:>9.2}{:>9.1}{:>9.2}",
                subject.name,
                median(subject.crowd.iter().map(|sample| sample.rate)),
                paired(&subject.crowd, &direct.crowd, |this, direct| this.rate / direct.rate),
                paired(&subject.crowd, &bare.crowd, |this, bare| this.rate / bare.rate),
                median(subject.crowd.iter().map(|sample| sample.p99)) / 1000.0,
                median(subject.crowd.iter().map(|sample| sample.cpu)),
                paired(&subject.crowd, &bare.crowd, |this, bare| this.cpu / bare.cpu),
            )?;
        }
        Ok(())
    }

    fn footprint(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "\nprocess")?;
        writeln!(out, "{:<18}{:>9}{:>10}{:>10}", "", "start ms", "idle MiB", "peak MiB")?;
        for subject in &self.subjects {
            let start = median(subject.starts_ms.iter().copied());
            writeln!(out, "{:<18}{:>9.1}{:>10.1}{:>10.1}", subject.name, start, subject.idle_mib, subject.peak_mib)?;
        }
        Ok(())
    }
}

/// Per round: how much the subject adds to a direct call, against how much the bare proxy adds.
fn added_ratios(subject: &Subject, bare: &Subject, direct: &Subject) -> Vec<f64> {
    let rounds = subject.alone.iter().zip(&bare.alone).zip(&direct.alone);
    rounds.map(|((this, bare), direct)| (this.p50 - direct.p50) / (bare.p50 - direct.p50)).collect()
}
