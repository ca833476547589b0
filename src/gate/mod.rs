//! stub: gate
