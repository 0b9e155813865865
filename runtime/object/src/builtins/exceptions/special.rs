//! Exception classes that keep a value or names beside their arguments.
use super::{BaseException, Exception, ExceptionFields, LookupError, exception, object_member};
use crate::args::Args;
use crate::handle::{Attached, Layout, Ref};
use crate::layout::{
    PyAttributeErrorObject, PyBaseExceptionObject, PyImportErrorObject, PyNameErrorObject, PyStopIterationObject,
    PySystemExitObject,
};
use crate::{Dict, Object, PyResult, Str, Tuple, raise};
use std::mem::offset_of;

/// Keyword arguments that a class accepts, as new references in the order of `names`.
fn take_keywords<const N: usize>(
    py: Attached<'_>,
    function: &str,
    args: Args<'_>,
    names: [&str; N],
) -> PyResult<[Option<Ref<Object>>; N]> {
    args.check_keywords(py, function, &names)?;
    let mut found = [const { None }; N];
    for (key, value) in args.names.iter().zip(args.values) {
        let key = key.downcast::<Str>().ok_or_else(|| raise!(py, TypeError, "keywords must be strings"))?;
        match names.iter().position(|name| key.eq_str(name)) {
            Some(at) => found[at] = Some(value.to_ref()),
            None => return Err(py.bad_internal_call()),
        }
    }
    Ok(found)
}

exception!(
    StopIteration(Exception), PyStopIterationObject, &[offset_of!(PyStopIterationObject, value)],
    "An iterator has no more items.",
    slots: { tp_init = StopIteration::init },
    members: [object_member("value\0", offset_of!(PyStopIterationObject, value), c"What a generator returned.")]
);

