//! Scripts that another process asks this one to run (PEP 768).
//!
//! A process that allows it keeps one [`Table`] in its data segment, which says where the main thread's mailbox is
//! (`PyThreadState.remote_debugger_support`). `sys.remote_exec` finds the table of the other process by its mark, copies
//! the script's path into the mailbox, and sets an event in the thread's breaker. The thread runs the script between two
//! instructions.
//!
//! The other process can change the breaker only by reading and writing it, so an event that arrives between the two is
//! lost, as it would be in CPython. It writes only while no event is set, for as long as it can wait.
use crate::interp::current;
use krait_object::exceptions::{raise_os_error, raise_os_error_with};
use krait_object::layout::{_PyRemoteDebuggerSupport, PyThreadState};
use krait_object::{Attached, Dict, FREE_THREADED, IntoObject, Layout, Object, PyResult, Raised, Ref, Str, id, raise};
use krait_sync::breaker::{Breaker, EVENTS, PLEASE_STOP};
use std::mem::{MaybeUninit, offset_of};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// What other processes look for.
const MARK: [u8; 16] = *b"Krait mailbox 14";
/// Bytes that a path may have, with its terminator.
const PATH_SIZE: usize = 512;

/// What another process must know. Each release may lay it out anew: `version` tells.
#[repr(C, align(16))]
struct Table {
    mark: [u8; 16],
    version: [u8; 16],
    free_threaded: bool,
    /// Whether the process was not told otherwise (`-X disable-remote-debug`).
    enabled: AtomicBool,
    /// Address of the main thread's breaker, or 0.
    breaker: AtomicUsize,
    /// How far the mailbox is behind the breaker.
    mailbox: usize,
}

const fn padded(text: &str) -> [u8; 16] {
    let (mut out, bytes, mut at) = ([0; 16], text.as_bytes(), 0);
    while at < bytes.len() && at < 16 {
        out[at] = bytes[at];
        at += 1;
    }
    out
}

// Kept in one piece: other processes read it.
#[used]
static TABLE: Table = Table {
    mark: MARK,
    version: padded(env!("CARGO_PKG_VERSION")),
    free_threaded: FREE_THREADED,
    enabled: AtomicBool::new(false),
    breaker: AtomicUsize::new(0),
    mailbox: offset_of!(PyThreadState, remote_debugger_support) - offset_of!(PyThreadState, eval_breaker),
};

/// Names the thread that runs scripts; `None` at the end of the runtime.
pub(crate) fn set_main_thread(breaker: Option<&Breaker>) {
    TABLE.breaker.store(breaker.map_or(0, |breaker| std::ptr::from_ref(breaker).addr()), Ordering::Release);
}

/// Says whether other processes may ask.
pub(crate) fn enable(enabled: bool) {
    TABLE.enabled.store(enabled, Ordering::Release);
}

/// Runs the script that was asked for, if one was. What it raises is reported and goes no further.
pub(crate) fn run_pending(py: Attached<'_>) {
    let support = &py.tstate().remote_debugger_support;
    if support.debugger_pending_call.get() == 0 {
        return;
    }
    support.debugger_pending_call.set(0);
    let path: Vec<u8> = support.debugger_script_path.iter().map(|c| c.get() as u8).take_while(|c| *c != 0).collect();
    support.debugger_script_path[0].set(0);
    let may = current(py).config.remote_debug && !current(py).finalizing.load(Ordering::Acquire);
    if path.is_empty() || !may {
        return;
    }
    let failed = |verb: &str, raised: Raised| {
        let kept = raised.take(py);
        let _raised = py.restore(kept);
        let message = format!("{verb} debugger script {}", String::from_utf8_lossy(&path));
        crate::sysmodule::report_unraisable(py, Some(&message), None);
    };
    let source = Str::from_fs_bytes(py, &path).and_then(|path| {
        crate::sysmodule::audit_event(py, "cpython.remote_debugger_script", &[path.as_object()])?;
        read(py, &path)
    });
    match source {
        Ok(source) => {
            if let Err(raised) = run(py, &source) {
                failed("Error executing", raised);
            }
        }
        Err(raised) => failed("Can't open", raised),
    }
}

