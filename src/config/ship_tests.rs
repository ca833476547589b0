//! Where the log goes: what is read, and what is refused with which hint.

use super::super::tests::{MINIMAL, problems, resolve, serve, with};
use super::*;

const WITNESS: &str = "w.example+e4b2a4d6+BP0J4T1dIuN7lzQ8Kg1hIn0pD0L9m8xQz4m1Xv2y6xqk";

/// Keys that are what they say, made from fixed seeds.
fn keys() -> (String, String) {
    use crate::audit::tlog::{Cosigner, SigningKey};

    let pkcs8 = |seed: u8| {
        let mut der = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
        der.extend_from_slice(&[seed; 32]);
        der
    };
    let witness = Cosigner::from_pkcs8(KeyName::new("w.example").unwrap(), &pkcs8(2)).unwrap();
    let log = SigningKey::from_pkcs8(KeyName::new("log.example/one").unwrap(), &pkcs8(1)).unwrap();
    (witness.verifier().to_string(), log.verifier().to_string())
}

#[test]
fn nothing_leaves_the_machine_unless_somebody_says_so() {
    let config = serve(MINIMAL).unwrap();
    assert!(config.ship.export.is_empty() && config.ship.anchors.is_empty() && config.ship.witnesses.is_empty());
    assert_eq!((config.ship.witness_quorum, config.witness), (0, None));
    assert_eq!(config.outbound, outbound::Settings::default());
}

#[test]
fn places_and_witnesses_are_read_and_shown_and_read_again() {
    let (witness, log) = keys();
    let text = format!(
        "{}[[audit.witness]]\nurl = \"https://w.example/\"\nkey = \"{witness}\"\n[outbound]\nca_file = \"ca.pem\"\n\
         [witness]\naddress = \"127.0.0.1:0\"\nname = \"w.example/two\"\ndirectory = \"remembers\"\n[[witness.log]]\nkey = \"{log}\"\n",
        with(
            "audit",
            "export = [\"s3://bucket/copy\", \"file:///srv/copy\"]\nexport_interval = \"30s\"\nanchors = [\"gs://b/a\", \"/mnt/a/\", \"a\"]"
        )
    );
    let config = serve(&text).unwrap();
    let again = serve(&config.show()).unwrap();
    for config in [&config, &again] {
        let export: Vec<_> = config.ship.export.iter().map(ToString::to_string).collect();
        assert_eq!(export, ["s3://bucket/copy", "file:///srv/copy"]);
        assert_eq!(config.ship.export_interval, Duration::from_secs(30));
        assert!(matches!(&config.ship.anchors[..2], [AnchorPlace::Store(_), AnchorPlace::Store(_)]));
        assert!(matches!(&config.ship.anchors[2], AnchorPlace::File(path) if path.ends_with("a")));
        assert_eq!((config.ship.witnesses.len(), config.ship.witness_quorum), (1, 1));
        assert!(config.outbound.ca_file.as_ref().is_some_and(|path| path.ends_with("ca.pem")));
        let witness = config.witness.as_ref().unwrap();
        assert_eq!((witness.name.as_str(), witness.logs["log.example/one"].len()), ("w.example/two", 1));
        assert!(witness.directory.ends_with("remembers"));
    }
}

#[test]
fn keys_of_clouds_come_from_the_environment_and_are_not_shown() {
    let text = with("audit", "export = [\"s3://bucket/copy\"]");
    let variables = [("AWS_SECRET_ACCESS_KEY", "hunter2"), ("AZURE_CLIENT_ID", "x"), ("PATH", "/bin")];
    let config = resolve(&text, &variables, &["serve"]).unwrap();
    assert_eq!(config.ship.store_options, [("aws_secret_access_key", "hunter2"), ("azure_client_id", "x")].into_iter().collect());
    assert!(!format!("{config:?}").contains("hunter2") && !config.show().contains("hunter2"));
}

#[test]
fn places_that_are_none_or_contradict_each_other_are_refused() {
    let long = format!("export = [{}]", (0..17).map(|n| format!("\"s3://b{n}/x\"")).collect::<Vec<_>>().join(", "));
    let table = [
        ("export = [\"/srv/copy\"]", "a place for the log begins with"),
        ("export = [\"http://host/x\"]", "a place for the log begins with"),
        ("export = [\"s3://key:secret@bucket\"]", "the name of a bucket is"),
        ("export = [\"s3://b/x?y\"]", "keys come from the environment"),
        ("export = \"s3://b/x\"", "must be a list of strings"),
        ("export = [\"s3://b/x\", \"s3://b/x/\"]", "names `s3://b/x` twice"),
        (&long, "at most 16 exports"),
        ("export_interval = \"0s\"", "is not between 1s and 1h"),
        ("export_deadline = \"2h\"", "is not between 1s and 1h"),
        ("anchor_interval = \"1ms\"", "is not between 1s and 1h"),
        ("anchors = [\"\"]", "a path is empty"),
        ("anchors = [\"log/anchor\"]", "would be rolled back with it"),
        ("anchors = [\"log/\"]", "would be rolled back with it"),
        ("anchors = [\"a\", \"a\"]", "twice"),
        ("anchors = [\"s3://b/x\"]\nexport = [\"s3://b/x\"]", "is an anchor and an export (leave it out here"),
        ("witness_quorum = 1", "is 1, and there are 0 witnesses"),
        ("witness_quorum = -1", "less than 0"),
        ("exports = []", "did you mean `audit.export`?"),
        ("witnes = []", "did you mean `audit.witness`?"),
    ];
    for (line, expected) in table {
        let seen = problems(serve(&with("audit", line)));
        assert!(seen.contains(expected), "{line}: {seen}");
    }
}

