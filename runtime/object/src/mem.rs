//! Object memory: allocation of instances, release of their memory, and the pages both live in.
//!
//! Blocks of up to [`MAX_SMALL`] bytes live in 64 KiB pages of one size class and one header offset; larger ones have
//! a region of their own with the same header. A page belongs to a [`Heap`]: in `gil` mode the interpreter's, in
//! `nogil` mode a thread's. The owner frees to a plain list, other threads push onto an atomic one.
//!
//! Readers that take no lock may `try_incref` an object that is being freed, so a block that ever held an object
//! stays an object header: a free block keeps a count that refuses references, its free-list link overlays
//! `ob_type`, and a page changes its class or goes away only while the world is stopped, when no reader is under
//! way ([quiescent], [stopped-world]). A thread's heap outlives it and is adopted whole by the next new thread.
//!
//! Next to its blocks a page keeps, per 16-byte granule, the collector's bits (see [`crate::gc`]).
use crate::handle::{Attached, Layout, Ref};
use crate::layout::{Field, Py_TPFLAGS_MANAGED_DICT, Py_TPFLAGS_MANAGED_WEAKREF, PyObject, PyVarObject};
use crate::mode::{self, FREE_THREADED};
use crate::state::ThreadExt;
use crate::{PyResult, Type, gc, shadow, tracemalloc, watch};
use krait_sync::page::RemoteFree;
use std::alloc::{self, Layout as AllocLayout};
use std::ffi::c_void;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Size and alignment of a page.
pub const PAGE: usize = 64 << 10;
const GRANULE: usize = 16;
const GRANULES: usize = PAGE / GRANULE;
/// Largest block that shares a page with others.
pub const MAX_SMALL: usize = 8 << 10;
const FINE_CLASSES: usize = 32;
const CLASSES: usize = FINE_CLASSES + 16;
/// Bytes in front of an object whose type has a managed dict or weak reference list.
pub const PRE_HEADER: usize = 16;
/// Where the managed dict pointer of an object lies, from the object's address.
pub const MANAGED_DICT_OFFSET: isize = -8;
/// Where the managed weak reference list pointer of an object lies, from the object's address.
pub const MANAGED_WEAKREF_OFFSET: isize = -16;
const PAGES_PER_CHUNK: usize = 16;
const CHUNK: usize = PAGE * PAGES_PER_CHUNK;
const HEADER: usize = size_of::<Page>().next_multiple_of(64);
/// Offset in an object of the word that links free blocks: `ob_type`, so that counts stay readable.
const LINK: usize = std::mem::offset_of!(PyObject, ob_type);

/// The head of a page or of a large region.
#[repr(C)]
pub(crate) struct Page {
    owner: Field<*mut Heap>,
    /// Free blocks that the owner may take: linked through the word at `pre + LINK`.
    free: Field<*mut u8>,
    /// Blocks that other threads freed.
    remote: RemoteFree,
    block: Field<usize>,
    pre: Field<usize>,
    /// A [`Kind`] as its number.
    kind: Field<u8>,
    /// First byte that was never handed out.
    bump: Field<usize>,
    end: Field<usize>,
    live: Field<usize>,
    class: Field<usize>,
    next: Field<*mut Page>,
    /// Scratch of a running collection: one count per granule, or null.
    pub(crate) gc_refs: Field<*mut u32>,
    in_list: Field<bool>,
    /// `gil` mode's per-object collector bits; `nogil` keeps them in the object's head.
    pub(crate) tracked: [AtomicU64; GRANULES / 64],
    pub(crate) finalized: [AtomicU64; GRANULES / 64],
    pub(crate) young: [AtomicU64; GRANULES / 64],
}

/// What the blocks of a page are for.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Objects that are never collected: the collector does not look at their pages.
    Leaf,
    /// Objects that may be collected.
    Plain,
    /// Objects that may be collected, behind a pre-header.
    Managed,
    /// Raw blocks (`PyObject_Malloc`): what lies in those may look like anything, so the collector must not look.
    Raw,
}

const KINDS: usize = 4;

impl Kind {
    /// Of instances of `ty`.
    #[inline(always)]
    pub fn of(ty: &Type) -> Self {
        if ty.has_feature((Py_TPFLAGS_MANAGED_DICT | Py_TPFLAGS_MANAGED_WEAKREF) as std::ffi::c_ulong) {
            Kind::Managed
        } else if ty.is_gc() {
            Kind::Plain
        } else {
            Kind::Leaf
        }
    }

