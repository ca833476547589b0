//! Tests of the only way to write HTML.

use super::{div, el, encoded, html, link};

#[test]
fn whatever_is_written_stays_text() {
    let cases = [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("a & b", "a &amp; b"),
        ("\"' onload='x", "&quot;&#39; onload=&#39;x"),
        ("]]><!--", "]]&gt;&lt;!--"),
        ("a\0b", "a\u{fffd}b"),
    ];
    for (text, escaped) in cases {
        assert_eq!(div("x").with(text).into_document(), format!("<!doctype html><div class=\"x\">{escaped}</div>"));
        assert_eq!(el("i").attr("title", text).void().into_document(), format!("<!doctype html><i title=\"{escaped}\">"));
    }
}

#[test]
fn an_address_leads_into_this_site_or_nowhere() {
    let ours = ["/", "/approvals/apr_1?x=1#y", "#main", "?page=2"];
    let foreign =
        ["javascript:alert(1)", "//evil.example", "/\\evil.example", "https://evil.example", "", " /x", "/\t/evil", "data:x"];
    for address in ours {
        assert!(link(address).with("x").into_document().contains(&format!("href=\"{address}\"")), "{address}");
    }
    for address in foreign {
        assert!(link(address).with("x").into_document().contains("href=\"#\""), "{address}");
    }
}

#[test]
fn contents_of_all_kinds_stand_one_after_the_other() {
    let all = html(("a", Some("b"), None::<&str>, vec!["c".to_owned()], [el("b").with(())], ()));
    assert_eq!(all.into_document(), "<!doctype html>abc<b></b>");
}

#[test]
fn a_part_of_an_address_is_encoded() {
    assert_eq!(encoded("a/b c&ü=%"), "a%2Fb%20c%26%C3%BC%3D%25");
}
