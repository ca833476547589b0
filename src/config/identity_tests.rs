//! Ways, issuers and what must hold between them: every problem at once, and what comes of what is fine.

use std::time::Duration;

use super::super::Config;
use super::super::tests::{problems, serve};
use crate::identity::{ActorTokens, IssuerKind, KeySource};

const REST: &str = "[policy]\npolicies = [\"p\"]\n[audit]\ndirectory = \"log\"\n[[server]]\nname = \"shop\"\nurl = \"http://127.0.0.1:9000/mcp\"\n";

fn with(identity: &str) -> String {
    format!("[identity]\n{identity}\n{REST}")
}

fn config(identity: &str) -> Config {
    serve(&with(identity)).unwrap_or_else(|report| panic!("{}", report.lines()))
}

const OAUTH: &str = "accept = [\"oauth\"]\nresource = \"https://mcp.example.com/\"";
const IDP: &str = "[[identity.issuer]]\nissuer = \"https://idp.example\"";

#[test]
fn an_issuer_needs_nothing_but_its_name() {
    let config = config(&format!("{OAUTH}\n{IDP}"));
    let ways = &config.callers.ways;
    assert!(config.identity.is_none() && ways.accept.configured.is_none() && ways.accept.oauth && !ways.accept.kubernetes);
    assert_eq!(&*ways.resource.as_ref().unwrap().base, "https://mcp.example.com", "without a slash at the end");
    let issuer = &ways.issuers[0];
    assert_eq!((&*issuer.name, &issuer.keys, issuer.kind), ("https://idp.example", &KeySource::Discovery, IssuerKind::OAuth));
    assert_eq!((ways.skew, ways.remembered), (Duration::from_secs(30), 10_000));
    let shown = config.show();
    assert!(shown.contains("[[identity.issuer]]\nissuer = \"https://idp.example\""), "{shown}");
    assert!(serve(&shown).is_ok(), "what is shown can be read again: {shown}");
}

#[test]
fn a_table_says_more_than_its_preset() {
    let more = "preset = \"okta\"\nuser = [\"/email\"]\nprefix = \"okta/\"\nunattended = [{ claim = \"/sub\", is = \"{client}\" }]\n\
        attributes = [{ name = \"department\", claim = \"/dept\", type = \"string\", presence = \"required\" }]\n\
        jwks_file = \"keys.json\"\nalgorithms = [\"ES256\"]";
    let config = config(&format!("{OAUTH}\n{IDP}\n{more}"));
    let issuer = &config.callers.ways.issuers[0];
    assert_eq!((issuer.mapping.user[0].to_string().as_str(), issuer.mapping.unattended.len()), ("/email", 1));
    assert_eq!(issuer.mapping.client[0].to_string(), "/cid", "of the preset");
    assert!(issuer.mapping.attributes[0].required && issuer.algorithms.len() == 1);
    assert!(matches!(&issuer.keys, KeySource::File(path) if path.is_absolute()), "paths are relative to the file");
    assert_eq!(config.callers.ways.attributes().len(), 1);
}

#[test]
fn all_problems_of_all_issuers_are_reported_at_once() {
    let text = "accept = [\"oauth\"]\nagent = \"assistant\"\nresource = \"https://MCP.example.com?x\"\n\
        [[identity.issuer]]\nissuer = \"corp\"\npreset = \"oktta\"\nalgorithms = [\"HS256\"]\n\
        [[identity.issuer]]\nissuer = \"https://idp.example\"\nuser = [\"sub\"]\nintrospection = true\nclock = \"1s\"\nrefresh = \"1s\"";
    let seen = problems(serve(&with(text)));
    for part in [
        "`identity.agent` means nothing",
        "`identity.resource`: a resource is a URL in lower case without query",
        "`preset`: `oktta` is not one of rfc9068, keycloak",
        "`algorithms`: `HS256` is not one of RS256",
        "the issuer is no https URL, so its keys cannot be discovered",
        "`user`: `sub`: a JSON pointer is empty or begins with `/`",
        "it is not said who we are for the issuer",
        "unknown key `clock`",
        "`refresh`: 1s is not between 10s and 24h",
    ] {
        assert!(seen.contains(part), "{part}: {seen}");
    }
}

