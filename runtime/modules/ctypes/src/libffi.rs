//! libffi, opened when the module is first imported: its structs, and the functions that calls and callbacks need.
use crate::float80;
use std::ffi::{c_uint, c_void};
use std::ptr;

/// `ffi_type`.
#[repr(C)]
pub struct ffi_type {
    pub size: usize,
    pub alignment: u16,
    pub type_: u16,
    pub elements: *mut *mut ffi_type,
}

// SAFETY: libffi does not write to types whose size is known.
unsafe impl Sync for ffi_type {}

/// `ffi_cif`, with room for what architectures add to it.
#[repr(C)]
pub struct ffi_cif {
    abi: c_uint,
    nargs: c_uint,
    arg_types: *mut *mut ffi_type,
    pub rtype: *mut ffi_type,
    rest: [usize; 8],
}

impl Default for ffi_cif {
    fn default() -> Self {
        ffi_cif { abi: 0, nargs: 0, arg_types: ptr::null_mut(), rtype: ptr::null_mut(), rest: [0; 8] }
    }
}

/// Bytes of a closure, on every architecture at most.
pub const CLOSURE_SIZE: usize = 128;

pub const TYPE_FLOAT: u16 = 2;
pub const TYPE_DOUBLE: u16 = 3;
pub const TYPE_UINT8: u16 = 5;
pub const TYPE_SINT8: u16 = 6;
pub const TYPE_UINT16: u16 = 7;
pub const TYPE_SINT16: u16 = 8;
pub const TYPE_STRUCT: u16 = 13;
const TYPE_COMPLEX: u16 = 15;

/// `FFI_DEFAULT_ABI`.
const DEFAULT_ABI: c_uint = if cfg!(target_arch = "x86_64") { 2 } else { 1 };

/// The result of a function that succeeds.
pub const OK: c_uint = 0;

const fn scalar(size: usize, type_: u16) -> ffi_type {
    ffi_type { size, alignment: size as u16, type_, elements: ptr::null_mut() }
}

const fn complex(parts: &'static Parts, size: usize) -> ffi_type {
    ffi_type {
        size: 2 * size,
        alignment: size as u16,
        type_: TYPE_COMPLEX,
        elements: ptr::from_ref(parts).cast::<*mut ffi_type>().cast_mut(),
    }
}

pub static VOID: ffi_type = ffi_type { size: 1, alignment: 1, type_: 0, elements: ptr::null_mut() };
pub static FLOAT: ffi_type = scalar(4, TYPE_FLOAT);
pub static DOUBLE: ffi_type = scalar(8, TYPE_DOUBLE);
pub static LONG_DOUBLE: ffi_type = scalar(float80::SIZE, 4);
pub static UINT8: ffi_type = scalar(1, TYPE_UINT8);
pub static SINT8: ffi_type = scalar(1, TYPE_SINT8);
pub static UINT16: ffi_type = scalar(2, TYPE_UINT16);
pub static SINT16: ffi_type = scalar(2, TYPE_SINT16);
pub static UINT32: ffi_type = scalar(4, 9);
pub static SINT32: ffi_type = scalar(4, 10);
pub static UINT64: ffi_type = scalar(8, 11);
pub static SINT64: ffi_type = scalar(8, 12);
pub static POINTER: ffi_type = scalar(size_of::<usize>(), 14);

/// The part of a complex type, and the null that ends its list.
#[repr(transparent)]
struct Parts([*const ffi_type; 2]);
// SAFETY: constant pointers to constants.
unsafe impl Sync for Parts {}

static FLOAT_PARTS: Parts = Parts([&raw const FLOAT, ptr::null()]);
static DOUBLE_PARTS: Parts = Parts([&raw const DOUBLE, ptr::null()]);
static LONG_DOUBLE_PARTS: Parts = Parts([&raw const LONG_DOUBLE, ptr::null()]);
pub static COMPLEX_FLOAT: ffi_type = complex(&FLOAT_PARTS, 4);
pub static COMPLEX_DOUBLE: ffi_type = complex(&DOUBLE_PARTS, 8);
pub static COMPLEX_LONG_DOUBLE: ffi_type = complex(&LONG_DOUBLE_PARTS, float80::SIZE);