    /// Bytes in front of each object.
    #[inline(always)]
    pub const fn pre(self) -> usize {
        match self {
            Kind::Leaf | Kind::Plain => 0,
            Kind::Managed => PRE_HEADER,
            Kind::Raw => 2 * PRE_HEADER,
        }
    }
}

impl Page {
    /// The page of an object or block.
    ///
    /// # Safety
    /// `block` came from this module.
    #[inline(always)]
    pub(crate) unsafe fn of<'a>(block: *const PyObject) -> &'a Page {
        // SAFETY: blocks lie in the first 64 KiB of an aligned region that begins with its page head.
        unsafe { &*block.map_addr(|addr| addr & !(PAGE - 1)).cast::<Page>() }
    }

    /// Whether this is the region of one large object, which is freed with it.
    #[inline(always)]
    pub(crate) fn is_large(&self) -> bool {
        self.class.get() == usize::MAX
    }

    /// Index of a block's granule.
    #[inline(always)]
    pub(crate) fn granule(block: *const PyObject) -> usize {
        (block.addr() & (PAGE - 1)) / GRANULE
    }

    #[inline(always)]
    pub(crate) fn bit(map: &[AtomicU64; GRANULES / 64], granule: usize) -> bool {
        map[granule / 64].load(Ordering::Relaxed) & 1 << (granule % 64) != 0
    }

    /// Sets or clears a bit. Only the GIL's holder writes, so a plain read and write do.
    #[inline(always)]
    pub(crate) fn set_bit(map: &[AtomicU64; GRANULES / 64], granule: usize, value: bool) {
        let word = &map[granule / 64];
        let mask = 1 << (granule % 64);
        let now = word.load(Ordering::Relaxed);
        word.store(if value { now | mask } else { now & !mask }, Ordering::Relaxed);
    }

    /// Blocks in use ([stopped-world] or the owner).
    fn used(&self) -> usize {
        let mut used = self.live.get();
        let mut block = self.remote.peek();
        while !block.is_null() {
            used -= 1;
            // SAFETY: a free block holds its link.
            block = unsafe { *block.add(self.pre.get() + LINK).cast::<*mut u8>() };
        }
        used
    }

    fn start(&self) -> usize {
        ptr::from_ref(self).addr() + HEADER
    }

    /// Calls `f` with the address of every object that was ever handed out and may be collected.
    pub(crate) fn for_each_slot(&self, mut f: impl FnMut(*mut PyObject)) {
        if self.kind.get() == Kind::Raw as u8 || self.kind.get() == Kind::Leaf as u8 {
            return;
        }
        let base = ptr::from_ref(self).cast_mut().cast::<u8>();
        let mut at = self.start();
        while at < self.bump.get() {
            f(base.with_addr(at + self.pre.get()).cast());
            at += self.block.get();
        }
    }
}

fn class_of(size: usize) -> usize {
    if size <= FINE_CLASSES * GRANULE {
        return size.div_ceil(GRANULE).max(2) - 1;
    }
    // Four classes per doubling above 512 bytes.
    let log = (size - 1).ilog2() as usize;
    let quarter = (size - 1) >> (log - 2) & 3;
    FINE_CLASSES + (log - 9) * 4 + quarter
}

fn class_size(class: usize) -> usize {
    if class < FINE_CLASSES {
        return (class + 1) * GRANULE;
    }
    let (log, quarter) = ((class - FINE_CLASSES) / 4 + 9, (class - FINE_CLASSES) % 4);
    (1 << log) + (quarter + 1) * (1 << (log - 2))
}

/// The pages of one owner.
pub struct Heap {
    /// Pages with free blocks, by kind and class; the first one is allocated from.
    available: [[Field<*mut Page>; CLASSES]; KINDS],
    /// Every small page of the heap.
    pub(crate) pages: std::cell::UnsafeCell<Vec<NonNull<Page>>>,
    /// Whether new pages may come from the reserve.
    urgent: Field<bool>,
    /// Pages of a chunk that were not used yet.
    spare: std::cell::UnsafeCell<Vec<NonNull<u8>>>,
}

// SAFETY: a heap is used by its owner only, or with the world stopped.
unsafe impl Send for Heap {}
// SAFETY: as above.
unsafe impl Sync for Heap {}

