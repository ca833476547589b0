//! stub: mcp
