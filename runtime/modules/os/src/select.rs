//! `select`: waits for descriptors.
use crate::util::*;
use crate::{linux, objects, vm};
use krait_object::args::{Args, Signature};
use krait_object::exceptions::raise_os_error;
use krait_object::layout::PyObject;
use krait_object::{
    Attached, Field, Float, IntoObject, Layout, List, Module, Object, PyResult, Ref, Type, exc, functions, mem, pytype,
    raise,
};
use krait_vm::timing::seconds_arg;
use std::ffi::c_int;
use std::ptr::NonNull;
use std::time::{Duration, Instant};

type Opt<'a> = Option<&'a Object>;

/// When a wait ends; `None` for never.
struct Deadline(Option<Instant>);

impl Deadline {
    fn of_nanos(nanos: Option<i128>) -> Deadline {
        Deadline(nanos.map(|nanos| Instant::now() + Duration::from_nanos(nanos.clamp(0, 1 << 62) as u64)))
    }

    /// Milliseconds left, rounded up; -1 for ever.
    fn millis(&self) -> c_int {
        match self.0 {
            None => -1,
            Some(end) => {
                let left = end.saturating_duration_since(Instant::now());
                left.as_nanos().div_ceil(1_000_000).min(c_int::MAX as u128) as c_int
            }
        }
    }
}

/// The descriptors of one argument of `select`.
fn descriptors(py: Attached<'_>, list: &Object) -> PyResult<Vec<(c_int, Ref<Object>)>> {
    let items = match list.collect(py) {
        Ok(items) => items,
        Err(raised) if raised.matches(py, exc::TypeError()) => {
            raised.clear(py);
            return Err(raise!(py, TypeError, "arguments 1-3 must be sequences"));
        }
        Err(raised) => return Err(raised),
    };
    let mut found = Vec::with_capacity(items.len());
    for item in items {
        let fd = fileno_arg(py, &item)?;
        if fd as usize >= libc::FD_SETSIZE {
            return Err(raise!(py, ValueError, "filedescriptor out of range in select()"));
        }
        found.push((fd, item));
    }
    if found.len() > libc::FD_SETSIZE {
        return Err(raise!(py, ValueError, "too many file descriptors in select()"));
    }
    Ok(found)
}

fn fd_set(list: &[(c_int, Ref<Object>)]) -> libc::fd_set {
    // SAFETY: plain data, initialised by the call; the descriptors are in range.
    unsafe {
        let mut set: libc::fd_set = std::mem::zeroed();
        libc::FD_ZERO(&raw mut set);
        for (fd, _) in list {
            libc::FD_SET(*fd, &raw mut set);
        }
        set
    }
}

