//! `critical_section.h`, `lock.h`, `pythread.h`: locks and thread-specific storage.
use krait_layout::*;
use krait_object::{Object, Ref};
use krait_sync::mutex::ByteMutex;
use krait_vm::interp;
use std::ffi::{c_int, c_longlong, c_uint, c_ulong, c_void};
use std::ptr;

unsafe fn mutex<'a>(raw: *mut PyMutex) -> &'a ByteMutex {
    // SAFETY: both are one atomic byte.
    unsafe { &*raw.cast() }
}

capi_raw! {
    fn PyMutex_Lock(m: *mut PyMutex) { mutex(m).lock() }
    fn PyMutex_Unlock(m: *mut PyMutex) {
        if !mutex(m).try_unlock() { krait_vm::fatal("PyMutex_Unlock: unlocking mutex that is not locked") }
    }
    fn PyMutex_IsLocked(m: *mut PyMutex) -> c_int { c_int::from(mutex(m).is_locked()) }

    fn PyThread_init_thread() {}
    fn PyThread_get_thread_ident() -> c_ulong { interp::thread_ident() as c_ulong }
    fn PyThread_get_thread_native_id() -> c_ulong { interp::native_thread_id() }
    fn PyThread_start_new_thread(call: unsafe extern "C" fn(*mut c_void), argument: *mut c_void) -> c_ulong {
        struct Pass(*mut c_void);
        // SAFETY: the caller hands the argument to the thread.
        unsafe impl Send for Pass {}
        let pass = Pass(argument);
        let spawned = std::thread::Builder::new().spawn(move || {
            let pass = pass;
            // SAFETY: the caller's function for this argument.
            unsafe { call(pass.0) }
        });
        use std::os::unix::thread::JoinHandleExt;
        spawned.map_or(c_ulong::MAX, |handle| handle.as_pthread_t() as c_ulong)
    }
    fn PyThread_exit_thread() { libc::pthread_exit(ptr::null_mut()) }
    fn PyThread_get_stacksize() -> usize { 0 }
    fn PyThread_set_stacksize(_size: usize) -> c_int { -2 }
    fn PyThread_allocate_lock() -> *mut PyMutex { libc::calloc(1, 1).cast() }
    fn PyThread_free_lock(lock: *mut PyMutex) { libc::free(lock.cast()) }
    fn PyThread_acquire_lock(lock: *mut PyMutex, wait: c_int) -> c_int {
        if mutex(lock).try_lock() { return 1 }
        if wait == 0 { return 0 }
        mutex(lock).lock();
        1
    }
    fn PyThread_acquire_lock_timed(lock: *mut PyMutex, microseconds: c_longlong, _interruptible: c_int) -> c_int {
        if mutex(lock).try_lock() { return 1 }
        match microseconds {
            0 => 0,
            n if n < 0 => { mutex(lock).lock(); 1 }
            n => {
                let wait = krait_sync::block::Wait::DETACH.at_most(std::time::Duration::from_micros(n as u64));
                c_int::from(mutex(lock).lock_timed(wait).ok())
            }
        }
    }
    fn PyThread_release_lock(lock: *mut PyMutex) { mutex(lock).unlock() }

    fn PyThread_tss_alloc() -> *mut Py_tss_t { crate::pymem::PyMem_RawCalloc(1, size_of::<Py_tss_t>()).cast() }
    fn PyThread_tss_free(key: *mut Py_tss_t) {
        if key.is_null() { return }
        PyThread_tss_delete(key);
        crate::pymem::PyMem_RawFree(key.cast())
    }
    fn PyThread_tss_is_created(key: *mut Py_tss_t) -> c_int { (*key)._is_initialized.get() }
    fn PyThread_tss_create(key: *mut Py_tss_t) -> c_int {
        if (*key)._is_initialized.get() != 0 { return 0 }
        let mut made: libc::pthread_key_t = 0;
        if libc::pthread_key_create(&mut made, None) != 0 { return -1 }
        (*key)._key.set(made as c_uint);
        (*key)._is_initialized.set(1);
        0
    }
    fn PyThread_tss_delete(key: *mut Py_tss_t) {
        if (*key)._is_initialized.get() == 0 { return }
        libc::pthread_key_delete((*key)._key.get());
        (*key)._is_initialized.set(0)
    }
    fn PyThread_tss_set(key: *mut Py_tss_t, value: *mut c_void) -> c_int {
        if libc::pthread_setspecific((*key)._key.get(), value) == 0 { 0 } else { -1 }
    }
    fn PyThread_tss_get(key: *mut Py_tss_t) -> *mut c_void { libc::pthread_getspecific((*key)._key.get()) }
    fn PyThread_create_key() -> c_int {
        let mut made: libc::pthread_key_t = 0;
        if libc::pthread_key_create(&mut made, None) == 0 { made as c_int } else { -1 }
    }
    fn PyThread_delete_key(key: c_int) { libc::pthread_key_delete(key as u32); }
    fn PyThread_set_key_value(key: c_int, value: *mut c_void) -> c_int { if libc::pthread_setspecific(key as u32, value) == 0 { 0 } else { -1 } }
    fn PyThread_get_key_value(key: c_int) -> *mut c_void { libc::pthread_getspecific(key as u32) }
    fn PyThread_delete_key_value(key: c_int) { libc::pthread_setspecific(key as u32, ptr::null()); }
    fn PyThread_ReInitTLS() {}
}

