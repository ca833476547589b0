//! What the log gets of a call's texts.
//!
//! Reading a text costs time in proportion to its length. That of a long one is spent on a thread where nobody else waits for it.

use std::sync::Arc;

use bytes::Bytes;

use super::Gate;
use crate::audit::{Content, Keeping, Part};
use crate::domain::{Call, Target};
use crate::policy::PolicySnapshot;

/// A text of this length takes about a tenth of a millisecond.
const LONG: usize = 128 << 10;

/// What is recorded of a text.
pub(super) async fn of(text: &Bytes, keeping: &Arc<Keeping>, part: Part) -> Content {
    if text.len() < LONG {
        return Content::of(text, keeping, part);
    }
    let (shared, rules) = (text.clone(), Arc::clone(keeping));
    match tokio::task::spawn_blocking(move || Content::of(&shared, &rules, part)).await {
        Ok(content) => content,
        // The process is going down, and nobody waits for anything any more.
        Err(_) => Content::of(text, keeping, part),
    }
}

/// What is kept of a call's arguments, and of its result.
pub(super) struct Kept {
    pub(super) arguments: Arc<Keeping>,
    pub(super) result: Arc<Keeping>,
}

impl Gate {
    /// The rules for `decided`, the call that `asked` comes to: the same, unless a meta-tool was asked.
    pub(super) fn keeping(&self, snapshot: &PolicySnapshot, asked: &Call, decided: &Call) -> Kept {
        let detail = &self.shared.detail;
        let keeping = detail.of(&decided.server, &decided.target);
        let Target::Tool(tool) = &asked.target else { return Kept { arguments: Arc::clone(&keeping), result: keeping } };
        match snapshot.meta_tool(&asked.server, tool).filter(|_| asked.target != decided.target) {
            None => Kept { arguments: Arc::clone(&keeping), result: keeping },
            Some(meta_tool) => {
                let outer = detail.of(&asked.server, &asked.target);
                let arguments = keeping.through(&outer, &meta_tool.arguments);
                Kept { arguments: Arc::new(arguments), result: Arc::new(keeping.with(&outer)) }
            }
        }
    }
}
