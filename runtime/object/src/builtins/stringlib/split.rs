//! Splitting and stripping, as ranges handed to a callback.
use super::{Unit, each_match, rfind};

/// Splits at `sep` (not empty), at most `max` times, from the left.
pub fn split<T: Unit, E>(
    text: &[T],
    sep: &[T],
    max: usize,
    mut emit: impl FnMut(usize, usize) -> Result<(), E>,
) -> Result<(), E> {
    let (mut at, mut result) = (0, Ok(()));
    each_match(text, sep, max, |found| {
        result = emit(at, found);
        at = found + sep.len();
        result.is_ok()
    });
    result?;
    emit(at, text.len())
}

/// Splits at `sep` (not empty), at most `max` times, from the right; the last part comes first.
pub fn rsplit<T: Unit, E>(
    text: &[T],
    sep: &[T],
    mut max: usize,
    mut emit: impl FnMut(usize, usize) -> Result<(), E>,
) -> Result<(), E> {
    let mut end = text.len();
    while max > 0 {
        let Some(found) = rfind(&text[..end], sep) else { break };
        emit(found + sep.len(), end)?;
        end = found;
        max -= 1;
    }
    emit(0, end)
}

/// Splits at runs of white space, at most `max` times, from the left.
pub fn split_space<T: Unit, E>(
    text: &[T],
    mut max: usize,
    is_space: impl Fn(T) -> bool,
    mut emit: impl FnMut(usize, usize) -> Result<(), E>,
) -> Result<(), E> {
    let mut at = 0;
    loop {
        while at < text.len() && is_space(text[at]) {
            at += 1;
        }
        if at == text.len() {
            return Ok(());
        }
        if max == 0 {
            return emit(at, text.len());
        }
        let start = at;
        while at < text.len() && !is_space(text[at]) {
            at += 1;
        }
        emit(start, at)?;
        max -= 1;
    }
}

/// Splits at runs of white space, at most `max` times, from the right; the last part comes first.
pub fn rsplit_space<T: Unit, E>(
    text: &[T],
    mut max: usize,
    is_space: impl Fn(T) -> bool,
    mut emit: impl FnMut(usize, usize) -> Result<(), E>,
) -> Result<(), E> {
    let mut end = text.len();
    loop {
        while end > 0 && is_space(text[end - 1]) {
            end -= 1;
        }
        if end == 0 {
            return Ok(());
        }
        if max == 0 {
            return emit(0, end);
        }
        let stop = end;
        while end > 0 && !is_space(text[end - 1]) {
            end -= 1;
        }
        emit(end, stop)?;
        max -= 1;
    }
}

/// The lines, with their ends if `keep_ends`; `\r\n` is one end.
pub fn splitlines<T: Unit, E>(
    text: &[T],
    keep_ends: bool,
    is_break: impl Fn(T) -> bool,
    mut emit: impl FnMut(usize, usize) -> Result<(), E>,
) -> Result<(), E> {
    let mut at = 0;
    while at < text.len() {
        let Some(len) = text[at..].iter().position(|&unit| is_break(unit)) else {
            return emit(at, text.len());
        };
        let end = at + len;
        let crlf = text[end].to_u32() == 13 && text.get(end + 1).is_some_and(|unit| unit.to_u32() == 10);
        let next = end + 1 + usize::from(crlf);
        emit(at, if keep_ends { next } else { end })?;
        at = next;
    }
    Ok(())
}

/// What is left when units that `strip` names go from the chosen ends.
pub fn strip<T: Unit>(text: &[T], left: bool, right: bool, strip: impl Fn(T) -> bool) -> (usize, usize) {
    let (mut start, mut end) = (0, text.len());
    while left && start < end && strip(text[start]) {
        start += 1;
    }
    while right && end > start && strip(text[end - 1]) {
        end -= 1;
    }
    (start, end)
}
