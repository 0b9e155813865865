//! What the object model keeps per interpreter and per thread.
use crate::builtins::weakrefobject;
use crate::handle::{Attached, Slot};
use crate::layout::{_PyInterpreterFrame, Field, PyObject, PyThreadState};
use crate::mem::Heap;
use crate::mode;
use krait_sync::page::IdlePool;
use krait_sync::qsbr::{Domain, Participant};
use rustc_hash::FxHashMap;
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::ptr::{self, NonNull};
use std::sync::{Arc, Mutex};

/// Heaps of ended interpreters, boxed because their pages point to them.
#[allow(clippy::vec_box)]
static RETIRED_HEAPS: Mutex<Vec<Box<Heap>>> = Mutex::new(Vec::new());

/// What is kept of some object, by its address.
pub type ByAddress<T> = FxHashMap<usize, T>;

/// A large memory region of an interpreter.
pub struct Region(pub NonNull<u8>);
// SAFETY: the pointer is only used by attached threads.
unsafe impl Send for Region {}

/// The first part of every `PyInterpreterState`: object-level state of one interpreter.
///
/// Static types, interned strings and small integers are immortal and shared by all interpreters; what differs per
/// interpreter lives here.
#[repr(C)]
pub struct ObjectState {
    /// Direct subclasses of static types: address of the base to the subclasses' addresses.
    pub static_subclasses: Mutex<ByAddress<Vec<usize>>>,
    /// Weak references to static types: a list head by the type's address. Each is boxed, so that it stays in place.
    static_weaklists: Mutex<ByAddress<Box<weakrefobject::Head>>>,
    /// Callbacks for changed types (`PyType_AddWatcher`), by id.
    pub type_watchers: crate::watch::Watchers<crate::layout::PyType_WatchCallback>,
    /// Callbacks for other objects.
    pub watch: crate::watch::Tables,
    /// Its critical section is held while types of the interpreter change.
    type_lock: PyObject,
    /// Objects too large for a page, by address.
    pub large: Mutex<ByAddress<Region>>,
    /// Every heap of the interpreter.
    pub heaps: Mutex<Vec<Box<Heap>>>,
    /// Heaps of ended threads (addresses), for the next new thread.
    pub idle_heaps: IdlePool<usize>,
    /// `sys.get_int_max_str_digits()`; 0 for no limit.
    pub int_max_str_digits: std::sync::atomic::AtomicUsize,
    /// The collector's thresholds, counts and statistics.
    pub gc: crate::gc::GcState,
    /// Delayed frees of memory that is read without locks (`nogil`).
    pub qsbr: Domain,
    /// How much support of several interpreters an extension must declare: 0 for none, 1, or 2 for an own GIL.
    pub extension_check: std::sync::atomic::AtomicU8,
    /// Codecs and their error handlers.
    pub codecs: crate::builtins::codecs::registry::Registry,
    /// Classes whose instances are counted by each thread (`nogil`).
    pub type_refs: crate::type_refs::Table,
    /// The mode's part: the queues of biased reference counting.
    pub mode: mode::InterpreterPart,
}

impl ObjectState {
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        crate::reserve::keep();
        ObjectState {
            static_subclasses: Mutex::default(),
            static_weaklists: Mutex::default(),
            type_watchers: crate::watch::Watchers::new(),
            watch: crate::watch::Tables::default(),
            type_lock: PyObject::immortal(ptr::null_mut()),
            large: Mutex::default(),
            heaps: Mutex::default(),
            idle_heaps: IdlePool::new(),
            int_max_str_digits: std::sync::atomic::AtomicUsize::new(
                crate::builtins::longobject::DEFAULT_MAX_STR_DIGITS,
            ),
            gc: crate::gc::GcState::new(),
            qsbr: Domain::new(),
            extension_check: std::sync::atomic::AtomicU8::new(0),
            codecs: crate::builtins::codecs::registry::Registry::new(),
            type_refs: crate::type_refs::Table::default(),
            mode: mode::InterpreterPart::new(),
        }
    }

    /// Gives the heaps of an ended interpreter to those to come: what strings and classes of the process's lifetime
    /// left in their pages stays, the rest is used again. What nobody freed is hidden from collectors.
    pub fn retire_heaps(&self) {
        let heaps = std::mem::take(&mut *self.heaps.lock().expect("no panic under this lock"));
        while self.idle_heaps.adopt().is_some() {}
        heaps.iter().for_each(|heap| heap.hide_objects());
        RETIRED_HEAPS.lock().expect("no panic under this lock").extend(heaps);
    }

    /// The head of the list of the interpreter's weak references to a static type.
    pub(crate) fn static_weaklist(&self, ty: &crate::Type) -> &weakrefobject::Head {
        let mut heads = self.static_weaklists.lock().expect("no panic under this lock");
        let head =
            heads.entry(ty.as_type_ptr().addr()).or_insert_with(|| Box::new(weakrefobject::Head::new(ptr::null_mut())));
        // SAFETY: the box stays where it is and lives as long as `self`: nothing takes entries out.
        unsafe { &*ptr::from_ref(&**head) }
    }

    /// The object whose critical section is the interpreter's type lock. It has no type.
    pub(crate) fn type_lock(&self) -> &crate::Object {
        // SAFETY: `Object` is transparent; only its lock byte is used.
        unsafe { &*ptr::from_ref(&self.type_lock).cast() }
    }

    /// The heap for a new thread: the interpreter's only one in `gil` mode, an idle or new one in `nogil` mode.
    fn adopt_heap(&self) -> *mut Heap {
        let mut heaps = self.heaps.lock().expect("no panic under this lock");
        if !mode::FREE_THREADED
            && let Some(heap) = heaps.first_mut()
        {
            return ptr::from_mut(&mut **heap);
        }
        if let Some(idle) = self.idle_heaps.adopt() {
            return ptr::with_exposed_provenance_mut(idle);
        }
        let mut heap = RETIRED_HEAPS.lock().expect("no panic under this lock").pop().unwrap_or_else(Heap::new);
        let raw = ptr::from_mut(&mut *heap);
        heaps.push(heap);
        raw
    }
}

