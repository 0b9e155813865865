//! `_functools`: `partial`, `reduce`, `cmp_to_key` and the wrapper of `lru_cache`.
use krait_object::args::{Args, ArgsBuf, as_borrowed};
use krait_object::builtins::classobject::Method;
use krait_object::builtins::genericaliasobject::class_getitem;
use krait_object::layout::{Field, PyObject, vectorcallfunc};
use krait_object::native::{Arg, State, Trace, add_type, advance, alloc, part, ready, required};
use krait_object::typedef::{CompareOp, member};
use krait_object::{
    Attached, Dict, Int, IntoObject, Layout, Module, Object, PyResult, Ref, Slot, Str, Tuple, Type, Visit, functions,
    id, none, pytype, raise, slot_adapter,
};
use std::ffi::c_int;
use std::mem::offset_of;

krait_object::native! {
    /// The place of a positional argument of `partial` that the call fills.
    pub struct Placeholder {}
}
pytype! {
    static PLACEHOLDER: "functools._PlaceholderType" for Placeholder {
        base: Object, flags: [],
        doc: "The type of the Placeholder singleton.\n\nUsed as a placeholder for partial arguments.",
        slots: {
            tp_dealloc = Placeholder::dealloc,
            tp_repr = |_: Attached<'_>, _: &Placeholder| "Placeholder",
            tp_new = Placeholder::construct,
        },
        methods: {
            noargs "__reduce__" => |_: Attached<'_>, _: &Placeholder| "Placeholder", "($self, /)", "The name that pickle stores.";
        },
    }
}

/// The only instance.
static SINGLETON: PlaceholderCell =
    PlaceholderCell(Placeholder { ob_base: PyObject::immortal((&raw const PLACEHOLDER).cast_mut()) });
struct PlaceholderCell(Placeholder);
// SAFETY: an immortal object without content.
unsafe impl Sync for PlaceholderCell {}

fn placeholder() -> &'static Object {
    SINGLETON.0.as_object()
}

impl Placeholder {
    fn construct(py: Attached<'_>, _: &Type, args: Args<'_>) -> PyResult<Ref<Object>> {
        if !args.is_empty() {
            return Err(raise!(py, TypeError, "PlaceholderType takes no arguments"));
        }
        Ok(placeholder().to_ref())
    }
}

krait_object::native! {
    /// `partial`.
    pub struct Partial {
        vectorcall: Field<Option<vectorcallfunc>>,
        func: Slot, args: Slot<Tuple>, kwargs: Slot<Dict>, dict: Slot<Dict>,
        weaklist: Field<*mut PyObject>,
        /// How many placeholders `args` has.
        holes: Field<usize>,
    }
}
pytype! {
    static PARTIAL: "functools.partial" for Partial {
        base: Object, flags: [HAVE_GC, BASETYPE, HAVE_VECTORCALL],
        doc: "partial(func, /, *args, **keywords)\n--\n\nA callable with some arguments given in advance.",
        slots: {
            tp_dealloc = Partial::dealloc,
            tp_traverse = Partial::traverse,
            tp_clear = |_: Attached<'_>, this: &Partial| { drop(this.dict.take()); drop(this.kwargs.replace(None)); },
            call vectorcall = Partial::call,
            tp_repr = Partial::repr,
            tp_descr_get = Partial::get,
            raw tp_dictoffset = offset_of!(Partial, dict) as isize,
            raw tp_weaklistoffset = offset_of!(Partial, weaklist) as isize,
            tp_new = Partial::construct,
        },
        methods: {
            noargs "__reduce__" => Partial::reduce, "($self, /)", "What pickle needs to build it again.";
            o "__setstate__" => Partial::set_state, "($self, object, /)", "Restore the state that __reduce__ gave.";
            class o "__class_getitem__" => class_getitem, "($type, object, /)", "See PEP 585";
        },
        getset: {
            "__dict__" => |py: Attached<'_>, this: &Partial| krait_object::builtins::typeobject::instance::get_dict(py, this.as_object()),
                |py: Attached<'_>, this: &Partial, value: Option<&Object>| krait_object::builtins::typeobject::instance::set_dict(py, this.as_object(), value), "";
        },
        members: [
            member("func\0", _Py_T_OBJECT, offset_of!(Partial, func), Py_READONLY, c"function object to use in future partial calls"),
            member("args\0", _Py_T_OBJECT, offset_of!(Partial, args), Py_READONLY, c"tuple of arguments to future partial calls"),
            member("keywords\0", _Py_T_OBJECT, offset_of!(Partial, kwargs), Py_READONLY, c"dictionary of keyword arguments to future partial calls"),
        ],
    }
}

