//! Tickets as text for people. Pure: what stands in a ticket is a stranger's, and comes out harmless.

use std::fmt::Write as _;

use super::form::{Approval, Grant, Last, Looked, Terms, Vote, time};
use crate::domain::visible::is_hidden;
use crate::domain::{Timestamp, visible};

/// How much of the arguments stands in a line.
const IN_A_LINE: usize = 100;

/// One line for each ticket, below the names of the columns.
pub(super) fn table(approvals: &[Approval], now: Timestamp) -> String {
    if approvals.is_empty() {
        return "nothing waits for a ruling, or is as you asked\n".to_owned();
    }
    let head = ["ID", "STATE", "WHO", "WHAT", "ASKED", "TIME LEFT"].map(str::to_owned);
    let rows: Vec<[String; 6]> = std::iter::once(head).chain(approvals.iter().map(|approval| row(approval, now))).collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0);
            let _ = write!(line, "{cell:<width$}  ");
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

fn row(approval: &Approval, now: Timestamp) -> [String; 6] {
    let left = approval.ends().map_or_else(|| "-".to_owned(), |ends| duration_until(ends, now));
    [visible(&approval.id).into(), visible(&approval.state).into(), who(approval), what(approval), clear(&approval.asked), left]
}

/// One line about something that happened.
pub(super) fn news(event: &str, approval: &Approval, now: Timestamp) -> String {
    let (id, who, what) = (visible(&approval.id), who(approval), what(approval));
    match event {
        "waiting" | "requested" => {
            let left = approval.ends().map_or_else(String::new, |ends| format!("  ({} left)", duration_until(ends, now)));
            format!("{}  {id}  {who} asks for {what} {}{left}\n", clear(&approval.asked), short(approval))
        }
        happened => {
            let by = approval.votes.last().filter(|_| matches!(happened, "granted" | "rejected" | "approved"));
            let by = by.map_or_else(String::new, |vote| format!(" by {}", visible(&vote.ruler)));
            format!("{id}  {}{by}: {what} of {who}\n", visible(happened))
        }
    }
}

fn short(approval: &Approval) -> String {
    let Some(arguments) = &approval.arguments else { return String::new() };
    let text = visible(arguments.get());
    let mut shown: String = text.chars().take(IN_A_LINE).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// Everything that there is to know before a ruling.
pub(super) fn whole(looked: &Looked, now: Timestamp) -> String {
    let approval = &looked.approval;
    let mut text = format!("{}  {}\n\n", visible(&approval.id), standing(approval, now));
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:<9} {value}");
    };
    line("what", &format!("{} {}", visible(&approval.action), what(approval)));
    if let Some(via) = &approval.via {
        line("through", &format!("the meta-tool {}", visible(via)));
    }
    line("who", &visible(&approval.agent));
    line("for", &approval.actor.as_deref().map_or_else(|| "nobody: the agent acts on its own".into(), visible));
    if let Some(issuer) = &approval.issuer {
        line("vouched", &format!("by {}", visible(issuer)));
    }
    line("asked", &format!("{} (decision {}, record {})", clear(&approval.asked), visible(&approval.decision), approval.seq));
    for policy in &approval.because {
        let reason = policy.reason.as_deref().map_or_else(String::new, |reason| format!(": {}", visible(reason)));
        line("why", &format!("{} ({}:{}){reason}", visible(&policy.policy), visible(&policy.file), policy.line));
    }
    line("terms", &terms(&approval.terms));
    for vote in &approval.votes {
        line("ruled", &ruled(vote));
    }
    if let Some(grant) = &approval.grant {
        line("granted", &granted(grant, approval.used));
    }
    if let Some(digest) = &approval.digest {
        line("digest", &visible(digest));
    }
    if let Some(definition) = &approval.definition {
        line("tool as", &visible(definition));
    }
    text.push_str(&arguments(approval));
    if let Some(last) = &looked.last_approved {
        text.push_str(&compared(last));
    }
    text
}

fn arguments(approval: &Approval) -> String {
    let Some(arguments) = &approval.arguments else {
        let why = if approval.ended.is_some() { "are not kept any more, or there were none" } else { "there are none" };
        return format!("\narguments {why}\n");
    };
    let hidden = arguments.get().chars().filter(|letter| is_hidden(*letter)).count();
    let mut text = format!("\narguments, exactly as they run\n{}\n", indented(arguments.get()));
    if hidden > 0 {
        let _ = writeln!(text, "\nnote: {hidden} characters in them cannot be seen, and are written as \\u{{…}}");
    }
    text
}

fn compared(last: &Last) -> String {
    let by = last.by.as_deref().map_or_else(String::new, |by| format!(" by {}", visible(by)));
    let at = last.at.as_deref().map_or_else(String::new, |at| format!(" at {}", clear(at)));
    let arguments = last.arguments.as_ref().map(|arguments| indented(arguments.get())).unwrap_or_default();
    format!("\nthe last approved call of the same thing: {}{by}{at}\n{arguments}\n", visible(&last.id))
}

