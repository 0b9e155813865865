//! Exception groups (PEP 654).
use super::{BaseException, Exception, ExceptionFields, classes, exception};
use crate::args::Args;
use crate::handle::{Attached, Layout, Ref};
use crate::layout::PyBaseExceptionGroupObject;
use crate::{Object, PyResult, Str, Tuple, Type, id, raise};
use std::mem::offset_of;

const MSG: usize = offset_of!(PyBaseExceptionGroupObject, msg);
const EXCS: usize = offset_of!(PyBaseExceptionGroupObject, excs);
const EXCS_STR: usize = offset_of!(PyBaseExceptionGroupObject, excs_str);
const FIELDS: &[usize] = &[MSG, EXCS, EXCS_STR];

exception!(
    BaseExceptionGroup(BaseException), PyBaseExceptionGroupObject, FIELDS,
    "Several unrelated exceptions at once.",
    slots: { tp_new = BaseExceptionGroup::new_object, tp_init = BaseExceptionGroup::init, tp_str = BaseExceptionGroup::str, tp_repr = BaseExceptionGroup::repr },
    methods: {
        class o "__class_getitem__" => BaseExceptionGroup::class_getitem, "($type, object, /)", "The class with type arguments.";
        o "derive" => BaseExceptionGroup::derive, "($self, excs, /)", "A group of the same kind and message over other exceptions.";
        o "split" => BaseExceptionGroup::split, "($self, matcher_value, /)", "The matching and the other part.";
        o "subgroup" => BaseExceptionGroup::subgroup, "($self, matcher_value, /)", "The matching part, or None.";
    },
    members: [
        crate::typedef::member("message\0", crate::layout::_Py_T_OBJECT, MSG, crate::layout::Py_READONLY, c"The message."),
        crate::typedef::member("exceptions\0", crate::layout::_Py_T_OBJECT, EXCS, crate::layout::Py_READONLY, c"The exceptions."),
    ]
);

/// `ExceptionGroup`: a group of `Exception`s. A heap type in the reference because it has two bases; here its second
/// base is set when the types are made ready.
#[repr(transparent)]
pub struct ExceptionGroup(#[allow(dead_code)] pub(crate) PyBaseExceptionGroupObject);

crate::pytype! {
    pub static _PyExc_ExceptionGroup: "ExceptionGroup" for ExceptionGroup {
        base: BaseExceptionGroup,
        flags: [BASETYPE, HAVE_GC, BASE_EXC_SUBCLASS, MANAGED_WEAKREF],
        doc: "Several unrelated errors at once.",
        slots: {
            tp_dealloc = <ExceptionGroup as ExceptionFields>::dealloc_fields,
            tp_traverse = <ExceptionGroup as ExceptionFields>::traverse_fields,
            tp_clear = <ExceptionGroup as ExceptionFields>::clear_fields,
        },
    }
}

impl ExceptionFields for ExceptionGroup {
    const OWN: &'static [usize] = FIELDS;
}

/// `ExceptionGroup` and its two bases, which start-up has to set.
pub(crate) fn exception_group_bases() -> (&'static Type, [&'static Type; 2]) {
    (ExceptionGroup::type_object(), [BaseExceptionGroup::type_object(), Exception::type_object()])
}

enum Condition<'a> {
    Types(&'a Object),
    Function(&'a Object),
}

impl Condition<'_> {
    fn matches(&self, py: Attached<'_>, exception: &Object) -> PyResult<bool> {
        match self {
            Condition::Types(types) => exception.is_instance(py, types),
            Condition::Function(function) => function.call_pos(py, &[exception])?.is_true(py),
        }
    }
}

/// The parts of a split.
#[derive(Default)]
pub struct Split {
    pub matching: Option<Ref<Object>>,
    pub rest: Option<Ref<Object>>,
}

