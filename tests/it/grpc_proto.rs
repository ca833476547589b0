//! The messages are a promise: what was there once stays as it was, by number and by name, and everything says what it means.
//!
//! `tests/golden/proto/cedarpost.v1.txt` holds a line for each service, method, message, field and value. Lines are added there with what
//! is added to `proto/`; a line that is gone or changed breaks somebody who was built before.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use cedarpost::grpc::pb;
use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet};

const GOLDEN: &str = include_str!("../golden/proto/cedarpost.v1.txt");

/// The files of our package.
fn files() -> Vec<FileDescriptorProto> {
    let all = FileDescriptorSet::decode(pb::DESCRIPTION).unwrap();
    all.file.into_iter().filter(|file| file.package() == "cedarpost.v1").collect()
}

/// Everything that clients are built on, a line each.
fn lines() -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for file in files() {
        for service in &file.service {
            lines.insert(format!("service {}", service.name()));
            for method in &service.method {
                let stream = |streams: bool| if streams { "stream " } else { "" };
                lines.insert(format!(
                    "method {}.{} ({}{}) returns ({}{})",
                    service.name(),
                    method.name(),
                    stream(method.client_streaming()),
                    method.input_type(),
                    stream(method.server_streaming()),
                    method.output_type()
                ));
            }
        }
        file.message_type.iter().for_each(|message| describe(message, "", &mut lines));
        file.enum_type.iter().for_each(|values| describe_enum(values, "", &mut lines));
    }
    lines
}

fn describe(message: &DescriptorProto, outer: &str, lines: &mut BTreeSet<String>) {
    let name = format!("{outer}{}", message.name());
    lines.insert(format!("message {name}"));
    for field in &message.field {
        lines.insert(format!("field {name} {} = {} {}", field.name(), field.number(), kind(message, field)));
    }
    message.nested_type.iter().for_each(|inner| describe(inner, &format!("{name}."), lines));
    message.enum_type.iter().for_each(|values| describe_enum(values, &format!("{name}."), lines));
}

fn kind(message: &DescriptorProto, field: &FieldDescriptorProto) -> String {
    let of = match field.r#type() {
        Type::Message | Type::Enum => field.type_name().to_owned(),
        plain => format!("{plain:?}").to_lowercase(),
    };
    let oneof = field.oneof_index.and_then(|index| message.oneof_decl.get(usize::try_from(index).unwrap()));
    match (field.label(), oneof) {
        (Label::Repeated, _) => format!("repeated {of}"),
        (_, _) if field.proto3_optional() => format!("optional {of}"),
        (_, Some(oneof)) => format!("{of} in oneof {}", oneof.name()),
        (_, None) => of,
    }
}

fn describe_enum(values: &EnumDescriptorProto, outer: &str, lines: &mut BTreeSet<String>) {
    let name = format!("{outer}{}", values.name());
    lines.insert(format!("enum {name}"));
    lines.extend(values.value.iter().map(|value| format!("value {name} {} = {}", value.name(), value.number())));
}

#[test]
fn what_was_once_in_the_messages_stays_as_it_was() {
    let (now, then) = (lines(), GOLDEN.lines().map(str::to_owned).collect::<BTreeSet<_>>());
    let gone: Vec<_> = then.difference(&now).collect();
    assert!(gone.is_empty(), "somebody was built on this, and it is gone or changed:\n{gone:#?}");
    let added: Vec<_> = now.difference(&then).map(String::as_str).collect();
    assert!(added.is_empty(), "add these lines to tests/golden/proto/cedarpost.v1.txt:\n{}", added.join("\n"));
}

#[test]
fn everything_says_what_it_means() {
    let mut silent = Vec::new();
    for file in files() {
        let said: BTreeMap<&[i32], &str> = file
            .source_code_info
            .as_ref()
            .unwrap()
            .location
            .iter()
            .map(|location| (location.path.as_slice(), location.leading_comments()))
            .collect();
        let mut look = |path: &[i32], name: &str| {
            if said.get(path).is_none_or(|comment| comment.trim().is_empty()) {
                silent.push(format!("{}: {name}", file.name()));
            }
        };
        for (at, service) in (0..).zip(&file.service) {
            look(&[6, at], service.name());
            (0..).zip(&service.method).for_each(|(place, method)| look(&[6, at, 2, place], method.name()));
        }
        for (at, message) in (0..).zip(&file.message_type) {
            look(&[4, at], message.name());
            let entry = |field: &FieldDescriptorProto| format!("{}.{}", message.name(), field.name());
            (0..).zip(&message.field).for_each(|(place, field)| look(&[4, at, 2, place], &entry(field)));
            // The compiler writes optional fields as choices of one, whose names begin so.
            let choices = (0..).zip(&message.oneof_decl).filter(|(_, choice)| !choice.name().starts_with('_'));
            choices.for_each(|(place, choice)| look(&[4, at, 8, place], choice.name()));
        }
        for (at, values) in (0..).zip(&file.enum_type) {
            look(&[5, at], values.name());
            (0..).zip(&values.value).for_each(|(place, value)| look(&[5, at, 2, place], value.name()));
        }
    }
    assert!(silent.is_empty(), "{silent:#?}");
}

#[test]
fn names_are_as_clients_of_all_languages_expect_them() {
    let (mut odd, mut used) = (Vec::new(), BTreeSet::new());
    for file in files() {
        if file.service.len() > 1 {
            odd.push(format!("{} has more than one service", file.name()));
        }
        for service in &file.service {
            if !service.name().ends_with("Service") {
                odd.push(service.name().to_owned());
            }
            for method in &service.method {
                let (input, output) =
                    (format!(".cedarpost.v1.{}Request", method.name()), format!(".cedarpost.v1.{}Response", method.name()));
                if method.input_type() != input || method.output_type() != output || !used.insert(input) {
                    odd.push(format!("{}: its messages are its own, and named after it", method.name()));
                }
            }
        }
        for values in &file.enum_type {
            let prefix = upper_snake(values.name());
            for value in &values.value {
                let good = match value.number() {
                    0 => value.name() == format!("{prefix}_UNSPECIFIED"),
                    _ => value.name().starts_with(&format!("{prefix}_")),
                };
                if !good {
                    odd.push(value.name().to_owned());
                }
            }
        }
        let fields = file.message_type.iter().flat_map(|message| &message.field);
        let snake = |name: &str| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        odd.extend(fields.filter(|field| !snake(field.name())).map(|field| field.name().to_owned()));
        let stem = Path::new(file.name()).parent().unwrap();
        if stem != Path::new("cedarpost/v1") {
            odd.push(file.name().to_owned());
        }
    }
    assert!(odd.is_empty(), "{odd:#?}");
}

fn upper_snake(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(letter.to_ascii_uppercase());
    }
    out
}