fn standing(approval: &Approval, now: Timestamp) -> String {
    let until =
        |what: &str, ends: Timestamp, at: &str| format!("{what}, {} left (until {})", duration_until(ends, now), clear(at));
    match (approval.state.as_str(), approval.ends(), &approval.grant) {
        ("waiting", Some(ends), _) => until("waits for a ruling", ends, &approval.expires),
        ("granted", Some(ends), Some(grant)) => until("granted, the call may be made", ends, &grant.until),
        (state, ..) => {
            let ended = approval.ended.as_deref().map_or_else(String::new, |ended| format!(" since {}", clear(ended)));
            format!("{}{ended}", visible(state))
        }
    }
}

fn terms(terms: &Terms) -> String {
    let mut text = "one call".to_owned();
    if let Some(seconds) = terms.window_seconds {
        let _ = write!(text, "; the same call for up to {} (--window, --uses)", duration(seconds));
    }
    if let Some(seconds) = terms.breakglass_seconds {
        let _ = write!(text, "; whatever the arguments for up to {} (--any-arguments)", duration(seconds));
    }
    if terms.confirm {
        text.push_str("; the caller's own client may be asked");
    }
    if !terms.groups.is_empty() {
        let groups: Vec<_> = terms.groups.iter().map(|group| visible(group)).collect();
        let _ = write!(text, "; meant for {}", groups.join(", "));
    }
    text
}

fn ruled(vote: &Vote) -> String {
    let comment = vote.comment.as_deref().map_or_else(String::new, |comment| format!(": {}", visible(comment)));
    let [ruler, verdict, channel] = [&vote.ruler, &vote.verdict, &vote.channel].map(|text| visible(text));
    format!("{verdict} by {ruler} at {} ({channel}){comment}", clear(&vote.at))
}

fn granted(grant: &Grant, used: u32) -> String {
    let times = grant.uses_left.map_or_else(|| "any number of times".to_owned(), |uses| format!("{uses} more times"));
    let whatever = if grant.any_arguments { ", whatever the arguments" } else { "" };
    format!("until {}, {times}{whatever}; used {used} times", clear(&grant.until))
}

/// Agent and person.
pub(super) fn who(approval: &Approval) -> String {
    let agent = visible(&approval.agent);
    approval.actor.as_deref().map_or_else(|| agent.to_string(), |actor| format!("{agent} for {}", visible(actor)))
}

/// Server and target.
pub(super) fn what(approval: &Approval) -> String {
    let server = visible(&approval.server);
    approval.target.as_deref().map_or_else(|| server.to_string(), |target| format!("{server}/{}", visible(target)))
}

/// A time without fractions, or the text as it is when it is none.
pub(super) fn clear(text: &str) -> String {
    let Some(at) = time(text) else { return visible(text).into_owned() };
    let second = jiff::Timestamp::from_second(at.as_micros().div_euclid(1_000_000)).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    second.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn duration_until(ends: Timestamp, now: Timestamp) -> String {
    let micros = ends.as_micros().saturating_sub(now.as_micros());
    duration(u64::try_from(micros).unwrap_or(0) / 1_000_000)
}

pub(super) fn duration(seconds: u64) -> String {
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, 0) => format!("{minutes}m"),
        (0, minutes, seconds) => format!("{minutes}m{seconds:02}s"),
        (hours, 0, _) => format!("{hours}h"),
        (hours, minutes, _) => format!("{hours}h{minutes:02}m"),
    }
}

/// JSON without white space, with some: nothing else is changed, and nothing in a string, except that all of it can be seen.
pub(super) fn indented(json: &str) -> String {
    let (mut text, mut depth, mut quoted, mut escaped) = ("  ".to_owned(), 1_usize, false, false);
    let mut letters = json.chars().peekable();
    while let Some(letter) = letters.next() {
        if quoted {
            (quoted, escaped) = (escaped || letter != '"', !escaped && letter == '\\');
            push_visible(&mut text, letter);
            continue;
        }
        match letter {
            '"' => {
                quoted = true;
                text.push('"');
            }
            '{' | '[' if letters.next_if(|next| matches!(next, '}' | ']')).is_some() => {
                text.push_str(if letter == '{' { "{}" } else { "[]" });
            }
            '{' | '[' => {
                depth += 1;
                text.push(letter);
                new_line(&mut text, depth);
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut text, depth);
                text.push(letter);
            }
            ',' => {
                text.push(',');
                new_line(&mut text, depth);
            }
            ':' => text.push_str(": "),
            other => push_visible(&mut text, other),
        }
    }
    text
}

fn new_line(text: &mut String, depth: usize) {
    let _ = write!(text, "\n{:width$}", "", width = depth * 2);
}

fn push_visible(text: &mut String, letter: char) {
    if is_hidden(letter) { text.extend(letter.escape_unicode()) } else { text.push(letter) }
}

/// The same JSON, in which every character that cannot be seen is written as JSON writes it.
pub(super) fn harmless_json(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for letter in json.chars() {
        if is_hidden(letter) && letter != '\n' {
            let mut units = [0; 2];
            for unit in letter.encode_utf16(&mut units) {
                let _ = write!(text, "\\u{unit:04x}");
            }
        } else {
            text.push(letter);
        }
    }
    text
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
