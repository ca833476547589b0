//! Whole logs: which records go out, in which order, and what a writer that fails does.

use std::io::{self, Write};
use std::path::Path;

use serde_json::Value;

use super::*;
use crate::audit::tests::{Scene, start};
use crate::domain::Timestamp;

/// A log of a start, as many decisions as asked for, and a stop.
async fn log(decisions: u128) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::new();
    let (writer, _) = start(dir.path());
    for number in 0..decisions {
        writer.note(&scene.decided(number)).unwrap();
    }
    writer.close().await.unwrap();
    dir
}

fn exported(directory: &Path, format: Format, span: Span) -> (String, Progress) {
    let (scratch, mut out) = (tempfile::tempdir().unwrap(), Vec::new());
    let progress = export(directory, scratch.path(), format, &span, &mut out, &mut |_| {}).unwrap();
    (String::from_utf8(out).unwrap(), progress)
}

fn seqs(lines: &str) -> Vec<u64> {
    lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["seq"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn the_records_that_are_asked_for_go_out_in_their_order() {
    let dir = log(3).await;
    let cases = [
        (Span::default(), vec![0, 1, 2, 3, 4]),
        (Span { from: 3, ..Span::default() }, vec![3, 4]),
        (Span { from: 1, to: Some(2), ..Span::default() }, vec![1, 2]),
        (Span { from: 2, to: Some(1), ..Span::default() }, vec![]),
        (Span { from: 9, ..Span::default() }, vec![]),
        (Span { to: Some(u64::MAX), ..Span::default() }, vec![0, 1, 2, 3, 4]),
        (Span { until: Some(Timestamp::from_micros(0)), ..Span::default() }, vec![]),
        (Span { since: Some(Timestamp::from_micros(0)), ..Span::default() }, vec![0, 1, 2, 3, 4]),
        (Span { since: Some(Timestamp::from_micros(i64::MAX)), ..Span::default() }, vec![]),
    ];
    for (span, expected) in cases {
        let (text, progress) = exported(dir.path(), Format::JsonLines, span);
        assert_eq!(seqs(&text), expected, "{span:?}");
        assert_eq!(progress.written, expected.len() as u64);
        assert!(progress.next >= span.from);
    }
}

#[tokio::test]
async fn a_time_is_a_beginning_that_counts_and_an_end_that_does_not() {
    let dir = log(1).await;
    let (text, _) = exported(dir.path(), Format::JsonLines, Span { from: 1, to: Some(1), ..Span::default() });
    let record: Value = serde_json::from_str(&text).unwrap();
    let at = crate::audit::time::parse_time(record["record"]["ts"].as_str().unwrap()).unwrap();
    let one = Span { from: 1, to: Some(1), ..Span::default() };
    assert_eq!(exported(dir.path(), Format::JsonLines, Span { since: Some(at), ..one }).1.written, 1);
    assert_eq!(exported(dir.path(), Format::JsonLines, Span { until: Some(at), ..one }).1.written, 0);
}

#[tokio::test]
async fn every_form_has_all_records_under_the_name_of_their_log() {
    let dir = log(2).await;
    let trust = std::fs::read_to_string(dir.path().join("trust")).unwrap();
    let (lines, _) = exported(dir.path(), Format::JsonLines, Span::default());
    let origin = serde_json::from_str::<Value>(lines.lines().next().unwrap()).unwrap()["origin"].as_str().unwrap().to_owned();
    assert!(trust.contains(&origin), "{origin}: {trust}");
    let (table, _) = exported(dir.path(), Format::Csv, Span::default());
    assert_eq!(table.lines().count(), 5);
    assert!(table.lines().skip(1).all(|row| row.contains(&origin)), "{table}");
    let (events, _) = exported(dir.path(), Format::Ocsf, Span::default());
    let classes: Vec<_> =
        events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["class_uid"].as_u64().unwrap()).collect();
    assert_eq!(classes, [6002, 6003, 6003, 6002]);
}

/// Takes so many bytes, and then none.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.checked_sub(bytes.len()) {
            Some(rest) => self.0 = rest,
            None => return Err(io::ErrorKind::StorageFull.into()),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_writer_that_fails_ends_the_export_at_once_and_memory_stays_bounded() {
    let dir = log(600).await;
    let scratch = tempfile::tempdir().unwrap();
    let run = |room: usize| export(dir.path(), scratch.path(), Format::Ocsf, &Span::default(), &mut Full(room), &mut |_| {});
    for room in [0, CHUNK + 8192] {
        assert!(matches!(run(room), Err(ExportError::Write(error)) if error.kind() == io::ErrorKind::StorageFull), "{room}");
    }
    assert_eq!(run(usize::MAX).unwrap().written, 602);
}

#[tokio::test]
async fn a_log_that_is_not_there_is_not_exported() {
    let (dir, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut out = Vec::new();
    let error = export(dir.path(), scratch.path(), Format::Csv, &Span::default(), &mut out, &mut |_| {}).unwrap_err();
    assert!(matches!(error, ExportError::Open(_)), "{error}");
    assert!(out.is_empty());
}