fn count_holes(args: &[&Object]) -> usize {
    args.iter().filter(|arg| arg.is(placeholder())).count()
}

impl Partial {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Partial>> {
        let [func, given @ ..] = args.pos else {
            return Err(raise!(py, TypeError, "type 'partial' takes at least one argument"));
        };
        if !func.is_callable() {
            return Err(raise!(py, TypeError, "the first argument must be callable"));
        }
        if given.last().is_some_and(|last| last.is(placeholder())) {
            return Err(raise!(py, TypeError, "trailing Placeholders are not allowed"));
        }
        if args.values.iter().any(|value| value.is(placeholder())) {
            return Err(raise!(py, TypeError, "Placeholder cannot be passed as a keyword argument"));
        }
        let mut kwargs = args.kw_dict(py)?;
        let mut all: Vec<Ref<Object>> = given.iter().map(|arg| arg.to_ref()).collect();
        let mut func = func.to_ref();
        // A partial of a partial is made flat, unless either is something more.
        let call_of = |ty: &Type| ty.as_type().tp_call.get().map(|call| call as usize);
        let inner = func
            .as_object()
            .downcast::<Partial>()
            .filter(|inner| inner.dict.is_null() && call_of(inner.as_object().ty()) == call_of(Partial::type_object()))
            .map(|inner| inner.to_ref());
        if let Some(inner) = inner {
            let (inner_func, inner_args) = (part(py, &inner.func)?, part(py, &inner.args)?);
            let mut rest = given.iter();
            let mut merged = Vec::new();
            for arg in inner_args.as_slice() {
                let filled = if arg.is(placeholder()) { rest.next() } else { None };
                merged.push(filled.unwrap_or(arg).to_ref());
            }
            merged.extend(rest.map(|arg| arg.to_ref()));
            while merged.last().is_some_and(|last| last.as_object().is(placeholder())) {
                merged.pop();
            }
            all = merged;
            func = inner_func;
            if let Some(inner_kwargs) = inner.kwargs.get() {
                let merged = inner_kwargs.copy(py)?;
                if let Some(own) = &kwargs {
                    merged.merge(py, own.as_object(), true)?;
                }
                kwargs = Some(merged);
            }
        }
        let holes = count_holes(as_borrowed(&all));
        let all = Tuple::from_vec(py, all)?;
        let kwargs = kwargs.map_or_else(|| Dict::new(py), Ok)?;
        let this = alloc::<Partial>(py, ty)?;
        this.vectorcall.set(slot_adapter!(@vectorcall Partial, Partial::call));
        this.holes.set(holes);
        drop(this.func.replace(Some(func)));
        drop(this.args.replace(Some(all)));
        drop(this.kwargs.replace(Some(kwargs)));
        Ok(this)
    }

    fn call(py: Attached<'_>, this: &Partial, args: Args<'_>) -> PyResult<Ref<Object>> {
        let (func, own) = (part(py, &this.func)?, part(py, &this.args)?);
        let holes = this.holes.get();
        if args.pos.len() < holes {
            let given = args.pos.len();
            return Err(raise!(
                py,
                TypeError,
                "missing positional arguments in 'partial' call; expected at least {holes}, got {given}"
            ));
        }
        let mut rest = args.pos.iter();
        let mut pos: Vec<&Object> = Vec::with_capacity(own.len() + args.pos.len());
        for arg in own.as_slice() {
            match if holes != 0 && arg.is(placeholder()) { rest.next() } else { None } {
                Some(filled) => pos.push(filled),
                None => pos.push(arg),
            }
        }
        pos.extend(rest);
        let kwargs = this.kwargs.get().filter(|kwargs| !kwargs.is_empty());
        let Some(kwargs) = kwargs else {
            return func.call(py, Args { pos: &pos, ..args });
        };
        if args.names.is_empty() {
            let empty = Tuple::empty(py);
            let buf = ArgsBuf::new(py, &empty, Some(&kwargs));
            return func.call(py, Args { pos: &pos, ..buf.args() });
        }
        let merged = kwargs.copy(py)?;
        for (name, value) in args.names.iter().zip(args.values) {
            merged.set(py, name, value)?;
        }
        let empty = Tuple::empty(py);
        let buf = ArgsBuf::new(py, &empty, Some(&merged));
        func.call(py, Args { pos: &pos, ..buf.args() })
    }

