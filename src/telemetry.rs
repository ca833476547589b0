//! stub: telemetry
