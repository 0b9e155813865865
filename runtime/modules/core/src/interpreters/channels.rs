//! `_interpchannels`: channels that belong to the process, with a sending and a receiving end for each interpreter.
//!
//! A channel lives while some `ChannelID` refers to it. An interpreter is associated with an end by its first use. A
//! channel closes when nobody is associated with it any more.
use super::data::{Fallback, Lent, Shared};
use super::queues::{Unbound, at_end, number_arg, register_classes};
use super::{DEFAULT_FALLBACK, add_error, error_of, id_arg, registered};
use krait_object::native::{Arg, Fixed, Trace, add_type, alloc, ready, required};
use krait_object::typedef::CompareOp;
use krait_object::{
    Attached, Float, Int, IntoObject, Layout, List, Module, Object, PyResult, Raised, Ref, Str, StructSeq, Tuple, exc,
    functions, hooks, id, none, not_implemented, pytype, raise,
};
use krait_sync::block::{Acquired, Wait};
use krait_sync::semaphore::Semaphore;
use krait_vm::interp::current;
use krait_vm::timing::seconds_arg;
use std::collections::{BTreeMap, VecDeque};
use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const MODULE: &str = "_interpchannels";

/// A sender that waits for its item to be received.
struct Waiting {
    done: Semaphore,
    received: AtomicBool,
}

struct Item {
    value: Option<Shared>,
    interpreter: i64,
    unbound: Unbound,
    waiting: Option<Arc<Waiting>>,
}

impl Item {
    fn end(&self, received: bool) {
        if let Some(waiting) = &self.waiting {
            waiting.received.store(received, Ordering::Release);
            waiting.done.release(1);
        }
    }
}

// SAFETY: `Shared` belongs to no interpreter.
unsafe impl Send for Item {}

struct Channel {
    unbound: Unbound,
    fallback: Fallback,
    items: VecDeque<Item>,
    /// Whether each interpreter's sending end is open.
    senders: BTreeMap<i64, bool>,
    /// Whether each interpreter's receiving end is open.
    receivers: BTreeMap<i64, bool>,
    /// The sending side is closed; what was sent can still be received.
    closing: bool,
    closed: bool,
    /// It closed because its ends were released, and is still listed then.
    released: bool,
    /// Objects and values that refer to it.
    refs: usize,
}

impl Channel {
    /// Closes the channel for good; what nobody received.
    #[must_use]
    fn close(&mut self) -> VecDeque<Item> {
        (self.closed, self.closing) = (true, false);
        self.senders.clear();
        self.receivers.clear();
        let items = std::mem::take(&mut self.items);
        items.iter().for_each(|item| item.end(false));
        items
    }

    /// Closes ends of an interpreter, and the channel when no end is open any more.
    #[must_use]
    fn release(&mut self, interpreter: i64, send: bool, recv: bool) -> VecDeque<Item> {
        if send {
            self.senders.insert(interpreter, false);
        }
        if recv {
            self.receivers.insert(interpreter, false);
        }
        if !self.senders.values().chain(self.receivers.values()).any(|open| *open) {
            self.released = true;
            return self.close();
        }
        VecDeque::new()
    }
}

struct Channels {
    by_id: BTreeMap<i64, Channel>,
    next: i64,
}

static CHANNELS: Mutex<Channels> = Mutex::new(Channels { by_id: BTreeMap::new(), next: 0 });

fn channels() -> MutexGuard<'static, Channels> {
    CHANNELS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn error(py: Attached<'_>, class: &str, message: String) -> Raised {
    error_of(py, MODULE, class, &message)
}

fn not_found(py: Attached<'_>, id: i64) -> Raised {
    error(py, "ChannelNotFoundError", format!("channel {id} not found"))
}

fn closed(py: Attached<'_>, id: i64) -> Raised {
    error(py, "ChannelClosedError", format!("channel {id} is closed"))
}

/// Which end of a channel an id stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Both,
    Send,
    Recv,
}