/// The bytes of a script, opened as code.
fn read(py: Attached<'_>, path: &Str) -> PyResult<Ref<Object>> {
    let io = crate::import::import_module(py, "_io")?;
    let file = io.call_method(py, &*Str::new(py, "open_code")?, &[path.as_object()])?;
    let text = file.call_method(py, id!(py, read), &[]);
    let closed = file.call_method(py, id!(py, close), &[]);
    text.and_then(|text| closed.map(|_| text))
}

/// Runs source text in a namespace of its own.
fn run(py: Attached<'_>, source: &Object) -> PyResult<()> {
    use crate::compile::{Mode, compile_object};
    let code = compile_object(py, source, "exec", &*Str::new(py, "<string>")?, Mode::Exec, &Default::default())?;
    let namespace = Dict::new(py)?;
    if let Some(builtins) = crate::import::modules(py)?.get_str(py, "builtins") {
        namespace.set_str(py, "__builtins__", &builtins)?;
    }
    crate::eval::eval_code(py, &code, namespace.as_object(), None, None).map(drop)
}

/// `sys.remote_exec`: asks another process to run a script.
///
/// # Errors
/// `OSError` when there is no such script or the system does not let us, `RuntimeError` when the other process is none of
/// ours or does not allow it.
pub fn remote_exec(py: Attached<'_>, _: &Object, [pid, script]: [Option<&Object>; 2]) -> PyResult<()> {
    let (Some(pid), Some(script)) = (pid, script) else { return Err(py.bad_internal_call()) };
    let path = fs_path(py, script)?;
    let pid = pid.as_i32(py)?;
    crate::sysmodule::audit_event(py, "sys.remote_exec", &[&*pid.into_object(py)?, script])?;
    if !current(py).config.remote_debug {
        return Err(raise!(py, RuntimeError, "Remote debugging is not enabled"));
    }
    use std::os::unix::ffi::OsStrExt;
    if let Err(error) = std::fs::metadata(std::ffi::OsStr::from_bytes(&path)) {
        return Err(match error.kind() {
            std::io::ErrorKind::NotFound => raise!(py, FileNotFoundError, "Script file does not exist"),
            std::io::ErrorKind::PermissionDenied => raise!(py, PermissionError, "Script file cannot be read"),
            _ => raise_os_error(py, error.raw_os_error().unwrap_or(libc::EINVAL)),
        });
    }
    if path.len() >= PATH_SIZE {
        return Err(raise!(py, ValueError, "Script path is too long"));
    }
    send(py, &Other { pid }, &path)
}

/// The bytes of a path-like object.
fn fs_path(py: Attached<'_>, script: &Object) -> PyResult<Vec<u8>> {
    let os = crate::import::import_module(py, "os")?;
    let path = os.call_method(py, &*Str::new(py, "fsencode")?, &[script])?;
    let path = path.bytes(py)?.as_slice().to_vec();
    if path.contains(&0) {
        return Err(raise!(py, ValueError, "embedded null byte"));
    }
    Ok(path)
}

fn send(py: Attached<'_>, other: &Other, path: &[u8]) -> PyResult<()> {
    let Some(table) = other.find_table(py)? else {
        return Err(raise!(py, RuntimeError, "PyRuntime address lookup failed during debug offsets initialization"));
    };
    if table.version != TABLE.version || table.free_threaded != FREE_THREADED {
        return Err(raise!(py, RuntimeError, "Can't attach to a process that runs a different version of Python"));
    }
    if !table.enabled.load(Ordering::Relaxed) {
        return Err(raise!(py, RuntimeError, "Remote debugging is not enabled in the remote process"));
    }
    let breaker = table.breaker.load(Ordering::Relaxed);
    if breaker == 0 {
        return Err(raise!(py, RuntimeError, "Can't find the main thread of the remote process"));
    }
    let mailbox = breaker + table.mailbox;
    let mut text = path.to_vec();
    text.push(0);
    let failed = |errno| raise_os_error(py, errno);
    other.write(mailbox + offset_of!(_PyRemoteDebuggerSupport, debugger_script_path), &text).map_err(failed)?;
    let pending = mailbox + offset_of!(_PyRemoteDebuggerSupport, debugger_pending_call);
    other.write(pending, &1i32.to_ne_bytes()).map_err(failed)?;
    let mut word = [0; size_of::<usize>()];
    for _ in 0..100 {
        other.read(breaker, &mut word).map_err(failed)?;
        if usize::from_ne_bytes(word) & EVENTS == 0 {
            break;
        }
        crate::interp::without(py, || std::thread::sleep(std::time::Duration::from_micros(100)));
    }
    let word = usize::from_ne_bytes(word) | PLEASE_STOP;
    other.write(breaker, &word.to_ne_bytes()).map_err(failed)
}