impl Heap {
    #[allow(clippy::new_without_default)]
    pub fn new() -> Box<Heap> {
        Box::new(Heap {
            available: [const { [const { Field::new(ptr::null_mut()) }; CLASSES] }; KINDS],
            pages: std::cell::UnsafeCell::new(Vec::new()),
            urgent: Field::new(false),
            spare: std::cell::UnsafeCell::new(Vec::new()),
        })
    }

    /// Takes every object off the collector's view. Nobody uses the heap.
    pub(crate) fn hide_objects(&self) {
        // SAFETY: nobody allocates meanwhile, and pages of a heap are live.
        for page in unsafe { &*self.pages.get() }.iter().map(|page| unsafe { page.as_ref() }) {
            page.for_each_slot(|raw| {
                // SAFETY: the slot was handed out, so it is an object head, or a free block that looks like one.
                mode::set_tracked(unsafe { crate::Object::from_ptr(raw) }, false);
            });
        }
    }

    /// Takes a block of `class`; null when memory is exhausted.
    #[inline(always)]
    fn take(&self, kind: Kind, class: usize) -> *mut u8 {
        let page = self.available[kind as usize][class].get();
        if !page.is_null() {
            // SAFETY: pages of an attached thread's heap are live.
            let page = unsafe { &*page };
            let block = page.free.get();
            if !block.is_null() {
                // SAFETY: a free block holds its link at `pre + LINK`.
                page.free.set(unsafe { *block.add(kind.pre() + LINK).cast::<*mut u8>() });
                page.live.set(page.live.get() + 1);
                return block;
            }
        }
        self.take_slow(kind, class)
    }

    #[cold]
    fn take_slow(&self, kind: Kind, class: usize) -> *mut u8 {
        let list = &self.available[kind as usize][class];
        loop {
            let raw = list.get();
            if raw.is_null() {
                let Some(page) = self.new_page(kind, class) else { return ptr::null_mut() };
                list.set(page.as_ptr());
                continue;
            }
            // SAFETY: pages on the list are live.
            let page = unsafe { &*raw };
            if page.free.get().is_null() {
                page.free.set(page.remote.take_all());
                self.recount(page);
            }
            let block = page.free.get();
            if !block.is_null() {
                // SAFETY: as in `take`.
                page.free.set(unsafe { *block.add(kind.pre() + LINK).cast::<*mut u8>() });
                page.live.set(page.live.get() + 1);
                return block;
            }
            if page.bump.get() + page.block.get() <= page.end.get() {
                let at = page.bump.get();
                page.bump.set(at + page.block.get());
                page.live.set(page.live.get() + 1);
                return raw.cast::<u8>().with_addr(at);
            }
            page.in_list.set(false);
            list.set(page.next.get());
        }
    }

    /// Blocks that came back from other threads are not live any more.
    fn recount(&self, page: &Page) {
        let mut block = page.free.get();
        while !block.is_null() {
            page.live.set(page.live.get() - 1);
            // SAFETY: a free block holds its link.
            block = unsafe { *block.add(page.pre.get() + LINK).cast::<*mut u8>() };
        }
    }

    fn new_page(&self, kind: Kind, class: usize) -> Option<NonNull<Page>> {
        // SAFETY: only the owner calls this.
        let spare = unsafe { &mut *self.spare.get() };
        if spare.is_empty() {
            let chunk = match host_arena(CHUNK) {
                Some(chunk) => chunk?,
                None if !self.urgent.get() && !crate::reserve::is_whole() => return None,
                None => fresh_chunk()?,
            };
            // SAFETY: offsets inside the chunk.
            spare.extend((0..PAGES_PER_CHUNK).rev().map(|at| unsafe { chunk.add(at * PAGE) }));
        }
        let page = spare.pop()?.cast::<Page>();
        // SAFETY: a fresh page of zeroed memory, which is a valid `Page`.
        unsafe { self.init_page(page.as_ref(), kind, class, class_size(class), PAGE) };
        PAGES_IN_USE.fetch_add(1, Ordering::Relaxed);
        // SAFETY: only the owner changes the list.
        unsafe { (*self.pages.get()).push(page) };
        Some(page)
    }

    fn init_page(&self, page: &Page, kind: Kind, class: usize, block: usize, size: usize) {
        page.owner.set(ptr::from_ref(self).cast_mut());
        page.block.set(block);
        page.pre.set(kind.pre());
        page.kind.set(kind as u8);
        page.class.set(class);
        page.bump.set(page.start());
        page.end.set(ptr::from_ref(page).addr() + size);
        page.live.set(0);
        page.in_list.set(true);
        if class != usize::MAX {
            shadow::close(ptr::without_provenance(page.start()), size - HEADER);
        }
    }