capi! {
    fn PyThread_GetInfo(py) -> Ref<Object> { krait_vm::sysmodule::get(py, "thread_info").ok_or_else(|| py.bad_internal_call()) }
}

// The frames are C's: Krait's own algorithm works on the same two words.
#[cfg(feature = "nogil")]
mod sections {
    use super::*;
    use krait_object::Attached;
    use krait_sync::critical_section::{self as sync, CriticalSection, CriticalSection2, ThreadCtx};

    fn context<'a>(py: Attached<'a>) -> ThreadCtx<'a> {
        let tstate = py.tstate();
        // SAFETY: the word is the thread's own stack head; only the attached thread uses it.
        let sections = unsafe { &*tstate.critical_section.as_ptr().cast() };
        ThreadCtx { sections, state: krait_object::mode::state_word(tstate) }
    }
    unsafe fn of<'a>(o: *mut PyObject) -> &'a ByteMutex {
        // SAFETY: `ob_mutex` is one atomic byte.
        unsafe { &*ptr::from_ref(&(*o).head.ob_mutex).cast() }
    }
    capi_raw! {
        fn PyCriticalSection_Begin(c: *mut PyCriticalSection, o: *mut PyObject) {
            sync::begin(context(Attached::from_tls()), &*c.cast::<CriticalSection>(), of(o))
        }
        fn PyCriticalSection_BeginMutex(c: *mut PyCriticalSection, m: *mut PyMutex) {
            sync::begin(context(Attached::from_tls()), &*c.cast::<CriticalSection>(), mutex(m))
        }
        fn _PyCriticalSection_SuspendAll(_tstate: *mut PyThreadState) { sync::suspend_all(context(Attached::from_tls())) }
        fn _PyCriticalSection_Resume(_tstate: *mut PyThreadState) { sync::resume_top(context(Attached::from_tls())) }
        fn PyCriticalSection_End(c: *mut PyCriticalSection) {
            if (*c)._cs_mutex.get().is_null() { return }
            sync::end(context(Attached::from_tls()), &*c.cast::<CriticalSection>())
        }
        fn PyCriticalSection2_Begin(c: *mut PyCriticalSection2, a: *mut PyObject, b: *mut PyObject) {
            sync::begin2(context(Attached::from_tls()), &*c.cast::<CriticalSection2>(), of(a), of(b))
        }
        fn PyCriticalSection2_BeginMutex(c: *mut PyCriticalSection2, a: *mut PyMutex, b: *mut PyMutex) {
            sync::begin2(context(Attached::from_tls()), &*c.cast::<CriticalSection2>(), mutex(a), mutex(b))
        }
        fn PyCriticalSection2_End(c: *mut PyCriticalSection2) {
            if (*c)._cs_base._cs_mutex.get().is_null() { return }
            sync::end2(context(Attached::from_tls()), &*c.cast::<CriticalSection2>())
        }
    }
}

#[cfg(not(feature = "nogil"))]
capi_raw! {
    fn PyCriticalSection_Begin(_c: *mut PyCriticalSection, _o: *mut PyObject) {}
    fn PyCriticalSection_BeginMutex(_c: *mut PyCriticalSection, _m: *mut PyMutex) {}
    fn PyCriticalSection_End(_c: *mut PyCriticalSection) {}
    fn _PyCriticalSection_SuspendAll(_tstate: *mut PyThreadState) {}
    fn _PyCriticalSection_Resume(_tstate: *mut PyThreadState) {}
    fn PyCriticalSection2_Begin(_c: *mut PyCriticalSection2, _a: *mut PyObject, _b: *mut PyObject) {}
    fn PyCriticalSection2_BeginMutex(_c: *mut PyCriticalSection2, _a: *mut PyMutex, _b: *mut PyMutex) {}
    fn PyCriticalSection2_End(_c: *mut PyCriticalSection2) {}
}