fn select(
    py: Attached<'_>,
    _: &Object,
    [read, write, except, timeout]: [Opt<'_>; 4],
) -> PyResult<Ref<krait_object::Tuple>> {
    let nanos = match given(timeout) {
        None => None,
        Some(timeout) => match seconds_arg(py, timeout) {
            Ok(nanos) if nanos < 0 => return Err(raise!(py, ValueError, "timeout must be non-negative")),
            Ok(nanos) => Some(nanos),
            Err(raised) if raised.matches(py, exc::TypeError()) => {
                raised.clear(py);
                return Err(raise!(py, TypeError, "timeout must be a float or None"));
            }
            Err(raised) => return Err(raised),
        },
    };
    let lists =
        [descriptors(py, need(py, read)?)?, descriptors(py, need(py, write)?)?, descriptors(py, need(py, except)?)?];
    let most = lists.iter().flatten().map(|(fd, _)| *fd + 1).max().unwrap_or(0);
    let deadline = Deadline::of_nanos(nanos);
    let sets = loop {
        let mut sets = [fd_set(&lists[0]), fd_set(&lists[1]), fd_set(&lists[2])];
        let left = deadline.0.map(|end| end.saturating_duration_since(Instant::now()));
        let mut time = left.map(|left| libc::timeval {
            tv_sec: left.as_secs() as i64,
            tv_usec: left.subsec_nanos().div_ceil(1000).min(999_999).into(),
        });
        let [r, w, x] = &mut sets;
        let time = time.as_mut().map_or(std::ptr::null_mut(), std::ptr::from_mut);
        // SAFETY: local variables.
        match once(py, || unsafe { libc::select(most, r, w, x, time) }) {
            Ok(_) => break sets,
            Err(libc::EINTR) => vm::check_signals(py)?,
            Err(errno) => return Err(raise_os_error(py, errno)),
        }
    };
    let mut results = Vec::new();
    for (list, set) in lists.iter().zip(&sets) {
        // SAFETY: an initialised set; descriptors in range.
        let ready = list.iter().filter(|(fd, _)| unsafe { libc::FD_ISSET(*fd, set) });
        results.push(List::from_vec(py, ready.map(|(_, item)| item.clone()).collect())?.upcast());
    }
    tuple(py, results)
}

/// What `poll()` returns.
#[repr(C)]
pub struct Poll {
    ob_base: PyObject,
    state: Field<*mut PollState>,
}

#[derive(Default)]
struct PollState {
    fds: Vec<libc::pollfd>,
    polling: bool,
}

pytype! {
    pub static POLL_TYPE: "select.poll" for Poll {
        base: Object,
        flags: [DISALLOW_INSTANTIATION],
        slots: { tp_dealloc = Poll::dealloc },
        methods: {
            sig "register" => Poll::register, "($self, fd, eventmask=select.POLLIN | select.POLLPRI | select.POLLOUT, /)", "Adds a descriptor.";
            sig "modify" => Poll::modify, "($self, fd, eventmask, /)", "Changes a descriptor's events.";
            o "unregister" => Poll::unregister, "($self, fd, /)", "Removes a descriptor.";
            sig "poll" => Poll::poll, "($self, timeout=None, /)", "Waits; returns descriptors and their events.";
        },
    }
}

fn events_arg(py: Attached<'_>, object: &Object) -> PyResult<i16> {
    let number = object.index(py)?;
    if number.is_negative() {
        return Err(raise!(py, ValueError, "Cannot convert negative int"));
    }
    match number.to_u64().map(u16::try_from) {
        Some(Ok(events)) => Ok(events as i16),
        _ => Err(raise!(py, OverflowError, "Python int too large for C unsigned short")),
    }
}

/// Milliseconds of a poll's timeout, as nanoseconds; `None` for ever.
fn millis_arg(py: Attached<'_>, timeout: Opt<'_>) -> PyResult<Option<i128>> {
    let Some(timeout) = given(timeout) else { return Ok(None) };
    let nanos = if let Some(float) = timeout.downcast::<Float>() {
        if float.value().is_nan() {
            return Err(raise!(py, ValueError, "Invalid value NaN (not a number)"));
        }
        (float.value() * 1e6).ceil() as i128
    } else if timeout.has_index() {
        i128::from(timeout.as_i64(py)?) * 1_000_000
    } else {
        return Err(raise!(py, TypeError, "timeout must be an integer or None"));
    };
    if nanos > i128::from(c_int::MAX) * 1_000_000 {
        return Err(raise!(py, OverflowError, "timeout is too large"));
    }
    Ok((nanos >= 0).then_some(nanos))
}

impl Poll {
    fn with<R>(&self, py: Attached<'_>, f: impl FnOnce(&mut PollState) -> R) -> R {
        let _lock = self.lock(py);
        // SAFETY: [locked]: set when the object was made; `f` runs no Python code.
        f(unsafe { &mut *self.state.get() })
    }

    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Self>) {
        // SAFETY: the count is zero; the state is freed once.
        unsafe { mem::dealloc_with(py, this, |this| drop(Box::from_raw(this.state.get()))) };
    }

    fn register(py: Attached<'_>, this: &Self, [fd, events]: [Opt<'_>; 2]) -> PyResult<()> {
        let fd = fileno_arg(py, need(py, fd)?)?;
        let events =
            events.map_or(Ok(libc::POLLIN | libc::POLLPRI | libc::POLLOUT), |events| events_arg(py, events))?;
        this.with(py, |st| match st.fds.iter_mut().find(|entry| entry.fd == fd) {
            Some(entry) => entry.events = events,
            None => st.fds.push(libc::pollfd { fd, events, revents: 0 }),
        });
        Ok(())
    }

    fn modify(py: Attached<'_>, this: &Self, [fd, events]: [Opt<'_>; 2]) -> PyResult<()> {
        let fd = fileno_arg(py, need(py, fd)?)?;
        let events = events_arg(py, need(py, events)?)?;
        let found =
            this.with(py, |st| st.fds.iter_mut().find(|entry| entry.fd == fd).map(|entry| entry.events = events));
        found.ok_or_else(|| raise_os_error(py, libc::ENOENT))
    }

    fn unregister(py: Attached<'_>, this: &Self, fd: &Object) -> PyResult<()> {
        let fd = fileno_arg(py, fd)?;
        let found = this.with(py, |st| {
            let before = st.fds.len();
            st.fds.retain(|entry| entry.fd != fd);
            st.fds.len() != before
        });
        if found { Ok(()) } else { Err(py.raise_value(exc::KeyError(), &*fd.into_object(py)?)) }
    }

    fn poll(py: Attached<'_>, this: &Self, [timeout]: [Opt<'_>; 1]) -> PyResult<Ref<List>> {
        let deadline = Deadline::of_nanos(millis_arg(py, timeout)?);
        let busy = this.with(py, |st| std::mem::replace(&mut st.polling, true));
        if busy {
            return Err(raise!(py, RuntimeError, "concurrent poll() invocation"));
        }
        let mut fds = this.with(py, |st| st.fds.clone());
        let result = loop {
            let millis = deadline.millis();
            // SAFETY: as many entries as stated.
            match once(py, || unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, millis) }) {
                Err(libc::EINTR) => {
                    if let Err(raised) = vm::check_signals(py) {
                        break Err(raised);
                    }
                }
                Ok(_) => break Ok(()),
                Err(errno) => break Err(raise_os_error(py, errno)),
            }
        };
        this.with(py, |st| st.polling = false);
        result?;
        let ready = List::new(py)?;
        for entry in fds.iter().filter(|entry| entry.revents != 0) {
            ready.push(py, tuple(py, objects!(py; entry.fd, entry.revents as u16))?.upcast())?;
        }
        Ok(ready)
    }
}