    /// Returns a block to its page. The caller is the heap's owner.
    #[inline(always)]
    fn give(&self, page: &Page, block: *mut u8) {
        // SAFETY: the block is free now, so its link word is ours.
        unsafe { *block.add(page.pre.get() + LINK).cast::<*mut u8>() = page.free.get() };
        page.free.set(block);
        page.live.set(page.live.get() - 1);
        if !page.in_list.get() {
            let list = &self.available[page.kind.get() as usize][page.class.get()];
            page.next.set(list.get());
            page.in_list.set(true);
            list.set(ptr::from_ref(page).cast_mut());
        }
    }
}

/// Makes small objects that the runtime cannot do without, from the reserve if there is no other memory. A host that
/// refuses objects is not heeded.
pub fn urgently<R>(py: Attached<'_>, make: impl FnOnce() -> R) -> R {
    let urgent = &py.heap().urgent;
    let before = urgent.get();
    urgent.set(true);
    let made = make();
    urgent.set(before);
    made
}

/// Whether what is made now is made [`urgently`].
pub(crate) fn is_urgent(py: Attached<'_>) -> bool {
    py.heap().urgent.get()
}

/// Small pages that all heaps of the process hold: what the collector goes by to see whether memory grows.
pub(crate) static PAGES_IN_USE: AtomicUsize = AtomicUsize::new(0);

/// Takes `size` bytes with the pre-header of their kind before them, and returns the address behind that. Null on
/// exhaustion.
#[inline]
fn alloc_block(py: Attached<'_>, kind: Kind, size: usize) -> *mut u8 {
    let pre = kind.pre();
    let total = pre + size;
    if total > MAX_SMALL {
        return alloc_large(py, kind, size);
    }
    let class = class_of(total);
    let block = py.heap().take(kind, class);
    if block.is_null() {
        return block;
    }
    shadow::open(block, total);
    // SAFETY: the block is at least `total` bytes.
    unsafe { block.add(pre) }
}

#[cold]
fn alloc_large(py: Attached<'_>, kind: Kind, size: usize) -> *mut u8 {
    let pre = kind.pre();
    let Some(total) = size.checked_add(HEADER + pre + GRANULE) else { return ptr::null_mut() };
    let Ok(layout) = AllocLayout::from_size_align(total, PAGE) else { return ptr::null_mut() };
    if !crate::reserve::is_whole() {
        return ptr::null_mut();
    }
    // SAFETY: the layout is not empty.
    let Some(region) = NonNull::new(unsafe { alloc::alloc(layout) }) else { return ptr::null_mut() };
    // SAFETY: fresh memory of at least a page head; zero is a valid head.
    unsafe {
        ptr::write_bytes(region.as_ptr(), 0, HEADER);
        let page = region.cast::<Page>().as_ref();
        py.heap().init_page(page, kind, usize::MAX, total - HEADER, total);
        page.bump.set(page.start() + 1);
        py.state()
            .large
            .lock()
            .expect("no panic under this lock")
            .insert(region.as_ptr().addr(), crate::state::Region(region));
        region.as_ptr().add(HEADER + pre)
    }
}

/// Frees a large region.
///
/// # Safety
/// `region` came from `alloc_large` and nobody reads it any more.
unsafe fn free_large(region: *mut u8, total: usize) {
    // SAFETY: allocated with this layout.
    unsafe { alloc::dealloc(region, AllocLayout::from_size_align_unchecked(total, PAGE)) };
}

/// Gives a block back.
///
/// # Safety
/// `block` came from [`alloc_block`] and is not used any more; [attached].
#[inline]
unsafe fn free_block(py: Attached<'_>, block: *mut u8) {
    if tracemalloc::is_on() {
        tracemalloc::freed(block);
    }
    // SAFETY: by the contract.
    unsafe {
        let page = Page::of(block.cast());
        if page.is_large() {
            return drop_large(py, page);
        }
        let start = block.sub(page.pre.get());
        if shadow::close(start, page.block.get()) {
            return;
        }
        let heap = py.heap();
        if !FREE_THREADED || page.owner.get() == ptr::from_ref(heap).cast_mut() {
            heap.give(page, start);
            return;
        }
        page.remote.push(start, |top| *start.add(page.pre.get() + LINK).cast::<*mut u8>() = top);
    }
}

