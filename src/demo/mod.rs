//! stub: demo
