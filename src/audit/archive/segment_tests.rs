//! Tests of the form of a segment.

use super::*;

const LEAVES: [&str; 4] = [
    r#"{"t":"decision","agent":"a","decision":"allow","id":"01M81C1DTG00014D2PF2DBSQQG","ts":"2026-11-22T10:15:14.000012Z",
        "judgements":[{"policies":[{"id":"p1"},{"id":"p2"}],"faults":[{"id":"p3"}]}]}"#,
    r#"{"t":"outcome","outcome":"ok","id":"01M81C1DTG00014D2PF2DBSQQG","decision_seq":512,"ts":"2026-11-22T10:15:15Z"}"#,
    "damaged",
    r#"{"t":"decision","agent":"","decision":"deny"}"#,
];

const ABOUT: Records = Records { first: 512, count: 4, last_hash: TreeHash::EMPTY };

fn segment() -> Vec<u8> {
    let leaves = LEAVES.map(|leaf| Facets::of(leaf.as_bytes()));
    let mut segment = SegmentWriter::new(ABOUT);
    for (place, own) in leaves.iter().enumerate() {
        segment.push(own, (place == 1).then_some(&leaves[0]));
    }
    segment.finish()
}

#[test]
fn records_are_found_by_each_of_their_values() {
    let segment = Segment::decode(ABOUT, segment()).unwrap();
    let having = |facet, text: &str| segment.having(facet, |value| value == text.as_bytes());
    let cases = [
        (Facet::Kind, "decision", Some([true, false, false, true])),
        (Facet::Verdict, "ok", Some([false, true, false, false])),
        (Facet::Verdict, "allow", Some([true, false, false, false])),
        (Facet::Agent, "a", Some([true, true, false, false])),
        (Facet::Agent, "", Some([false, false, false, true])),
        (Facet::Agent, "b", None),
        (Facet::Actor, "", None),
        (Facet::Policy, "p1", Some([true, true, false, false])),
        (Facet::Policy, "p3", Some([true, true, false, false])),
    ];
    for (facet, value, expected) in cases {
        assert_eq!(having(facet, value), expected.map(|mask| mask.to_vec()), "{facet:?} {value}");
    }
    let times = segment.times().map(|time| time.map(Timestamp::as_micros)).collect::<Vec<_>>();
    assert_eq!(times, [Some(1_795_342_514_000_012), Some(1_795_342_515_000_000), None, None]);
    assert_eq!(segment.with_id(DecisionId::parse("01M81C1DTG00014D2PF2DBSQQG").unwrap()), [0, 1]);
    assert!(segment.with_id(DecisionId::from_parts(1, 1)).is_empty());
}

#[test]
fn a_segment_that_was_changed_cut_or_belongs_elsewhere_is_not_used() {
    let whole = segment();
    assert!(Segment::decode(ABOUT, whole.clone()).is_some());
    let others =
        [Records { first: 256, ..ABOUT }, Records { count: 5, ..ABOUT }, Records { last_hash: TreeHash::leaf(b""), ..ABOUT }];
    for about in others {
        assert!(Segment::decode(about, whole.clone()).is_none(), "{about:?}");
    }
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        assert!(Segment::decode(ABOUT, flipped).is_none(), "{at}");
        assert!(Segment::decode(ABOUT, whole[..at].to_vec()).is_none(), "{at}");
    }
}

#[test]
fn nonsense_with_a_right_sum_is_not_used_or_harmless() {
    let whole = segment();
    let content = &whole[..whole.len() - SHA256_OUTPUT_LEN];
    for at in 0..content.len() {
        for value in [0, 1, 0xff] {
            let mut nonsense = content.to_vec();
            nonsense[at] = value;
            let sum = digest(&SHA256, &nonsense);
            nonsense.extend_from_slice(sum.as_ref());
            let Some(segment) = Segment::decode(ABOUT, nonsense) else { continue };
            for facet in Facet::ALL {
                let mask = segment.having(facet, |_| true);
                assert!(mask.is_none_or(|mask| mask.len() == 4));
            }
            assert_eq!(segment.times().count(), 4);
        }
    }
}
