//! A value that was kept is the one that would be made anew.

use std::net::IpAddr;

use cedar_policy::RestrictedExpression;

use super::{Extensions, MAX_ADDRESSES};

#[test]
fn an_address_is_always_the_one_that_was_asked_for() {
    let extensions = Extensions::default();
    for text in ["10.1.2.3", "10.1.2.4", "10.1.2.3", "::1", "2001:db8::1", "::1"] {
        assert_eq!(extensions.address(text.parse().unwrap()), RestrictedExpression::new_ip(text), "{text}");
    }
    assert_eq!(extensions.address("::ffff:10.1.2.3".parse().unwrap()), RestrictedExpression::new_ip("10.1.2.3"));
}

#[test]
fn an_instant_is_always_the_one_that_was_asked_for() {
    let extensions = Extensions::default();
    for text in ["2026-03-02T10:30:00.001Z", "2026-03-02T10:30:00.001Z", "2026-03-02T10:30:00.002Z", "2026-03-02T10:30:00.001Z"] {
        assert_eq!(extensions.instant(text.to_owned()), RestrictedExpression::new_datetime(text), "{text}");
    }
}

#[test]
fn addresses_do_not_grow_without_bound() {
    let extensions = Extensions::default();
    for number in 0..u32::try_from(2 * MAX_ADDRESSES).unwrap() {
        extensions.address(IpAddr::V4(number.into()));
        assert!(extensions.addresses.lock().len() <= MAX_ADDRESSES);
    }
}
