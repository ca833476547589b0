//! What is told of drift: each change once.

use super::{fresh, mended};
use crate::domain::ServerName;
use crate::policy::{Change, Difference};

fn change(tool: &str, difference: Difference) -> Change {
    Change { server: ServerName::new("shop").unwrap(), tool: tool.into(), difference }
}

fn changed(tool: &str, member: &str) -> Change {
    change(tool, Difference::Changed { members: vec![member.to_owned()] })
}

#[test]
fn a_change_is_told_when_it_comes_and_when_it_goes() {
    let new = |tool| change(tool, Difference::New);
    let gone = |tool| change(tool, Difference::Gone);
    for (then, now, told, ended) in [
        (vec![], vec![], vec![], vec![]),
        (vec![], vec![new("a"), changed("b", "description")], vec![new("a"), changed("b", "description")], vec![]),
        (vec![new("a")], vec![new("a")], vec![], vec![]),
        (vec![changed("a", "description")], vec![changed("a", "inputSchema")], vec![changed("a", "inputSchema")], vec![]),
        (vec![new("a"), changed("b", "title")], vec![new("a")], vec![], vec![changed("b", "title")]),
        (vec![gone("a"), new("b")], vec![gone("b")], vec![gone("b")], vec![]),
    ] {
        assert_eq!(fresh(&then, &now).cloned().collect::<Vec<_>>(), told, "{then:?} {now:?}");
        assert_eq!(mended(&then, &now).cloned().collect::<Vec<_>>(), ended, "{then:?} {now:?}");
    }
}
