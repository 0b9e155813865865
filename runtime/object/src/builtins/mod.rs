//! The builtin types, one file per stem of CPython's `Objects/` (big ones are folders).
//!
//! Every mutable type documents its concurrency contract in its module doc.
pub mod boolobject;
pub mod bytearrayobject;
pub mod bytes_methods;
pub mod bytesobject;
pub mod cellobject;
pub mod classobject;
pub mod codecs;
pub mod codeobject;
pub mod complexobject;
pub mod container;
pub mod dictobject;
pub mod exceptions;
pub mod floatobject;
pub mod format;
pub mod funcobject;
pub mod listobject;
pub mod longobject;
pub mod memoryobject;
pub mod moduleobject;
pub mod numfmt;
pub mod object;
pub mod percent;
pub mod setobject;
pub mod sliceobject;
pub mod stringlib;
pub mod structseq;
pub mod textargs;
pub mod tupleobject;
pub mod typeobject;
pub mod unicode;
pub mod weakrefobject;

pub use boolobject::Bool;
pub use bytearrayobject::ByteArray;
pub use bytesobject::Bytes;
pub use cellobject::Cell;
pub use classobject::Method;
pub use codeobject::{Code, CodeParts};
pub use complexobject::Complex;
pub use dictobject::Dict;
pub use exceptions::BaseException;
pub use floatobject::Float;
pub use funcobject::Function;
pub use listobject::List;
pub use longobject::Int;
pub use memoryobject::MemoryView;
pub use moduleobject::Module;
pub use object::{Object, ellipsis, none, not_implemented};
pub use setobject::{FrozenSet, Set};
pub use sliceobject::Slice;
pub use structseq::StructSeq;
pub use tupleobject::Tuple;
pub use typeobject::{Type, type_type_ptr};
pub use unicode as unicodeobject;
pub use unicode::{Str, StrBuilder, StrData};

use crate::handle::Attached;

/// Makes the types of this crate ready, bases first.
pub(crate) fn init_types(py: Attached<'_>) {
    let _ = py;
    todo!()
}