impl BaseExceptionGroup {
    fn new_object(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Object>> {
        let name = ty.name().into_owned();
        let &[message, excs] = args.pos else {
            let given = args.pos.len();
            return Err(raise!(
                py,
                TypeError,
                "BaseExceptionGroup.__new__() takes exactly 2 arguments ({given} given)"
            ));
        };
        args.no_keywords(py, &name)?;
        if message.downcast::<Str>().is_none() {
            return Err(raise!(
                py,
                TypeError,
                "BaseExceptionGroup.__new__() argument 1 must be str, not {}",
                crate::builtins::textargs::arg_type(message)
            ));
        }
        if !excs.is_sequence() {
            return Err(raise!(py, TypeError, "second argument (exceptions) must be a sequence"));
        }
        let given = excs;
        let excs = excs.sequence_tuple(py)?;
        if excs.is_empty() {
            return Err(raise!(py, ValueError, "second argument (exceptions) must be a non-empty sequence"));
        }
        let mut only_exceptions = true;
        for (at, exception) in excs.as_slice().iter().enumerate() {
            if exception.downcast::<BaseException>().is_none() {
                return Err(raise!(py, ValueError, "Item {at} of second argument (exceptions) is not an exception"));
            }
            only_exceptions &= exception.is_instance_of(classes::Exception());
        }
        let mut class = ty;
        if std::ptr::eq(ty, classes::BaseExceptionGroup()) {
            if only_exceptions {
                class = classes::ExceptionGroup();
            }
        } else if !only_exceptions && ty.is_subtype_of(classes::Exception()) {
            let what = if std::ptr::eq(ty, classes::ExceptionGroup()) {
                "an ExceptionGroup".to_owned()
            } else {
                format!("'{name}'")
            };
            return Err(raise!(py, TypeError, "Cannot nest BaseExceptions in {what}"));
        }
        // A list or tuple is shown from what it held; anything else may change later.
        let plain = given.downcast_exact::<crate::List>().is_some() || given.downcast_exact::<Tuple>().is_some();
        let shown = if plain { None } else { Some(given.repr(py)?) };
        let object = class.alloc(py, 0)?;
        // SAFETY: [layout]: `class` derives from `BaseExceptionGroup`.
        let this: &BaseExceptionGroup = unsafe { (*object).cast_unchecked() };
        this.base_exception().store_args(py, args)?;
        drop(this.field(MSG).replace(Some(message.to_ref())));
        drop(this.field(EXCS).replace(Some(excs.upcast())));
        drop(this.field(EXCS_STR).replace(shown.map(Ref::upcast)));
        Ok(object)
    }

    fn init(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<()> {
        args.no_keywords(py, &this.as_object().ty().name())?;
        this.base_exception().store_args(py, args)
    }

    fn class_getitem(py: Attached<'_>, ty: &Type, item: &Object) -> PyResult<Ref<Object>> {
        crate::container::generic_alias(py, ty, item)
    }

    /// The exceptions of the group.
    pub fn exceptions(&self, py: Attached<'_>) -> Ref<Tuple> {
        let excs = self.field(EXCS).get().and_then(|excs| excs.downcast().ok());
        excs.unwrap_or_else(|| Tuple::empty(py))
    }

    fn message(&self) -> Ref<Object> {
        self.field(MSG).get().unwrap_or_else(crate::none)
    }

    fn str(py: Attached<'_>, this: &Self) -> PyResult<Ref<Str>> {
        let count = this.exceptions(py).len();
        let plural = if count == 1 { "" } else { "s" };
        Str::new(py, &format!("{} ({count} sub-exception{plural})", this.message().str(py)?))
    }

    fn repr(py: Attached<'_>, this: &Self) -> PyResult<Ref<Str>> {
        let excs = this.exceptions(py);
        // The sequence is shown as it was given: a list stays a list.
        let args = this.base_exception().args(py);
        let shown = match args.as_slice() {
            [_, given] if given.downcast::<crate::List>().is_some() => {
                crate::List::from_vec(py, excs.as_slice().iter().map(|exception| exception.to_ref()).collect())?
                    .upcast()
            }
            _ => excs.upcast(),
        };
        let name = this.as_object().ty().name().into_owned();
        let shown = match this.field(EXCS_STR).get() {
            Some(shown) => shown.str(py)?,
            None => shown.repr(py)?,
        };
        Str::new(py, &format!("{name}({}, {shown})", this.message().repr(py)?))
    }

    fn derive(py: Attached<'_>, this: &Self, excs: &Object) -> PyResult<Ref<Object>> {
        classes::BaseExceptionGroup().as_object().call_pos(py, &[&*this.message(), excs])
    }

    /// A group over `excs` made by the (overridable) `derive`, with this group's traceback, chain and notes.
    fn derive_like(&self, py: Attached<'_>, excs: Vec<Ref<Object>>) -> PyResult<Option<Ref<Object>>> {
        if excs.is_empty() {
            return Ok(None);
        }
        let excs = crate::List::from_vec(py, excs)?;
        let made = self.as_object().call_method(py, id!(py, derive), &[excs.as_object()])?;
        if (*made).downcast::<BaseException>().is_none() || !made.is_instance_of(classes::BaseExceptionGroup()) {
            return Err(raise!(py, TypeError, "derive must return an instance of BaseExceptionGroup"));
        }
        let (old, new) =
            (self.base_exception(), made.clone().downcast::<BaseException>().map_err(|_| py.bad_internal_call())?);
        new.replace_traceback(old.traceback());
        new.replace_context(old.context());
        let suppress = old.suppresses_context();
        new.replace_cause(old.cause());
        new.0.suppress_context.set(suppress.into());
        if let Some(notes) = self.as_object().get_attr_opt(py, id!(py, __notes__))?
            && let Ok(notes) = notes.downcast::<crate::List>()
        {
            let copy = crate::List::from_vec(py, notes.to_vec(py)?)?;
            made.set_attr(py, id!(py, __notes__), Some(copy.as_object()))?;
        }
        Ok(Some(made))
    }

    fn split_by(&self, py: Attached<'_>, condition: &Condition<'_>) -> PyResult<Split> {
        let _guard = py.enter_recursive(" in exceptiongroup_split_recursive")?;
        if condition.matches(py, self.as_object())? {
            return Ok(Split { matching: Some(self.as_object().to_ref()), rest: None });
        }
        let (mut matching, mut rest) = (Vec::new(), Vec::new());
        for exception in self.exceptions(py).as_slice() {
            match exception.downcast::<BaseExceptionGroup>() {
                Some(group) => {
                    let part = group.split_by(py, condition)?;
                    matching.extend(part.matching);
                    rest.extend(part.rest);
                }
                None if condition.matches(py, exception)? => matching.push(exception.to_ref()),
                None => rest.push(exception.to_ref()),
            }
        }
        Ok(Split { matching: self.derive_like(py, matching)?, rest: self.derive_like(py, rest)? })
    }

    /// Splits by exception types, as `except*` does.
    pub fn split_by_types(&self, py: Attached<'_>, types: &Object) -> PyResult<Split> {
        self.split_by(py, &Condition::Types(types))
    }

    fn condition<'a>(py: Attached<'_>, value: &'a Object) -> PyResult<Condition<'a>> {
        let is_class =
            |value: &Object| value.downcast::<Type>().is_some_and(|ty| ty.is_subtype_of(classes::BaseException()));
        if is_class(value) {
            return Ok(Condition::Types(value));
        }
        if let Some(types) = value.downcast::<Tuple>()
            && types.as_slice().iter().all(|ty| is_class(ty))
        {
            return Ok(Condition::Types(value));
        }
        if value.downcast::<Type>().is_none() && value.is_callable() {
            return Ok(Condition::Function(value));
        }
        Err(raise!(
            py,
            TypeError,
            "expected an exception type, a tuple of exception types, or a callable (other than a class)"
        ))
    }

    fn split(py: Attached<'_>, this: &Self, condition: &Object) -> PyResult<Ref<Tuple>> {
        let split = this.split_by(py, &Self::condition(py, condition)?)?;
        Tuple::from_vec(py, vec![split.matching.unwrap_or_else(crate::none), split.rest.unwrap_or_else(crate::none)])
    }

    fn subgroup(py: Attached<'_>, this: &Self, condition: &Object) -> PyResult<Option<Ref<Object>>> {
        Ok(this.split_by(py, &Self::condition(py, condition)?)?.matching)
    }
}
