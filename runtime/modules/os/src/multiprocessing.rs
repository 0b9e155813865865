//! `_multiprocessing`: semaphores that processes share.
use crate::util::*;
use crate::vm;
use krait_object::args::{Args, Signature};
use krait_object::exceptions::raise_os_error;
use krait_object::layout::{Field, PyObject};
use krait_object::typedef::member;
use krait_object::{
    Attached, Int, IntoObject, Layout, Module, Object, PyResult, Ref, Str, Type, functions, mem, pytype, raise,
};
use std::ffi::{CString, c_char, c_int};
use std::mem::offset_of;
use std::ptr::{self, NonNull};
use std::sync::atomic::AtomicI32;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

type Opt<'a> = Option<&'a Object>;

const RECURSIVE: c_int = 0;
const SEMAPHORE: c_int = 1;

/// `_multiprocessing.SemLock`.
#[repr(C)]
pub struct SemLock {
    ob_base: PyObject,
    handle: Field<*mut libc::sem_t>,
    owner: Field<usize>,
    count: AtomicI32,
    maxvalue: Field<c_int>,
    kind: Field<c_int>,
    name: Field<*mut c_char>,
}

pytype! {
    pub static SEMLOCK_TYPE: "_multiprocessing.SemLock" for SemLock {
        base: Object,
        flags: [BASETYPE],
        doc: "A lock or semaphore that processes share.",
        slots: { tp_new = SemLock::construct, tp_dealloc = SemLock::dealloc },
        methods: {
            sig "acquire" => SemLock::acquire, "($self, /, block=True, timeout=None)", "Waits for the lock and takes it; whether it was got.";
            noargs "release" => SemLock::release, "($self, /)", "Frees the lock.";
            noargs "_count" => |_: Attached<'_>, this: &SemLock| this.count.load(Relaxed), "($self, /)", "How often this process has it.";
            noargs "_is_mine" => |_: Attached<'_>, this: &SemLock| this.is_mine(), "($self, /)", "Whether the calling thread has it.";
            noargs "_get_value" => SemLock::get_value, "($self, /)", "The semaphore's value.";
            noargs "_is_zero" => |py: Attached<'_>, this: &SemLock| this.value(py).map(|value| value == 0), "($self, /)", "Whether the value is zero.";
            noargs "_after_fork" => |_: Attached<'_>, this: &SemLock| this.count.store(0, Relaxed), "($self, /)", "For the child of a fork: it has nothing.";
            class sig "_rebuild" => SemLock::rebuild, "($type, handle, kind, maxvalue, name, /)", "An object of an existing semaphore.";
            noargs "__enter__" => SemLock::enter, "($self, /)", "Takes the lock.";
            sig "__exit__" => SemLock::exit, "($self, exc_type=None, exc_value=None, exc_tb=None, /)", "Frees the lock.";
        },
        getset: {
            "handle" => |_: Attached<'_>, this: &SemLock| this.handle.get().addr(), "";
        },
        members: [
            member("kind\0", Py_T_INT, offset_of!(SemLock, kind), Py_READONLY, c""),
            member("maxvalue\0", Py_T_INT, offset_of!(SemLock, maxvalue), Py_READONLY, c""),
            member("name\0", Py_T_STRING, offset_of!(SemLock, name), Py_READONLY, c""),
        ],
    }
}

fn name_arg(py: Attached<'_>, name: &Object) -> PyResult<CString> {
    let Some(text) = name.downcast::<Str>() else {
        return Err(raise!(
            py,
            TypeError,
            "SemLock() argument 'name' must be str, not {}",
            krait_object::builtins::textargs::arg_type(name)
        ));
    };
    CString::new(text.to_utf8(py)?).map_err(|_| raise!(py, ValueError, "embedded null character"))
}

