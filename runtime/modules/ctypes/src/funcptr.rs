//! `CFuncPtr`: C functions as Python callables.
use crate::call::{MAX_ARGUMENTS, Target, call_function, raise_argument_error};
use crate::callback::Thunk;
use crate::cdata::{CData, c_name, cdata_head, library_handle};
use crate::codes;
use crate::info::{Desc, FunctionType, Kind, Prototype, class_namespace, desc_of, info_of, init_info};
use krait_object::args::Args;
use krait_object::layout::Py_buffer;
use krait_object::native::Part;
use krait_object::{
    Attached, Bytes, Int, Layout, Object, PyResult, Ref, Slot, Str, Tuple, Type, Visit, exc, id, mem, pytype, raise,
};
use krait_vm::library::symbol;
use krait_vm::sysmodule::audit_event as audit;
use std::ffi::{CString, c_int};
use std::ptr::NonNull;

type Opt<'a> = Option<&'a Object>;

const IN: u64 = 1;
const OUT: u64 = 2;
const LCID: u64 = 4;

/// `_ctypes.CFuncPtr`. What an instance does not say, its class does.
#[repr(C)]
pub struct CFuncPtr {
    head: CData,
    thunk: Slot<Object>,
    callable: Slot<Object>,
    argtypes: Slot<Object>,
    converters: Slot<Object>,
    restype: Slot<Object>,
    checker: Slot<Object>,
    errcheck: Slot<Object>,
    paramflags: Slot<Object>,
}

cdata_head!(CFuncPtr);

pytype! {
    pub static FUNCTION_BASE_TYPE: "_ctypes.CFuncPtr" for CFuncPtr {
        base: CData,
        flags: [HAVE_GC, BASETYPE],
        doc: "Function Pointer",
        slots: {
            tp_dealloc = CFuncPtr::dealloc,
            tp_traverse = CFuncPtr::traverse,
            tp_clear = CFuncPtr::clear,
            tp_new = CFuncPtr::construct,
            tp_repr = |_: Attached<'_>, this: &CFuncPtr| format!("<{} object at {this:p}>", this.as_object().ty().name()),
            tp_call = CFuncPtr::call,
            nb_bool = |py: Attached<'_>, this: &CFuncPtr| PyResult::Ok(this.head.word(py) != 0),
            bf_getbuffer = CFuncPtr::getbuffer,
        },
        getset: {
            "errcheck" => |_: Attached<'_>, this: &CFuncPtr| this.errcheck.get(), CFuncPtr::set_errcheck, "a function to check for errors";
            "restype" => CFuncPtr::get_restype, CFuncPtr::set_restype, "specify the result type";
            "argtypes" => CFuncPtr::get_argtypes, CFuncPtr::set_argtypes, "specify the argument types";
        },
    }
}

/// The `from_param` of each argument class.
fn converters_of(py: Attached<'_>, argtypes: &Object) -> PyResult<(Ref<Object>, Ref<Object>)> {
    if argtypes.downcast::<Tuple>().is_none() && argtypes.downcast::<krait_object::List>().is_none() {
        let is_sequence = argtypes.get_attr_opt(py, id!(py, __getitem__))?.is_some();
        if !is_sequence {
            return Err(raise!(py, TypeError, "_argtypes_ must be a sequence of types"));
        }
    }
    let Ok(argtypes) = argtypes.sequence_tuple(py) else {
        drop(py.take_raised());
        return Err(raise!(py, TypeError, "_argtypes_ must be a sequence of types"));
    };
    let given = argtypes.len();
    if given > MAX_ARGUMENTS {
        let text = format!("_argtypes_ has too many arguments ({given}), maximum is {MAX_ARGUMENTS}");
        return Err(raise_argument_error(py, &text));
    }
    let mut converters = Vec::with_capacity(given);
    for (at, class) in argtypes.as_slice().iter().enumerate() {
        match class.get_attr_opt(py, id!(py, from_param))? {
            Some(converter) => converters.push(converter),
            None => return Err(raise!(py, TypeError, "item {} in _argtypes_ has no from_param method", at + 1)),
        }
    }
    Ok((argtypes.upcast(), Tuple::from_vec(py, converters)?.upcast()))
}

