//! The buffer protocol in Python (PEP 688): `__buffer__` and `__release_buffer__`.
use super::slot_functions::call_special;
use crate::args::check_positional;
use crate::handle::{Attached, Layout, Slot, Visit};
use crate::layout::*;
use crate::typedef::{arg, ret_object, ret_status};
use crate::{Int, MemoryView, Object, PyResult, Tuple, hooks, id, mem, pytype, raise};
use std::ffi::{c_int, c_void};
use std::mem::transmute;
use std::ptr::{self, NonNull};

/// Layout of [`BufferWrapper`]; opaque to C.
#[repr(C)]
pub struct BufferWrapperObject {
    pub ob_base: PyObject,
    pub view: Slot<MemoryView>,
    pub object: Slot,
}

/// The exporter that C code sees of a buffer that `__buffer__` gave: it calls `__release_buffer__`.
#[repr(transparent)]
pub struct BufferWrapper(pub(crate) BufferWrapperObject);

pytype! {
    #[unsafe(no_mangle)]
    pub static _PyBufferWrapper_Type: "_buffer_wrapper" for BufferWrapper {
        base: Object,
        flags: [HAVE_GC],
        slots: {
            tp_dealloc = BufferWrapper::dealloc,
            tp_traverse = BufferWrapper::traverse,
            bf_releasebuffer = BufferWrapper::release,
        },
    }
}

impl BufferWrapper {
    /// # Safety
    /// As `tp_dealloc`.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<BufferWrapper>) {
        // SAFETY: by the contract.
        unsafe {
            mem::dealloc_with(py, this, |this| {
                drop(this.0.view.take());
                drop(this.0.object.take());
            });
        }
    }

    fn traverse(this: &BufferWrapper, visit: Visit<'_>) -> Result<(), c_int> {
        visit.slot(&this.0.view)?;
        visit.slot(&this.0.object)
    }

    fn release(py: Attached<'_>, this: &BufferWrapper, buffer: &mut Py_buffer) {
        let (Some(view), Some(object)) = (this.0.view.take(), this.0.object.take()) else { return };
        // SAFETY: the protocol table lives as long as the type.
        let is_python = unsafe { object.ty().as_type().tp_as_buffer.get().as_ref() }
            .and_then(|table| table.bf_releasebuffer.get())
            .is_some_and(|slot| ptr::fn_addr_eq(slot, slot_bf_releasebuffer as releasebufferproc));
        if is_python {
            call_release(py, &object, buffer);
        }
        if view.release(py).is_err() {
            (hooks::hooks().unraisable)(py, None, Some(&object));
        }
    }
}

/// Calls `__release_buffer__` with a view that dies with the call. Errors cannot be reported to the caller.
fn call_release(py: Attached<'_>, object: &Object, buffer: &Py_buffer) {
    let pending = py.take_raised();
    // SAFETY: the buffer lives during the call, and the view is released after it.
    let result = unsafe { MemoryView::from_buffer(py, buffer) }.and_then(|view| {
        view.set_restricted();
        let called = call_special(py, object, id!(py, __release_buffer__), &[view.as_object()]).map(drop);
        let released = view.release(py);
        called.and(released)
    });
    if result.is_err() {
        (hooks::hooks().unraisable)(py, Some("Exception ignored in bf_releasebuffer"), Some(object));
    }
    if let Some(pending) = pending {
        let _ = py.restore(pending);
    }
}

/// `bf_getbuffer` of classes with `__buffer__`.
///
/// # Safety
/// [slot-contract].
pub unsafe extern "C" fn slot_bf_getbuffer(this: *mut PyObject, buffer: *mut Py_buffer, flags: c_int) -> c_int {
    // SAFETY: [slot-contract].
    let (py, this, buffer) = unsafe { (Attached::from_tls(), arg::<Object>(this), &mut *buffer) };
    ret_status(get_buffer(py, this, buffer, flags))
}

