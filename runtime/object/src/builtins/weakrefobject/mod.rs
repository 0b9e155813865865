//! Weak references: `weakref.ref` and the lists that objects keep of the references to them.
//!
//! A referenced object's list head lies at its type's `tp_weaklistoffset` or in its pre-header. Static types belong to
//! all interpreters but the references to them each to one: their heads lie in [`ObjectState`](crate::ObjectState).
//! The list is guarded by one of a fixed set of locks, chosen by the object's address; no Python code runs under it.
//! In `gil` mode its users hold the interpreter's lock, and it takes none. Following a
//! reference takes no lock: the referent is set to `None` before its memory can be used for anything else. The protocol is
//! that of [`krait_sync::weak`], where a model checks it.
mod proxy;

pub use proxy::{CallableProxy, Proxy, unwrap as unwrap_proxy};

use crate::args::Args;
use crate::builtins::container::generic_alias;
use crate::handle::{Attached, Layout, Ref, Slot, Visit};
use crate::layout::{Field, Py_TPFLAGS_MANAGED_WEAKREF, PyObject, PyWeakReference};
use crate::state::ByAddress;
use crate::typedef::CompareOp;
use crate::{Bool, FREE_THREADED, Object, PyResult, Str, Type, gc, hooks, id, mem, mode, pytype, raise};
use std::ffi::{c_int, c_ulong};
use std::mem::offset_of;
use std::ptr::{self, NonNull};
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::{Mutex, MutexGuard};

/// `weakref.ref`, and the layout of proxies.
#[repr(transparent)]
pub struct WeakRef(pub(crate) PyWeakReference);

pytype! {
    #[unsafe(no_mangle)]
    pub static _PyWeakref_RefType: "weakref.ReferenceType" for WeakRef {
        base: crate::Object,
        flags: [BASETYPE, HAVE_GC, HAVE_VECTORCALL],
        slots: {
            tp_dealloc = WeakRef::dealloc,
            raw tp_vectorcall_offset = offset_of!(PyWeakReference, vectorcall) as isize,
            tp_call = |py: Attached<'_>, this: &WeakRef, args: Args<'_>| args.unpack(py, "weakref", 0, 0).map(|_| this.get()),
            tp_repr = |py: Attached<'_>, this: &WeakRef| this.repr(py, "weakref"),
            tp_hash = WeakRef::hash,
            tp_traverse = WeakRef::traverse,
            tp_clear = |py: Attached<'_>, this: &WeakRef| this.clear(py),
            tp_richcompare = WeakRef::compare,
            tp_new = WeakRef::construct,
            tp_init = WeakRef::init,
        },
        methods: {
            class o "__class_getitem__" => generic_alias, "($type, object, /)", "See PEP 585";
        },
        members: [
            crate::typedef::member("__callback__\0", crate::layout::_Py_T_OBJECT, offset_of!(PyWeakReference, wr_callback), crate::layout::Py_READONLY, c"The function that is called when the object dies."),
        ],
    }
}

const STRIPES: usize = 127;
static LOCKS: [Mutex<()>; STRIPES] = [const { Mutex::new(()) }; STRIPES];

fn stripe(object: *mut PyObject) -> &'static Mutex<()> {
    &LOCKS[(object as usize >> 4) % STRIPES]
}

