//! Traces of memory: which Python code asked for the blocks that are in use (`tracemalloc`).
//!
//! While nobody traces, an allocation costs what it costs with [`watch::RefTracer`] alone: one load of a byte that
//! nobody writes. While somebody does, each block of objects, of their arrays and of C's memory domains is entered in
//! one table of the process, by domain and address, with the frames of the thread that asked for it. Equal tracebacks
//! are stored once and stay until the traces are cleared, so that a block may be given back by a thread that is not
//! attached.
//!
//! The table's lock is a leaf: nothing is allocated by a traced allocator and no Python code runs under it.
use crate::handle::{Attached, Layout, Ref};
use crate::layout::PyObject;
use crate::watch;
use crate::{Int, IntoObject, List, Object, PyResult, Str, Tuple};
use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The domain of Python's own memory.
pub const DEFAULT_DOMAIN: u32 = 0;
/// The greatest number of frames of a traceback.
pub const MAX_FRAMES: usize = u16::MAX as usize;

/// A line of a file. The string is only compared by its address.
struct Line(Ref<Str>, u32);

/// The frames of an allocation, the innermost first, and how many there were in all.
pub struct Traceback {
    lines: Vec<Line>,
    total: usize,
}

// SAFETY: the strings are counted only by attached threads, and go with the one that clears the table; others move
// `Arc`s and compare addresses only.
unsafe impl Send for Traceback {}
// SAFETY: as above; nothing changes in it.
unsafe impl Sync for Traceback {}

impl PartialEq for Traceback {
    fn eq(&self, other: &Self) -> bool {
        let same = |(a, b): (&Line, &Line)| a.0.as_ptr() == b.0.as_ptr() && a.1 == b.1;
        self.total == other.total
            && self.lines.len() == other.lines.len()
            && self.lines.iter().zip(&other.lines).all(same)
    }
}
impl Eq for Traceback {}
impl Hash for Traceback {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.total.hash(state);
        for Line(file, line) in &self.lines {
            (file.as_ptr().addr(), line).hash(state);
        }
    }
}

impl Traceback {
    /// The frames as `_tracemalloc` gives them: pairs of file and line.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn frames(&self, py: Attached<'_>) -> PyResult<Ref<Tuple>> {
        if self.lines.is_empty() {
            let unknown = Tuple::pair(py, Str::new(py, "<unknown>")?.upcast(), 0.into_object(py)?)?;
            return Tuple::from_slice(py, &[unknown.as_object()]);
        }
        let mut frames = Vec::with_capacity(self.lines.len());
        for Line(file, line) in &self.lines {
            frames.push(Tuple::pair(py, file.clone().upcast(), Int::from_i64(py, i64::from(*line))?.upcast())?);
        }
        let frames: Vec<&Object> = frames.iter().map(|frame| frame.as_object()).collect();
        Tuple::from_slice(py, &frames)
    }
}

struct Trace {
    size: usize,
    traceback: Arc<Traceback>,
}

struct Traces {
    blocks: HashMap<(u32, usize), Trace>,
    tracebacks: HashSet<Arc<Traceback>>,
    now: usize,
    peak: usize,
}

static TRACES: Mutex<Option<Traces>> = Mutex::new(None);
static LIMIT: AtomicUsize = AtomicUsize::new(1);

thread_local! {
    /// Whether the thread is at work on the table itself, whose memory is not traced.
    static BUSY: Cell<bool> = const { Cell::new(false) };
}

fn table() -> MutexGuard<'static, Option<Traces>> {
    TRACES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether allocations are traced.
#[inline(always)]
pub fn is_on() -> bool {
    watch::watchers() & watch::TRACES != 0
}

/// Begins to trace; each traceback keeps up to `limit` frames. Does nothing when tracing is on already.
pub fn start(limit: usize) {
    let mut place = table();
    if place.is_none() {
        LIMIT.store(limit.max(1), Ordering::Relaxed);
        *place = Some(Traces { blocks: HashMap::new(), tracebacks: HashSet::new(), now: 0, peak: 0 });
        watch::set_watcher(watch::TRACES, true);
    }
}

