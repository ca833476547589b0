//! Credentials that depend on who calls: a token in exchange for the caller's, or the caller's own.

use std::sync::Arc;

use tokio::time::Instant;

use super::kept::{Kept, Token};
use super::{NoCredential, Whose};
use crate::identity::{ShownToken, TokenClient};

/// Tokens in exchange for those of callers.
#[derive(Debug)]
pub(in crate::proxy::upstream) struct Exchange {
    kept: Kept,
    /// A token of ours says who acts.
    actor: bool,
}

impl Exchange {
    pub(super) fn new(client: TokenClient, actor: bool) -> Self {
        Self { kept: Kept::new(client), actor }
    }

    /// The token for whoever it is. What we ask in our own name is asked with a token of our own.
    pub(super) async fn get(&self, whose: Whose<'_>) -> Result<Token, NoCredential> {
        let shown = match whose {
            Whose::Ours => return self.kept.ours().await,
            Whose::Theirs(shown) => shown,
        };
        let subject = shown.subject().ok_or(NoCredential::NothingShown)?;
        if subject.ends() <= Instant::now() {
            return Err(NoCredential::Ended);
        }
        let actor = if self.actor { Some(self.kept.ours().await?) } else { None };
        self.kept.exchanged(subject, actor).await
    }

    pub(super) fn forget(&self, token: &Token) -> bool {
        self.kept.forget(token)
    }
}

/// The caller's own access token. That of the person behind an agent is for the agent, and nobody's but theirs.
pub(super) fn same(whose: Whose<'_>) -> Result<Arc<ShownToken>, NoCredential> {
    let shown = match whose {
        Whose::Ours => return Err(NoCredential::NothingShown),
        Whose::Theirs(shown) => shown,
    };
    let token = shown.access.as_ref().ok_or(NoCredential::NothingShown)?;
    if token.is_bound() {
        return Err(NoCredential::Bound);
    }
    if token.ends() <= Instant::now() {
        return Err(NoCredential::Ended);
    }
    Ok(Arc::clone(token))
}