/// The process that is asked; it may be this one.
struct Other {
    pid: i32,
}

impl Other {
    /// Copies memory of the process.
    ///
    /// # Errors
    /// The operating system's error number.
    fn read(&self, address: usize, into: &mut [u8]) -> Result<(), i32> {
        let local = libc::iovec { iov_base: into.as_mut_ptr().cast(), iov_len: into.len() };
        let remote = libc::iovec { iov_base: std::ptr::without_provenance_mut(address), iov_len: into.len() };
        // SAFETY: the kernel writes into our buffer only, and checks the other address.
        let done = unsafe { libc::process_vm_readv(self.pid, &local, 1, &remote, 1, 0) };
        if done == into.len() as isize { Ok(()) } else { Err(last_error(done)) }
    }

    /// Changes memory of the process.
    ///
    /// # Errors
    /// The operating system's error number.
    fn write(&self, address: usize, bytes: &[u8]) -> Result<(), i32> {
        let local = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
        let remote = libc::iovec { iov_base: std::ptr::without_provenance_mut(address), iov_len: bytes.len() };
        // SAFETY: the kernel reads our buffer; the other address came from the other process's own table.
        let done = unsafe { libc::process_vm_writev(self.pid, &local, 1, &remote, 1, 0) };
        if done == bytes.len() as isize { Ok(()) } else { Err(last_error(done)) }
    }

    /// A copy of the process's table.
    fn find_table(&self, py: Attached<'_>) -> PyResult<Option<Table>> {
        let name = format!("/proc/{}/maps", self.pid);
        let maps = match std::fs::read(&name) {
            Ok(maps) => maps,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                let errno = error.raw_os_error().unwrap_or(libc::EIO);
                return Err(raise_os_error_with(py, errno, Some(Str::new(py, &name)?.as_object()), None));
            }
        };
        for line in maps.split(|byte| *byte == b'\n') {
            let Some((start, end)) = data_segment(&String::from_utf8_lossy(line)) else { continue };
            let mut bytes = vec![0; end - start];
            match self.read(start, &mut bytes) {
                Ok(()) => {}
                Err(errno @ (libc::EPERM | libc::ESRCH)) => return Err(raise_os_error(py, errno)),
                // Not every mapping can be read.
                Err(_) => continue,
            }
            let tables = bytes.chunks_exact(align_of::<Table>()).position(|chunk| chunk == MARK);
            let found = tables.and_then(|at| bytes.get(at * align_of::<Table>()..)?.get(..size_of::<Table>()));
            if let Some(found) = found {
                let mut table = MaybeUninit::<Table>::uninit();
                // SAFETY: as many bytes as the table has; those of another layout have another version, and only the
                // booleans have invalid values, which are made valid first.
                return Ok(Some(unsafe {
                    std::ptr::copy_nonoverlapping(found.as_ptr(), table.as_mut_ptr().cast(), found.len());
                    for at in [offset_of!(Table, free_threaded), offset_of!(Table, enabled)] {
                        let byte = table.as_mut_ptr().cast::<u8>().add(at);
                        *byte = u8::from(*byte != 0);
                    }
                    table.assume_init()
                }));
            }
        }
        Ok(None)
    }
}

fn last_error(done: isize) -> i32 {
    if done >= 0 {
        return libc::EFAULT;
    }
    std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO)
}

/// Where a line of `/proc/PID/maps` says that writable data of a file is, if it does: it may have been deleted since.
fn data_segment(line: &str) -> Option<(usize, usize)> {
    let mut words = line.split_ascii_whitespace();
    let (range, rights, _offset, _device, inode) =
        (words.next()?, words.next()?, words.next()?, words.next()?, words.next()?);
    if !rights.starts_with("rw-p") || inode == "0" {
        return None;
    }
    let (start, end) = range.split_once('-')?;
    Some((usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?))
}