/// A hold on a channel. The channel goes with the last one.
pub struct ChannelRef {
    id: i64,
    end: End,
    /// It becomes an object for its end when it is received.
    resolve: bool,
    /// Whether the channel was there when this was made.
    counted: bool,
}

impl Trace for ChannelRef {}

impl ChannelRef {
    fn new(id: i64, end: End, resolve: bool) -> ChannelRef {
        let counted = channels().by_id.get_mut(&id).map(|channel| channel.refs += 1).is_some();
        ChannelRef { id, end, resolve, counted }
    }

    fn again(&self) -> ChannelRef {
        ChannelRef::new(self.id, self.end, self.resolve)
    }

    /// The `ChannelID` of the current interpreter.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn rebuild(&self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        if self.resolve && self.end != End::Both {
            return self.rebuild_end(py);
        }
        Ok(ChannelId::new(py, self.again())?.upcast())
    }

    /// The object for the channel's end.
    ///
    /// # Errors
    /// What making it raises.
    pub fn rebuild_end(&self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        let name = if self.end == End::Send { "SendChannel" } else { "RecvChannel" };
        let key = format!("{MODULE}.{name}");
        let class = match registered(py, &key, Some("concurrent.interpreters._channels")) {
            Ok(class) => class,
            Err(raised) => {
                raised.clear(py);
                registered(py, &key, Some("test.support.channels"))?
            }
        };
        let Some(class) = class else { return Err(raise!(py, RuntimeError, "channel types are not registered")) };
        class.as_object().call_pos(py, &[Int::from_i64(py, self.id)?.as_object()])
    }
}

impl Drop for ChannelRef {
    fn drop(&mut self) {
        if !self.counted {
            return;
        }
        let mut channels = channels();
        let last = channels.by_id.get_mut(&self.id).is_some_and(|channel| {
            channel.refs -= 1;
            channel.refs == 0
        });
        let mut gone = if last { channels.by_id.remove(&self.id) } else { None };
        drop(channels);
        let items = gone.as_mut().map(Channel::close);
        drop((items, gone));
    }
}

krait_object::native! {
    /// `ChannelID`.
    pub struct ChannelId { channel: Fixed<ChannelRef> }
}
pytype! {
    static CHANNEL_ID: "_interpchannels.ChannelID" for ChannelId {
        base: Object, flags: [DISALLOW_INSTANTIATION],
        doc: "The id of a channel, or of one end of it. It can stand for an int.",
        slots: {
            tp_dealloc = ChannelId::dealloc,
            tp_repr = |py: Attached<'_>, this: &ChannelId| -> PyResult<Ref<Str>> {
                let (id, end) = this.parts(py)?;
                let end = match end {
                    End::Both => "",
                    End::Send => ", send=True",
                    End::Recv => ", recv=True",
                };
                Str::new(py, &format!("ChannelID({id}{end})"))
            },
            tp_str = |py: Attached<'_>, this: &ChannelId| -> PyResult<Ref<Str>> { Str::new(py, &this.parts(py)?.0.to_string()) },
            tp_hash = |py: Attached<'_>, this: &ChannelId| -> PyResult<isize> { Ok(this.parts(py)?.0 as isize) },
            tp_richcompare = ChannelId::compare,
            nb_int = |py: Attached<'_>, this: &ChannelId| -> PyResult<Ref<Int>> { Int::from_i64(py, this.parts(py)?.0) },
            nb_index = |py: Attached<'_>, this: &ChannelId| -> PyResult<Ref<Int>> { Int::from_i64(py, this.parts(py)?.0) },
        },
        getset: {
            "end" => |py: Attached<'_>, this: &ChannelId| -> PyResult<&'static str> {
                Ok(match this.parts(py)?.1 {
                    End::Both => "both",
                    End::Send => "send",
                    End::Recv => "recv",
                })
            }, "Which end this is: 'send', 'recv' or 'both'.";
            "send" => |py: Attached<'_>, this: &ChannelId| this.for_end(py, End::Send), "The id of the sending end.";
            "recv" => |py: Attached<'_>, this: &ChannelId| this.for_end(py, End::Recv), "The id of the receiving end.";
        },
    }
}

