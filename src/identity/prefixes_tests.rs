//! Whose word counts for whom.

use super::*;
use crate::identity::fixture::issuer;
use crate::identity::mapping::Preset;

fn owner(name: &str, prefix: &str, preset: Preset) -> IssuerSettings {
    let mut settings = issuer(preset);
    settings.issuer = name.into();
    settings.mapping.prefix = prefix.into();
    settings
}

#[test]
fn nobody_vouches_for_the_ids_of_others() {
    let prefixes = Prefixes::of(&[
        owner("corp", "", Preset::Rfc9068),
        owner("partner", "partner/", Preset::Rfc9068),
        owner("cluster", "", Preset::Kubernetes),
    ]);
    for (issuer, name, expected) in [
        ("corp", "alice", Some("alice")),
        ("partner", "alice", Some("partner/alice")),
        ("corp", "partner/alice", None),
        ("corp", "partner", Some("partner")),
        ("partner", "partner/alice", Some("partner/partner/alice")),
        ("cluster", "system:serviceaccount:a:b", Some("system:serviceaccount:a:b")),
        ("corp", "system:serviceaccount:a:b", None),
        ("partner", "system:serviceaccount:a:b", Some("partner/system:serviceaccount:a:b")),
        ("corp", "spiffe://example.org/a", None),
        ("cluster", "spiffe://example.org/a", None),
        ("nobody", "alice", None),
    ] {
        assert_eq!(prefixes.id(issuer, name).as_deref(), expected, "{issuer} {name}");
    }
}
