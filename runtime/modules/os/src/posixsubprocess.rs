//! `_posixsubprocess`: starts a program in a child process.
//!
//! Between fork and exec the child makes system calls only: everything it needs is prepared before. Only a
//! `preexec_fn` makes it run Python code, and then the whole fork protocol is kept.
use crate::posix::{CArray, set_inheritable_fd};
use crate::util::*;
use crate::vm;
use krait_object::exceptions::raise_os_error;
use krait_object::{Attached, Bytes, Int, Module, Object, PyResult, Tuple, functions, raise};
use std::ffi::{CString, c_int};

type Opt<'a> = Option<&'a Object>;

/// All that the child needs.
struct Plan {
    argv: CArray,
    programs: Vec<CString>,
    env: Option<CArray>,
    cwd: Option<CString>,
    keep: Vec<c_int>,
    close_fds: bool,
    /// Ends of the pipes: input, output, error, error report.
    input: [c_int; 2],
    output: [c_int; 2],
    error: [c_int; 2],
    report: [c_int; 2],
    restore_signals: bool,
    setsid: bool,
    group: c_int,
    gid: Option<u32>,
    groups: Option<Vec<u32>>,
    uid: Option<u32>,
    umask: c_int,
}

/// Where the child failed: before the program was tried (with a word about what), or trying it.
enum Failure {
    Before(&'static str),
    Exec,
}

unsafe extern "C" {
    static environ: *const *const std::ffi::c_char;
}

impl Plan {
    /// Runs in the child; comes back only with a failure, whose number is in `errno`.
    ///
    /// # Safety
    /// In a child process. `preexec` may run Python code only if the fork protocol was kept.
    unsafe fn run(&self, preexec: impl FnOnce() -> Result<(), ()>) -> Result<Failure, ()> {
        // SAFETY: system calls on plain numbers and memory prepared before the fork.
        unsafe {
            if !self.descriptors() {
                return Ok(Failure::Before("noexec"));
            }
            if let Some(cwd) = &self.cwd
                && libc::chdir(cwd.as_ptr()) == -1
            {
                return Ok(Failure::Before("noexec:chdir"));
            }
            if self.umask >= 0 {
                libc::umask(self.umask as libc::mode_t);
            }
            if self.restore_signals {
                for signal in [libc::SIGPIPE, libc::SIGXFSZ] {
                    libc::signal(signal, libc::SIG_DFL);
                }
            }
            let failed = self.setsid && libc::setsid() == -1
                || self.group >= 0 && libc::setpgid(0, self.group) == -1
                || self.groups.as_ref().is_some_and(|list| libc::setgroups(list.len(), list.as_ptr()) == -1)
                || self.gid.is_some_and(|gid| libc::setregid(gid, gid) == -1)
                || self.uid.is_some_and(|uid| libc::setreuid(uid, uid) == -1);
            if failed {
                return Ok(Failure::Before("noexec"));
            }
            preexec()?;
            if self.close_fds {
                self.close_others();
            }
            let env = self.env.as_ref().map_or(environ, |env| env.as_ptr());
            let mut saved = 0;
            for program in &self.programs {
                libc::execve(program.as_ptr(), self.argv.as_ptr(), env);
                let error = *libc::__errno_location();
                if error != libc::ENOENT && error != libc::ENOTDIR && saved == 0 {
                    saved = error;
                }
            }
            if saved != 0 {
                *libc::__errno_location() = saved;
            }
            Ok(Failure::Exec)
        }
    }

    /// Puts the pipes' ends where the program expects them.
    ///
    /// # Safety
    /// In a child process.
    unsafe fn descriptors(&self) -> bool {
        // SAFETY: system calls on descriptors.
        unsafe {
            for fd in &self.keep {
                if *fd != self.report[1] && set_inheritable_fd(*fd, true) < 0 {
                    return false;
                }
            }
            for fd in [self.input[1], self.output[0], self.error[0], self.report[0]] {
                if fd >= 0 {
                    libc::close(fd);
                }
            }
            let (mut output, mut error) = (self.output[1], self.error[1]);
            // An end that lies where another one will go moves away first.
            if output == 0 {
                output = libc::fcntl(output, libc::F_DUPFD_CLOEXEC, 3);
                if output < 0 {
                    return false;
                }
            }
            while error == 0 || error == 1 {
                error = libc::fcntl(error, libc::F_DUPFD_CLOEXEC, 3);
                if error < 0 {
                    return false;
                }
            }
            for (from, to) in [(self.input[0], 0), (output, 1), (error, 2)] {
                if from == to {
                    if set_inheritable_fd(from, true) < 0 {
                        return false;
                    }
                } else if from >= 0 && libc::dup2(from, to) == -1 {
                    return false;
                }
            }
            true
        }
    }