impl ChannelId {
    fn new(py: Attached<'_>, channel: ChannelRef) -> PyResult<Ref<ChannelId>> {
        let this = alloc::<ChannelId>(py, ready::<ChannelId>(py)?)?;
        this.channel.init(channel);
        Ok(this)
    }

    fn channel(&self, py: Attached<'_>) -> PyResult<&ChannelRef> {
        self.channel.get().ok_or_else(|| py.bad_internal_call())
    }

    fn parts(&self, py: Attached<'_>) -> PyResult<(i64, End)> {
        self.channel(py).map(|channel| (channel.id, channel.end))
    }

    fn for_end(&self, py: Attached<'_>, end: End) -> PyResult<Ref<ChannelId>> {
        let channel = self.channel(py)?;
        ChannelId::new(py, ChannelRef::new(channel.id, end, channel.resolve))
    }

    fn compare(py: Attached<'_>, this: &ChannelId, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        if !matches!(op, CompareOp::Eq | CompareOp::Ne) {
            return Ok(not_implemented());
        }
        let (id, end) = this.parts(py)?;
        let equal = if let Some(other) = other.downcast::<ChannelId>() {
            (id, end) == other.parts(py)?
        } else if other.has_index() || other.downcast::<Float>().is_some() {
            Int::from_i64(py, id)?.as_object().rich_compare(py, other, CompareOp::Eq)?.is_true(py)?
        } else {
            return Ok(not_implemented());
        };
        (equal == (op == CompareOp::Eq)).into_object(py)
    }
}

fn class_is(py: Attached<'_>, object: &Object, name: &str) -> PyResult<bool> {
    let class = registered(py, &format!("{MODULE}.{name}"), None)?;
    Ok(class.is_some_and(|class| std::ptr::eq(&raw const *class, object.ty())))
}

/// Whether an object stands for a channel or an end of one.
///
/// # Errors
/// `MemoryError`.
pub fn is_channel(py: Attached<'_>, object: &Object) -> PyResult<bool> {
    Ok(object.downcast_exact::<ChannelId>().is_some()
        || class_is(py, object, "SendChannel")?
        || class_is(py, object, "RecvChannel")?)
}

/// A channel, or the object for an end of one, as a value on its way; `None` for other objects.
///
/// # Errors
/// What the object's attributes raise.
pub fn share(py: Attached<'_>, object: &Object) -> PyResult<Option<Shared>> {
    if let Some(id) = object.downcast_exact::<ChannelId>() {
        return Ok(Some(Shared::Channel(id.channel(py)?.again())));
    }
    for (name, end) in [("SendChannel", End::Send), ("RecvChannel", End::Recv)] {
        if class_is(py, object, name)? {
            let id = id_arg(py, &*object.get_attr(py, id!(py, _id))?, "channel")?;
            return Ok(Some(Shared::ChannelEnd(ChannelRef::new(id, end, false))));
        }
    }
    Ok(None)
}

/// A channel argument: a `ChannelID` or a number.
fn channel_arg(py: Attached<'_>, object: Arg<'_>) -> PyResult<i64> {
    id_arg(py, required(py, object)?, "channel")
}

/// Looks at a channel.
fn with<R>(py: Attached<'_>, id: i64, look: impl FnOnce(&mut Channel) -> R) -> PyResult<R> {
    let found = channels().by_id.get_mut(&id).map(look);
    found.ok_or_else(|| not_found(py, id))
}

fn flag(py: Attached<'_>, object: Arg<'_>) -> PyResult<Option<bool>> {
    object.filter(|object| !object.is_none()).map(|object| object.is_true(py)).transpose()
}

