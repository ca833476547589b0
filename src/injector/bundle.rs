//! The authorities that API servers believe for the webhook (`caBundle`): several, because replicas have one each and one follows on another.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::authority::pem;
use crate::domain::Timestamp;
use crate::listen::certificate::Certificate;

/// How many authorities are kept. Replicas come and go, and those that are missing add themselves again.
const MOST: usize = 16;
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// The bundle (PEM) with this authority in it, and without those that have ended; of too many the first to end go. `None` when it is right as
/// it is.
pub(super) fn with(bundle: &str, ours: &str, now: Timestamp) -> Option<String> {
    let ours = certificates(ours).into_iter().next()?;
    let before = certificates(bundle);
    let mut good: Vec<(Timestamp, Vec<u8>)> = Vec::new();
    for der in before.iter().filter(|der| **der != ours) {
        let ends = Certificate::parse(der).ok().map(|certificate| certificate.not_after).filter(|ends| *ends > now);
        if let Some(ends) = ends
            && !good.iter().any(|(_, other)| other == der)
        {
            good.push((ends, der.clone()));
        }
    }
    good.sort_by_key(|(ends, _)| *ends);
    let spare = good.len().saturating_sub(MOST - 1);
    let kept = good.into_iter().skip(spare).map(|(_, der)| der).chain([ours]);
    let mut after: Vec<Vec<u8>> = kept.collect();
    let text = after.iter().map(|der| pem("CERTIFICATE", der)).collect();
    // The order does not matter to anybody, and must not make replicas undo each other's work.
    let mut before = before;
    before.sort();
    after.sort();
    (before != after).then_some(text)
}

/// Whether this authority is in the bundle.
pub(super) fn holds(bundle: &str, ours: &str) -> bool {
    certificates(ours).first().is_some_and(|ours| certificates(bundle).contains(ours))
}

/// The certificates of a PEM text, DER; what is no certificate is left out.
fn certificates(text: &str) -> Vec<Vec<u8>> {
    let body = |piece: &str| {
        let (_, body) = piece.split_once(BEGIN)?;
        let plain: String = body.chars().filter(|letter| !letter.is_ascii_whitespace()).collect();
        STANDARD.decode(plain).ok()
    };
    text.split(END).filter_map(body).collect()
}

#[cfg(test)]
mod tests {
    //! Bundles that are empty, full, old and right.

    use std::time::Duration;

    use super::super::Authority;
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn ca(hours: u64) -> String {
        Authority::make(&["a.svc".to_owned()], NOW, Duration::from_secs(3600 * hours)).unwrap().ca
    }

    #[test]
    fn a_bundle_gets_what_is_missing_and_loses_what_has_ended() {
        let (ours, other) = (ca(24), ca(24));
        assert_eq!(with("", &ours, NOW).unwrap(), ours);
        assert!(holds(&(other.clone() + &ours), &ours) && !holds(&other, &ours) && !holds("", &ours) && !holds("x", ""));
        assert_eq!(with("\n", &ours, NOW).unwrap(), ours);
        assert_eq!(with(&ours, &ours, NOW), None);
        assert_eq!(with(&other, &ours, NOW).unwrap(), other.clone() + &ours);
        assert_eq!(with(&(ours.clone() + &other), &ours, NOW), None, "another order is as good");
        let later = Timestamp::from_micros(NOW.as_micros() + 3_600_000_000 * 2);
        assert_eq!(with(&(ca(1) + &ours), &ours, later).unwrap(), ours);
        assert_eq!(with(&(ours.clone() + &ours), &ours, NOW).unwrap(), ours, "no authority stands there twice");
        assert_eq!(with(&format!("{ours}{BEGIN}\nAAAA\n{END}\n"), &ours, NOW).unwrap(), ours);
    }

    #[test]
    fn a_bundle_does_not_grow_for_ever() {
        let many: String = (1..40).map(ca).collect();
        let ours = ca(1);
        let bundle = with(&many, &ours, NOW).unwrap();
        assert_eq!(certificates(&bundle).len(), MOST);
        assert!(bundle.ends_with(&ours));
        assert_eq!(with(&bundle, &ours, NOW), None);
    }
}
