//! The vocabulary as text, for authors: what the files declare, and what the tools of servers add to it.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::Value;

use super::catalog::Catalog;
use super::json_schema::{self, Mapped};
use super::load::{PolicyFiles, SourceFile};
use super::report::LoadError;
use super::schema::{self, Arguments, BASE, Vocabulary};
use super::schema_text;
use super::settings::Settings;
use crate::domain::{AttributeKind, ServerName, ToolDefinition};

/// The vocabulary of an author's files and of the tools of servers.
#[derive(Debug)]
pub struct Shown {
    files: Vec<SourceFile>,
    token_claims: Vec<(Arc<str>, AttributeKind)>,
    vocabulary: Vocabulary,
    tools: Vec<Tools>,
}

/// The tools of one server, by the id of their action.
#[derive(Debug)]
struct Tools {
    server: ServerName,
    tools: Vec<(String, Mapped)>,
}

impl Shown {
    /// Puts the vocabulary together. What a file declares about a tool comes before what its server says.
    ///
    /// # Errors
    ///
    /// [`LoadError::Invalid`] with everything that is wrong with the schema files.
    pub fn of(settings: &Settings, files: &PolicyFiles, catalog: &Catalog) -> Result<Self, LoadError> {
        let mut problems = Vec::new();
        let token_claims = settings.token_claims.clone();
        let vocabulary = schema::build(&files.schema, &token_claims, &mut problems)?;
        let Some(vocabulary) = vocabulary.filter(|_| problems.is_empty()) else { return Err(problems.into()) };
        let mut tools: Vec<Tools> = Vec::new();
        for (server, tool) in catalog.tools() {
            let Some(typed) = typed(server, tool, &vocabulary) else { continue };
            match tools.last_mut() {
                Some(last) if last.server == *server => last.tools.push(typed),
                _ => tools.push(Tools { server: server.clone(), tools: vec![typed] }),
            }
        }
        Ok(Self { files: files.schema.clone(), token_claims, vocabulary, tools })
    }

    /// The same with the tools of one server only.
    #[must_use]
    pub fn only(mut self, server: &ServerName) -> Self {
        self.tools.retain(|tools| tools.server == *server);
        self
    }

    /// Whether any tool is known that the files do not declare.
    #[must_use]
    pub fn has_tools(&self) -> bool {
        !self.tools.is_empty()
    }

    /// As text in Cedar's schema syntax: the base vocabulary, the author's files as they are, and the actions of tools.
    #[must_use]
    pub fn to_cedar(&self) -> String {
        let base = BASE.replace("type TokenClaims = {};", &token_claims(&self.token_claims));
        let mut text = heading("The base vocabulary, built in") + &base;
        for file in &self.files {
            text.push_str(&heading(&file.name));
            text.push_str(&file.text);
        }
        for Tools { server, tools } in &self.tools {
            text.push_str(&heading(&format!("The tools of server `{server}`")));
            text.push_str(&namespace(tools));
        }
        text
    }

    /// In Cedar's JSON form, everything merged.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let tools = self.tools.iter().flat_map(|tools| &tools.tools);
        self.vocabulary.document(tools.map(|(id, mapped)| (id.as_str(), Arguments::Of(&mapped.input))))
    }
}

/// The type of what the configuration takes from tokens, in Cedar's schema syntax.
fn token_claims(claims: &[(Arc<str>, AttributeKind)]) -> String {
    let attribute = |(name, kind): &(Arc<str>, AttributeKind)| {
        let ty = match kind {
            AttributeKind::Text => "String",
            AttributeKind::Texts => "Set<String>",
            AttributeKind::Flag => "Bool",
            AttributeKind::Number => "Long",
        };
        format!("{name}?: {ty}")
    };
    let attributes: Vec<String> = claims.iter().map(attribute).collect();
    if attributes.is_empty() {
        "type TokenClaims = {};".to_owned()
    } else {
        format!("type TokenClaims = {{ {} }};", attributes.join(", "))
    }
}

/// A schema file with the actions of a server's tools, to be kept with the policies.
///
/// # Errors
///
/// [`LoadError::Vocabulary`] when the base vocabulary is broken, which would be a defect of this program.
pub fn generate(server: &ServerName, tools: &[ToolDefinition]) -> Result<String, LoadError> {
    let Some(base) = schema::build(&[], &[], &mut Vec::new())? else { return Err(LoadError::Vocabulary("not valid".to_owned())) };
    let mut typed: Vec<(String, Mapped)> = tools.iter().filter_map(|tool| typed(server, tool, &base)).collect();
    typed.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(format!(
        "// The tools of server `{server}` and the types of their arguments, from its list of tools.\n{}",
        namespace(&typed)
    ))
}

/// The action of a tool with its type; `None` when the vocabulary has such an action already.
fn typed(server: &ServerName, tool: &ToolDefinition, vocabulary: &Vocabulary) -> Option<(String, Mapped)> {
    let id = format!("{server}/{}", tool.name);
    (!vocabulary.has_action(&id)).then(|| (id, json_schema::map(tool.input_schema.as_deref())))
}

fn namespace(tools: &[(String, Mapped)]) -> String {
    let actions: Vec<String> = tools.iter().map(|(id, mapped)| schema_text::action(id, mapped)).collect();
    format!("namespace Mcp {{\n{}}}\n", actions.join("\n"))
}

fn heading(title: &str) -> String {
    let mut text = String::from("\n");
    // Writing to a string cannot fail.
    let _ = writeln!(text, "// ==== {} ====\n", title.escape_debug());
    text
}

#[cfg(test)]
#[path = "show_tests.rs"]
mod tests;