    fn get(py: Attached<'_>, this: &Partial, instance: Option<&Object>, _: Option<&Object>) -> PyResult<Ref<Object>> {
        match instance.filter(|instance| !instance.is_none()) {
            None => Ok(this.to_ref().upcast()),
            Some(instance) => Ok(Method::new(py, this.as_object(), instance)?.upcast()),
        }
    }

    fn repr(py: Attached<'_>, this: &Partial) -> PyResult<String> {
        let name = this.as_object().ty().full_name();
        let Some(_guard) = krait_object::builtins::container::ReprGuard::enter(py, this.as_object())? else {
            return Ok("...".to_owned());
        };
        // What is shown is the partial as it is now, whatever the parts' `__repr__` do to it.
        let (func, args) = (part(py, &this.func)?, part(py, &this.args)?);
        let kwargs = part(py, &this.kwargs)?.items_snapshot(py)?;
        let mut text = format!("{name}({}", func.repr(py)?.to_string_lossy());
        for arg in args.as_slice() {
            text.push_str(&format!(", {}", arg.repr(py)?.to_string_lossy()));
        }
        for (name, value) in kwargs {
            text.push_str(&format!(", {}={}", name.str(py)?.to_string_lossy(), value.repr(py)?.to_string_lossy()));
        }
        Ok(text + ")")
    }

    fn reduce(py: Attached<'_>, this: &Partial) -> PyResult<Ref<Tuple>> {
        let func = part(py, &this.func)?;
        let dict = this.dict.get().map_or_else(none, Ref::upcast);
        let state = vec![func.clone(), part(py, &this.args)?.upcast(), part(py, &this.kwargs)?.upcast(), dict];
        let state = Tuple::from_vec(py, state)?.upcast();
        let args = Tuple::from_vec(py, vec![func])?.upcast();
        Tuple::from_vec(py, vec![this.as_object().ty().to_ref().upcast(), args, state])
    }

    fn set_state(py: Attached<'_>, this: &Partial, state: &Object) -> PyResult<()> {
        let bad = || raise!(py, TypeError, "invalid partial state");
        let Some(state) = state.downcast::<Tuple>() else { return Err(bad()) };
        let [func, args, kwargs, dict] = state.as_slice() else { return Err(bad()) };
        let (Some(args), true) = (args.downcast::<Tuple>(), func.is_callable()) else { return Err(bad()) };
        if [kwargs, dict].iter().any(|given| given.downcast::<Dict>().is_none() && !given.is_none()) {
            return Err(bad());
        }
        if args.as_slice().last().is_some_and(|last| last.is(placeholder())) {
            return Err(raise!(py, TypeError, "trailing Placeholders are not allowed"));
        }
        let args = match args.as_object().downcast_exact::<Tuple>() {
            Some(args) => args.to_ref(),
            None => Tuple::from_slice(py, args.as_slice())?,
        };
        let kwargs = match kwargs.downcast::<Dict>() {
            Some(kwargs) if kwargs.as_object().downcast_exact::<Dict>().is_some() => kwargs.to_ref(),
            Some(kwargs) => kwargs.copy(py)?,
            None => Dict::new(py)?,
        };
        this.holes.set(count_holes(args.as_slice()));
        drop(this.func.replace(Some(func.to_ref())));
        drop(this.args.replace(Some(args)));
        drop(this.kwargs.replace(Some(kwargs)));
        drop(this.dict.replace(dict.downcast::<Dict>().map(|dict| dict.to_ref())));
        Ok(())
    }
}

