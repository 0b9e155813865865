//! `_contextvars`: contexts, context variables and tokens.
//!
//! A context has an immutable map: copying a context shares the map, and a change makes another that shares most of it.
use crate::hamt::{Map, Pair};
use krait_object::args::{Args, Signature};
use krait_object::builtins::genericaliasobject::class_getitem;
use krait_object::builtins::object::hash_pointer;
use krait_object::layout::{Field, PyObject};
use krait_object::native::{Arg, Fixed, State, add_type, advance, alloc, part, ready, required};
use krait_object::typedef::CompareOp;
use krait_object::{
    Attached, FREE_THREADED, IntoObject, Layout, Module, Object, PyResult, Ref, Slot, Str, Tuple, Type, exc, functions,
    not_implemented, pytype, raise,
};
use std::mem::offset_of;

krait_object::native! {
    /// `Context`.
    pub struct Context { previous: Slot<Context>, map: State<Map>, entered: Field<bool>, weaklist: Field<*mut PyObject> }
}
pytype! {
    #[unsafe(no_mangle)]
    pub static PyContext_Type: "_contextvars.Context" for Context {
        base: Object, flags: [HAVE_GC],
        doc: "A set of values of context variables.",
        slots: {
            tp_dealloc = Context::dealloc,
            tp_traverse = Context::traverse,
            tp_clear = |_: Attached<'_>, this: &Context| { let old = std::mem::take(&mut *this.map.lock()); drop(old); },
            tp_iter = Context::keys,
            tp_richcompare = Context::compare,
            tp_new = Context::construct,
            raw tp_weaklistoffset = offset_of!(Context, weaklist) as isize,
            mp_length = |_: Attached<'_>, this: &Context| Ok(this.map.lock().len()),
            mp_subscript = Context::subscript,
            sq_contains = |py: Attached<'_>, this: &Context, key: &Object| Ok(this.find(py, key)?.is_some()),
        },
        methods: {
            raw "run" => Context::run, "", "Run a callable inside the context: run(callable, *args, **kwargs).";
            noargs "copy" => |py: Attached<'_>, this: &Context| this.copy(py), "($self, /)", "Return a shallow copy of the context object.";
            sig "get" => Context::get, "($self, key, default=None, /)", "Return the value for `key` if `key` has the value in the context object.\n\nOtherwise the default.";
            noargs "keys" => Context::keys, "($self, /)", "Return a list of all variables in the context object.";
            noargs "values" => Context::values, "($self, /)", "Return a list of all variables' values in the context object.";
            noargs "items" => Context::items, "($self, /)", "Return a list of pairs of variable and value.";
        },
    }
}

/// Makes what was cached of the thread's context stale.
fn touch(py: Attached<'_>) {
    let version = &py.tstate().context_ver;
    version.set(version.get() + 1);
}

impl Context {
    fn construct(py: Attached<'_>, _: &Type, args: Args<'_>) -> PyResult<Ref<Context>> {
        if !args.is_empty() {
            return Err(raise!(py, TypeError, "Context() does not accept any arguments"));
        }
        Context::with(py, Map::default())
    }

    fn with(py: Attached<'_>, map: Map) -> PyResult<Ref<Context>> {
        let this = alloc::<Context>(py, Context::type_object())?;
        this.map.init(map);
        Ok(this)
    }

    /// The calling thread's context, made when first needed.
    pub fn current(py: Attached<'_>) -> PyResult<Ref<Context>> {
        if let Some(context) = Context::entered(py) {
            return Ok(context);
        }
        let context = Context::with(py, Map::default())?;
        context.entered.set(true);
        // SAFETY: the field owns null or a context.
        drop(unsafe { Slot::<Object>::of(&py.tstate().context) }.replace(Some(context.clone().upcast())));
        Ok(context)
    }

    /// The calling thread's context, if it has one.
    fn entered(py: Attached<'_>) -> Option<Ref<Context>> {
        // SAFETY: the field owns null or a context.
        let slot = unsafe { Slot::<Object>::of(&py.tstate().context) };
        slot.get().and_then(|context| context.downcast::<Context>().ok())
    }

