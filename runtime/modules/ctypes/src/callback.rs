//! C functions that call Python: closures of libffi.
use crate::call::{FLAG_USE_ERRNO, MAX_ARGUMENTS, argument_type, swap_errno};
use crate::cdata::{CData, as_cdata, is_plain_simple};
use crate::codes;
use crate::info::{Kind, desc_of};
use crate::libffi::{self, Closure, ffi_cif, ffi_type};
use krait_object::layout::Field;
use krait_object::native::{Part, Trace, alloc};
use krait_object::{Attached, Layout, Object, PyResult, Ref, Slot, Tuple, exc, hooks, native, none, pytype, raise};
use krait_vm::interp::with_attached;
use std::ffi::{c_int, c_void};
use std::mem::size_of;
use std::ptr;

/// What libffi needs as long as the closure exists.
struct Code {
    _closure: Closure,
    cif: Box<ffi_cif>,
    _kinds: Vec<*mut ffi_type>,
}

impl Trace for Code {}

native! {
    /// The Python function behind a C function.
    pub struct Thunk {
        code: krait_object::native::Fixed<Code>,
        entry: Field<usize>,
        flags: Field<c_int>,
        callable: Slot<Object>,
        argtypes: Slot<Tuple>,
        /// Null for functions without a result.
        restype: Slot<Object>,
    }
}

pytype! {
    pub static THUNK_TYPE: "_ctypes.CThunkObject" for Thunk {
        base: Object,
        flags: [HAVE_GC, DISALLOW_INSTANTIATION],
        doc: "CThunkObject",
        slots: {
            tp_dealloc = Thunk::dealloc,
            tp_traverse = Thunk::traverse,
            tp_clear = |_: Attached<'_>, this: &Thunk| this.callable.release(),
        },
    }
}

impl Thunk {
    /// A C function that calls `callable`.
    ///
    /// # Errors
    /// `TypeError` for a result type that callbacks cannot have.
    pub fn new(
        py: Attached<'_>,
        callable: &Object,
        argtypes: &Tuple,
        restype: Option<&Object>,
        flags: c_int,
    ) -> PyResult<Ref<Thunk>> {
        let restype = restype.filter(|restype| !restype.is_none());
        let rtype = match restype {
            None => libffi::of(&libffi::VOID),
            Some(restype) => match desc_of(restype).filter(|desc| desc.kind == Kind::Simple) {
                Some(desc) => desc.ffi.as_ptr(),
                None => return Err(raise!(py, TypeError, "invalid result type for callback function")),
            },
        };
        debug_assert!(argtypes.len() <= MAX_ARGUMENTS, "the class was checked");
        let mut kinds: Vec<*mut ffi_type> = argtypes.as_slice().iter().map(|class| argument_type(class)).collect();
        let mut cif = Box::new(ffi_cif::default());
        let Some((closure, entry)) = Closure::alloc() else { return Err(py.no_memory()) };
        let this = alloc::<Thunk>(py, Self::type_object())?;
        // SAFETY: description, types and thunk live as long as the closure.
        let status = unsafe {
            match libffi::prepare(&mut cif, None, rtype, &mut kinds) {
                libffi::OK => closure.prepare(&mut *cif, entered, Layout::as_ptr(&*this).cast(), entry),
                bad => bad,
            }
        };
        this.code.init(Code { _closure: closure, cif, _kinds: kinds });
        if status != libffi::OK {
            return Err(raise!(py, RuntimeError, "ffi_prep_closure failed with {status}"));
        }
        this.entry.set(entry);
        this.flags.set(flags);
        drop(this.callable.replace(Some(callable.to_ref())));
        drop(this.argtypes.replace(Some(argtypes.to_ref())));
        drop(this.restype.replace(restype.map(Layout::to_ref)));
        Ok(this)
    }

    /// The address to call.
    pub fn entry(&self) -> usize {
        self.entry.get()
    }

    fn unraisable(&self, py: Attached<'_>, what: &str) {
        let error = py.take_raised();
        let callable = self.callable.get().unwrap_or_else(none);
        let shown = match callable.repr(py) {
            Ok(text) => text.to_string_lossy().into_owned(),
            Err(raised) => {
                raised.clear(py);
                String::from("<unknown>")
            }
        };
        if let Some(error) = error {
            let _ = py.restore(error);
        }
        (hooks::hooks().unraisable)(py, Some(&format!("Exception ignored while {what} {shown}")), None);
    }