krait_object::native! {
    /// What `cmp_to_key` makes: a key that compares through a function.
    pub struct KeyObject { cmp: Slot, object: Slot }
}
pytype! {
    static KEY_OBJECT: "functools.KeyWrapper" for KeyObject {
        base: Object, flags: [HAVE_GC, DISALLOW_INSTANTIATION],
        slots: {
            tp_dealloc = KeyObject::dealloc,
            tp_traverse = KeyObject::traverse,
            tp_clear = |_: Attached<'_>, this: &KeyObject| drop((this.cmp.take(), this.object.take())),
            tp_call = KeyObject::call,
            tp_richcompare = KeyObject::compare,
        },
        getset: {
            "obj" => |_: Attached<'_>, this: &KeyObject| this.object.get(),
                |_: Attached<'_>, this: &KeyObject, value: Option<&Object>| -> PyResult<()> { drop(this.object.replace(value.map(|value| value.to_ref()))); Ok(()) },
                "Value wrapped by a key function.";
            "__text_signature__" => |_: Attached<'_>, _: &KeyObject| "(obj)", "";
        },
    }
}

impl KeyObject {
    fn make(py: Attached<'_>, cmp: Ref<Object>, object: Option<&Object>) -> PyResult<Ref<KeyObject>> {
        let this = alloc::<KeyObject>(py, KeyObject::type_object())?;
        drop(this.cmp.replace(Some(cmp)));
        drop(this.object.replace(object.map(|object| object.to_ref())));
        Ok(this)
    }
    fn call(py: Attached<'_>, this: &KeyObject, args: Args<'_>) -> PyResult<Ref<KeyObject>> {
        const SIG: krait_object::args::Signature = krait_object::args::Signature::parse("K", "(obj)");
        let [object] = SIG.bind::<1>(py, args)?;
        KeyObject::make(py, part(py, &this.cmp)?, object)
    }
    fn compare(py: Attached<'_>, this: &KeyObject, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        let Some(other) = other.downcast_exact::<KeyObject>() else {
            return Err(raise!(py, TypeError, "other argument must be K instance"));
        };
        let (Some(left), Some(right)) = (this.object.get(), other.object.get()) else {
            return Err(raise!(py, AttributeError, "object"));
        };
        let answer = part(py, &this.cmp)?.call_pos(py, &[&left, &right])?;
        answer.rich_compare(py, Int::from_i64(py, 0)?.as_object(), op)
    }
}

fn cmp_to_key(py: Attached<'_>, _: &Object, [cmp]: [Arg<'_>; 1]) -> PyResult<Ref<KeyObject>> {
    KeyObject::make(py, required(py, cmp)?.to_ref(), None)
}

fn reduce(py: Attached<'_>, _: &Object, [function, iterable, initial]: [Arg<'_>; 3]) -> PyResult<Ref<Object>> {
    let (function, iterable) = (required(py, function)?, required(py, iterable)?);
    let iter = iterable.iter(py).map_err(|raised| {
        if !raised.matches(py, krait_object::exc::TypeError()) {
            return raised;
        }
        raised.clear(py);
        raise!(py, TypeError, "reduce() arg 2 must support iteration")
    })?;
    let mut result = initial.map(|initial| initial.to_ref());
    while let Some(item) = iter.iter_next(py)? {
        result = Some(match &result {
            None => item,
            Some(so_far) => function.call_pos(py, &[so_far, &item])?,
        });
    }
    result.ok_or_else(|| raise!(py, TypeError, "reduce() of empty iterable with no initial value"))
}

/// One result of a bounded cache, in a ring by last use.
struct Link {
    key: Ref<Object>,
    hash: isize,
    value: Ref<Object>,
    before: usize,
    after: usize,
    /// What the cache's dict holds for the key: the place of this link, and a number that tells it from others there.
    id: i64,
}

/// The order of a bounded cache: a doubly linked list in a slab; slot 0 is its head.
#[derive(Default)]
struct Lru {
    links: Vec<Option<Link>>,
    free: Vec<usize>,
    oldest: usize,
    newest: usize,
    len: usize,
    inserted: i64,
}

const NIL: usize = usize::MAX;

impl Trace for Lru {
    fn trace(&self, visit: Visit<'_>) -> Result<(), c_int> {
        self.links.iter().flatten().try_for_each(|link| {
            link.key.trace(visit)?;
            link.value.trace(visit)
        })
    }
}