fn new_poll(py: Attached<'_>, _: &Object) -> PyResult<Ref<Poll>> {
    mem::new_instance(py, Poll::type_object(), |poll: &Poll| poll.state.set(Box::into_raw(Box::default())))
}

/// `select.epoll`.
#[repr(C)]
pub struct Epoll {
    ob_base: PyObject,
    fd: Field<c_int>,
}

pytype! {
    pub static EPOLL_TYPE: "select.epoll" for Epoll {
        base: Object,
        flags: [],
        doc: "select.epoll(sizehint=-1, flags=0)\n\nWaits for many descriptors.",
        slots: { tp_dealloc = Epoll::dealloc, tp_new = Epoll::new_object },
        methods: {
            class o "fromfd" => Epoll::fromfd, "($type, fd, /)", "An object of an open descriptor.";
            noargs "close" => Epoll::close, "($self, /)", "Closes it.";
            noargs "fileno" => Epoll::fileno, "($self, /)", "Its descriptor.";
            sig "modify" => Epoll::modify, "($self, /, fd, eventmask)", "Changes a descriptor's events.";
            sig "register" => Epoll::register, "($self, /, fd, eventmask=select.EPOLLIN | select.EPOLLPRI | select.EPOLLOUT)", "Adds a descriptor.";
            sig "unregister" => Epoll::unregister, "($self, /, fd)", "Removes a descriptor.";
            sig "poll" => Epoll::poll, "($self, /, timeout=None, maxevents=-1)", "Waits; returns descriptors and their events.";
            noargs "__enter__" => Epoll::enter, "($self, /)", "The object.";
            sig "__exit__" => Epoll::exit, "($self, exc_type=None, exc_value=None, exc_tb=None, /)", "Closes it.";
        },
        getset: { "closed" => Epoll::get_closed, "True if the epoll handler is closed"; },
    }
}

impl Epoll {
    fn make(py: Attached<'_>, ty: &Type, fd: c_int) -> PyResult<Ref<Object>> {
        let object = ty.alloc(py, 0)?;
        // SAFETY: [layout]: `ty` derives from `Epoll`.
        unsafe { (*object).cast_unchecked::<Epoll>() }.fd.set(fd);
        Ok(object)
    }

