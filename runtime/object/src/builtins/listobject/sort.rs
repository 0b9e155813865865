//! `list.sort`: a stable merge sort that finds the runs already there.
//!
//! Natural runs (descending ones are reversed, short ones extended by insertion) are merged in the order that
//! powersort gives, with exponential search where one side keeps winning (Munro and Wild, "Nearly-Optimal Mergesorts", 2018).
//! Comparisons may fail and may lie: the items stay a permutation of what they were whatever happens.
//! Keys of one plain type (strings, machine integers, floats, tuples of such) are compared without the protocol.
use super::array::Items;
use super::{List, drop_items};
use crate::builtins::unicode::StrData;
use crate::handle::{Attached, Layout, Ref};
use crate::layout::PyObject;
use crate::typedef::CompareOp;
use crate::{Bool, Float, Int, Object, PyResult, Str, Tuple, mode, raise};
use std::cmp::Ordering;
use std::ptr;
use std::sync::atomic::Ordering::Release;

/// What is sorted: an item that is its own key, or a key with its item.
trait Element: Copy {
    fn key<'a>(self) -> &'a Object;
}

#[derive(Clone, Copy)]
struct Plain(*mut PyObject);

#[derive(Clone, Copy)]
struct Keyed {
    key: *mut PyObject,
    item: *mut PyObject,
}

impl Element for Plain {
    #[inline(always)]
    fn key<'a>(self) -> &'a Object {
        // SAFETY: [owned]: `sort` holds references to all items until it is done.
        unsafe { Object::from_ptr(self.0) }
    }
}

impl Element for Keyed {
    #[inline(always)]
    fn key<'a>(self) -> &'a Object {
        // SAFETY: [owned]: `sort` holds references to all keys until it is done.
        unsafe { Object::from_ptr(self.key) }
    }
}

impl List {
    /// Sorts in place. The list looks empty meanwhile; if it has been filled when the sort is done, what was put there
    /// is dropped and `ValueError` raised. The lock is held all the time, so that others wait as long as neither a
    /// comparison nor the key function blocks.
    pub fn sort(&self, py: Attached<'_>, key: Option<&Object>, reverse: bool) -> PyResult<()> {
        let this = self.lock(py);
        let (array, len, capacity) = (this.items(), this.len(), this.0.allocated.get());
        if capacity < 0 {
            // Another sort of the list is under way: it looks empty.
            return Ok(());
        }
        this.0.ob_base.ob_size.set(0);
        this.0.ob_item.store(ptr::null_mut(), Release);
        this.0.allocated.set(-1);
        let items: &mut [Plain] = match len {
            0 => &mut [],
            // SAFETY: the array is out of the list; its first `len` cells own their items, none of them null.
            _ => unsafe { std::slice::from_raw_parts_mut(array.cast::<Plain>(), len) },
        };
        let result = match key {
            None => sort_elements(py, items, reverse),
            Some(key) => sort_by_key(py, items, key, reverse),
        };
        self.put_back(py, array, len, capacity, result)
    }

    /// Gives the list its items back after a sort.
    fn put_back(
        &self,
        py: Attached<'_>,
        array: Items,
        len: usize,
        capacity: isize,
        result: PyResult<()>,
    ) -> PyResult<()> {
        let at_once = mode::frees_at_once(self.as_object());
        let (other, other_len, other_capacity) = {
            let this = self.lock(py);
            let other = (this.items(), this.len(), this.0.allocated.get());
            this.0.ob_item.store(array.cast(), Release);
            this.0.allocated.set(capacity);
            this.0.ob_base.ob_size.store(len as isize, Release);
            other
        };
        // SAFETY: what was put into the list meanwhile is out of it again.
        unsafe { drop_items(py, other, other_len, other_capacity.max(0) as usize, at_once) };
        if other_capacity != -1 && result.is_ok() {
            return Err(raise!(py, ValueError, "list modified during sort"));
        }
        result
    }
}