    /// Closes everything from 3 up that is not kept.
    ///
    /// # Safety
    /// In a child process.
    unsafe fn close_others(&self) {
        let close = |from: c_int, to: c_int| {
            if from > to {
                return;
            }
            // SAFETY: the child's descriptors.
            unsafe {
                let first = from as libc::c_uint;
                if libc::syscall(libc::SYS_close_range, first, to as libc::c_uint, 0) < 0 {
                    for fd in from..=to.min(65535) {
                        libc::close(fd);
                    }
                }
            }
        };
        let mut from = 3;
        for &fd in &self.keep {
            if fd >= from {
                close(from, fd - 1);
                from = fd + 1;
            }
        }
        close(from, c_int::MAX);
    }

    /// Tells the parent what went wrong, without allocating.
    ///
    /// # Safety
    /// In a child process.
    unsafe fn tell(&self, result: Result<Failure, ()>, errno: c_int) {
        let mut message = [0u8; 64];
        let mut len = 0;
        let mut put = |text: &[u8]| {
            message[len..len + text.len()].copy_from_slice(text);
            len += text.len();
        };
        match result {
            Ok(failure) => {
                put(b"OSError:");
                let mut digits = [0u8; 8];
                let (mut at, mut number) = (8, errno as u32);
                while number > 0 || at == 8 {
                    at -= 1;
                    digits[at] = b"0123456789abcdef"[(number & 15) as usize];
                    number >>= 4;
                }
                put(&digits[at..]);
                put(b":");
                if let Failure::Before(word) = failure {
                    put(word.as_bytes());
                }
            }
            Err(()) => put(b"SubprocessError:0:Exception occurred in preexec_fn."),
        }
        // SAFETY: an open descriptor and initialised memory.
        unsafe { libc::write(self.report[1], message.as_ptr().cast(), len) };
    }
}

fn strings(py: Attached<'_>, items: &Object) -> PyResult<Vec<CString>> {
    items.collect(py)?.iter().map(|item| fs_bytes(py, item)).collect()
}

/// The items of a sequence, which are bytes.
fn byte_strings(py: Attached<'_>, items: &Object) -> PyResult<Vec<CString>> {
    let count = items.sequence_len(py)?;
    if count >= isize::MAX as usize / size_of::<*const u8>() {
        return Err(py.no_memory());
    }
    let mut list = Vec::new();
    for at in 0..count {
        let item = items.sequence_item(py, at as isize)?;
        let Some(bytes) = (*item).downcast::<Bytes>() else {
            return Err(raise!(py, TypeError, "expected bytes, {} found", item.ty().name()));
        };
        list.push(c_string(py, bytes.as_slice().to_vec())?);
    }
    Ok(list)
}

fn keep_arg(py: Attached<'_>, fds: &Object) -> PyResult<Vec<c_int>> {
    let wrong = || raise!(py, ValueError, "bad value(s) in fds_to_keep");
    let Some(fds) = fds.downcast::<Tuple>() else {
        return Err(raise!(
            py,
            TypeError,
            "fork_exec() argument 4 must be tuple, not {}",
            krait_object::builtins::textargs::arg_type(fds)
        ));
    };
    let mut keep = Vec::new();
    for fd in fds.as_slice() {
        let number = fd.downcast::<Int>().and_then(Int::to_i64).and_then(|fd| c_int::try_from(fd).ok());
        match number {
            Some(number) if number >= 0 && keep.last().is_none_or(|last| *last < number) => keep.push(number),
            _ => return Err(wrong()),
        }
    }
    Ok(keep)
}

fn groups_arg(py: Attached<'_>, groups: Opt<'_>) -> PyResult<Option<Vec<u32>>> {
    let Some(groups) = given(groups) else { return Ok(None) };
    let mut numbers = Vec::new();
    for group in groups.collect(py)? {
        if (*group).downcast::<Int>().is_none() {
            return Err(raise!(py, TypeError, "groups must be integers"));
        }
        match id_arg(py, &group, "gid") {
            Err(raised) if raised.matches(py, krait_object::exc::OverflowError()) => {
                raised.clear(py);
                return Err(raise!(py, ValueError, "invalid group id"));
            }
            number => numbers.push(number?),
        }
    }
    Ok(Some(numbers))
}

fn fork_exec(py: Attached<'_>, _: &Object, args: [Opt<'_>; 22]) -> PyResult<c_int> {
    let at = |index: usize| need(py, args[index]);
    let number = |index: usize| int_arg(py, at(index)?);
    let preexec = given(args[21]);
    let close_fds = at(2)?.is_true(py)?;
    let programs = byte_strings(py, at(1)?)?;
    let texts = match given(args[0]) {
        Some(argv) => strings(py, argv)?,
        None => Vec::new(),
    };
    let env = match given(args[5]) {
        Some(env) => Some(CArray::new(byte_strings(py, env)?)),
        None => None,
    };
    let plan = Plan {
        argv: CArray::new(texts),
        programs,
        env,
        cwd: given(args[4]).map(|cwd| fs_bytes(py, cwd)).transpose()?,
        keep: keep_arg(py, at(3)?)?,
        close_fds,
        input: [number(6)?, number(7)?],
        output: [number(8)?, number(9)?],
        error: [number(10)?, number(11)?],
        report: [number(12)?, number(13)?],
        restore_signals: at(14)?.is_true(py)?,
        setsid: at(15)?.is_true(py)?,
        group: number(16)?,
        gid: given(args[17]).map(|gid| id_arg(py, gid, "gid")).transpose()?,
        groups: groups_arg(py, args[18])?,
        uid: given(args[19]).map(|uid| id_arg(py, uid, "uid")).transpose()?,
        umask: number(20)?,
    };
    if plan.close_fds && plan.report[1] < 3 {
        return Err(raise!(py, ValueError, "errpipe_write must be >= 3"));
    }
    let none = krait_object::none();
    vm::audit(
        py,
        "subprocess.Popen",
        &[at(1)?, args[0].unwrap_or(&none), args[4].unwrap_or(&none), args[5].unwrap_or(&none)],
    )?;
    if let Some(preexec) = preexec {
        return with_preexec(py, &plan, preexec);
    }
    // Signals stay blocked until the child has the parent's handlers no more: they must not run in it.
    let pid = vm::without(py, || {
        // SAFETY: the child makes system calls only, and ends or becomes another program.
        unsafe {
            let mut all: libc::sigset_t = std::mem::zeroed();
            let mut old: libc::sigset_t = std::mem::zeroed();
            libc::sigfillset(&raw mut all);
            libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, &raw mut old);
            let pid = libc::fork();
            if pid == 0 {
                restore_handlers();
                libc::pthread_sigmask(libc::SIG_SETMASK, &raw const old, std::ptr::null_mut());
                let result = plan.run(|| Ok(()));
                let errno = *libc::__errno_location();
                plan.tell(result, errno);
                libc::_exit(255);
            }
            let error = errno();
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const old, std::ptr::null_mut());
            if pid < 0 { Err(error) } else { Ok(pid) }
        }
    });
    pid.map_err(|errno| raise_os_error(py, errno))
}

