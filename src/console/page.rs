//! What all pages have in common: the head, the way around, the theme, and small parts that many of them show.

use std::time::Duration;

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::assets;
use super::html::{Content, Html, Tag, div, el, html, link, span};
use super::session::cookie;
use super::visit::Visitor;
use crate::domain::Timestamp;

/// The cookie that remembers the theme. It opens nothing.
pub(super) const THEME: &str = "cedarpost-theme";

/// Light, dark, or as the system says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Theme {
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    /// What the visitor chose.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        cookie(headers, THEME).map_or(Self::System, Self::named)
    }

    /// The theme of this name.
    pub(super) fn named(word: &str) -> Self {
        match word {
            "light" => Self::Light,
            "dark" => Self::Dark,
            _ => Self::System,
        }
    }

    /// Its name.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// The parts of the console, in the order of the menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Approvals,
    Decisions,
    Matrix,
    Policies,
    Sandbox,
    Log,
    Health,
}

const PLACES: [(Place, &str, &str); 7] = [
    (Place::Approvals, "/approvals", "Approvals"),
    (Place::Decisions, "/decisions", "Decisions"),
    (Place::Matrix, "/matrix", "Who may what"),
    (Place::Policies, "/policies", "Policies"),
    (Place::Sandbox, "/sandbox", "Sandbox"),
    (Place::Log, "/log", "Log"),
    (Place::Health, "/health", "Health"),
];

/// A page of the inside.
pub(super) fn page(visitor: &Visitor, place: Place, title: &str, content: impl Content) -> Response {
    page_with(visitor, place, StatusCode::OK, title, content)
}

/// The same with another status.
pub(super) fn page_with(visitor: &Visitor, place: Place, status: StatusCode, title: &str, content: impl Content) -> Response {
    let waiting = visitor.waiting;
    let count = || span("count").attr("aria-label", format!("{waiting} waiting")).with(waiting.to_string());
    let item = |(of, path, name): (Place, &'static str, &'static str)| {
        let here = (of == place).then_some("page");
        let count = (of == Place::Approvals && waiting > 0).then(count);
        el("li").with(link(path).maybe("aria-current", here).with((name, count)))
    };
    let menu = el("nav")
        .class("menu")
        .attr("aria-label", "Main")
        .with(el("ul").attr("id", "menu").attr("data-live", "tickets").with(PLACES.map(item)));
    let who = div("who").with((
        span("person").attr("title", visitor.session.way).with(visitor.session.ruler.person.as_str()),
        form(visitor, "/logout").class("inline").with((csrf(visitor), el("button").class("quiet").with("Log out"))),
        themes(visitor.theme),
    ));
    let header = el("header").class("top").with((sign(), menu, who));
    let main = el("main").attr("id", "main").attr("tabindex", "-1").with(content);
    document(status, visitor.theme, title, Some("/live"), (header, main))
}

/// A page for whoever is not inside.
pub(super) fn outside(theme: Theme, status: StatusCode, title: &str, content: impl Content) -> Response {
    let card = div("card").with((sign(), el("h1").with(title), html(content)));
    let main = el("main").attr("id", "main").class("outside").attr("tabindex", "-1").with((card, themes(theme)));
    document(status, theme, title, None, main)
}

/// A page that says why there is none.
pub(super) fn complaint(theme: Theme, status: StatusCode, title: &str, sentence: &str) -> Response {
    outside(theme, status, title, (el("p").with(sentence), el("p").with(link("/").with("To the console"))))
}

/// Asks for the same address again, from a page of ours.
pub(super) fn bounce(theme: Theme, here: &str) -> Response {
    let again = (el("p").with("One moment …"), el("p").with(link(here).with("Go on")));
    let mut answer = outside(theme, StatusCode::OK, "Cedarpost", again);
    // A header and not a `meta`: the address is text of whoever made the link.
    if let Ok(value) = format!("0; url={here}").parse() {
        answer.headers_mut().insert("refresh", value);
    }
    answer
}

/// Sends a browser to an address of this site, with GET.
pub(super) fn redirect(path: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, path)]).into_response()
}

/// Whether a text is an address of this site that a login may lead to.
pub(super) fn is_path(text: &str) -> bool {
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\' && byte != b'"');
    plain && text.starts_with('/') && !text.starts_with("//") && text.len() <= 512
}

fn document(status: StatusCode, theme: Theme, title: &str, live: Option<&str>, content: impl Content) -> Response {
    let meta = |name: &'static str, content: &str| el("meta").attr("name", name).attr("content", content).void();
    let head = el("head").with((
        el("meta").attr("charset", "utf-8").void(),
        meta("viewport", "width=device-width, initial-scale=1"),
        meta("color-scheme", "light dark"),
        el("title").with((title, " · Cedarpost")),
        el("link").attr("rel", "icon").attr("type", "image/svg+xml").attr("href", assets::sign()).void(),
        el("link").attr("rel", "stylesheet").attr("href", assets::style()).void(),
        el("script").attr("src", assets::script()).flag("defer", true).with(()),
    ));
    let skip = link("#main").class("skip").with("To the content");
    let note = div("live-note").attr("id", "live-note").attr("role", "status").attr("aria-live", "polite").with(());
    let body = el("body").maybe("data-live-from", live).with((skip, html(content), note));
    let theme = Some(theme.word()).filter(|word| *word != "system");
    let page = el("html").attr("lang", "en").maybe("data-theme", theme).with((head, body));
    (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], page.into_document()).into_response()
}

