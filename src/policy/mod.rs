//! stub: policy