/// Takes a lock of lists, for work without a safe point. Alone a thread needs none.
#[inline(always)]
fn acquire(lock: &'static Mutex<()>) -> Option<MutexGuard<'static, ()>> {
    (!mode::is_alone()).then(|| lock.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
}

/// The head of an object's list.
pub type Head = Field<*mut PyWeakReference>;

/// Where the calling interpreter keeps the list of an object, if the object's type allows weak references.
fn list_head<'a, 'py: 'a>(py: Attached<'py>, object: &'a Object) -> Option<&'a Head> {
    match object.downcast::<Type>().filter(|ty| !ty.is_heap()) {
        Some(ty) => Some(py.state().static_weaklist(ty)),
        None => own_list_head(object),
    }
}

/// Where an object that is not a static type keeps its list, if its type allows weak references.
fn own_list_head(object: &Object) -> Option<&Head> {
    let ty = object.ty();
    let offset = if ty.has_feature(Py_TPFLAGS_MANAGED_WEAKREF as c_ulong) {
        mem::MANAGED_WEAKREF_OFFSET
    } else {
        ty.as_type().tp_weaklistoffset.get()
    };
    // SAFETY: [layout]: the type says that a list head lies there.
    (offset != 0).then(|| unsafe { &*ptr::from_ref(object).byte_offset(offset).cast::<Head>() })
}

fn none_ptr() -> *mut PyObject {
    crate::builtins::object::none_borrowed().as_ptr()
}

impl WeakRef {
    #[inline(always)]
    pub fn raw(&self) -> &PyWeakReference {
        &self.0
    }

    /// The referent while it is alive.
    #[inline]
    pub fn get(&self) -> Option<Ref<Object>> {
        let object = self.0.wr_object.load(Acquire);
        // SAFETY: [quiescent]: the head of a dying object outlives this read.
        if object.is_null() || object == none_ptr() || !alive(object) || !unsafe { mode::try_incref(object) } {
            return None;
        }
        // SAFETY: the reference just made.
        let referent = unsafe { Ref::<Object>::from_raw(object) };
        (!FREE_THREADED || self.0.wr_object.load(Acquire) == object).then_some(referent)
    }

    /// Whether the referent is gone.
    pub fn is_dead(&self) -> bool {
        self.get().is_none()
    }

    /// `weakref.ref(object, callback)`. References without callback are shared.
    pub fn new(py: Attached<'_>, object: &Object, callback: Option<&Object>) -> PyResult<Ref<WeakRef>> {
        WeakRef::make(py, WeakRef::type_object(), object, callback)
    }

    /// A reference or proxy of type `ty`.
    fn make(py: Attached<'_>, ty: &Type, object: &Object, callback: Option<&Object>) -> PyResult<Ref<WeakRef>> {
        let Some(head) = list_head(py, object) else {
            let name = object.ty().name();
            return Err(raise!(py, TypeError, "cannot create weak reference to '{name}' object"));
        };
        let callback = callback.filter(|callback| !callback.is_none());
        let shareable = callback.is_none() && is_basic(ty);
        let lock = stripe(object.as_ptr());
        if shareable {
            let _guard = acquire(lock);
            if let Some(found) = find_basic(head, ty) {
                return Ok(found);
            }
        }
        let exact = !ty.is_heap();
        let raw = if exact { mem::alloc_instance(py, ty, 0)?.as_ptr() } else { ty.alloc(py, 0)?.into_raw() };
        // SAFETY: [layout]: a fresh instance of a subtype.
        let new = unsafe { Ref::<WeakRef>::from_raw(raw) };
        new.0.hash.set(-1);
        new.0.wr_object.set(none_ptr());
        new.0.wr_callback.set(callback.map_or(ptr::null_mut(), |callback| callback.to_ref().into_raw()));
        new.0.vectorcall.set(Some(weakref_call));
        if let Some(field) = new.0.weakrefs_lock.as_ref() {
            field.set(ptr::from_ref(lock).cast_mut().cast());
        }
        // SAFETY: `object` is borrowed from a live reference.
        unsafe { mode::publish(object.as_ptr()) };
        {
            let guard = acquire(lock);
            if shareable && let Some(found) = find_basic(head, ty) {
                drop(guard);
                return Ok(found);
            }
            new.0.wr_object.store(object.as_ptr(), Release);
            insert(head, &new, shareable);
            if FREE_THREADED {
                // SAFETY: we have a reference.
                unsafe { mode::publish(new.as_ptr()) };
            }
        }
        if exact {
            gc::track(new.as_object());
        }
        Ok(new)
    }

    /// The list lock that guards this reference's links.
    fn lock(&self) -> &'static Mutex<()> {
        let stored = self.0.weakrefs_lock.as_ref().map_or(ptr::null_mut(), Field::get);
        // SAFETY: only addresses of the static locks are stored there.
        match unsafe { stored.cast::<Mutex<()>>().as_ref() } {
            Some(lock) => lock,
            None => stripe(self.0.wr_object.get()),
        }
    }

    /// Takes the reference out of its object's list and returns the callback. The lock is held.
    fn unlink(&self, head: Option<&Head>) -> Option<Ref<Object>> {
        let (prev, next) = (self.0.wr_prev.get(), self.0.wr_next.get());
        let me = ptr::from_ref(&self.0).cast_mut();
        self.0.wr_object.store(none_ptr(), Release);
        // SAFETY: [locked]: neighbours in the list are live objects of this layout.
        unsafe {
            if let Some(prev) = prev.as_ref() {
                prev.wr_next.set(next);
            }
            if let Some(next) = next.as_ref() {
                next.wr_prev.set(prev);
            }
        }
        self.0.wr_prev.set(ptr::null_mut());
        self.0.wr_next.set(ptr::null_mut());
        // Last: who finds the list empty, without the lock, also finds the referent gone (`krait_sync::weak`).
        if let Some(head) = head.filter(|head| head.get() == me) {
            head.store(next, Release);
        }
        // SAFETY: the field owned it.
        unsafe { Slot::<Object>::of(&self.0.wr_callback).take() }
    }

    /// Forgets referent and callback.
    pub fn clear(&self, py: Attached<'_>) {
        let callback = {
            let _guard = acquire(self.lock());
            let object = self.0.wr_object.get();
            if object.is_null() || object == none_ptr() {
                // SAFETY: the field owned it.
                unsafe { Slot::<Object>::of(&self.0.wr_callback).take() }
            } else {
                // SAFETY: [locked]: an object clears its references under this lock before it goes.
                self.unlink(list_head(py, unsafe { Object::from_ptr(object) }))
            }
        };
        drop(callback);
    }

    /// # Safety
    /// The `tp_dealloc` of the types with this layout.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<WeakRef>) {
        // SAFETY: by the contract.
        unsafe { mem::dealloc_with(py, this, |this| this.clear(py)) };
    }

    fn traverse(&self, visit: Visit<'_>) -> Result<(), c_int> {
        visit.field(&self.0.wr_callback)
    }

    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<WeakRef>> {
        crate::args::check_positional(py, "__new__", args.pos.len(), 1, 2)?;
        WeakRef::make(py, ty, args.pos[0], args.pos.get(1).copied())
    }

    fn init(py: Attached<'_>, _this: &WeakRef, args: Args<'_>) -> PyResult<()> {
        args.no_keywords(py, "ref")?;
        crate::args::check_positional(py, "__init__", args.pos.len(), 1, 2)
    }

    fn repr(&self, py: Attached<'_>, what: &str) -> PyResult<Ref<Str>> {
        let me = self.as_ptr();
        let Some(object) = self.get() else { return Str::new(py, &format!("<{what} at {me:p}; dead>")) };
        let ty = object.as_object().ty().full_name();
        let at = object.as_ptr();
        let name = match what {
            "weakref" => object.as_object().lookup_special(py, id!(py, __name__))?,
            _ => None,
        };
        match name.as_ref().and_then(|name| name.as_object().downcast::<Str>()) {
            Some(name) => {
                let name = name.to_string_lossy();
                Str::new(py, &format!("<{what} at {me:p}; to '{ty}' at {at:p} ({name})>"))
            }
            None => Str::new(py, &format!("<{what} at {me:p}; to '{ty}' at {at:p}>")),
        }
    }

    fn hash(py: Attached<'_>, this: &WeakRef) -> PyResult<isize> {
        match this.0.hash.get() {
            -1 => {}
            cached => return Ok(cached),
        }
        let Some(object) = this.get() else {
            return Err(raise!(py, TypeError, "weak object has gone away"));
        };
        let hash = object.as_object().hash(py)?;
        this.0.hash.set(hash);
        Ok(hash)
    }

    fn compare(py: Attached<'_>, this: &WeakRef, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        let Some(other) = other.downcast::<WeakRef>().filter(|_| matches!(op, CompareOp::Eq | CompareOp::Ne)) else {
            return Ok(crate::not_implemented());
        };
        match (this.get(), other.get()) {
            (Some(left), Some(right)) => left.as_object().rich_compare(py, &right, op),
            _ => Ok(Bool::of(ptr::eq(this, other) == (op == CompareOp::Eq)).as_object().to_ref()),
        }
    }
}

