//! An explanation for a terminal.

use std::fmt::Write as _;

use super::model::{
    Answer, Asked, Change, Explained, Explanation, Failed, Force, Found, Matched, Near, Need, Part, PolicyName, Read, Side,
    Unknown,
};

/// The most policies of one kind that are drawn for one principal; JSON has more.
const MAX_DRAWN: usize = 5;
/// The most known names that are drawn.
const MAX_NAMES: usize = 12;

impl Explanation {
    /// The explanation as text for a terminal, ending in a line break. `color` asks for ANSI colours.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        let mut page = Page { text: String::new(), color };
        page.decision(self);
        let mut rest = self.judgements.as_slice();
        while let Some((first, others)) = rest.split_first() {
            // Agent and actor are often in the same role, and everything is then the same for both.
            let alike = others.iter().take_while(|other| first.says_the_same_as(other)).count();
            let (told, left) = rest.split_at(alike + 1);
            page.judgement(told, first);
            rest = left;
        }
        page.text
    }
}

impl Explained {
    fn says_the_same_as(&self, other: &Self) -> bool {
        let told = |explained: &Self| Self { principal: Side::Agent, id: String::new(), ..explained.clone() };
        told(self) == told(other)
    }

    fn word(&self) -> String {
        let side = match self.principal {
            Side::Agent => "agent",
            Side::Actor => "actor",
        };
        format!("{side} `{}`", plain(&self.id))
    }

    /// What it comes to, in a few words.
    fn reason(&self) -> String {
        match self.cause.as_str() {
            "permitted" => "permitted".to_owned(),
            "no_permit" => "no permit matches".to_owned(),
            "forbidden" => "a forbid matches".to_owned(),
            "approval_missing" => "allowed once a person has approved it".to_owned(),
            "not_evaluable" => "a policy cannot be evaluated, so nobody knows what it would have said".to_owned(),
            "not_representable" => "policies cannot be shown the arguments exactly".to_owned(),
            "unknown_tool" => "the tool is not known".to_owned(),
            "drifted" => "the tool is not as the catalog lock has it".to_owned(),
            "unknown_principal" => "not declared anywhere".to_owned(),
            "invalid_request" => "the request does not fit the vocabulary".to_owned(),
            other => other.replace('_', " "),
        }
    }
}

/// Text in the making.
struct Page {
    text: String,
    color: bool,
}

impl Page {
    fn line(&mut self, indent: usize, text: &str) {
        let spaces = if text.is_empty() { 0 } else { indent };
        // Writing into a string does not fail.
        let _ = writeln!(self.text, "{:spaces$}{text}", "");
    }

