//! `_bisect`: search in sorted sequences.
use krait_object::native::{Arg, required};
use krait_object::typedef::CompareOp;
use krait_object::{Attached, Int, Layout, List, Module, Object, PyResult, functions, id, raise};

/// Where `x` belongs in `a`; `key` maps items only.
fn search(py: Attached<'_>, a: &Object, x: &Object, [lo, hi, key]: [Arg<'_>; 3], right: bool) -> PyResult<isize> {
    let mut lo = lo.map_or(Ok(0), |lo| lo.as_index(py))?;
    if lo < 0 {
        return Err(raise!(py, ValueError, "lo must be non-negative"));
    }
    let mut hi = match hi.filter(|hi| !hi.is_none()) {
        Some(hi) => hi.as_index(py)?,
        None => a.sequence_len(py)? as isize,
    };
    if hi == -1 {
        hi = a.sequence_len(py)? as isize;
    }
    let key = key.filter(|key| !key.is_none());
    let list = a.downcast_exact::<List>();
    while lo < hi {
        let middle = lo + (hi - lo) / 2;
        let item = match list.and_then(|list| list.get(py, middle as usize)) {
            Some(item) => item,
            None => a.sequence_item(py, middle)?,
        };
        let item = match key {
            Some(key) => key.call_pos(py, &[&item])?,
            None => item,
        };
        let before = match right {
            true => !x.compare_bool(py, &item, CompareOp::Lt)?,
            false => item.compare_bool(py, x, CompareOp::Lt)?,
        };
        if before { lo = middle + 1 } else { hi = middle }
    }
    Ok(lo)
}

fn find(py: Attached<'_>, [a, x, lo, hi, key]: [Arg<'_>; 5], right: bool) -> PyResult<isize> {
    search(py, required(py, a)?, required(py, x)?, [lo, hi, key], right)
}

fn insert(py: Attached<'_>, [a, x, lo, hi, key]: [Arg<'_>; 5], right: bool) -> PyResult<()> {
    let (a, x) = (required(py, a)?, required(py, x)?);
    let at = match key.filter(|key| !key.is_none()) {
        Some(key) => {
            let mapped = key.call_pos(py, &[x])?;
            search(py, a, &mapped, [lo, hi, Some(key)], right)?
        }
        None => search(py, a, x, [lo, hi, None], right)?,
    };
    match a.downcast_exact::<List>() {
        Some(list) => list.insert(py, at, x.to_ref()),
        None => a.call_method(py, id!(py, insert), &[Int::from_i64(py, at as i64)?.as_object(), x]).map(drop),
    }
}

/// Fills `_bisect`.
///
/// # Errors
/// `MemoryError`.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(py, functions! {
        sig "bisect_right" => |py: Attached<'_>, _: &Object, args: [Arg<'_>; 5]| find(py, args, true), "($module, /, a, x, lo=0, hi=None, *, key=None)", "The index in sorted a after all items that are not above x.";
        sig "bisect_left" => |py: Attached<'_>, _: &Object, args: [Arg<'_>; 5]| find(py, args, false), "($module, /, a, x, lo=0, hi=None, *, key=None)", "The index in sorted a before all items that are not below x.";
        sig "insort_right" => |py: Attached<'_>, _: &Object, args: [Arg<'_>; 5]| insert(py, args, true), "($module, /, a, x, lo=0, hi=None, *, key=None)", "Inserts x into sorted a, after its equals.";
        sig "insort_left" => |py: Attached<'_>, _: &Object, args: [Arg<'_>; 5]| insert(py, args, false), "($module, /, a, x, lo=0, hi=None, *, key=None)", "Inserts x into sorted a, before its equals.";
    })
}