#[test]
fn a_copy_inside_the_log_is_no_copy() {
    let text =
        MINIMAL.replace("directory = \"log\"", "directory = \"/var/log/audit\"\nexport = [\"file:///var/log/audit/copy\"]");
    assert!(problems(serve(&text)).contains("is inside the directory of the log itself (a copy belongs on another disk"));
    let beside = text.replace("file:///var/log/audit/copy", "file:///var/log/audit-copy");
    assert!(serve(&beside).is_ok());
}

#[test]
fn witnesses_that_cannot_be_believed_are_refused() {
    let (witness, log) = keys();
    let table = [
        (format!("url = \"https://w.example\"\nkey = \"{log}\""), "is the key of a log; a witness has one of type 4"),
        (format!("url = \"https://w.example\"\nkey = \"{WITNESS}\""), "the id of the key does not fit"),
        ("url = \"https://w.example\"\nkey = \"x\"".to_owned(), "a verifier key reads `name+id+key`"),
        ("url = \"https://w.example\"".to_owned(), "`key` is missing"),
        (format!("key = \"{witness}\""), "`url` is missing"),
        (format!("url = \"http://w.example\"\nkey = \"{witness}\""), "plain http to another machine; use https"),
        (format!("url = \"https://w.example/?token=secret\"\nkey = \"{witness}\""), "has no query"),
        (format!("url = \"https://me:secret@w.example\"\nkey = \"{witness}\""), "must not carry a user name"),
        (format!("url = \"w.example\"\nkey = \"{witness}\""), "begins with http"),
        (format!("urls = \"https://w.example\"\nkey = \"{witness}\""), "unknown key `urls`; the keys are `url` and `key`"),
    ];
    for (lines, expected) in table {
        let seen = problems(serve(&format!("{MINIMAL}[[audit.witness]]\n{lines}\n")));
        assert!(seen.contains(expected) && !seen.contains("secret"), "{lines}: {seen}");
    }
    let one = format!("[[audit.witness]]\nurl = \"http://127.0.0.1:1/\"\nkey = \"{witness}\"\n");
    assert!(problems(serve(&format!("{MINIMAL}{one}{one}"))).contains("one would count as two"));
    let too_many = with("audit", "witness_quorum = 2") + &one;
    assert!(problems(serve(&too_many)).contains("is 2, and there are 1 witnesses"));
}

#[test]
fn a_witness_has_a_name_a_directory_and_logs_or_does_not_begin() {
    let (witness, log) = keys();
    let good = format!(
        "[witness]\naddress = \"127.0.0.1:7\"\nname = \"w.example\"\ndirectory = \"w\"\n[[witness.log]]\nkey = \"{log}\"\n"
    );
    let twice = format!("[[witness.log]]\nkey = \"{log}\"\norigin = \"log.example/one\"\n");
    assert!(serve(&format!("{MINIMAL}{good}")).is_ok());
    let table = [
        (good.replace("address = \"127.0.0.1:7\"", ""), "and the sidecar is no witness (set `address` in [witness]"),
        (good.replace("name = \"w.example\"", ""), "`witness.name` is not set"),
        (good.replace("directory = \"w\"", ""), "`witness.directory` is not set"),
        (good.replace("directory = \"w\"", "directory = \"log/w\""), "one inside the other (give each a directory of its own"),
        (good.split("[[").next().unwrap().to_owned(), "`witness.log` is not set"),
        (good.replace("127.0.0.1:7", "0.0.0.0:7"), "other machines may reach"),
        (good.replace("127.0.0.1:7", "127.0.0.1:8080"), "`listen.address` and `witness.address` are both"),
        (good.replace("127.0.0.1:7", "127.0.0.1:9090"), "`admin.address` and `witness.address` are both"),
        (good.replace("\"w.example\"", "\"w example\""), "the name of a key is"),
        (good.replace(&log, &witness), "is the key of a witness; a log has one of type 1"),
        (good.replace("key = ", "keys = "), "unknown key `keys`; the keys are `origin` and `key`"),
        (good.clone() + &twice, "is there twice"),
        (good.clone() + &twice.replace("origin = \"log.example/one\"", "origin = \"\""), "the first line of a log's checkpoints"),
    ];
    for (text, expected) in table {
        let seen = problems(serve(&format!("{MINIMAL}{text}")));
        assert!(seen.contains(expected), "{text}: {seen}");
    }
    let other = good + &twice.replace("origin = \"log.example/one\"", "origin = \"other.example\"");
    assert_eq!(serve(&format!("{MINIMAL}{other}")).unwrap().witness.unwrap().logs.len(), 2);
}

#[test]
fn logs_that_nobody_named_go_to_places_of_their_own() {
    let text = with("audit", "export = [\"s3://bucket/copy\"]\nanchors = [\"/mnt/anchor\", \"s3://bucket/anchors\"]");
    let stdio = ["stdio", "--name", "files", "--", "server"];
    let places = |text: &str| {
        let config = resolve(text, &[("HOME", "/h")], &stdio).unwrap();
        let places =
            config.ship.export.iter().map(ToString::to_string).chain(config.ship.anchors.iter().map(ToString::to_string));
        places.collect::<Vec<_>>()
    };
    assert_eq!(places(&text), ["s3://bucket/copy", "/mnt/anchor", "s3://bucket/anchors"]);
    let unnamed = text.replace("directory = \"log\"\n", "");
    assert_eq!(places(&unnamed), ["s3://bucket/copy/files", "/mnt/anchor-files", "s3://bucket/anchors/files"]);
}