    /// A text in a colour, by its ANSI number.
    fn painted(&self, number: u8, text: &str) -> String {
        if self.color { format!("\u{1b}[{number}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn answer(&self, answer: Answer) -> String {
        match answer {
            Answer::Allow => self.painted(32, "allow"),
            Answer::RequireApproval => self.painted(33, "require_approval"),
            Answer::Deny => self.painted(31, "deny"),
        }
    }

    fn policy(&self, policy: &PolicyName) -> String {
        format!("{} ({}:{})", self.painted(1, &plain(&policy.id)), plain(&policy.file), policy.line)
    }

    fn decision(&mut self, explanation: &Explanation) {
        let Asked { agent, actor, server, action, target } = &explanation.asked;
        let actor = actor.as_ref().map_or_else(|| " on its own".to_owned(), |actor| format!(" for `{}`", plain(actor)));
        let target = target.as_ref().map(|target| format!(" `{}`", plain(target))).unwrap_or_default();
        let answer = self.answer(explanation.decision);
        self.line(0, &format!("{answer}: {action}{target} at server `{server}`, by agent `{}`{actor}", plain(agent)));
    }

    fn judgement(&mut self, alike: &[Explained], told: &Explained) {
        let who: Vec<String> = alike.iter().map(Explained::word).collect();
        let member = if told.member_of.is_empty() { String::new() } else { format!(" in {}", listed(&told.member_of)) };
        self.line(0, "");
        let answer = self.answer(told.answer);
        self.line(0, &format!("{}{member}: {answer}, {}", who.join(" and "), told.reason()));
        if let Some(detail) = &told.detail {
            self.line(2, &plain(detail));
        }
        if let Some(unknown) = &told.unknown {
            self.unknown(unknown);
        }
        self.matched(told);
        told.failed.iter().for_each(|failed| self.failed(failed));
        self.near(told);
        self.changes(told);
    }

    fn unknown(&mut self, unknown: &Unknown) {
        let Unknown { kind, name, nearest, known, known_count } = unknown;
        let meant = nearest.as_ref().map(|nearest| format!("; did you mean `{}`?", plain(nearest))).unwrap_or_default();
        self.line(2, &format!("there is no {kind} `{}`{meant}", plain(name)));
        if known.is_empty() {
            self.line(2, &format!("no {kind} is known"));
            return;
        }
        let names: Vec<String> = known.iter().take(MAX_NAMES).map(|name| plain(name)).collect();
        let more = known_count.saturating_sub(names.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        self.line(2, &format!("known: {}{more}", names.join(", ")));
    }

    fn matched(&mut self, told: &Explained) {
        let shown = |matched: &&Matched| matched.determining || told.answer != Answer::Allow;
        for matched in told.matched.iter().filter(shown).take(MAX_DRAWN) {
            let verb = match (matched.policy.effect, matched.determining) {
                (Force::Permit, true) => "permitted by",
                (Force::Permit, false) => "it would be permitted by",
                (Force::Forbid, _) => "forbidden by",
            };
            let policy = self.policy(&matched.policy);
            self.line(2, &format!("{verb} {policy}"));
            matched.because.iter().for_each(|part| self.part(4, part));
        }
        let hidden = told.matched.iter().filter(shown).count().saturating_sub(MAX_DRAWN);
        if hidden > 0 {
            self.line(2, &format!("and {hidden} more policies that match"));
        }
    }

    fn failed(&mut self, failed: &Failed) {
        let policy = self.policy(&failed.policy);
        self.line(2, &format!("{policy} fails: {}", plain(&failed.message)));
        if let Some(part) = &failed.part {
            self.part(4, part);
        }
    }

    /// The near misses that matter: permits of what is not allowed, forbids whose conditions alone let an allowed call pass.
    fn near(&mut self, told: &Explained) {
        let (wanted, verb) = match told.answer {
            Answer::Allow => (Force::Forbid, "not forbidden by"),
            Answer::RequireApproval | Answer::Deny => (Force::Permit, "not permitted by"),
        };
        if told.cause == "forbidden" && told.matched.iter().any(|matched| matched.policy.effect == Force::Permit) {
            return;
        }
        let all = || told.near.iter().filter(|near| near.policy.effect == wanted);
        let is_near = |near: &&Near| near.scope.is_none() || (wanted == Force::Permit && !is_elsewhere(near));
        let mut shown: Vec<&Near> = all().filter(is_near).take(MAX_DRAWN).collect();
        if shown.is_empty() && wanted == Force::Permit {
            shown = all().take(2).collect();
        }
        for near in shown {
            let policy = self.policy(&near.policy);
            self.line(2, &format!("{verb} {policy}"));
            if let Some(scope) = &near.scope {
                self.line(4, &plain(&scope.wanted));
                self.line(6, &format!("but {} is {}", scope.variable, plain(&scope.found)));
            }
            near.missing.iter().for_each(|part| self.part(4, part));
        }
    }

    /// A part of a condition, what it is, and the values that it read.
    fn part(&mut self, indent: usize, part: &Part) {
        self.line(indent, &plain(&part.text));
        let found = match part.found {
            Found::True => "is true",
            Found::False => "is false",
            Found::Error => "cannot be evaluated",
            Found::NotReached => "is not reached",
        };
        let read: Vec<String> = part.read.iter().map(value).collect();
        let read = if read.is_empty() { String::new() } else { format!(": {}", read.join("; ")) };
        self.line(indent + 2, &format!("{found}{read}"));
    }

    fn changes(&mut self, told: &Explained) {
        if told.changes.is_empty() {
            return;
        }
        let several = told.changes.len() > 1;
        self.line(0, "");
        self.line(
            2,
            match (told.all_needed, several) {
                (true, true) => "To allow it, all of these:",
                (false, true) => "To allow it, one of these:",
                (_, false) => "To allow it:",
            },
        );
        told.changes.iter().for_each(|change| self.change(change));
    }

    fn change(&mut self, change: &Change) {
        let about = change.policy.as_ref().map(|policy| format!("{}: ", plain(&policy.id))).unwrap_or_default();
        let ways: Vec<String> = change.ways.iter().map(|way| all_of(way)).collect();
        self.line(4, &format!("- {about}{}", ways.join(", or ")));
    }
}

/// Whether it is about something else than what was asked for.
fn is_elsewhere(near: &Near) -> bool {
    use super::model::About;
    near.scope.as_ref().is_some_and(|scope| !matches!(scope.about, About::Role | About::Group))
}

fn all_of(needs: &[Need]) -> String {
    needs.iter().map(|need| plain(&need.text)).collect::<Vec<_>>().join(" and ")
}

fn value(read: &Read) -> String {
    let what = plain(&read.expression);
    match &read.value {
        Some(value) => format!("{what} is {}", plain(value)),
        None => format!("there is no {what}"),
    }
}

fn listed(names: &[String]) -> String {
    let more = names.len().saturating_sub(MAX_NAMES);
    let shown: Vec<String> = names.iter().take(MAX_NAMES).map(|name| plain(name)).collect();
    if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { shown.join(", ") }
}

/// A text from elsewhere without anything that a terminal would obey.
fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { char::REPLACEMENT_CHARACTER } else { letter }).collect()
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
