//! What a listener means for the servers that are guarded.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::table::Listener;

/// A port at which a guarded server could be reached past the sidecar: that of the server, or the one at which clients find the sidecar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guarded {
    /// What is there, for people: ``server `shop` ``.
    pub what: Arc<str>,
    /// The port.
    pub port: u16,
}

/// The listeners of others that this machine, or this pod, is not alone with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Those at a port that is guarded, each with what is there.
    pub bypasses: Vec<(Listener, Arc<str>)>,
    /// The others, which may be anything: a port with metrics, say.
    pub others: Vec<Listener>,
}

/// Sorts listeners: those with an inode of `own` are ours, and what listens on the loopback address reaches nobody else.
pub(super) fn judge(listeners: &[Listener], own: &BTreeSet<u64>, guarded: &[Guarded]) -> Found {
    let mut found = Found::default();
    for listener in listeners.iter().filter(|listener| listener.is_exposed() && !own.contains(&listener.inode)) {
        match guarded.iter().find(|guarded| guarded.port == listener.address.port()) {
            Some(guarded) => found.bypasses.push((*listener, Arc::clone(&guarded.what))),
            None => found.others.push(*listener),
        }
    }
    found.bypasses.sort();
    found.others.sort();
    found
}

#[cfg(test)]
mod tests {
    //! The modes of injection, each with a server that listens as it should and as it should not.

    use super::*;

    /// Ours with their inodes, those of others, the ports that are guarded, and what comes of it.
    type Case<'a> = (&'a [(&'a str, u64)], &'a [&'a str], &'a [u16], &'a str);

    fn said(own: &[(&str, u64)], theirs: &[&str], guarded: &[u16]) -> String {
        let listener = |text: &str, inode| Listener { address: text.parse().unwrap(), uid: 1000, inode };
        let ours = own.iter().map(|(text, inode)| listener(text, *inode));
        let theirs = theirs.iter().zip(100..).map(|(text, inode)| listener(text, inode));
        let all: Vec<Listener> = ours.chain(theirs).collect();
        let inodes = own.iter().map(|(_, inode)| *inode).collect();
        let guarded: Vec<Guarded> = guarded.iter().map(|port| Guarded { what: "it".into(), port: *port }).collect();
        let found = judge(&all, &inodes, &guarded);
        let bypasses: Vec<String> = found.bypasses.iter().map(|(listener, _)| listener.address.to_string()).collect();
        let others: Vec<String> = found.others.iter().map(|listener| listener.address.to_string()).collect();
        format!("{} | {}", bypasses.join(" "), others.join(" "))
    }

    #[test]
    fn only_what_others_reach_at_a_guarded_port_is_a_way_around() {
        let podip = [("10.0.0.5:9000", 1), ("10.0.0.5:15020", 2)];
        let cases: [Case<'_>; 12] = [
            (&podip, &["127.0.0.1:9000"], &[9000], " | "),
            (&podip, &["[::1]:9000", "127.0.0.9:9000"], &[9000], " | "),
            // Only IPv6, so there is no conflict with the sidecar.
            (&podip, &["[::]:9000"], &[9000], "[::]:9000 | "),
            (&podip, &["[2001:db8::5]:9000"], &[9000], "[2001:db8::5]:9000 | "),
            (&podip, &["127.0.0.1:9000", "0.0.0.0:9090"], &[9000], " | 0.0.0.0:9090"),
            // Rename: the server has another port.
            (&podip, &["127.0.0.1:8081"], &[8081, 9000], " | "),
            (&podip, &["0.0.0.0:8081"], &[8081, 9000], "0.0.0.0:8081 | "),
            (&podip, &["10.0.0.5:8081", "[::ffff:127.0.0.1]:8081"], &[8081, 9000], "10.0.0.5:8081 | "),
            // Socket and stdio: only the sidecar's own port is known.
            (&podip, &[], &[9000], " | "),
            (&podip, &["[::]:9000", "0.0.0.0:9001"], &[9000], "[::]:9000 | 0.0.0.0:9001"),
            // An address like ours is not ours.
            (&podip, &["10.0.0.5:9000"], &[9000], "10.0.0.5:9000 | "),
            (&[], &["0.0.0.0:9000"], &[], " | 0.0.0.0:9000"),
        ];
        for (own, theirs, guarded, expected) in cases {
            assert_eq!(said(own, theirs, guarded), expected, "{theirs:?}");
        }
    }
}