impl Lru {
    fn new() -> Lru {
        Lru { oldest: NIL, newest: NIL, ..Lru::default() }
    }
    fn link(&mut self, at: usize) -> Option<&mut Link> {
        self.links.get_mut(at).and_then(Option::as_mut)
    }
    fn unlink(&mut self, at: usize) {
        let Some((before, after)) = self.link(at).map(|link| (link.before, link.after)) else { return };
        match self.link(before) {
            Some(link) => link.after = after,
            None => self.oldest = after,
        }
        match self.link(after) {
            Some(link) => link.before = before,
            None => self.newest = before,
        }
    }
    fn append(&mut self, at: usize) {
        let newest = self.newest;
        if let Some(link) = self.link(at) {
            (link.before, link.after) = (newest, NIL);
        }
        match self.link(newest) {
            Some(link) => link.after = at,
            None => self.oldest = at,
        }
        self.newest = at;
    }
    fn touch(&mut self, at: usize) -> Option<Ref<Object>> {
        let value = self.link(at)?.value.clone();
        self.unlink(at);
        self.append(at);
        Some(value)
    }
    /// The place of the link that the dict's entry `found` means, if it is there still.
    fn place(&mut self, found: &Object) -> Option<usize> {
        let id = found.downcast_exact::<Int>().and_then(Int::to_i64)?;
        let at = (id & i64::from(u32::MAX)) as usize;
        (self.link(at)?.id == id).then_some(at)
    }
    /// Adds a link, and returns its id.
    fn insert(&mut self, key: Ref<Object>, hash: isize, value: Ref<Object>) -> i64 {
        let at = self.free.pop().unwrap_or_else(|| {
            self.links.push(None);
            self.links.len() - 1
        });
        self.inserted = (self.inserted + 1) & i64::from(i32::MAX);
        let id = self.inserted << 32 | at as i64;
        self.links[at] = Some(Link { key, hash, value, before: NIL, after: NIL, id });
        self.append(at);
        self.len += 1;
        id
    }
    /// Forgets all links, which it returns, and goes on numbering.
    fn take(&mut self) -> Lru {
        let inserted = self.inserted;
        std::mem::replace(self, Lru { inserted, ..Lru::new() })
    }
    fn evict(&mut self) -> Option<Link> {
        let at = self.oldest;
        self.unlink(at);
        let link = self.links.get_mut(at)?.take();
        self.free.push(at);
        self.len -= 1;
        link
    }
}

krait_object::native! {
    /// `lru_cache`'s wrapper. `cache` maps keys to values, or to places in `order` when the size is bounded.
    pub struct LruCache {
        vectorcall: Field<Option<vectorcallfunc>>,
        func: Slot, cache: Slot<Dict>, cache_info: Slot, dict: Slot<Dict>, kwd_mark: Slot, weaklist: Field<*mut PyObject>,
        order: State<Lru>, maxsize: Field<isize>, hits: Field<isize>, misses: Field<isize>, typed: Field<bool>,
    }
}
pytype! {
    static LRU_CACHE: "functools._lru_cache_wrapper" for LruCache {
        base: Object, flags: [HAVE_GC, METHOD_DESCRIPTOR, HAVE_VECTORCALL],
        doc: "A callable that remembers the results of a function.\n\nuser_function: the function\ntyped: whether arguments of different types are kept apart\nmaxsize: how many results are kept, or None\ncache_info_type: the class of cache_info()'s result",
        slots: {
            tp_dealloc = LruCache::dealloc,
            tp_traverse = LruCache::traverse,
            tp_clear = |py: Attached<'_>, this: &LruCache| { let _ = LruCache::cache_clear(py, this); drop(this.dict.take()); },
            call vectorcall = LruCache::call,
            tp_descr_get = LruCache::get,
            raw tp_dictoffset = offset_of!(LruCache, dict) as isize,
            raw tp_weaklistoffset = offset_of!(LruCache, weaklist) as isize,
            tp_new = LruCache::construct,
        },
        methods: {
            noargs "cache_info" => LruCache::info, "($self, /)", "Report cache statistics";
            noargs "cache_clear" => LruCache::cache_clear, "($self, /)", "Clear the cache and cache statistics";
            noargs "__reduce__" => |py: Attached<'_>, this: &LruCache| this.as_object().get_attr(py, id!(py, __qualname__)), "($self, /)", "The name that pickle stores.";
            noargs "__copy__" => |_: Attached<'_>, this: &LruCache| this.to_ref(), "($self, /)", "The wrapper itself.";
            o "__deepcopy__" => |_: Attached<'_>, this: &LruCache, _: &Object| this.to_ref(), "($self, memo, /)", "The wrapper itself.";
        },
        getset: {
            "__dict__" => |py: Attached<'_>, this: &LruCache| krait_object::builtins::typeobject::instance::get_dict(py, this.as_object()),
                |py: Attached<'_>, this: &LruCache, value: Option<&Object>| krait_object::builtins::typeobject::instance::set_dict(py, this.as_object(), value), "";
        },
    }
}