/// Gives every signal with a handler its default action.
///
/// # Safety
/// In a child process.
unsafe fn restore_handlers() {
    for signal in 1..65 {
        // SAFETY: plain data; asks and sets actions.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            if libc::sigaction(signal, std::ptr::null(), &raw mut action) == 0
                && action.sa_sigaction != libc::SIG_DFL
                && action.sa_sigaction != libc::SIG_IGN
            {
                libc::signal(signal, libc::SIG_DFL);
            }
        }
    }
}

fn with_preexec(py: Attached<'_>, plan: &Plan, preexec: &Object) -> PyResult<c_int> {
    if krait_vm::interp::current(py).finalizing.load(std::sync::atomic::Ordering::Acquire) {
        return Err(raise!(py, PythonFinalizationError, "preexec_fn not supported at interpreter shutdown"));
    }
    let pid = crate::fork::fork(py, || {
        // SAFETY: the protocol is kept by the caller.
        unsafe { libc::fork() }
    })?;
    if pid != 0 {
        return Ok(pid);
    }
    // SAFETY: in the child; the fork protocol was kept, so Python code may run.
    unsafe {
        let result = plan.run(|| match preexec.call0(py) {
            Ok(_) => Ok(()),
            Err(raised) => {
                raised.clear(py);
                Err(())
            }
        });
        let errno = *libc::__errno_location();
        plan.tell(result, errno);
        libc::_exit(255);
    }
}

/// Fills the module.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(py, functions! {
        sig "fork_exec" => fork_exec, "($module, args, executable_list, close_fds, pass_fds, cwd, env, p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite, errpipe_read, errpipe_write, restore_signals, call_setsid, pgid_to_set, gid, extra_groups, uid, child_umask, preexec_fn, /)", "Starts a program in a child process; returns its number.";
    })
}