/// Whether an object's count is not zero. In `gil` mode a dying object has count zero.
#[inline(always)]
fn alive(object: *mut PyObject) -> bool {
    // SAFETY: [attached]: in `gil` mode a reference is cleared before its object's memory goes.
    FREE_THREADED || mode::refcount(unsafe { Object::from_ptr(object) }) > 0
}

/// What `ref()` calls.
///
/// # Safety
/// [slot-contract].
unsafe extern "C" fn weakref_call(
    this: *mut PyObject,
    args: *const *mut PyObject,
    nargsf: usize,
    names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: [slot-contract].
    unsafe {
        let py = Attached::from_tls();
        let args = Args::from_vectorcall(args, nargsf & (usize::MAX >> 1), names);
        let this = crate::typedef::arg::<WeakRef>(this);
        crate::typedef::ret_object(py, args.unpack(py, "weakref", 0, 0).map(|_| this.get()))
    }
}

fn is_basic(ty: &Type) -> bool {
    ptr::eq(ty, WeakRef::type_object())
        || ptr::eq(ty, Proxy::type_object())
        || ptr::eq(ty, CallableProxy::type_object())
}

/// Walks a list. The lock is held.
fn each(head: &Head) -> impl Iterator<Item = &WeakRef> {
    let mut next = head.get();
    std::iter::from_fn(move || {
        // SAFETY: [locked]: the list links live objects; each takes itself out before it goes.
        let this = unsafe { next.cast::<WeakRef>().as_ref() }?;
        next = this.0.wr_next.get();
        Some(this)
    })
}

