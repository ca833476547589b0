//! Tests of sessions and one-time links. Time is paused.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};

use super::{ABSOLUTE, IDLE, LINK, Sessions};
use crate::domain::{Channel, Memberships, UserId};
use crate::gate::Ruler;

fn ruler() -> Ruler {
    Ruler { person: UserId::new("olga"), standing: Memberships::default(), evidence: None, channel: Channel::Console }
}

/// The request of a browser that was given this cookie.
fn request(set_cookie: &str) -> HeaderMap {
    let pair = set_cookie.split(';').next().unwrap();
    HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(&format!("other=1; {pair}")).unwrap())])
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_when_nobody_uses_it_and_after_half_a_day_at_the_latest() {
    let sessions = Sessions::new(true);
    let browser = request(&sessions.begin(ruler(), "test").unwrap());
    tokio::time::advance(IDLE - Duration::from_secs(1)).await;
    assert!(sessions.ruler(&browser).is_some());
    tokio::time::advance(IDLE).await;
    assert!(sessions.ruler(&browser).is_none());
    let browser = request(&sessions.begin(ruler(), "test").unwrap());
    for _ in 0..ABSOLUTE.as_secs() / 600 - 1 {
        tokio::time::advance(Duration::from_secs(600)).await;
        assert!(sessions.ruler(&browser).is_some());
    }
    tokio::time::advance(Duration::from_secs(600)).await;
    assert!(sessions.ruler(&browser).is_none());
}

#[tokio::test]
async fn whoever_logs_out_is_out_and_a_wrong_or_doubled_cookie_is_nobodys() {
    let sessions = Sessions::new(false);
    let set = sessions.begin(ruler(), "test").unwrap();
    let browser = request(&set);
    let id = set.split(';').next().unwrap();
    assert!(sessions.ruler(&browser).is_some());
    for wrong in ["cedarpost=", "cedarpost=x", "cedarposT=x", &format!("{id}; {id}"), &format!("{id}x"), ""] {
        let headers = HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(wrong).unwrap())]);
        assert!(sessions.ruler(&headers).is_none(), "{wrong}");
    }
    assert!(sessions.end(&browser).contains("Max-Age=0"));
    assert!(sessions.ruler(&browser).is_none());
}

#[tokio::test]
async fn cookies_are_only_for_us_and_over_tls_only_for_tls() {
    for (secure, expected) in [
        (true, ["__Host-cedarpost=", "; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200; Secure"]),
        (false, ["cedarpost=", "; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200"]),
    ] {
        let set = Sessions::new(secure).begin(ruler(), "test").unwrap();
        let (name, flags) = (expected[0], expected[1]);
        assert!(set.starts_with(name) && set.ends_with(flags), "{set}");
        // 256 bits.
        assert_eq!(set.len() - name.len() - flags.len(), 43, "{set}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_link_is_good_once_and_for_a_minute() {
    let sessions = Sessions::new(true);
    let word = sessions.new_link().unwrap();
    assert!(!sessions.take_link("x"));
    assert!(sessions.take_link(&word));
    assert!(!sessions.take_link(&word));
    let word = sessions.new_link().unwrap();
    tokio::time::advance(LINK).await;
    assert!(!sessions.take_link(&word));
}

#[tokio::test(start_paused = true)]
async fn sessions_and_links_are_bounded() {
    let sessions = Sessions::new(true);
    let first = request(&sessions.begin(ruler(), "test").unwrap());
    for _ in 0..300 {
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(sessions.begin(ruler(), "test").is_some());
    }
    assert!(sessions.ruler(&first).is_none(), "the one that was not used for longest goes");
    let links = (0..100).filter(|_| sessions.new_link().is_some()).count();
    assert_eq!(links, 16);
    tokio::time::advance(LINK).await;
    assert!(sessions.new_link().is_some());
}

#[tokio::test]
async fn the_word_in_a_form_is_that_of_the_session() {
    let sessions = Sessions::new(true);
    let (one, other) = (request(&sessions.begin(ruler(), "a").unwrap()), request(&sessions.begin(ruler(), "b").unwrap()));
    let csrf = sessions.of(&one).unwrap().csrf.clone();
    assert!(sessions.is_own_form(&one, &csrf));
    assert!(
        !sessions.is_own_form(&other, &csrf)
            && !sessions.is_own_form(&one, "")
            && !sessions.is_own_form(&HeaderMap::new(), &csrf)
    );
}
