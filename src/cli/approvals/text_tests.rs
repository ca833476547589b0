//! What people read of tickets: exactly what runs, and nothing that draws on their terminal.

use serde_json::json;

use super::super::form;
use super::*;

const NOW: Timestamp = Timestamp::from_micros(1_795_000_060_000_000);

fn looked(arguments: &str) -> Looked {
    let text = json!({
        "approval": {
            "id": "apr_01M7Q5CQG00000000000000007", "state": "waiting", "asked": "2026-11-18T11:06:40.000000Z",
            "expires": "2026-11-18T11:21:40.000000Z", "agent": "bot", "actor": "ann\u{1b}[2J", "server": "shop", "action": "tools/call",
            "target": "refund\u{202e}", "arguments": "HERE", "digest": "sha256:00", "decision": "01M7Q5CQG00000000000000007", "seq": 7,
            "because": [{"policy": "big", "file": "shop.cedar", "line": 3, "reason": "Ask\u{7} an owner."}],
            "terms": {"groups": ["owners"], "window_seconds": 3600, "breakglass_seconds": 900, "confirm": false},
            "votes": [{"ruler": "olga", "verdict": "approve", "at": "2026-11-18T11:06:41.500000Z", "comment": "fine\r", "channel": "cli"}],
            "used": 0,
        },
        "last_approved": {"id": "apr_01M7Q5CQG00000000000000001", "by": "olga", "arguments": {"amount": 1}},
    });
    form::read(&text.to_string().replace("\"HERE\"", arguments)).unwrap()
}

const EVIL: &str =
    "{\"amount\":1.50,\"empty\":{},\"list\":[1,[]],\"note\":\"a \\\"b\\\", {c}: \u{9b}31m\u{202e}\u{200b}\\u001b[2J\"}";

#[test]
fn a_ticket_shows_exactly_what_runs_and_nothing_can_hide_in_it() {
    let text = whole(&looked(EVIL), NOW);
    let expected = r#"apr_01M7Q5CQG00000000000000007  waits for a ruling, 14m left (until 2026-11-18 11:21:40 UTC)

what      tools/call shop/refund\u{202e}
who       bot
for       ann\u{1b}[2J
asked     2026-11-18 11:06:40 UTC (decision 01M7Q5CQG00000000000000007, record 7)
why       big (shop.cedar:3): Ask\u{7} an owner.
terms     one call; the same call for up to 1h (--window, --uses); whatever the arguments for up to 15m (--any-arguments); meant for owners
ruled     approve by olga at 2026-11-18 11:06:41 UTC (cli): fine\r
digest    sha256:00

arguments, exactly as they run
  {
    "amount": 1.50,
    "empty": {},
    "list": [
      1,
      []
    ],
    "note": "a \"b\", {c}: \u{9b}31m\u{202e}\u{200b}\u001b[2J"
  }

note: 3 characters in them cannot be seen, and are written as \u{…}

the last approved call of the same thing: apr_01M7Q5CQG00000000000000001 by olga
  {
    "amount": 1
  }
"#;
    assert_eq!(text, expected, "{text}");
}

#[test]
fn lines_about_tickets_are_lines_and_harmless() {
    let approval = looked(EVIL).approval;
    let lines = [
        table(std::slice::from_ref(&approval), NOW),
        news("requested", &approval, NOW),
        news("granted", &approval, NOW),
        table(&[], NOW),
    ];
    assert_eq!(lines.each_ref().map(|text| text.lines().count()), [2, 1, 1, 1]);
    for text in &lines {
        assert!(text.chars().all(|letter| letter == '\n' || !is_hidden(letter)), "{text:?}");
    }
    assert_eq!(lines[2], "apr_01M7Q5CQG00000000000000007  granted by olga: shop/refund\\u{202e} of bot for ann\\u{1b}[2J\n");
}

#[test]
fn json_for_a_terminal_says_the_same_without_what_cannot_be_seen() {
    let harmless = harmless_json(EVIL);
    assert!(!harmless.chars().any(is_hidden), "{harmless}");
    let (before, after): (serde_json::Value, serde_json::Value) =
        (serde_json::from_str(EVIL).unwrap(), serde_json::from_str(&harmless).unwrap());
    assert_eq!(before, after);
    assert_eq!(harmless_json("\u{e0041}"), "\\udb40\\udc41");
}

#[test]
fn durations_are_short() {
    let cases = [(0, "0s"), (59, "59s"), (60, "1m"), (61, "1m01s"), (3_600, "1h"), (5_400, "1h30m")];
    for (seconds, expected) in cases {
        assert_eq!(duration(seconds), expected);
    }
}
