//! Bounded recursion: trees nested deeper than [`LIMIT`] are an error, and the native stack grows when it must.

use crate::error::{RawError, Res};
use memmap2::MmapMut;

/// Deepest tree that is compiled.
pub(crate) const LIMIT: usize = 6000;
/// Deepest tree that is parsed, a little less: the reference's parser gives up before its compiler does.
pub(crate) const PARSED: usize = LIMIT - 31;
const RED_ZONE: usize = 192 * 1024;
const GROWTH: usize = 4 * 1024 * 1024;

/// Runs `f` with room on the native stack, or fails when `depth` is past the limit or there is no memory for the room.
#[inline]
pub(crate) fn guard<T>(depth: usize, f: impl FnOnce() -> Res<T>) -> Res<T> {
    if depth > LIMIT {
        return Err(RawError::recursion());
    }
    if depth & 7 != 0 || stacker::remaining_stack().is_some_and(|left| left >= RED_ZONE) {
        f()
    } else {
        on_new(GROWTH, f)
    }
}

/// Runs `f` on a stack that holds a recursion `levels` deep of small frames (dropping a parser's tree), or fails when
/// there is no memory for it.
pub(crate) fn roomy<T>(levels: usize, f: impl FnOnce() -> Res<T>) -> Res<T> {
    if levels < 20_000 { f() } else { on_new((levels * 320).min(1 << 32) + GROWTH, f) }
}

/// Runs `f` on a stack of its own. `stacker` panics when it gets no memory, so the system is asked before; for a little
/// more, since other threads may take of it in between.
#[cold]
fn on_new<T>(size: usize, f: impl FnOnce() -> Res<T>) -> Res<T> {
    const MARGIN: usize = 1 << 20;
    match MmapMut::map_anon(size + MARGIN) {
        Ok(room) => drop(room),
        Err(_) => return Err(RawError::memory()),
    }
    stacker::grow(size, f)
}
