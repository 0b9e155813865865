//! `AST`, the root of the node classes: construction, `repr`, pickling and replacement of fields.
use super::Classes;
use super::grammar::index_of;
use krait_object::args::{Args, as_borrowed};
use krait_object::container::ReprGuard;
use krait_object::genericaliasobject::GenericAlias;
use krait_object::layout::*;
use krait_object::typeobject::{instance, spec};
use krait_object::unionobject::Union;
use krait_object::{
    Attached, Dict, Layout, List, Object, PyResult, Ref, Slot, Str, Tuple, Type, exc, id, none_borrowed, pytype, raise,
};
use std::ffi::c_void;
use std::mem::{offset_of, size_of};

/// The layout of a node.
#[repr(C)]
pub struct Node {
    ob_base: PyObject,
    dict: Slot<Dict>,
}

pytype! {
    /// The template from which each interpreter makes its own, changeable class.
    static TEMPLATE: "ast.AST" for Node {
        base: Object,
        flags: [HAVE_GC, BASETYPE],
        slots: {
            tp_repr = |py: Attached<'_>, this: &Node| repr(py, this.as_object(), REPR_DEPTH),
            tp_init = |py: Attached<'_>, this: &Node, args: Args<'_>| init(py, this.as_object(), args),
        },
        methods: {
            noargs "__reduce__" => |py: Attached<'_>, this: &Node| reduce(py, this.as_object()), "", "";
            varargs_keywords "__replace__" => |py: Attached<'_>, this: &Node, args: Args<'_>| replace(py, this.as_object(), args), "($self, /, **fields)", "Return a copy of the node in which the given fields have new values.";
        },
        getset: {
            "__dict__" => |py: Attached<'_>, this: &Node| instance::get_dict(py, this.as_object()), |py: Attached<'_>, this: &Node, value: Option<&Object>| instance::set_dict(py, this.as_object(), value), "";
        },
    }
}

impl Node {
    /// Gives a fresh node its fields.
    pub(super) fn set_dict(&self, dict: Ref<Dict>) {
        drop(self.dict.replace(Some(dict)));
    }
}

/// The class `AST` of an interpreter.
pub(super) fn make_root(py: Attached<'_>) -> PyResult<Ref<Type>> {
    let template = Node::type_object().as_type();
    let slot = |slot, pfunc: *mut c_void| PyType_Slot { slot, pfunc };
    let traverse: traverseproc = instance::subtype_traverse;
    let clear: inquiry = instance::subtype_clear;
    let new: newfunc = krait_object::typeobject::PyType_GenericNew;
    let mut slots = [
        slot(Py_tp_repr, template.tp_repr.get().map_or(std::ptr::null_mut(), |f| f as *mut c_void)),
        slot(Py_tp_init, template.tp_init.get().map_or(std::ptr::null_mut(), |f| f as *mut c_void)),
        slot(Py_tp_new, new as *mut c_void),
        slot(Py_tp_getattro, krait_object::typeobject::slots::PyObject_GenericGetAttr as *mut c_void),
        slot(Py_tp_setattro, krait_object::typeobject::slots::PyObject_GenericSetAttr as *mut c_void),
        slot(Py_tp_traverse, traverse as *mut c_void),
        slot(Py_tp_clear, clear as *mut c_void),
        slot(Py_tp_methods, template.tp_methods.get().cast()),
        slot(Py_tp_getset, template.tp_getset.get().cast()),
        slot(Py_tp_members, (&raw const MEMBERS).cast_mut().cast()),
        slot(0, std::ptr::null_mut()),
    ];
    let description = PyType_Spec {
        name: c"ast.AST".as_ptr(),
        basicsize: size_of::<Node>() as i32,
        itemsize: 0,
        flags: Py_TPFLAGS_DEFAULT as u32 | (Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE) as u32,
        slots: slots.as_mut_ptr(),
    };
    // SAFETY: the tables are static but for the slots, which only the call reads.
    let root = unsafe { spec::type_from_spec(py, None, None, &description, None)? };
    let empty = Tuple::empty(py);
    for name in [id!(py, _fields), id!(py, __match_args__), id!(py, _attributes)] {
        root.as_object().set_attr(py, name, Some(empty.as_object()))?;
    }
    root.as_object().set_attr(py, id!(py, __doc__), Some(none_borrowed()))?;
    Ok(root)
}

static MEMBERS: krait_object::typedef::Table<PyMemberDef, 2> = krait_object::typedef::Table([
    krait_object::typedef::member("__dictoffset__\0", Py_T_PYSSIZET, offset_of!(Node, dict), Py_READONLY, c""),
    krait_object::typedef::MEMBER_END,
]);

fn class_attr(py: Attached<'_>, node: &Object, name: &Str) -> PyResult<Option<Ref<Object>>> {
    node.ty().as_object().get_attr_opt(py, name)
}