impl SemLock {
    fn make(
        py: Attached<'_>,
        ty: &Type,
        handle: *mut libc::sem_t,
        kind: c_int,
        most: c_int,
        name: Option<CString>,
    ) -> PyResult<Ref<Object>> {
        let object = ty.alloc(py, 0)?;
        // SAFETY: [layout]: a fresh instance of this type or a subtype.
        let this = unsafe { (*object).cast_unchecked::<SemLock>() };
        this.handle.set(handle);
        this.kind.set(kind);
        this.maxvalue.set(most);
        this.name.set(name.map_or(ptr::null_mut(), CString::into_raw));
        Ok(object)
    }

    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Object>> {
        const SIG: Signature = Signature::parse("SemLock", "(kind, value, maxvalue, name, unlink)");
        let [kind, value, most, name, unlink]: [Opt<'_>; 5] = SIG.bind(py, args)?;
        let (kind, value) = (int_arg(py, need(py, kind)?)?, int_arg(py, need(py, value)?)?);
        let most = int_arg(py, need(py, most)?)?;
        let name = name_arg(py, need(py, name)?)?;
        let unlink = need(py, unlink)?.is_true(py)?;
        if kind != RECURSIVE && kind != SEMAPHORE {
            return Err(raise!(py, ValueError, "unrecognized kind"));
        }
        // SAFETY: a C string; mode and value follow as the flags demand.
        let handle =
            unsafe { libc::sem_open(name.as_ptr(), libc::O_CREAT | libc::O_EXCL, 0o600 as libc::c_uint, value as u32) };
        if handle == libc::SEM_FAILED {
            return Err(raise_os_error(py, errno()));
        }
        // SAFETY: a C string.
        if unlink && unsafe { libc::sem_unlink(name.as_ptr()) } != 0 {
            let error = errno();
            // SAFETY: just opened.
            unsafe { libc::sem_close(handle) };
            return Err(raise_os_error(py, error));
        }
        Self::make(py, ty, handle, kind, most, (!unlink).then_some(name))
    }

    fn rebuild(py: Attached<'_>, ty: &Type, [handle, kind, most, name]: [Opt<'_>; 4]) -> PyResult<Ref<Object>> {
        let handle = need(py, handle)?.as_u64_mask(py)? as usize;
        let (kind, most) = (int_arg(py, need(py, kind)?)?, int_arg(py, need(py, most)?)?);
        let name = given(name).map(|name| name_arg(py, name)).transpose()?;
        let mut raw = ptr::with_exposed_provenance_mut(handle);
        if let Some(name) = &name {
            // SAFETY: a C string.
            raw = unsafe { libc::sem_open(name.as_ptr(), 0) };
            if raw == libc::SEM_FAILED {
                return Err(raise_os_error(py, errno()));
            }
        }
        Self::make(py, ty, raw, kind, most, name)
    }

    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Self>) {
        // SAFETY: the count is zero. Semaphore and name are ours; one without a name may be in use by a sharer of the
        // handle, but the system keeps the memory mapped as often as it was opened.
        unsafe {
            mem::dealloc_with(py, this, |this| {
                if !this.handle.get().is_null() {
                    libc::sem_close(this.handle.get());
                }
                if !this.name.get().is_null() {
                    drop(CString::from_raw(this.name.get()));
                }
            });
        }
    }

    fn is_mine(&self) -> bool {
        self.count.load(Relaxed) > 0 && self.owner.get() == krait_vm::interp::thread_ident()
    }

    fn acquire(py: Attached<'_>, this: &Self, [block, timeout]: [Opt<'_>; 2]) -> PyResult<bool> {
        let block = bool_or(py, block, true)?;
        let timeout = given(timeout);
        if this.kind.get() == RECURSIVE && this.is_mine() {
            this.count.fetch_add(1, Relaxed);
            return Ok(true);
        }
        let seconds = timeout.map(|timeout| timeout.as_f64(py)).transpose()?;
        let deadline = seconds.map(|seconds| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let end = now + Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::from_secs(1 << 40));
            libc::timespec { tv_sec: end.as_secs() as i64, tv_nsec: end.subsec_nanos().into() }
        });
        let handle = this.handle.get();
        // SAFETY: an open semaphore, which the object keeps open.
        let mut got = unsafe { libc::sem_trywait(handle) } == 0;
        let mut error = errno();
        while !got && block && matches!(error, libc::EAGAIN | libc::EINTR) {
            // SAFETY: as above; the deadline is a local variable.
            let result = once(py, || unsafe {
                match &deadline {
                    None => libc::sem_wait(handle),
                    Some(deadline) => libc::sem_timedwait(handle, deadline),
                }
            });
            match result {
                Ok(_) => got = true,
                Err(libc::EINTR) => vm::check_signals(py)?,
                Err(errno) => {
                    error = errno;
                    break;
                }
            }
        }
        if !got {
            return match error {
                libc::EAGAIN | libc::ETIMEDOUT => Ok(false),
                errno => Err(raise_os_error(py, errno)),
            };
        }
        this.count.fetch_add(1, Relaxed);
        this.owner.set(krait_vm::interp::thread_ident());
        Ok(true)
    }

    fn value(&self, py: Attached<'_>) -> PyResult<c_int> {
        let mut value = 0;
        // SAFETY: an open semaphore and a local variable.
        quick(py, || unsafe { libc::sem_getvalue(self.handle.get(), &raw mut value) })?;
        // Some systems count the waiting threads below zero.
        Ok(value.max(0))
    }

    fn get_value(py: Attached<'_>, this: &Self) -> PyResult<c_int> {
        this.value(py)
    }

    fn release(py: Attached<'_>, this: &Self) -> PyResult<()> {
        if this.kind.get() == RECURSIVE {
            if !this.is_mine() {
                let message = "attempt to release recursive lock not owned by thread";
                return Err(raise!(py, AssertionError, "{message}"));
            }
            if this.count.load(Relaxed) > 1 {
                this.count.fetch_sub(1, Relaxed);
                return Ok(());
            }
        } else if this.value(py)? >= this.maxvalue.get() {
            return Err(raise!(py, ValueError, "semaphore or lock released too many times"));
        }
        // The count first: whoever gets the lock next sets it.
        this.count.fetch_sub(1, Relaxed);
        // SAFETY: an open semaphore.
        if let Err(raised) = quick(py, || unsafe { libc::sem_post(this.handle.get()) }) {
            this.count.fetch_add(1, Relaxed);
            return Err(raised);
        }
        Ok(())
    }

    fn enter(py: Attached<'_>, this: &Self) -> PyResult<bool> {
        Self::acquire(py, this, [None, None])
    }

    fn exit(py: Attached<'_>, this: &Self, _: [Opt<'_>; 3]) -> PyResult<()> {
        Self::release(py, this)
    }
}

fn sem_unlink(py: Attached<'_>, _: &Object, name: &Object) -> PyResult<()> {
    let name = name_arg(py, name)?;
    // SAFETY: a C string.
    quick(py, || unsafe { libc::sem_unlink(name.as_ptr()) }).map(drop)
}

/// Fills the module.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(
        py,
        functions! {
            o "sem_unlink" => sem_unlink, "($module, name, /)", "Removes the name of a semaphore.";
        },
    )?;
    add_type::<SemLock>(py, module, "SemLock")?;
    if let Some(dict) = SemLock::type_object().dict() {
        // SAFETY: no memory is involved.
        let most = unsafe { libc::sysconf(libc::_SC_SEM_VALUE_MAX) };
        let most = if most < 0 { i64::from(c_int::MAX) } else { most.min(i64::from(c_int::MAX)) };
        dict.set_str(py, "SEM_VALUE_MAX", Int::from_i64(py, most)?.as_object())?;
        SemLock::type_object().modified(py);
    }
    let flags = int_dict(py, &[("HAVE_SEM_OPEN", 1), ("HAVE_SEM_TIMEDWAIT", 1)])?;
    module.add(py, "flags", &*flags.into_object(py)?)
}
