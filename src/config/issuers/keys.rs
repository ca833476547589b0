//! Where the keys of an issuer are, and how it is asked about single tokens.

use http::Uri;

use super::super::reader::{Reader, text};
use super::super::report::Problem;
use super::super::servers::url;
use super::{MINUTE, SECOND};
use crate::identity::{ClientSecret, IntrospectionSettings, KeySource, Preset};

/// What an API server is called in its own cluster, as everybody can resolve it and its certificate says it.
const IN_CLUSTER: [&str; 2] = ["kubernetes.default.svc", "kubernetes.default.svc.cluster.local"];

/// Where the keys are. Without any word about it they are where the issuer itself says.
pub(super) fn source(
    reader: &mut Reader<'_>,
    issuer: Option<&str>,
    preset: Option<Preset>,
    plain: &[String],
) -> Option<KeySource> {
    let jwks_url = reader.optional("jwks_url", |given| secure(&text(given)?, plain));
    let jwks_token = reader.optional_path("jwks_token_file");
    let jwks_file = reader.optional_path("jwks_file");
    let review_url = reader.optional("review_url", |given| secure(&text(given)?, plain));
    let review_token = reader.optional_path("review_token_file");
    let (jwks_url, jwks_token) = (jwks_url?, jwks_token?);
    let (jwks_file, review_url, review_token) = (jwks_file?, review_url?, review_token?);
    let at = reader.at.clone();
    let mut wrong = |message: &str| {
        reader.problem(Problem::new(&at, message));
        None
    };
    match &jwks_url {
        None if jwks_token.is_some() => return wrong("`jwks_token_file` is shown to `jwks_url`, which is not set"),
        Some(url) if jwks_token.is_some() && url.scheme_str() != Some("https") => {
            return wrong("`jwks_token_file` holds a token, which goes to an https `jwks_url` and no other");
        }
        _ => {}
    }
    match (jwks_url, jwks_file, review_url, review_token) {
        (Some(url), None, None, None) => Some(KeySource::Url(url, jwks_token)),
        (None, Some(path), None, None) => Some(KeySource::File(path)),
        (None, None, Some(_), Some(_)) if preset.is_some_and(|preset| preset != Preset::Kubernetes) => {
            wrong("`review_url` is for `preset = \"kubernetes\"`")
        }
        (None, None, Some(url), Some(token)) => Some(KeySource::Review(url, token)),
        (None, None, None, None)
            if preset == Some(Preset::Kubernetes) && issuer.is_some_and(|issuer| cluster(issuer).is_some()) =>
        {
            issuer.and_then(cluster).map(KeySource::Cluster)
        }
        (None, None, None, None) => match issuer.map(|issuer| secure(issuer, plain)) {
            Some(Ok(_)) | None => Some(KeySource::Discovery),
            Some(Err(_)) => wrong("the issuer is no https URL, so its keys cannot be discovered: set `jwks_url` or `jwks_file`"),
        },
        (None, None, Some(_), None) | (None, None, None, Some(_)) => wrong("`review_url` and `review_token_file` go together"),
        _ => wrong("keys come from one place: `jwks_url`, `jwks_file`, or a cluster's `review_url`"),
    }
}

/// Where the API server of the cluster that we are in has its keys, when this is what that calls itself. Its metadata would lead to an
/// address for others, and it tells neither to whom it does not know.
fn cluster(issuer: &str) -> Option<Uri> {
    let uri = url(issuer).ok()?;
    let is_here = uri.scheme_str() == Some("https") && IN_CLUSTER.contains(&uri.host()?) && uri.path() == "/";
    is_here.then(|| format!("{}/openid/v1/jwks", issuer.trim_end_matches('/')).parse().ok()).flatten()
}

/// `Some(None)` when nobody is asked.
pub(super) fn introspection(reader: &mut Reader<'_>, plain: &[String]) -> Option<Option<IntrospectionSettings>> {
    let wanted = reader.flag("introspection");
    let place = reader.optional("introspection_url", |given| secure(&text(given)?, plain));
    let believe_for = reader.duration("introspection_ttl", SECOND..=MINUTE * 10);
    let client = reader.optional("client_id", text);
    let secret = reader.optional_path("client_secret_file");
    let key = reader.optional_path("client_key_file");
    let key_id = reader.optional("client_key_id", text);
    let (place, client, secret, key, key_id) = (place?, client?, secret?, key?, key_id?);
    let at = reader.at.clone();
    if !wanted? {
        let said = place.is_some() || client.is_some() || secret.is_some() || key.is_some() || key_id.is_some();
        if said {
            reader.problem(Problem::new(&at, "what is said of introspection means nothing without `introspection = true`"));
        }
        return Some(None);
    }
    let secret = match (secret, key) {
        (Some(secret), None) if key_id.is_none() => Some(ClientSecret::Basic(secret)),
        (None, Some(key)) => Some(ClientSecret::PrivateKey(key, key_id)),
        _ => None,
    };
    let (Some(client_id), Some(secret)) = (client, secret) else {
        let help = "set `client_id`, and either `client_secret_file` or `client_key_file` (with `client_key_id`)";
        reader.problem(Problem::new(&at, "it is not said who we are for the issuer").help(help));
        return None;
    };
    Some(Some(IntrospectionSettings { url: place, client_id, secret, believe_for: believe_for? }))
}

/// A URL that may be asked: with TLS, or on this machine, or a host that is named for it.
pub(in crate::config) fn secure(text: &str, plain: &[String]) -> Result<Uri, String> {
    let uri = url(text)?;
    let host = uri.host().unwrap_or_default();
    let allowed = match plain {
        [] => crate::outbound::PlainHttp::Loopback,
        hosts => crate::outbound::PlainHttp::Also(hosts.to_vec()),
    };
    if uri.scheme_str() == Some("https") || allowed.admits(host) {
        Ok(uri)
    } else {
        Err(format!("`{host}` is another machine: use https, or name it in `plain_http_hosts`"))
    }
}