#[cold]
unsafe fn drop_large(py: Attached<'_>, page: &Page) {
    let region = ptr::from_ref(page).cast_mut().cast::<u8>();
    let total = page.end.get() - region.addr();
    py.state().large.lock().expect("no panic under this lock").remove(&region.addr());
    retire(py, region, total, free_large);
}

/// Where chunks of pages come from instead of the global allocator, when the host says so.
static ARENAS: std::sync::RwLock<Option<Arenas>> = std::sync::RwLock::new(None);

/// The host's source of chunks (`PyObject_SetArenaAllocator`).
#[derive(Clone, Copy)]
pub struct Arenas(pub crate::layout::PyObjectArenaAllocator);
// SAFETY: the host answers for its functions being callable from every thread.
unsafe impl Send for Arenas {}
// SAFETY: as above.
unsafe impl Sync for Arenas {}

/// The host's source of chunks, if it set one.
pub fn arenas() -> Option<Arenas> {
    ARENAS.read().ok().and_then(|arenas| *arenas)
}

/// Takes further chunks from the host. Chunks are kept until the process ends.
pub fn set_arenas(arenas: Arenas) {
    if let Ok(mut place) = ARENAS.write() {
        *place = Some(arenas);
    }
}

/// A zeroed chunk, aligned to pages. It is asked for with room for that and without an alignment of its own: so it comes
/// from the system as it is, and only what is used of it takes memory.
fn fresh_chunk() -> Option<NonNull<u8>> {
    let layout = AllocLayout::from_size_align(CHUNK + PAGE, GRANULE).expect("constant layout");
    // SAFETY: the layout is not empty; the aligned chunk lies inside.
    unsafe {
        let raw = NonNull::new(alloc::alloc_zeroed(layout))?;
        Some(raw.add(raw.align_offset(PAGE)))
    }
}

/// A zeroed chunk from the host, aligned to pages; `Some(None)` when it has no memory.
fn host_arena(size: usize) -> Option<Option<NonNull<u8>>> {
    let Arenas(source) = arenas()?;
    let alloc = source.alloc?;
    // SAFETY: the host's own function with its pointer.
    let raw = unsafe { alloc(source.ctx, size + PAGE) }.cast::<u8>();
    if raw.is_null() {
        return Some(None);
    }
    // SAFETY: a page more than needed leaves room for the alignment.
    unsafe {
        let start = raw.add(raw.align_offset(PAGE));
        ptr::write_bytes(start, 0, size);
        Some(NonNull::new(start))
    }
}

/// How many blocks of object memory are in use in the interpreter.
pub fn allocated_blocks(py: Attached<'_>) -> usize {
    let stats = stats(py);
    stats.large + stats.classes.iter().map(|class| class.used).sum::<usize>()
}

/// How the blocks of one size are used.
#[derive(Clone, Copy, Default)]
pub struct ClassStats {
    /// Bytes of a block.
    pub size: usize,
    pub pages: usize,
    pub used: usize,
    pub free: usize,
}

/// What an interpreter's objects occupy.
pub struct Stats {
    /// One entry for each size class.
    pub classes: Vec<ClassStats>,
    /// Blocks that are too large for a class.
    pub large: usize,
}

/// How the interpreter's memory is used. Other threads stand still meanwhile.
pub fn stats(py: Attached<'_>) -> Stats {
    let sizes = (0..CLASSES).map(|class| ClassStats { size: class_size(class), ..ClassStats::default() });
    let mut stats = Stats { classes: sizes.collect(), large: 0 };
    let mut add = || {
        let state = py.state();
        stats.large = state.large.lock().expect("no panic under this lock").len();
        for heap in state.heaps.lock().expect("no panic under this lock").iter() {
            // SAFETY: nobody allocates meanwhile, and pages of a heap are live.
            for page in unsafe { (*heap.pages.get()).iter().map(|page| page.as_ref()) } {
                let Some(class) = stats.classes.get_mut(page.class.get()) else { continue };
                let (used, size) = (page.used(), page.block.get().max(1));
                class.pages += 1;
                class.used += used;
                class.free += ((page.end.get() - page.start()) / size).saturating_sub(used);
            }
        }
    };
    if FREE_THREADED {
        (crate::hooks::hooks().stop_the_world)(py, &mut add);
    } else {
        add();
    }
    stats
}

