//! stub: storage
