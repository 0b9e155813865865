//! `itertools`. Threads that share an iterator share its source; items may then be skipped or seen out of order, but
//! nothing breaks.
mod combine;
mod filters;
mod groups;
mod infinite;
mod tee;

use krait_object::native::add_type;
use krait_object::{Attached, Module, PyResult};

pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    infinite::add(py, module)?;
    filters::add(py, module)?;
    combine::add(py, module)?;
    groups::add(py, module)?;
    tee::add(py, module)
}

/// Declares an iterator class: `iterator! { SYMBOL "itertools.name" Type, "doc", construct }`; its `next` is
/// `Type::next`. Extra methods may follow.
macro_rules! iterator {
    ($sym:ident $name:literal $ty:ident, $doc:literal, $new:expr $(, methods { $($methods:tt)* })? $(, slots { $($slots:tt)* })?) => {
        krait_object::pytype! {
            static $sym: $name for $ty {
                base: krait_object::Object, flags: [HAVE_GC, BASETYPE],
                doc: $doc,
                slots: {
                    tp_dealloc = $ty::dealloc,
                    tp_traverse = $ty::traverse,
                    tp_iter = |_: krait_object::Attached<'_>, this: &$ty| krait_object::Layout::to_ref(this),
                    tp_iternext = $ty::next,
                    constructor = $new,
                    $($($slots)*)?
                },
                $(methods: { $($methods)* },)?
            }
        }
    };
}
use iterator;

/// Refuses keyword arguments unless a subtype with its own `__init__` takes them.
fn no_keywords(
    py: Attached<'_>,
    ty: &krait_object::Type,
    base: &krait_object::Type,
    args: krait_object::args::Args<'_>,
    name: &str,
) -> PyResult<()> {
    let init = |ty: &krait_object::Type| ty.as_type().tp_init.get().map(|init| init as usize);
    if std::ptr::eq(ty, base) || init(ty) == init(base) { args.no_keywords(py, name) } else { Ok(()) }
}
