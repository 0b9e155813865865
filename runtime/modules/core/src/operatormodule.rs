//! `_operator`: operators as functions, and callables that fetch items, attributes or method results.
use krait_object::args::{Args, ArgsBuf};
use krait_object::layout::{Field, vectorcallfunc};
use krait_object::native::{Arg, Fixed, add_type, alloc, required};
use krait_object::protocols::buffer::BytesArg;
use krait_object::protocols::number::BinaryOp;
use krait_object::typedef::CompareOp;
use krait_object::{
    Attached, Dict, Layout, Module, Object, PyResult, Ref, Slot, Str, Tuple, Type, functions, id, pytype, raise,
    slot_adapter,
};

type Two<'a> = [Arg<'a>; 2];

fn pair<'a>(py: Attached<'_>, args: Two<'a>) -> PyResult<(&'a Object, &'a Object)> {
    Ok((required(py, args[0])?, required(py, args[1])?))
}

macro_rules! compare {
    ($($name:ident $op:ident),*) => {$(
        fn $name(py: Attached<'_>, _: &Object, args: Two<'_>) -> PyResult<Ref<Object>> {
            let (left, right) = pair(py, args)?;
            left.rich_compare(py, right, CompareOp::$op)
        }
    )*};
}
compare!(lt Lt, le Le, eq Eq, ne Ne, gt Gt, ge Ge);

macro_rules! binary {
    ($($name:ident $inplace:ident $op:ident),*) => {$(
        fn $name(py: Attached<'_>, _: &Object, args: Two<'_>) -> PyResult<Ref<Object>> {
            let (left, right) = pair(py, args)?;
            left.binary_op(py, right, BinaryOp::$op)
        }
        fn $inplace(py: Attached<'_>, _: &Object, args: Two<'_>) -> PyResult<Ref<Object>> {
            let (left, right) = pair(py, args)?;
            left.inplace_op(py, right, BinaryOp::$op)
        }
    )*};
}
binary!(
    add iadd Add, and iand And, floordiv ifloordiv FloorDivide, lshift ilshift Lshift, matmul imatmul MatMul,
    mul imul Multiply, modulo imod Remainder, or ior Or, power ipow Power, rshift irshift Rshift, sub isub Subtract,
    truediv itruediv TrueDivide, xor ixor Xor
);

