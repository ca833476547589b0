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

/// What a server says about a tool's behaviour, hint by hint; `None` where it says nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hints {
    /// `readOnlyHint`
    pub read_only: Option<bool>,
    /// `destructiveHint`
    pub destructive: Option<bool>,
    /// `idempotentHint`
    pub idempotent: Option<bool>,
    /// `openWorldHint`
    pub open_world: Option<bool>,
}

impl Hints {
    /// The keys of `annotations` that are hints.
    pub const KEYS: [&str; 4] = ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"];

    /// Reads the hints through `hint`, which is asked for each key and says `None` when what stands there is not a hint.
    ///
    /// `None` when any is none: a definition of which a part cannot be read is not half trusted.
    pub fn read(hint: impl Fn(&str) -> Option<Option<bool>>) -> Option<Self> {
        let [read_only, destructive, idempotent, open_world] = Self::KEYS.map(hint);
        Some(Self { read_only: read_only?, destructive: destructive?, idempotent: idempotent?, open_world: open_world? })
    }
}

impl From<Hints> for Annotations {
    /// Fills in the specification's defaults.
    fn from(hints: Hints) -> Self {
        let read_only = hints.read_only.unwrap_or(false);
        Self {
            read_only,
            // "Meaningful only when `readOnlyHint == false`": what changes nothing destroys nothing, unless the server says that it does.
            destructive: hints.destructive.unwrap_or(!read_only),
            idempotent: hints.idempotent.unwrap_or(false),
            open_world: hints.open_world.unwrap_or(true),
        }
    }
}

impl Default for Annotations {
    fn default() -> Self {
        Hints::default().into()
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
