//! What an author sees.

use super::super::super::fixture::{REFUND, World};
use super::*;
use crate::domain::{Action, Target, Timestamp};
use crate::policy::Request;

fn explain(world: &World, tool: &str, arguments: &str) -> Explanation {
    let arguments = crate::domain::Arguments::from_checked_json(bytes::Bytes::copy_from_slice(arguments.as_bytes()));
    let call = crate::domain::Call {
        server: super::super::super::fixture::shop(),
        action: Action::ToolsCall,
        target: Target::Tool(tool.into()),
        arguments,
        source: super::super::super::fixture::source(),
        request: None,
        trace: None,
    };
    world.snapshot().explain(&Request {
        caller: &world.caller(),
        call: &call,
        now: Timestamp::from_micros(world.now),
        approval: None,
    })
}

#[test]
fn a_deny_shows_what_failed_and_what_would_change_it() {
    let policies = r#"
@id("agents") permit (principal is Mcp::Agent, action, resource);
@id("small") permit (principal in Mcp::Role::"support", action == Mcp::Action::"shop/refund", resource) when { context.input.amount <= 100 };
@id("bosses") permit (principal in Mcp::Role::"owner", action == Mcp::Action::"shop/refund", resource);"#;
    let explanation = explain(&World::new(policies).schema(REFUND), "refund", r#"{"order":"o","amount":500}"#);
    let expected = r#"deny: tools/call `shop/refund`, by agent `helper` for `alice`

agent `helper`, in Mcp::Role::"assistant": allow
  permitted by agents (p.cedar:2)

actor `alice`, in Mcp::Role::"support": deny, no permit matches
  not permitted by small (p.cedar:3)
    when context.input.amount <= 100
      is false: context.input.amount is 500
  not permitted by bosses (p.cedar:4)
    principal in Mcp::Role::"owner"
      but is in Mcp::Role::"support" only

  To allow it, one of these:
    - small: other arguments, for which `context.input.amount <= 100`
    - bosses: to be in `Mcp::Role::"owner"`
"#;
    assert_eq!(explanation.render(false), expected);
}

#[test]
fn a_forbid_shows_what_its_exception_lacks_and_that_everything_else_is_there() {
    let policies = r#"
@id("all") permit (principal, action, resource);
@id("careful") forbid (principal, action in Mcp::Action::"tools/call", resource)
when { resource.destructive } unless { context has approval && context.approval.by in Mcp::Role::"owner" };"#;
    let mut world = World::new(policies);
    world.settings.principals.iter_mut().for_each(|principal| principal.roles = vec!["staff".to_owned()]);
    let expected = r#"require_approval: tools/call `shop/delete`, by agent `helper` for `alice`

agent `helper` and actor `alice`, in Mcp::Role::"staff": require_approval, a person has to approve it first
  forbidden by careful (p.cedar:3)
    when resource.destructive
      is true
    unless context has approval
      is false
       and context.approval.by in Mcp::Role::"owner"
      is not reached: there is no context.approval.by
  would be permitted by all (p.cedar:2)

  To allow it:
    - careful: a person's approval, by somebody in `Mcp::Role::"owner"`
"#;
    assert_eq!(explain(&world, "delete", "{}").render(false), expected);
}

#[test]
fn colour_comes_only_when_it_is_wanted() {
    let explanation = explain(&World::new("permit (principal, action, resource);"), "search", "{}");
    assert!(!explanation.render(false).contains('\u{1b}'));
    assert!(explanation.render(true).starts_with("\u{1b}[32mallow\u{1b}[0m: "));
}