fn concat(py: Attached<'_>, _: &Object, args: Two<'_>) -> PyResult<Ref<Object>> {
    let (left, right) = pair(py, args)?;
    left.sequence_concat(py, right)
}
fn iconcat(py: Attached<'_>, _: &Object, args: Two<'_>) -> PyResult<Ref<Object>> {
    let (left, right) = pair(py, args)?;
    left.sequence_inplace_concat(py, right)
}
fn contains(py: Attached<'_>, _: &Object, args: Two<'_>) -> PyResult<bool> {
    let (container, item) = pair(py, args)?;
    container.contains(py, item)
}
fn count_of(py: Attached<'_>, _: &Object, args: Two<'_>) -> PyResult<usize> {
    let (sequence, item) = pair(py, args)?;
    sequence.sequence_count(py, item)
}
fn index_of(py: Attached<'_>, _: &Object, args: Two<'_>) -> PyResult<usize> {
    let (sequence, item) = pair(py, args)?;
    sequence.sequence_index(py, item)
}
fn getitem(py: Attached<'_>, _: &Object, args: Two<'_>) -> PyResult<Ref<Object>> {
    let (container, key) = pair(py, args)?;
    container.get_item(py, key)
}
fn delitem(py: Attached<'_>, _: &Object, args: Two<'_>) -> PyResult<()> {
    let (container, key) = pair(py, args)?;
    container.del_item(py, key)
}
fn setitem(py: Attached<'_>, _: &Object, [container, key, value]: [Arg<'_>; 3]) -> PyResult<()> {
    required(py, container)?.set_item(py, required(py, key)?, required(py, value)?)
}
fn is(py: Attached<'_>, _: &Object, args: Two<'_>) -> PyResult<bool> {
    pair(py, args).map(|(left, right)| left.is(right))
}
fn is_not(py: Attached<'_>, _: &Object, args: Two<'_>) -> PyResult<bool> {
    pair(py, args).map(|(left, right)| !left.is(right))
}
fn length_hint(py: Attached<'_>, _: &Object, [object, default]: Two<'_>) -> PyResult<usize> {
    let object = required(py, object)?;
    let default = match default {
        None => 0,
        Some(default) if default.downcast::<krait_object::Int>().is_none() && !default.has_index() => {
            let name = default.ty().name();
            return Err(raise!(py, TypeError, "'{name}' object cannot be interpreted as an integer"));
        }
        Some(default) => default.as_isize(py)?,
    };
    object.length_hint(py, default as usize)
}
fn call(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<Ref<Object>> {
    let [callable, rest @ ..] = args.pos else {
        return Err(raise!(py, TypeError, "call expected at least 1 argument, got 0"));
    };
    callable.call(py, Args { pos: rest, ..args })
}
fn compare_digest(py: Attached<'_>, _: &Object, args: Two<'_>) -> PyResult<bool> {
    let (left, right) = pair(py, args)?;
    fn same(left: &[u8], right: &[u8]) -> bool {
        // Looks at every byte of `right`, wherever the first difference is.
        let mut difference = u8::from(left.len() != right.len());
        let left = if left.len() == right.len() { left } else { right };
        for (left, right) in left.iter().zip(right) {
            difference |= std::hint::black_box(left ^ right);
        }
        difference == 0
    }
    if let (Some(left), Some(right)) = (left.downcast::<Str>(), right.downcast::<Str>()) {
        if !left.is_ascii() || !right.is_ascii() {
            return Err(raise!(py, TypeError, "comparing strings with non-ASCII characters is not supported"));
        }
        return Ok(same(left.data().as_bytes(), right.data().as_bytes()));
    }
    Ok(same(BytesArg::new(py, left)?.as_slice(), BytesArg::new(py, right)?.as_slice()))
}

krait_object::native! {
    /// `itemgetter`.
    pub struct ItemGetter { vectorcall: Field<Option<vectorcallfunc>>, items: Slot<Tuple> }
}
pytype! {
    static ITEM_GETTER: "operator.itemgetter" for ItemGetter {
        base: Object, flags: [HAVE_GC, HAVE_VECTORCALL],
        doc: "itemgetter(item, /, *items)\n--\n\nA callable that fetches the given items from its argument.\n\nitemgetter(2)(r) is r[2]; with several items the result is a tuple.",
        slots: {
            tp_dealloc = ItemGetter::dealloc,
            tp_traverse = ItemGetter::traverse,
            call vectorcall = ItemGetter::call,
            tp_repr = ItemGetter::repr,
            constructor = ItemGetter::construct,
        },
        methods: {
            noargs "__reduce__" => ItemGetter::reduce, "($self, /)", "What pickle needs to build it again.";
        },
        getset: {
            "__text_signature__" => |_: Attached<'_>, _: &ItemGetter| "(obj, /)", "";
        },
    }
}

/// `name(arg, ..)` with the qualified name of the class.
fn show(py: Attached<'_>, this: &Object, parts: impl FnOnce() -> PyResult<Vec<String>>) -> PyResult<String> {
    let Some(_guard) = krait_object::builtins::container::ReprGuard::enter(py, this)? else {
        return Ok(format!("{}(...)", this.ty().full_name()));
    };
    Ok(format!("{}({})", this.ty().full_name(), parts()?.join(", ")))
}

fn repr_of(py: Attached<'_>, object: &Object) -> PyResult<String> {
    Ok(object.repr(py)?.to_string_lossy().into_owned())
}

impl ItemGetter {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<ItemGetter>> {
        args.no_keywords(py, "itemgetter")?;
        if args.pos.is_empty() {
            return Err(raise!(py, TypeError, "itemgetter expected 1 argument, got 0"));
        }
        let items = args.pos_tuple(py)?;
        let this = alloc::<ItemGetter>(py, ty)?;
        this.vectorcall.set(slot_adapter!(@vectorcall ItemGetter, ItemGetter::call));
        drop(this.items.replace(Some(items)));
        Ok(this)
    }
    fn items(&self) -> &[&Object] {
        // SAFETY: [frozen]: set by the constructor.
        unsafe { self.items.borrow() }.map_or(&[], Tuple::as_slice)
    }
    fn call(py: Attached<'_>, this: &ItemGetter, args: Args<'_>) -> PyResult<Ref<Object>> {
        let object = args.unpack(py, "itemgetter", 1, 1)?[0];
        match this.items() {
            [item] => object.get_item(py, item),
            items => Ok(Tuple::build(py, items.len(), |at| object.get_item(py, items[at]))?.upcast()),
        }
    }
    fn repr(py: Attached<'_>, this: &ItemGetter) -> PyResult<String> {
        show(py, this.as_object(), || this.items().iter().map(|item| repr_of(py, item)).collect())
    }
    fn reduce(py: Attached<'_>, this: &ItemGetter) -> PyResult<Ref<Tuple>> {
        let items = this.items.get().unwrap_or_else(|| Tuple::empty(py));
        Tuple::pair(py, this.as_object().ty().to_ref().upcast(), items.upcast())
    }
}

krait_object::native! {
    /// `attrgetter`: the names as given, and each split at its dots.
    pub struct AttrGetter { vectorcall: Field<Option<vectorcallfunc>>, names: Slot<Tuple>, paths: Fixed<Vec<Vec<Ref<Str>>>> }
}
pytype! {
    static ATTR_GETTER: "operator.attrgetter" for AttrGetter {
        base: Object, flags: [HAVE_GC, HAVE_VECTORCALL],
        doc: "attrgetter(attr, /, *attrs)\n--\n\nA callable that fetches the given attributes from its argument.\n\nNames may have dots; with several names the result is a tuple.",
        slots: {
            tp_dealloc = AttrGetter::dealloc,
            tp_traverse = AttrGetter::traverse,
            call vectorcall = AttrGetter::call,
            tp_repr = AttrGetter::repr,
            constructor = AttrGetter::construct,
        },
        methods: {
            noargs "__reduce__" => AttrGetter::reduce, "($self, /)", "What pickle needs to build it again.";
        },
        getset: {
            "__text_signature__" => |_: Attached<'_>, _: &AttrGetter| "(obj, /)", "";
        },
    }
}

impl AttrGetter {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<AttrGetter>> {
        args.no_keywords(py, "attrgetter")?;
        if args.pos.is_empty() {
            return Err(raise!(py, TypeError, "attrgetter expected 1 argument, got 0"));
        }
        let mut paths = Vec::with_capacity(args.pos.len());
        for name in args.pos {
            let Some(name) = name.downcast::<Str>() else {
                return Err(raise!(py, TypeError, "attribute name must be a string"));
            };
            let points = name.to_code_points();
            let mut path = Vec::new();
            for part in points.split(|&point| point == '.' as u32) {
                path.push(Str::intern(py, Str::from_code_points(py, part)?).to_ref());
            }
            paths.push(path);
        }
        let names = args.pos_tuple(py)?;
        let this = alloc::<AttrGetter>(py, ty)?;
        this.vectorcall.set(slot_adapter!(@vectorcall AttrGetter, AttrGetter::call));
        drop(this.names.replace(Some(names)));
        this.paths.init(paths);
        Ok(this)
    }
    fn names(&self) -> &[&Object] {
        // SAFETY: [frozen]: set by the constructor.
        unsafe { self.names.borrow() }.map_or(&[], Tuple::as_slice)
    }
    fn fetch(py: Attached<'_>, object: &Object, path: &[Ref<Str>]) -> PyResult<Ref<Object>> {
        let mut value = object.get_attr(py, &path[0])?;
        for name in &path[1..] {
            value = value.get_attr(py, name)?;
        }
        Ok(value)
    }
    fn call(py: Attached<'_>, this: &AttrGetter, args: Args<'_>) -> PyResult<Ref<Object>> {
        let object = args.unpack(py, "attrgetter", 1, 1)?[0];
        match this.paths.get().map_or(&[][..], Vec::as_slice) {
            [path] => AttrGetter::fetch(py, object, path),
            paths => Ok(Tuple::build(py, paths.len(), |at| AttrGetter::fetch(py, object, &paths[at]))?.upcast()),
        }
    }
    fn repr(py: Attached<'_>, this: &AttrGetter) -> PyResult<String> {
        show(py, this.as_object(), || this.names().iter().map(|name| repr_of(py, name)).collect())
    }
    fn reduce(py: Attached<'_>, this: &AttrGetter) -> PyResult<Ref<Tuple>> {
        let names = this.names.get().unwrap_or_else(|| Tuple::empty(py));
        Tuple::pair(py, this.as_object().ty().to_ref().upcast(), names.upcast())
    }
}

krait_object::native! {
    /// `methodcaller`.
    pub struct MethodCaller { vectorcall: Field<Option<vectorcallfunc>>, name: Slot<Str>, args: Slot<Tuple>, kwargs: Slot<Dict> }
}
pytype! {
    static METHOD_CALLER: "operator.methodcaller" for MethodCaller {
        base: Object, flags: [HAVE_GC, HAVE_VECTORCALL],
        doc: "methodcaller(name, /, *args, **kwargs)\n--\n\nA callable that calls the named method of its argument, with the given arguments.",
        slots: {
            tp_dealloc = MethodCaller::dealloc,
            tp_traverse = MethodCaller::traverse,
            call vectorcall = MethodCaller::call,
            tp_repr = MethodCaller::repr,
            constructor = MethodCaller::construct,
        },
        methods: {
            noargs "__reduce__" => MethodCaller::reduce, "($self, /)", "What pickle needs to build it again.";
        },
        getset: {
            "__text_signature__" => |_: Attached<'_>, _: &MethodCaller| "(obj, /)", "";
        },
    }
}

impl MethodCaller {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<MethodCaller>> {
        let [name, rest @ ..] = args.pos else {
            return Err(raise!(py, TypeError, "methodcaller needs at least one argument, the method name"));
        };
        let Some(name) = name.downcast::<Str>() else {
            return Err(raise!(py, TypeError, "method name must be a string"));
        };
        let name = Str::intern(py, name.to_ref()).to_ref();
        let (rest, kwargs) = (Tuple::from_slice(py, rest)?, args.kw_dict(py)?);
        let this = alloc::<MethodCaller>(py, ty)?;
        this.vectorcall.set(slot_adapter!(@vectorcall MethodCaller, MethodCaller::call));
        drop(this.name.replace(Some(name)));
        drop(this.args.replace(Some(rest)));
        drop(this.kwargs.replace(kwargs));
        Ok(this)
    }
    fn call(py: Attached<'_>, this: &MethodCaller, args: Args<'_>) -> PyResult<Ref<Object>> {
        let object = args.unpack(py, "methodcaller", 1, 1)?[0];
        // SAFETY: [frozen]: set by the constructor.
        let (name, rest, kwargs) = unsafe { (this.name.borrow(), this.args.borrow(), this.kwargs.borrow()) };
        let (Some(name), Some(rest)) = (name, rest) else { return Err(py.bad_internal_call()) };
        let Some(kwargs) = kwargs else {
            return object.call_method(py, name, rest.as_slice());
        };
        let method = object.get_attr(py, name)?;
        method.call(py, ArgsBuf::new(py, rest, Some(kwargs)).args())
    }
    fn repr(py: Attached<'_>, this: &MethodCaller) -> PyResult<String> {
        show(py, this.as_object(), || {
            let mut parts = Vec::new();
            if let Some(name) = this.name.get() {
                parts.push(repr_of(py, name.as_object())?);
            }
            for item in this.args.get().as_ref().map_or(&[][..], |args| args.as_slice()) {
                parts.push(repr_of(py, item)?);
            }
            let kwargs = this.kwargs.get().map(|kwargs| kwargs.items_snapshot(py)).transpose()?;
            for (name, value) in kwargs.unwrap_or_default() {
                parts.push(format!("{}={}", name.str(py)?.to_string_lossy(), repr_of(py, &value)?));
            }
            Ok(parts)
        })
    }
    fn reduce(py: Attached<'_>, this: &MethodCaller) -> PyResult<Ref<Tuple>> {
        let name = krait_object::native::part(py, &this.name)?.upcast();
        let args = krait_object::native::part(py, &this.args)?;
        let class = this.as_object().ty().to_ref().upcast();
        let mut all = vec![name.clone()];
        match this.kwargs.get().filter(|kwargs| !kwargs.is_empty()) {
            None => {
                all.extend(args.as_slice().iter().map(|arg| arg.to_ref()));
                Tuple::pair(py, class, Tuple::from_vec(py, all)?.upcast())
            }
            Some(kwargs) => {
                let functools = (krait_object::hooks::hooks().import)(py, "functools")?;
                let partial = functools.get_attr(py, id!(py, partial))?;
                let pos = Tuple::from_vec(py, vec![class, name])?;
                let made = partial.call_with(py, &pos, Some(&kwargs))?;
                Tuple::pair(py, made, args.upcast())
            }
        }
    }
}

pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(py, table_of_operators())?;
    module.add_functions(py, table_of_inplace_operators())?;
    add_type::<ItemGetter>(py, module, "itemgetter")?;
    add_type::<AttrGetter>(py, module, "attrgetter")?;
    add_type::<MethodCaller>(py, module, "methodcaller")
}

