//! How a type, its slots, methods, getters and members are declared, and how a module lists its functions.
//!
//! [`pytype!`](crate::pytype) makes the static `PyTypeObject`, C adapters for the named Rust functions, and the [`Layout`](crate::Layout)
//! implementation. A slot is written as `tp_repr = List::repr`; the Rust function takes `Attached` first and the
//! object as `&Self` second, and returns a [`PyResult`](crate::PyResult) of anything that is [`IntoObject`](crate::IntoObject) (see each arm of
//! [`slot_adapter!`](crate::slot_adapter) for its exact shape). The VM may call the same Rust function directly.
//!
//! ```ignore
//! pytype! {
//!     #[unsafe(no_mangle)]
//!     pub static PyList_Type: "list" for List {
//!         base: object, flags: BASETYPE | HAVE_GC | LIST_SUBCLASS,
//!         doc: "($type... )", ...
//! ```
use crate::handle::{Attached, Layout, Ref};
use crate::layout::*;
use crate::{IntoObject, PyResult};
use std::ffi::{CStr, c_int};
use std::ptr;

/// The six comparisons of `tp_richcompare`, with C's numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(i32)]
pub enum CompareOp {
    Lt = 0,
    Le = 1,
    Eq = 2,
    Ne = 3,
    Gt = 4,
    Ge = 5,
}

impl CompareOp {
    /// # Panics
    /// Never for the numbers 0 to 5; C callers are checked at the API.
    #[inline]
    pub fn from_raw(op: c_int) -> Self {
        match op {
            0 => CompareOp::Lt,
            1 => CompareOp::Le,
            2 => CompareOp::Eq,
            3 => CompareOp::Ne,
            4 => CompareOp::Gt,
            _ => CompareOp::Ge,
        }
    }

    /// The operator with its operands exchanged.
    pub fn swapped(self) -> Self {
        match self {
            CompareOp::Lt => CompareOp::Gt,
            CompareOp::Le => CompareOp::Ge,
            CompareOp::Gt => CompareOp::Lt,
            CompareOp::Ge => CompareOp::Le,
            same => same,
        }
    }

    pub fn symbol(self) -> &'static str {
        ["<", "<=", "==", "!=", ">", ">="][self as usize]
    }

    /// Whether the comparison holds for an ordering of its operands.
    #[inline]
    pub fn holds(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            CompareOp::Lt => ordering.is_lt(),
            CompareOp::Le => ordering.is_le(),
            CompareOp::Eq => ordering.is_eq(),
            CompareOp::Ne => ordering.is_ne(),
            CompareOp::Gt => ordering.is_gt(),
            CompareOp::Ge => ordering.is_ge(),
        }
    }
}