/// The items of `_fields` or `_attributes`; none if there is no such attribute.
fn names_in(py: Attached<'_>, node: &Object, attr: &Str) -> PyResult<Vec<Ref<Object>>> {
    let Some(sequence) = class_attr(py, node, attr)? else { return Ok(Vec::new()) };
    let count = sequence.len(py)?;
    (0..count).map(|index| sequence.sequence_item(py, index as isize)).collect()
}

fn contains(py: Attached<'_>, names: &[Ref<Object>], name: &Object) -> PyResult<bool> {
    for known in names {
        if known.is(name) || known.eq(py, name)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn attr_name<'a>(py: Attached<'_>, name: &'a Object) -> PyResult<&'a Str> {
    krait_object::protocols::attributes::checked_name(py, name)
}

fn deprecated(py: Attached<'_>, message: &str) -> PyResult<()> {
    crate::warnings::warn(py, exc::DeprecationWarning(), message, 1)
}

fn init(py: Attached<'_>, this: &Object, args: Args<'_>) -> PyResult<()> {
    let class = this.ty();
    drop(class.as_object().get_attr(py, id!(py, _fields))?);
    let fields = names_in(py, this, id!(py, _fields))?;
    if args.pos.len() > fields.len() {
        let plural = if fields.len() == 1 { "" } else { "s" };
        return Err(raise!(
            py,
            TypeError,
            "{} constructor takes at most {} positional argument{plural}",
            class.short_name(),
            fields.len()
        ));
    }
    let mut given = vec![false; fields.len()];
    for (index, value) in args.pos.iter().enumerate() {
        this.set_attr(py, attr_name(py, &fields[index])?, Some(value))?;
        given[index] = true;
    }
    let mut attributes = None;
    for (name, value) in args.names.iter().zip(args.values) {
        let mut at = None;
        for (index, field) in fields.iter().enumerate() {
            if field.is(*name) || field.eq(py, name)? {
                at = Some(index);
                break;
            }
        }
        if let Some(index) = at {
            if std::mem::replace(&mut given[index], true) {
                let name = name.repr(py)?.to_string_lossy().into_owned();
                return Err(raise!(py, TypeError, "{} got multiple values for argument {name}", class.short_name()));
            }
        } else {
            if attributes.is_none() {
                attributes = class_attr(py, this, id!(py, _attributes))?;
            }
            let known = match &attributes {
                Some(attributes) => attributes.contains(py, name)?,
                None => false,
            };
            if !known {
                let name = name.repr(py)?.to_string_lossy().into_owned();
                deprecated(
                    py,
                    &format!(
                        "{}.__init__ got an unexpected keyword argument {name}. Support for arbitrary keyword \
                         arguments is deprecated and will be removed in Python 3.15.",
                        class.name()
                    ),
                )?;
            }
        }
        this.set_attr(py, attr_name(py, name)?, Some(value))?;
    }
    if given.contains(&false) {
        let missing = fields.iter().zip(&given).filter(|(_, given)| !**given).map(|(name, _)| &**name);
        fill_missing(py, this, missing)?;
    }
    Ok(())
}

/// Sets the fields that the caller left out: lists are empty, contexts are `Load()`, what may be `None` stays with the
/// class, and for the others there is a warning.
fn fill_missing<'a>(py: Attached<'_>, this: &Object, missing: impl Iterator<Item = &'a Object>) -> PyResult<()> {
    let Some(types) = class_attr(py, this, id!(py, _field_types))? else { return Ok(()) };
    let Some(types) = types.downcast::<Dict>().ok() else { return Err(py.bad_internal_call()) };
    let class = this.ty();
    let classes = Classes::existing(py);
    let context = index_of("expr_context");
    for name in missing {
        let Some(kind) = types.get(py, name)? else {
            let name = name.repr(py)?.to_string_lossy().into_owned();
            let message = format!(
                "Field {name} is missing from {}._field_types. This will become an error in Python 3.15.",
                class.name()
            );
            deprecated(py, &message)?;
            continue;
        };
        if (*kind).downcast_exact::<Union>().is_some() {
            continue;
        }
        if (*kind).downcast_exact::<GenericAlias>().is_some() {
            this.set_attr(py, attr_name(py, name)?, Some(List::new(py)?.as_object()))?;
            continue;
        }
        if let (Some(classes), Some(context)) = (&classes, context)
            && kind.is(classes.class(context).as_object())
        {
            // `Load` follows its abstract class.
            this.set_attr(py, attr_name(py, name)?, Some(classes.singleton(context + 1)))?;
            continue;
        }
        let name = name.repr(py)?.to_string_lossy().into_owned();
        let message = format!(
            "{}.__init__ missing 1 required positional argument: {name}. This will become an error in Python 3.15.",
            class.name()
        );
        deprecated(py, &message)?;
    }
    Ok(())
}

/// `(class, Nones, dict)`: the constructor gets `None` for the leading fields, only to keep it from warning.
fn reduce(py: Attached<'_>, this: &Object) -> PyResult<Ref<Tuple>> {
    let class = this.ty().as_object();
    let Some(state) = this.get_attr_opt(py, id!(py, __dict__))?.and_then(|dict| dict.downcast::<Dict>().ok()) else {
        return Tuple::from_slice(py, &[class, Tuple::empty(py).as_object()]);
    };
    let mut leading = 0;
    for name in names_in(py, this, id!(py, _fields))? {
        if !state.contains(py, &name)? {
            break;
        }
        leading += 1;
    }
    let nones = Tuple::from_vec(py, vec![krait_object::none(); leading])?;
    Tuple::from_slice(py, &[class, nones.as_object(), state.as_object()])
}

/// `copy.replace()`: only fields and attributes, and none that must be there may be missing.
fn replace(py: Attached<'_>, this: &Object, args: Args<'_>) -> PyResult<Ref<Object>> {
    if !args.pos.is_empty() {
        return Err(raise!(py, TypeError, "__replace__() takes no positional arguments"));
    }
    let class = this.ty();
    let fields = names_in(py, this, id!(py, _fields))?;
    let attributes = names_in(py, this, id!(py, _attributes))?;
    for name in args.names {
        if !contains(py, &fields, name)? && !contains(py, &attributes, name)? {
            let name = name.repr(py)?.to_string_lossy().into_owned();
            return Err(raise!(
                py,
                TypeError,
                "{}.__replace__ got an unexpected keyword argument {name}.",
                class.name()
            ));
        }
    }
    let changes = args.kw_dict(py)?;
    let state = this.get_attr_opt(py, id!(py, __dict__))?.and_then(|dict| dict.downcast::<Dict>().ok());
    let (mut names, mut values, mut missing) = (Vec::new(), Vec::new(), Vec::new());
    for (index, name) in fields.iter().chain(&attributes).enumerate() {
        let mut value = match &changes {
            Some(changes) => changes.get(py, name)?,
            None => None,
        };
        if let (None, Some(state)) = (&value, &state) {
            value = state.get(py, name)?;
        }
        match value {
            Some(value) => {
                names.push(&**name);
                values.push(value);
            }
            None if index < fields.len() => {
                let default = class.as_object().get_attr_opt(py, attr_name(py, name)?)?;
                if !default.is_some_and(|default| default.is_none()) {
                    missing.push(name.repr(py)?.to_string_lossy().into_owned());
                }
            }
            None => {}
        }
    }
    if !missing.is_empty() {
        missing.sort();
        let plural = if missing.len() == 1 { "" } else { "s" };
        return Err(raise!(
            py,
            TypeError,
            "{}.__replace__ missing {} keyword argument{plural}: {}.",
            class.name(),
            missing.len(),
            missing.join(", ")
        ));
    }
    class.as_object().call(py, Args { pos: &[], names: &names, values: as_borrowed(&values) })
}

/// So many nodes deep does a `repr` go.
const REPR_DEPTH: usize = 3;

fn append(py: Attached<'_>, out: &mut Vec<u32>, value: &Object, depth: usize) -> PyResult<()> {
    let is_node = match Classes::existing(py) {
        Some(classes) => value.is_instance(py, classes.root().as_object())?,
        None => false,
    };
    let text = if is_node { repr(py, value, depth)? } else { value.repr(py)? };
    out.extend(text.code_points());
    Ok(())
}

/// A list or tuple: the first and the last item stand for all.
fn append_items(py: Attached<'_>, out: &mut Vec<u32>, list: &Object, depth: usize) -> PyResult<()> {
    let is_list = list.downcast::<List>().is_some();
    let count = list.sequence_len(py)?;
    out.push(u32::from(if is_list { '[' } else { '(' }));
    for index in [0, count.saturating_sub(1)].into_iter().take(count) {
        if index > 0 {
            out.extend((if count > 2 { ", ..., " } else { ", " }).chars().map(u32::from));
        }
        append(py, out, &*list.sequence_item(py, index as isize)?, depth)?;
    }
    out.push(u32::from(if is_list { ']' } else { ')' }));
    Ok(())
}

fn repr(py: Attached<'_>, this: &Object, depth: usize) -> PyResult<Ref<Str>> {
    let class = this.ty();
    let guard = ReprGuard::enter(py, this)?;
    if depth == 0 || guard.is_none() {
        return Str::new(py, &format!("{}(...)", class.name()));
    }
    let _nested = py.enter_recursive(" while getting the repr of a node")?;
    let mut out: Vec<u32> = class.name().chars().chain(['(']).map(u32::from).collect();
    for (index, name) in names_in(py, this, id!(py, _fields))?.iter().enumerate() {
        let name = attr_name(py, name)?;
        let value = this.get_attr(py, name)?;
        if index > 0 {
            out.extend([u32::from(','), u32::from(' ')]);
        }
        out.extend(name.code_points());
        out.push(u32::from('='));
        if (*value).downcast::<List>().is_some() || (*value).downcast::<Tuple>().is_some() {
            append_items(py, &mut out, &value, depth - 1)?;
        } else {
            append(py, &mut out, &value, depth - 1)?;
        }
    }
    out.push(u32::from(')'));
    Str::from_code_points(py, &out)
}