fn table_of_operators() -> &'static [krait_object::layout::PyMethodDef] {
    functions! {
        o "truth" => |py: Attached<'_>, _: &Object, a: &Object| a.is_true(py), "($module, a, /)", "Return True if a is true, else False.";
        sig "contains" => contains, "($module, a, b, /)", "Same as b in a (note reversed operands).";
        sig "indexOf" => index_of, "($module, a, b, /)", "Return the first index of b in a.";
        sig "countOf" => count_of, "($module, a, b, /)", "Return how often b occurs in a.";
        sig "is_" => is, "($module, a, b, /)", "Same as a is b.";
        sig "is_not" => is_not, "($module, a, b, /)", "Same as a is not b.";
        o "is_none" => |_: Attached<'_>, _: &Object, a: &Object| a.is_none(), "($module, a, /)", "Same as a is None.";
        o "is_not_none" => |_: Attached<'_>, _: &Object, a: &Object| !a.is_none(), "($module, a, /)", "Same as a is not None.";
        sig "add" => add, "($module, a, b, /)", "Same as a + b.";
        sig "sub" => sub, "($module, a, b, /)", "Same as a - b.";
        sig "mul" => mul, "($module, a, b, /)", "Same as a * b.";
        sig "matmul" => matmul, "($module, a, b, /)", "Same as a @ b.";
        sig "floordiv" => floordiv, "($module, a, b, /)", "Same as a // b.";
        sig "truediv" => truediv, "($module, a, b, /)", "Same as a / b.";
        sig "mod" => modulo, "($module, a, b, /)", "Same as a % b.";
        o "neg" => |py: Attached<'_>, _: &Object, a: &Object| a.negative(py), "($module, a, /)", "Same as -a.";
        o "pos" => |py: Attached<'_>, _: &Object, a: &Object| a.positive(py), "($module, a, /)", "Same as +a.";
        o "abs" => |py: Attached<'_>, _: &Object, a: &Object| a.absolute(py), "($module, a, /)", "Same as abs(a).";
        o "inv" => |py: Attached<'_>, _: &Object, a: &Object| a.invert(py), "($module, a, /)", "Same as ~a.";
        o "invert" => |py: Attached<'_>, _: &Object, a: &Object| a.invert(py), "($module, a, /)", "Same as ~a.";
        sig "lshift" => lshift, "($module, a, b, /)", "Same as a << b.";
        sig "rshift" => rshift, "($module, a, b, /)", "Same as a >> b.";
        o "not_" => |py: Attached<'_>, _: &Object, a: &Object| a.is_true(py).map(|truth| !truth), "($module, a, /)", "Same as not a.";
        sig "and_" => and, "($module, a, b, /)", "Same as a & b.";
        sig "xor" => xor, "($module, a, b, /)", "Same as a ^ b.";
        sig "or_" => or, "($module, a, b, /)", "Same as a | b.";
        sig "pow" => power, "($module, a, b, /)", "Same as a ** b.";
        sig "concat" => concat, "($module, a, b, /)", "Same as a + b, for a and b sequences.";
        sig "getitem" => getitem, "($module, a, b, /)", "Same as a[b].";
        sig "setitem" => setitem, "($module, a, b, c, /)", "Same as a[b] = c.";
        sig "delitem" => delitem, "($module, a, b, /)", "Same as del a[b].";
        sig "eq" => eq, "($module, a, b, /)", "Same as a == b.";
        sig "lt" => lt, "($module, a, b, /)", "Same as a < b.";
        sig "le" => le, "($module, a, b, /)", "Same as a <= b.";
        sig "ne" => ne, "($module, a, b, /)", "Same as a != b.";
        sig "gt" => gt, "($module, a, b, /)", "Same as a > b.";
        sig "ge" => ge, "($module, a, b, /)", "Same as a >= b.";
    }
}