fn sign() -> Html {
    link("/").class("sign").attr("aria-label", "Cedarpost").with((
        el("img").attr("src", assets::sign()).attr("alt", "").attr("width", "22").attr("height", "22").void(),
        span("word").with("Cedarpost"),
    ))
}

fn themes(now: Theme) -> Html {
    let choice = |theme: Theme, word: &'static str, sign: &'static str| {
        let pressed = if theme == now { "true" } else { "false" };
        let button = el("button").attr("name", "theme").attr("value", theme.word()).attr("aria-pressed", pressed);
        button.attr("title", word).attr("aria-label", word).with(sign)
    };
    let choices =
        [choice(Theme::Light, "Light", "☀"), choice(Theme::System, "As the system", "◐"), choice(Theme::Dark, "Dark", "☾")];
    el("form").class("themes").attr("method", "post").attr("action", "/theme").attr("aria-label", "Theme").with(choices)
}

/// A form that changes something. What stands in it begins with [`csrf`].
pub(super) fn form(_: &Visitor, action: &str) -> Tag {
    el("form").attr("method", "post").attr("action", action)
}

/// The word that says that a form was made for its visitor.
pub(super) fn csrf(visitor: &Visitor) -> Html {
    el("input").attr("type", "hidden").attr("name", "csrf").attr("value", &visitor.session.csrf).void()
}

/// The head of a page, with a sentence about it.
pub(super) fn heading(title: &str, sentence: impl Content) -> Html {
    div("heading").with((el("h1").with(title), el("p").with(sentence)))
}

/// A labelled input.
pub(super) fn input(label: &'static str, name: &'static str, value: &str, hint: &str) -> Html {
    let field = el("input").attr("name", name).attr("value", value).attr("placeholder", hint).attr("autocomplete", "off");
    el("label").with((span("label").with(label), field.attr("spellcheck", "false").void()))
}

/// A labelled choice.
pub(super) fn choice(label: &'static str, name: &'static str, chosen: &str, all: &[(&str, &str)]) -> Html {
    let option = |(value, word): &(&str, &str)| el("option").attr("value", value).flag("selected", *value == chosen).with(*word);
    let select = el("select").attr("name", name).with(all.iter().map(option).collect::<Vec<_>>());
    el("label").with((span("label").with(label), select))
}

/// A word with a colour that says the same.
pub(super) fn badge(word: &str) -> Html {
    let class = match word {
        "allow" | "granted" | "ok" | "approve" | "approved" | "accepted" | "spent" | "permit" => "badge good",
        "deny" | "rejected" | "forbid" | "failed" | "void" | "refused" => "badge bad",
        "require_approval" | "waiting" | "depends" => "badge wait",
        _ => "badge",
    };
    span(class).with(word.replace('_', " "))
}

/// A time, which the script turns into words like "3 min ago".
pub(super) fn time(at: Timestamp) -> Html {
    time_text(&rfc3339(at))
}

/// The same of a text in RFC 3339.
pub(super) fn time_text(text: &str) -> Html {
    let short = text.split_once('T').map(|(day, clock)| {
        let clock = clock.split(['.', 'Z', '+']).next().unwrap_or_default();
        format!("{day} {clock} UTC")
    });
    el("time").attr("datetime", text).attr("title", text).with(short.unwrap_or_else(|| text.to_owned()))
}

/// A time in RFC 3339.
pub(super) fn rfc3339(at: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(at.as_micros()).map_or_else(|_| "-".to_owned(), |at| at.to_string())
}

/// A duration in few words.
pub(super) fn words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 if !duration.is_zero() => format!("{} ms", duration.as_millis()),
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// A table that can be scrolled sideways, also with the keyboard.
pub(super) fn table(name: &str, heads: &[&str], rows: Vec<Html>) -> Html {
    let head = |head: &&str| el("th").attr("scope", "col").with(*head);
    let head = el("thead").with(el("tr").with(heads.iter().map(head).collect::<Vec<_>>()));
    let table = el("table").with((el("caption").class("away").with(name), head, el("tbody").with(rows)));
    div("scroll").attr("tabindex", "0").attr("role", "group").attr("aria-label", name).with(table)
}

/// What stands where there is nothing.
pub(super) fn nothing(sentence: impl Content) -> Html {
    el("p").class("nothing").with(sentence)
}

/// A sentence that must not be overlooked.
pub(super) fn alert(class: &'static str, content: impl Content) -> Html {
    div(class).attr("role", "alert").with(content)
}
