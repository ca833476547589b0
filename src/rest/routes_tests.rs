//! Tests of who is told details.

use super::*;

fn peer(ip: Option<&str>) -> Peer {
    Peer { address: ip.map(|ip| (ip.parse::<IpAddr>().unwrap(), 9).into()), process: None, certificates: Vec::new() }
}

#[test]
fn details_are_told_on_this_machine_and_in_this_pod_or_to_everybody() {
    let pod = Near { everybody: false, own: Some("10.1.2.3".parse().unwrap()) };
    let cases = [
        (None, true),
        (Some("127.0.0.1"), true),
        (Some("::1"), true),
        (Some("::ffff:127.0.0.1"), true),
        (Some("10.1.2.3"), true),
        (Some("::ffff:10.1.2.3"), true),
        (Some("10.1.2.4"), false),
        (Some("::ffff:10.1.2.4"), false),
        (Some("2001:db8::1"), false),
    ];
    for (ip, near) in cases {
        assert_eq!(pod.has(&peer(ip)), near, "{ip:?}");
        assert!(Near { everybody: true, ..pod }.has(&peer(ip)), "{ip:?}");
        let unspecified = Near { everybody: false, own: Some("0.0.0.0".parse().unwrap()) };
        assert_eq!(unspecified.has(&peer(ip)), near && ip.is_none_or(|ip| !ip.contains("10.")), "{ip:?}");
    }
}
