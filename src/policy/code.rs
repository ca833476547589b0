//! The short words that say what kind of problem a problem is. Authors look them up in `docs/policy-check.md`, scripts rely on them,
//! and `@allow("…")` on a policy silences a warning by its word.
//!
//! A word never changes its meaning. What a problem says about itself beside its code may.

use std::fmt;

/// What kind of problem it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// A file is missing, cannot be read, is too large or not text.
    File,
    /// Policies must be signed, and are not what was signed.
    Signature,
    /// A setting that policies depend on is wrong.
    Setting,
    /// A policy file is not Cedar.
    Syntax,
    /// A value is used as something it is not.
    TypeError,
    /// A type that the schema does not have.
    UnknownType,
    /// An action that the schema does not have.
    UnknownAction,
    /// A tool that its server does not list.
    UnknownTool,
    /// An attribute that its owner never has.
    UnknownAttribute,
    /// An attribute that its owner need not have, read without asking.
    UnguardedAttribute,
    /// An action compared with the group `tools/call`.
    ActionGroup,
    /// An annotation about approvals that cannot be followed.
    Annotation,
    /// A policy without a usable name.
    EmptyId,
    /// Two policies of one name.
    DuplicateId,
    /// A schema file is wrong.
    Schema,
    /// An entities file is wrong.
    Entities,
    /// A file of template links is wrong.
    Links,
    /// The catalog lock is wrong.
    CatalogLock,
    /// A link to a template that there is not.
    UnknownTemplate,
    /// There are no policies.
    NoPolicies,
    /// Nothing is permitted.
    NoPermit,
    /// A policy that matches no request.
    DeadPolicy,
    /// An `unless` that never holds, and so takes nothing back.
    IdleUnless,
    /// A condition that always holds, and so restricts nothing.
    AlwaysTrue,
    /// A permit without conditions that covers destructive tools.
    BroadPermit,
    /// An entity that nothing else knows.
    UnknownEntity,
    /// Two policies that say the same.
    SamePolicy,
    /// Text that looks like other text.
    ConfusableText,
    /// A pattern for paths that `..` gets around.
    PathPattern,
    /// A typed action for no server.
    OrphanAction,
    /// A policy about tools that are not known yet.
    WaitingPolicy,
    /// A template that no link uses.
    UnusedTemplate,
    /// An `@allow` that allows nothing.
    UnknownCode,
    /// A signature that does not fit the files beside it.
    StaleSignature,
}

use Code::{
    ActionGroup, AlwaysTrue, Annotation, BroadPermit, CatalogLock, ConfusableText, DeadPolicy, DuplicateId, EmptyId, Entities,
    File, IdleUnless, Links, NoPermit, NoPolicies, OrphanAction, PathPattern, SamePolicy, Schema, Setting, Signature,
    StaleSignature, Syntax, TypeError, UnguardedAttribute, UnknownAction, UnknownAttribute, UnknownCode, UnknownEntity,
    UnknownTemplate, UnknownTool, UnknownType, UnusedTemplate, WaitingPolicy,
};

impl Code {
    /// Every kind of problem that keeps policies from being put in force.
    pub const ERRORS: [Self; 19] = [
        File,
        Signature,
        Setting,
        Syntax,
        TypeError,
        UnknownType,
        UnknownAction,
        UnknownTool,
        UnknownAttribute,
        UnguardedAttribute,
        ActionGroup,
        Annotation,
        EmptyId,
        DuplicateId,
        Schema,
        Entities,
        Links,
        UnknownTemplate,
        CatalogLock,
    ];

    /// Every kind of remark.
    pub const WARNINGS: [Self; 15] = [
        NoPolicies,
        NoPermit,
        DeadPolicy,
        IdleUnless,
        AlwaysTrue,
        BroadPermit,
        UnknownEntity,
        SamePolicy,
        ConfusableText,
        PathPattern,
        OrphanAction,
        WaitingPolicy,
        UnusedTemplate,
        UnknownCode,
        StaleSignature,
    ];

    /// The word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            File => "file",
            Signature => "signature",
            Setting => "setting",
            Syntax => "syntax",
            TypeError => "type-error",
            UnknownType => "unknown-type",
            UnknownAction => "unknown-action",
            UnknownTool => "unknown-tool",
            UnknownAttribute => "unknown-attribute",
            UnguardedAttribute => "unguarded-attribute",
            ActionGroup => "action-group",
            Annotation => "annotation",
            EmptyId => "empty-id",
            DuplicateId => "duplicate-id",
            Schema => "schema",
            Entities => "entities",
            Links => "links",
            CatalogLock => "catalog-lock",
            UnknownTemplate => "unknown-template",
            NoPolicies => "no-policies",
            NoPermit => "no-permit",
            DeadPolicy => "dead-policy",
            IdleUnless => "idle-unless",
            AlwaysTrue => "always-true",
            BroadPermit => "broad-permit",
            UnknownEntity => "unknown-entity",
            SamePolicy => "same-policy",
            ConfusableText => "confusable-text",
            PathPattern => "path-pattern",
            OrphanAction => "orphan-action",
            WaitingPolicy => "waiting-policy",
            UnusedTemplate => "unused-template",
            UnknownCode => "unknown-code",
            StaleSignature => "stale-signature",
        }
    }

    /// What a problem with a file is when nobody knows better.
    pub(super) fn of_file(name: &str) -> Self {
        let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
        match () {
            () if name.is_empty() => Setting,
            () if ends(&[".cedarschema", ".cedarschema.json"]) => Schema,
            () if ends(&[".links.json"]) => Links,
            () if ends(&[".lock.json"]) => CatalogLock,
            () if ends(&[".json", ".yaml", ".yml"]) => Entities,
            () if ends(&[".cedar"]) => Syntax,
            () => File,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