fn channel_id(py: Attached<'_>, _: &Object, args: [Arg<'_>; 5]) -> PyResult<Ref<ChannelId>> {
    let [id, send, recv, force, resolve] = args;
    let given = required(py, id)?;
    let (send, recv, force) = (flag(py, send)?, flag(py, recv)?, flag(py, force)?.unwrap_or(false));
    let resolve = flag(py, resolve)?.unwrap_or(false);
    let id = channel_arg(py, Some(given))?;
    let end = match (send, recv) {
        (Some(false), Some(false)) => {
            return Err(raise!(py, ValueError, "'send' and 'recv' cannot both be False"));
        }
        (Some(true), Some(true)) => End::Both,
        (Some(true), _) => End::Send,
        (_, Some(true)) => End::Recv,
        _ => match given.downcast::<ChannelId>() {
            Some(given) => given.parts(py)?.1,
            None => End::Both,
        },
    };
    let channel = ChannelRef::new(id, end, resolve);
    if !channel.counted && !force {
        return Err(not_found(py, id));
    }
    ChannelId::new(py, channel)
}

fn create(py: Attached<'_>, _: &Object, [unbound, fallback]: [Arg<'_>; 2]) -> PyResult<Ref<ChannelId>> {
    let unbound = Unbound::from_number(py, number_arg(py, unbound)?, Unbound::Replace)?;
    let fallback = Fallback::from_number(py, number_arg(py, fallback)?, DEFAULT_FALLBACK)?;
    let mut all = channels();
    let id = all.next;
    all.next += 1;
    let channel = Channel {
        unbound,
        fallback,
        items: VecDeque::new(),
        senders: BTreeMap::new(),
        receivers: BTreeMap::new(),
        closing: false,
        closed: false,
        released: false,
        refs: 0,
    };
    all.by_id.insert(id, channel);
    drop(all);
    ChannelId::new(py, ChannelRef::new(id, End::Both, false))
}

fn destroy(py: Attached<'_>, _: &Object, [channel]: [Arg<'_>; 1]) -> PyResult<()> {
    let id = channel_arg(py, channel)?;
    let mut gone = channels().by_id.remove(&id);
    let items = gone.as_mut().map(Channel::close);
    match items {
        Some(_) => Ok(()),
        None => Err(not_found(py, id)),
    }
}

fn list_all(py: Attached<'_>, _: &Object) -> PyResult<Ref<List>> {
    let all: Vec<(i64, Unbound, Fallback)> = channels()
        .by_id
        .iter()
        .rev()
        .filter(|(_, channel)| !channel.closed || channel.released)
        .map(|(id, channel)| (*id, channel.unbound, channel.fallback))
        .collect();
    let rows: PyResult<Vec<Ref<Object>>> = all
        .into_iter()
        .map(|(id, unbound, fallback)| {
            let id = ChannelId::new(py, ChannelRef::new(id, End::Both, false))?;
            let row = vec![id.upcast(), (unbound as i64).into_object(py)?, fallback.number().into_object(py)?];
            Ok(Tuple::from_vec(py, row)?.upcast())
        })
        .collect();
    List::from_vec(py, rows?)
}

fn list_interpreters(py: Attached<'_>, _: &Object, [channel, send]: [Arg<'_>; 2]) -> PyResult<Ref<List>> {
    let id = channel_arg(py, channel)?;
    let send = required(py, send)?.is_true(py)?;
    let found = with(py, id, |channel| {
        let ends = if send { &channel.senders } else { &channel.receivers };
        let open = ends.iter().filter(|(_, open)| **open).map(|(interpreter, _)| *interpreter).collect::<Vec<_>>();
        let shut = channel.closed || send && channel.closing;
        (!shut).then_some(open)
    })?;
    let Some(found) = found else { return Err(closed(py, id)) };
    let ids: PyResult<Vec<Ref<Object>>> = found.into_iter().map(|id| id.into_object(py)).collect();
    List::from_vec(py, ids?)
}

