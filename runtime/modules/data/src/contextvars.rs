//! `_contextvars`: context variables.
//!
//! A context's values are a dict that copies of the context share. A context that changes a shared dict copies it first,
//! and goes on with its own; so a copy costs nothing, and a change costs a copy at most once per copied context.
use crate::util::{Arg, add_type, alloc, part, required};
use krait_object::args::{Args, Signature};
use krait_object::builtins::genericaliasobject::class_getitem;
use krait_object::layout::Field;
use krait_object::typedef::CompareOp;
use krait_object::{
    Attached, Dict, Layout, List, Module, Object, PyResult, Raised, Ref, Slot, Str, Tuple, Type, exc, functions, id,
    none, not_implemented, pytype, raise,
};

native! {
    /// `Context`.
    pub struct Context { values: Slot<Dict>, shared: Field<bool>, entered: Field<bool>, previous: Slot<Context>, weaklist: Field<*mut krait_object::layout::PyObject> }
}
pytype! {
    #[unsafe(no_mangle)]
    pub static PyContext_Type: "_contextvars.Context" for Context {
        base: Object, flags: [HAVE_GC],
        doc: "Context()\n--\n\nValues of context variables.",
        slots: {
            constructor = Context::construct,
            tp_dealloc = Context::dealloc,
            tp_traverse = Context::traverse,
            tp_clear = |_: Attached<'_>, this: &Context| { drop(this.previous.take()); drop(this.values.take()) },
            tp_richcompare = Context::compare,
            tp_iter = |py: Attached<'_>, this: &Context| this.list(py, |key, _| Ok(key))?.as_object().iter(py),
            raw tp_weaklistoffset = std::mem::offset_of!(Context, weaklist) as isize,
            length = |_: Attached<'_>, this: &Context| Ok(this.values.get().map_or(0, |values| values.len())),
            sq_contains = |py: Attached<'_>, this: &Context, key: &Object| Ok(this.find(py, checked(py, key)?)?.is_some()),
            mp_subscript = Context::subscript,
        },
        methods: {
            raw "run" => Context::run, "($self, callable, /, *args, **kwargs)", "Calls the callable in this context.";
            noargs "copy" => Context::copy, "($self, /)", "A copy of the context.";
            sig "get" => Context::get, "($self, key, default=None, /)", "The value of a variable, or the default.";
            noargs "keys" => |py: Attached<'_>, this: &Context| this.list(py, |key, _| Ok(key))?.as_object().iter(py), "($self, /)", "The variables that have a value.";
            noargs "values" => |py: Attached<'_>, this: &Context| this.list(py, |_, value| Ok(value))?.as_object().iter(py), "($self, /)", "The values.";
            noargs "items" => |py: Attached<'_>, this: &Context| this.list(py, |key, value| Ok(Tuple::pair(py, key, value)?.upcast()))?.as_object().iter(py), "($self, /)", "Pairs of variable and value.";
        },
    }
}

/// `key` as a variable.
fn checked<'a>(py: Attached<'_>, key: &'a Object) -> PyResult<&'a ContextVar> {
    match key.downcast::<ContextVar>() {
        Some(var) => Ok(var),
        None => Err(raise!(py, TypeError, "a ContextVar key was expected, got {}", key.repr(py)?)),
    }
}

impl Context {
    /// An empty context.
    pub fn new(py: Attached<'_>) -> PyResult<Ref<Context>> {
        alloc::<Context>(py, Self::type_object())
    }

    fn construct(py: Attached<'_>, _: &Type, args: Args<'_>) -> PyResult<Ref<Context>> {
        if !args.is_empty() {
            return Err(raise!(py, TypeError, "Context() does not accept any arguments"));
        }
        Self::new(py)
    }

    /// The thread's present context, made when there is none yet.
    pub fn current(py: Attached<'_>) -> PyResult<Ref<Context>> {
        if let Some(context) = slot(py).get() {
            return Ok(context);
        }
        let context = Self::new(py)?;
        context.entered.set(true);
        drop(slot(py).replace(Some(context.clone())));
        Ok(context)
    }

    /// A context with the same values.
    pub fn copy(py: Attached<'_>, this: &Context) -> PyResult<Ref<Context>> {
        let copy = Self::new(py)?;
        this.shared.set(true);
        copy.shared.set(true);
        drop(copy.values.replace(this.values.get()));
        Ok(copy)
    }

