//! Making a class from a name, bases and a namespace.
use crate::args::Args;
use crate::handle::{Attached, Ref};
use crate::layout::*;
use crate::typedef::{arg, arg_opt, ret_object};
use crate::{Dict, Object, PyResult, Str, Tuple, Type, raise};

/// # Safety
/// [slot-contract].
pub(in crate::builtins::typeobject) unsafe extern "C" fn slot_type_new(
    metatype: *mut PyTypeObject,
    args: *mut PyObject,
    kwargs: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: [slot-contract].
    unsafe {
        let (py, metatype) = (Attached::from_tls(), Type::from_type_ptr(metatype));
        let (args, kwargs) = (arg::<Tuple>(args), arg_opt::<Dict>(kwargs));
        let result = match args.as_slice() {
            [name, bases, dict] => match (name.downcast::<Str>(), bases.downcast::<Tuple>(), dict.downcast::<Dict>()) {
                (Some(name), Some(bases), Some(dict)) => type_new(py, metatype, name, bases, dict, kwargs),
                (None, ..) => {
                    Err(raise!(py, TypeError, "type.__new__() argument 1 must be str, not {}", name.ty().name()))
                }
                (_, None, _) => {
                    Err(raise!(py, TypeError, "type.__new__() argument 2 must be tuple, not {}", bases.ty().name()))
                }
                _ => Err(raise!(py, TypeError, "type.__new__() argument 3 must be dict, not {}", dict.ty().name())),
            },
            other => Err(raise!(py, TypeError, "type.__new__() takes exactly 3 arguments ({} given)", other.len())),
        };
        ret_object(py, result)
    }
}

pub(in crate::builtins::typeobject) fn type_init(py: Attached<'_>, _this: &Type, args: Args<'_>) -> PyResult<()> {
    if !args.names.is_empty() && args.pos.len() == 1 {
        return Err(raise!(py, TypeError, "type.__init__() takes no keyword arguments"));
    }
    if args.pos.len() != 1 && args.pos.len() != 3 {
        return Err(raise!(py, TypeError, "type.__init__() takes 1 or 3 arguments"));
    }
    Ok(())
}

/// `type.__new__(metatype, name, bases, dict, **kwargs)`.
pub fn type_new(
    py: Attached<'_>,
    metatype: &Type,
    name: &Str,
    bases: &Tuple,
    dict: &Dict,
    kwargs: Option<&Dict>,
) -> PyResult<Ref<Type>> {
    let _ = (py, metatype, name, bases, dict, kwargs);
    todo!()
}
