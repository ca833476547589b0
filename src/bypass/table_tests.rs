//! Tables as kernels write them, and texts that only look like one.

use super::*;

const HEAD: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                                                     \n";
const HEAD6: &str = "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

/// As it was read on a machine with little-endian words; with the other order these lines mean other addresses.
const V4: &str = "   0: 00000000:2328 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 12345 1 0000000000000000 100 0 0 10 0                     \n   1: 0100007F:1F90 00000000:0000 0A 00000000:00000002 00:00000000 00000000 65532        0 23456 1 0000000000000000 100 0 0 10 0                     \n   2: 0500000A:2329 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 18446744073709551615 1 0000000000000000 100 0 0 10 0      \n   3: 0100007F:D2F0 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 34567 1 0000000000000000 20 4 30 10 -1                    \n   4: 0100007F:1F90 0100007F:D2F0 06 00000000:00000000 03:000016A5 00000000     0        0 0 3 0000000000000000                                      \n   5: 0500000A:2328 0600000A:D2F2 0C 00000000:00000000 01:00000028 00000000  1000        0 0 1 0000000000000000                                      \n";
const V6: &str = "   0: 00000000000000000000000000000000:2328 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 45678 1 0000000000000000 100 0 0 10 0\n   1: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 45679 1 0000000000000000 100 0 0 10 0\n   2: 0000000000000000FFFF00000100007F:1F91 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 45680 1 0000000000000000 100 0 0 10 0\n   3: 0000000000000000FFFF00000500000A:1F92 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 45681 1 0000000000000000 100 0 0 10 0\n   4: B80D0120000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 45682 1 0000000000000000 100 0 0 10 0\n";

fn read(text: &str, family: Family) -> Result<Vec<String>, String> {
    let show = |listener: &Listener| format!("{} {} {}", listener.address, listener.uid, listener.is_exposed());
    listeners(text.as_bytes(), family).map(|found| found.iter().map(show).collect()).map_err(|error| error.to_string())
}

#[cfg(target_endian = "little")]
#[test]
fn listeners_are_read_with_their_addresses_and_users() {
    assert_eq!(
        read(&format!("{HEAD}{V4}"), Family::V4).unwrap(),
        ["0.0.0.0:9000 1000 true", "127.0.0.1:8080 65532 false", "10.0.0.5:9001 0 true"]
    );
    assert_eq!(
        read(&format!("{HEAD6}{V6}"), Family::V6).unwrap(),
        [
            "[::]:9000 1000 true",
            "[::1]:8080 1000 false",
            "127.0.0.1:8081 1000 false",
            "10.0.0.5:8082 1000 true",
            "[2001:db8::1]:80 1000 true"
        ]
    );
    assert_eq!(read(HEAD, Family::V4).unwrap(), Vec::<String>::new());
    let inodes: Vec<u64> =
        listeners(format!("{HEAD}{V4}").as_bytes(), Family::V4).unwrap().iter().map(|found| found.inode).collect();
    assert_eq!(inodes, [12345, 23456, u64::MAX]);
}