/// `concat!(.., "\0")` as a C string.
#[doc(hidden)]
pub const fn cstr(text: &'static str) -> &'static CStr {
    match CStr::from_bytes_with_nul(text.as_bytes()) {
        Ok(text) => text,
        Err(_) => panic!("text with one NUL, at its end"),
    }
}

/// A method's result as C's nullable pointer.
#[doc(hidden)]
#[inline(always)]
pub fn ret_object(py: Attached<'_>, result: impl IntoObject) -> *mut PyObject {
    match result.into_object(py) {
        Ok(object) => object.into_raw(),
        Err(_) => ptr::null_mut(),
    }
}

#[doc(hidden)]
#[inline(always)]
pub fn ret_next<T: Layout>(result: PyResult<Option<Ref<T>>>) -> *mut PyObject {
    match result {
        Ok(Some(object)) => object.into_raw(),
        _ => ptr::null_mut(),
    }
}

#[doc(hidden)]
#[inline(always)]
pub fn ret_status(result: PyResult<()>) -> c_int {
    if result.is_ok() { 0 } else { -1 }
}

#[doc(hidden)]
#[inline(always)]
pub fn ret_bool(result: PyResult<bool>) -> c_int {
    result.map_or(-1, c_int::from)
}

#[doc(hidden)]
#[inline(always)]
pub fn ret_len(result: PyResult<usize>) -> isize {
    result.map_or(-1, |len| len as isize)
}

/// A hash result: -1 is reserved for errors.
#[doc(hidden)]
#[inline(always)]
pub fn ret_hash(result: PyResult<isize>) -> isize {
    match result {
        Ok(-1) => -2,
        Ok(hash) => hash,
        Err(_) => -1,
    }
}

/// Borrows a C argument.
///
/// # Safety
/// [slot-contract]: `raw` points to a live `T`.
#[doc(hidden)]
#[inline(always)]
pub unsafe fn arg<'a, T>(raw: *mut PyObject) -> &'a T {
    // SAFETY: by the contract.
    unsafe { &*raw.cast::<T>() }
}

/// Borrows a nullable C argument.
///
/// # Safety
/// [slot-contract]: `raw` is null or points to a live `T`.
#[doc(hidden)]
#[inline(always)]
pub unsafe fn arg_opt<'a, T>(raw: *mut PyObject) -> Option<&'a T> {
    // SAFETY: by the contract.
    unsafe { raw.cast::<T>().as_ref() }
}

/// Wraps one Rust function as the C function of a slot. The first word is the slot's name.
#[macro_export]
macro_rules! slot_adapter {
    // fn(py, &Self) -> impl IntoObject
    (@unary $ty:ty, $f:expr) => {{
        unsafe extern "C" fn slot(this: *mut $crate::layout::PyObject) -> *mut $crate::layout::PyObject {
            // SAFETY: [slot-contract].
            unsafe {
                let py = $crate::Attached::from_tls();
                $crate::typedef::ret_object(py, $f(py, $crate::typedef::arg::<$ty>(this)))
            }
        }
        Some(slot as unsafe extern "C" fn(_) -> _)
    }};
    // fn(py, &Object, &Object) -> impl IntoObject
    (@binary $ty:ty, $f:expr) => {{
        unsafe extern "C" fn slot(
            left: *mut $crate::layout::PyObject,
            right: *mut $crate::layout::PyObject,
        ) -> *mut $crate::layout::PyObject {
            // SAFETY: [slot-contract].
            unsafe {
                let py = $crate::Attached::from_tls();
                $crate::typedef::ret_object(py, $f(py, $crate::typedef::arg(left), $crate::typedef::arg(right)))
            }
        }
        Some(slot as unsafe extern "C" fn(_, _) -> _)
    }};
    // fn(py, &Object, &Object, Option<&Object>) -> impl IntoObject; the third is None for Python's None
    (@ternary $ty:ty, $f:expr) => {{
        unsafe extern "C" fn slot(
            left: *mut $crate::layout::PyObject,
            right: *mut $crate::layout::PyObject,
            third: *mut $crate::layout::PyObject,
        ) -> *mut $crate::layout::PyObject {
            // SAFETY: [slot-contract].
            unsafe {
                let py = $crate::Attached::from_tls();
                let third = $crate::typedef::arg_opt::<$crate::Object>(third).filter(|third| !third.is_none());
                $crate::typedef::ret_object(py, $f(py, $crate::typedef::arg(left), $crate::typedef::arg(right), third))
            }
        }
        Some(slot as unsafe extern "C" fn(_, _, _) -> _)
    }};
    // fn(py, &Self) -> PyResult<usize>
    (@len $ty:ty, $f:expr) => {{
        unsafe extern "C" fn slot(this: *mut $crate::layout::PyObject) -> isize {
            // SAFETY: [slot-contract].
            unsafe { $crate::typedef::ret_len($f($crate::Attached::from_tls(), $crate::typedef::arg::<$ty>(this))) }
        }
        Some(slot as unsafe extern "C" fn(_) -> _)
    }};
    // fn(py, &Self) -> PyResult<isize>
    (@hash $ty:ty, $f:expr) => {{
        unsafe extern "C" fn slot(this: *mut $crate::layout::PyObject) -> isize {
            // SAFETY: [slot-contract].
            unsafe { $crate::typedef::ret_hash($f($crate::Attached::from_tls(), $crate::typedef::arg::<$ty>(this))) }
        }
        Some(slot as unsafe extern "C" fn(_) -> _)
    }};
    // fn(py, &Self) -> PyResult<bool>
    (@bool $ty:ty, $f:expr) => {{
        unsafe extern "C" fn slot(this: *mut $crate::layout::PyObject) -> ::std::ffi::c_int {
            // SAFETY: [slot-contract].
            unsafe { $crate::typedef::ret_bool($f($crate::Attached::from_tls(), $crate::typedef::arg::<$ty>(this))) }
        }
        Some(slot as unsafe extern "C" fn(_) -> _)
    }};
    // fn(py, &Self, &Object) -> impl IntoObject
    (@subscript $ty:ty, $f:expr) => {{
        unsafe extern "C" fn slot(
            this: *mut $crate::layout::PyObject,
            key: *mut $crate::layout::PyObject,
        ) -> *mut $crate::layout::PyObject {
            // SAFETY: [slot-contract].
            unsafe {
                let py = $crate::Attached::from_tls();
                $crate::typedef::ret_object(py, $f(py, $crate::typedef::arg::<$ty>(this), $crate::typedef::arg(key)))
            }
        }
        Some(slot as unsafe extern "C" fn(_, _) -> _)
    }};
    // fn(py, &Self, &Object key, Option<&Object> value) -> PyResult<()>
    (@ass_subscript $ty:ty, $f:expr) => {{
        unsafe extern "C" fn slot(
            this: *mut $crate::layout::PyObject,
            key: *mut $crate::layout::PyObject,
            value: *mut $crate::layout::PyObject,
        ) -> ::std::ffi::c_int {
            // SAFETY: [slot-contract].
            unsafe {
                let py = $crate::Attached::from_tls();
                $crate::typedef::ret_status($f(
                    py,
                    $crate::typedef::arg::<$ty>(this),
                    $crate::typedef::arg(key),
                    $crate::typedef::arg_opt(value),
                ))
            }
        }
        Some(slot as unsafe extern "C" fn(_, _, _) -> _)
    }};
    // fn(py, &Self, isize) -> impl IntoObject
    (@item $ty:ty, $f:expr) => {{
        unsafe extern "C" fn slot(this: *mut $crate::layout::PyObject, index: isize) -> *mut $crate::layout::PyObject {
            // SAFETY: [slot-contract].
            unsafe {
                let py = $crate::Attached::from_tls();
                $crate::typedef::ret_object(py, $f(py, $crate::typedef::arg::<$ty>(this), index))
            }
        }
        Some(slot as unsafe extern "C" fn(_, _) -> _)
    }};
    // fn(py, &Self, isize, Option<&Object>) -> PyResult<()>
    (@ass_item $ty:ty, $f:expr) => {{
        unsafe extern "C" fn slot(
            this: *mut $crate::layout::PyObject,
            index: isize,
            value: *mut $crate::layout::PyObject,
        ) -> ::std::ffi::c_int {
            // SAFETY: [slot-contract].
            unsafe {
                let py = $crate::Attached::from_tls();
                $crate::typedef::ret_status($f(
                    py,
                    $crate::typedef::arg::<$ty>(this),
                    index,
                    $crate::typedef::arg_opt(value),
                ))
            }
        }
        Some(slot as unsafe extern "C" fn(_, _, _) -> _)
    }};
    // fn(py, &Self, &Object) -> PyResult<bool>
    (@contains $ty:ty, $f:expr) => {{
        unsafe extern "C" fn slot(
            this: *mut $crate::layout::PyObject,
            value: *mut $crate::layout::PyObject,
        ) -> ::std::ffi::c_int {
            // SAFETY: [slot-contract].
            unsafe {
                let py = $crate::Attached::from_tls();
                $crate::typedef::ret_bool($f(py, $crate::typedef::arg::<$ty>(this), $crate::typedef::arg(value)))
            }
        }
        Some(slot as unsafe extern "C" fn(_, _) -> _)
    }};
    // fn(py, &Self, Args) -> impl IntoObject
    (@call $ty:ty, $f:expr) => {{
        unsafe extern "C" fn slot(
            this: *mut $crate::layout::PyObject,
            args: *mut $crate::layout::PyObject,
            kwargs: *mut $crate::layout::PyObject,
        ) -> *mut $crate::layout::PyObject {
            // SAFETY: [slot-contract].
            unsafe {
                let py = $crate::Attached::from_tls();
                let buf = $crate::args::ArgsBuf::new(py, $crate::typedef::arg(args), $crate::typedef::arg_opt(kwargs));
                $crate::typedef::ret_object(py, $f(py, $crate::typedef::arg::<$ty>(this), buf.args()))
            }
        }
        Some(slot as unsafe extern "C" fn(_, _, _) -> _)
    }};
    // fn(py, &Type, Args) -> impl IntoObject
    (@new $ty:ty, $f:expr) => {{
        unsafe extern "C" fn slot(
            ty: *mut $crate::layout::PyTypeObject,
            args: *mut $crate::layout::PyObject,
            kwargs: *mut $crate::layout::PyObject,
        ) -> *mut $crate::layout::PyObject {
            // SAFETY: [slot-contract].
            unsafe {
                let py = $crate::Attached::from_tls();
                let buf = $crate::args::ArgsBuf::new(py, $crate::typedef::arg(args), $crate::typedef::arg_opt(kwargs));
                $crate::typedef::ret_object(py, $f(py, $crate::typedef::arg::<$crate::Type>(ty.cast()), buf.args()))
            }
        }
        Some(slot as unsafe extern "C" fn(_, _, _) -> _)
    }};
    // fn(py, &Self, Args) -> impl IntoObject, called with the vectorcall convention
    (@vectorcall $ty:ty, $f:expr) => {{
        unsafe extern "C" fn slot(
            this: *mut $crate::layout::PyObject,
            args: *const *mut $crate::layout::PyObject,
            nargsf: usize,
            names: *mut $crate::layout::PyObject,
        ) -> *mut $crate::layout::PyObject {
            // SAFETY: [slot-contract].
            unsafe {
                let py = $crate::Attached::from_tls();
                let args = $crate::args::Args::from_vectorcall(args, nargsf & (usize::MAX >> 1), names);
                $crate::typedef::ret_object(py, $f(py, $crate::typedef::arg::<$ty>(this), args))
            }
        }
        Some(slot as unsafe extern "C" fn(_, _, _, _) -> _)
    }};
    // fn(py, &Self, Args) -> PyResult<()>
    (@init $ty:ty, $f:expr) => {{
        unsafe extern "C" fn slot(
            this: *mut $crate::layout::PyObject,
            args: *mut $crate::layout::PyObject,
            kwargs: *mut $crate::layout::PyObject,
        ) -> ::std::ffi::c_int {
            // SAFETY: [slot-contract].
            unsafe {
                let py = $crate::Attached::from_tls();
                let buf = $crate::args::ArgsBuf::new(py, $crate::typedef::arg(args), $crate::typedef::arg_opt(kwargs));
                $crate::typedef::ret_status($f(py, $crate::typedef::arg::<$ty>(this), buf.args()))
            }
        }
        Some(slot as unsafe extern "C" fn(_, _, _) -> _)
    }};
    // fn(py, &Self, &Object, CompareOp) -> impl IntoObject
    (@richcompare $ty:ty, $f:expr) => {{
        unsafe extern "C" fn slot(
            this: *mut $crate::layout::PyObject,
            other: *mut $crate::layout::PyObject,
            op: ::std::ffi::c_int,
        ) -> *mut $crate::layout::PyObject {
            // SAFETY: [slot-contract].
            unsafe {
                let py = $crate::Attached::from_tls();
                let op = $crate::typedef::CompareOp::from_raw(op);
                $crate::typedef::ret_object(
                    py,
                    $f(py, $crate::typedef::arg::<$ty>(this), $crate::typedef::arg(other), op),
                )
            }
        }
        Some(slot as unsafe extern "C" fn(_, _, _) -> _)
    }};
    // fn(py, &Self) -> PyResult<Option<Ref<_>>>
    (@next $ty:ty, $f:expr) => {{
        unsafe extern "C" fn slot(this: *mut $crate::layout::PyObject) -> *mut $crate::layout::PyObject {
            // SAFETY: [slot-contract].
            unsafe { $crate::typedef::ret_next($f($crate::Attached::from_tls(), $crate::typedef::arg::<$ty>(this))) }
        }
        Some(slot as unsafe extern "C" fn(_) -> _)
    }};
    // fn(py, &Self, Option<&Object> instance, Option<&Object> owner) -> impl IntoObject
    (@descr_get $ty:ty, $f:expr) => {{
        unsafe extern "C" fn slot(
            this: *mut $crate::layout::PyObject,
            instance: *mut $crate::layout::PyObject,
            owner: *mut $crate::layout::PyObject,
        ) -> *mut $crate::layout::PyObject {
            // SAFETY: [slot-contract].
            unsafe {
                let py = $crate::Attached::from_tls();
                $crate::typedef::ret_object(
                    py,
                    $f(
                        py,
                        $crate::typedef::arg::<$ty>(this),
                        $crate::typedef::arg_opt(instance),
                        $crate::typedef::arg_opt(owner),
                    ),
                )
            }
        }
        Some(slot as unsafe extern "C" fn(_, _, _) -> _)
    }};
    // fn(&Self, Visit) -> Result<(), c_int>
    (@traverse $ty:ty, $f:expr) => {{
        unsafe extern "C" fn slot(
            this: *mut $crate::layout::PyObject,
            visit: $crate::layout::visitproc,
            arg: *mut ::std::ffi::c_void,
        ) -> ::std::ffi::c_int {
            // SAFETY: [slot-contract]; the collector calls it on a live or unreachable, not yet cleared object.
            match unsafe { $f($crate::typedef::arg::<$ty>(this), $crate::Visit::new(visit, arg)) } {
                Ok(()) => 0,
                Err(stop) => stop,
            }
        }
        Some(slot as unsafe extern "C" fn(_, _, _) -> _)
    }};
    // fn(py, &Self): drops what may be part of a cycle
    (@clear $ty:ty, $f:expr) => {{
        unsafe extern "C" fn slot(this: *mut $crate::layout::PyObject) -> ::std::ffi::c_int {
            // SAFETY: [slot-contract].
            unsafe { $f($crate::Attached::from_tls(), $crate::typedef::arg::<$ty>(this)) };
            0
        }
        Some(slot as unsafe extern "C" fn(_) -> _)
    }};
    // unsafe fn(py, NonNull<Self>): the count is zero; frees the object
    (@dealloc $ty:ty, $f:expr) => {{
        unsafe extern "C" fn slot(this: *mut $crate::layout::PyObject) {
            // SAFETY: [slot-contract]: called once, when the last reference is gone.
            unsafe { $f($crate::Attached::from_tls(), ::std::ptr::NonNull::new_unchecked(this.cast::<$ty>())) }
        }
        Some(slot as unsafe extern "C" fn(_))
    }};
    // fn(py, &Self)
    (@finalize $ty:ty, $f:expr) => {{
        unsafe extern "C" fn slot(this: *mut $crate::layout::PyObject) {
            // SAFETY: [slot-contract].
            unsafe { $f($crate::Attached::from_tls(), $crate::typedef::arg::<$ty>(this)) }
        }
        Some(slot as unsafe extern "C" fn(_))
    }};
    // fn(py, &Self, &mut Py_buffer, c_int flags) -> PyResult<()>
    (@getbuffer $ty:ty, $f:expr) => {{
        unsafe extern "C" fn slot(
            this: *mut $crate::layout::PyObject,
            view: *mut $crate::layout::Py_buffer,
            flags: ::std::ffi::c_int,
        ) -> ::std::ffi::c_int {
            // SAFETY: [slot-contract]: `view` is a valid, exclusively borrowed buffer struct.
            unsafe {
                let py = $crate::Attached::from_tls();
                $crate::typedef::ret_status($f(py, $crate::typedef::arg::<$ty>(this), &mut *view, flags))
            }
        }
        Some(slot as unsafe extern "C" fn(_, _, _) -> _)
    }};
    // fn(py, &Self, &mut Py_buffer)
    (@releasebuffer $ty:ty, $f:expr) => {{
        unsafe extern "C" fn slot(this: *mut $crate::layout::PyObject, view: *mut $crate::layout::Py_buffer) {
            // SAFETY: as getbuffer.
            unsafe { $f($crate::Attached::from_tls(), $crate::typedef::arg::<$ty>(this), &mut *view) }
        }
        Some(slot as unsafe extern "C" fn(_, _))
    }};
}

/// Fills one slot of a type under construction; see [`slot_adapter!`](crate::slot_adapter) for the functions' shapes.
#[doc(hidden)]
#[macro_export]
macro_rules! slot_fill {
    ($t:ident $ty:ty; tp_dealloc = $f:expr) => { $t.ty.tp_dealloc = $crate::Field::new($crate::slot_adapter!(@dealloc $ty, $f)); };
    ($t:ident $ty:ty; tp_repr = $f:expr) => { $t.ty.tp_repr = $crate::Field::new($crate::slot_adapter!(@unary $ty, $f)); };
    ($t:ident $ty:ty; tp_str = $f:expr) => { $t.ty.tp_str = $crate::Field::new($crate::slot_adapter!(@unary $ty, $f)); };
    ($t:ident $ty:ty; tp_hash = $f:expr) => { $t.ty.tp_hash = $crate::Field::new($crate::slot_adapter!(@hash $ty, $f)); };
    ($t:ident $ty:ty; tp_call = $f:expr) => { $t.ty.tp_call = $crate::Field::new($crate::slot_adapter!(@call $ty, $f)); };
    ($t:ident $ty:ty; tp_getattro = $f:expr) => { $t.ty.tp_getattro = $crate::Field::new($crate::slot_adapter!(@subscript $ty, $f)); };
    ($t:ident $ty:ty; tp_setattro = $f:expr) => { $t.ty.tp_setattro = $crate::Field::new($crate::slot_adapter!(@ass_subscript $ty, $f)); };
    ($t:ident $ty:ty; tp_traverse = $f:expr) => { $t.ty.tp_traverse = $crate::Field::new($crate::slot_adapter!(@traverse $ty, $f)); };
    ($t:ident $ty:ty; tp_clear = $f:expr) => { $t.ty.tp_clear = $crate::Field::new($crate::slot_adapter!(@clear $ty, $f)); };
    ($t:ident $ty:ty; tp_richcompare = $f:expr) => { $t.ty.tp_richcompare = $crate::Field::new($crate::slot_adapter!(@richcompare $ty, $f)); };
    ($t:ident $ty:ty; tp_iter = $f:expr) => { $t.ty.tp_iter = $crate::Field::new($crate::slot_adapter!(@unary $ty, $f)); };
    ($t:ident $ty:ty; tp_iternext = $f:expr) => { $t.ty.tp_iternext = $crate::Field::new($crate::slot_adapter!(@next $ty, $f)); };
    ($t:ident $ty:ty; tp_descr_get = $f:expr) => { $t.ty.tp_descr_get = $crate::Field::new($crate::slot_adapter!(@descr_get $ty, $f)); };
    ($t:ident $ty:ty; tp_descr_set = $f:expr) => { $t.ty.tp_descr_set = $crate::Field::new($crate::slot_adapter!(@ass_subscript $ty, $f)); };
    ($t:ident $ty:ty; tp_init = $f:expr) => { $t.ty.tp_init = $crate::Field::new($crate::slot_adapter!(@init $ty, $f)); };
    ($t:ident $ty:ty; tp_new = $f:expr) => {
        $t.ty.tp_new = $crate::Field::new($crate::slot_adapter!(@new $ty, $f));
    };
    // `tp_new` and `tp_vectorcall` of the exact type from one function (for types without `tp_init`).
    ($t:ident $ty:ty; constructor = $f:expr) => {
        $t.ty.tp_new = $crate::Field::new($crate::slot_adapter!(@new $ty, $f));
        $t.ty.tp_vectorcall = $crate::Field::new($crate::slot_adapter!(@vectorcall $crate::Type, $f));
    };
    ($t:ident $ty:ty; tp_finalize = $f:expr) => { $t.ty.tp_finalize = $crate::Field::new($crate::slot_adapter!(@finalize $ty, $f)); };
    // `tp_call`, and the same by the vectorcall convention: `constructor` puts `slot_adapter!(@vectorcall ..)` into the
    // field, and the type has the flag `HAVE_VECTORCALL`.
    ($t:ident $ty:ty; call $field:ident = $f:expr) => {
        $t.ty.tp_call = $crate::Field::new($crate::slot_adapter!(@call $ty, $f));
        $t.ty.tp_vectorcall_offset = $crate::Field::new(::std::mem::offset_of!($ty, $field) as isize);
    };
    // Raw C function or offset: the value is stored as it is.
    ($t:ident $ty:ty; raw $slot:ident = $f:expr) => { $t.ty.$slot = $crate::Field::new($f); };
    ($t:ident $ty:ty; am_await = $f:expr) => { $t.am.am_await = $crate::Field::new($crate::slot_adapter!(@unary $ty, $f)); $t.use_am = true; };
    ($t:ident $ty:ty; am_aiter = $f:expr) => { $t.am.am_aiter = $crate::Field::new($crate::slot_adapter!(@unary $ty, $f)); $t.use_am = true; };
    ($t:ident $ty:ty; am_anext = $f:expr) => { $t.am.am_anext = $crate::Field::new($crate::slot_adapter!(@unary $ty, $f)); $t.use_am = true; };
    ($t:ident $ty:ty; raw_am_send = $f:expr) => { $t.am.am_send = $crate::Field::new($f); $t.use_am = true; };
    ($t:ident $ty:ty; nb_bool = $f:expr) => { $t.nb.nb_bool = $crate::Field::new($crate::slot_adapter!(@bool $ty, $f)); $t.use_nb = true; };
    ($t:ident $ty:ty; nb_power = $f:expr) => { $t.nb.nb_power = $crate::Field::new($crate::slot_adapter!(@ternary $ty, $f)); $t.use_nb = true; };
    ($t:ident $ty:ty; nb_inplace_power = $f:expr) => { $t.nb.nb_inplace_power = $crate::Field::new($crate::slot_adapter!(@ternary $ty, $f)); $t.use_nb = true; };
    ($t:ident $ty:ty; nb_negative = $f:expr) => { $t.nb.nb_negative = $crate::Field::new($crate::slot_adapter!(@unary $ty, $f)); $t.use_nb = true; };
    ($t:ident $ty:ty; nb_positive = $f:expr) => { $t.nb.nb_positive = $crate::Field::new($crate::slot_adapter!(@unary $ty, $f)); $t.use_nb = true; };
    ($t:ident $ty:ty; nb_absolute = $f:expr) => { $t.nb.nb_absolute = $crate::Field::new($crate::slot_adapter!(@unary $ty, $f)); $t.use_nb = true; };
    ($t:ident $ty:ty; nb_invert = $f:expr) => { $t.nb.nb_invert = $crate::Field::new($crate::slot_adapter!(@unary $ty, $f)); $t.use_nb = true; };
    ($t:ident $ty:ty; nb_int = $f:expr) => { $t.nb.nb_int = $crate::Field::new($crate::slot_adapter!(@unary $ty, $f)); $t.use_nb = true; };
    ($t:ident $ty:ty; nb_float = $f:expr) => { $t.nb.nb_float = $crate::Field::new($crate::slot_adapter!(@unary $ty, $f)); $t.use_nb = true; };
    ($t:ident $ty:ty; nb_index = $f:expr) => { $t.nb.nb_index = $crate::Field::new($crate::slot_adapter!(@unary $ty, $f)); $t.use_nb = true; };
    ($t:ident $ty:ty; mp_length = $f:expr) => { $t.mp.mp_length = $crate::Field::new($crate::slot_adapter!(@len $ty, $f)); $t.use_mp = true; };
    ($t:ident $ty:ty; mp_subscript = $f:expr) => { $t.mp.mp_subscript = $crate::Field::new($crate::slot_adapter!(@subscript $ty, $f)); $t.use_mp = true; };
    ($t:ident $ty:ty; mp_ass_subscript = $f:expr) => { $t.mp.mp_ass_subscript = $crate::Field::new($crate::slot_adapter!(@ass_subscript $ty, $f)); $t.use_mp = true; };
    ($t:ident $ty:ty; sq_length = $f:expr) => { $t.sq.sq_length = $crate::Field::new($crate::slot_adapter!(@len $ty, $f)); $t.use_sq = true; };
    // The same length function for sequence and mapping.
    ($t:ident $ty:ty; length = $f:expr) => {
        $t.sq.sq_length = $crate::Field::new($crate::slot_adapter!(@len $ty, $f)); $t.use_sq = true;
        $t.mp.mp_length = $crate::Field::new($crate::slot_adapter!(@len $ty, $f)); $t.use_mp = true;
    };
    ($t:ident $ty:ty; sq_concat = $f:expr) => { $t.sq.sq_concat = $crate::Field::new($crate::slot_adapter!(@subscript $ty, $f)); $t.use_sq = true; };
    ($t:ident $ty:ty; sq_inplace_concat = $f:expr) => { $t.sq.sq_inplace_concat = $crate::Field::new($crate::slot_adapter!(@subscript $ty, $f)); $t.use_sq = true; };
    ($t:ident $ty:ty; sq_repeat = $f:expr) => { $t.sq.sq_repeat = $crate::Field::new($crate::slot_adapter!(@item $ty, $f)); $t.use_sq = true; };
    ($t:ident $ty:ty; sq_inplace_repeat = $f:expr) => { $t.sq.sq_inplace_repeat = $crate::Field::new($crate::slot_adapter!(@item $ty, $f)); $t.use_sq = true; };
    ($t:ident $ty:ty; sq_item = $f:expr) => { $t.sq.sq_item = $crate::Field::new($crate::slot_adapter!(@item $ty, $f)); $t.use_sq = true; };
    ($t:ident $ty:ty; sq_ass_item = $f:expr) => { $t.sq.sq_ass_item = $crate::Field::new($crate::slot_adapter!(@ass_item $ty, $f)); $t.use_sq = true; };
    ($t:ident $ty:ty; sq_contains = $f:expr) => { $t.sq.sq_contains = $crate::Field::new($crate::slot_adapter!(@contains $ty, $f)); $t.use_sq = true; };
    ($t:ident $ty:ty; bf_getbuffer = $f:expr) => { $t.bf.bf_getbuffer = $crate::Field::new($crate::slot_adapter!(@getbuffer $ty, $f)); $t.use_bf = true; };
    ($t:ident $ty:ty; bf_releasebuffer = $f:expr) => { $t.bf.bf_releasebuffer = $crate::Field::new($crate::slot_adapter!(@releasebuffer $ty, $f)); $t.use_bf = true; };
    // Every other nb_* slot is binary: fn(py, &Object, &Object).
    ($t:ident $ty:ty; $nb:ident = $f:expr) => { $t.nb.$nb = $crate::Field::new($crate::slot_adapter!(@binary $ty, $f)); $t.use_nb = true; };
}

/// A type struct and its protocol tables while [`pytype!`](crate::pytype) fills them.
#[doc(hidden)]
pub struct TypeBundle {
    pub ty: PyTypeObject,
    pub nb: PyNumberMethods,
    pub sq: PySequenceMethods,
    pub mp: PyMappingMethods,
    pub am: PyAsyncMethods,
    pub bf: PyBufferProcs,
    pub use_nb: bool,
    pub use_sq: bool,
    pub use_mp: bool,
    pub use_am: bool,
    pub use_bf: bool,
}

impl TypeBundle {
    pub const EMPTY: Self = TypeBundle {
        ty: PyTypeObject::EMPTY,
        nb: PyNumberMethods::EMPTY,
        sq: PySequenceMethods::EMPTY,
        mp: PyMappingMethods::EMPTY,
        am: PyAsyncMethods::EMPTY,
        bf: PyBufferProcs::EMPTY,
        use_nb: false,
        use_sq: false,
        use_mp: false,
        use_am: false,
        use_bf: false,
    };
}

/// One `PyMethodDef` from a Rust function.
///
/// Kinds: `noargs` `fn(py, &Self)`, `o` `fn(py, &Self, &Object)`, `sig` `fn(py, &Self, [Option<&Object>; N])` with the
/// arguments bound by the text signature, `format` and `unnamed` the same with other [words](crate::args::Words) in
/// their errors, `raw` `fn(py, &Self, Args)`, `varargs` and `varargs_keywords` the same by the
/// older convention of a tuple and a dict, in which keywords need not be strings; each returns `impl IntoObject`. Before
/// the kind may stand `class` (the function gets `&Type`) or, before `sig`, `stat` (it gets only the arguments).
#[macro_export]
macro_rules! method_def {
    ($ty:ty; class $kind:ident $name:literal => $f:expr, $sig:literal, $doc:literal) => {
        $crate::method_def!(@flags $crate::Type; $crate::layout::METH_CLASS; $kind $name => $f, $sig, $doc)
    };
    ($ty:ty; stat sig $name:literal => $f:expr, $sig:literal, $doc:literal) => {{
        const SIGNATURE: $crate::args::Signature = $crate::args::Signature::parse($name, $sig);
        unsafe extern "C" fn method(
            _: *mut $crate::layout::PyObject, args: *const *mut $crate::layout::PyObject, nargs: isize, names: *mut $crate::layout::PyObject,
        ) -> *mut $crate::layout::PyObject {
            static SIG: $crate::args::Signature = SIGNATURE;
            // SAFETY: [slot-contract].
            unsafe {
                let py = $crate::Attached::from_tls();
                let args = $crate::args::Args::from_vectorcall(args, nargs as usize, names);
                match SIG.bind::<{ SIGNATURE.len() }>(py, args) {
                    Ok(bound) => $crate::typedef::ret_object(py, $f(py, bound)),
                    Err(_) => ::std::ptr::null_mut(),
                }
            }
        }
        let flags = $crate::layout::METH_FASTCALL | $crate::layout::METH_KEYWORDS | $crate::layout::METH_STATIC;
        $crate::method_def!(@def $name, method, flags, $sig, $doc)
    }};
    ($ty:ty; coexist $kind:ident $name:literal => $f:expr, $sig:literal, $doc:literal) => {
        $crate::method_def!(@flags $ty; $crate::layout::METH_COEXIST; $kind $name => $f, $sig, $doc)
    };
    ($ty:ty; $kind:ident $name:literal => $f:expr, $sig:literal, $doc:literal) => {
        $crate::method_def!(@flags $ty; 0; $kind $name => $f, $sig, $doc)
    };
    (@flags $ty:ty; $flags:expr; noargs $name:literal => $f:expr, $sig:literal, $doc:literal) => {{
        unsafe extern "C" fn method(this: *mut $crate::layout::PyObject, _: *mut $crate::layout::PyObject) -> *mut $crate::layout::PyObject {
            // SAFETY: [slot-contract].
            unsafe {
                let py = $crate::Attached::from_tls();
                $crate::typedef::ret_object(py, $f(py, $crate::typedef::arg::<$ty>(this)))
            }
        }
        $crate::method_def!(@def $name, method, $crate::layout::METH_NOARGS | $flags, $sig, $doc)
    }};
    (@flags $ty:ty; $flags:expr; o $name:literal => $f:expr, $sig:literal, $doc:literal) => {{
        unsafe extern "C" fn method(this: *mut $crate::layout::PyObject, arg: *mut $crate::layout::PyObject) -> *mut $crate::layout::PyObject {
            // SAFETY: [slot-contract].
            unsafe {
                let py = $crate::Attached::from_tls();
                $crate::typedef::ret_object(py, $f(py, $crate::typedef::arg::<$ty>(this), $crate::typedef::arg(arg)))
            }
        }
        $crate::method_def!(@def $name, method, $crate::layout::METH_O | $flags, $sig, $doc)
    }};
    (@flags $ty:ty; $flags:expr; sig $name:literal => $f:expr, $sig:literal, $doc:literal) => {
        $crate::method_def!(@bound $ty; $flags; $crate::args::Words::Plain, $name; $name => $f, $sig, $doc)
    };
    (@flags $ty:ty; $flags:expr; format $name:literal => $f:expr, $sig:literal, $doc:literal) => {
        $crate::method_def!(@bound $ty; $flags; $crate::args::Words::Format, $name; $name => $f, $sig, $doc)
    };
    (@flags $ty:ty; $flags:expr; unnamed $name:literal => $f:expr, $sig:literal, $doc:literal) => {
        $crate::method_def!(@bound $ty; $flags; $crate::args::Words::Unnamed, "function"; $name => $f, $sig, $doc)
    };
    (@bound $ty:ty; $flags:expr; $words:expr, $shown:literal; $name:literal => $f:expr, $sig:literal, $doc:literal) => {{
        const SIGNATURE: $crate::args::Signature = $crate::args::Signature::worded($shown, $sig, $words).called($name);
        #[inline(always)]
        unsafe fn method_body(this: *mut $crate::layout::PyObject, args: $crate::args::Args<'_>) -> *mut $crate::layout::PyObject {
            static SIG: $crate::args::Signature = SIGNATURE;
            // SAFETY: [slot-contract].
            unsafe {
                let py = $crate::Attached::from_tls();
                match SIG.bind::<{ SIGNATURE.len() }>(py, args) {
                    Ok(bound) => $crate::typedef::ret_object(py, $f(py, $crate::typedef::arg::<$ty>(this), bound)),
                    Err(_) => ::std::ptr::null_mut(),
                }
            }
        }
        $crate::method_def!(@fast $name, method_body, SIGNATURE.is_checked_by_caller(), $flags, $sig, $doc)
    }};
    (@flags $ty:ty; $flags:expr; raw $name:literal => $f:expr, $sig:literal, $doc:literal) => {{
        #[inline(always)]
        unsafe fn method_body(this: *mut $crate::layout::PyObject, args: $crate::args::Args<'_>) -> *mut $crate::layout::PyObject {
            // SAFETY: [slot-contract].
            unsafe {
                let py = $crate::Attached::from_tls();
                $crate::typedef::ret_object(py, $f(py, $crate::typedef::arg::<$ty>(this), args))
            }
        }
        $crate::method_def!(@fast $name, method_body, $crate::args::is_positional_text($sig), $flags, $sig, $doc)
    }};
    (@flags $ty:ty; $flags:expr; varargs $name:literal => $f:expr, $sig:literal, $doc:literal) => {{
        unsafe extern "C" fn method(this: *mut $crate::layout::PyObject, args: *mut $crate::layout::PyObject) -> *mut $crate::layout::PyObject {
            // SAFETY: [slot-contract]: a tuple.
            unsafe {
                let py = $crate::Attached::from_tls();
                let args = $crate::args::Args::positional($crate::typedef::arg::<$crate::Tuple>(args).as_slice());
                $crate::typedef::ret_object(py, $f(py, $crate::typedef::arg::<$ty>(this), args))
            }
        }
        $crate::method_def!(@def $name, method, $crate::layout::METH_VARARGS | $flags, $sig, $doc)
    }};
    (@flags $ty:ty; $flags:expr; varargs_keywords $name:literal => $f:expr, $sig:literal, $doc:literal) => {{
        unsafe extern "C" fn method(
            this: *mut $crate::layout::PyObject, args: *mut $crate::layout::PyObject, kwargs: *mut $crate::layout::PyObject,
        ) -> *mut $crate::layout::PyObject {
            // SAFETY: [slot-contract]: a tuple, and a dict or null.
            unsafe {
                let py = $crate::Attached::from_tls();
                let kwargs = kwargs.cast::<$crate::Dict>().as_ref();
                let buffer = $crate::args::ArgsBuf::new(py, $crate::typedef::arg::<$crate::Tuple>(args), kwargs);
                $crate::typedef::ret_object(py, $f(py, $crate::typedef::arg::<$ty>(this), buffer.args()))
            }
        }
        $crate::method_def!(@def $name, method, $crate::layout::METH_VARARGS | $crate::layout::METH_KEYWORDS | $flags, $sig, $doc)
    }};
    // A function of which no parameter has a name takes no keywords, which its caller checks.
    (@fast $name:literal, $call:ident, $positional:expr, $flags:expr, $sig:literal, $doc:literal) => {{
        unsafe extern "C" fn positional(
            this: *mut $crate::layout::PyObject, args: *const *mut $crate::layout::PyObject, nargs: isize,
        ) -> *mut $crate::layout::PyObject {
            // SAFETY: [slot-contract].
            unsafe { $call(this, $crate::args::Args::from_vectorcall(args, nargs as usize, ::std::ptr::null_mut())) }
        }
        unsafe extern "C" fn method(
            this: *mut $crate::layout::PyObject, args: *const *mut $crate::layout::PyObject, nargs: isize, names: *mut $crate::layout::PyObject,
        ) -> *mut $crate::layout::PyObject {
            // SAFETY: [slot-contract].
            unsafe { $call(this, $crate::args::Args::from_vectorcall(args, nargs as usize, names)) }
        }
        const FAST: (*const (), ::std::ffi::c_int) = match $positional {
            true => (positional as *const (), $crate::layout::METH_FASTCALL),
            false => (method as *const (), $crate::layout::METH_FASTCALL | $crate::layout::METH_KEYWORDS),
        };
        $crate::typedef::method_entry(
            concat!($name, "\0"),
            FAST.0,
            FAST.1 | $flags,
            $crate::method_def!(@doc $name, $sig, $doc),
        )
    }};
    // An empty signature text leaves `__text_signature__` None.
    (@def $name:literal, $f:ident, $flags:expr, $sig:literal, $doc:literal) => {
        $crate::typedef::method_entry(
            concat!($name, "\0"),
            $f as *const (),
            $flags,
            $crate::method_def!(@doc $name, $sig, $doc),
        )
    };
    (@doc $name:literal, $sig:literal, $doc:literal) => {
        if $sig.is_empty() { concat!($doc, "\0") } else { concat!($name, $sig, "\n--\n\n", $doc, "\0") }
    };
}

/// A `PyMethodDef` whose function has the convention that `flags` name.
#[doc(hidden)]
pub const fn method_entry(name: &'static str, function: *const (), flags: c_int, doc: &'static str) -> PyMethodDef {
    // SAFETY: all function pointers have one representation; the flags tell callers the true signature.
    let function = unsafe { std::mem::transmute::<*const (), Option<PyCFunction>>(function) };
    PyMethodDef {
        ml_name: Field::new(cstr(name).as_ptr()),
        ml_meth: Field::new(function),
        ml_flags: Field::new(flags),
        ml_doc: Field::new(cstr(doc).as_ptr()),
    }
}

/// The entry that ends a method table.
#[doc(hidden)]
pub const METHOD_END: PyMethodDef = PyMethodDef {
    ml_name: Field::new(ptr::null()),
    ml_meth: Field::new(None),
    ml_flags: Field::new(0),
    ml_doc: Field::new(ptr::null()),
};

/// One `PyGetSetDef`: `getset_def!(T; "name" => getter, "doc")` or with a setter after the getter; write `_` for
/// the getter's place only through a setter-less form. Getter `fn(py, &Self) -> impl IntoObject`, setter
/// `fn(py, &Self, Option<&Object>) -> PyResult<()>` (`None` deletes).
#[macro_export]
macro_rules! getset_def {
    ($ty:ty; $name:literal => $get:expr, $doc:literal) => {
        $crate::layout::PyGetSetDef {
            name: $crate::typedef::cstr(concat!($name, "\0")).as_ptr(),
            get: $crate::getset_def!(@get $ty, $get),
            set: None,
            doc: $crate::typedef::cstr(concat!($doc, "\0")).as_ptr(),
            closure: ::std::ptr::null_mut(),
        }
    };
    ($ty:ty; $name:literal => $get:expr, $set:expr, $doc:literal) => {
        $crate::layout::PyGetSetDef {
            name: $crate::typedef::cstr(concat!($name, "\0")).as_ptr(),
            get: $crate::getset_def!(@get $ty, $get),
            set: {
                unsafe extern "C" fn set(this: *mut $crate::layout::PyObject, value: *mut $crate::layout::PyObject, _: *mut ::std::ffi::c_void) -> ::std::ffi::c_int {
                    // SAFETY: [slot-contract].
                    unsafe {
                        let py = $crate::Attached::from_tls();
                        $crate::typedef::ret_status($set(py, $crate::typedef::arg::<$ty>(this), $crate::typedef::arg_opt(value)))
                    }
                }
                Some(set)
            },
            doc: $crate::typedef::cstr(concat!($doc, "\0")).as_ptr(),
            closure: ::std::ptr::null_mut(),
        }
    };
    (@get $ty:ty, $get:expr) => {{
        unsafe extern "C" fn get(this: *mut $crate::layout::PyObject, _: *mut ::std::ffi::c_void) -> *mut $crate::layout::PyObject {
            // SAFETY: [slot-contract].
            unsafe {
                let py = $crate::Attached::from_tls();
                $crate::typedef::ret_object(py, $get(py, $crate::typedef::arg::<$ty>(this)))
            }
        }
        Some(get)
    }};
}

#[doc(hidden)]
pub const GETSET_END: PyGetSetDef =
    PyGetSetDef { name: ptr::null(), get: None, set: None, doc: ptr::null(), closure: ptr::null_mut() };
#[doc(hidden)]
pub const MEMBER_END: PyMemberDef = PyMemberDef { name: ptr::null(), r#type: 0, offset: 0, flags: 0, doc: ptr::null() };

/// One `PyMemberDef`.
pub const fn member(name: &'static str, kind: c_int, offset: usize, flags: c_int, doc: &'static CStr) -> PyMemberDef {
    PyMemberDef { name: cstr(name).as_ptr(), r#type: kind, offset: offset as isize, flags, doc: doc.as_ptr() }
}

/// A static C table that ends itself; `Sync` because it is written only by hosts that own the type.
#[doc(hidden)]
#[repr(transparent)]
pub struct Table<T, const N: usize>(pub [T; N]);
// SAFETY: [frozen]: plain data, or `Field`s.
unsafe impl<T, const N: usize> Sync for Table<T, N> {}

/// Declares a static type. All parts after `flags` are optional, in this order: `doc`, `slots`, `methods`, `getset`,
/// `members`. `flags` lists `Py_TPFLAGS_` names without the prefix; `DEFAULT` and `IMMUTABLETYPE` are implied.
///
/// `base` is the base's layout type. The layout gets a [`Layout`](crate::Layout) implementation that tests for
/// subtypes through the MRO; `fast: FLAG` makes it test one type flag instead, `fast: EVERY` says that all types are.
#[macro_export]
macro_rules! pytype {
    (
        $(#[$meta:meta])*
        $vis:vis static $symbol:ident : $name:tt for $ty:ty {
            base: $base:ty,
            flags: [$($flag:ident),* $(,)?],
            $(fast: $fast:ident,)?
            $(basicsize: $basicsize:expr,)?
            $(itemsize: $itemsize:expr,)?
            $(doc: $doc:literal,)?
            $(slots: { $($($sword:ident)+ = $sf:expr),* $(,)? },)?
            $(methods: { $($($mword:ident)* $mname:literal => $mf:expr, $msig:literal, $mdoc:literal);* $(;)? },)?
            $(getset: { $($gname:literal => $($gpart:expr),+);* $(;)? },)?
            $(members: [$($member:expr),* $(,)?],)?
        }
    ) => {
        $(#[$meta])*
        $vis static $symbol: $crate::layout::PyTypeObject = {
            #[allow(unused_imports)]
            use $crate::layout::*;
            static NB: PyNumberMethods = BUNDLE.nb;
            static SQ: PySequenceMethods = BUNDLE.sq;
            static MP: PyMappingMethods = BUNDLE.mp;
            static AM: PyAsyncMethods = BUNDLE.am;
            static BF: PyBufferProcs = BUNDLE.bf;
            $(
                static METHODS: $crate::typedef::Table<PyMethodDef, { 1 + [$($mname),*].len() }> = $crate::typedef::Table([
                    $($crate::method_def!($ty; $($mword)* $mname => $mf, $msig, $mdoc),)*
                    $crate::typedef::METHOD_END,
                ]);
            )?
            $(
                static GETSET: $crate::typedef::Table<PyGetSetDef, { 1 + [$($gname),*].len() }> = $crate::typedef::Table([
                    $($crate::getset_def!($ty; $gname => $($gpart),+),)*
                    $crate::typedef::GETSET_END,
                ]);
            )?
            $(
                static MEMBERS: $crate::typedef::Table<PyMemberDef, { 1 + { const M: &[PyMemberDef] = &[$($member),*]; M.len() } }> =
                    $crate::typedef::Table([$($member,)* $crate::typedef::MEMBER_END]);
            )?
            #[allow(clippy::declare_interior_mutable_const)]
            const BUNDLE: $crate::typedef::TypeBundle = {
            #[allow(unused_mut)]
            let mut bundle = $crate::typedef::TypeBundle::EMPTY;
            bundle.ty.ob_base.ob_base.ob_type = $crate::Field::new($crate::type_type_ptr());
            bundle.ty.tp_name = $crate::Field::new($crate::typedef::cstr($crate::type_name!($name)).as_ptr());
            bundle.ty.tp_basicsize = $crate::Field::new(::std::mem::size_of::<$ty>() as isize);
            $(bundle.ty.tp_basicsize = $crate::Field::new($basicsize);)?
            $(bundle.ty.tp_itemsize = $crate::Field::new($itemsize);)?
            bundle.ty.tp_flags = $crate::Field::new($crate::typedef::type_flags(&[$(stringify!($flag)),*]));
            $(bundle.ty.tp_doc = $crate::Field::new($crate::typedef::cstr(concat!($doc, "\0")).as_ptr());)?
            $($($crate::slot_fill!(bundle $ty; $($sword)+ = $sf);)*)?
            $(
                let _ = [$($mname),*].len();
                bundle.ty.tp_methods = $crate::Field::new((&raw const METHODS).cast_mut().cast());
            )?
            $(
                let _ = [$($gname),*].len();
                bundle.ty.tp_getset = $crate::Field::new((&raw const GETSET).cast_mut().cast());
            )?
            $(
                let _: &[PyMemberDef] = &[$($member),*];
                bundle.ty.tp_members = $crate::Field::new((&raw const MEMBERS).cast_mut().cast());
            )?
            bundle
            };
            let mut ty = BUNDLE.ty;
            if BUNDLE.use_nb { ty.tp_as_number = $crate::Field::new((&raw const NB).cast_mut()); }
            if BUNDLE.use_sq { ty.tp_as_sequence = $crate::Field::new((&raw const SQ).cast_mut()); }
            if BUNDLE.use_mp { ty.tp_as_mapping = $crate::Field::new((&raw const MP).cast_mut()); }
            if BUNDLE.use_am { ty.tp_as_async = $crate::Field::new((&raw const AM).cast_mut()); }
            if BUNDLE.use_bf { ty.tp_as_buffer = $crate::Field::new((&raw const BF).cast_mut()); }
            ty
        };
        // SAFETY: [layout]: `repr(C)` or `repr(transparent)` over a head, and only this type's instances use it.
        unsafe impl $crate::Layout for $ty {
            #[inline(always)]
            fn type_object() -> &'static $crate::Type {
                // SAFETY: `Type` is transparent over the bundle's first field.
                unsafe { &*(&raw const $symbol).cast::<$crate::Type>() }
            }
            $(
                #[inline(always)]
                fn is_type_of(ty: &$crate::Type) -> bool {
                    const FLAG: ::std::ffi::c_ulong = $crate::typedef::type_flag(stringify!($fast));
                    FLAG == 0 || ty.has_feature(FLAG)
                }
            )?
        }
        impl $crate::typedef::StaticType for $ty {
            fn base() -> ::std::option::Option<&'static $crate::Type> {
                let base = <$base as $crate::Layout>::type_object();
                (!::std::ptr::eq(base, <$ty as $crate::Layout>::type_object())).then_some(base)
            }
        }
    };
}

/// The C text of a type's name, given as a literal or as an identifier.
#[doc(hidden)]
#[macro_export]
macro_rules! type_name {
    ($name:ident) => {
        concat!(stringify!($name), "\0")
    };
    ($name:literal) => {
        concat!($name, "\0")
    };
}

/// A type declared by [`pytype!`](crate::pytype).
pub trait StaticType: Layout {
    /// Its base, or `None` for `object`.
    fn base() -> Option<&'static crate::Type>;
}

/// `_Py_TPFLAGS_STATIC_BUILTIN`: the type is the runtime's own and lives for ever.
const STATIC_BUILTIN: std::ffi::c_ulong = 1 << 1;

/// The bits of the named `Py_TPFLAGS_*`, with those that every static type has.
pub const fn type_flags(names: &[&str]) -> std::ffi::c_ulong {
    let mut flags = Py_TPFLAGS_DEFAULT as std::ffi::c_ulong | Py_TPFLAGS_IMMUTABLETYPE | STATIC_BUILTIN;
    let mut at = 0;
    while at < names.len() {
        flags |= type_flag(names[at]);
        at += 1;
    }
    flags
}

/// The bit of one named flag; none for `EVERY`, which stands for a test that all types pass.
pub const fn type_flag(name: &str) -> std::ffi::c_ulong {
    const fn same(a: &str, b: &str) -> bool {
        let (a, b) = (a.as_bytes(), b.as_bytes());
        if a.len() != b.len() {
            return false;
        }
        let mut at = 0;
        while at < a.len() {
            if a[at] != b[at] {
                return false;
            }
            at += 1;
        }
        true
    }
    if same(name, "EVERY") {
        return 0;
    }
    const TABLE: &[(&str, u32)] = &[
        ("INLINE_VALUES", 2),
        ("MANAGED_WEAKREF", 3),
        ("MANAGED_DICT", 4),
        ("SEQUENCE", 5),
        ("MAPPING", 6),
        ("DISALLOW_INSTANTIATION", 7),
        ("IMMUTABLETYPE", 8),
        ("HEAPTYPE", 9),
        ("BASETYPE", 10),
        ("HAVE_VECTORCALL", 11),
        ("READY", 12),
        ("HAVE_GC", 14),
        ("METHOD_DESCRIPTOR", 17),
        ("IS_ABSTRACT", 20),
        ("MATCH_SELF", 22),
        ("ITEMS_AT_END", 23),
        ("LONG_SUBCLASS", 24),
        ("LIST_SUBCLASS", 25),
        ("TUPLE_SUBCLASS", 26),
        ("BYTES_SUBCLASS", 27),
        ("UNICODE_SUBCLASS", 28),
        ("DICT_SUBCLASS", 29),
        ("BASE_EXC_SUBCLASS", 30),
        ("TYPE_SUBCLASS", 31),
    ];
    let mut at = 0;
    while at < TABLE.len() {
        if same(TABLE[at].0, name) {
            return 1 << TABLE[at].1;
        }
        at += 1;
    }
    panic!("unknown type flag")
}

/// Sets the base of a static type; [`crate::Type::ready`] does the rest.
#[doc(hidden)]
pub fn link_static<T: StaticType>() -> &'static crate::Type {
    let ty = T::type_object();
    if let Some(base) = T::base() {
        ty.as_type().tp_base.set(base.as_type_ptr());
    }
    ty
}

/// A table of module functions: `functions! { Module; sig "heappush" => heappush, "($module, heap, item, /)", "..."; }`
/// makes a `&'static [PyMethodDef]` with its end entry. Function shapes as in [`method_def!`](crate::method_def), with `&Object` (the
/// module) in place of `&Self`.
#[macro_export]
macro_rules! functions {
    ($($($mword:ident)* $mname:literal => $mf:expr, $msig:literal, $mdoc:literal);* $(;)?) => {{
        static METHODS: $crate::typedef::Table<$crate::layout::PyMethodDef, { 1 + [$($mname),*].len() }> = $crate::typedef::Table([
            $($crate::method_def!($crate::Object; $($mword)* $mname => $mf, $msig, $mdoc),)*
            $crate::typedef::METHOD_END,
        ]);
        &METHODS.0
    }};
}
#[cfg(test)]
mod tests {
    use crate::args::Signature;

    #[test]
    fn signature_text_is_parsed() {
        const SIG: Signature = Signature::parse("split", "($self, a, /, b=',', *, key=None, reverse)");
        assert_eq!(SIG.len(), 4);
    }
}