fn table_of_inplace_operators() -> &'static [krait_object::layout::PyMethodDef] {
    functions! {
        o "index" => |py: Attached<'_>, _: &Object, a: &Object| a.index(py)?.exact(py), "($module, a, /)", "Same as a.__index__().";
        sig "iadd" => iadd, "($module, a, b, /)", "Same as a += b.";
        sig "isub" => isub, "($module, a, b, /)", "Same as a -= b.";
        sig "imul" => imul, "($module, a, b, /)", "Same as a *= b.";
        sig "imatmul" => imatmul, "($module, a, b, /)", "Same as a @= b.";
        sig "ifloordiv" => ifloordiv, "($module, a, b, /)", "Same as a //= b.";
        sig "itruediv" => itruediv, "($module, a, b, /)", "Same as a /= b.";
        sig "imod" => imod, "($module, a, b, /)", "Same as a %= b.";
        sig "ilshift" => ilshift, "($module, a, b, /)", "Same as a <<= b.";
        sig "irshift" => irshift, "($module, a, b, /)", "Same as a >>= b.";
        sig "iand" => iand, "($module, a, b, /)", "Same as a &= b.";
        sig "ixor" => ixor, "($module, a, b, /)", "Same as a ^= b.";
        sig "ior" => ior, "($module, a, b, /)", "Same as a |= b.";
        sig "ipow" => ipow, "($module, a, b, /)", "Same as a **= b.";
        sig "iconcat" => iconcat, "($module, a, b, /)", "Same as a += b, for a and b sequences.";
        sig "length_hint" => length_hint, "($module, obj, default=0, /)", "Return an estimate of the number of items, or default.";
        sig "_compare_digest" => compare_digest, "($module, a, b, /)", "Return 'a == b', in a time that does not tell where they differ.";
        raw "call" => call, "($module, obj, /, *args, **kwargs)", "Same as obj(*args, **kwargs).";
    }
}