/// A `timeout` argument; `None` for ever.
fn timeout_arg(py: Attached<'_>, timeout: Arg<'_>, blocking: bool) -> PyResult<Option<Duration>> {
    let Some(timeout) = timeout.filter(|timeout| !timeout.is_none()) else { return Ok(None) };
    let nanos = seconds_arg(py, timeout)?;
    if !blocking {
        return Err(raise!(py, ValueError, "can't specify a timeout for a non-blocking call"));
    }
    match u64::try_from(nanos) {
        Ok(nanos) => Ok(Some(Duration::from_nanos(nanos))),
        Err(_) => Err(raise!(py, ValueError, "timeout value must be a non-negative number")),
    }
}

/// How something is sent.
struct Sending {
    channel: i64,
    blocking: bool,
    timeout: Option<Duration>,
    unbound: Unbound,
    fallback: Fallback,
}

fn sending(py: Attached<'_>, args: [Arg<'_>; 5]) -> PyResult<Sending> {
    let [channel, unbound, fallback, blocking, timeout] = args;
    let channel = channel_arg(py, channel)?;
    let blocking = flag(py, blocking)?.unwrap_or(true);
    let timeout = timeout_arg(py, timeout, blocking)?;
    let (unbound, fallback) = (number_arg(py, unbound)?, number_arg(py, fallback)?);
    let defaults = with(py, channel, |channel| (channel.unbound, channel.fallback))?;
    let unbound = Unbound::from_number(py, unbound, defaults.0)?;
    let fallback = Fallback::from_number(py, fallback, defaults.1)?;
    Ok(Sending { channel, blocking, timeout, unbound, fallback })
}

/// Why nothing can be sent.
enum Refused {
    Closed,
    Released,
}

impl Sending {
    fn check(channel: &Channel, interpreter: i64) -> Result<(), Refused> {
        if channel.closed || channel.closing {
            return Err(Refused::Closed);
        }
        if channel.senders.get(&interpreter) == Some(&false) {
            return Err(Refused::Released);
        }
        Ok(())
    }

    fn send(self, py: Attached<'_>, value: Shared) -> PyResult<()> {
        let (id, interpreter) = (self.channel, current(py).id);
        let waiting =
            self.blocking.then(|| Arc::new(Waiting { done: Semaphore::new(0), received: AtomicBool::new(false) }));
        let item = Item { value: Some(value), interpreter, unbound: self.unbound, waiting: waiting.clone() };
        let sent = with(py, id, |channel| match Sending::check(channel, interpreter) {
            Ok(()) => {
                channel.senders.insert(interpreter, true);
                channel.items.push_back(item);
                Ok(())
            }
            Err(refused) => Err((refused, item)),
        })?;
        match sent {
            Ok(()) => {}
            Err((Refused::Closed, _)) => return Err(closed(py, id)),
            Err((Refused::Released, _)) => {
                return Err(error(py, "ChannelClosedError", format!("channel {id} is already closed")));
            }
        }
        match waiting {
            Some(waiting) => self.wait(py, &waiting),
            None => Ok(()),
        }
    }

    /// Waits until the item was received.
    fn wait(&self, py: Attached<'_>, waiting: &Arc<Waiting>) -> PyResult<()> {
        let end = self.timeout.map(|timeout| Instant::now() + timeout);
        let take_back = || {
            let taken = with(py, self.channel, |channel| {
                let is_ours = |item: &Item| item.waiting.as_ref().is_some_and(|other| Arc::ptr_eq(other, waiting));
                channel.items.iter().position(is_ours).and_then(|at| channel.items.remove(at))
            });
            match taken {
                Ok(taken) => drop(taken),
                Err(raised) => raised.clear(py),
            }
        };
        loop {
            let wait = match end.map(|end| end.saturating_duration_since(Instant::now())) {
                None => Wait::DETACH,
                Some(Duration::ZERO) => Wait::POLL,
                Some(left) => Wait::DETACH.at_most(left),
            };
            match waiting.done.acquire(wait.interruptible()) {
                Acquired::Yes if waiting.received.load(Ordering::Acquire) => return Ok(()),
                Acquired::Yes => {
                    return Err(error(py, "ChannelClosedError", format!("channel {} has closed", self.channel)));
                }
                Acquired::TimedOut => {
                    take_back();
                    return Err(raise!(py, TimeoutError, "timed out"));
                }
                Acquired::Interrupted => {
                    if let Err(raised) = (hooks::hooks().check_signals)(py) {
                        let kept = raised.take(py);
                        take_back();
                        return Err(py.restore(kept));
                    }
                }
            }
        }
    }
}

