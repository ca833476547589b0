//! What the configuration of a credential must say, must not say, and never shows.

use super::super::tests::{MINIMAL, problems, resolve, serve};

fn with(keys: &str) -> String {
    format!("{MINIMAL}{keys}\n")
}

const CLIENT: &str =
    "credential_issuer = \"https://idp.example\"\ncredential_client_id = \"us\"\ncredential_client_secret_file = \"s\"\n";

#[test]
fn each_way_needs_what_belongs_to_it_and_nothing_else() {
    let cases = [
        ("credential = \"header\"", "`header` is not one of none, static, client_credentials, exchange, same-resource"),
        ("credential = \"static\"", "`credential = \"static\"` needs the secret"),
        ("credential = \"static\"\ncredential_env = \"NO_SUCH\"", "there is no variable `NO_SUCH`, or it is empty"),
        ("credential = \"static\"\ncredential_file = \"a\"\ncredential_env = \"HOME\"", "a secret is in one place"),
        ("credential = \"static\"\ncredential_file = \"a\"\ncredential_header = \"host\"", "has another meaning already"),
        (
            "credential = \"static\"\ncredential_file = \"a\"\ncredential_header = \"Mcp-Session-Id\"",
            "has another meaning already",
        ),
        ("credential_file = \"a\"", "`credential_file` means nothing with `credential = \"none\"`"),
        ("credential = \"client_credentials\"", "needs who we are for whom"),
        ("credential = \"client_credentials\"\ncredential_issuer = \"http://idp.example\"", "use https"),
        (
            "credential = \"exchange\"\ncredential_file = \"a\"",
            "`credential_file` means nothing with `credential = \"exchange\"`",
        ),
        (
            "credential = \"static\"\ncredential_file = \"a\"\ncredential_actor_token = true",
            "`credential_actor_token` means nothing",
        ),
        ("credential = \"same-resource\"", "needs the server's own resource"),
        ("credential = \"same-resource\"\ncredential_resource = \"shop#x\"", "absolute URI without a fragment"),
    ];
    for (keys, expected) in cases {
        let said = problems(resolve(&with(keys), &[("HOME", "/home/x")], &["serve"]));
        assert!(said.contains(expected), "{keys}: {said}");
    }
    let twice = format!("credential = \"client_credentials\"\n{CLIENT}credential_token_url = \"https://idp.example/token\"");
    assert!(problems(serve(&with(&twice))).contains("in one place: `credential_issuer` or `credential_token_url`"));
    let child = MINIMAL.replace("url = \"http://127.0.0.1:9000/mcp\"", "command = [\"x\"]\ncredential = \"none\"");
    assert!(problems(serve(&child)).contains("`credential` means nothing for a server with a `command`"));
}

#[test]
fn no_credential_goes_to_another_machine_in_plain_text_unless_that_is_said() {
    let far = with("credential = \"static\"\ncredential_file = \"a\"").replace("127.0.0.1:9000", "shop.internal");
    assert!(problems(serve(&far)).contains("the credential would go to `shop.internal` in plain text"));
    serve(&(far.clone() + "credential_plaintext_non_loopback = true\n")).unwrap();
    serve(&far.replace("http://", "https://")).unwrap();
}

#[test]
fn where_callers_show_no_token_none_can_be_exchanged_or_passed_on() {
    let exchange = with(&format!("credential = \"exchange\"\n{CLIENT}"));
    let said = problems(serve(&exchange));
    assert!(
        said.contains("server `shop` with `credential = \"exchange\"`: nobody shows a token that could be exchanged"),
        "{said}"
    );
    let same = with("credential = \"same-resource\"\ncredential_resource = \"https://mcp.example.com/shop\"");
    assert!(problems(serve(&same)).contains("nobody shows an access token that could go on"));
    let oauth = |text: &str, resource: &str| {
        let section = format!(
            "[identity]\naccept = [\"oauth\"]\nresource = \"{resource}\"\n[[identity.issuer]]\nissuer = \"https://idp.example\"\n"
        );
        text.replace("[identity]\nagent = \"assistant\"\nactor = \"alice\"\n", &section)
    };
    serve(&oauth(&exchange, "https://mcp.example.com")).unwrap();
    serve(&oauth(&same, "https://mcp.example.com")).unwrap();
    let said = problems(serve(&oauth(&same, "https://other.example")));
    assert!(said.contains("and ours is `https://other.example/shop`: a token for us is not for it"), "{said}");
}

#[test]
fn a_secret_is_never_shown() {
    let config = with("credential = \"static\"\ncredential_env = \"KEY\"");
    let config = resolve(&config, &[("KEY", "hunter2")], &["serve"]).unwrap();
    assert!(config.show().contains("credential_env = \"KEY\"") && !config.show().contains("hunter2"));
    assert!(!format!("{config:?}").contains("hunter2"));
}