#[test]
fn what_cannot_be_believed_side_by_side_is_refused() {
    let other = "[[identity.issuer]]\nissuer = \"https://other.example\"";
    let secret = "introspection = true\nclient_id = \"c\"\nclient_secret_file = \"s\"";
    for (identity, expected) in [
        ("accept = []".to_owned(), "nobody would be let in"),
        ("accept = [\"header\"]".to_owned(), "`header` is not one of configured, oauth, kubernetes"),
        ("accept = [\"configured\", \"oauth\"]\nagent = \"a\"\nunattended = true".to_owned(), "`configured` stands alone"),
        (OAUTH.to_owned(), "`accept` has `oauth`, and there is no such issuer"),
        (format!("accept = [\"oauth\"]\n{IDP}"), "it is not said for what tokens must be given out"),
        (format!("accept = [\"oauth\"]\n{IDP}\naudiences = [\"x\"]"), "clients would not find out where to get a token"),
        (format!("agent = \"a\"\nunattended = true\n{IDP}"), "is believed by nobody"),
        (format!("{OAUTH}\n{IDP}\n{IDP}"), "there are two issuers `https://idp.example`"),
        (format!("{OAUTH}\n{IDP}\n{other}"), "could vouch for the same ids: give each another `prefix`"),
        (format!("{OAUTH}\n{IDP}\n{secret}\n{other}\nprefix = \"o/\"\n{secret}"), "two issuers have `introspection`"),
        (
            format!(
                "{OAUTH}\n{IDP}\nattributes = [{{ name = \"a\", claim = \"/a\", type = \"string\" }}]\n{other}\nprefix = \"o/\"\n\
                 attributes = [{{ name = \"a\", claim = \"/a\", type = \"long\" }}]"
            ),
            "attribute `a` has two types",
        ),
        (format!("{OAUTH}\nactor_token = \"required\"\n{IDP}"), "actors' tokens need both"),
        (format!("{OAUTH}\n{IDP}\nactors = true"), "actors' tokens need both"),
        (format!("{OAUTH}\n{IDP}\nissuer_url = \"x\""), "unknown key `issuer_url`"),
        (
            format!("{OAUTH}\n{IDP}\njwks_url = \"http://idp.example/keys\""),
            "is another machine: use https, or name it in `plain_http_hosts`",
        ),
        (format!("{OAUTH}\n{IDP}\njwks_url = \"https://a/\"\njwks_file = \"b\""), "keys come from one place"),
        (format!("{OAUTH}\n{IDP}\njwks_token_file = \"t\""), "`jwks_token_file` is shown to `jwks_url`, which is not set"),
        (format!("{OAUTH}\n{IDP}\njwks_file = \"b\"\njwks_token_file = \"t\""), "which is not set"),
        (
            format!("{OAUTH}\n{IDP}\njwks_url = \"http://127.0.0.1/\"\njwks_token_file = \"t\""),
            "holds a token, which goes to an https `jwks_url` and no other",
        ),
        (
            format!("{OAUTH}\n{IDP}\nplain_http_hosts = [\"a\"]\njwks_url = \"http://a/\"\njwks_token_file = \"t\""),
            "holds a token, which goes to an https `jwks_url` and no other",
        ),
        (format!("{OAUTH}\n{IDP}\nreview_url = \"https://a/\"\nreview_token_file = \"t\""), "is for `preset = \"kubernetes\"`"),
        (
            format!("{OAUTH}\n{IDP}\npreset = \"kubernetes\"\nreview_url = \"https://a/\"\nreview_token_file = \"t\"\n{secret}"),
            "are two ways to ask about a token: choose one",
        ),
        (format!("{OAUTH}\n{IDP}\nclient_id = \"x\""), "means nothing without `introspection = true`"),
        (format!("{OAUTH}\n{IDP}\nrequire = [{{ claim = \"/a\" }}]"), "a condition is { claim, is }, { present } or { absent }"),
        (
            format!("{OAUTH}\n{IDP}\nattributes = [{{ name = \"a b\", claim = \"/a\", type = \"string\" }}]"),
            "is not a name for an attribute",
        ),
        (
            format!("{OAUTH}\n{IDP}\nattributes = [{{ name = \"a\", claim = \"/a\", type = \"date\" }}]"),
            "is not one of string, list, bool, long",
        ),
        ("identity.issuer = 1".to_owned(), "unknown key"),
        ("issuer = 1".to_owned(), "`identity.issuer` is not a list of tables"),
        ("actor_token = \"required\"\nagent = \"a\"\nactor = \"b\"".to_owned(), "whom the agent acts for is said by a token"),
    ] {
        let seen = problems(serve(&with(&identity)));
        assert!(seen.contains(expected), "{identity}: {seen}");
    }
}