impl LruCache {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<LruCache>> {
        const SIG: krait_object::args::Signature =
            krait_object::args::Signature::parse("lru_cache", "(user_function, maxsize, typed, cache_info_type)");
        let [func, maxsize, typed, info] = SIG.bind::<4>(py, args)?;
        let (func, maxsize) = (required(py, func)?, required(py, maxsize)?);
        if !func.is_callable() {
            return Err(raise!(py, TypeError, "the first argument must be callable"));
        }
        let maxsize = if maxsize.is_none() {
            -1
        } else if maxsize.has_index() {
            maxsize.as_isize(py)?.max(0)
        } else {
            return Err(raise!(py, TypeError, "maxsize should be integer or None"));
        };
        let typed = required(py, typed)?.is_true(py)?;
        let cache = Dict::new(py)?;
        let mark = krait_object::builtins::object::object_new(py, Object::type_object())?;
        let this = alloc::<LruCache>(py, ty)?;
        this.vectorcall.set(slot_adapter!(@vectorcall LruCache, LruCache::call));
        this.order.init(Lru::new());
        this.maxsize.set(maxsize);
        this.typed.set(typed);
        drop(this.func.replace(Some(func.to_ref())));
        drop(this.cache.replace(Some(cache)));
        drop(this.kwd_mark.replace(Some(mark)));
        drop(this.cache_info.replace(info.map(|info| info.to_ref())));
        Ok(this)
    }

    fn key(&self, py: Attached<'_>, args: Args<'_>) -> PyResult<Ref<Object>> {
        let typed = self.typed.get();
        if !typed && args.names.is_empty() && args.pos.len() == 1 {
            let only = args.pos[0];
            if only.downcast_exact::<Str>().is_some() || only.downcast_exact::<Int>().is_some() {
                return Ok(only.to_ref());
            }
        }
        if !typed && args.names.is_empty() {
            return Ok(args.pos_tuple(py)?.upcast());
        }
        let mut parts = Vec::with_capacity(2 * args.pos.len() + 3 * args.values.len() + 1);
        parts.extend(args.pos.iter().map(|arg| arg.to_ref()));
        if !args.names.is_empty() {
            parts.push(part(py, &self.kwd_mark)?);
            for (name, value) in args.names.iter().zip(args.values) {
                parts.push(name.to_ref());
                parts.push(value.to_ref());
            }
        }
        if typed {
            let types = args.pos.iter().chain(args.values).map(|arg| arg.ty().to_ref().upcast());
            parts.extend(types);
        }
        Ok(Tuple::from_vec(py, parts)?.upcast())
    }

    fn count(field: &Field<isize>) {
        advance(field, |count| Some(count.wrapping_add(1)));
    }

    fn call(py: Attached<'_>, this: &LruCache, args: Args<'_>) -> PyResult<Ref<Object>> {
        let (func, cache) = (part(py, &this.func)?, part(py, &this.cache)?);
        let maxsize = this.maxsize.get();
        if maxsize == 0 {
            Self::count(&this.misses);
            return func.call(py, args);
        }
        let key = this.key(py, args)?;
        let hash = key.hash(py)?;
        let found = if maxsize < 0 {
            let found = cache.get_known(py, &key, hash)?;
            found.inspect(|_| Self::count(&this.hits))
        } else {
            this.recall(py, &cache, &key, hash)?
        };
        if let Some(found) = found {
            return Ok(found);
        }
        Self::count(&this.misses);
        let value = func.call(py, args)?;
        if maxsize < 0 {
            cache.set_known(py, &key, hash, &value)?;
            return Ok(value);
        }
        let evicted = this.remember(py, &cache, key, hash, &value)?;
        drop(evicted);
        Ok(value)
    }

