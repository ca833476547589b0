//! Where requests may go without TLS.

use std::net::IpAddr;

/// To which hosts plain HTTP is spoken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum PlainHttp {
    /// To this machine: `localhost` and loopback addresses.
    #[default]
    Loopback,
    /// To this machine and to these hosts, as they stand in the URL: names or addresses, in lower case.
    Also(Vec<String>),
    /// To anybody: whoever is on the way reads along and can change everything.
    Anywhere,
}

impl PlainHttp {
    /// Whether plain HTTP may be spoken to the host of a URL.
    #[must_use]
    pub fn admits(&self, host: &str) -> bool {
        match self {
            Self::Loopback => is_loopback(host),
            Self::Also(hosts) => is_loopback(host) || hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(host)),
            Self::Anywhere => true,
        }
    }
}

/// Whether a host, as it stands in a URL, is this machine.
#[must_use]
fn is_loopback(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    //! Names and addresses, also ones that only look like this machine.

    use super::*;

    #[test]
    fn plain_http_stays_on_this_machine_unless_it_is_said() {
        let here = ["localhost", "LocalHost", "127.0.0.1", "127.9.9.9", "[::1]", "[::ffff:127.0.0.1]"];
        let elsewhere = [
            "localhost.example",
            "localhost.",
            "10.0.0.1",
            "127.0.0.1.nip.example",
            "[::]",
            "0.0.0.0",
            "2130706433",
            "",
            "127.1",
        ];
        let also = PlainHttp::Also(vec!["store.example".to_owned(), "169.254.169.254".to_owned()]);
        for host in here {
            assert!(PlainHttp::Loopback.admits(host) && also.admits(host), "{host}");
        }
        for host in elsewhere {
            assert!(!PlainHttp::Loopback.admits(host) && !also.admits(host) && PlainHttp::Anywhere.admits(host), "{host}");
        }
        assert!(also.admits("Store.Example") && also.admits("169.254.169.254"));
        assert!(!PlainHttp::Loopback.admits("169.254.169.254") && !also.admits("x.store.example"));
    }
}
