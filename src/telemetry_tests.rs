//! Tests of what log lines look like.

use std::io::Write;
use std::sync::{Arc, Mutex};

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
