//! Small helpers that the container types share.
use crate::builtins::dictobject::{DictItems, DictKeysView, DictValues};
use crate::builtins::unicodeobject::StrData;
use crate::handle::{Attached, Layout, Ref};
use crate::{Dict, FrozenSet, Int, List, Object, PyResult, Set, Str, Tuple, Type, hooks, raise};

/// Marks an object as being written by `repr`, so that a cycle ends in `...`.
pub struct ReprGuard<'py>(Attached<'py>, usize);

impl<'py> ReprGuard<'py> {
    /// `None` when the object's `repr` runs already on this thread (`Py_ReprEnter`).
    pub fn enter(py: Attached<'py>, object: &Object) -> PyResult<Option<ReprGuard<'py>>> {
        let id = object.as_ptr() as usize;
        let mut active = py.ext().repr_guard.borrow_mut();
        if active.contains(&id) {
            return Ok(None);
        }
        active.push(id);
        Ok(Some(ReprGuard(py, id)))
    }

    /// The C API's half: leaves without a guard value (`Py_ReprLeave`).
    pub fn leave(py: Attached<'py>, object: &Object) {
        drop(ReprGuard(py, object.as_ptr() as usize));
    }

    /// Keeps the mark until [`ReprGuard::leave`].
    pub fn forget(self) {
        std::mem::forget(self);
    }
}

impl Drop for ReprGuard<'_> {
    fn drop(&mut self) {
        let mut active = self.0.ext().repr_guard.borrow_mut();
        if let Some(at) = active.iter().rposition(|&id| id == self.1) {
            active.remove(at);
        }
    }
}

/// Builds a string from pieces, one byte a character while all is ASCII.
pub(crate) enum TextBuilder {
    Ascii(Vec<u8>),
    Wide(Vec<u32>),
}

impl TextBuilder {
    pub(crate) fn new() -> Self {
        TextBuilder::Ascii(Vec::new())
    }

    pub(crate) fn push_str(&mut self, text: &str) {
        match self {
            TextBuilder::Ascii(bytes) if text.is_ascii() => bytes.extend_from_slice(text.as_bytes()),
            _ => self.widen().extend(text.chars().map(u32::from)),
        }
    }

    pub(crate) fn push(&mut self, text: &Str) {
        match (&mut *self, text.data()) {
            (TextBuilder::Ascii(bytes), StrData::Ascii(more)) => bytes.extend_from_slice(more),
            (_, StrData::Ascii(more) | StrData::Latin1(more)) => {
                self.widen().extend(more.iter().map(|&byte| u32::from(byte)));
            }
            (_, StrData::Ucs2(more)) => self.widen().extend(more.iter().map(|&unit| u32::from(unit))),
            (_, StrData::Ucs4(more)) => self.widen().extend_from_slice(more),
        }
    }

    fn widen(&mut self) -> &mut Vec<u32> {
        if let TextBuilder::Ascii(bytes) = self {
            *self = TextBuilder::Wide(bytes.iter().map(|&byte| u32::from(byte)).collect());
        }
        match self {
            TextBuilder::Wide(points) => points,
            TextBuilder::Ascii(_) => unreachable!("just widened"),
        }
    }

    pub(crate) fn finish(self, py: Attached<'_>) -> PyResult<Ref<Str>> {
        match self {
            TextBuilder::Ascii(bytes) => Str::from_latin1(py, &bytes),
            TextBuilder::Wide(points) => Str::from_code_points(py, &points),
        }
    }
}

/// The items of an exact list, tuple, dict, dict view or set at one moment, in their order; `None` for anything else.
///
/// # Errors
/// `MemoryError`.
pub(crate) fn items_at_once(py: Attached<'_>, iterable: &Object) -> PyResult<Option<Vec<Ref<Object>>>> {
    if let Some(list) = iterable.downcast_exact::<List>() {
        return Ok(Some(list.to_vec(py)?));
    }
    if let Some(tuple) = iterable.downcast_exact::<Tuple>() {
        let mut items = crate::reserve::with_room(py, tuple.len())?;
        items.extend(tuple.as_slice().iter().map(|item| item.to_ref()));
        return Ok(Some(items));
    }
    if let Some(set) = iterable.downcast_exact::<Set>() {
        return Ok(Some(set.to_vec(py)?));
    }
    if let Some(set) = iterable.downcast_exact::<FrozenSet>() {
        return Ok(Some(set.to_vec(py)?));
    }
    if let Some(dict) = iterable.downcast_exact::<Dict>() {
        return Ok(Some(dict.items_snapshot(py)?.into_iter().map(|(key, _)| key).collect()));
    }
    if let Some(view) = iterable.downcast_exact::<DictKeysView>() {
        return Ok(Some(view.viewed().items_snapshot(py)?.into_iter().map(|(key, _)| key).collect()));
    }
    if let Some(view) = iterable.downcast_exact::<DictValues>() {
        return Ok(Some(view.viewed().items_snapshot(py)?.into_iter().map(|(_, value)| value).collect()));
    }
    if let Some(view) = iterable.downcast_exact::<DictItems>() {
        let pairs = view.viewed().items_snapshot(py)?.into_iter();
        return pairs.map(|(key, value)| Ok(Tuple::pair(py, key, value)?.upcast())).collect::<PyResult<_>>().map(Some);
    }
    Ok(None)
}