    pub fn copy(&self, py: Attached<'_>) -> PyResult<Ref<Context>> {
        let map = self.map.lock().clone();
        Context::with(py, map)
    }

    fn value(&self, py: Attached<'_>, var: &ContextVar) -> PyResult<Option<Ref<Object>>> {
        // Variables are compared by identity, so no Python code runs.
        self.map.lock().find(py, hash_pointer(var), var.as_object())
    }

    /// Sets or removes a value of the thread's own context; returns the old one.
    fn set(&self, py: Attached<'_>, var: &ContextVar, value: Option<Ref<Object>>) -> PyResult<Option<Ref<Object>>> {
        let hash = hash_pointer(var);
        let (old, before) = {
            let mut map = self.map.lock();
            let old = map.find(py, hash, var.as_object())?;
            let changed = match value {
                Some(value) => map.with(py, hash, var.as_object().to_ref(), value)?,
                None => map.without(py, hash, var.as_object())?,
            };
            (old, changed.map(|changed| std::mem::replace(&mut *map, changed)))
        };
        touch(py);
        drop(before);
        Ok(old)
    }

    fn find(&self, py: Attached<'_>, key: &Object) -> PyResult<Option<Ref<Object>>> {
        match key.downcast::<ContextVar>() {
            Some(var) => self.value(py, var),
            None => {
                Err(raise!(py, TypeError, "a ContextVar key was expected, got {}", key.repr(py)?.to_string_lossy()))
            }
        }
    }

    fn subscript(py: Attached<'_>, this: &Context, key: &Object) -> PyResult<Ref<Object>> {
        match this.find(py, key)? {
            Some(value) => Ok(value),
            None => Err(py.raise_value(exc::KeyError(), key)),
        }
    }

    fn get(py: Attached<'_>, this: &Context, [key, default]: [Arg<'_>; 2]) -> PyResult<Option<Ref<Object>>> {
        Ok(this.find(py, required(py, key)?)?.or_else(|| default.map(|default| default.to_ref())))
    }

    /// The variables with their values.
    fn pairs(&self) -> Vec<Pair> {
        self.map.lock().pairs()
    }
    fn keys(py: Attached<'_>, this: &Context) -> PyResult<Ref<KeysIter>> {
        KeysIter::over(py, this.pairs().into_iter().map(|pair| pair.key).collect())
    }
    fn values(py: Attached<'_>, this: &Context) -> PyResult<Ref<ValuesIter>> {
        ValuesIter::over(py, this.pairs().into_iter().map(|pair| pair.value).collect())
    }
    fn items(py: Attached<'_>, this: &Context) -> PyResult<Ref<ItemsIter>> {
        let pairs = this.pairs().into_iter().map(|pair| Ok(Tuple::pair(py, pair.key, pair.value)?.upcast()));
        ItemsIter::over(py, pairs.collect::<PyResult<_>>()?)
    }

    fn compare(py: Attached<'_>, this: &Context, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        let (Some(other), true) = (other.downcast::<Context>(), matches!(op, CompareOp::Eq | CompareOp::Ne)) else {
            return Ok(not_implemented());
        };
        let (left, right) = (this.pairs(), other.map.lock().clone());
        let mut same = left.len() == right.len();
        for pair in &left {
            same = same
                && match right.find(py, hash_pointer(&*pair.key), &pair.key)? {
                    Some(value) => pair.value.eq(py, &value)?,
                    None => false,
                };
        }
        (same == (op == CompareOp::Eq)).into_object(py)
    }

    /// Makes the context the thread's current one.
    pub fn enter(py: Attached<'_>, this: &Context) -> PyResult<()> {
        if this.entered.get() {
            let shown = this.as_object().repr(py)?;
            return Err(raise!(
                py,
                RuntimeError,
                "cannot enter context: {} is already entered",
                shown.to_string_lossy()
            ));
        }
        let previous = Context::entered(py);
        this.entered.set(true);
        drop(this.previous.replace(previous));
        touch(py);
        // SAFETY: the field owns null or a context.
        drop(unsafe { Slot::<Object>::of(&py.tstate().context) }.replace(Some(this.to_ref().upcast())));
        krait_object::watch::context_switched(py, Some(this.as_object()));
        Ok(())
    }

    /// Goes back to the context before.
    pub fn exit(py: Attached<'_>, this: &Context) -> PyResult<()> {
        let shown = |what: &str| -> PyResult<()> {
            let repr = this.as_object().repr(py)?;
            Err(raise!(py, RuntimeError, "cannot exit context: {} {what}", repr.to_string_lossy()))
        };
        if !this.entered.get() {
            return shown("has not been entered");
        }
        if !Context::current(py)?.as_object().is(this) {
            return shown("is not the current context");
        }
        this.entered.set(false);
        let previous = this.previous.take().map(Ref::upcast);
        touch(py);
        // SAFETY: the field owns null or a context.
        drop(unsafe { Slot::<Object>::of(&py.tstate().context) }.replace(previous.clone()));
        krait_object::watch::context_switched(py, previous.as_deref());
        Ok(())
    }

    fn run(py: Attached<'_>, this: &Context, args: Args<'_>) -> PyResult<Ref<Object>> {
        let [callable, rest @ ..] = args.pos else {
            return Err(raise!(py, TypeError, "run() missing 1 required positional argument"));
        };
        Context::enter(py, this)?;
        let result = callable.call(py, Args { pos: rest, ..args });
        match result {
            Ok(value) => Context::exit(py, this).map(|()| value),
            Err(raised) => {
                let exception = raised.take(py);
                Context::exit(py, this)?;
                Err(py.restore(exception))
            }
        }
    }
}