#[test]
fn keys_of_the_cluster_that_we_are_in_need_no_more_than_its_name() {
    let keys = |issuer: &str, more: &str| {
        let table = format!("[[identity.issuer]]\nissuer = \"{issuer}\"\naudiences = [\"cedarpost\"]\n{more}");
        let preset = if more.contains("preset") { "" } else { "\npreset = \"kubernetes\"" };
        let accept = if more.contains("preset") { OAUTH } else { "accept = [\"kubernetes\"]" };
        config(&format!("{accept}\n{table}{preset}")).callers.ways.issuers.remove(0).keys
    };
    for (issuer, url) in [
        ("https://kubernetes.default.svc.cluster.local", "https://kubernetes.default.svc.cluster.local/openid/v1/jwks"),
        ("https://kubernetes.default.svc", "https://kubernetes.default.svc/openid/v1/jwks"),
        ("https://kubernetes.default.svc:6443/", "https://kubernetes.default.svc:6443/openid/v1/jwks"),
    ] {
        assert_eq!(keys(issuer, ""), KeySource::Cluster(url.parse().unwrap()));
    }
    let here = "https://kubernetes.default.svc.cluster.local";
    for issuer in ["https://oidc.eks.example/id/1", "https://kubernetes.default.svc.example", "https://kubernetes.default.svc/a"]
    {
        assert_eq!(keys(issuer, ""), KeySource::Discovery, "{issuer}");
    }
    assert_eq!(keys(here, "preset = \"rfc9068\""), KeySource::Discovery);
    let named = keys(here, "jwks_url = \"https://keys.example/\"\njwks_token_file = \"/t\"");
    assert_eq!(named, KeySource::Url("https://keys.example/".parse().unwrap(), Some("/t".into())));
}

#[test]
fn a_cluster_and_people_of_another_issuer_go_together() {
    let config = config(
        "accept = [\"kubernetes\"]\nactor_token = \"optional\"\n[[identity.issuer]]\nissuer = \"https://cluster\"\npreset = \"kubernetes\"\n\
         audiences = [\"cedarpost\"]\nreview_url = \"https://cluster/apis/authentication.k8s.io/v1/tokenreviews\"\nreview_token_file = \"t\"\n\
         [[identity.issuer]]\nissuer = \"https://idp.example\"\nactors = true\naudiences = [\"x\"]",
    );
    let ways = &config.callers.ways;
    assert_eq!((ways.actor, ways.accept.kubernetes, ways.accept.oauth), (ActorTokens::Optional, true, false));
    assert!(matches!(ways.issuers[0].keys, KeySource::Review(..)));
    let names: Vec<String> = ways.attributes().iter().map(|(name, _)| name.to_string()).collect();
    assert_eq!(names, ["namespace", "node", "pod", "pod_uid", "service_account"]);
}