/// The value of an index: `None` when `key` has no `__index__`; `IndexError` when it exceeds the machine word.
#[inline]
pub(crate) fn index_value(py: Attached<'_>, key: &Object) -> PyResult<Option<isize>> {
    if let Some(int) = key.downcast_exact::<Int>() {
        if int.is_compact() {
            return Ok(Some(int.compact_value()));
        }
    } else if !key.has_index() {
        return Ok(None);
    }
    match key.index(py)?.to_i64() {
        Some(value) => Ok(Some(value as isize)),
        None => {
            let name = key.ty().name();
            Err(raise!(py, IndexError, "cannot fit '{name}' into an index-sized integer"))
        }
    }
}

/// A part of a slice: `__index__`, clamped to the machine word.
pub(crate) fn slice_part(py: Attached<'_>, value: &Object) -> PyResult<isize> {
    if !value.has_index() {
        return Err(raise!(py, TypeError, "slice indices must be integers or None or have an __index__ method"));
    }
    value.as_isize_clamped(py)
}

/// A start or stop argument: `__index__`, clamped to the machine word.
pub(crate) fn slice_index(py: Attached<'_>, value: &Object) -> PyResult<isize> {
    if !value.has_index() {
        return Err(raise!(py, TypeError, "slice indices must be integers or have an __index__ method"));
    }
    value.as_isize_clamped(py)
}

/// The range that `index(value, start, stop)` searches in a sequence of `len` items; empty when start is not below
/// stop. `stop` may exceed `len`.
pub(crate) fn search_bounds(
    py: Attached<'_>,
    start: Option<&Object>,
    stop: Option<&Object>,
) -> PyResult<(isize, isize)> {
    let start = start.map_or(Ok(0), |value| slice_index(py, value))?;
    let stop = stop.map_or(Ok(isize::MAX), |value| slice_index(py, value))?;
    Ok((start, stop))
}

/// As [`search_bounds`], adjusted to a sequence of `len` items.
pub(crate) fn search_range(
    py: Attached<'_>,
    start: Option<&Object>,
    stop: Option<&Object>,
    len: usize,
) -> PyResult<(usize, usize)> {
    let (start, stop) = search_bounds(py, start, stop)?;
    let from_end = |value: isize| if value < 0 { value.saturating_add_unsigned(len).max(0) } else { value } as usize;
    Ok((from_end(start), from_end(stop).min(len)))
}

/// An attribute of the `builtins` module, as pickling needs it.
pub(crate) fn builtin(py: Attached<'_>, name: &Str) -> PyResult<Ref<Object>> {
    let builtins = (hooks::hooks().current_builtins)(py);
    let found = builtins.get_item_opt(py, name.as_object())?;
    found.ok_or_else(|| raise!(py, AttributeError, "{name}"))
}

pub(crate) use super::genericaliasobject::class_getitem as generic_alias;

/// Whether a subtype has its own `__init__`, so that surplus constructor arguments are its business.
pub(crate) fn overrides_init(ty: &Type, base: &Type) -> bool {
    let address = |ty: &Type| ty.as_type().tp_init.get().map(|init| init as usize);
    address(ty) != address(base)
}

/// Refuses keyword arguments of a constructor unless a subtype with its own `__init__` takes them.
pub(crate) fn no_keywords_unless_subtype(
    py: Attached<'_>,
    ty: &Type,
    base: &Type,
    args: crate::args::Args<'_>,
    name: &str,
) -> PyResult<()> {
    if std::ptr::eq(ty, base) || !overrides_init(ty, base) { args.no_keywords(py, name) } else { Ok(()) }
}

/// Turns the `TypeError` of an unhashable key into the container's own words.
#[cold]
pub(crate) fn explain_unhashable(py: Attached<'_>, error: crate::Raised, key: &Object, role: &str) -> crate::Raised {
    if !error.matches(py, crate::exc::TypeError()) {
        return error;
    }
    let cause = error.take(py);
    let name = key.ty().full_name();
    match cause.as_object().str(py) {
        Ok(text) => raise!(py, TypeError, "cannot use '{name}' as {role} ({})", text.to_string_lossy()),
        Err(error) => error,
    }
}