/// Stops tracing and forgets all traces.
pub fn stop(_py: Attached<'_>) {
    let gone = {
        let mut place = table();
        watch::set_watcher(watch::TRACES, false);
        place.take()
    };
    // The strings go without the lock.
    drop(gone);
}

/// Forgets all traces.
pub fn clear(_py: Attached<'_>) {
    let gone = table().as_mut().map(|traces| {
        (traces.now, traces.peak) = (0, 0);
        (std::mem::take(&mut traces.blocks), std::mem::take(&mut traces.tracebacks))
    });
    let busy = BUSY.replace(true);
    drop(gone);
    BUSY.set(busy);
}

/// How many frames a traceback keeps at most: what was asked for last.
pub fn limit() -> usize {
    LIMIT.load(Ordering::Relaxed)
}

/// Bytes in use and the most there were.
pub fn memory() -> (usize, usize) {
    table().as_ref().map_or((0, 0), |traces| (traces.now, traces.peak))
}

/// Sets the most there were to what is in use.
pub fn reset_peak() {
    if let Some(traces) = table().as_mut() {
        traces.peak = traces.now;
    }
}

/// Bytes that the table itself takes.
pub fn own_memory() -> usize {
    table().as_ref().map_or(0, |traces| {
        let block = size_of::<((u32, usize), Trace)>() + 1;
        let lines: usize = traces.tracebacks.iter().map(|one| one.lines.capacity() * size_of::<Line>()).sum();
        let each = size_of::<Traceback>() + 2 * size_of::<usize>() + size_of::<Arc<Traceback>>() + 1;
        traces.blocks.capacity() * block + traces.tracebacks.capacity() * each + lines
    })
}

/// The frames of the calling thread.
fn capture(py: Attached<'_>, limit: usize) -> Traceback {
    let mut lines = Vec::new();
    let total = (crate::hooks::hooks().visit_lines)(py, &mut |file, line| {
        if lines.len() < limit {
            lines.push(Line(file.to_ref(), line));
        }
    });
    Traceback { lines, total: total.clamp(1, MAX_FRAMES) }
}

/// Enters a block, in place of one that was there.
///
/// False when nobody traces.
pub fn track(py: Option<Attached<'_>>, domain: u32, address: usize, size: usize) -> bool {
    if BUSY.replace(true) {
        return true;
    }
    let tracked = enter(py, domain, address, size);
    BUSY.set(false);
    tracked
}

fn enter(py: Option<Attached<'_>>, domain: u32, address: usize, size: usize) -> bool {
    let traceback = match py {
        Some(py) => capture(py, limit()),
        None => Traceback { lines: Vec::new(), total: 1 },
    };
    let mut place = table();
    let Some(traces) = place.as_mut() else {
        drop(place);
        return false;
    };
    let mut spare = None;
    let traceback = match traces.tracebacks.get(&traceback) {
        Some(known) => {
            spare = Some(traceback);
            known.clone()
        }
        None => {
            let new = Arc::new(traceback);
            traces.tracebacks.insert(new.clone());
            new
        }
    };
    if let Some(old) = traces.blocks.insert((domain, address), Trace { size, traceback }) {
        traces.now -= old.size;
    }
    traces.now += size;
    traces.peak = traces.peak.max(traces.now);
    drop(place);
    drop(spare);
    true
}

/// Takes a block out; false when nobody traces.
pub fn untrack(domain: u32, address: usize) -> bool {
    let mut place = table();
    let Some(traces) = place.as_mut() else { return false };
    if let Some(old) = traces.blocks.remove(&(domain, address)) {
        traces.now -= old.size;
    }
    true
}

/// Enters a block of Python's memory. Called while [`is_on`].
#[cold]
pub fn allocated(address: *const u8, size: usize) {
    track(Attached::try_from_tls(), DEFAULT_DOMAIN, address.addr(), size);
}

/// Takes out a block of Python's memory. Called while [`is_on`].
#[cold]
pub fn freed(address: *const u8) {
    if !address.is_null() {
        untrack(DEFAULT_DOMAIN, address.addr());
    }
}