fn check_restype(py: Attached<'_>, restype: &Object, attribute: &str) -> PyResult<Option<Ref<Object>>> {
    if !restype.is_none() && desc_of(restype).is_none() && !restype.is_callable() {
        return Err(raise!(py, TypeError, "{attribute} must be a type, a callable, or None"));
    }
    restype.get_attr_opt(py, id!(py, _check_retval_))
}

/// `__init__` of the metaclass.
pub fn init_class(py: Attached<'_>, this: &FunctionType, args: Args<'_>) -> PyResult<()> {
    class_namespace(py, args)?;
    let ty = this.as_type();
    let flags = ty.as_object().get_attr_opt(py, id!(py, _flags_))?;
    let Some(flags) = flags.filter(|flags| (**flags).downcast::<Int>().is_some()) else {
        return Err(raise!(py, TypeError, "class must define _flags_ which must be an integer"));
    };
    let prototype = Prototype {
        flags: flags.as_u64_mask(py)? as c_int,
        argtypes: Slot::NULL,
        converters: Slot::NULL,
        restype: Slot::NULL,
        checker: Slot::NULL,
    };
    if let Some(argtypes) = ty.as_object().get_attr_opt(py, id!(py, _argtypes_))? {
        let (argtypes, converters) = converters_of(py, &argtypes)?;
        drop(prototype.argtypes.replace(Some(argtypes)));
        drop(prototype.converters.replace(Some(converters)));
    }
    if let Some(restype) = ty.as_object().get_attr_opt(py, id!(py, _restype_))? {
        drop(prototype.checker.replace(check_restype(py, &restype, "_restype_")?));
        drop(prototype.restype.replace(Some(restype)));
    }
    init_info(py, ty, Desc { prototype: Some(prototype), ..Desc::word(Kind::Function, CString::from(c"X{}")) })
}

/// The flags and the name of an `(int, name, default)` tuple.
fn paramflag(py: Attached<'_>, item: &Object) -> Option<(u64, Option<Ref<Object>>, Option<Ref<Object>>)> {
    let parts = item.downcast::<Tuple>()?.as_slice();
    let flag = parts.first()?.downcast::<Int>()?.to_i64()?;
    let name = parts.get(1).map(|name| name.to_ref());
    let named = name.as_ref().is_none_or(|name| name.is_none() || (**name).downcast::<Str>().is_some());
    if parts.len() > 3 || !named {
        return None;
    }
    let _ = py;
    Some((flag as u64, name.filter(|name| !name.is_none()), parts.get(2).map(|value| value.to_ref())))
}

/// Whether results can be stored through an argument of this class.
fn check_out_type(py: Attached<'_>, class: &Object, number: usize) -> PyResult<()> {
    let Some(desc) = desc_of(class) else { return Ok(()) };
    let fits = matches!(desc.kind, Kind::Pointer | Kind::Array)
        || desc.kind == Kind::Simple && matches!(desc.code, b'P' | b'z' | b'Z');
    if fits {
        return Ok(());
    }
    let name = class.downcast::<Type>().map_or_else(String::new, |ty| ty.name().into_owned());
    Err(raise!(py, TypeError, "'out' parameter {number} must be a pointer type, not {name}"))
}

fn check_paramflags(py: Attached<'_>, argtypes: Opt<'_>, paramflags: &Object) -> PyResult<()> {
    let Some(argtypes) = argtypes.and_then(|argtypes| argtypes.downcast::<Tuple>()) else { return Ok(()) };
    let Some(flags) = paramflags.downcast::<Tuple>() else {
        return Err(raise!(py, TypeError, "paramflags must be a tuple or None"));
    };
    if flags.len() != argtypes.len() {
        return Err(raise!(py, ValueError, "paramflags must have the same length as argtypes"));
    }
    for (at, (item, class)) in flags.as_slice().iter().zip(argtypes.as_slice()).enumerate() {
        let Some((flag, _, _)) = paramflag(py, item) else {
            return Err(raise!(py, TypeError, "paramflags must be a sequence of (int [,string [,value]]) tuples"));
        };
        match flag & (IN | OUT | LCID) {
            0 | IN | LCID | 5 => {}
            OUT | 3 => check_out_type(py, class, at + 1)?,
            _ => return Err(raise!(py, TypeError, "paramflag value {flag} not supported")),
        }
    }
    Ok(())
}

/// The arguments as they go into the call, and which of them are results.
struct Bound {
    args: Vec<Ref<Object>>,
    out: u64,
    in_out: u64,
    results: usize,
}