    fn new_object(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Object>> {
        const SIG: Signature = Signature::parse("epoll", "(sizehint=-1, flags=0)");
        let [hint, flags]: [Opt<'_>; 2] = SIG.bind(py, args)?;
        let (hint, flags) = (int_or(py, hint, -1)?, int_or(py, flags, 0)?);
        if hint != -1 && hint <= 0 {
            return Err(raise!(py, ValueError, "negative sizehint"));
        }
        if flags != 0 && flags != libc::EPOLL_CLOEXEC {
            return Err(raise!(py, OSError, "invalid flags"));
        }
        // SAFETY: no memory is involved.
        let fd = quick(py, || unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        Self::make(py, ty, fd)
    }

    fn fromfd(py: Attached<'_>, ty: &Type, fd: &Object) -> PyResult<Ref<Object>> {
        let fd = int_arg(py, fd)?;
        Self::make(py, ty, fd)
    }

    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Self>) {
        // SAFETY: the count is zero; the descriptor is ours.
        unsafe {
            mem::dealloc_with(py, this, |this| {
                let fd = this.fd.get();
                if fd >= 0 {
                    libc::close(fd);
                }
            });
        }
    }

    fn fd(&self, py: Attached<'_>) -> PyResult<c_int> {
        match self.fd.get() {
            fd if fd < 0 => Err(raise!(py, ValueError, "I/O operation on closed epoll object")),
            fd => Ok(fd),
        }
    }

    fn close(py: Attached<'_>, this: &Self) -> PyResult<()> {
        let fd = this.fd.swap(-1, std::sync::atomic::Ordering::AcqRel);
        if fd < 0 {
            return Ok(());
        }
        // SAFETY: the descriptor is ours.
        once(py, || unsafe { libc::close(fd) }).map(drop).map_err(|errno| raise_os_error(py, errno))
    }

    fn fileno(py: Attached<'_>, this: &Self) -> PyResult<c_int> {
        this.fd(py)
    }

    fn get_closed(_: Attached<'_>, this: &Self) -> bool {
        this.fd.get() < 0
    }

    fn control(&self, py: Attached<'_>, operation: c_int, fd: Opt<'_>, events: u32) -> PyResult<()> {
        let epoll = self.fd(py)?;
        let fd = fileno_arg(py, need(py, fd)?)?;
        let mut event = libc::epoll_event { events, u64: fd as u64 };
        // SAFETY: a local variable.
        once(py, || unsafe { libc::epoll_ctl(epoll, operation, fd, &raw mut event) })
            .map(drop)
            .map_err(|errno| raise_os_error(py, errno))
    }

    fn register(py: Attached<'_>, this: &Self, [fd, events]: [Opt<'_>; 2]) -> PyResult<()> {
        let default = (libc::EPOLLIN | libc::EPOLLPRI | libc::EPOLLOUT) as u64;
        let events = events.map_or(Ok(default), |events| events.as_u64_mask(py))?;
        this.control(py, libc::EPOLL_CTL_ADD, fd, events as u32)
    }

    fn modify(py: Attached<'_>, this: &Self, [fd, events]: [Opt<'_>; 2]) -> PyResult<()> {
        let events = need(py, events)?.as_u64_mask(py)?;
        this.control(py, libc::EPOLL_CTL_MOD, fd, events as u32)
    }

    fn unregister(py: Attached<'_>, this: &Self, [fd]: [Opt<'_>; 1]) -> PyResult<()> {
        this.control(py, libc::EPOLL_CTL_DEL, fd, 0)
    }

    fn poll(py: Attached<'_>, this: &Self, [timeout, most]: [Opt<'_>; 2]) -> PyResult<Ref<List>> {
        let epoll = this.fd(py)?;
        let nanos = match given(timeout) {
            None => None,
            Some(timeout) => match seconds_arg(py, timeout) {
                Ok(nanos) => (nanos >= 0).then_some(nanos),
                Err(raised) if raised.matches(py, exc::TypeError()) => {
                    raised.clear(py);
                    return Err(raise!(py, TypeError, "timeout must be an integer or None"));
                }
                Err(raised) => return Err(raised),
            },
        };
        let most = match int_or(py, most, -1)? {
            -1 => libc::FD_SETSIZE as c_int - 1,
            most if most < 1 => {
                return Err(raise!(py, ValueError, "maxevents must be greater than 0, got {most}"));
            }
            most => most,
        };
        let deadline = Deadline::of_nanos(nanos);
        let mut events = krait_object::reserve::zeros(py, most as usize)?;
        let count = loop {
            let millis = deadline.millis();
            // SAFETY: room for as many events as stated.
            match once(py, || unsafe { libc::epoll_wait(epoll, events.as_mut_ptr(), most, millis) }) {
                Ok(count) => break count,
                Err(libc::EINTR) => vm::check_signals(py)?,
                Err(errno) => return Err(raise_os_error(py, errno)),
            }
        };
        let ready = List::new(py)?;
        for event in &events[..count as usize] {
            let (fd, mask) = ({ event.u64 } as c_int, { event.events });
            ready.push(py, tuple(py, objects!(py; fd, mask))?.upcast())?;
        }
        Ok(ready)
    }

    fn enter(py: Attached<'_>, this: &Self) -> PyResult<Ref<Self>> {
        this.fd(py)?;
        Ok(this.to_ref())
    }

    fn exit(py: Attached<'_>, this: &Self, _: [Opt<'_>; 3]) -> PyResult<()> {
        Self::close(py, this)
    }
}

/// Fills the module.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(py, functions! {
        sig "select" => select, "($module, rlist, wlist, xlist, timeout=None, /)", "Waits until descriptors are ready.";
        noargs "poll" => new_poll, "($module, /)", "An object that waits for descriptors.";
    })?;
    add_ints(py, module, linux::SELECT)?;
    module.add(py, "error", exc::OSError().as_object())?;
    ready_type::<Poll>(py)?;
    add_type::<Epoll>(py, module, "epoll")
}
