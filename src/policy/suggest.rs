//! A first set of policies for the tools of a server, as little as is useful: what only reads is permitted to a role, what changes
//! things needs a person's approval, and everything else stays denied because nothing permits it.
//!
//! The text is made of the names of tools, which a server chooses freely, so every name is written as a literal that cannot end early,
//! and in comments with everything that could end the comment written out.

use std::fmt::Write as _;

use serde_json::Value;

use crate::domain::visible::{is_hidden, visible};
use crate::domain::{ServerName, ToolDefinition};

/// What policies are suggested for.
#[derive(Debug, Clone, Copy)]
pub struct Suggestion<'a> {
    /// The server.
    pub server: &'a ServerName,
    /// Its tools.
    pub tools: &'a [ToolDefinition],
    /// The role that gets to use them.
    pub role: &'a str,
    /// The tools come from a catalog lock: what they say of themselves was reviewed.
    pub reviewed: bool,
}

/// What is suggested for a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Group {
    /// It claims to change nothing.
    Reads,
    /// It claims to change things without destroying any.
    Adds,
    /// It claims to destroy.
    Destroys,
    /// It claims nothing, which counts as the worst.
    Silent,
}

impl Suggestion<'_> {
    /// The policies as Cedar text. Writing into a string does not fail.
    #[must_use]
    pub fn to_cedar(&self) -> String {
        let mut out = self.header();
        let of = |group| self.tools.iter().filter(move |tool| Group::of(tool) == group).collect::<Vec<_>>();
        self.reads(&mut out, &of(Group::Reads));
        self.approval(
            &mut out,
            "adds",
            "claim to change things, but to destroy nothing (destructiveHint is false)",
            &of(Group::Adds),
        );
        self.approval(&mut out, "destroys", "claim that they may destroy (destructiveHint)", &of(Group::Destroys));
        let silent = "do not say whether they change or destroy anything, so they may";
        self.approval(&mut out, "unknown", silent, &of(Group::Silent));
        self.examples(&mut out);
        out
    }

    fn header(&self) -> String {
        let Self { server, tools, reviewed, .. } = self;
        let trust = match reviewed {
            true => {
                "What the tools say of themselves is taken from the catalog lock: it was reviewed, and tools that differ from it are refused."
            }
            false => {
                "What the tools say of themselves is a claim of the server, and stays one until it is pinned: by a catalog lock\n\
                 // (`cedarpost catalog lock`), or by an entities file that states readOnly, destructive, idempotent and openWorld."
            }
        };
        let count = match tools.len() {
            1 => "1 tool".to_owned(),
            count => format!("{count} tools"),
        };
        format!(
            "// A first set of policies for the {count} of the server `{server}`, to be edited.\n// {trust}\n// Tools that are not named \
             here are denied, because nothing permits them. An agent that acts for a person is decided\n// together with that person: \
             both need the role.\n"
        )
    }

    fn reads(&self, out: &mut String, tools: &[&ToolDefinition]) {
        if tools.is_empty() {
            return;
        }
        let _ = write!(
            out,
            "\n// These tools claim to be read-only (readOnlyHint). The permit ends when a tool stops claiming it.\n"
        );
        let outside: Vec<String> =
            tools.iter().filter(|tool| tool.annotations.open_world).map(|tool| visible(&tool.name).into_owned()).collect();
        if !outside.is_empty() {
            let all = if outside.len() == tools.len() { "all of them".to_owned() } else { shortened(&outside) };
            let _ = writeln!(out, "// May reach into the world outside, as they say or do not deny (openWorldHint): {all}.");
        }
        self.permit(out, "reads", tools, "resource.readOnly");
    }

    fn approval(&self, out: &mut String, id: &str, claim: &str, tools: &[&ToolDefinition]) {
        if tools.is_empty() {
            return;
        }
        let _ = writeln!(
            out,
            "\n// These tools {claim}:\n// each call needs the approval of a person other than the one the agent acts for."
        );
        let approved = "context has approval &&\n  context.time.now < context.approval.expires &&\n  \
                        !(context has actor && context.approval.by == context.actor)";
        self.permit(out, id, tools, approved);
    }

    fn permit(&self, out: &mut String, id: &str, tools: &[&ToolDefinition], condition: &str) {
        let (server, role) = (self.server, literal(self.role));
        let tools: Vec<String> = tools.iter().map(|tool| format!("    Mcp::Tool::{}", self.id(tool))).collect();
        let _ = writeln!(
            out,
            "@id(\"{server}-{id}\")\npermit (\n  principal in Mcp::Role::{role},\n  action in Mcp::Action::\"tools/call\",\n  \
             resource in Mcp::Server::\"{server}\"\n)\nwhen {{\n  {condition} &&\n  resource in [\n{}\n  ]\n}};",
            tools.join(",\n")
        );
    }

    /// Comments that show how an argument narrows a permit, for the first tool with an argument of each kind.
    fn examples(&self, out: &mut String) {
        let examples: Vec<String> = Kind::ALL.into_iter().filter_map(|kind| self.example(kind)).collect();
        if !examples.is_empty() {
            let _ = write!(out, "\n// Arguments can narrow a permit. For instance, as a start to edit:\n{}", examples.concat());
        }
    }

    fn example(&self, kind: Kind) -> Option<String> {
        let (tool, argument, required) =
            self.tools.iter().find_map(|tool| argument(tool, kind).map(|(name, required)| (tool, name, required)))?;
        let place = if is_identifier(&argument) { format!(".{argument}") } else { format!("[{}]", literal(&argument)) };
        let present = match (required, is_identifier(&argument)) {
            (true, _) => String::new(),
            (false, true) => format!("context.input has {argument} && "),
            (false, false) => format!("context.input has {} && ", literal(&argument)),
        };
        let condition = kind.condition(&format!("context.input{place}"));
        Some(format!(
            "//\n// {why}\n// @id(\"{server}-only-{id}\")\n// forbid (principal, action == Mcp::Action::{action}, resource)\n// unless {{ \
             {present}{condition} }};\n",
            why = kind.why(),
            server = self.server,
            id = kind.id(),
            action = self.id(tool),
        ))
    }

    /// The tool's id as a literal.
    fn id(&self, tool: &ToolDefinition) -> String {
        literal(&format!("{}/{}", self.server, tool.name))
    }
}