fn send(py: Attached<'_>, _: &Object, args: [Arg<'_>; 6]) -> PyResult<()> {
    let [channel, object, unbound, fallback, blocking, timeout] = args;
    let object = required(py, object)?;
    let sending = sending(py, [channel, unbound, fallback, blocking, timeout])?;
    let value = Shared::new(py, object, sending.fallback)?;
    sending.send(py, value)
}

fn send_buffer(py: Attached<'_>, _: &Object, args: [Arg<'_>; 6]) -> PyResult<()> {
    let [channel, object, unbound, fallback, blocking, timeout] = args;
    let object = required(py, object)?;
    let sending = sending(py, [channel, unbound, fallback, blocking, timeout])?;
    let view = krait_object::MemoryView::new(py, object)?;
    let value = Shared::Memory(Lent::new(py, view.as_object())?);
    sending.send(py, value)
}

fn recv(py: Attached<'_>, _: &Object, [channel, default]: [Arg<'_>; 2]) -> PyResult<Ref<Object>> {
    let (id, interpreter) = (channel_arg(py, channel)?, current(py).id);
    let taken = with(py, id, |channel| {
        if channel.closed || channel.receivers.get(&interpreter) == Some(&false) {
            return Err(channel.closed);
        }
        channel.receivers.insert(interpreter, true);
        let item = channel.items.pop_front();
        let rest = if channel.closing && channel.items.is_empty() { channel.close() } else { VecDeque::new() };
        Ok((item, rest))
    })?;
    let item = match taken {
        Err(true) => return Err(closed(py, id)),
        Err(false) => return Err(error(py, "ChannelClosedError", format!("channel {id} is already closed"))),
        Ok((item, _)) => item,
    };
    let pair = match item {
        Some(mut item) => {
            let pair = match item.value.take() {
                Some(value) => vec![value.rebuild(py)?, none()],
                None => vec![none(), (item.unbound as i64).into_object(py)?],
            };
            item.end(true);
            pair
        }
        None => match default {
            Some(default) => vec![default.to_ref(), none()],
            None => return Err(error(py, "ChannelEmptyError", format!("channel {id} is empty"))),
        },
    };
    Ok(Tuple::from_vec(py, pair)?.upcast())
}

/// Which ends the flags name: both when they name none.
fn ends(py: Attached<'_>, send: Arg<'_>, recv: Arg<'_>) -> PyResult<(bool, bool)> {
    let (send, recv) = (flag(py, send)?.unwrap_or(false), flag(py, recv)?.unwrap_or(false));
    Ok(if send || recv { (send, recv) } else { (true, true) })
}

fn close(py: Attached<'_>, _: &Object, [channel, send, recv, force]: [Arg<'_>; 4]) -> PyResult<()> {
    let id = channel_arg(py, channel)?;
    let (_, recv) = ends(py, send, recv)?;
    let force = flag(py, force)?.unwrap_or(false);
    let result = with(py, id, |channel| {
        if channel.closed || channel.closing && !force {
            return Err("ChannelClosedError");
        }
        if channel.items.is_empty() || force {
            return Ok(channel.close());
        }
        if recv {
            return Err("ChannelNotEmptyError");
        }
        channel.closing = true;
        Ok(VecDeque::new())
    })?;
    match result {
        Ok(_) => Ok(()),
        Err("ChannelClosedError") => Err(closed(py, id)),
        Err(class) => Err(error(py, class, format!("channel {id} may not be closed if not empty (try force=True)"))),
    }
}

