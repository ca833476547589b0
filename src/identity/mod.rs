//! stub: identity
