//! Where news goes, and what of it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use http::Uri;

use crate::gate::What;
use crate::outbound::PlainHttp;

/// All hooks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Each of them.
    pub hooks: Vec<HookSettings>,
    /// The address of the console, for links to tickets; without one there are none.
    pub console: Option<String>,
}

/// One hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookSettings {
    /// Its name in metrics and log lines.
    pub name: String,
    /// Where it is.
    pub target: Target,
    /// The file with its secrets, a `whsec_…` each line; without one nothing is signed.
    pub secret_file: Option<PathBuf>,
    /// What it is told.
    pub events: Vec<Event>,
    /// In which form.
    pub format: Format,
    /// How long one try may take.
    pub timeout: Duration,
    /// Whether it is told the arguments, too.
    pub include_arguments: bool,
    /// Whether it may be on another machine without TLS.
    pub plaintext_non_loopback: bool,
}

/// Where a hook is: said, or in a file because the address itself is the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// This address.
    Address(Address),
    /// The address in this file.
    File(PathBuf),
}

/// The address of a hook. It is not printed whole: its path may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(Uri);

/// Why a text is not the address of a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not an http or https URL without a user name")]
pub struct BadAddress;

impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let uri: Uri = text.parse().map_err(|_| BadAddress)?;
        let fits = matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.authority().is_some_and(|authority| !authority.host().is_empty() && !authority.as_str().contains('@'));
        if fits { Ok(Self(uri)) } else { Err(BadAddress) }
    }
}

impl Address {
    pub(super) const fn uri(&self) -> &Uri {
        &self.0
    }

    /// Its host.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.host().unwrap_or_default()
    }

    /// Whether requests to it go without TLS to another machine.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        self.0.scheme_str() == Some("http") && !PlainHttp::Loopback.admits(self.host())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.host())
    }
}

/// What happened, as hooks are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// Somebody is to rule.
    Requested,
    /// The call may be made.
    Granted,
    /// It may not.
    Rejected,
    /// Nobody ruled, or nobody made the call, in time.
    Expired,
    /// It was made.
    Spent,
    /// Policy does not allow it any more.
    Voided,
}

impl Event {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Requested, Self::Granted, Self::Rejected, Self::Expired, Self::Spent, Self::Voided];

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requested => "approval.requested",
            Self::Granted => "approval.granted",
            Self::Rejected => "approval.rejected",
            Self::Expired => "approval.expired",
            Self::Spent => "approval.spent",
            Self::Voided => "approval.voided",
        }
    }

    /// What a piece of news is for hooks; `None` when it is none: a vote that is not enough, a call of several.
    #[must_use]
    pub const fn of(what: What) -> Option<Self> {
        match what {
            What::Requested => Some(Self::Requested),
            What::Granted => Some(Self::Granted),
            What::Rejected => Some(Self::Rejected),
            What::Expired => Some(Self::Expired),
            What::Spent => Some(Self::Spent),
            What::Void => Some(Self::Voided),
            What::Approved | What::Used => None,
        }
    }
}

/// The form of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON as Standard Webhooks say.
    Standard,
    /// What Slack's incoming webhooks take.
    Slack,
}

impl Format {
    /// The words for them.
    pub const NAMES: [(&'static str, Self); 2] = [("standard", Self::Standard), ("slack", Self::Slack)];
}