/// A new reference to the shared reference or proxy without callback, if there is one.
fn find_basic(head: &Head, ty: &Type) -> Option<Ref<WeakRef>> {
    for found in each(head).take(2) {
        if found.0.wr_callback.get().is_null() && ptr::eq(found.as_object().ty(), ty) {
            // SAFETY: [locked]: it is in the list; it may be dying.
            if alive(found.as_ptr()) && unsafe { mode::try_incref(found.as_ptr()) } {
                // SAFETY: the reference just made.
                return Some(unsafe { Ref::from_raw(found.as_ptr()) });
            }
        }
    }
    None
}

/// Puts a reference into the list: the shared reference first, then the shared proxy, then the others, newest first.
fn insert(head: &Head, new: &WeakRef, shareable: bool) {
    let raw = ptr::from_ref(&new.0).cast_mut();
    let is_ref = |this: &WeakRef| ptr::eq(this.as_object().ty(), WeakRef::type_object());
    let shared = |this: &&WeakRef| this.0.wr_callback.get().is_null() && is_basic(this.as_object().ty());
    let before = if shareable && is_ref(new) {
        None
    } else if shareable {
        each(head).take(1).filter(shared).find(|this| is_ref(this))
    } else {
        each(head).take(2).take_while(|this| shared(this)).last()
    };
    match before {
        None => {
            let next = head.get();
            new.0.wr_next.set(next);
            // SAFETY: [locked]: the list links live objects.
            if let Some(next) = unsafe { next.as_ref() } {
                next.wr_prev.set(raw);
            }
            head.set(raw);
        }
        Some(before) => {
            let next = before.0.wr_next.get();
            new.0.wr_prev.set(ptr::from_ref(&before.0).cast_mut());
            new.0.wr_next.set(next);
            before.0.wr_next.set(raw);
            // SAFETY: [locked]: the list links live objects.
            if let Some(next) = unsafe { next.as_ref() } {
                next.wr_prev.set(raw);
            }
        }
    }
}

/// A callback with the reference that it is called with.
type Due = (Ref<WeakRef>, Ref<Object>);

/// What is left to do for references that were cleared.
#[derive(Default)]
pub(crate) struct Cleared {
    /// Those that live on and have a callback, first in the list first.
    due: Vec<Due>,
    /// Callbacks of the others. Dropping them may run code.
    callbacks: Vec<Option<Ref<Object>>>,
    /// References that live on, but whose callbacks are not due.
    dropped: Vec<Ref<WeakRef>>,
}

impl Cleared {
    /// Clears all references to an object that dies, so it is not a static type.
    fn add(&mut self, object: &Object) {
        let Some(head) = own_list_head(object) else { return };
        // An empty list was left properly: see `unlink`.
        if head.load(Acquire).is_null() {
            return;
        }
        let Cleared { due, callbacks, .. } = self;
        let _guard = acquire(stripe(object.as_ptr()));
        while let Some(this) = each(head).next() {
            if this.0.wr_callback.get().is_null() {
                this.unlink(Some(head));
                continue;
            }
            // SAFETY: [locked]: it is in the list; it may be dying.
            let kept = (alive(this.as_ptr()) && unsafe { mode::try_incref(this.as_ptr()) })
                // SAFETY: the reference just made.
                .then(|| unsafe { Ref::<WeakRef>::from_raw(this.as_ptr()) });
            let callback = this.unlink(Some(head));
            match (kept, callback) {
                (Some(kept), Some(callback)) => due.push((kept, callback)),
                (_, callback) => callbacks.push(callback),
            }
        }
    }

