//! stub: lifecycle