/// How many bytes the block of an object can hold from the object's address.
///
/// # Safety
/// `object` came from this module.
pub unsafe fn usable_size(object: *const PyObject) -> usize {
    // SAFETY: by the contract.
    let page = unsafe { Page::of(object) };
    shadow::open_bytes(object.cast(), page.block.get() - page.pre.get())
}

/// Frees `ptr` with `free` once no other thread can read it any more: at once when there is none or in `gil` mode,
/// otherwise through QSBR.
pub fn retire(py: Attached<'_>, ptr: *mut u8, size: usize, free: unsafe fn(*mut u8, usize)) {
    // SAFETY: the caller gives the memory up: it is unreachable for new readers, and freed once. Functions that differ in
    // what a thin pointer points to have the same ABI.
    unsafe {
        if mode::is_alone() {
            free(ptr, size);
        } else if py.ext().qsbr.retire(
            ptr.cast(),
            size,
            std::mem::transmute::<unsafe fn(*mut u8, usize), krait_sync::qsbr::FreeFn>(free),
        ) {
            // The evaluation loop passes a quiescent state when it serves its breaker.
            mode::breaker(py.tstate()).set(krait_sync::breaker::EXPLICIT_MERGE);
        }
    }
}

/// Allocates a zeroed instance of `ty` with room for `items` variable items: count one, type set (and counted if it
/// is a heap type), `ob_size` set for variable-size types, not yet tracked by the collector.
///
/// # Errors
/// `MemoryError`.
#[inline]
pub fn alloc_instance(py: Attached<'_>, ty: &Type, items: usize) -> PyResult<NonNull<PyObject>> {
    let raw = ty.as_type();
    let itemsize = raw.tp_itemsize.get() as usize;
    let size = raw.tp_basicsize.get() as usize;
    if itemsize == 0 {
        let inline = crate::builtins::dictobject::inline_values_bytes(ty);
        let object = alloc_sized(py, ty, size + inline)?;
        if inline != 0 {
            // SAFETY: a fresh instance of `ty` with room for the values.
            crate::builtins::dictobject::init_inline_values(unsafe { object.cast().as_ref() }, ty, inline);
        }
        return Ok(object);
    }
    let Some(size) = itemsize.checked_mul(items).and_then(|extra| extra.checked_add(size)) else {
        return Err(py.no_memory());
    };
    let object = alloc_sized(py, ty, size.next_multiple_of(8))?;
    // SAFETY: types with items begin with `PyVarObject`, except `int`, whose items overlay that field's place with
    // the tag it sets itself.
    unsafe { (*object.as_ptr().cast::<PyVarObject>()).ob_size.set(items as isize) };
    Ok(object)
}

/// As [`alloc_instance`] with an explicit size in bytes, for layouts whose size no item count gives.
#[inline]
pub fn alloc_sized(py: Attached<'_>, ty: &Type, size: usize) -> PyResult<NonNull<PyObject>> {
    let kind = Kind::of(ty);
    let pre = kind.pre();
    let watchers = watch::watchers();
    if watch::refuses(py, watchers, size) {
        return Err(py.no_memory());
    }
    let block = alloc_block(py, kind, size);
    if block.is_null() {
        return Err(py.no_memory());
    }
    // SAFETY: the block has `pre` bytes before and `size` bytes after `block`.
    unsafe {
        if pre != 0 {
            ptr::write_bytes(block.sub(pre), 0, pre);
        }
        // The count words are written with stores that racing `try_incref`s may see; the rest is plain.
        zero(block.add(LINK), size.saturating_sub(LINK));
        let object = block.cast::<PyObject>();
        (*object).ob_type.set(ty.as_type_ptr());
        if ty.is_heap() {
            crate::type_refs::incref(py, ty);
        }
        mode::init_head(object);
        if watchers != 0 {
            tell_of_new(object, size);
        }
        if ty.is_gc() {
            gc::count_allocation(py);
        }
        Ok(NonNull::new_unchecked(object))
    }
}