fn release(py: Attached<'_>, _: &Object, [channel, send, recv, _force]: [Arg<'_>; 4]) -> PyResult<()> {
    let (id, interpreter) = (channel_arg(py, channel)?, current(py).id);
    let (send, recv) = ends(py, send, recv)?;
    let rest = with(py, id, |channel| (!channel.closed).then(|| channel.release(interpreter, send, recv)))?;
    match rest {
        Some(_) => Ok(()),
        None => Err(closed(py, id)),
    }
}

fn get_count(py: Attached<'_>, _: &Object, [channel]: [Arg<'_>; 1]) -> PyResult<usize> {
    let id = channel_arg(py, channel)?;
    match with(py, id, |channel| (!channel.closed).then_some(channel.items.len()))? {
        Some(count) => Ok(count),
        None => Err(closed(py, id)),
    }
}

fn get_channel_defaults(py: Attached<'_>, _: &Object, [channel]: [Arg<'_>; 1]) -> PyResult<Ref<Object>> {
    let id = channel_arg(py, channel)?;
    let (unbound, fallback) = with(py, id, |channel| (channel.unbound, channel.fallback))?;
    let pair = vec![(unbound as i64).into_object(py)?, fallback.number().into_object(py)?];
    Ok(Tuple::from_vec(py, pair)?.upcast())
}

/// `ChannelInfo`.
static INFO: StructSeq = StructSeq::new(
    "_interpchannels.ChannelInfo",
    "The state of a channel.",
    &[
        ("open", "both ends are open"),
        ("closing", "the sending side is closed, and something is left to be received"),
        ("closed", "both ends are closed"),
        ("count", "values that were sent and not yet received"),
        ("num_interp_send", "interpreters that only send"),
        ("num_interp_send_released", "interpreters that only sent, and released that end"),
        ("num_interp_recv", "interpreters that only receive"),
        ("num_interp_recv_released", "interpreters that only received, and released that end"),
        ("num_interp_both", "interpreters that send and receive"),
        ("num_interp_both_recv_released", "interpreters that released one of two ends and still receive"),
        ("num_interp_both_send_released", "interpreters that released one of two ends and still send"),
        ("num_interp_both_released", "interpreters that released both ends"),
        ("send_associated", "the current interpreter sends"),
        ("send_released", "the current interpreter released the sending end"),
        ("recv_associated", "the current interpreter receives"),
        ("recv_released", "the current interpreter released the receiving end"),
    ],
)
.visible(8);

fn get_info(py: Attached<'_>, _: &Object, [channel]: [Arg<'_>; 1]) -> PyResult<Ref<Tuple>> {
    let (id, own) = (channel_arg(py, channel)?, current(py).id);
    let (flags, count, numbers, own) = with(py, id, |channel| {
        let mut numbers = [0i64; 8];
        let mut interpreters: Vec<i64> = channel.senders.keys().chain(channel.receivers.keys()).copied().collect();
        interpreters.sort_unstable();
        interpreters.dedup();
        for interpreter in interpreters {
            let ends = (channel.senders.get(&interpreter), channel.receivers.get(&interpreter));
            numbers[match ends {
                (Some(true), None) => 0,
                (Some(false), None) => 1,
                (None, Some(true)) => 2,
                (None, Some(false)) => 3,
                (Some(true), Some(true)) => 4,
                (Some(false), Some(true)) => 5,
                (Some(true), Some(false)) => 6,
                (Some(false), Some(false)) => 7,
                (None, None) => continue,
            }] += 1;
        }
        let state = |ends: &BTreeMap<i64, bool>| (ends.get(&own) == Some(&true), ends.get(&own) == Some(&false));
        let (send, recv) = (state(&channel.senders), state(&channel.receivers));
        let flags = [!channel.closed && !channel.closing, channel.closing, channel.closed];
        (flags, channel.items.len(), numbers, [send.0, send.1, recv.0, recv.1])
    })?;
    let mut values = Vec::with_capacity(16);
    for flag in flags {
        values.push(flag.into_object(py)?);
    }
    values.push(count.into_object(py)?);
    for number in numbers {
        values.push(number.into_object(py)?);
    }
    for flag in own {
        values.push(flag.into_object(py)?);
    }
    INFO.make(py, values)
}