    /// A result of a bounded cache, which becomes the newest. Counts it as a hit.
    fn recall(&self, py: Attached<'_>, cache: &Dict, key: &Object, hash: isize) -> PyResult<Option<Ref<Object>>> {
        let _section = self.lock(py);
        let Some(found) = cache.get_known(py, key, hash)? else { return Ok(None) };
        // If comparing keys blocked, another thread may have dropped the entry, and reused its place.
        let mut order = self.order.lock();
        let value = order.place(&found).and_then(|at| order.touch(at));
        if value.is_some() {
            // Hits of a bounded cache change under its lock only.
            self.hits.set(self.hits.get().wrapping_add(1));
        }
        Ok(value)
    }

    /// Enters a result into a bounded cache, unless it is there by now. What had to go for it is the caller's to drop.
    fn remember(
        &self,
        py: Attached<'_>,
        cache: &Dict,
        key: Ref<Object>,
        hash: isize,
        value: &Object,
    ) -> PyResult<Option<Link>> {
        // Cache and order change together, unless comparing keys blocks.
        let _section = self.lock(py);
        if let Some(found) = cache.get_known(py, &key, hash)?
            && self.order.lock().place(&found).is_some()
        {
            return Ok(None);
        }
        let evicted = {
            let mut order = self.order.lock();
            if order.len >= self.maxsize.get() as usize { order.evict() } else { None }
        };
        if let Some(old) = &evicted {
            cache.remove_known(py, &old.key, old.hash)?;
        }
        let id = self.order.lock().insert(key.clone(), hash, value.to_ref());
        cache.set_known(py, &key, hash, Int::from_i64(py, id)?.as_object())?;
        Ok(evicted)
    }

    fn get(py: Attached<'_>, this: &LruCache, instance: Option<&Object>, _: Option<&Object>) -> PyResult<Ref<Object>> {
        match instance.filter(|instance| !instance.is_none()) {
            None => Ok(this.to_ref().upcast()),
            Some(instance) => Ok(Method::new(py, this.as_object(), instance)?.upcast()),
        }
    }

    fn info(py: Attached<'_>, this: &LruCache) -> PyResult<Ref<Object>> {
        let maxsize = if this.maxsize.get() < 0 { none() } else { this.maxsize.get().into_object(py)? };
        let (len, hits, misses) = {
            let _section = this.lock(py);
            (part(py, &this.cache)?.len(), this.hits.get(), this.misses.get())
        };
        let (len, hits, misses) = (len.into_object(py)?, hits.into_object(py)?, misses.into_object(py)?);
        part(py, &this.cache_info)?.call_pos(py, &[&hits, &misses, &maxsize, &len])
    }

    fn cache_clear(py: Attached<'_>, this: &LruCache) -> PyResult<()> {
        let cache = part(py, &this.cache)?;
        let old = {
            let _section = this.lock(py);
            this.hits.set(0);
            this.misses.set(0);
            let old = cache.items_snapshot(py)?;
            cache.clear(py);
            (this.order.lock().take(), old)
        };
        drop(old);
        Ok(())
    }
}

pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    ready::<KeyObject>(py)?;
    module.add_functions(
        py,
        functions! {
            sig "reduce" => reduce, "($module, function, iterable, /, initial=<unrepresentable>)", "Combine the items of an iterable from left to right with a function of two arguments.";
            sig "cmp_to_key" => cmp_to_key, "($module, /, mycmp)", "Convert a comparison function into a key function.";
        },
    )?;
    add_type::<Placeholder>(py, module, "_PlaceholderType")?;
    module.add(py, "Placeholder", placeholder())?;
    add_type::<Partial>(py, module, "partial")?;
    add_type::<LruCache>(py, module, "_lru_cache_wrapper")
}
