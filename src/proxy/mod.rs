//! The MCP face: speaks to clients and to servers, translates, never decides.

pub mod upstream;