/// Zeroes `count` bytes. Few take stores that may overlap, which is faster than a call of `memset`.
///
/// # Safety
/// The bytes belong to the caller.
#[inline(always)]
unsafe fn zero(at: *mut u8, count: usize) {
    const WORD: usize = 16;
    // SAFETY: by the contract; each store lies inside the `count` bytes.
    unsafe {
        let store = |offset: usize| at.add(offset).cast::<u128>().write_unaligned(0);
        match count {
            WORD..=32 => {
                store(0);
                store(count - WORD);
            }
            33..=64 => {
                store(0);
                store(WORD);
                store(count - 2 * WORD);
                store(count - WORD);
            }
            _ => ptr::write_bytes(at, 0, count),
        }
    }
}

/// Allocates an object of a static type whose instances are not collected: only its head is set.
#[inline]
pub(crate) fn alloc_leaf(py: Attached<'_>, ty: &Type, size: usize) -> PyResult<NonNull<PyObject>> {
    debug_assert!(!ty.is_heap() && !ty.is_gc() && size <= MAX_SMALL);
    let watchers = watch::watchers();
    if watch::refuses(py, watchers, size) {
        return Err(py.no_memory());
    }
    let block = py.heap().take(Kind::Leaf, class_of(size)).cast::<PyObject>();
    let Some(object) = NonNull::new(block) else { return Err(py.no_memory()) };
    shadow::open(block.cast(), size);
    // SAFETY: a block for an object, which nobody else uses.
    unsafe {
        (*block).ob_type.set(ty.as_type_ptr());
        mode::init_head(block);
        if watchers != 0 {
            tell_of_new(block, size);
        }
    }
    Ok(object)
}

/// Allocates raw bytes for an object: an uninitialised block.
pub fn alloc_raw(py: Attached<'_>, kind: Kind, size: usize) -> Option<NonNull<u8>> {
    if watch::refuses(py, watch::watchers(), size) {
        return None;
    }
    alloc_domain(py, kind, size)
}

/// Allocates raw bytes of the object domain (`PyObject_Malloc`), for which no host is asked: it may be the one who asks.
pub fn alloc_domain(py: Attached<'_>, kind: Kind, size: usize) -> Option<NonNull<u8>> {
    let block = NonNull::new(alloc_block(py, kind, size.max(size_of::<PyObject>())))?;
    if size < size_of::<PyObject>() && shadow::is_on() {
        shadow::close(block.as_ptr(), size_of::<PyObject>());
        shadow::open(block.as_ptr(), size.max(1));
    }
    if tracemalloc::is_on() {
        tracemalloc::allocated(block.as_ptr(), size);
    }
    Some(block)
}

/// Tells those who watch of an object that was made.
#[cold]
fn tell_of_new(object: *mut PyObject, size: usize) {
    watch::RefTracer::tell(object, watch::RefEvent::Create);
    if tracemalloc::is_on() {
        tracemalloc::allocated(object.cast(), size);
    }
}

/// Frees an instance's memory. Fields and type are not released: that is the deallocator's work.
///
/// # Safety
/// `object` came from this module, its count is zero, and its fields have been dropped.
#[inline]
pub unsafe fn free_instance(object: NonNull<PyObject>) {
    // SAFETY: [attached]: deallocators run attached.
    unsafe {
        let py = Attached::from_tls();
        mode::poison_head(object.as_ptr());
        if object.cast::<crate::Object>().as_ref().ty().is_gc() {
            gc::count_release(py);
        }
        if !FREE_THREADED {
            gc::forget(object.as_ptr());
        }
        free_block(py, object.as_ptr().cast());
    }
}

/// `PyObject_Free`: frees a block of the object domain, which may never have been an object.
///
/// # Safety
/// `block` came from this module and is used no more, or null.
pub unsafe fn free_raw(block: *mut c_void) {
    if block.is_null() {
        return;
    }
    // SAFETY: [attached]: the object domain demands it; a block has room for a head.
    unsafe {
        let py = Attached::from_tls();
        mode::poison_head(block.cast());
        if !FREE_THREADED {
            gc::forget(block.cast());
        }
        free_block(py, block.cast());
    }
}

/// `tp_free` of every type.
///
/// # Safety
/// As [`free_instance`], or null.
pub unsafe extern "C" fn object_free(object: *mut c_void) {
    if let Some(object) = NonNull::new(object) {
        // SAFETY: by the contract.
        unsafe { free_instance(object.cast()) };
    }
}

