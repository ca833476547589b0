//! The style sheet, the script and the sign, as they are in the program. Their addresses hold a digest of what they say, so that browsers
//! may keep them for good.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::secret::kept;

struct Asset {
    path: String,
    kind: &'static str,
    text: &'static str,
}

impl Asset {
    fn new(name: &str, end: &str, kind: &'static str, text: &'static str) -> Self {
        let digest: String = kept(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self { path: format!("{name}-{digest}.{end}"), kind, text }
    }
}

static ASSETS: LazyLock<[Asset; 3]> = LazyLock::new(|| {
    [
        Asset::new("console", "css", "text/css; charset=utf-8", include_str!("assets/console.css")),
        Asset::new("console", "js", "text/javascript; charset=utf-8", include_str!("assets/console.js")),
        Asset::new("sign", "svg", "image/svg+xml", include_str!("assets/sign.svg")),
    ]
});

fn address(kind: &str) -> String {
    ASSETS.iter().find(|asset| asset.kind.contains(kind)).map(|asset| format!("/assets/{}", asset.path)).unwrap_or_default()
}

/// Where the style sheet is.
pub(super) fn style() -> String {
    address("css")
}

/// Where the script is.
pub(super) fn script() -> String {
    address("javascript")
}

/// Where the sign is.
pub(super) fn sign() -> String {
    address("svg")
}

/// Answers with one of them.
pub(super) async fn serve(Path(path): Path<String>) -> Response {
    match ASSETS.iter().find(|asset| asset.path == path) {
        Some(asset) => {
            let headers = [(header::CONTENT_TYPE, asset.kind), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")];
            (headers, asset.text).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