impl StopIteration {
    fn init(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<()> {
        BaseException::init(py, this.base_exception(), args)?;
        let value = args.pos.first().map_or_else(crate::none, |value| value.to_ref());
        drop(this.field(Self::OWN[0]).replace(Some(value)));
        Ok(())
    }

    /// The value of a finished generator.
    pub fn value(&self) -> Ref<Object> {
        self.field(Self::OWN[0]).get().unwrap_or_else(crate::none)
    }
}

exception!(
    SystemExit(BaseException), PySystemExitObject, &[offset_of!(PySystemExitObject, code)],
    "The program asks to end.",
    slots: { tp_init = SystemExit::init },
    members: [object_member("code\0", offset_of!(PySystemExitObject, code), c"The exit code.")]
);

impl SystemExit {
    fn init(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<()> {
        BaseException::init(py, this.base_exception(), args)?;
        let code = match args.pos {
            [] => return Ok(()),
            [one] => one.to_ref(),
            _ => args.pos_tuple(py)?.upcast(),
        };
        drop(this.field(Self::OWN[0]).replace(Some(code)));
        Ok(())
    }

    /// The exit code, `None` for success.
    pub fn code(&self) -> Ref<Object> {
        self.field(Self::OWN[0]).get().unwrap_or_else(crate::none)
    }
}

exception!(
    KeyError(LookupError), PyBaseExceptionObject, &[],
    "A mapping has no such key.",
    slots: { tp_str = KeyError::str }
);

impl KeyError {
    /// A single key is shown by its `repr`, so that an empty string can be seen.
    fn str(py: Attached<'_>, this: &Self) -> PyResult<Ref<Str>> {
        match this.base_exception().args(py).as_slice() {
            [one] => one.repr(py),
            _ => BaseException::str_of_args(py, this.base_exception()),
        }
    }
}

const IMPORT_MSG: usize = offset_of!(PyImportErrorObject, msg);
const IMPORT_NAME: usize = offset_of!(PyImportErrorObject, name);
const IMPORT_PATH: usize = offset_of!(PyImportErrorObject, path);
const IMPORT_FROM: usize = offset_of!(PyImportErrorObject, name_from);
const IMPORT_FIELDS: &[usize] = &[IMPORT_MSG, IMPORT_NAME, IMPORT_PATH, IMPORT_FROM];

exception!(
    ImportError(Exception), PyImportErrorObject, IMPORT_FIELDS,
    "A module, or a name in it, cannot be imported.",
    slots: { tp_init = ImportError::init, tp_str = ImportError::str },
    methods: { noargs "__reduce__" => ImportError::reduce, "($self, /)", "State for pickling."; },
    members: [
        object_member("msg\0", IMPORT_MSG, c"The message."),
        object_member("name\0", IMPORT_NAME, c"The module's name."),
        object_member("path\0", IMPORT_PATH, c"The module's path."),
        object_member("name_from\0", IMPORT_FROM, c"The name that was imported from the module."),
    ]
);
exception!(ModuleNotFoundError(ImportError), PyImportErrorObject, IMPORT_FIELDS, "The module was not found.");

impl ImportError {
    fn init(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<()> {
        this.base_exception().store_args(py, args)?;
        let ty = this.as_object().ty();
        let [name, path, name_from] = take_keywords(py, &ty.name(), args, ["name", "path", "name_from"])?;
        drop(this.field(IMPORT_NAME).replace(name));
        drop(this.field(IMPORT_PATH).replace(path));
        drop(this.field(IMPORT_FROM).replace(name_from));
        let message = match args.pos {
            [one] => Some(one.to_ref()),
            _ => None,
        };
        drop(this.field(IMPORT_MSG).replace(message));
        Ok(())
    }

    fn str(py: Attached<'_>, this: &Self) -> PyResult<Ref<Str>> {
        match this.field(IMPORT_MSG).get().map(Ref::downcast_exact::<Str>) {
            Some(Ok(message)) => Ok(message),
            _ => BaseException::str_of_args(py, this.base_exception()),
        }
    }

    fn reduce(py: Attached<'_>, this: &Self) -> PyResult<Ref<Tuple>> {
        let base = this.base_exception();
        let named = [("name", IMPORT_NAME), ("path", IMPORT_PATH), ("name_from", IMPORT_FROM)];
        let state = if named.iter().any(|(_, field)| !this.field(*field).is_null()) {
            let state = match base.dict() {
                Some(dict) => dict.copy(py)?,
                None => Dict::new(py)?,
            };
            for (name, field) in named {
                if let Some(value) = this.field(field).get() {
                    state.set_str(py, name, &value)?;
                }
            }
            Some(state.upcast())
        } else {
            base.dict().map(Ref::upcast)
        };
        base.reduce_with(py, base.args(py), state)
    }
}

const NAME_FIELDS: &[usize] = &[offset_of!(PyNameErrorObject, name)];

exception!(
    NameError(Exception), PyNameErrorObject, NAME_FIELDS,
    "A name is not defined.",
    slots: { tp_init = NameError::init },
    members: [object_member("name\0", offset_of!(PyNameErrorObject, name), c"The name.")]
);
exception!(UnboundLocalError(NameError), PyNameErrorObject, NAME_FIELDS, "A local variable has no value yet.");

impl NameError {
    fn init(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<()> {
        this.base_exception().store_args(py, args)?;
        let [name] = take_keywords(py, &this.as_object().ty().name(), args, ["name"])?;
        drop(this.field(NAME_FIELDS[0]).replace(name));
        Ok(())
    }
}

const ATTRIBUTE_OBJ: usize = offset_of!(PyAttributeErrorObject, obj);
const ATTRIBUTE_NAME: usize = offset_of!(PyAttributeErrorObject, name);

exception!(
    AttributeError(Exception), PyAttributeErrorObject, &[ATTRIBUTE_OBJ, ATTRIBUTE_NAME],
    "An attribute is missing.",
    slots: { tp_init = AttributeError::init },
    methods: {
        noargs "__reduce__" => AttributeError::reduce, "($self, /)", "State for pickling.";
        noargs "__getstate__" => AttributeError::get_state, "($self, /)", "State for pickling, without the object.";
    },
    members: [
        object_member("name\0", ATTRIBUTE_NAME, c"The attribute's name."),
        object_member("obj\0", ATTRIBUTE_OBJ, c"The object without the attribute."),
    ]
);

impl AttributeError {
    fn init(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<()> {
        this.base_exception().store_args(py, args)?;
        let [name, obj] = take_keywords(py, &this.as_object().ty().name(), args, ["name", "obj"])?;
        drop(this.field(ATTRIBUTE_NAME).replace(name));
        drop(this.field(ATTRIBUTE_OBJ).replace(obj));
        Ok(())
    }

    /// Records what was looked up on which object, unless that is known already.
    pub fn set_subject(&self, obj: &Object, name: &Str) {
        if self.field(ATTRIBUTE_NAME).is_null() && self.field(ATTRIBUTE_OBJ).is_null() {
            drop(self.field(ATTRIBUTE_NAME).replace(Some(name.as_object().to_ref())));
            drop(self.field(ATTRIBUTE_OBJ).replace(Some(obj.to_ref())));
        }
    }

    fn get_state(py: Attached<'_>, this: &Self) -> PyResult<Option<Ref<Object>>> {
        let dict = this.base_exception().dict();
        let name = this.field(ATTRIBUTE_NAME).get();
        if name.is_none() && dict.is_none() {
            return Ok(None);
        }
        let state = match &dict {
            Some(dict) => dict.copy(py)?,
            None => Dict::new(py)?,
        };
        if let Some(name) = name {
            state.set_str(py, "name", &name)?;
            state.set_str(py, "args", this.base_exception().args(py).as_object())?;
        }
        Ok(Some(state.upcast()))
    }

    fn reduce(py: Attached<'_>, this: &Self) -> PyResult<Ref<Tuple>> {
        let state = Self::get_state(py, this)?.unwrap_or_else(crate::none);
        let base = this.base_exception();
        base.reduce_with(py, base.args(py), Some(state))
    }
}

/// Raises `AttributeError(message)` that names the object and the attribute, for suggestions.
pub fn raise_attribute_error(
    py: Attached<'_>,
    obj: &Object,
    name: &Str,
    message: std::fmt::Arguments<'_>,
) -> crate::Raised {
    let raised = raise!(py, AttributeError, "{message}");
    if let Some(error) = py.pending().and_then(|error| error.as_object().downcast::<AttributeError>()) {
        error.set_subject(obj, name);
    }
    raised
}

/// Raises `NameError(message)` (or its subclass `ty`) that knows the name, for suggestions.
pub fn raise_name_error(
    py: Attached<'_>,
    ty: &crate::Type,
    name: &Str,
    message: std::fmt::Arguments<'_>,
) -> crate::Raised {
    let raised = py.raise(ty, message);
    if let Some(error) = py.pending().and_then(|error| error.as_object().downcast::<NameError>()) {
        drop(error.field(NAME_FIELDS[0]).replace(Some(name.as_object().to_ref())));
    }
    raised
}

/// Raises `ImportError(message)` (or its subclass `ty`) with module name and path.
pub fn raise_import_error(
    py: Attached<'_>,
    ty: &crate::Type,
    message: std::fmt::Arguments<'_>,
    name: Option<&Object>,
    path: Option<&Object>,
    name_from: Option<&Object>,
) -> crate::Raised {
    let raised = py.raise(ty, message);
    if let Some(error) = py.pending().and_then(|error| error.as_object().downcast::<ImportError>()) {
        for (field, value) in [(IMPORT_NAME, name), (IMPORT_PATH, path), (IMPORT_FROM, name_from)] {
            drop(error.field(field).replace(value.map(Layout::to_ref)));
        }
    }
    raised
}