/// A type as libffi's functions take it.
pub fn of(ty: &'static ffi_type) -> *mut ffi_type {
    ptr::from_ref(ty).cast_mut()
}

type Types = *mut *mut ffi_type;

/// What a closure calls: description, room for the result, addresses of the arguments, the closure's own pointer.
pub type Handler = unsafe extern "C" fn(*mut ffi_cif, *mut c_void, *mut *mut c_void, *mut c_void);

krait_vm::library! {
    /// The functions of the library. They are the same in all its versions.
    struct Library in [[c"libffi.so.8", c"libffi.so.7", c"libffi.so.6"]] {
        fn ffi_prep_cif(*mut ffi_cif, c_uint, c_uint, *mut ffi_type, Types) -> c_uint;
        fn ffi_prep_cif_var(*mut ffi_cif, c_uint, c_uint, c_uint, *mut ffi_type, Types) -> c_uint;
        fn ffi_call(*mut ffi_cif, Option<unsafe extern "C" fn()>, *mut c_void, *mut *mut c_void);
        fn ffi_closure_alloc(usize, *mut *mut c_void) -> *mut c_void;
        fn ffi_closure_free(*mut c_void);
        fn ffi_prep_closure_loc(*mut c_void, *mut ffi_cif, Handler, *mut c_void, *mut c_void) -> c_uint;
    }
}

/// Opens the library.
///
/// # Errors
/// The linker's complaint.
pub fn open() -> Result<(), &'static str> {
    Library::open().map(|_| ())
}

/// Describes a call. `fixed` counts the arguments before the variable ones, if there are such.
///
/// # Safety
/// The types live as long as `cif`.
pub unsafe fn prepare(
    cif: &mut ffi_cif,
    fixed: Option<usize>,
    rtype: *mut ffi_type,
    kinds: &mut [*mut ffi_type],
) -> c_uint {
    let (library, count, kinds) = (Library::get(), kinds.len() as c_uint, kinds.as_mut_ptr());
    // SAFETY: by the contract.
    unsafe {
        match fixed {
            Some(fixed) => (library.ffi_prep_cif_var)(cif, DEFAULT_ABI, fixed as c_uint, count, rtype, kinds),
            None => (library.ffi_prep_cif)(cif, DEFAULT_ABI, count, rtype, kinds),
        }
    }
}

/// Calls a function.
///
/// # Safety
/// `cif` describes it; `result` has room for the result and at least a word, `places` are the arguments' addresses.
pub unsafe fn call(
    cif: &mut ffi_cif,
    function: Option<unsafe extern "C" fn()>,
    result: *mut c_void,
    places: *mut *mut c_void,
) {
    // SAFETY: by the contract.
    unsafe { (Library::get().ffi_call)(cif, function, result, places) }
}

/// A C function made at run time.
pub struct Closure(*mut c_void);

// SAFETY: owned memory; the library guards its own tables.
unsafe impl Send for Closure {}

impl Closure {
    /// Memory for a closure and the address at which it can be called.
    pub fn alloc() -> Option<(Closure, usize)> {
        let mut entry = ptr::null_mut();
        // SAFETY: no precondition.
        let block = unsafe { (Library::get().ffi_closure_alloc)(CLOSURE_SIZE, &mut entry) };
        (!block.is_null()).then_some((Closure(block), entry as usize))
    }

    /// Makes the closure call `handler` with `user`.
    ///
    /// # Safety
    /// `cif` and `user` live as long as the closure.
    pub unsafe fn prepare(&self, cif: *mut ffi_cif, handler: Handler, user: *mut c_void, entry: usize) -> c_uint {
        // SAFETY: by the contract.
        unsafe { (Library::get().ffi_prep_closure_loc)(self.0, cif, handler, user, entry as *mut c_void) }
    }
}

impl Drop for Closure {
    fn drop(&mut self) {
        // SAFETY: ours.
        unsafe { (Library::get().ffi_closure_free)(self.0) };
    }
}