fn sort_by_key(py: Attached<'_>, items: &mut [Plain], key: &Object, reverse: bool) -> PyResult<()> {
    // Both at first: the keys that are made meanwhile may take the last memory.
    let (mut keys, mut pairs) = (Vec::<Ref<Object>>::new(), Vec::<Keyed>::new());
    if !crate::reserve::is_whole()
        || keys.try_reserve_exact(items.len()).is_err()
        || pairs.try_reserve_exact(items.len()).is_err()
    {
        return Err(py.no_memory());
    }
    for item in items.iter() {
        let key = key.call_pos(py, &[item.key()])?;
        pairs.push(Keyed { key: key.as_ptr(), item: item.0 });
        keys.push(key);
    }
    let result = sort_elements(py, &mut pairs, reverse);
    for (item, pair) in items.iter_mut().zip(&pairs) {
        *item = Plain(pair.item);
    }
    result
}

fn sort_elements<E: Element>(py: Attached<'_>, items: &mut [E], reverse: bool) -> PyResult<()> {
    if items.len() < 2 {
        return Ok(());
    }
    // The sort takes its buffer for granted.
    if !crate::reserve::affords(size_of_val(items)) {
        return Err(py.no_memory());
    }
    // A stable descending sort: ascending on the reversed items, then reversed again.
    if reverse {
        items.reverse();
    }
    let result = dispatch(py, items);
    if reverse {
        items.reverse();
    }
    result
}

/// What all keys have in common.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Common {
    Bytes,
    Text,
    Small,
    Float,
    Tuple,
    Nothing,
}

fn common_of(key: &Object) -> Common {
    if let Some(text) = key.downcast_exact::<Str>() {
        return match text.data() {
            StrData::Ascii(_) | StrData::Latin1(_) => Common::Bytes,
            _ => Common::Text,
        };
    }
    if let Some(int) = key.downcast_exact::<Int>() {
        return if int.is_compact() { Common::Small } else { Common::Nothing };
    }
    if key.downcast_exact::<Float>().is_some() {
        return Common::Float;
    }
    match key.downcast_exact::<Tuple>() {
        Some(tuple) if !tuple.is_empty() => Common::Tuple,
        _ => Common::Nothing,
    }
}

fn common<'a>(mut keys: impl Iterator<Item = &'a Object>) -> Common {
    let Some(first) = keys.next() else { return Common::Nothing };
    let mut kind = common_of(first);
    for key in keys {
        kind = match (kind, common_of(key)) {
            (Common::Nothing, _) => return Common::Nothing,
            (kind, other) if kind == other => kind,
            (Common::Bytes | Common::Text, Common::Bytes | Common::Text) => Common::Text,
            _ => return Common::Nothing,
        };
    }
    kind
}

#[inline(always)]
fn cast<T: Layout>(key: &Object) -> &T {
    // SAFETY: `common` checked the exact type of all keys.
    unsafe { key.cast_unchecked() }
}

#[inline(always)]
fn one_byte(key: &Object) -> &[u8] {
    match cast::<Str>(key).data() {
        StrData::Ascii(bytes) | StrData::Latin1(bytes) => bytes,
        _ => &[],
    }
}

/// The order of two keys of a plain kind.
#[inline(always)]
fn plain_order(kind: Common, left: &Object, right: &Object) -> Ordering {
    match kind {
        Common::Bytes => one_byte(left).cmp(one_byte(right)),
        Common::Text => cast::<Str>(left).cmp(cast::<Str>(right)),
        _ => cast::<Int>(left).compact_value().cmp(&cast::<Int>(right).compact_value()),
    }
}

