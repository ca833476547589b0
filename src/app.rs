//! stub: app