/// An iterator over what a context held when it was made; its length stays that of the whole.
macro_rules! entries {
    ($symbol:ident $name:literal $Ty:ident) => {
        krait_object::native! { struct $Ty { entries: Fixed<Vec<Ref<Object>>>, at: Field<isize> } }
        pytype! {
            static $symbol: $name for $Ty {
                base: Object, flags: [HAVE_GC, DISALLOW_INSTANTIATION],
                slots: {
                    tp_dealloc = $Ty::dealloc,
                    tp_traverse = $Ty::traverse,
                    tp_iter = |_: Attached<'_>, this: &$Ty| this.to_ref(),
                    tp_iternext = $Ty::next,
                    mp_length = |_: Attached<'_>, this: &$Ty| Ok(this.entries.get().map_or(0, Vec::len)),
                },
            }
        }
        impl $Ty {
            fn over(py: Attached<'_>, entries: Vec<Ref<Object>>) -> PyResult<Ref<$Ty>> {
                let this = alloc::<$Ty>(py, $Ty::type_object())?;
                this.entries.init(entries);
                Ok(this)
            }
            fn next(_: Attached<'_>, this: &$Ty) -> PyResult<Option<Ref<Object>>> {
                let Some(entries) = this.entries.get() else { return Ok(None) };
                let at = advance(&this.at, |at| (at < entries.len() as isize).then_some(at + 1));
                Ok(at.map(|at| entries[at as usize].clone()))
            }
        }
    };
}
entries! { KEYS "keys" KeysIter }
entries! { VALUES "values" ValuesIter }
entries! { ITEMS "items" ItemsIter }

krait_object::native! {
    /// `ContextVar`.
    ///
    /// Under the GIL it keeps the value found last, borrowed from the context and null where there was none, with the
    /// thread and the version of the thread's context that it belongs to: 0 before the first look.
    pub struct ContextVar {
        name: Slot<Str>,
        default: Slot,
        found: Field<*mut PyObject>,
        found_by: Field<u64>,
        found_at: Field<u64>,
    }
}
pytype! {
    #[unsafe(no_mangle)]
    pub static PyContextVar_Type: "_contextvars.ContextVar" for ContextVar {
        base: Object, flags: [HAVE_GC],
        doc: "A variable whose value depends on the context.",
        slots: {
            tp_dealloc = ContextVar::dealloc,
            tp_traverse = ContextVar::traverse,
            tp_repr = ContextVar::repr,
            tp_new = ContextVar::construct,
            tp_hash = |_: Attached<'_>, this: &ContextVar| Ok(hash_pointer(this)),
        },
        methods: {
            raw "get" => ContextVar::get, "($self, default=<unrepresentable>, /)", "Return a value for the context variable for the current context.\n\nIf there is none, the default given here, or the variable's own.";
            o "set" => ContextVar::set, "($self, value, /)", "Set a new value in the current context and return a token that can restore the old one.";
            o "reset" => ContextVar::reset, "($self, token, /)", "Restore the value that the variable had before the set() that made the token.";
            class o "__class_getitem__" => class_getitem, "($type, object, /)", "See PEP 585";
        },
        getset: {
            "name" => |_: Attached<'_>, this: &ContextVar| this.name.get(), "";
        },
    }
}