/// The body of the `tp_dealloc` of a builtin type without the collector's part, once what its object owns is released.
/// The memory of an instance of a subtype goes through `tp_free`.
///
/// # Safety
/// Called from the `tp_dealloc` of `T`'s type, with the last reference gone.
#[inline(always)]
pub unsafe fn dealloc_leaf<T: Layout>(py: Attached<'_>, this: NonNull<T>) {
    let object = this.cast::<PyObject>();
    // SAFETY: by the contract; the collector never knew an instance of exactly this type.
    unsafe {
        let ty = object.cast::<crate::Object>().as_ref().ty();
        if ptr::eq(ty, T::type_object()) {
            mode::poison_head(object.as_ptr());
            return free_block(py, object.as_ptr().cast());
        }
        free_by_type(object);
    }
}

/// Frees an instance's memory in the way of its type.
///
/// # Safety
/// As [`free_instance`].
#[inline]
pub(crate) unsafe fn free_by_type(object: NonNull<PyObject>) {
    // SAFETY: by the contract.
    unsafe {
        match object.cast::<crate::Object>().as_ref().ty().as_type().tp_free.get() {
            Some(free) => free(object.as_ptr().cast()),
            None => free_instance(object),
        }
    }
}

/// Allocates an instance of exactly `T`'s type, or a subtype `ty`, and lets `init` fill the zeroed memory before
/// the object is tracked.
#[inline]
pub fn new_instance<T: Layout>(py: Attached<'_>, ty: &Type, init: impl FnOnce(&T)) -> PyResult<Ref<T>> {
    let raw = alloc_instance(py, ty, 0)?;
    // SAFETY: [layout]: fresh memory of a subtype of `T`'s type; zeroed memory is valid for every layout.
    let object = unsafe { Ref::<T>::from_raw(raw.as_ptr()) };
    init(&object);
    if ty.is_gc() {
        gc::track(object.as_object());
    }
    Ok(object)
}

/// How deep deallocations may nest before they are put off.
pub(crate) const MAX_NESTED_DEALLOCS: u32 = 100;

/// The body of a `tp_dealloc`: untracks, finalizes (`tp_finalize`), clears weak references that `T`'s own layout
/// holds, calls `drop_fields`, and frees the memory through `tp_free`. Returns early when the finalizer resurrected
/// the object. Long chains of deallocations are put off instead of nested, so they cannot exhaust the native stack.
///
/// A heap subtype's `tp_dealloc` has dealt with finalizer, managed dict and `__slots__` before it calls the base's.
///
/// # Safety
/// Called from the `tp_dealloc` of `T`'s type, with the last reference gone.
#[inline]
pub unsafe fn dealloc_with<T: Layout>(py: Attached<'_>, this: NonNull<T>, drop_fields: impl FnOnce(&T)) {
    // SAFETY: the object is intact until `tp_free`.
    unsafe {
        let object = this.cast::<crate::Object>().as_ref();
        let own = T::type_object();
        if own.is_gc() {
            gc::untrack(object);
            if py.ext().nested_deallocs.get() > MAX_NESTED_DEALLOCS {
                py.ext().put_off_dealloc(this.cast());
                return;
            }
        }
        let ext = py.ext();
        if own.as_type().tp_finalize.get().is_some() && !object.ty().is_heap() {
            // The finalizer may drop further objects: it is part of the nest.
            ext.nested_deallocs.set(ext.nested_deallocs.get() + 1);
            let resurrected = gc::finalize_from_dealloc(py, object);
            ext.nested_deallocs.set(ext.nested_deallocs.get() - 1);
            if resurrected {
                return;
            }
        }
        if own.as_type().tp_weaklistoffset.get() != 0 {
            crate::builtins::weakrefobject::clear_all(py, object);
        }
        ext.nested_deallocs.set(ext.nested_deallocs.get() + 1);
        drop_fields(this.as_ref());
        ext.nested_deallocs.set(ext.nested_deallocs.get() - 1);
        free_by_type(this.cast());
        if ext.nested_deallocs.get() == 0 {
            ext.run_put_off_deallocs();
        }
    }
}

impl<'py> Attached<'py> {
    /// Krait's own part of the thread state.
    #[inline(always)]
    pub fn ext(self) -> &'py ThreadExt {
        // SAFETY: every thread state is the first field of a `ThreadExt`.
        unsafe { &*ptr::from_ref(self.tstate()).cast::<ThreadExt>() }
    }

    /// The heap that this thread allocates from.
    #[inline(always)]
    pub fn heap(self) -> &'py Heap {
        // SAFETY: set when the thread state is made, and kept until it is freed.
        unsafe { &*self.ext().heap.get() }
    }
}