fn get_buffer(py: Attached<'_>, this: &Object, buffer: &mut Py_buffer, flags: c_int) -> PyResult<()> {
    let wanted = Int::from_i64(py, i64::from(flags))?;
    let result = call_special(py, this, id!(py, __buffer__), &[wanted.as_object()])?;
    let Ok(view) = result.downcast::<MemoryView>() else {
        return Err(raise!(py, TypeError, "__buffer__ returned non-memoryview object"));
    };
    let wrapper = mem::new_instance::<BufferWrapper>(py, BufferWrapper::type_object(), |_| {})?;
    crate::protocols::buffer::get_buffer(py, view.as_object(), buffer, flags)?;
    // The wrapper takes the view's place as the exporter; it keeps the view and gives both back.
    let exporter = buffer.obj;
    buffer.obj = wrapper.clone().into_raw();
    drop(wrapper.0.object.replace(Some(this.to_ref())));
    drop(wrapper.0.view.replace(Some(view)));
    if !exporter.is_null() {
        // The view counted this export; it is uncounted now, because nobody will tell it.
        let mut own = Py_buffer { obj: exporter, ..*buffer };
        crate::protocols::buffer::release_buffer(py, &mut own);
    }
    Ok(())
}

/// `bf_releasebuffer` of classes with `__release_buffer__`.
///
/// # Safety
/// [slot-contract].
pub unsafe extern "C" fn slot_bf_releasebuffer(this: *mut PyObject, buffer: *mut Py_buffer) {
    // SAFETY: [slot-contract].
    unsafe { call_release(Attached::from_tls(), arg::<Object>(this), &*buffer) };
}

/// # Safety
/// [slot-contract]; `args` is a tuple and `wrapped` a `getbufferproc`.
pub unsafe extern "C" fn wrap_buffer(this: *mut PyObject, args: *mut PyObject, wrapped: *mut c_void) -> *mut PyObject {
    // SAFETY: by the contract.
    unsafe {
        let (py, this, args) = (Attached::from_tls(), arg::<Object>(this), arg::<Tuple>(args));
        let made = check_positional(py, "__buffer__", args.len(), 1, 1)
            .and_then(|()| args.as_slice()[0].as_isize(py))
            .and_then(|flags| match c_int::try_from(flags) {
                Ok(flags) => Ok(flags),
                Err(_) => Err(raise!(py, OverflowError, "buffer flags out of range")),
            })
            .and_then(|flags| MemoryView::from_proc(py, this, flags, transmute::<*mut c_void, getbufferproc>(wrapped)));
        ret_object(py, made)
    }
}

/// # Safety
/// [slot-contract]; `args` is a tuple and `wrapped` a `releasebufferproc`.
pub unsafe extern "C" fn wrap_releasebuffer(
    this: *mut PyObject,
    args: *mut PyObject,
    _wrapped: *mut c_void,
) -> *mut PyObject {
    // SAFETY: by the contract.
    let (py, this, args) = unsafe { (Attached::from_tls(), arg::<Object>(this), arg::<Tuple>(args)) };
    ret_object(py, release_view(py, this, args))
}

fn release_view(py: Attached<'_>, this: &Object, args: &Tuple) -> PyResult<()> {
    check_positional(py, "__release_buffer__", args.len(), 1, 1)?;
    let Some(view) = args.as_slice()[0].downcast::<MemoryView>() else {
        return Err(raise!(py, TypeError, "expected a memoryview object"));
    };
    if view.is_released() {
        return Err(raise!(py, ValueError, "memoryview's buffer has already been released"));
    }
    let exporter = view.view().obj;
    let is_ours = exporter == this.as_ptr()
        // SAFETY: [owned]: the view keeps its exporter alive.
        || unsafe { exporter.cast::<Object>().as_ref() }
            .and_then(|exporter| exporter.downcast_exact::<BufferWrapper>())
            .is_some_and(|wrapper| wrapper.0.object.raw() == this.as_ptr());
    if !is_ours {
        return Err(raise!(py, ValueError, "memoryview's buffer is not this object"));
    }
    view.release(py)
}
