//! Service accounts of a Kubernetes cluster: `system:serviceaccount:NAMESPACE:NAME`, and the pod that a token is bound to.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::flaw::Flaw;
use crate::domain::{Attribute, Caller, Token};

/// What the ids of all service accounts begin with. No other issuer can vouch for such an id.
pub(super) const PREFIX: &str = "system:serviceaccount:";
/// Where a token says to what it is bound.
const BOUND: &str = "kubernetes.io";

/// What policies can read of a service account's token.
pub(super) const ATTRIBUTES: [&str; 5] = ["namespace", "service_account", "pod", "pod_uid", "node"];

/// The caller with what the token says of its pod. The account in the token must be the one that its subject names.
pub(super) fn account(caller: Caller, prefix: &str, claims: &Value) -> Result<Caller, Flaw> {
    let wrong = || Flaw::Claim(format!("/{BOUND}").into());
    let account = caller.agent.as_str().strip_prefix(prefix).and_then(|account| account.strip_prefix(PREFIX));
    let (namespace, name) = account.and_then(|account| account.split_once(':')).ok_or(Flaw::Foreign)?;
    let mut attributes = BTreeMap::new();
    let mut keep = |name: &str, value: Option<&str>| {
        attributes.extend(value.map(|value| (name.into(), Attribute::Text(value.into()))));
    };
    keep("namespace", Some(namespace));
    keep("service_account", Some(name));
    // A token of the old kind, that is not bound to anything, has no such claim, and no `exp` either: it never gets here.
    if let Some(bound) = claims.get(BOUND) {
        let text = |pointer: &str| bound.pointer(pointer).map(|value| value.as_str().ok_or_else(wrong)).transpose();
        if text("/namespace")? != Some(namespace) || text("/serviceaccount/name")? != Some(name) {
            return Err(wrong());
        }
        keep("pod", text("/pod/name")?);
        keep("pod_uid", text("/pod/uid")?);
        keep("node", text("/node/name")?);
    }
    let Some(token) = caller.token.as_deref().cloned() else { return Ok(caller) };
    attributes.extend(token.attributes);
    Ok(Caller { token: Some(Arc::new(Token { attributes, ..token })), ..caller })
}
