//! A message for Slack's incoming webhooks, and for those who take the same. It has a link to the console and no way to rule: a link that
//! rules would be followed by whatever looks at links.
//!
//! What strangers write stands in plain text, which Slack neither formats nor searches for mentions, with everything in it visible.

use serde_json::{Value, json};

use super::settings::Event;
use crate::clock::rfc3339;
use crate::domain::visible;
use crate::gate::Ticket;

/// The longest text of a field, and of the arguments; Slack takes 2000 and 3000 characters.
const FIELD: usize = 500;
const ARGUMENTS: usize = 2_500;

pub(super) fn payload(event: Event, ticket: &Ticket, include_arguments: bool, link: Option<&str>) -> Value {
    let bound = &ticket.bound;
    let actor = bound.asker.actor.as_ref().map_or_else(|| "nobody".to_owned(), ToString::to_string);
    let what = bound.target.name().map_or_else(|| bound.server.to_string(), |target| format!("{}/{target}", bound.server));
    let line = match event {
        Event::Requested => format!("{} asks for {what} on behalf of {actor}", bound.asker.agent),
        Event::Granted => format!("approved{}: {what} of {}", by(ticket), bound.asker.agent),
        Event::Rejected => format!("denied{}: {what} of {}", by(ticket), bound.asker.agent),
        Event::Expired => format!("expired: {what} of {}", bound.asker.agent),
        Event::Spent => format!("done: {what} of {}", bound.asker.agent),
        Event::Voided => format!("not allowed any more: {what} of {}", bound.asker.agent),
    };
    let reasons: Vec<&str> = ticket.terms.because.iter().filter_map(|policy| policy.reason.as_deref()).collect();
    let mut fields = vec![field("Agent", bound.asker.agent.as_str()), field("For", &actor), field("What", &what)];
    if !reasons.is_empty() {
        fields.push(field("Why", &reasons.join(" ")));
    }
    if event == Event::Requested {
        fields.push(field("Until", &rfc3339(ticket.expires)));
    }
    fields.push(field("Ticket", &ticket.id.to_string()));
    let mut blocks =
        vec![json!({ "type": "section", "text": plain(&line, FIELD) }), json!({ "type": "section", "fields": fields })];
    let arguments = bound.arguments.as_deref().filter(|_| include_arguments);
    if let Some(arguments) = arguments {
        blocks.push(json!({ "type": "section", "text": plain(&String::from_utf8_lossy(arguments), ARGUMENTS) }));
    }
    if let Some(link) = link {
        let button = json!({ "type": "button", "text": plain("Open in the console", FIELD), "url": link });
        blocks.push(json!({ "type": "actions", "elements": [button] }));
    }
    json!({ "text": escaped(&cut(&line, FIELD)), "blocks": blocks })
}

fn by(ticket: &Ticket) -> String {
    ticket.votes.last().map_or_else(String::new, |vote| format!(" by {}", vote.ruler))
}

fn field(name: &str, value: &str) -> Value {
    plain(&format!("{name}: {value}"), FIELD)
}

fn plain(text: &str, most: usize) -> Value {
    json!({ "type": "plain_text", "text": cut(text, most), "emoji": false })
}

/// The text with everything in it visible, and not too long.
fn cut(text: &str, most: usize) -> String {
    let seen = visible(text);
    let mut cut: String = seen.chars().take(most).collect();
    if cut.len() < seen.len() {
        cut.push('…');
    }
    cut
}

/// Slack looks for links and mentions in this text; these three letters begin them.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
