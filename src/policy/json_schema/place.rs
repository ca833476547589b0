//! The way from a schema's root to one of its parts, rendered only when there is something to say about that part.

use std::fmt::{self, Display, Write as _};

use super::document::{push_token, shortened};

/// A part of the schema, by the steps that lead to it.
#[derive(Clone, Copy)]
pub(super) struct Place<'p> {
    parent: Option<&'p Place<'p>>,
    step: Step<'p>,
}

#[derive(Clone, Copy)]
enum Step<'p> {
    Root,
    /// A keyword that is about the same value.
    Keyword(&'p str),
    /// One of the schemas in a list, also about the same value.
    Branch(&'p str, usize),
    Property(&'p str),
    Items,
    /// A reference to the part with this JSON pointer.
    Jump(&'p str),
}

impl<'p> Place<'p> {
    pub(super) const ROOT: Place<'static> = Place { parent: None, step: Step::Root };

    const fn then<'q>(&'q self, step: Step<'q>) -> Place<'q>
    where
        'p: 'q,
    {
        Place { parent: Some(self), step }
    }

    pub(super) const fn keyword<'q>(&'q self, keyword: &'q str) -> Place<'q> {
        self.then(Step::Keyword(keyword))
    }

    pub(super) const fn branch<'q>(&'q self, keyword: &'q str, number: usize) -> Place<'q> {
        self.then(Step::Branch(keyword, number))
    }

    pub(super) const fn property<'q>(&'q self, name: &'q str) -> Place<'q> {
        self.then(Step::Property(name))
    }

    pub(super) const fn items(&self) -> Place<'_> {
        self.then(Step::Items)
    }

    pub(super) const fn jump<'q>(&'q self, pointer: &'q str) -> Place<'q> {
        self.then(Step::Jump(pointer))
    }

    /// The JSON pointer into the schema.
    pub(super) fn pointer(&self) -> String {
        let mut pointer = match (self.parent, self.step) {
            (_, Step::Jump(_)) | (None, _) => String::new(),
            (Some(parent), _) => parent.pointer(),
        };
        match self.step {
            Step::Root => {}
            Step::Keyword(keyword) => push_token(&mut pointer, keyword),
            Step::Branch(keyword, number) => {
                push_token(&mut pointer, keyword);
                push_token(&mut pointer, &number.to_string());
            }
            Step::Property(name) => {
                push_token(&mut pointer, "properties");
                push_token(&mut pointer, name);
            }
            Step::Items => push_token(&mut pointer, "items"),
            Step::Jump(target) => pointer.push_str(target),
        }
        pointer
    }

    /// The value it is about, as policies name it: `context.input.order.lines[]`.
    pub(super) fn argument(&self) -> String {
        let mut argument = self.parent.map_or_else(|| "context.input".to_owned(), Self::argument);
        match self.step {
            // Writing to a string cannot fail.
            Step::Property(name) => drop(write!(argument, "{}", Attribute(name))),
            Step::Items => argument.push_str("[]"),
            Step::Root | Step::Keyword(_) | Step::Branch(..) | Step::Jump(_) => {}
        }
        argument
    }
}

/// An attribute as it is reached in a policy: `.name`, or `["any name"]`.
struct Attribute<'a>(&'a str);

impl Display for Attribute<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut letters = self.0.chars();
        let starts = letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
        if starts && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_') {
            write!(f, ".{}", shortened(self.0))
        } else {
            write!(f, "[\"{}\"]", shortened(self.0).escape_debug())
        }
    }
}