fn dispatch<E: Element>(py: Attached<'_>, items: &mut [E]) -> PyResult<()> {
    match common(items.iter().map(|item| item.key())) {
        kind @ (Common::Bytes | Common::Text | Common::Small) => {
            // A total order that cannot fail: the standard library's stable sort serves.
            items.sort_by(|left, right| plain_order(kind, left.key(), right.key()));
            Ok(())
        }
        Common::Float => merge_sort(items, &mut |left: E, right: E| {
            Ok(cast::<Float>(left.key()).value() < cast::<Float>(right.key()).value())
        }),
        Common::Tuple => {
            let first = |item: &E| cast::<Tuple>(item.key()).as_slice()[0];
            match common(items.iter().map(first)) {
                kind @ (Common::Bytes | Common::Text | Common::Small) => {
                    merge_sort(items, &mut |left: E, right: E| match plain_order(kind, first(&left), first(&right)) {
                        Ordering::Equal => tuple_less(py, left.key(), right.key(), 1),
                        order => Ok(order == Ordering::Less),
                    })
                }
                _ => merge_sort(items, &mut |left: E, right: E| tuple_less(py, left.key(), right.key(), 0)),
            }
        }
        Common::Nothing => merge_sort(items, &mut |left: E, right: E| less(py, left.key(), right.key())),
    }
}