/// A thread state with Krait's own fields behind the public ones.
#[repr(C)]
pub struct ThreadExt {
    pub public: PyThreadState,
    pub heap: Field<*mut Heap>,
    /// The thread's part in delayed frees (`nogil`).
    pub qsbr: Participant,
    /// Deallocations in progress on this thread.
    pub nested_deallocs: Cell<u32>,
    put_off: RefCell<Vec<NonNull<PyObject>>>,
    /// GC objects allocated since the last flush to the interpreter's counter.
    pub gc_allocations: Cell<i32>,
    /// References of instances to their classes (`nogil`).
    pub type_refs: crate::type_refs::Counts,
    /// Whether a thread has attached through this state.
    pub has_attached: Cell<bool>,
    /// A `MemoryError` is being made.
    pub raising_memory_error: Cell<bool>,
    /// Frames of critical sections (`nogil`).
    pub sections: mode::SectionFrames,
    /// The objects whose `repr` is being computed, for recursive containers.
    pub repr_guard: RefCell<Vec<usize>>,
    /// Thread-local data: the thread's dicts by the addresses of the locals that own them. Only the thread uses it, or
    /// who has stopped the world.
    pub locals: RefCell<ByAddress<NonNull<crate::Dict>>>,
    /// The frame that the evaluation loop left last ended with a `yield`.
    pub yielded: Cell<bool>,
    /// The interpreter frame whose event is being reported.
    pub event_frame: Field<*mut _PyInterpreterFrame>,
    /// `asyncio`: the event loop that the thread runs, and the task that this runs.
    pub running_loop: Slot,
    pub running_task: Slot,
    /// `decimal`: the version and address of the thread's `contextvars` context, and the decimal context in it.
    pub decimal_context: Cell<(u64, *mut PyObject, *mut PyObject)>,
    /// `asyncio`: the tasks that the thread made.
    pub tasks: RefCell<Option<Arc<dyn Any + Send + Sync>>>,
}

impl ThreadExt {
    /// A thread state of `state`'s interpreter with empty public fields.
    pub fn new(state: &ObjectState) -> Box<ThreadExt> {
        Box::new(ThreadExt {
            public: PyThreadState::EMPTY,
            heap: Field::new(state.adopt_heap()),
            // SAFETY: an interpreter's state stays in place and outlives its threads.
            qsbr: unsafe { state.qsbr.register() },
            nested_deallocs: Cell::new(0),
            put_off: RefCell::default(),
            gc_allocations: Cell::new(0),
            type_refs: crate::type_refs::Counts::default(),
            has_attached: Cell::new(false),
            raising_memory_error: Cell::new(false),
            sections: mode::SectionFrames::default(),
            repr_guard: RefCell::default(),
            locals: RefCell::default(),
            yielded: Cell::new(false),
            event_frame: Field::new(ptr::null_mut()),
            running_loop: Slot::NULL,
            running_task: Slot::NULL,
            decimal_context: Cell::new((0, ptr::null_mut(), ptr::null_mut())),
            tasks: RefCell::default(),
        })
    }

    /// Gives the heap and the counts of classes back when the thread state is deleted.
    pub fn release(&self, state: &ObjectState) {
        state.type_refs.leave(&self.type_refs);
        let heap = self.heap.get();
        if mode::FREE_THREADED && !heap.is_null() {
            state.idle_heaps.abandon(heap.expose_provenance());
        }
        self.heap.set(ptr::null_mut());
    }

    /// Queues an object whose deallocation would nest too deep.
    pub(crate) fn put_off_dealloc(&self, object: NonNull<PyObject>) {
        self.put_off.borrow_mut().push(object);
    }

    /// Runs the deallocations that were put off.
    #[inline]
    pub(crate) fn run_put_off_deallocs(&self) {
        if self.put_off.borrow().is_empty() {
            return;
        }
        self.drain_put_off();
    }

    #[cold]
    fn drain_put_off(&self) {
        loop {
            let next = self.put_off.borrow_mut().pop();
            let Some(object) = next else { return };
            self.nested_deallocs.set(1);
            // SAFETY: the object's count was zero when it was put off, and nothing can reach it.
            unsafe { mode::run_dealloc(object.as_ptr()) };
            self.nested_deallocs.set(0);
        }
    }
}

/// Makes all builtin types ready. Called once per process, before the first interpreter runs code.
pub fn init_types(py: Attached<'_>) {
    crate::builtins::init_types(py);
}
