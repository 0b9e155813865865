//! Searching. Bytes go through `memchr`; wider units through the same code over their memory, with a linear-time
//! fallback for texts whose bytes match out of step.
use super::Unit;

/// First place of a unit.
#[inline]
pub fn find_unit<T: Unit>(text: &[T], unit: T) -> Option<usize> {
    match T::as_bytes(text) {
        Some(bytes) => memchr::memchr(unit.to_u32() as u8, bytes),
        None => text.iter().position(|&each| each == unit),
    }
}

/// Last place of a unit.
#[inline]
pub fn rfind_unit<T: Unit>(text: &[T], unit: T) -> Option<usize> {
    match T::as_bytes(text) {
        Some(bytes) => memchr::memrchr(unit.to_u32() as u8, bytes),
        None => text.iter().rposition(|&each| each == unit),
    }
}

/// The memory of units.
fn raw<T: Unit>(units: &[T]) -> &[u8] {
    // SAFETY: a `Unit` is an unsigned integer, whose memory can be read as bytes.
    unsafe { std::slice::from_raw_parts(units.as_ptr().cast(), size_of_val(units)) }
}

/// First place of `needle`.
pub fn find<T: Unit>(text: &[T], needle: &[T]) -> Option<usize> {
    match needle {
        [] => return Some(0),
        [unit] => return find_unit(text, *unit),
        _ if needle.len() > text.len() => return None,
        _ => {}
    }
    if let (Some(text), Some(needle)) = (T::as_bytes(text), T::as_bytes(needle)) {
        return memchr::memmem::find(text, needle);
    }
    let finder = memchr::memmem::Finder::new(raw(needle));
    let mut at = 0;
    for _ in 0..16 {
        let found = at * T::SIZE + finder.find(raw(&text[at..]))?;
        if found % T::SIZE == 0 {
            return Some(found / T::SIZE);
        }
        at = found / T::SIZE + 1;
    }
    search_linear(&text[at..], needle).map(|found| at + found)
}

/// Last place of `needle`.
pub fn rfind<T: Unit>(text: &[T], needle: &[T]) -> Option<usize> {
    match needle {
        [] => return Some(text.len()),
        [unit] => return rfind_unit(text, *unit),
        _ if needle.len() > text.len() => return None,
        _ => {}
    }
    if let (Some(text), Some(needle)) = (T::as_bytes(text), T::as_bytes(needle)) {
        return memchr::memmem::rfind(text, needle);
    }
    let finder = memchr::memmem::FinderRev::new(raw(needle));
    let mut end = text.len();
    for _ in 0..16 {
        let found = finder.rfind(raw(&text[..end]))?;
        if found % T::SIZE == 0 {
            return Some(found / T::SIZE);
        }
        end = found / T::SIZE + needle.len();
    }
    let back = |units: &[T]| units.iter().rev().copied().collect::<Vec<_>>();
    let found = search_linear(&back(&text[..end]), &back(needle))?;
    Some(end - found - needle.len())
}

/// Knuth, Morris and Pratt: linear in every case.
fn search_linear<T: Unit>(text: &[T], needle: &[T]) -> Option<usize> {
    let mut border = vec![0usize; needle.len()];
    let mut have = 0;
    for at in 1..needle.len() {
        while have > 0 && needle[at] != needle[have] {
            have = border[have - 1];
        }
        have += usize::from(needle[at] == needle[have]);
        border[at] = have;
    }
    have = 0;
    for (at, &unit) in text.iter().enumerate() {
        while have > 0 && unit != needle[have] {
            have = border[have - 1];
        }
        have += usize::from(unit == needle[have]);
        if have == needle.len() {
            return Some(at + 1 - have);
        }
    }
    None
}

/// Hands the places of the first `max` non-overlapping matches of `needle` (not empty) to `found`, until that says
/// `false`. What a search prepares is prepared once.
pub fn each_match<T: Unit>(text: &[T], needle: &[T], max: usize, mut found: impl FnMut(usize) -> bool) {
    match (T::as_bytes(text), T::as_bytes(needle)) {
        (Some(text), Some([byte])) => {
            memchr::memchr_iter(*byte, text).take(max).all(found);
        }
        (Some(text), Some(needle)) => {
            memchr::memmem::find_iter(text, needle).take(max).all(found);
        }
        _ => {
            let mut at = 0;
            for _ in 0..max {
                match find(&text[at..], needle) {
                    Some(next) if found(at + next) => at += next + needle.len(),
                    _ => break,
                }
            }
        }
    }
}

/// Non-overlapping occurrences, at most `max`. An empty needle occurs before each unit and at the end.
pub fn count<T: Unit>(text: &[T], needle: &[T], max: usize) -> usize {
    if needle.is_empty() {
        return (text.len() + 1).min(max);
    }
    if let [unit] = needle {
        let total = match T::as_bytes(text) {
            Some(bytes) => memchr::memchr_iter(unit.to_u32() as u8, bytes).count(),
            None => text.iter().filter(|&each| each == unit).count(),
        };
        return total.min(max);
    }
    let mut total = 0;
    each_match(text, needle, max, |_| {
        total += 1;
        true
    });
    total
}