/// The frames of a block, if it is known.
///
/// # Errors
/// `MemoryError`.
pub fn traceback_of(py: Attached<'_>, domain: u32, address: usize) -> PyResult<Option<Ref<Tuple>>> {
    let found = table().as_ref().and_then(|traces| Some(traces.blocks.get(&(domain, address))?.traceback.clone()));
    found.map(|traceback| traceback.frames(py)).transpose()
}

/// The frames of an object's block.
///
/// # Errors
/// `MemoryError`.
pub fn traceback_of_object(py: Attached<'_>, object: *const PyObject) -> PyResult<Option<Ref<Tuple>>> {
    traceback_of(py, DEFAULT_DOMAIN, object.addr())
}

/// All traces: a list of tuples of domain, size, frames and the number of all frames. Equal frames are one object.
///
/// # Errors
/// `MemoryError`.
pub fn traces(py: Attached<'_>) -> PyResult<Ref<List>> {
    let all: Vec<(u32, usize, Arc<Traceback>)> = match table().as_ref() {
        Some(traces) => {
            traces.blocks.iter().map(|((domain, _), trace)| (*domain, trace.size, trace.traceback.clone())).collect()
        }
        None => Vec::new(),
    };
    let mut known: HashMap<*const Traceback, Ref<Tuple>> = HashMap::new();
    // What is made here is not part of what is shown.
    let busy = BUSY.replace(true);
    let made = all.iter().map(|(domain, size, traceback)| {
        let frames = match known.get(&Arc::as_ptr(traceback)) {
            Some(frames) => frames.clone(),
            None => {
                let frames = traceback.frames(py)?;
                known.insert(Arc::as_ptr(traceback), frames.clone());
                frames
            }
        };
        let (domain, size) = (domain.into_object(py)?, Int::from_u64(py, *size as u64)?);
        let total = Int::from_u64(py, traceback.total as u64)?;
        Ok(Tuple::from_slice(py, &[&domain, size.as_object(), frames.as_object(), total.as_object()])?.upcast())
    });
    let made: PyResult<Vec<Ref<Object>>> = made.collect();
    BUSY.set(busy);
    List::from_vec(py, made?)
}

/// The functions of `std::alloc` for arrays of objects, which are traced like the objects, and like them get nothing of
/// the reserve.
pub mod memory {
    use super::{allocated, freed, is_on};
    use crate::reserve::is_whole;
    use std::alloc::{self, Layout};
    use std::ptr;

    /// # Safety
    /// As [`std::alloc::alloc`].
    #[inline]
    pub unsafe fn alloc(layout: Layout) -> *mut u8 {
        // SAFETY: by the contract.
        if is_whole() { told(unsafe { alloc::alloc(layout) }, layout.size()) } else { ptr::null_mut() }
    }

    /// # Safety
    /// As [`std::alloc::alloc_zeroed`].
    #[inline]
    pub unsafe fn alloc_zeroed(layout: Layout) -> *mut u8 {
        // SAFETY: by the contract.
        if is_whole() { told(unsafe { alloc::alloc_zeroed(layout) }, layout.size()) } else { ptr::null_mut() }
    }

    /// # Safety
    /// As [`std::alloc::realloc`].
    #[inline]
    pub unsafe fn realloc(old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if size > layout.size() && !is_whole() {
            return ptr::null_mut();
        }
        // SAFETY: by the contract.
        let new = unsafe { alloc::realloc(old, layout, size) };
        if is_on() && !new.is_null() {
            freed(old);
        }
        told(new, size)
    }

    /// # Safety
    /// As [`std::alloc::dealloc`].
    #[inline]
    pub unsafe fn dealloc(block: *mut u8, layout: Layout) {
        if is_on() {
            freed(block);
        }
        // SAFETY: by the contract.
        unsafe { alloc::dealloc(block, layout) };
    }

    #[inline]
    fn told(block: *mut u8, size: usize) -> *mut u8 {
        if is_on() && !block.is_null() {
            allocated(block, size);
        }
        block
    }
}
