//! The builtin types, one file per stem of CPython's `Objects/` (big ones are folders).
//!
//! Every mutable type documents its concurrency contract in its module doc.
pub mod boolobject;
pub mod bytearrayobject;
pub mod bytes_methods;
pub mod bytesobject;
pub mod capsule;
pub mod cellobject;
pub mod classmethod;
pub mod classobject;
pub mod codecs;
pub mod codeobject;
pub mod complexobject;
pub mod container;
pub mod descrobject;
pub mod dictobject;
pub mod enumobject;
pub mod exceptions;
pub mod floatobject;
pub mod format;
pub mod funcobject;
pub mod genericaliasobject;
pub mod itertypes;
pub mod listobject;
pub mod longobject;
pub mod memoryobject;
pub mod methodobject;
pub mod moduleobject;
pub mod namespaceobject;
pub mod numfmt;
pub mod object;
pub mod odictobject;
pub mod percent;
pub mod property;
pub mod rangeobject;
pub mod setobject;
pub mod sliceobject;
pub mod stringlib;
pub mod structseq;
pub mod superobject;
pub mod templateobject;
pub mod textargs;
pub mod tupleobject;
pub mod typeobject;
pub mod unicode;
pub mod unionobject;
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
pub use object::{Object, ellipsis, none, none_borrowed, not_implemented, not_implemented_borrowed};
pub use rangeobject::Range;
pub use setobject::{FrozenSet, Set};
pub use sliceobject::Slice;
pub use structseq::StructSeq;
pub use tupleobject::Tuple;
pub use typeobject::{Type, type_type_ptr};
pub use unicode as unicodeobject;
pub use unicode::{Str, StrBuilder, StrData};
pub use weakrefobject::WeakRef;

use crate::handle::Attached;
use crate::typedef::link_static;

/// The static types of this crate. A type's owner adds it here; bases are made ready before, in whatever order.
const STATIC_TYPES: &[fn() -> &'static Type] = &[
    link_static::<Object>,
    link_static::<Type>,
    link_static::<object::NoneObject>,
    link_static::<object::NotImplementedObject>,
    link_static::<object::EllipsisObject>,
    link_static::<Str>,
    link_static::<Int>,
    link_static::<Bool>,
    link_static::<Float>,
    link_static::<Complex>,
    link_static::<Bytes>,
    link_static::<ByteArray>,
    link_static::<Tuple>,
    link_static::<List>,
    link_static::<Dict>,
    link_static::<Set>,
    link_static::<FrozenSet>,
    link_static::<Slice>,
    link_static::<MemoryView>,
    link_static::<codecs::charmap::EncodingMap>,
    link_static::<memoryobject::ManagedBuffer>,
    link_static::<memoryobject::MemoryIter>,
    link_static::<unicode::StrIter>,
    link_static::<unicode::StrAsciiIter>,
    link_static::<bytesobject::BytesIter>,
    link_static::<bytesobject::ByteArrayIter>,
    link_static::<templateobject::Template>,
    link_static::<templateobject::Interpolation>,
    link_static::<templateobject::TemplateIter>,
    link_static::<Module>,
    link_static::<typeobject::BufferWrapper>,
    link_static::<genericaliasobject::GenericAlias>,
    link_static::<genericaliasobject::AliasIter>,
    link_static::<unionobject::Union>,
    link_static::<namespaceobject::Namespace>,
    link_static::<capsule::Capsule>,
    link_static::<moduleobject::ModuleDef>,
    link_static::<property::Property>,
    link_static::<superobject::Super>,
    link_static::<Method>,
    link_static::<classobject::InstanceMethod>,
    link_static::<methodobject::CFunction>,
    link_static::<methodobject::CMethod>,
    link_static::<classmethod::ClassMethod>,
    link_static::<classmethod::StaticMethod>,
    link_static::<descrobject::MethodDescr>,
    link_static::<descrobject::ClassMethodDescr>,
    link_static::<descrobject::MemberDescr>,
    link_static::<descrobject::GetSetDescr>,
    link_static::<descrobject::WrapperDescr>,
    link_static::<descrobject::MethodWrapper>,
    link_static::<descrobject::MappingProxy>,
    link_static::<crate::protocols::iter::SeqIter>,
    link_static::<crate::protocols::iter::CallIter>,
    link_static::<Function>,
    link_static::<Code>,
    link_static::<codeobject::CodeIter>,
    link_static::<codeobject::PositionsIter>,
    link_static::<Cell>,
    link_static::<BaseException>,
    link_static::<tupleobject::TupleIter>,
    link_static::<listobject::ListIter>,
    link_static::<listobject::ListRevIter>,
    link_static::<dictobject::DictKeysView>,
    link_static::<dictobject::DictValues>,
    link_static::<dictobject::DictItems>,
    link_static::<dictobject::DictKeyIter>,
    link_static::<dictobject::DictValueIter>,
    link_static::<dictobject::DictItemIter>,
    link_static::<dictobject::DictRevKeyIter>,
    link_static::<dictobject::DictRevValueIter>,
    link_static::<dictobject::DictRevItemIter>,
    link_static::<setobject::SetIter>,
    link_static::<rangeobject::Range>,
    link_static::<rangeobject::RangeIter>,
    link_static::<rangeobject::LongRangeIter>,
    link_static::<enumobject::Enumerate>,
    link_static::<enumobject::Reversed>,
    link_static::<itertypes::Map>,
    link_static::<itertypes::Filter>,
    link_static::<itertypes::Zip>,
    link_static::<odictobject::ODict>,
    link_static::<odictobject::ODictKeys>,
    link_static::<odictobject::ODictItems>,
    link_static::<odictobject::ODictValues>,
    link_static::<odictobject::ODictIter>,
    link_static::<weakrefobject::WeakRef>,
    link_static::<weakrefobject::Proxy>,
    link_static::<weakrefobject::CallableProxy>,
];

/// The types that `builtins` names, exceptions apart.
pub fn builtin_types() -> Vec<(&'static str, &'static Type)> {
    const NAMES: &[&str] = &[
        "object",
        "type",
        "int",
        "bool",
        "float",
        "complex",
        "str",
        "bytes",
        "bytearray",
        "memoryview",
        "list",
        "tuple",
        "dict",
        "set",
        "frozenset",
        "slice",
        "range",
        "enumerate",
        "reversed",
        "map",
        "filter",
        "zip",
        "property",
        "classmethod",
        "staticmethod",
        "super",
    ];
    let found = STATIC_TYPES.iter().filter_map(|link| {
        let ty = link();
        NAMES.iter().find(|name| **name == ty.name()).map(|name| (*name, ty))
    });
    found.collect()
}

/// Makes the types of this crate ready. All are linked to their bases first, so that readiness can go in any order.
pub(crate) fn init_types(py: Attached<'_>) {
    for link in STATIC_TYPES {
        link();
    }
    let exceptions = exceptions::classes::link_all();
    let (group, bases) = exceptions::exception_group_bases();
    group.set_static_bases(py, &bases);
    for ty in STATIC_TYPES.iter().map(|link| link()).chain(exceptions) {
        if ty.ready(py).is_err() {
            panic!("static type {} cannot be made ready", ty.name());
        }
    }
    if templateobject::init(py).is_err() {
        panic!("the template types cannot be made ready");
    }
}
