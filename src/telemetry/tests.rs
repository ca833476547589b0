//! Tests of what log lines look like and of what happens when nobody reads them.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::json::{JsonFields, JsonLine};
use super::setup::filter;
use super::*;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What `say` logs as JSON.
fn logged(say: impl FnOnce()) -> Vec<Value> {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter("debug").unwrap())
        .with_writer(move || writer.clone())
        .fmt_fields(JsonFields)
        .event_format(JsonLine)
        .finish();
    tracing::subscriber::with_default(subscriber, say);
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_line_is_one_json_object_in_the_words_of_opentelemetry() {
    let lines = logged(|| tracing::warn!(count = 3, name = "shop", late = true, "server is down"));
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["severity_text"], "WARN");
    assert_eq!(lines[0]["severity_number"], 13);
    assert_eq!(lines[0]["body"], "server is down");
    assert_eq!(lines[0]["attributes"], json!({ "count": 3, "name": "shop", "late": true }));
    assert!(lines[0]["timestamp"].as_str().unwrap().ends_with('Z'));
    assert!(lines[0]["scope"].as_str().unwrap().starts_with("cedarpost::telemetry"));
}

#[test]
fn the_fields_of_spans_are_attributes_and_the_innermost_wins() {
    let lines = logged(|| {
        let outer = tracing::info_span!("outer", server = "shop", tool = "a", late = tracing::field::Empty);
        outer.record("late", 7);
        let _outer = outer.entered();
        let _inner = tracing::info_span!("inner", tool = "b").entered();
        tracing::info!("called");
    });
    assert_eq!(lines[0]["attributes"], json!({ "server": "shop", "tool": "b", "late": 7 }));
}

#[test]
fn text_from_outside_cannot_forge_a_line() {
    let lines = logged(|| tracing::info!(tool = %"x\"}\n{\"severity_text\":\"ERROR\"", "{}", "a\nb\u{1b}[31m"));
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["body"], "a\nb\u{1b}[31m");
}

#[test]
fn an_error_is_told_with_its_causes() {
    #[derive(Debug, thiserror::Error)]
    #[error("failed to reach the server")]
    struct Outer(#[source] io::Error);
    let error = Outer(io::Error::new(io::ErrorKind::NotFound, "nothing is there"));
    let lines = logged(|| tracing::warn!(error = &error as &dyn std::error::Error, "x"));
    assert_eq!(lines[0]["attributes"]["error"], "failed to reach the server: nothing is there");
}

#[test]
fn levels_and_directives_are_accepted_and_misspelt_ones_refused() {
    for level in ["info", "WARN", "off", "info,cedarpost::policy=debug", "cedarpost=trace"] {
        assert!(check_level(level).is_ok(), "{level}");
    }
    for level in ["", "loud", "info,loud", "cedarpost=loud", "cedarpost"] {
        assert!(check_level(level).is_err(), "{level}");
    }
}

#[test]
fn metrics_have_the_prefix_and_tell_the_build() {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry()).unwrap();
    assert!(text.contains(&format!("cedarpost_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"))), "{text}");
}

#[test]
fn nobody_waits_when_nobody_reads_the_log_and_the_loss_is_counted() {
    let (opened, gate) = std::sync::mpsc::channel::<()>();
    struct Stuck(std::sync::mpsc::Receiver<()>, Lines);
    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // Blocks until the test drops its end, like a full pipe until somebody reads.
            let _ = self.0.recv();
            self.1.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let seen = Lines::default();
    let (mut queue, logging) = stderr::start(Stuck(gate, seen.clone())).unwrap();
    let written = (0..5_000).filter(|_| queue.write(b"line\n").is_ok()).count();
    assert_eq!(written, 5_000);
    drop(opened);
    // The queue may still be full here, so the flush at the end may not find a place; wait for the note instead.
    drop(logging);
    let text = || String::from_utf8(seen.0.lock().unwrap().clone()).unwrap();
    let lost = || text().lines().find(|line| line.contains("log lines were lost")).map(str::to_owned);
    let mut tries = 0;
    while lost().is_none() && tries < 1_000 {
        std::thread::sleep(std::time::Duration::from_millis(5));
        tries += 1;
    }
    let note: Value = serde_json::from_str(&lost().unwrap()).unwrap();
    assert!(note["attributes"]["count"].as_u64().unwrap() >= 5_000 - 1_024 - 2, "{note}");
}

#[test]
fn the_last_lines_are_written_before_the_end() {
    let seen = Lines::default();
    let (mut queue, logging) = stderr::start(seen.clone()).unwrap();
    for _ in 0..100 {
        queue.write_all(b"line\n").unwrap();
    }
    drop(logging);
    assert_eq!(seen.0.lock().unwrap().len(), 500);
}

#[test]
fn a_log_that_cannot_be_written_hurts_nobody() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }
    let (mut queue, _logging) = stderr::start(Closed).unwrap();
    assert!((0..10).all(|_| queue.write_all(b"line\n").is_ok()));
}
