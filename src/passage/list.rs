//! Lists, without what a caller may not use.

use bytes::Bytes;

use crate::domain::{Action, Target};
use crate::gate::View;
use crate::mcp::ListKind;
use crate::mcp::list::{self, CachePolicy, Item, Unreadable};

/// The answer `body` to a request for a list of this kind, as `view` shows it. Tasks are shown to whoever `owns` them.
///
/// # Errors
///
/// [`Unreadable`] when it is no answer with such a list, or one that others may read differently. It must not be passed on then.
pub fn filter(
    view: &View<'_>,
    kind: ListKind,
    cache: CachePolicy,
    body: &Bytes,
    owns: impl Fn(&str) -> bool,
) -> Result<Bytes, Unreadable> {
    let keep = |item: &Item<'_>| {
        let name = || item.name.as_ref().into();
        match kind {
            ListKind::Tools => view.shows_tool(&item.name, &item.definition),
            ListKind::Resources | ListKind::ResourceTemplates => view.shows(Action::ResourcesRead, &Target::Resource(name())),
            ListKind::Prompts => view.shows(Action::PromptsGet, &Target::Prompt(name())),
            ListKind::Tasks => owns(&item.name),
        }
    };
    list::filter(body, kind, keep, cache)
}
