//! stub: cli