    /// Runs the callbacks that are due.
    pub(crate) fn finish(self, py: Attached<'_>) {
        drop((self.callbacks, self.dropped));
        run_callbacks(py, self.due);
    }
}

fn run_callbacks(py: Attached<'_>, due: Vec<Due>) {
    if due.is_empty() {
        return;
    }
    let pending = py.take_raised();
    for (reference, callback) in due {
        if let Err(error) = callback.as_object().call_pos(py, &[reference.as_object()]) {
            let text = describe(py, error, &callback);
            (hooks::hooks().unraisable)(py, Some(&text), None);
        }
    }
    if let Some(pending) = pending {
        let _ = py.restore(pending);
    }
}

/// The message about a failed callback; the exception stays pending.
fn describe(py: Attached<'_>, error: crate::Raised, callback: &Object) -> String {
    let exception = error.take(py);
    let repr = match callback.repr(py) {
        Ok(repr) => repr.to_string_lossy().into_owned(),
        Err(error) => {
            error.clear(py);
            String::new()
        }
    };
    let _ = py.restore(exception);
    format!("Exception ignored while calling weakref callback {repr}")
}

/// Clears the weak references of a dying object and runs their callbacks.
pub fn clear_all(py: Attached<'_>, object: &Object) {
    let mut cleared = Cleared::default();
    cleared.add(object);
    cleared.finish(py);
}

/// Clears the weak references to an object without running callbacks (`PyUnstable_Object_ClearWeakRefsNoCallbacks`).
pub fn clear_without_callbacks(_py: Attached<'_>, object: &Object) {
    Cleared::default().add(object);
}

/// Clears the weak references to garbage before another thread can follow one: the world is stopped. Callbacks of
/// references that are garbage themselves are not due.
pub(crate) fn clear_garbage<'a>(garbage: impl Iterator<Item = &'a Object> + Clone) -> Cleared {
    let mut cleared = Cleared::default();
    for object in garbage.clone() {
        cleared.add(object);
    }
    if cleared.due.is_empty() {
        return cleared;
    }
    // The few references in question are looked up in, not the whole of the garbage.
    let mut dying: ByAddress<bool> =
        cleared.due.iter().map(|(reference, _)| (reference.as_ptr() as usize, false)).collect();
    for object in garbage {
        if let Some(dies) = dying.get_mut(&(object.as_ptr() as usize)) {
            *dies = true;
        }
    }
    let all = std::mem::take(&mut cleared.due);
    for (reference, callback) in all {
        if dying[&(reference.as_ptr() as usize)] {
            cleared.dropped.push(reference);
            cleared.callbacks.push(Some(callback));
        } else {
            cleared.due.push((reference, callback));
        }
    }
    cleared
}

/// How many weak references and proxies there are to an object.
pub fn count(py: Attached<'_>, object: &Object) -> usize {
    let Some(head) = list_head(py, object) else { return 0 };
    let _guard = acquire(stripe(object.as_ptr()));
    each(head).filter(|this| alive(this.as_ptr())).count()
}

/// All weak references and proxies to an object.
pub fn all(py: Attached<'_>, object: &Object) -> Vec<Ref<WeakRef>> {
    let Some(head) = list_head(py, object) else { return Vec::new() };
    let _guard = acquire(stripe(object.as_ptr()));
    each(head)
        // SAFETY: [locked]: they are in the list; each may be dying.
        .filter(|this| alive(this.as_ptr()) && unsafe { mode::try_incref(this.as_ptr()) })
        // SAFETY: the reference just made.
        .map(|this| unsafe { Ref::from_raw(this.as_ptr()) })
        .collect()
}

/// `weakref.proxy(object, callback)`.
pub fn new_proxy(py: Attached<'_>, object: &Object, callback: Option<&Object>) -> PyResult<Ref<WeakRef>> {
    let ty = if object.is_callable() { CallableProxy::type_object() } else { Proxy::type_object() };
    WeakRef::make(py, ty, object, callback)
}
