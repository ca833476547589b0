//! Formatting changes how a file looks and nothing else.

use super::format;

fn pretty(text: &str) -> String {
    format("p.cedar", text).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn policies_get_one_form_and_keep_their_comments() {
    let text = "// Who may search.\n@id(\"a\")   // its name\npermit(principal in Mcp::Role::\"support\",\n   action in Mcp::Action::\"tools/call\", resource)\n\n\nwhen{ resource.readOnly&& // only reading\n context.time.hour>=8 };\n// The end.\n";
    let once = pretty(text);
    insta::assert_snapshot!(once, @r#"
    // Who may search.
    @id("a") // its name
    permit (
      principal in Mcp::Role::"support",
      action in Mcp::Action::"tools/call",
      resource
    )
    when
    {
      resource.readOnly && // only reading
      context.time.hour >= 8
    };
    // The end.
    "#);
    assert_eq!(pretty(&once), once, "formatting twice is formatting once");
}

#[test]
fn what_is_not_cedar_is_refused_with_its_place() {
    let error = format("p.cedar", "permit (principal, action, resource)").unwrap_err();
    assert_eq!(error.problems()[0].to_string(), "p.cedar:1:37: unexpected end of input (expected `;` or identifier)");
}

#[test]
fn a_file_without_policies_stays_as_it_is() {
    for text in ["", "\n", "// nothing yet\n\n\n// but soon\n"] {
        assert_eq!(pretty(text), text);
    }
}

#[test]
fn templates_and_strings_with_slashes_survive() {
    let text = "@id(\"t\") permit (principal in ?principal, action, resource) when { resource is Mcp::Resource && resource.uri like \"file:///a//b*\" };";
    let once = pretty(text);
    assert!(once.contains("?principal") && once.contains("\"file:///a//b*\""), "{once}");
}
