//! What was kept of the calls in one bundle, enciphered, as one file: a format byte, then for each such record its place in the bundle
//! (a byte), the length (u32, big-endian) and the bytes. When nothing was kept there is no file.

use std::ops::Range;

/// The first byte of the file.
const FORMAT: u8 = 1;

/// The bytes of the file; nothing when nothing was kept. `None` stands for a record of which nothing was kept.
pub(super) fn encode<'a>(kept: impl Iterator<Item = Option<&'a [u8]>>) -> Option<Vec<u8>> {
    let mut bytes = vec![FORMAT];
    for (place, kept) in (0..=u8::MAX).zip(kept) {
        let Some(kept) = kept else { continue };
        bytes.push(place);
        bytes.extend_from_slice(&u32::try_from(kept.len()).ok()?.to_be_bytes());
        bytes.extend_from_slice(kept);
    }
    (bytes.len() > 1).then_some(bytes)
}

/// The file is not what [`encode`] writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Damaged;

/// Where in the file the bytes of a record stand; nothing when none were kept of it.
pub(super) fn find(file: &[u8], place: u8) -> Result<Option<Range<usize>>, Damaged> {
    let mut rest = file.strip_prefix(&[FORMAT]).ok_or(Damaged)?;
    while let Some((found, after)) = rest.split_first() {
        let (length, after) = after.split_first_chunk().ok_or(Damaged)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| Damaged)?;
        let (_, after_it) = after.split_at_checked(length).ok_or(Damaged)?;
        if *found == place {
            let start = file.len() - after.len();
            return Ok(Some(start..start + length));
        }
        rest = after_it;
    }
    Ok(None)
}

/// Whether the bytes were overwritten by [`super::Archive::erase_kept`]: no enciphered bytes are all zero.
pub(super) fn is_erased(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

#[cfg(test)]
#[path = "kept_tests.rs"]
mod tests;
