//! `_queue`: a queue that threads wait at.
//!
//! A semaphore counts the items, so a waiting thread sleeps detached; the items lie behind a short lock.
use crate::overrides_init;
use krait_object::args::Args;
use krait_object::builtins::genericaliasobject::class_getitem;
use krait_object::layout::{Field, PyObject};
use krait_object::native::{Arg, Fixed, State, Trace, add_type, alloc, new_exception, required};
use krait_object::{Attached, Layout, Module, Object, PyResult, Raised, Ref, Type, exc, hooks, id, pytype, raise};
use krait_sync::block::{Acquired, Wait};
use krait_sync::semaphore::Semaphore;
use krait_vm::timing::seconds_arg;
use std::collections::VecDeque;
use std::mem::offset_of;
use std::time::{Duration, Instant};

struct Count(Semaphore);

impl Trace for Count {}

krait_object::native! {
    /// `SimpleQueue`.
    struct SimpleQueue { items: State<VecDeque<Ref<Object>>>, count: Fixed<Count>, weaklist: Field<*mut PyObject> }
}
pytype! {
    static SIMPLE_QUEUE: "_queue.SimpleQueue" for SimpleQueue {
        base: Object, flags: [HAVE_GC, BASETYPE],
        doc: "SimpleQueue()\n--\n\nSimple, unbounded, reentrant FIFO queue.",
        slots: {
            tp_dealloc = SimpleQueue::dealloc,
            tp_traverse = SimpleQueue::traverse,
            tp_clear = SimpleQueue::clear,
            tp_new = SimpleQueue::construct,
            raw tp_weaklistoffset = offset_of!(SimpleQueue, weaklist) as isize,
        },
        methods: {
            class o "__class_getitem__" => class_getitem, "", "See PEP 585";
            noargs "empty" => |_: Attached<'_>, this: &SimpleQueue| this.items.lock().is_empty(), "($self, /)", "Whether the queue is empty now; other threads may change that at once.";
            sig "get" => SimpleQueue::get, "($self, /, block=True, timeout=None)", "Take an item out of the queue.\n\nWhile there is none, wait, for timeout seconds at most, or raise Empty when\nblock is false. Raises Empty when time is up.";
            noargs "get_nowait" => |py: Attached<'_>, this: &SimpleQueue| this.take(py, Some(Duration::ZERO)), "($self, /)", "Take an item out of the queue if there is one, or raise Empty.";
            sig "put" => |py: Attached<'_>, this: &SimpleQueue, [item, _, _]: [Arg<'_>; 3]| this.put(py, required(py, item)?), "($self, /, item, block=True, timeout=None)", "Put an item into the queue.\n\nThe queue has no limit, so this never waits; the other arguments are\nthere for the likeness with Queue.put().";
            sig "put_nowait" => |py: Attached<'_>, this: &SimpleQueue, [item]: [Arg<'_>; 1]| this.put(py, required(py, item)?), "($self, /, item)", "The same as put(item).";
            noargs "qsize" => |_: Attached<'_>, this: &SimpleQueue| this.items.lock().len(), "($self, /)", "How many items there are now; other threads may change that at once.";
        },
    }
}

/// `_queue.Empty`.
fn empty(py: Attached<'_>) -> Raised {
    let class = (hooks::hooks().import)(py, "_queue").and_then(|module| module.get_attr(py, id!(py, Empty)));
    match class {
        Ok(class) => match class.downcast::<Type>() {
            Ok(class) => match class.as_object().call0(py) {
                Ok(exception) => py.raise_value(&class, &exception),
                Err(raised) => raised,
            },
            Err(_) => py.bad_internal_call(),
        },
        Err(raised) => raised,
    }
}

/// A timeout argument in seconds.
fn timeout(py: Attached<'_>, timeout: &Object) -> PyResult<Duration> {
    match u64::try_from(seconds_arg(py, timeout)?) {
        Ok(nanos) => Ok(Duration::from_nanos(nanos)),
        Err(_) => Err(raise!(py, ValueError, "'timeout' must be a non-negative number")),
    }
}

impl SimpleQueue {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<SimpleQueue>> {
        if std::ptr::eq(ty, Self::type_object()) || !overrides_init::<Self>(ty) {
            if !args.pos.is_empty() {
                return Err(raise!(py, TypeError, "SimpleQueue() takes no positional arguments"));
            }
            args.no_keywords(py, "SimpleQueue")?;
        }
        let this = alloc::<SimpleQueue>(py, ty)?;
        this.items.init(VecDeque::new());
        this.count.init(Count(Semaphore::new(0)));
        Ok(this)
    }

    fn clear(_: Attached<'_>, this: &SimpleQueue) {
        let items = std::mem::take(&mut *this.items.lock());
        drop(items);
    }

    fn count(&self, py: Attached<'_>) -> PyResult<&Semaphore> {
        self.count.get().map(|count| &count.0).ok_or_else(|| py.bad_internal_call())
    }

    fn put(&self, py: Attached<'_>, item: &Object) -> PyResult<()> {
        let count = self.count(py)?;
        self.items.lock().push_back(item.to_ref());
        count.release(1);
        Ok(())
    }

    fn get(py: Attached<'_>, this: &SimpleQueue, [block, limit]: [Arg<'_>; 2]) -> PyResult<Ref<Object>> {
        let block = block.map_or(Ok(true), |block| block.is_true(py))?;
        let limit = match limit.filter(|limit| block && !limit.is_none()) {
            _ if !block => Some(Duration::ZERO),
            Some(limit) => Some(timeout(py, limit)?),
            None => None,
        };
        this.take(py, limit)
    }

    /// The first item; waits for one until the time is up.
    fn take(&self, py: Attached<'_>, limit: Option<Duration>) -> PyResult<Ref<Object>> {
        let count = self.count(py)?;
        let end = limit.filter(|limit| !limit.is_zero()).map(|limit| Instant::now() + limit);
        loop {
            let wait = match (limit, end) {
                (None, _) => Wait::DETACH,
                (_, None) => Wait::POLL,
                (_, Some(end)) => match end.saturating_duration_since(Instant::now()) {
                    Duration::ZERO => Wait::POLL,
                    left => Wait::DETACH.at_most(left),
                },
            };
            match count.acquire(wait.interruptible()) {
                Acquired::Yes => {
                    let item = self.items.lock().pop_front();
                    if let Some(item) = item {
                        return Ok(item);
                    }
                }
                Acquired::TimedOut => return Err(empty(py)),
                Acquired::Interrupted => (hooks::hooks().check_signals)(py)?,
            }
        }
    }
}

/// Fills `_queue`.
///
/// # Errors
/// `MemoryError`.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    add_type::<SimpleQueue>(py, module, "SimpleQueue")?;
    // One class for an interpreter, also when the module is made anew: all queues raise it.
    let known = exc::Exception().subclasses(py).into_iter().find(|class| class.full_name() == "_queue.Empty");
    let empty = match known {
        Some(known) => known.upcast(),
        None => new_exception(py, "_queue", "Empty", exc::Exception())?,
    };
    module.add(py, "Empty", &empty)
}