fn register(py: Attached<'_>, _: &Object, classes: [Arg<'_>; 2]) -> PyResult<()> {
    register_classes(py, MODULE, classes, [("send", "SendChannel"), ("recv", "RecvChannel")])
}

/// Releases the ends of an interpreter that ends, and marks or drops what it sent.
unsafe extern "C" fn interpreter_ends(id: *mut c_void) {
    let id = id.addr() as i64;
    let (mut dropped, mut rests) = (Vec::new(), Vec::new());
    for channel in channels().by_id.values_mut().filter(|channel| !channel.closed) {
        for mut item in std::mem::take(&mut channel.items) {
            if item.interpreter == id && item.value.is_some() {
                dropped.push(item.value.take());
                if item.unbound == Unbound::Remove {
                    continue;
                }
            }
            channel.items.push_back(item);
        }
        let (send, recv) = (channel.senders.contains_key(&id), channel.receivers.contains_key(&id));
        if send || recv {
            rests.push(channel.release(id, send, recv));
        }
    }
    drop((dropped, rests));
}

/// Fills `_interpchannels`.
///
/// # Errors
/// `MemoryError`.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(py, functions! {
        sig "create" => create, "($module, unboundop=-1, fallback=-1)", "Makes a channel and returns its id.";
        sig "destroy" => destroy, "($module, cid)", "Removes a channel with all that is in it.";
        noargs "list_all" => list_all, "($module, /)", "Id and defaults of every channel.";
        sig "list_interpreters" => list_interpreters, "($module, cid, *, send)", "Ids of the interpreters that have an end of the channel open.";
        sig "send" => send, "($module, cid, obj, unboundop=-1, fallback=-1, *, blocking=True, timeout=None)", "Sends an object; by default waits until it is received.";
        sig "send_buffer" => send_buffer, "($module, cid, obj, unboundop=-1, fallback=-1, *, blocking=True, timeout=None)", "Sends the memory of an object; by default waits until it is received.";
        sig "recv" => recv, "($module, cid, default=<unrepresentable>)", "Receives an object.\n\nReturns it and None, or None and what its sender wants in its place.";
        sig "close" => close, "($module, cid, *, send=None, recv=None, force=False)", "Closes a channel for all interpreters.";
        sig "release" => release, "($module, cid, *, send=None, recv=None, force=True)", "Closes a channel for the current interpreter.";
        sig "get_count" => get_count, "($module, cid)", "How many objects were sent and not yet received.";
        sig "get_info" => get_info, "($module, cid)", "The state of a channel.";
        sig "get_channel_defaults" => get_channel_defaults, "($module, cid)", "What send() uses when nothing else is said.";
        sig "_channel_id" => channel_id, "($module, id, *, send=None, recv=None, force=False, _resolve=False)", "The id object of a channel or one end of it.";
        sig "_register_end_types" => register, "($module, send, recv)", "Tells which classes stand for the ends of channels.";
    })?;
    let base = add_error(py, module, MODULE, "ChannelError", exc::RuntimeError())?;
    for name in ["ChannelNotFoundError", "ChannelClosedError", "ChannelEmptyError", "ChannelNotEmptyError"] {
        add_error(py, module, MODULE, name, &base)?;
    }
    add_type::<ChannelId>(py, module, "ChannelID")?;
    module.add(py, "ChannelInfo", INFO.ty(py)?.as_object())?;
    at_end(py, interpreter_ends);
    Ok(())
}
