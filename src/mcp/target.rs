//! What a message is about, in the words of a decision.

use crate::domain::{Action, Arguments, Target};

use super::jsonrpc::Message;
use super::malformed::Malformed;
use super::params::CompletionRef;

/// What the action of a message is done to.
///
/// # Errors
///
/// [`Malformed`] (-32602) when the message does not say so: a `tools/call` without name, a `resources/read` without URI.
pub fn target(message: &Message, action: Action) -> Result<Target, Malformed> {
    let refused = |sentence| Malformed::params(sentence).answering(message.id());
    match action {
        Action::ToolsCall => message.name().cloned().map(Target::Tool).ok_or_else(|| refused("The tool has no name.")),
        Action::PromptsGet => message.name().cloned().map(Target::Prompt).ok_or_else(|| refused("The prompt has no name.")),
        Action::ResourcesRead | Action::ResourcesSubscribe => {
            message.uri().cloned().map(Target::Resource).ok_or_else(|| refused("The resource has no URI."))
        }
        Action::CompletionComplete => match message.completion_ref() {
            Some(CompletionRef::Prompt(name)) => Ok(Target::Prompt(name.clone())),
            Some(CompletionRef::Resource(uri)) => Ok(Target::Resource(uri.clone())),
            None => Err(refused("The completion has no `ref`.")),
        },
        Action::Extension => {
            let method = message.method().ok_or_else(|| refused("The message has no method."))?;
            Ok(Target::Method(method.name().into()))
        }
        Action::LoggingSetLevel | Action::SamplingCreateMessage | Action::ElicitationCreate | Action::RootsList => {
            Ok(Target::Server)
        }
    }
}

/// What a decision about this message may look at: the arguments of tools and prompts. The parameters of other methods are wrapping
/// (`_meta`, cursors, protocol state) around the target, and would only stand in a policy's way.
#[must_use]
pub fn arguments(message: &Message, action: Action) -> Arguments {
    match action {
        Action::ToolsCall | Action::PromptsGet => {
            message.arguments().cloned().map_or(Arguments::ABSENT, Arguments::from_checked_json)
        }
        Action::ResourcesRead
        | Action::ResourcesSubscribe
        | Action::CompletionComplete
        | Action::LoggingSetLevel
        | Action::SamplingCreateMessage
        | Action::ElicitationCreate
        | Action::RootsList
        | Action::Extension => Arguments::ABSENT,
    }
}

#[cfg(test)]
#[path = "target_tests.rs"]
mod tests;
