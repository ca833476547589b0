//! What strangers may have checked, and what would be too much.

use super::*;

fn problems(condition: &str) -> Vec<String> {
    let text = format!("@id(\"x\")\npermit (principal, action, resource) when {{\n{condition} }};");
    intricate(&[("a.cedar".to_owned(), text)]).iter().map(ToString::to_string).collect()
}

#[test]
fn what_people_write_is_fine() {
    let many = format!("[{}].contains(context.a)", vec!["\"x\""; 20_000].join(","));
    let chain = vec!["context.input.amount <= 100 && resource has owner"; 60].join(" || ");
    let string = format!("context.a == \"{}\\\"((((\"", "(".repeat(1_000));
    let comment = format!("true // {}\n", "(".repeat(1_000));
    for condition in ["true", &many, &chain, &string, &comment, &format!("{}true{}", "(".repeat(50), ")".repeat(50))] {
        assert_eq!(problems(condition), [] as [String; 0]);
    }
    let policies = "permit (principal, action, resource) when { context.a && context.b };".repeat(1_000);
    assert!(intricate(&[("a".to_owned(), policies)]).is_empty());
}

#[test]
fn what_could_end_the_process_or_take_minutes_is_told_with_its_place() {
    let nested = |open: &str, close: &str| format!("{}true{}", open.repeat(1_000), close.repeat(1_000));
    let cases = [
        (nested("(", ")"), "nested more than 64 deep"),
        (nested("[", "]"), "nested more than 64 deep"),
        (nested("{a:", "}"), "nested more than 64 deep"),
        (nested("(true && ", ")"), "nested more than 64 deep"),
        (format!("true{}", " && true".repeat(500)), "more than 400 operators"),
        (format!("1{} == 2", " + 1".repeat(1_000)), "more than 400 operators"),
        (format!("{}true", "!".repeat(1_000)), "more than 400 operators"),
        (format!("{}true{}", "if true then ".repeat(500), " else true".repeat(500)), "more than 400 operators"),
        ("true } when { ".repeat(1_000), "more than 400 operators"),
        (format!("context{}", ".a".repeat(2_000)), "more than 1000 members"),
    ];
    for (condition, part) in cases {
        let told = problems(&condition);
        assert!(told.len() == 1 && told[0].contains(part) && told[0].starts_with("a.cedar:3:"), "{told:?}");
    }
    let work = format!("permit (principal, action, resource) when {{ true{} }};", " && true".repeat(390)).repeat(2);
    assert!(intricate(&[("a".to_owned(), work)])[0].message.contains("together"));
    let many = [("a".to_owned(), ";".repeat(700)), ("b".to_owned(), ";".repeat(700))];
    let told = intricate(&many);
    assert!(told.len() == 1 && &*told[0].file == "b" && told[0].message.contains("1000 policies"));
}

#[test]
fn an_author_has_more_room_and_no_room_without_end() {
    let file = |text: String| [SourceFile { name: "a.cedar".into(), text: text.into() }];
    let told = |text: String| beyond(&file(text)).map(|problem| problem.to_string()).collect::<Vec<_>>();
    let nested = |levels: usize| {
        format!("permit (principal, action, resource) when {{ {}true{} }};", "(".repeat(levels), ")".repeat(levels))
    };
    assert_eq!(told(nested(120)), [] as [String; 0]);
    assert_eq!(
        told("permit (principal, action, resource) when { a && b };".repeat(20_000)),
        [] as [String; 0],
        "many are no trouble"
    );
    assert!(told(nested(1_000))[0].contains("nested more than 128 deep"));
    assert!(
        told(format!("permit (principal, action, resource) when {{ true{} }};", " || true".repeat(2_000)))[0]
            .contains("1000 operators")
    );
    assert!(
        told(format!("entity A = {}Long{};", "{ a: ".repeat(1_000), "}".repeat(1_000)))[0].contains("nested more than 128 deep")
    );
}