impl ContextVar {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<ContextVar>> {
        const SIG: Signature = Signature::parse("ContextVar", "(name, /, *, default=None)");
        let [name, default] = SIG.bind::<2>(py, args)?;
        let Some(name) = required(py, name)?.downcast::<Str>() else {
            return Err(raise!(py, TypeError, "context variable name must be a str"));
        };
        name.as_object().hash(py)?;
        let this = alloc::<ContextVar>(py, ty)?;
        drop(this.name.replace(Some(name.to_ref())));
        drop(this.default.replace(default.map(|default| default.to_ref())));
        Ok(this)
    }
    /// The variable's value in the current context, or its default.
    pub fn lookup(&self, py: Attached<'_>) -> PyResult<Option<Ref<Object>>> {
        let thread = py.tstate();
        if !FREE_THREADED && self.found_by.get() == thread.id.get() && self.found_at.get() == thread.context_ver.get() {
            // SAFETY: [attached]: the thread's context, which changes with its version only, has a reference to it.
            return Ok(unsafe { Ref::from_borrowed_opt(self.found.get()) });
        }
        let value = Context::current(py)?.value(py, self)?;
        if !FREE_THREADED {
            self.found.set(value.as_ref().map_or(std::ptr::null_mut(), |value| value.as_ptr()));
            self.found_by.set(thread.id.get());
            self.found_at.set(thread.context_ver.get());
        }
        Ok(value)
    }
    /// The variable's value in the current context, or `default`, or the variable's own default.
    pub fn value_or(&self, py: Attached<'_>, default: Option<&Object>) -> PyResult<Option<Ref<Object>>> {
        let value = self.lookup(py)?;
        Ok(value.or_else(|| default.map(Layout::to_ref)).or_else(|| self.default.get()))
    }
    fn get(py: Attached<'_>, this: &ContextVar, args: Args<'_>) -> PyResult<Ref<Object>> {
        let pos = args.unpack(py, "get", 0, 1)?;
        match this.value_or(py, pos.first().copied())? {
            Some(value) => Ok(value),
            None => Err(py.raise_value(exc::LookupError(), this.as_object())),
        }
    }
    /// Gives the variable a value in the current context.
    pub fn set(py: Attached<'_>, this: &ContextVar, value: &Object) -> PyResult<Ref<Token>> {
        let context = Context::current(py)?;
        let old = context.set(py, this, Some(value.to_ref()))?;
        let token = alloc::<Token>(py, Token::type_object())?;
        drop(token.var.replace(Some(this.to_ref())));
        drop(token.context.replace(Some(context)));
        drop(token.old.replace(old));
        Ok(token)
    }
    /// Undoes the [`ContextVar::set`] that made the token.
    ///
    /// # Errors
    /// `TypeError` for what is no token, `ValueError` for another variable's or context's, `RuntimeError` for a used one.
    pub fn reset(py: Attached<'_>, this: &ContextVar, token: &Object) -> PyResult<()> {
        let Some(token) = token.downcast::<Token>() else {
            let shown = token.repr(py)?;
            return Err(raise!(py, TypeError, "expected an instance of Token, got {}", shown.to_string_lossy()));
        };
        token.check_unused(py)?;
        let shown = || token.as_object().repr(py).map(|text| text.to_string_lossy().into_owned());
        if !part(py, &token.var)?.as_object().is(this) {
            return Err(raise!(py, ValueError, "{} was created by a different ContextVar", shown()?));
        }
        let context = Context::current(py)?;
        if !part(py, &token.context)?.as_object().is(&*context) {
            return Err(raise!(py, ValueError, "{} was created in a different Context", shown()?));
        }
        token.used.set(true);
        let old = context.set(py, this, token.old.get())?;
        drop(old);
        Ok(())
    }
    fn repr(py: Attached<'_>, this: &ContextVar) -> PyResult<String> {
        let default = match this.default.get() {
            Some(default) => format!(" default={}", default.repr(py)?.to_string_lossy()),
            None => String::new(),
        };
        let name = part(py, &this.name)?.as_object().repr(py)?;
        Ok(format!("<ContextVar name={}{default} at {:p}>", name.to_string_lossy(), this.as_ptr()))
    }
}