    /// Makes this the thread's context.
    ///
    /// # Errors
    /// `RuntimeError` when it is in use already.
    pub fn enter(&self, py: Attached<'_>) -> PyResult<()> {
        let free = {
            let _lock = self.lock(py);
            let free = !self.entered.get();
            self.entered.set(true);
            free
        };
        if !free {
            return Err(raise!(
                py,
                RuntimeError,
                "cannot enter context: {} is already entered",
                self.as_object().repr(py)?
            ));
        }
        let before = slot(py).replace(Some(self.to_ref()));
        drop(self.previous.replace(before));
        Ok(())
    }

    /// Goes back to the context before.
    ///
    /// # Errors
    /// `RuntimeError` when it is not the thread's present context.
    pub fn exit(&self, py: Attached<'_>) -> PyResult<()> {
        if !self.entered.get() {
            return Err(raise!(
                py,
                RuntimeError,
                "cannot exit context: {} has not been entered",
                self.as_object().repr(py)?
            ));
        }
        if slot(py).raw() != self.as_ptr() {
            return Err(raise!(
                py,
                RuntimeError,
                "cannot exit context: thread state references a different context object"
            ));
        }
        let present = slot(py).replace(self.previous.take());
        self.entered.set(false);
        drop(present);
        Ok(())
    }

    fn run(py: Attached<'_>, this: &Context, args: Args<'_>) -> PyResult<Ref<Object>> {
        let Some((callable, pos)) = args.pos.split_first() else {
            return Err(raise!(py, TypeError, "run() missing 1 required positional argument"));
        };
        this.enter(py)?;
        let result = callable.call(py, Args { pos, ..args });
        match result {
            Ok(result) => this.exit(py).map(|()| result),
            Err(raised) => {
                let exception = raised.take(py);
                match this.exit(py) {
                    Ok(()) => Err(py.restore(exception)),
                    Err(other) => Err(other),
                }
            }
        }
    }

    fn find(&self, py: Attached<'_>, var: &ContextVar) -> PyResult<Option<Ref<Object>>> {
        self.values.get().map_or(Ok(None), |values| values.get(py, var.as_object()))
    }

    /// The values for a change.
    fn own(&self, py: Attached<'_>) -> PyResult<Ref<Dict>> {
        let values = self.values.get();
        if let (Some(values), false) = (&values, self.shared.get()) {
            return Ok(values.clone());
        }
        let own = Dict::new(py)?;
        for (key, value) in values.iter().flat_map(|values| values.items_snapshot(py)) {
            own.set(py, &key, &value)?;
        }
        drop(self.values.replace(Some(own.clone())));
        self.shared.set(false);
        Ok(own)
    }

    fn list(
        &self,
        py: Attached<'_>,
        each: impl Fn(Ref<Object>, Ref<Object>) -> PyResult<Ref<Object>>,
    ) -> PyResult<Ref<List>> {
        let items = self.values.get().map_or_else(Vec::new, |values| values.items_snapshot(py));
        List::from_vec(py, items.into_iter().map(|(key, value)| each(key, value)).collect::<PyResult<_>>()?)
    }

    fn subscript(py: Attached<'_>, this: &Context, key: &Object) -> PyResult<Ref<Object>> {
        match this.find(py, checked(py, key)?)? {
            Some(value) => Ok(value),
            None => Err(py.raise_value(exc::KeyError(), key)),
        }
    }

    fn get(py: Attached<'_>, this: &Context, [key, default]: [Arg<'_>; 2]) -> PyResult<Ref<Object>> {
        let found = this.find(py, checked(py, required(py, key)?)?)?;
        Ok(found.unwrap_or_else(|| default.map_or_else(none, Object::to_ref)))
    }

    fn compare(py: Attached<'_>, this: &Context, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        let (Some(other), CompareOp::Eq | CompareOp::Ne) = (other.downcast::<Context>(), op) else {
            return Ok(not_implemented());
        };
        let (left, right) = (this.values.get(), other.values.get());
        let empty = Dict::new(py)?;
        let (left, right) = (left.unwrap_or_else(|| empty.clone()), right.unwrap_or(empty));
        left.as_object().rich_compare(py, right.as_object(), op)
    }
}

/// The present thread's context.
fn slot(py: Attached<'_>) -> &Slot<Context> {
    // SAFETY: [owned]: the field holds null or an owned context.
    let slot = unsafe { Slot::<Object>::of(&py.tstate().context) };
    // SAFETY: as above; slots of any layout are one pointer.
    unsafe { &*std::ptr::from_ref(slot).cast() }
}

