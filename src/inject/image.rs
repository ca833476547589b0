//! References of container images.

use std::fmt;
use std::str::FromStr;

/// A reference such as `registry.example/cedarpost:1.0` or `…@sha256:…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image(String);

/// A text that is no reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a reference of an image, such as \"registry.example/cedarpost:1.0\"")]
pub struct NotAnImage(String);

impl Image {
    /// The reference.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Image {
    type Err = NotAnImage;

    fn from_str(text: &str) -> Result<Self, NotAnImage> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'/' | b':' | b'@');
        let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        let ends = text.bytes().last().is_some_and(|byte| byte.is_ascii_alphanumeric());
        let fits = begins && ends && text.len() <= 512 && text.bytes().all(plain) && !text.contains("//");
        fits.then(|| Self(text.to_owned())).ok_or_else(|| NotAnImage(text.to_owned()))
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
