//! Bounded recursion: trees nested deeper than [`LIMIT`] are an error, and the native stack grows when it must.

use crate::error::{RawError, Res};

/// Deepest tree that is compiled.
pub(crate) const LIMIT: usize = 6000;
/// Deepest tree that is parsed, a little less: the reference's parser gives up before its compiler does.
pub(crate) const PARSED: usize = LIMIT - 31;
const RED_ZONE: usize = 192 * 1024;
const GROWTH: usize = 4 * 1024 * 1024;

/// Runs `f` with room on the native stack, or fails when `depth` is past the limit.
#[inline]
pub(crate) fn guard<T>(depth: usize, f: impl FnOnce() -> Res<T>) -> Res<T> {
    if depth > LIMIT {
        return Err(RawError::recursion());
    }
    if depth & 7 != 0 { f() } else { stacker::maybe_grow(RED_ZONE, GROWTH, f) }
}

/// Runs `f` on a stack that holds a recursion `levels` deep of small frames (dropping a parser's tree).
pub(crate) fn roomy<T>(levels: usize, f: impl FnOnce() -> T) -> T {
    if levels < 20_000 { f() } else { stacker::grow((levels * 320).min(1 << 32) + GROWTH, f) }
}
