//! An explanation for a terminal.

use std::fmt::Write as _;

use super::changes;
use super::model::{
    About, Answer, Asked, Change, Clause, Explained, Explanation, Failed, Force, Found, Matched, Near, Need, Part, PolicyName,
    Read, ScopeMiss, Side, Unknown,
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
        let told: Vec<(&Explained, String)> = self.judgements.iter().map(|told| (told, page.told(told, self.decision))).collect();
        // Agent and actor are often in the same role, and everything is then the same for both.
        for alike in told.chunk_by(|(one, text), (other, same)| text == same && one.member_of == other.member_of) {
            let who: Vec<String> = alike.iter().map(|(told, _)| told.word()).collect();
            if let Some((first, text)) = alike.first() {
                page.judgement(&who.join(" and "), first, text);
            }
        }
        page.text
    }
}

impl Explained {
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
            "no_permit" => "no permit matches".to_owned(),
            "forbidden" => "a forbid matches".to_owned(),
            "approval_missing" => "a person has to approve it first".to_owned(),
            "not_evaluable" => "a policy cannot be evaluated, so nobody knows what it would have said".to_owned(),
            "not_representable" => "policies cannot be shown the arguments exactly".to_owned(),
            "unknown_tool" => "the tool is not known".to_owned(),
            "drifted" => "the tool is not as the catalog lock has it".to_owned(),
            "unknown_principal" => "not declared anywhere".to_owned(),
            "invalid_request" => "the request does not fit the vocabulary".to_owned(),
            "no_policies_in_force" => "no policies could be put in force since the start".to_owned(),
            other => other.replace('_', " "),
        }
    }

    /// The near misses that matter, and what to say of them: permits of what is not allowed, forbids of which nothing but a
    /// condition lets an allowed call pass.
    fn telling(&self) -> (&'static str, Vec<&Near>) {
        let of = |effect: Force| self.near.iter().filter(move |near| near.policy.effect == effect);
        if self.answer == Answer::Allow {
            return ("not forbidden by", of(Force::Forbid).filter(|near| near.scope.is_none()).collect());
        }
        // What else would permit it does not help as long as something stands in the way.
        if !self.failed.is_empty() || self.matched.iter().any(|matched| matched.policy.effect == Force::Permit) {
            return ("", Vec::new());
        }
        let close: Vec<&Near> = changes::within_reach(&self.near).collect();
        ("not permitted by", if close.is_empty() { of(Force::Permit).take(2).collect() } else { close })
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
        let number = match answer {
            Answer::Allow => 32,
            Answer::RequireApproval => 33,
            Answer::Deny => 31,
        };
        self.painted(number, answer.name())
    }

    fn policy(&self, policy: &PolicyName) -> String {
        format!("{} ({}:{})", self.painted(1, &plain(&policy.id)), plain(&policy.file), policy.line)
    }

    fn decision(&mut self, explanation: &Explanation) {
        let Asked { agent, actor, server, action, target } = &explanation.asked;
        let actor = actor.as_ref().map_or_else(|| " on its own".to_owned(), |actor| format!(" for `{}`", plain(actor)));
        let what = match (action.as_str(), target) {
            ("tools/call", Some(tool)) => format!("`{}/{}`", plain(server), plain(tool)),
            (_, Some(target)) => format!("`{}` at server `{}`", plain(target), plain(server)),
            (_, None) => format!("at server `{}`", plain(server)),
        };
        let answer = self.answer(explanation.decision);
        self.line(0, &format!("{answer}: {action} {what}, by agent `{}`{actor}", plain(agent)));
    }

    fn judgement(&mut self, who: &str, told: &Explained, text: &str) {
        let member = if told.member_of.is_empty() { String::new() } else { format!(", in {}", listed(&told.member_of)) };
        let answer = self.answer(told.answer);
        let reason = if told.answer == Answer::Allow { String::new() } else { format!(", {}", told.reason()) };
        self.line(0, "");
        self.line(0, &format!("{who}{member}: {answer}{reason}"));
        self.text.push_str(text);
    }

    /// What is told below the head line of a judgement.
    fn told(&self, told: &Explained, decision: Answer) -> String {
        let mut page = Self { text: String::new(), color: self.color };
        if let Some(detail) = told.detail.as_ref().filter(|_| told.unknown.is_none()) {
            page.line(2, &plain(detail));
        }
        if let Some(unknown) = &told.unknown {
            page.unknown(unknown);
        }
        page.matched(told);
        told.failed.iter().for_each(|failed| page.failed(failed));
        // Of somebody who is not the reason it is enough to know that they are not.
        if told.answer != Answer::Allow || decision == Answer::Allow {
            page.near(told);
        }
        page.changes(told);
        page.text
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
        let shown: Vec<&Matched> =
            told.matched.iter().filter(|matched| matched.determining || told.answer != Answer::Allow).collect();
        for matched in shown.iter().take(MAX_DRAWN) {
            let verb = match (matched.policy.effect, matched.determining) {
                (Force::Permit, true) => "permitted by",
                (Force::Permit, false) => "would be permitted by",
                (Force::Forbid, _) => "forbidden by",
            };
            let policy = self.policy(&matched.policy);
            self.line(2, &format!("{verb} {policy}"));
            self.reasons(matched);
        }
        if shown.len() > MAX_DRAWN {
            self.line(2, &format!("and {} more policies that match", shown.len() - MAX_DRAWN));
        }
    }

    /// Why a policy matched: its conditions, and what its exceptions lack.
    fn reasons(&mut self, matched: &Matched) {
        let conditions = matched.because.iter().filter(|part| part.clause == Clause::When);
        conditions.for_each(|part| self.part("when ", part));
        for exception in &matched.exceptions {
            let unmet = exception.iter().filter(|part| !part.is_as_wanted()).enumerate();
            unmet.for_each(|(number, part)| self.part(if number == 0 { "unless " } else { "   and " }, part));
        }
    }

    fn failed(&mut self, failed: &Failed) {
        let policy = self.policy(&failed.policy);
        self.line(2, &format!("{policy} fails: {}", plain(&failed.message)));
        if let Some(part) = &failed.part {
            self.part(clause(part), part);
        }
    }

    fn near(&mut self, told: &Explained) {
        let (verb, shown) = told.telling();
        for near in shown.iter().take(MAX_DRAWN) {
            let policy = self.policy(&near.policy);
            self.line(2, &format!("{verb} {policy}"));
            if let Some(scope) = &near.scope {
                self.scope(scope, told);
            }
            near.missing.iter().for_each(|part| self.part(clause(part), part));
        }
        if shown.len() > MAX_DRAWN {
            self.line(2, &format!("and {} more policies that come near", shown.len() - MAX_DRAWN));
        }
    }

    fn scope(&mut self, scope: &ScopeMiss, told: &Explained) {
        self.line(4, &plain(&scope.wanted));
        let found = match (scope.about, told.member_of.as_slice()) {
            (About::Role, []) => "but is in nothing".to_owned(),
            (About::Role, roles) => format!("but is in {} only", listed(roles)),
            _ => format!("but {} is {}", scope.variable, plain(&scope.found)),
        };
        self.line(6, &found);
    }

    /// A part of a condition, what it is, and the values that it read.
    fn part(&mut self, before: &str, part: &Part) {
        self.line(4, &format!("{before}{}", plain(&part.text)));
        let found = match part.found {
            Found::True => "is true",
            Found::False => "is false",
            Found::Error => "cannot be evaluated",
            Found::NotReached => "is not reached",
        };
        // A part that is nothing but a value needs no second word.
        let read: Vec<String> = part.read.iter().filter(|read| read.expression != part.text).map(value).collect();
        let read = if read.is_empty() { String::new() } else { format!(": {}", read.join("; ")) };
        self.line(6, &format!("{found}{read}"));
    }

    fn changes(&mut self, told: &Explained) {
        if told.changes.is_empty() {
            return;
        }
        self.line(0, "");
        self.line(
            2,
            match (told.changes.len(), told.all_needed) {
                (1, _) => "To allow it:",
                (_, true) => "To allow it, all of these:",
                (_, false) => "To allow it, one of these:",
            },
        );
        told.changes.iter().take(MAX_DRAWN).for_each(|change| self.change(change));
        if told.changes.len() > MAX_DRAWN {
            self.line(4, &format!("- and {} more", told.changes.len() - MAX_DRAWN));
        }
    }

    fn change(&mut self, change: &Change) {
        let about = change.policy.as_ref().map(|policy| format!("{}: ", plain(&policy.id))).unwrap_or_default();
        let ways: Vec<String> = change.ways.iter().map(|way| all_of(way)).collect();
        self.line(4, &format!("- {about}{}", ways.join("; or ")));
    }
}

const fn clause(part: &Part) -> &'static str {
    match part.clause {
        Clause::When => "when ",
        Clause::Unless => "unless ",
    }
}

fn all_of(needs: &[Need]) -> String {
    needs.iter().map(|need| plain(&need.text)).collect::<Vec<_>>().join(", and ")
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