impl Group {
    fn of(tool: &ToolDefinition) -> Self {
        let said = |hint: &str| {
            let definition: Option<Value> = serde_json::from_slice(&tool.definition).ok();
            definition
                .is_some_and(|definition| definition.pointer(&format!("/annotations/{hint}")).is_some_and(Value::is_boolean))
        };
        match (tool.annotations.read_only, tool.annotations.destructive) {
            (true, false) => Self::Reads,
            (false, false) => Self::Adds,
            (_, true) if said("destructiveHint") => Self::Destroys,
            (_, true) => Self::Silent,
        }
    }
}

/// What an argument seems to be, by its name and type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Path,
    Url,
    Amount,
    Fraction,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Path, Self::Url, Self::Amount, Self::Fraction];

    const fn id(self) -> &'static str {
        match self {
            Self::Path => "below-a-directory",
            Self::Url => "our-pages",
            Self::Amount | Self::Fraction => "small-amounts",
        }
    }

    const fn why(self) -> &'static str {
        match self {
            Self::Path => {
                "Only below one directory. A path is compared as text, so what could lead elsewhere is refused as well."
            }
            Self::Url => "Only pages of one host. The slash after the host matters: without it the host could go on.",
            Self::Amount | Self::Fraction => "Only small amounts.",
        }
    }

    fn condition(self, argument: &str) -> String {
        match self {
            Self::Path => format!("{argument} like \"/data/*\" && !({argument} like \"*..*\")"),
            Self::Url => format!("{argument} like \"https://docs.example.com/*\""),
            Self::Amount => format!("{argument} <= 100"),
            Self::Fraction => format!("{argument}.lessThanOrEqual(decimal(\"100.0\"))"),
        }
    }

    fn fits(self, name: &str, ty: &str) -> bool {
        let name = name.to_lowercase();
        let named = |words: &[&str]| words.iter().any(|word| name.contains(word));
        match (self, ty) {
            (Self::Path, "string") => named(&["path", "file", "dir", "folder"]),
            (Self::Url, "string") => named(&["url", "uri", "href"]),
            (Self::Amount, "integer") | (Self::Fraction, "number") => named(&["amount", "price", "total", "cost"]),
            _ => false,
        }
    }
}

/// The first argument of this kind with a plain type, by name, and whether it is required.
fn argument(tool: &ToolDefinition, kind: Kind) -> Option<(String, bool)> {
    let schema: Value = serde_json::from_slice(tool.input_schema.as_deref()?).ok()?;
    let required = |name: &str| {
        schema.get("required").and_then(Value::as_array).is_some_and(|names| names.iter().any(|required| required == name))
    };
    let plain = |value: &Value| ["enum", "const", "$ref"].iter().all(|key| value.get(key).is_none());
    let fits = |name: &str, value: &Value| {
        plain(value) && value.get("type").and_then(Value::as_str).is_some_and(|ty| kind.fits(name, ty))
    };
    let properties = schema.get("properties")?.as_object()?;
    properties.iter().find(|(name, value)| fits(name, value)).map(|(name, _)| (name.clone(), required(name)))
}

fn is_identifier(text: &str) -> bool {
    const WORDS: [&str; 9] = ["true", "false", "if", "then", "else", "in", "is", "like", "has"];
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    text.starts_with(letter)
        && text.chars().all(|c| letter(c) || c.is_ascii_digit())
        && !WORDS.contains(&text)
        && text != "__cedar"
}

/// Some names, and how many more there are.
fn shortened(names: &[String]) -> String {
    const SHOWN: usize = 8;
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN { format!("{shown} and {} more", names.len() - SHOWN) } else { shown }
}

/// A Cedar string that means exactly `text`, on one line.
fn literal(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            hidden if is_hidden(hidden) => out.extend(hidden.escape_unicode()),
            seen => out.push(seen),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
#[path = "suggest_tests.rs"]
mod tests;
