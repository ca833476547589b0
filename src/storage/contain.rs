//! Calls that may panic in somebody else's code, turned into errors.
//!
//! sled answers some damage with a panic. The panic is caught, and its message goes into the error instead of onto the terminal.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use super::StorageError;

thread_local! {
    /// Whether this thread is inside a contained call, so that the panic hook keeps quiet.
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
}

/// Runs one call into the database library and turns its errors and its panics into a [`StorageError`].
///
/// # Errors
///
/// What the call reported, or that it panicked.
pub(super) fn contained<T>(call: impl FnOnce() -> sled::Result<T>) -> Result<T, StorageError> {
    silence_contained_panics();
    let outer = CONTAINED.replace(true);
    // Unwind safety: after a panic the caller gives the database up, and sled's own state is behind atomics and locks.
    let answer = catch_unwind(AssertUnwindSafe(call));
    CONTAINED.set(outer);
    match answer {
        Ok(result) => result.map_err(StorageError::from),
        Err(payload) => {
            let text = payload.downcast_ref::<String>().map(String::as_str).or_else(|| payload.downcast_ref::<&str>().copied());
            Err(StorageError::Panicked(text.unwrap_or("no message").into()))
        }
    }
}

/// Puts a hook before the process's panic hook that passes everything on except contained panics.
fn silence_contained_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !CONTAINED.get() {
                before(info);
            }
        }));
    });
}