krait_object::native! {
    /// `Token`.
    pub struct Token { var: Slot<ContextVar>, context: Slot<Context>, old: Slot, used: Field<bool> }
}
pytype! {
    #[unsafe(no_mangle)]
    pub static PyContextToken_Type: "_contextvars.Token" for Token {
        base: Object, flags: [HAVE_GC],
        doc: "What restores the value before a ContextVar.set().",
        slots: {
            tp_dealloc = Token::dealloc,
            tp_traverse = Token::traverse,
            tp_repr = Token::repr,
            tp_new = |py: Attached<'_>, _: &Type, _: Args<'_>| -> PyResult<Ref<Object>> { Err(raise!(py, RuntimeError, "Tokens can only be created by ContextVars")) },
        },
        methods: {
            class o "__class_getitem__" => class_getitem, "($type, object, /)", "See PEP 585";
            noargs "__enter__" => |_: Attached<'_>, this: &Token| this.to_ref(), "($self, /)", "Enter into Token context manager.";
            sig "__exit__" => |py: Attached<'_>, this: &Token, _: [Arg<'_>; 3]| -> PyResult<()> { ContextVar::reset(py, &*part(py, &this.var)?, this.as_object()) }, "($self, type, val, tb, /)", "Exit from Token context manager, restore the linked ContextVar.";
        },
        getset: {
            "var" => |_: Attached<'_>, this: &Token| this.var.get(), "";
            "old_value" => |_: Attached<'_>, this: &Token| this.old.get().unwrap_or_else(|| missing().to_ref()), "";
        },
    }
}

impl Token {
    fn check_unused(&self, py: Attached<'_>) -> PyResult<()> {
        if self.used.get() {
            let shown = self.as_object().repr(py)?;
            return Err(raise!(py, RuntimeError, "{} has already been used once", shown.to_string_lossy()));
        }
        Ok(())
    }
    fn repr(py: Attached<'_>, this: &Token) -> PyResult<String> {
        let used = if this.used.get() { " used" } else { "" };
        let var = part(py, &this.var)?.as_object().repr(py)?;
        Ok(format!("<Token{used} var={} at {:p}>", var.to_string_lossy(), this.as_ptr()))
    }
}

krait_object::native! {
    /// What stands for no old value.
    pub struct Missing {}
}
pytype! {
    static MISSING_TYPE: "Token.MISSING" for Missing {
        base: Object, flags: [DISALLOW_INSTANTIATION],
        slots: {
            tp_dealloc = Missing::dealloc,
            tp_repr = |_: Attached<'_>, _: &Missing| "<Token.MISSING>",
        },
    }
}
struct MissingCell(Missing);
// SAFETY: an immortal object without content.
unsafe impl Sync for MissingCell {}
static MISSING: MissingCell =
    MissingCell(Missing { ob_base: PyObject::immortal((&raw const MISSING_TYPE).cast_mut()) });

fn missing() -> &'static Object {
    MISSING.0.as_object()
}

pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    ready::<Missing>(py)?;
    ready::<KeysIter>(py)?;
    ready::<ValuesIter>(py)?;
    ready::<ItemsIter>(py)?;
    add_type::<Context>(py, module, "Context")?;
    add_type::<ContextVar>(py, module, "ContextVar")?;
    add_type::<Token>(py, module, "Token")?;
    if let Some(dict) = Token::type_object().dict() {
        dict.set_str(py, "MISSING", missing())?;
        Token::type_object().modified(py);
    }
    module.add_functions(
        py,
        functions! {
            noargs "copy_context" => |py: Attached<'_>, _: &Object| Context::current(py).and_then(|context| context.copy(py)), "($module, /)", "Return a copy of the current context.";
        },
    )
}
