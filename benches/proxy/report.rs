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
        heading(out, "1 client, us", &["p50", "p99", "+p50", "+p99", "x bare", "cpu", "x bare"])?;
        for subject in &self.subjects {
            let cells = [
                (median(subject.alone.iter().map(|sample| sample.p50)), 1),
                (median(subject.alone.iter().map(|sample| sample.p99)), 1),
                (paired(&subject.alone, &direct.alone, |this, direct| this.p50 - direct.p50), 1),
                (paired(&subject.alone, &direct.alone, |this, direct| this.p99 - direct.p99), 1),
                (median(added_ratios(subject, bare, direct)), 2),
                (median(subject.alone.iter().map(|sample| sample.cpu)), 1),
                (paired(&subject.alone, &bare.alone, |this, bare| this.cpu / bare.cpu), 2),
            ];
            row(out, subject.name, &cells)?;
        }
        Ok(())
    }

    fn throughput(&self, out: &mut String, direct: &Subject, bare: &Subject) -> std::fmt::Result {
        let title = format!("{} clients", self.clients);
        heading(out, &title, &["calls/s", "x direct", "x bare", "p99 ms", "cpu us", "x bare"])?;
        for subject in &self.subjects {
            let cells = [
                (median(subject.crowd.iter().map(|sample| sample.rate)), 0),
                (paired(&subject.crowd, &direct.crowd, |this, direct| this.rate / direct.rate), 2),
                (paired(&subject.crowd, &bare.crowd, |this, bare| this.rate / bare.rate), 2),
                (median(subject.crowd.iter().map(|sample| sample.p99)) / 1000.0, 2),
                (median(subject.crowd.iter().map(|sample| sample.cpu)), 1),
                (paired(&subject.crowd, &bare.crowd, |this, bare| this.cpu / bare.cpu), 2),
            ];
            row(out, subject.name, &cells)?;
        }
        Ok(())
    }

    fn footprint(&self, out: &mut String) -> std::fmt::Result {
        heading(out, "process", &["start ms", "idle MiB", "peak MiB"])?;
        for subject in &self.subjects {
            let start = median(subject.starts_ms.iter().copied());
            row(out, subject.name, &[(start, 1), (subject.idle_mib, 1), (subject.peak_mib, 1)])?;
        }
        Ok(())
    }
}

fn heading(out: &mut String, title: &str, columns: &[&str]) -> std::fmt::Result {
    write!(out, "\n{title:<18}")?;
    columns.iter().try_for_each(|column| write!(out, "{column:>10}"))?;
    writeln!(out)
}

/// A line of cells, each with its number of decimals; what was not measured is a dash.
fn row(out: &mut String, name: &str, cells: &[(f64, usize)]) -> std::fmt::Result {
    write!(out, "{name:<18}")?;
    for (value, decimals) in cells {
        if value.is_finite() { write!(out, "{value:>10.decimals$}")? } else { write!(out, "{:>10}", "-")? }
    }
    writeln!(out)
}

/// Per round: how much the subject adds to a direct call, against how much the bare proxy adds.
fn added_ratios(subject: &Subject, bare: &Subject, direct: &Subject) -> Vec<f64> {
    let rounds = subject.alone.iter().zip(&bare.alone).zip(&direct.alone);
    rounds.map(|((this, bare), direct)| (this.p50 - direct.p50) / (bare.p50 - direct.p50)).collect()
}
