//! stub: listen