native! {
    /// `ContextVar`.
    pub struct ContextVar { name: Slot<Str>, default: Slot }
}
pytype! {
    #[unsafe(no_mangle)]
    pub static PyContextVar_Type: "_contextvars.ContextVar" for ContextVar {
        base: Object, flags: [HAVE_GC],
        doc: "ContextVar(name, *, default=...)\n--\n\nA variable whose value depends on the context.",
        slots: {
            constructor = ContextVar::construct,
            tp_dealloc = ContextVar::dealloc,
            tp_traverse = ContextVar::traverse,
            tp_clear = |_: Attached<'_>, this: &ContextVar| drop(this.default.take()),
            tp_repr = ContextVar::repr,
        },
        methods: {
            raw "get" => ContextVar::get, "($self, default=<unrepresentable>, /)", "The variable's value in the present context, or the default.";
            o "set" => |py: Attached<'_>, this: &ContextVar, value: &Object| this.assign(py, value), "($self, value, /)", "Sets the value in the present context; a token that can undo it.";
            o "reset" => ContextVar::reset, "($self, token, /)", "Goes back to the value before the set() that made the token.";
            class o "__class_getitem__" => class_getitem, "", "See PEP 585";
        },
        getset: { "name" => |_: Attached<'_>, this: &ContextVar| this.name.get(), "The variable's name."; },
    }
}

impl ContextVar {
    /// A new variable.
    pub fn new(py: Attached<'_>, name: &Str, default: Option<&Object>) -> PyResult<Ref<ContextVar>> {
        let var = alloc::<ContextVar>(py, Self::type_object())?;
        drop(var.name.replace(Some(name.to_ref())));
        drop(var.default.replace(default.map(Object::to_ref)));
        Ok(var)
    }

    fn construct(py: Attached<'_>, _: &Type, args: Args<'_>) -> PyResult<Ref<ContextVar>> {
        static SIG: Signature = Signature::parse("ContextVar", "(name, *, default=None)");
        let [name, default] = SIG.bind::<2>(py, args)?;
        match required(py, name)?.downcast::<Str>() {
            Some(name) => Self::new(py, name, default),
            None => Err(raise!(py, TypeError, "context variable name must be a str")),
        }
    }

    fn repr(py: Attached<'_>, this: &ContextVar) -> PyResult<String> {
        let name = part(py, &this.name)?.as_object().repr(py)?;
        let default = match this.default.get() {
            Some(default) => format!(" default={}", default.repr(py)?),
            None => String::new(),
        };
        Ok(format!("<ContextVar name={name}{default} at {:p}>", this.as_ptr()))
    }

    /// The value in the present context, or `default`, or the variable's own default.
    pub fn value(&self, py: Attached<'_>, default: Option<&Object>) -> PyResult<Option<Ref<Object>>> {
        if let Some(context) = slot(py).get()
            && let Some(value) = context.find(py, self)?
        {
            return Ok(Some(value));
        }
        Ok(default.map(Object::to_ref).or_else(|| self.default.get()))
    }

    fn get(py: Attached<'_>, this: &ContextVar, args: Args<'_>) -> PyResult<Ref<Object>> {
        let pos = args.unpack(py, "get", 0, 1)?;
        match this.value(py, pos.first().copied())? {
            Some(value) => Ok(value),
            None => Err(py.raise_value(exc::LookupError(), this.as_object())),
        }
    }

    /// Sets the value in the present context.
    pub fn assign(&self, py: Attached<'_>, value: &Object) -> PyResult<Ref<Token>> {
        let context = Context::current(py)?;
        let old = context.find(py, self)?;
        context.own(py)?.set(py, self.as_object(), value)?;
        let token = alloc::<Token>(py, Token::type_object())?;
        drop(token.context.replace(Some(context)));
        drop(token.var.replace(Some(self.to_ref())));
        drop(token.old.replace(old));
        Ok(token)
    }

    /// Undoes the `set()` that made `token`.
    pub fn reset(py: Attached<'_>, this: &ContextVar, token: &Object) -> PyResult<()> {
        let Some(token) = token.downcast::<Token>() else {
            return Err(raise!(py, TypeError, "expected an instance of Token, got {}", token.repr(py)?));
        };
        let refuse = |class: &Type, why: &str| -> PyResult<Raised> {
            Ok(py.raise(class, format_args!("{} {why}", token.as_object().repr(py)?)))
        };
        if token.used.get() {
            return Err(refuse(exc::RuntimeError(), "has already been used once")?);
        }
        if token.var.raw() != this.as_ptr() {
            return Err(refuse(exc::ValueError(), "was created by a different ContextVar")?);
        }
        let context = Context::current(py)?;
        if token.context.raw() != context.as_ptr() {
            return Err(refuse(exc::ValueError(), "was created in a different Context")?);
        }
        token.used.set(true);
        let values = context.own(py)?;
        match token.old.get() {
            Some(old) => values.set(py, this.as_object(), &old),
            None => match values.remove(py, this.as_object())? {
                Some(_) => Ok(()),
                None => Err(py.raise_value(exc::LookupError(), this.as_object())),
            },
        }
    }
}

native! {
    /// `Token`.
    pub struct Token { context: Slot<Context>, var: Slot<ContextVar>, old: Slot, used: Field<bool> }
}
pytype! {
    #[unsafe(no_mangle)]
    pub static PyContextToken_Type: "_contextvars.Token" for Token {
        base: Object, flags: [HAVE_GC],
        doc: "What ContextVar.set() gives, to undo it.",
        slots: {
            constructor = Token::construct,
            tp_dealloc = Token::dealloc,
            tp_traverse = Token::traverse,
            tp_clear = |_: Attached<'_>, this: &Token| { drop(this.context.take()); drop(this.var.take()); drop(this.old.take()) },
            tp_repr = Token::repr,
        },
        methods: {
            noargs "__enter__" => |_: Attached<'_>, this: &Token| this.to_ref(), "($self, /)", "The token itself.";
            raw "__exit__" => Token::exit, "($self, type, value, traceback, /)", "Undoes the change of the variable.";
            class o "__class_getitem__" => class_getitem, "", "See PEP 585";
        },
        getset: {
            "var" => |_: Attached<'_>, this: &Token| this.var.get(), "The variable.";
            "old_value" => |py: Attached<'_>, this: &Token| match this.old.get() { Some(old) => Ok(old), None => Token::type_object().as_object().get_attr(py, id!(py, MISSING)) }, "The value before, or Token.MISSING.";
        },
    }
}

impl Token {
    fn construct(py: Attached<'_>, _: &Type, _: Args<'_>) -> PyResult<Ref<Token>> {
        Err(raise!(py, RuntimeError, "Tokens can only be created by ContextVars"))
    }

    fn repr(py: Attached<'_>, this: &Token) -> PyResult<String> {
        let used = if this.used.get() { " used" } else { "" };
        let var = part(py, &this.var)?.as_object().repr(py)?;
        Ok(format!("<Token{used} var={var} at {:p}>", this.as_ptr()))
    }

    fn exit(py: Attached<'_>, this: &Token, args: Args<'_>) -> PyResult<()> {
        args.unpack(py, "__exit__", 3, 3)?;
        ContextVar::reset(py, &*part(py, &this.var)?, this.as_object())
    }
}

native! {
    /// The type of `Token.MISSING`.
    pub struct Missing {}
}
pytype! {
    static MISSING: "Token.MISSING" for Missing {
        base: Object, flags: [DISALLOW_INSTANTIATION],
        slots: { tp_dealloc = Missing::dealloc, tp_repr = |_: Attached<'_>, _: &Missing| "<Token.MISSING>" },
    }
}

fn copy_context(py: Attached<'_>, _: &Object) -> PyResult<Ref<Context>> {
    Context::copy(py, &*Context::current(py)?)
}

/// Fills `_contextvars`.
///
/// # Errors
/// `MemoryError`.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(
        py,
        functions! {
            noargs "copy_context" => copy_context, "($module, /)", "A copy of the present context.";
        },
    )?;
    add_type::<Context>(py, module, "Context")?;
    add_type::<ContextVar>(py, module, "ContextVar")?;
    add_type::<Token>(py, module, "Token")?;
    let missing = alloc::<Missing>(py, crate::util::ready::<Missing>(py)?)?;
    let dict = Token::type_object().dict().ok_or_else(|| py.bad_internal_call())?;
    let (_, _) = dict.set_default(py, id!(py, MISSING).as_object(), missing.as_object())?;
    Ok(())
}