#[test]
fn a_table_that_is_not_one_says_nothing() {
    let first = V4.lines().next().unwrap();
    let with = |from: &str, to: &str| format!("{HEAD}{}\n", first.replacen(from, to, 1));
    let header = "its first line is not that of a table of sockets";
    let line = "its line 2 is not about a socket";
    let cases = [
        (String::new(), header),
        ("\n".to_owned(), header),
        (V4.to_owned(), header),
        (HEAD.trim_end().to_owned(), header),
        (HEAD.replace("st ", "xx "), header),
        (format!("{HEAD}\n"), line),
        (format!("{HEAD}{first}"), line),
        (format!("{HEAD}{}", first.split_at(60).0), line),
        (format!("{HEAD}{}\n", first.split_at(60).0), line),
        (with("0:", "0"), line),
        (with("0:", "x:"), line),
        (with("00000000:2328", "00000000:02328"), line),
        (with("00000000:2328", "000000000:2328"), line),
        (with("00000000:2328", "0000000:2328"), line),
        (with("00000000:2328", "+0000000:2328"), line),
        (with("00000000:2328", "0000000g:2328"), line),
        (with("00000000:2328", "00000000:-328"), line),
        (with("00000000:2328", "000000002328"), line),
        (with("00000000:2328", "00000000000000000000000000000000:2328"), line),
        (with(" 0A ", " A "), line),
        (with(" 0A ", " 10A "), line),
        (with(" 0A ", " 0x "), line),
        (with("  1000 ", "  -1 "), line),
        (with("  1000 ", "  4294967296 "), line),
        (with("12345", "18446744073709551616"), line),
        (with("12345", "12e45"), line),
        (with("12345", "é"), line),
        (format!("{HEAD}{}\n", "0".repeat(600)), line),
        (format!("{HEAD}{first}{}\n", " ".repeat(600)), line),
    ];
    for (text, expected) in cases {
        assert_eq!(read(&text, Family::V4).unwrap_err(), expected, "{text}");
    }
    assert_eq!(read(&format!("{HEAD6}{V4}"), Family::V6).unwrap_err(), line);
    assert_eq!(listeners(&b"sl local_address rem_address st\n\xff\xff\n"[..], Family::V4).unwrap_err().to_string(), line);
    // Sockets that do not listen are no reason to look away: a line is one or it is not.
    assert_eq!(
        read(&format!("{HEAD}{first}\n   1: 0100007F:1F90 0100007F:D2F0\n"), Family::V4).unwrap_err(),
        "its line 3 is not about a socket"
    );
}

#[test]
fn a_table_without_an_end_is_given_up() {
    let first = V4.lines().next().unwrap();
    let many = format!("{HEAD}{}", format!("{first}\n").repeat(MOST_LISTENERS));
    assert_eq!(read(&many, Family::V4).unwrap().len(), MOST_LISTENERS);
    assert!(read(&format!("{many}{first}\n"), Family::V4).unwrap_err().contains("more than"));
    let connected = first.replace(" 0A ", " 01 ") + "\n";
    let endless = io::Cursor::new(HEAD).chain(Endless(connected.into_bytes(), 0));
    assert!(matches!(listeners(io::BufReader::new(endless), Family::V4), Err(TableError::Long)));
}

/// The same bytes again and again.
struct Endless(Vec<u8>, usize);

impl io::Read for Endless {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let rest = &self.0[self.1..];
        let length = rest.len().min(into.len());
        into[..length].copy_from_slice(&rest[..length]);
        self.1 = (self.1 + length) % self.0.len();
        Ok(length)
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_fail_and_every_socket_is_read_as_it_was_written(
        ip in proptest::prelude::any::<[u8; 4]>(), ip6 in proptest::prelude::any::<[u8; 16]>(), port: u16, uid: u32, inode: u64, noise in ".{0,200}",
    ) {
        let word = |bytes: &[u8]| format!("{:08X}", u32::from_ne_bytes(bytes.try_into().unwrap()));
        let tail = format!("0A 00000000:00000000 00:00000000 00000000 {uid:5}        0 {inode} 1 0000000000000000 100 0 0 10 0");
        let text = format!("{HEAD}   0: {}:{port:04X} 00000000:0000 {tail}\n", word(&ip));
        let found = listeners(text.as_bytes(), Family::V4).unwrap();
        let expected = Listener { address: (Ipv4Addr::from(ip), port).into(), uid, inode };
        proptest::prop_assert_eq!(&found, &[expected]);
        let words: String = ip6.chunks_exact(4).map(word).collect();
        let text = format!("{HEAD6}   0: {words}:{port:04X} {}:0000 {tail}\n", "0".repeat(32));
        let found = listeners(text.as_bytes(), Family::V6).unwrap();
        let address = SocketAddr::new(IpAddr::V6(ip6.into()).to_canonical(), port);
        proptest::prop_assert_eq!(&found, &[Listener { address, uid, inode }]);
        let _ = (listeners(noise.as_bytes(), Family::V4), listeners(format!("{HEAD}{noise}\n").as_bytes(), Family::V6));
    }
}
