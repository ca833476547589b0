//! stub: proxy
