//! A tool as its server describes it.

use std::sync::Arc;

use bytes::Bytes;

/// The behaviour hints of a tool (`annotations` in `tools/list`), with the specification's defaults where the server says nothing.
///
/// They are the server's own claims: policies may use them only as far as the server is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Annotations {
    /// The tool changes nothing (`readOnlyHint`, default false).
    pub read_only: bool,
    /// The tool may destroy (`destructiveHint`, default true unless the tool is read-only).
    pub destructive: bool,
    /// Calling it twice changes nothing more (`idempotentHint`, default false).
    pub idempotent: bool,
    /// It reaches into an open world of things outside (`openWorldHint`, default true).
    pub open_world: bool,
}

impl Default for Annotations {
    fn default() -> Self {
        Self { read_only: false, destructive: true, idempotent: false, open_world: true }
    }
}

/// One entry of a server's `tools/list`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolDefinition {
    /// The tool's name, unique at its server.
    pub name: Arc<str>,
    /// What the server claims about its behaviour.
    pub annotations: Annotations,
    /// The JSON Schema of the arguments as the server wrote it; absent when it wrote none.
    pub input_schema: Option<Bytes>,
    /// The whole entry as the server wrote it.
    pub definition: Bytes,
}

impl ToolDefinition {
    /// The same with texts of its own, to be kept for long: as it is read it shares the whole message it stood in.
    #[must_use]
    pub fn detached(self) -> Self {
        let own = |text: &Bytes| Bytes::copy_from_slice(text);
        Self { input_schema: self.input_schema.as_ref().map(own), definition: own(&self.definition), ..self }
    }
}
