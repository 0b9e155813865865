//! Exception groups as `except*` needs them.
use krait_object::{Attached, BaseException, Layout, List, Object, PyResult, Ref, Str, exc, id, none};

/// The leaves of an exception or group, by address.
fn leaves(py: Attached<'_>, exception: &Object, into: &mut Vec<usize>) -> PyResult<()> {
    if !exception.is_instance_of(exc::BaseExceptionGroup()) {
        into.push(exception.as_ptr().addr());
        return Ok(());
    }
    let inner = exception.get_attr(py, id!(py, exceptions))?;
    for inner in inner.collect(py)? {
        leaves(py, &inner, into)?;
    }
    Ok(())
}

/// The part of a group whose leaves are among `keep`, in the group's shape.
fn project(py: Attached<'_>, group: &Object, keep: &[usize]) -> PyResult<Option<Ref<Object>>> {
    if !group.is_instance_of(exc::BaseExceptionGroup()) {
        return Ok(keep.contains(&group.as_ptr().addr()).then(|| group.to_ref()));
    }
    let inner = group.get_attr(py, id!(py, exceptions))?;
    let mut parts = Vec::new();
    for inner in inner.collect(py)? {
        parts.extend(project(py, &inner, keep)?);
    }
    if parts.is_empty() {
        return Ok(None);
    }
    let parts = List::from_vec(py, parts)?;
    let derived = group.call_method(py, id!(py, derive), &[parts.as_object()])?;
    copy_metadata(py, group, &derived)?;
    Ok(Some(derived))
}

/// Traceback, cause, context and notes of the original group.
fn copy_metadata(py: Attached<'_>, from: &Object, to: &Object) -> PyResult<()> {
    let (Some(from_exc), Some(to_exc)) = (from.downcast::<BaseException>(), to.downcast::<BaseException>()) else {
        return Ok(());
    };
    to_exc.replace_traceback(from_exc.traceback());
    to_exc.replace_cause(from_exc.cause());
    to_exc.replace_context(from_exc.context());
    if let Some(notes) = from.get_attr_opt(py, id!(py, __notes__))?
        && notes.is_sequence()
    {
        let notes = notes.sequence_list(py)?;
        to.set_attr(py, id!(py, __notes__), Some(notes.as_object()))?;
    }
    Ok(())
}

/// Whether two exceptions have the same notes, traceback, cause and context: a part that was re-raised unchanged.
fn same_metadata(py: Attached<'_>, a: &Object, b: &Object) -> PyResult<bool> {
    let notes = id!(py, __notes__);
    let (a_notes, b_notes) = (a.get_attr_opt(py, notes)?, b.get_attr_opt(py, notes)?);
    let address = |object: Option<Ref<Object>>| object.map_or(0, |object| object.as_ptr().addr());
    let (Some(a), Some(b)) = (a.downcast::<BaseException>(), b.downcast::<BaseException>()) else { return Ok(false) };
    let same_notes = match (a_notes, b_notes) {
        (None, None) => true,
        (Some(a), Some(b)) => a.eq(py, &b)?,
        _ => false,
    };
    let parts = |e: &BaseException| {
        let (cause, context) = (e.cause().map(Ref::upcast), e.context().map(Ref::upcast));
        (address(e.traceback()), address(cause), address(context))
    };
    Ok(same_notes && parts(a) == parts(b))
}

/// A group of exceptions with an empty message.
fn group_of(py: Attached<'_>, exceptions: Vec<Ref<Object>>) -> PyResult<Ref<Object>> {
    let (text, items) = (Str::new(py, "")?, List::from_vec(py, exceptions)?);
    exc::BaseExceptionGroup().as_object().call_pos(py, &[text.as_object(), items.as_object()])
}

/// After the clauses of `except*`: `raised` lists what the clauses raised (and the unmatched rest, if any); joins new
/// exceptions with the re-raised parts of the original, which keep its shape. `None` when nothing is left.
pub fn prepare_reraise_star(py: Attached<'_>, original: &Object, raised: &Object) -> PyResult<Ref<Object>> {
    let list = raised.collect(py)?;
    let list: Vec<Ref<Object>> = list.into_iter().filter(|item| !item.is_none()).collect();
    if list.is_empty() {
        return Ok(none());
    }
    if !original.is_instance_of(exc::BaseExceptionGroup()) {
        // A naked exception was wrapped for its one clause.
        let Some(first) = list.into_iter().next() else { return Ok(none()) };
        return Ok(first);
    }
    let (mut fresh, mut kept) = (Vec::new(), Vec::new());
    for item in list {
        if same_metadata(py, &item, original)? {
            leaves(py, &item, &mut kept)?;
        } else {
            fresh.push(item);
        }
    }
    let rest = project(py, original, &kept)?;
    match (fresh.is_empty(), rest) {
        (true, rest) => Ok(rest.unwrap_or_else(none)),
        (false, None) if fresh.len() == 1 => Ok(fresh.remove(0)),
        (false, rest) => {
            fresh.extend(rest);
            group_of(py, fresh)
        }
    }
}
