//! Values of Cedar's extension types that contexts need again and again.
//!
//! Cedar's constructors (`RestrictedExpression::new_ip` and the like) run the policy parser over the name of the function each time,
//! which takes longer than evaluating the policies. So the values are kept: a peer calls more than once, and a list is filtered at
//! one instant. What is kept is found by exactly what it was made of; forgetting it costs time and nothing else.

use std::collections::HashMap;
use std::net::IpAddr;

use cedar_policy::RestrictedExpression;
use parking_lot::Mutex;

/// How many addresses are kept.
const MAX_ADDRESSES: usize = 1024;

/// The values made so far.
#[derive(Debug, Default)]
pub(super) struct Extensions {
    addresses: Mutex<HashMap<IpAddr, RestrictedExpression>>,
    /// The latest instant, by its text.
    instant: Mutex<Option<(String, RestrictedExpression)>>,
}

impl Extensions {
    /// An address as an `ipaddr`. An IPv4 address in IPv6 form is the IPv4 address.
    pub(super) fn address(&self, address: IpAddr) -> RestrictedExpression {
        let address = address.to_canonical();
        if let Some(known) = self.addresses.lock().get(&address) {
            return known.clone();
        }
        let value = RestrictedExpression::new_ip(address.to_string());
        let mut addresses = self.addresses.lock();
        if addresses.len() >= MAX_ADDRESSES {
            addresses.clear();
        }
        addresses.insert(address, value.clone());
        value
    }

    /// An instant as a `datetime`, from Cedar's text for it.
    pub(super) fn instant(&self, text: String) -> RestrictedExpression {
        if let Some((_, known)) = self.instant.lock().as_ref().filter(|(known, _)| *known == text) {
            return known.clone();
        }
        let value = RestrictedExpression::new_datetime(&text);
        *self.instant.lock() = Some((text, value.clone()));
        value
    }
}

#[cfg(test)]
#[path = "extension_tests.rs"]
mod tests;
