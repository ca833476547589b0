//! Types of tools as an author would write them: Cedar's schema syntax, with the notes as comments.
//!
//! Cedar has a printer of its own. This one writes `String` for `__cedar::String`, keeps an action on few lines, and says what Cedar's
//! types cannot as the annotations of [`marks`](super::marks).

use std::fmt::Write as _;

use super::json_schema::{Mapped, Note};
use super::ty::{Field, Others, Record, Ty};

/// The most listed values in a comment.
const MAX_LISTED: usize = 8;
/// The longest listed value in a comment, in characters.
const MAX_VALUE: usize = 64;
/// Names that must be quoted although they are identifiers.
const RESERVED: [&str; 10] = ["true", "false", "if", "then", "else", "in", "is", "like", "has", "__cedar"];

/// The declaration of the action of a tool, indented for its namespace.
pub(super) fn action(id: &str, Mapped { input, notes }: &Mapped) -> String {
    let mut text = String::new();
    notes.iter().for_each(|note| comment(&mut text, note));
    // Writing to a string cannot fail.
    let _ = writeln!(text, "  action {} in [\"tools/call\"] appliesTo {{", quoted(id));
    text.push_str("    principal: [Agent, User],\n    resource: [Tool],\n    context: {");
    if let Ty::Record(record) = input {
        text.push_str("\n      ");
        mark_others(&mut text, input, 6);
        text.push_str("input: ");
        write_record(&mut text, record, 6);
        text.push_str(",\n    ");
    }
    text.push_str("}\n  };\n");
    text
}

fn comment(text: &mut String, note: &Note) {
    let place = if note.pointer.is_empty() { String::new() } else { format!(": {}", note.pointer) };
    let _ = writeln!(text, "  // {note}{place}");
}

fn write_type(text: &mut String, ty: &Ty, indent: usize) {
    let name = match ty {
        Ty::Bool => "Bool",
        Ty::Long => "Long",
        Ty::Str | Ty::OneOf(_) => "String",
        Ty::Decimal => "decimal",
        Ty::Datetime => "datetime",
        Ty::Duration => "duration",
        Ty::Ip => "ipaddr",
        Ty::Entity(name) => return text.push_str(&name.to_string()),
        Ty::Set(element) => {
            text.push_str("Set<");
            write_type(text, element, indent);
            return text.push('>');
        }
        Ty::Record(record) => return write_record(text, record, indent),
        // It is left out of the record it is in.
        Ty::Hidden => "",
    };
    text.push_str(name);
}

/// A record whose line begins at column `indent`.
fn write_record(text: &mut String, record: &Record, indent: usize) {
    let visible: Vec<(&String, &Field)> = record.fields.iter().filter(|(_, field)| field.ty.is_visible()).collect();
    if visible.is_empty() {
        return text.push_str("{}");
    }
    text.push_str("{\n");
    for (name, field) in visible {
        write_field(text, name, field, indent + 2);
    }
    let _ = write!(text, "{:indent$}}}", "");
}

fn write_field(text: &mut String, name: &str, field: &Field, indent: usize) {
    let _ = write!(text, "{:indent$}", "");
    mark_others(text, &field.ty, indent);
    if let Some(default) = &field.default {
        let _ = write!(text, "@default({})\n{:indent$}", quoted(default), "");
    }
    let optional = if field.is_certain() { "" } else { "?" };
    let _ = write!(text, "{}{optional}: ", attribute(name));
    write_type(text, &field.ty, indent);
    let _ = writeln!(text, ",{}", listed(&field.ty));
}

/// `@others`, where a call may have keys that the type in Cedar's syntax does not name.
fn mark_others(text: &mut String, ty: &Ty, indent: usize) {
    if lets_pass(ty) {
        let _ = write!(text, "@others(\"hidden\")\n{:indent$}", "");
    }
}

fn lets_pass(ty: &Ty) -> bool {
    match ty {
        Ty::Set(element) => lets_pass(element),
        Ty::Record(record) => record.others == Others::Hidden || record.fields.values().any(|field| !field.ty.is_visible()),
        _ => false,
    }
}

/// The listed values of a string as a comment.
fn listed(ty: &Ty) -> String {
    let Ty::OneOf(values) = innermost(ty) else { return String::new() };
    let short = |value: &str| quoted(&value.chars().take(MAX_VALUE).collect::<String>());
    let shown: Vec<String> = values.iter().take(MAX_LISTED).map(|value| short(value)).collect();
    format!(" // one of {}{}", shown.join(", "), if values.len() > shown.len() { ", …" } else { "" })
}

fn innermost(ty: &Ty) -> &Ty {
    match ty {
        Ty::Set(element) => innermost(element),
        other => other,
    }
}

/// The name of an attribute: as it is when it is an identifier.
fn attribute(name: &str) -> String {
    if is_identifier(name) { name.to_owned() } else { quoted(name) }
}

/// Whether policies and schemas can have a name without quotes.
pub(super) fn is_identifier(name: &str) -> bool {
    let mut letters = name.chars();
    let starts = letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
    starts && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_') && !RESERVED.contains(&name)
}

/// A string of Cedar's.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.escape_debug())
}