impl CFuncPtr {
    /// # Safety
    /// As `tp_dealloc`.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Self>) {
        // SAFETY: by the contract.
        unsafe {
            mem::dealloc_with(py, this, |this| {
                this.slots().iter().for_each(|slot| slot.release());
                this.head.release();
            });
        }
    }

    fn slots(&self) -> [&Slot<Object>; 8] {
        [
            &self.callable,
            &self.argtypes,
            &self.converters,
            &self.restype,
            &self.checker,
            &self.errcheck,
            &self.paramflags,
            &self.thunk,
        ]
    }

    fn traverse(this: &Self, visit: Visit<'_>) -> Result<(), c_int> {
        this.slots().iter().try_for_each(|slot| visit.slot(slot))?;
        CData::traverse(&this.head, visit)
    }

    fn clear(py: Attached<'_>, this: &Self) {
        this.slots().iter().for_each(|slot| slot.release());
        CData::clear(py, &this.head);
    }

    fn getbuffer(py: Attached<'_>, this: &Self, view: &mut Py_buffer, flags: c_int) -> PyResult<()> {
        CData::getbuffer(py, &this.head, view, flags)
    }

    fn fresh(py: Attached<'_>, ty: &Type, address: usize) -> PyResult<Ref<CFuncPtr>> {
        let made = CData::construct(py, ty)?;
        made.set_word(py, address);
        made.upcast().downcast().map_err(|_| py.bad_internal_call())
    }

    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<CFuncPtr>> {
        let [first, ..] = args.pos else { return Self::fresh(py, ty, 0) };
        if first.downcast::<Tuple>().is_some() {
            return Self::from_library(py, ty, args);
        }
        let [callable] = args.pos else {
            let given = args.pos.len();
            return Err(raise!(py, TypeError, "function takes exactly 1 argument ({given} given)"));
        };
        if callable.downcast::<Int>().is_some() {
            return Self::fresh(py, ty, codes::address(py, callable)?);
        }
        if !callable.is_callable() {
            return Err(raise!(py, TypeError, "argument must be callable or integer function address"));
        }
        let prototype = info_of(ty).and_then(|info| info.desc().prototype.as_ref());
        let argtypes = prototype.and_then(|prototype| prototype.argtypes.get());
        let (Some(prototype), Some(argtypes)) = (prototype, argtypes) else {
            return Err(raise!(py, TypeError, "cannot construct instance of this class: no argtypes"));
        };
        let Some(argtypes) = (*argtypes).downcast::<Tuple>() else { return Err(py.bad_internal_call()) };
        let thunk = Thunk::new(py, callable, argtypes, prototype.restype.get().as_deref(), prototype.flags)?;
        let this = Self::fresh(py, ty, thunk.entry())?;
        drop(this.callable.replace(Some(callable.to_ref())));
        drop(this.thunk.replace(Some(thunk.clone().upcast())));
        this.head.keep(py, 0, Some(thunk.upcast()))?;
        Ok(this)
    }

    /// A function of a library, by `(name, library)`.
    fn from_library(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<CFuncPtr>> {
        let pos = Args::positional(args.pos).unpack(py, "CFuncPtr", 1, 2)?;
        let Some(pair) = pos[0].downcast::<Tuple>() else { return Err(py.bad_internal_call()) };
        let [name, library] = pair.as_slice() else {
            return Err(raise!(py, TypeError, "illegal func_spec argument"));
        };
        let bytes = match (name.downcast::<Str>(), name.downcast::<Bytes>()) {
            (Some(text), _) => Some(c_name(py, text.to_utf8(py)?.as_bytes())?),
            (_, Some(bytes)) => Some(c_name(py, bytes.as_slice())?),
            _ if name.downcast::<Int>().is_some() => None,
            _ => return Err(raise!(py, TypeError, "function name must be string, bytes object or integer")),
        };
        audit(py, "ctypes.dlsym", &[library, name])?;
        let message = "the _handle attribute of the second argument must be an integer";
        let handle = library_handle(py, library, message)?;
        let Some(bytes) = bytes else {
            return Err(raise!(py, AttributeError, "function ordinals are not supported on this platform"));
        };
        let address = symbol(handle, &bytes, "function").map_err(|text| py.raise(exc::AttributeError(), text))?;
        let paramflags = pos.get(1).filter(|flags| !flags.is_none());
        if let Some(flags) = paramflags {
            let prototype = info_of(ty).and_then(|info| info.desc().prototype.as_ref());
            let argtypes = prototype.and_then(|prototype| prototype.argtypes.get());
            check_paramflags(py, argtypes.as_deref(), flags)?;
        }
        let this = Self::fresh(py, ty, address as usize)?;
        drop(this.paramflags.replace(paramflags.map(|flags| flags.to_ref())));
        this.head.keep(py, 0, Some(library.to_ref()))?;
        Ok(this)
    }

    fn prototype<'a>(&'a self, py: Attached<'_>) -> PyResult<&'a Prototype> {
        self.head.desc(py)?.prototype.as_ref().ok_or_else(|| raise!(py, TypeError, "abstract class"))
    }

    fn set_errcheck(py: Attached<'_>, this: &Self, value: Opt<'_>) -> PyResult<()> {
        if value.is_some_and(|value| !value.is_callable()) {
            return Err(raise!(py, TypeError, "the errcheck attribute must be callable"));
        }
        drop(this.errcheck.replace(value.map(Layout::to_ref)));
        Ok(())
    }

    fn get_restype(py: Attached<'_>, this: &Self) -> PyResult<Option<Ref<Object>>> {
        Ok(match this.restype.get() {
            Some(restype) => Some(restype),
            None => this.prototype(py)?.restype.get(),
        })
    }

    fn set_restype(py: Attached<'_>, this: &Self, value: Opt<'_>) -> PyResult<()> {
        let checker = match value {
            Some(value) => check_restype(py, value, "restype")?,
            None => None,
        };
        drop(this.checker.replace(checker));
        drop(this.restype.replace(value.map(Layout::to_ref)));
        Ok(())
    }

    fn get_argtypes(py: Attached<'_>, this: &Self) -> PyResult<Option<Ref<Object>>> {
        Ok(match this.argtypes.get() {
            Some(argtypes) => Some(argtypes),
            None => this.prototype(py)?.argtypes.get(),
        })
    }

    fn set_argtypes(py: Attached<'_>, this: &Self, value: Opt<'_>) -> PyResult<()> {
        let Some(value) = value.filter(|value| !value.is_none()) else {
            drop(this.converters.take());
            drop(this.argtypes.take());
            return Ok(());
        };
        let (argtypes, converters) = converters_of(py, value)?;
        if let Some(flags) = this.paramflags.get() {
            check_paramflags(py, Some(&argtypes), &flags)?;
        }
        drop(this.converters.replace(Some(converters)));
        drop(this.argtypes.replace(Some(argtypes)));
        Ok(())
    }

    fn call(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<Ref<Object>> {
        let prototype = this.prototype(py)?;
        let own_or = |own: &Slot<Object>, class: &Slot<Object>| own.get().or_else(|| class.get());
        let restype = own_or(&this.restype, &prototype.restype);
        let converters = own_or(&this.converters, &prototype.converters);
        let checker = match this.restype.is_null() {
            true => prototype.checker.get(),
            false => this.checker.get(),
        };
        let argtypes = own_or(&this.argtypes, &prototype.argtypes);
        let bound = this.bind(py, argtypes.as_deref(), args)?;
        let borrowed: &[&Object] = match &bound {
            Some(bound) => krait_object::protocols::call::borrowed(&bound.args),
            None => args.pos,
        };
        let converters = converters.as_ref().and_then(|converters| (**converters).downcast::<Tuple>());
        if let Some(converters) = converters
            && converters.len() > borrowed.len()
        {
            let (required, given) = (converters.len(), borrowed.len());
            let plural = if required == 1 { "" } else { "s" };
            return Err(raise!(
                py,
                TypeError,
                "this function takes at least {required} argument{plural} ({given} given)"
            ));
        }
        let target = Target {
            address: this.head.word(py),
            flags: prototype.flags,
            converters,
            restype: restype.as_deref(),
            checker: checker.as_deref(),
        };
        let mut result = call_function(py, &target, borrowed)?;
        if let Some(errcheck) = this.errcheck.get() {
            let arguments = Tuple::from_slice(py, borrowed)?;
            let checked = errcheck.call_pos(py, &[&result, this.as_object(), arguments.as_object()])?;
            // What gives the arguments back leaves the result as it is.
            if !std::ptr::addr_eq(&*checked, &*arguments) {
                return Ok(checked);
            }
        }
        if let Some(bound) = bound.filter(|bound| bound.results != 0) {
            result = Self::collect(py, bound)?;
        }
        Ok(result)
    }

    /// The results that the arguments carry.
    fn collect(py: Attached<'_>, bound: Bound) -> PyResult<Ref<Object>> {
        let mut values = Vec::with_capacity(bound.results);
        for (at, value) in bound.args.into_iter().enumerate().take(64) {
            if bound.in_out >> at & 1 != 0 {
                values.push(value);
            } else if bound.out >> at & 1 != 0 {
                values.push(value.call_method(py, id!(py, __ctypes_from_outparam__), &[])?);
            }
        }
        match values.len() {
            1 => values.pop().ok_or_else(|| py.bad_internal_call()),
            _ => Ok(Tuple::from_vec(py, values)?.upcast()),
        }
    }

    /// Sorts arguments by the parameter flags, if the function has any.
    fn bind(&self, py: Attached<'_>, argtypes: Opt<'_>, args: Args<'_>) -> PyResult<Option<Bound>> {
        let flags = self.paramflags.get();
        let argtypes = argtypes.and_then(|argtypes| argtypes.downcast::<Tuple>()).filter(|types| !types.is_empty());
        let flags = flags.as_ref().and_then(|flags| (**flags).downcast::<Tuple>());
        let (Some(argtypes), Some(flags)) = (argtypes, flags) else { return Ok(None) };
        let mut bound = Bound { args: Vec::with_capacity(argtypes.len()), out: 0, in_out: 0, results: 0 };
        let mut used = 0;
        for (at, (class, item)) in argtypes.as_slice().iter().zip(flags.as_slice()).enumerate() {
            let Some((flag, name, default)) = paramflag(py, item) else { return Err(py.bad_internal_call()) };
            let value = match flag & (IN | OUT | LCID) {
                5 => match default {
                    Some(default) => default,
                    None => Int::from_i64(py, 0)?.upcast(),
                },
                3 => {
                    bound.in_out |= 1 << at;
                    bound.results += 1;
                    take_argument(py, &mut used, name.as_deref(), default, args)?
                }
                0 | IN => take_argument(py, &mut used, name.as_deref(), default, args)?,
                OUT => {
                    bound.out |= 1 << at;
                    bound.results += 1;
                    match default {
                        Some(default) => default,
                        None => Self::out_value(py, class)?,
                    }
                }
                other => return Err(raise!(py, ValueError, "paramflag {other} not yet implemented")),
            };
            bound.args.push(value);
        }
        if args.len() != used {
            let given = args.len();
            return Err(raise!(py, TypeError, "call takes exactly {used} arguments ({given} given)"));
        }
        Ok(Some(bound))
    }

    /// Room for a result of an argument of this class.
    fn out_value(py: Attached<'_>, class: &Object) -> PyResult<Ref<Object>> {
        let Some(desc) = desc_of(class) else { return Err(py.bad_internal_call()) };
        match desc.kind {
            Kind::Array => class.call0(py),
            Kind::Pointer => desc.item(py)?.call0(py),
            _ => {
                let name = class.downcast::<Type>().map_or_else(String::new, |ty| ty.name().into_owned());
                Err(raise!(py, TypeError, "{name} 'out' parameter must be passed as default value"))
            }
        }
    }
}

/// The next argument: by position, by name, or the default.
fn take_argument(
    py: Attached<'_>,
    used: &mut usize,
    name: Opt<'_>,
    default: Option<Ref<Object>>,
    args: Args<'_>,
) -> PyResult<Ref<Object>> {
    if let Some(value) = args.pos.get(*used) {
        *used += 1;
        return Ok(value.to_ref());
    }
    let name = name.and_then(|name| name.downcast::<Str>());
    if let Some(name) = name {
        let found = args.names.iter().position(|key| key.downcast::<Str>().is_some_and(|key| key.eq(name)));
        if let Some(value) = found.and_then(|at| args.values.get(at)) {
            *used += 1;
            return Ok(value.to_ref());
        }
    }
    match (default, name) {
        (Some(default), _) => Ok(default),
        (None, Some(name)) => Err(raise!(py, TypeError, "required argument '{name}' missing")),
        (None, None) => Err(raise!(py, TypeError, "not enough arguments")),
    }
}
