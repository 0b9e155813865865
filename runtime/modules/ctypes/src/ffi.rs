//! C types as libffi wants them described.
use crate::libffi::{self, TYPE_DOUBLE, TYPE_FLOAT, TYPE_STRUCT, ffi_type};
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
        FfiType::scalar(libffi::of(&libffi::POINTER))
    }

    /// The type of a simple type's code.
    pub fn of_code(code: u8) -> Option<FfiType> {
        Some(FfiType::scalar(match code {
            b'c' | b'b' => libffi::of(&libffi::SINT8),
            b'B' | b'?' => libffi::of(&libffi::UINT8),
            b'h' => libffi::of(&libffi::SINT16),
            b'H' => libffi::of(&libffi::UINT16),
            b'i' | b'u' => libffi::of(&libffi::SINT32),
            b'I' => libffi::of(&libffi::UINT32),
            b'l' | b'q' => libffi::of(&libffi::SINT64),
            b'L' | b'Q' => libffi::of(&libffi::UINT64),
            b'f' => libffi::of(&libffi::FLOAT),
            b'd' => libffi::of(&libffi::DOUBLE),
            b'g' => libffi::of(&libffi::LONG_DOUBLE),
            b'F' => libffi::of(&libffi::COMPLEX_FLOAT),
            b'D' => libffi::of(&libffi::COMPLEX_DOUBLE),
            b'G' => libffi::of(&libffi::COMPLEX_LONG_DOUBLE),
            b'z' | b'Z' | b'P' | b'O' => libffi::of(&libffi::POINTER),
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
            type_: TYPE_STRUCT,
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
        return vec![libffi::of(&libffi::UINT8)];
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
        let float = inside.all(|&(_, leaf)| matches!(unsafe { (*leaf).type_ }, TYPE_FLOAT | TYPE_DOUBLE));
        if float && width >= 4 {
            out.push(if width == 8 { libffi::of(&libffi::DOUBLE) } else { libffi::of(&libffi::FLOAT) });
            continue;
        }
        let mut rest = width;
        for (bytes, integer) in [
            (8, libffi::of(&libffi::UINT64)),
            (4, libffi::of(&libffi::UINT32)),
            (2, libffi::of(&libffi::UINT16)),
            (1, libffi::of(&libffi::UINT8)),
        ] {
            if rest >= bytes {
                out.push(integer);
                rest -= bytes;
            }
        }
    }
    out
}