    /// Calls the Python function with C arguments.
    ///
    /// # Safety
    /// `places` points to the arguments and `result` to room for the result, as libffi passes them.
    unsafe fn run(&self, py: Attached<'_>, result: *mut u8, places: *mut *mut c_void) {
        let width = self.code.get().map_or(0, |code| {
            // SAFETY: the description lives as long as the code.
            unsafe { (*code.cif.rtype).size }
        });
        if width != 0 {
            // SAFETY: by the contract; small results have a whole word.
            unsafe { ptr::write_bytes(result, 0, width.max(size_of::<usize>())) };
        }
        let (Some(callable), Some(argtypes)) = (self.callable.get(), self.argtypes.get()) else { return };
        // SAFETY: by the contract.
        let arguments = match unsafe { read_arguments(py, &argtypes, places) } {
            Ok(arguments) => arguments,
            Err(_) => return self.unraisable(py, "converting the arguments of ctypes callback function"),
        };
        let swaps = self.flags.get() & FLAG_USE_ERRNO != 0;
        if swaps {
            swap_errno();
        }
        let value = callable.call_pos(py, krait_object::protocols::call::borrowed(&arguments));
        if swaps {
            swap_errno();
        }
        drop(arguments);
        let Ok(value) = value else { return self.unraisable(py, "calling ctypes callback function") };
        let Some(restype) = self.restype.get() else { return };
        let Some(desc) = desc_of(&restype) else { return };
        let source = as_cdata(&value).filter(|_| !is_plain_simple(&restype));
        let stored = match source {
            Some(source) => {
                let mut bytes = vec![0; desc.size.min(source.size())];
                source.load(py, source.data(), &mut bytes);
                Ok((bytes, None))
            }
            None => codes::encode(py, desc.code, desc.swapped, &value)
                .map(|encoded| (encoded.as_slice().to_vec(), encoded.keep)),
        };
        match stored {
            Err(_) => self.unraisable(py, "converting result of ctypes callback function"),
            Ok((bytes, keep)) => {
                // libffi wants integers widened to a word.
                let word = if codes::is_integer(desc.code) && bytes.len() < size_of::<usize>() {
                    codes::integer(desc.code, desc.swapped, &bytes).to_ne_bytes().to_vec()
                } else {
                    bytes
                };
                // SAFETY: by the contract.
                unsafe { ptr::copy_nonoverlapping(word.as_ptr(), result, word.len()) };
                self.let_go(py, desc.code, keep);
            }
        }
    }

    /// What the result points to outlives the call: nobody can tell when C is done with it.
    fn let_go(&self, py: Attached<'_>, code: u8, keep: Option<Ref<Object>>) {
        let Some(keep) = keep else { return };
        // C got the reference.
        let _ = keep.into_raw();
        let warning = "memory leak in callback function.";
        if code != b'O' && (hooks::hooks().warn)(py, exc::RuntimeWarning(), warning, 1).is_err() {
            self.unraisable(py, "converting result of ctypes callback function");
        }
    }
}

/// # Safety
/// `places` points to one address for each class.
unsafe fn read_arguments(py: Attached<'_>, argtypes: &Tuple, places: *mut *mut c_void) -> PyResult<Vec<Ref<Object>>> {
    let mut out = Vec::with_capacity(argtypes.len());
    for (at, class) in argtypes.as_slice().iter().enumerate() {
        // SAFETY: by the contract.
        let place = unsafe { *places.add(at) }.cast::<u8>();
        let Some(desc) = desc_of(class) else {
            return Err(raise!(py, TypeError, "cannot build parameter"));
        };
        if is_plain_simple(class) {
            // SAFETY: by the contract, an argument of that type.
            let bytes = unsafe { std::slice::from_raw_parts(place, desc.size) };
            // SAFETY: pointers that C passes are valid for the call.
            out.push(unsafe { codes::decode(py, desc.code, desc.swapped, bytes)? });
            continue;
        }
        let made = class.call0(py)?;
        let Some(data) = as_cdata(&made) else { return Err(raise!(py, TypeError, "cannot build parameter")) };
        // SAFETY: as above; arrays arrive as addresses.
        let bytes = unsafe {
            match desc.kind {
                Kind::Array => std::slice::from_raw_parts(place.cast::<*const u8>().read_unaligned(), desc.size),
                _ => std::slice::from_raw_parts(place, desc.size),
            }
        };
        CData::store(data, py, data.data(), &bytes[..bytes.len().min(data.size())]);
        out.push(made);
    }
    Ok(out)
}

/// What libffi calls.
unsafe extern "C" fn entered(_: *mut ffi_cif, result: *mut c_void, places: *mut *mut c_void, user: *mut c_void) {
    with_attached(|py| {
        // SAFETY: C code calls a closure only while the thunk is alive; this reference keeps it until the end.
        let thunk = unsafe { krait_object::typedef::arg::<Thunk>(user.cast()) }.to_ref();
        let pending = py.take_raised();
        // SAFETY: as libffi passes them.
        unsafe { thunk.run(py, result.cast(), places) };
        drop(thunk);
        if let Some(pending) = pending {
            let _ = py.restore(pending);
        }
    });
}
