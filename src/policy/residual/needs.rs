//! What of the context must be there for some policies: the parts of the circumstances one by one, and the rest together.

use crate::policy::reads::Reads;

/// A set of parts of the context.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::policy) struct Needs(u16);

impl Needs {
    pub(in crate::policy) const NOTHING: Self = Self(0);
    pub(in crate::policy) const EVERYTHING: Self = Self(u16::MAX);
    pub(in crate::policy) const TIME: Self = Self(1);
    pub(in crate::policy) const NOW: Self = Self(1 << 1);
    pub(in crate::policy) const HOUR: Self = Self(1 << 2);
    pub(in crate::policy) const MINUTE: Self = Self(1 << 3);
    pub(in crate::policy) const WEEKDAY: Self = Self(1 << 4);
    pub(in crate::policy) const SOURCE: Self = Self(1 << 5);
    pub(in crate::policy) const TRANSPORT: Self = Self(1 << 6);
    pub(in crate::policy) const IP: Self = Self(1 << 7);
    pub(in crate::policy) const SESSION: Self = Self(1 << 8);
    pub(in crate::policy) const AGENT: Self = Self(1 << 9);
    pub(in crate::policy) const ACTOR: Self = Self(1 << 10);
    /// Whatever is not among the others: the arguments, the method, and what is yet to come.
    pub(in crate::policy) const MORE: Self = Self(1 << 11);
    pub(in crate::policy) const TOKEN: Self = Self(1 << 12);

    /// The parts that must be there for policies that read this.
    pub(in crate::policy) fn of(reads: &Reads) -> Self {
        if reads.is_whole() {
            return Self::EVERYTHING;
        }
        reads.parts().map(|(name, part)| Self::of_attribute(name, part)).fold(Self::NOTHING, Self::and)
    }

    fn of_attribute(name: &str, reads: &Reads) -> Self {
        let inside = |record: Self, parts: &[(&str, Self)]| {
            let read = parts.iter().filter(|(part, _)| reads.part(part).is_some());
            read.fold(record, |needs, (_, part)| needs.and(*part))
        };
        match name {
            "time" => {
                let parts = [("now", Self::NOW), ("hour", Self::HOUR), ("minute", Self::MINUTE), ("weekday", Self::WEEKDAY)];
                inside(Self::TIME, &parts)
            }
            "source" => inside(Self::SOURCE, &[("transport", Self::TRANSPORT), ("ip", Self::IP)]),
            "session" => Self::SESSION,
            "token" => Self::TOKEN,
            "agent" => Self::AGENT,
            "actor" => Self::ACTOR,
            _ => Self::MORE,
        }
    }

    /// The parts of both.
    pub(in crate::policy) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all these parts are in it.
    pub(in crate::policy) const fn has(self, parts: Self) -> bool {
        self.0 & parts.0 == parts.0
    }
}

#[cfg(test)]
mod tests {
    use super::Needs;
    use crate::policy::fixture::policy;
    use crate::policy::reads::Reads;

    #[test]
    fn what_a_policy_reads_must_be_there_and_nothing_else() {
        for (condition, expected) in [
            ("resource.readOnly", Needs::NOTHING),
            ("context.time.hour > 8 && context.time.minute > 0", Needs::TIME.and(Needs::HOUR).and(Needs::MINUTE)),
            ("context.time has now", Needs::TIME.and(Needs::NOW)),
            ("context has time", Needs::TIME),
            ("context has time.now", Needs::TIME.and(Needs::NOW)),
            ("context.source has ip && context has actor", Needs::SOURCE.and(Needs::IP).and(Needs::ACTOR)),
            ("context.source.transport == \"http\"", Needs::SOURCE.and(Needs::TRANSPORT)),
            ("context.agent in resource || context.session has id", Needs::AGENT.and(Needs::SESSION)),
            ("context has token && context.token.scopes.contains(\"x\")", Needs::TOKEN),
            ("context has token.claims.department", Needs::TOKEN),
            ("context.input.amount > 1", Needs::MORE),
            ("context has approval", Needs::MORE),
            ("context has something.yet.to.come", Needs::MORE),
            ("context == {}", Needs::EVERYTHING),
            ("[context].contains({})", Needs::EVERYTHING),
        ] {
            let reads = Reads::of(&policy(&format!("permit (principal, action, resource) when {{ {condition} }};"))).unwrap();
            assert_eq!(Needs::of(&reads), expected, "{condition}");
        }
        for whole in ["context.time == context.time", "[context.time].contains(context.time)"] {
            let reads = Reads::of(&policy(&format!("permit (principal, action, resource) when {{ {whole} }};"))).unwrap();
            assert!(Needs::of(&reads).has(Needs::NOW.and(Needs::WEEKDAY)), "{whole}");
        }
    }
}
