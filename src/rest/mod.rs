//! stub: rest
