//! `/.well-known/authzen-configuration`: where a service finds what.

use serde_json::{Value, json};

/// The paths of the API below its base.
pub(super) const EVALUATION: &str = "/access/v1/evaluation";
pub(super) const EVALUATIONS: &str = "/access/v1/evaluations";
pub(super) const SEARCH_SUBJECT: &str = "/access/v1/search/subject";
pub(super) const SEARCH_RESOURCE: &str = "/access/v1/search/resource";
pub(super) const SEARCH_ACTION: &str = "/access/v1/search/action";
/// Where access is requested; a task is below it.
pub(super) const REQUESTS: &str = "/access/v1/requests";
/// One task.
pub(super) const REQUEST: &str = "/access/v1/requests/{task}";
pub(super) const CONFIGURATION: &str = "/.well-known/authzen-configuration";

/// The metadata of a decision point with this URL.
pub(super) fn metadata(url: &str) -> Value {
    let at = |path: &str| format!("{url}{path}");
    json!({
        "policy_decision_point": url,
        "access_evaluation_endpoint": at(EVALUATION),
        "access_evaluations_endpoint": at(EVALUATIONS),
        "search_subject_endpoint": at(SEARCH_SUBJECT),
        "search_resource_endpoint": at(SEARCH_RESOURCE),
        "search_action_endpoint": at(SEARCH_ACTION),
        "access_request_endpoint": at(REQUESTS),
        "capabilities": ["urn:openid:authzen:capability:access-request"],
    })
}
