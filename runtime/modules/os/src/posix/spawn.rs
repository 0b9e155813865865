//! `posix_spawn`.
use super::process::{argv_arg, env_arg};
use crate::util::*;
use crate::vm;
use krait_object::layout::PyMethodDef;
use krait_object::{Attached, Int, Object, PyResult, Tuple, functions, raise};
use std::ffi::{CString, c_int};
use std::mem::MaybeUninit;

type Opt<'a> = Option<&'a Object>;

/// The attributes and file actions of a spawn, destroyed at the end.
struct Plan {
    attributes: libc::posix_spawnattr_t,
    actions: libc::posix_spawn_file_actions_t,
    /// Paths that the actions refer to.
    paths: Vec<CString>,
}

impl Plan {
    fn new() -> Plan {
        let (mut attributes, mut actions) = (MaybeUninit::uninit(), MaybeUninit::uninit());
        // SAFETY: the calls initialise the structs.
        unsafe {
            libc::posix_spawnattr_init(attributes.as_mut_ptr());
            libc::posix_spawn_file_actions_init(actions.as_mut_ptr());
            Plan { attributes: attributes.assume_init(), actions: actions.assume_init(), paths: Vec::new() }
        }
    }
}

impl Drop for Plan {
    fn drop(&mut self) {
        // SAFETY: initialised in `new`.
        unsafe {
            libc::posix_spawnattr_destroy(&raw mut self.attributes);
            libc::posix_spawn_file_actions_destroy(&raw mut self.actions);
        }
    }
}

/// A set of signal numbers.
pub fn signal_set(py: Attached<'_>, signals: &Object) -> PyResult<libc::sigset_t> {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: initialises the set.
    let mut set = unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        set.assume_init()
    };
    for signal in signals.collect(py)? {
        let number = signal.index(py)?.to_i64().unwrap_or(-1);
        if !(1..65).contains(&number) {
            return Err(raise!(py, ValueError, "signal number {number} out of range [1; 64]"));
        }
        // SAFETY: an initialised set. Numbers that the C library keeps for itself are refused by it and left out.
        unsafe { libc::sigaddset(&raw mut set, number as c_int) };
    }
    Ok(set)
}

fn add_action(py: Attached<'_>, plan: &mut Plan, action: &Object) -> PyResult<()> {
    let Some(parts) = action.downcast::<Tuple>().map(Tuple::as_slice).filter(|parts| !parts.is_empty()) else {
        return Err(raise!(py, TypeError, "Each file_actions element must be a non-empty tuple"));
    };
    if parts[0].downcast::<Int>().is_none() {
        return Err(raise!(py, TypeError, "Unknown file_actions identifier"));
    }
    let expect = |count: usize, what: &str| match parts.len() {
        len if len == count => Ok(()),
        _ => Err(raise!(py, TypeError, "A {what} file_action tuple must have {count} elements")),
    };
    let actions = &raw mut plan.actions;
    let error = match parts[0].as_i64(py)? {
        0 => {
            expect(5, "open")?;
            let fd = int_arg(py, parts[1])?;
            let path = fs_bytes(py, parts[2])?;
            let (flags, mode) = (int_arg(py, parts[3])?, parts[4].as_u64_mask(py)?);
            // SAFETY: initialised actions; the path is kept by the plan.
            let error = unsafe {
                libc::posix_spawn_file_actions_addopen(actions, fd, path.as_ptr(), flags, mode as libc::mode_t)
            };
            plan.paths.push(path);
            error
        }
        1 => {
            expect(2, "close")?;
            let fd = int_arg(py, parts[1])?;
            // SAFETY: initialised actions.
            unsafe { libc::posix_spawn_file_actions_addclose(actions, fd) }
        }
        2 => {
            expect(3, "dup2")?;
            let (fd, fd2) = (int_arg(py, parts[1])?, int_arg(py, parts[2])?);
            // SAFETY: initialised actions.
            unsafe { libc::posix_spawn_file_actions_adddup2(actions, fd, fd2) }
        }
        3 => {
            expect(2, "closefrom")?;
            let fd = int_arg(py, parts[1])?;
            unsafe extern "C" {
                fn posix_spawn_file_actions_addclosefrom_np(
                    actions: *mut libc::posix_spawn_file_actions_t,
                    from: c_int,
                ) -> c_int;
            }
            // SAFETY: initialised actions; the C library has had the function since 2.34.
            unsafe { posix_spawn_file_actions_addclosefrom_np(actions, fd) }
        }
        _ => return Err(raise!(py, TypeError, "Unknown file_actions identifier")),
    };
    match error {
        0 => Ok(()),
        errno => Err(krait_object::exceptions::raise_os_error(py, errno)),
    }
}