/// `left < right` by the protocol.
#[inline]
fn less(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<bool> {
    let result = left.rich_compare(py, right, CompareOp::Lt)?;
    if ptr::eq(&*result, Bool::of(true).as_object()) {
        return Ok(true);
    }
    if ptr::eq(&*result, Bool::of(false).as_object()) {
        return Ok(false);
    }
    result.is_true(py)
}

/// `left < right` of exact tuples whose first `from` items are equal.
fn tuple_less(py: Attached<'_>, left: &Object, right: &Object, from: usize) -> PyResult<bool> {
    let (left, right) = (cast::<Tuple>(left).as_slice(), cast::<Tuple>(right).as_slice());
    for (a, b) in left.iter().zip(right).skip(from) {
        if !a.eq(py, b)? {
            return less(py, a, b);
        }
    }
    Ok(left.len() < right.len())
}

/// Runs shorter than this are extended by insertion.
const MIN_RUN: usize = 32;
/// After so many wins in a row, the winner's run is searched instead of stepped through.
const GALLOP: usize = 7;

struct Run {
    start: usize,
    len: usize,
    /// Depth in the merge tree of the boundary before this run.
    power: u32,
}

fn merge_sort<E: Copy>(items: &mut [E], less: &mut impl FnMut(E, E) -> PyResult<bool>) -> PyResult<()> {
    let total = items.len();
    let mut runs: Vec<Run> = Vec::with_capacity(48);
    let mut buffer: Vec<E> = Vec::new();
    let mut start = 0;
    while start < total {
        let mut len = natural_run(&mut items[start..], less)?;
        if len < MIN_RUN {
            let wanted = MIN_RUN.min(total - start);
            insertion_sort(&mut items[start..start + wanted], len, less)?;
            len = wanted;
        }
        let power = runs.last().map_or(0, |last| boundary_power(last.start, last.len, len, total));
        while runs.len() > 1 && runs[runs.len() - 1].power > power {
            merge_last(items, &mut runs, &mut buffer, less)?;
        }
        runs.push(Run { start, len, power });
        start += len;
    }
    while runs.len() > 1 {
        merge_last(items, &mut runs, &mut buffer, less)?;
    }
    Ok(())
}

/// The depth at which the midpoints of two adjacent runs part in a perfectly balanced tree over `total` items.
fn boundary_power(start: usize, len: usize, next_len: usize, total: usize) -> u32 {
    let (mut left, mut right) = (2 * start + len, 2 * start + 2 * len + next_len);
    let mut power = 0;
    loop {
        power += 1;
        if left >= total {
            left -= total;
            right -= total;
        } else if right >= total {
            return power;
        }
        left <<= 1;
        right <<= 1;
    }
}

/// The length of the run at the front; a strictly descending one is reversed.
fn natural_run<E: Copy>(items: &mut [E], less: &mut impl FnMut(E, E) -> PyResult<bool>) -> PyResult<usize> {
    if items.len() < 2 {
        return Ok(items.len());
    }
    let descending = less(items[1], items[0])?;
    let mut end = 2;
    while end < items.len() && less(items[end], items[end - 1])? == descending {
        end += 1;
    }
    if descending {
        items[..end].reverse();
    }
    Ok(end)
}

/// Sorts `items`, whose first `sorted` ones are in order.
fn insertion_sort<E: Copy>(
    items: &mut [E],
    sorted: usize,
    less: &mut impl FnMut(E, E) -> PyResult<bool>,
) -> PyResult<()> {
    for at in sorted..items.len() {
        let item = items[at];
        let (mut low, mut high) = (0, at);
        while low < high {
            let middle = usize::midpoint(low, high);
            if less(item, items[middle])? { high = middle } else { low = middle + 1 }
        }
        items.copy_within(low..at, low + 1);
        items[low] = item;
    }
    Ok(())
}

fn merge_last<E: Copy>(
    items: &mut [E],
    runs: &mut Vec<Run>,
    buffer: &mut Vec<E>,
    less: &mut impl FnMut(E, E) -> PyResult<bool>,
) -> PyResult<()> {
    let Some(right) = runs.pop() else { return Ok(()) };
    let Some(left) = runs.last_mut() else { return Ok(()) };
    let (start, middle, end) = (left.start, right.start, right.start + right.len);
    left.len += right.len;
    merge(&mut items[start..end], middle - start, buffer, less)
}

/// How many of `sorted` do not come after `item`.
fn count_not_after<E: Copy>(item: E, sorted: &[E], less: &mut impl FnMut(E, E) -> PyResult<bool>) -> PyResult<usize> {
    let mut step = 1;
    while step < sorted.len() && !less(item, sorted[step - 1])? {
        step *= 2;
    }
    let (mut low, mut high) = (step / 2, step.min(sorted.len()));
    while low < high {
        let middle = usize::midpoint(low, high);
        if less(item, sorted[middle])? { high = middle } else { low = middle + 1 }
    }
    Ok(low)
}

/// How many of `sorted` come before `item`.
fn count_before<E: Copy>(item: E, sorted: &[E], less: &mut impl FnMut(E, E) -> PyResult<bool>) -> PyResult<usize> {
    let mut step = 1;
    while step < sorted.len() && less(sorted[step - 1], item)? {
        step *= 2;
    }
    let (mut low, mut high) = (step / 2, step.min(sorted.len()));
    while low < high {
        let middle = usize::midpoint(low, high);
        if less(sorted[middle], item)? { low = middle + 1 } else { high = middle }
    }
    Ok(low)
}

/// Merges `items[..middle]` and `items[middle..]`, both in order.
fn merge<E: Copy>(
    items: &mut [E],
    middle: usize,
    buffer: &mut Vec<E>,
    less: &mut impl FnMut(E, E) -> PyResult<bool>,
) -> PyResult<()> {
    // What is in place already stays out of the merge.
    let skip = count_not_after(items[middle], &items[..middle], less)?;
    if skip == middle {
        return Ok(());
    }
    let end = middle + count_before(items[middle - 1], &items[middle..], less)?;
    let items = &mut items[skip..end];
    let middle = middle - skip;
    buffer.clear();
    if middle <= items.len() - middle {
        buffer.extend_from_slice(&items[..middle]);
        let (mut taken, mut write) = (0, 0);
        let result = merge_up(items, buffer, middle, &mut taken, &mut write, less);
        // What is left of the buffer fills the gap, after an error too.
        items[write..write + buffer.len() - taken].copy_from_slice(&buffer[taken..]);
        result
    } else {
        buffer.extend_from_slice(&items[middle..]);
        let (mut left, mut kept) = (middle, buffer.len());
        let result = merge_down(items, buffer, &mut left, &mut kept, less);
        items[left..left + kept].copy_from_slice(&buffer[..kept]);
        result
    }
}

/// Merges the buffered left run with the right one, front to back.
fn merge_up<E: Copy>(
    items: &mut [E],
    buffer: &[E],
    middle: usize,
    taken: &mut usize,
    write: &mut usize,
    less: &mut impl FnMut(E, E) -> PyResult<bool>,
) -> PyResult<()> {
    let mut right = middle;
    let (mut left_wins, mut right_wins) = (0, 0);
    while *taken < buffer.len() && right < items.len() {
        if less(items[right], buffer[*taken])? {
            items[*write] = items[right];
            right += 1;
            *write += 1;
            (left_wins, right_wins) = (0, right_wins + 1);
        } else {
            items[*write] = buffer[*taken];
            *taken += 1;
            *write += 1;
            (left_wins, right_wins) = (left_wins + 1, 0);
        }
        if right_wins >= GALLOP && *taken < buffer.len() {
            let count = count_before(buffer[*taken], &items[right..], less)?;
            items.copy_within(right..right + count, *write);
            right += count;
            *write += count;
            right_wins = 0;
        } else if left_wins >= GALLOP && right < items.len() {
            let count = count_not_after(items[right], &buffer[*taken..], less)?;
            items[*write..*write + count].copy_from_slice(&buffer[*taken..*taken + count]);
            *taken += count;
            *write += count;
            left_wins = 0;
        }
    }
    Ok(())
}

/// Merges the left run with the buffered right one, back to front.
fn merge_down<E: Copy>(
    items: &mut [E],
    buffer: &[E],
    left: &mut usize,
    kept: &mut usize,
    less: &mut impl FnMut(E, E) -> PyResult<bool>,
) -> PyResult<()> {
    let (mut left_wins, mut right_wins) = (0, 0);
    while *left > 0 && *kept > 0 {
        let write = *left + *kept - 1;
        if less(buffer[*kept - 1], items[*left - 1])? {
            items[write] = items[*left - 1];
            *left -= 1;
            (left_wins, right_wins) = (left_wins + 1, 0);
        } else {
            items[write] = buffer[*kept - 1];
            *kept -= 1;
            (left_wins, right_wins) = (0, right_wins + 1);
        }
        if left_wins >= GALLOP && *kept > 0 && *left > 0 {
            let stay = count_not_after(buffer[*kept - 1], &items[..*left], less)?;
            items.copy_within(stay..*left, stay + *kept);
            *left = stay;
            left_wins = 0;
        } else if right_wins >= GALLOP && *left > 0 && *kept > 0 {
            let stay = count_before(items[*left - 1], &buffer[..*kept], less)?;
            items[*left + stay..*left + *kept].copy_from_slice(&buffer[stay..*kept]);
            *kept = stay;
            right_wins = 0;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::merge_sort;

    fn check(keys: impl Iterator<Item = u32>) {
        let mut items: Vec<(u32, usize)> = keys.enumerate().map(|(at, key)| (key, at)).collect();
        let mut expected = items.clone();
        expected.sort_by_key(|item| item.0);
        assert!(merge_sort(&mut items, &mut |a: (u32, usize), b: (u32, usize)| Ok(a.0 < b.0)).is_ok());
        assert_eq!(items, expected);
    }

    #[test]
    fn sorts_stably_whatever_the_input() {
        let mut state = 12345u32;
        let mut random = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 8
        };
        for len in [0, 1, 2, 3, 31, 32, 33, 64, 65, 1000, 4097] {
            check((0..len).map(|_| random()));
            check((0..len).map(|_| random() % 7));
            check(0..len);
            check((0..len).rev());
            check((0..len).map(|at| at % 50));
            check((0..len).map(|at| if at % 10 == 0 { random() } else { at }));
        }
    }

    #[test]
    fn stays_a_permutation_when_a_comparison_fails() {
        for limit in 0..400 {
            let mut items: Vec<u32> = (0..100).map(|at| at * 37 % 101).collect();
            let mut expected = items.clone();
            expected.sort_unstable();
            let mut left = limit;
            let _ = merge_sort(&mut items, &mut |a: u32, b: u32| {
                if left == 0 {
                    return Err(crate::Raised::assume());
                }
                left -= 1;
                Ok(a < b)
            });
            items.sort_unstable();
            assert_eq!(items, expected);
        }
    }
}
