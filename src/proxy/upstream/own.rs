//! Questions in the sidecar's own name, and reading their answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;

use crate::domain::ToolDefinition;
use crate::mcp::list::Unreadable;
use crate::mcp::reply::{self, Implementation};
use crate::mcp::{self, Era, Kind, Limits, Message, RawId, version};

/// Longest time one question may take.
pub(in crate::proxy) const PATIENCE: Duration = Duration::from_secs(10);
/// Most pages of a list that are asked for.
const MOST_PAGES: usize = 200;
/// Bounds of an answer.
pub(in crate::proxy) const LIMITS: Limits = Limits { max_bytes: 16 * 1024 * 1024, max_depth: Limits::DEEPEST };

const SELF: Implementation<'static> = Implementation { name: "cedarpost", version: env!("CARGO_PKG_VERSION") };

/// A question, and the id under which it is answered.
pub(in crate::proxy) struct Question {
    pub(in crate::proxy) id: RawId,
    pub(in crate::proxy) body: Bytes,
}

/// An id that no client uses: it says whose it is.
fn next_id() -> RawId {
    static ASKED: AtomicU64 = AtomicU64::new(0);
    RawId::from_text(&format!("cedarpost-{}", ASKED.fetch_add(1, Ordering::Relaxed)))
}

/// Opens a session of our own with a server of the legacy era.
pub(in crate::proxy) fn initialize() -> Question {
    let id = next_id();
    let body = reply::initialize(&id, LEGACY, SELF);
    Question { id, body }
}

/// The newest version that has sessions.
const LEGACY: &str = "2025-11-25";

/// Asks for a page of the server's tools.
pub(in crate::proxy) fn tools_list(era: Era, cursor: Option<&str>) -> Question {
    let id = next_id();
    let body = reply::tools_list(&id, era, cursor, SELF);
    Question { id, body }
}

/// The version that the answer to `initialize` settles on.
pub(in crate::proxy) fn negotiated_version(welcome: &Message) -> Option<String> {
    let result: serde_json::Value = serde_json::from_slice(welcome.outcome()?).ok()?;
    result.get("protocolVersion")?.as_str().filter(|version| version::LEGACY.contains(version)).map(str::to_owned)
}

/// The message in `body`, if it answers this question; a JSON-RPC error is an answer too.
pub(in crate::proxy) fn answers(id: &RawId, body: &Bytes) -> Option<Message> {
    let message = Message::parse_from_server(body, &LIMITS).ok()?;
    matches!(message.kind(), Kind::Response { id: Some(answered), .. } if answered == id).then_some(message)
}

/// What the server says about an error; nothing when it says nothing that can be read.
pub(in crate::proxy) fn error_message(answer: &Message) -> String {
    let error: Option<serde_json::Value> = answer.outcome().and_then(|text| serde_json::from_slice(text).ok());
    error.and_then(|error| Some(error.get("message")?.as_str()?.to_owned())).unwrap_or_default()
}

/// The tools that a server lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listed {
    /// Those whose definition can be read.
    pub tools: Vec<ToolDefinition>,
    /// The names of the others; empty where not even the name can be read.
    pub refused: Vec<String>,
}

/// A list that comes in pages.
#[derive(Default)]
pub(in crate::proxy) struct Pages {
    listed: Listed,
    cursor: Option<Arc<str>>,
    turned: usize,
}

impl Pages {
    /// Where the next page starts.
    pub(in crate::proxy) fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    /// Takes in a page: the whole list when it was the last.
    pub(in crate::proxy) fn turn(&mut self, page: &Message) -> Result<Option<Listed>, Unlisted> {
        let page = mcp::list::tools(page.body())?;
        self.listed.tools.extend(page.tools);
        self.listed.refused.extend(page.refused);
        self.cursor = page.next_cursor;
        self.turned += 1;
        match self.cursor {
            None => Ok(Some(std::mem::take(&mut self.listed))),
            Some(_) if self.turned < MOST_PAGES => Ok(None),
            Some(_) => Err(Unlisted::TooManyPages),
        }
    }
}

/// Why a list of tools is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unlisted {
    /// It cannot be read.
    #[error("the server's list of tools cannot be read")]
    Unreadable(#[from] Unreadable),
    /// It goes on and on.
    #[error("the server's list of tools has more than {MOST_PAGES} pages")]
    TooManyPages,
}