fn spawn(py: Attached<'_>, function: &str, search: bool, args: [Opt<'_>; 10]) -> PyResult<c_int> {
    let [path, argv, env, actions, group, reset, session, mask, defaults, scheduler] = args;
    let path = Path::new(py, need(py, path)?, function, "path")?;
    let argv = argv_arg(py, function, need(py, argv)?, 2)?;
    let environment = match given(env) {
        Some(env) => Some(env_arg(py, function, env)?),
        None => None,
    };
    let mut plan = Plan::new();
    if let Some(actions) = given(actions) {
        if !actions.is_sequence() {
            return Err(raise!(py, TypeError, "file_actions must be a sequence or None"));
        }
        for action in actions.collect(py)? {
            add_action(py, &mut plan, &action)?;
        }
    }
    let mut flags: c_int = 0;
    let attributes = &raw mut plan.attributes;
    // SAFETY: initialised attributes.
    unsafe {
        if let Some(group) = given(group) {
            libc::posix_spawnattr_setpgroup(attributes, int_arg(py, group)?);
            flags |= c_int::from(libc::POSIX_SPAWN_SETPGROUP as i16);
        }
        if bool_or(py, reset, false)? {
            flags |= c_int::from(libc::POSIX_SPAWN_RESETIDS as i16);
        }
        if bool_or(py, session, false)? {
            flags |= 0x80;
        }
        if let Some(mask) = mask {
            let set = signal_set(py, mask)?;
            if mask.len(py).unwrap_or(1) > 0 {
                libc::posix_spawnattr_setsigmask(attributes, &raw const set);
                flags |= c_int::from(libc::POSIX_SPAWN_SETSIGMASK as i16);
            }
        }
        if let Some(defaults) = defaults {
            let set = signal_set(py, defaults)?;
            libc::posix_spawnattr_setsigdefault(attributes, &raw const set);
            flags |= c_int::from(libc::POSIX_SPAWN_SETSIGDEF as i16);
        }
        if let Some(scheduler) = given(scheduler) {
            let Some(scheduler) = scheduler.downcast::<Tuple>() else {
                return Err(raise!(py, TypeError, "scheduler must be a tuple or None"));
            };
            let [policy, param] = scheduler.as_slice() else {
                return Err(raise!(py, TypeError, "A scheduler tuple must have two elements"));
            };
            if !policy.is_none() {
                libc::posix_spawnattr_setschedpolicy(attributes, int_arg(py, policy)?);
                flags |= c_int::from(libc::POSIX_SPAWN_SETSCHEDULER as i16);
            } else {
                flags |= c_int::from(libc::POSIX_SPAWN_SETSCHEDPARAM as i16);
            }
            let param = libc::sched_param { sched_priority: param.get_item(py, &*object(py, 0)?)?.as_i32(py)? };
            libc::posix_spawnattr_setschedparam(attributes, &raw const param);
        }
        libc::posix_spawnattr_setflags(attributes, flags as i16);
    }
    let none = krait_object::none();
    vm::audit(py, "os.posix_spawn", &[path.object.unwrap_or(&none), need(py, args[1])?, args[2].unwrap_or(&none)])?;
    unsafe extern "C" {
        static environ: *const *mut std::ffi::c_char;
    }
    let mut pid = 0;
    // SAFETY: C strings, null-terminated arrays and initialised structs.
    let error = vm::without(py, || unsafe {
        let env = environment.as_ref().map_or(environ, |env| env.as_mut());
        let call = if search { libc::posix_spawnp } else { libc::posix_spawn };
        call(&raw mut pid, path.ptr(), &raw const plan.actions, &raw const plan.attributes, argv.as_mut(), env)
    });
    match error {
        0 => Ok(pid),
        errno => Err(path.error(py, errno)),
    }
}

fn posix_spawn(py: Attached<'_>, _: &Object, args: [Opt<'_>; 10]) -> PyResult<c_int> {
    spawn(py, "posix_spawn", false, args)
}

fn posix_spawnp(py: Attached<'_>, _: &Object, args: [Opt<'_>; 10]) -> PyResult<c_int> {
    spawn(py, "posix_spawnp", true, args)
}

/// The functions of this file.
pub fn table() -> &'static [PyMethodDef] {
    functions! {
        sig "posix_spawn" => posix_spawn, "($module, path, argv, env, /, *, file_actions=(), setpgroup=None, resetids=False, setsid=False, setsigmask=(), setsigdef=(), scheduler=None)", "Starts a program in a new process.";
        sig "posix_spawnp" => posix_spawnp, "($module, path, argv, env, /, *, file_actions=(), setpgroup=None, resetids=False, setsid=False, setsigmask=(), setsigdef=(), scheduler=None)", "As posix_spawn(), looking along PATH.";
    }
}
