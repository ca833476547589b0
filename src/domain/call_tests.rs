//! What the words of a call accept and refuse.

use super::{ServerName, TraceId};

#[test]
fn a_server_name_is_short_lower_case_and_fit_for_a_path() {
    for good in ["shop", "a", "git-hub_2.eu", "0x"] {
        assert!(ServerName::new(good).is_some(), "{good}");
    }
    for bad in ["", "Shop", "-a", ".", "a/b", "a b", "ä", &"x".repeat(65)] {
        assert!(ServerName::new(bad).is_none(), "{bad}");
    }
}

#[test]
fn a_trace_id_is_read_only_from_a_well_formed_traceparent() {
    let id = TraceId::from_traceparent("00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01");
    assert_eq!(id.map(|id| id.to_string()).as_deref(), Some("0af7651916cd43dd8448eb211c80319c"));
    for bad in [
        "",
        "00-0af7",
        "ff-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-0AF7651916CD43DD8448EB211C80319C-00f067aa0ba902b7-01",
    ] {
        assert_eq!(TraceId::from_traceparent(bad), None, "{bad}");
    }
}
