//! C types as libffi wants them described.
use libffi_sys::{
    FFI_TYPE_DOUBLE, FFI_TYPE_FLOAT, FFI_TYPE_STRUCT, ffi_type, ffi_type_complex_double, ffi_type_complex_float,
    ffi_type_complex_longdouble, ffi_type_double, ffi_type_float, ffi_type_longdouble, ffi_type_pointer,
    ffi_type_sint8, ffi_type_sint16, ffi_type_sint32, ffi_type_sint64, ffi_type_uint8, ffi_type_uint16,
    ffi_type_uint32, ffi_type_uint64,
};
use std::ptr;

/// Structures beyond this size never travel in registers, so what is in them does not matter.
const REGISTER_LIMIT: usize = 64;

/// A C type as libffi sees it.
pub struct FfiType {
    raw: *mut ffi_type,
    /// Scalars at their offsets, as far as they can matter for how a structure is passed.
    leaves: Vec<(usize, *mut ffi_type)>,
    /// What `raw` points into.
    _owned: Option<(Box<ffi_type>, Box<[*mut ffi_type]>)>,
}

// SAFETY: constant after construction; libffi's own descriptions are constant too.
unsafe impl Send for FfiType {}
// SAFETY: as above.
unsafe impl Sync for FfiType {}

impl FfiType {
    fn scalar(raw: *mut ffi_type) -> FfiType {
        FfiType { raw, leaves: vec![(0, raw)], _owned: None }
    }

    pub fn pointer() -> FfiType {
        FfiType::scalar(&raw mut ffi_type_pointer)
    }

    /// The type of a simple type's code.
    pub fn of_code(code: u8) -> Option<FfiType> {
        Some(FfiType::scalar(match code {
            b'c' | b'b' => &raw mut ffi_type_sint8,
            b'B' | b'?' => &raw mut ffi_type_uint8,
            b'h' => &raw mut ffi_type_sint16,
            b'H' => &raw mut ffi_type_uint16,
            b'i' | b'u' => &raw mut ffi_type_sint32,
            b'I' => &raw mut ffi_type_uint32,
            b'l' | b'q' => &raw mut ffi_type_sint64,
            b'L' | b'Q' => &raw mut ffi_type_uint64,
            b'f' => &raw mut ffi_type_float,
            b'd' => &raw mut ffi_type_double,
            b'g' => &raw mut ffi_type_longdouble,
            b'F' => &raw mut ffi_type_complex_float,
            b'D' => &raw mut ffi_type_complex_double,
            b'G' => &raw mut ffi_type_complex_longdouble,
            b'z' | b'Z' | b'P' | b'O' => &raw mut ffi_type_pointer,
            _ => return None,
        }))
    }

    pub fn as_ptr(&self) -> *mut ffi_type {
        self.raw
    }

    pub fn align(&self) -> usize {
        // SAFETY: as above.
        usize::from(unsafe { (*self.raw).alignment })
    }

    /// A structure, union or array of parts at their offsets.
    pub fn aggregate<'a>(size: usize, align: usize, parts: impl Iterator<Item = (usize, &'a FfiType)>) -> FfiType {
        let mut leaves = Vec::new();
        if size <= REGISTER_LIMIT {
            for (offset, part) in parts {
                leaves.extend(part.leaves.iter().map(|&(at, leaf)| (offset + at, leaf)));
            }
        }
        let mut elements = elements(&leaves, size);
        elements.push(ptr::null_mut());
        let mut elements = elements.into_boxed_slice();
        let mut description = Box::new(ffi_type {
            size,
            alignment: align.min(1 << 15) as u16,
            type_: FFI_TYPE_STRUCT,
            elements: elements.as_mut_ptr(),
        });
        FfiType { raw: &raw mut *description, leaves, _owned: Some((description, elements)) }
    }
}

/// Scalars in a row that are passed as `leaves` are. What overlaps (unions, bit fields) is described by eight-byte words
/// as the System V ABI classifies them: of floating point if all parts are, integers otherwise.
fn elements(leaves: &[(usize, *mut ffi_type)], size: usize) -> Vec<*mut ffi_type> {
    let mut end = 0usize;
    let in_a_row = leaves.iter().all(|&(offset, leaf)| {
        // SAFETY: descriptions of scalars.
        let (leaf_size, align) = unsafe { ((*leaf).size, usize::from((*leaf).alignment)) };
        let fits = offset == end.next_multiple_of(align.max(1));
        end = offset + leaf_size;
        fits
    });
    if in_a_row && !leaves.is_empty() && end <= size {
        return leaves.iter().map(|&(_, leaf)| leaf).collect();
    }
    if size > REGISTER_LIMIT || leaves.is_empty() {
        return vec![&raw mut ffi_type_uint8];
    }
    let mut out = Vec::new();
    for start in (0..size).step_by(8) {
        let width = (size - start).min(8);
        let mut inside = leaves.iter().filter(|&&(offset, leaf)| {
            // SAFETY: as above.
            let leaf_size = unsafe { (*leaf).size };
            offset < start + width && offset + leaf_size > start
        });
        // SAFETY: as above.
        let float = inside.all(|&(_, leaf)| matches!(unsafe { (*leaf).type_ }, FFI_TYPE_FLOAT | FFI_TYPE_DOUBLE));
        if float && width >= 4 {
            out.push(if width == 8 { &raw mut ffi_type_double } else { &raw mut ffi_type_float });
            continue;
        }
        let mut rest = width;
        for (bytes, integer) in [
            (8, &raw mut ffi_type_uint64),
            (4, &raw mut ffi_type_uint32),
            (2, &raw mut ffi_type_uint16),
            (1, &raw mut ffi_type_uint8),
        ] {
            if rest >= bytes {
                out.push(integer);
                rest -= bytes;
            }
        }
    }
    out
}
