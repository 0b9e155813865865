//! `termios`: settings of terminals.
use crate::linux_tty;
use crate::util::*;
use crate::{objects, vm};
use krait_object::exceptions::error_text;
use krait_object::hooks::hooks;
use krait_object::native::new_exception;
use krait_object::{
    Attached, Bytes, Int, IntoObject, Layout, List, Module, Object, PyResult, Raised, Ref, Tuple, Type, exc, functions,
    id, raise,
};
use std::ffi::c_int;

type Opt<'a> = Option<&'a Object>;

/// `termios.error` with the number and its text.
fn fail(py: Attached<'_>, errno: c_int) -> Raised {
    fn build(py: Attached<'_>, errno: c_int) -> PyResult<Raised> {
        let class = (hooks().import)(py, "termios")?.get_attr(py, id!(py, error))?;
        let args = tuple(py, objects!(py; errno, error_text(errno)))?;
        Ok(match (*class).downcast::<Type>() {
            Some(class) => py.raise_value(class, args.as_object()),
            None => py.bad_internal_call(),
        })
    }
    build(py, errno).unwrap_or_else(|raised| raised)
}

/// A call that may block, detached; `termios.error` for a failure.
fn control(py: Attached<'_>, call: impl FnOnce() -> c_int) -> PyResult<()> {
    once(py, call).map(drop).map_err(|errno| fail(py, errno))
}

/// The numbers of `VMIN` and `VTIME`, which are counts while lines are not edited.
const COUNTS: [usize; 2] = [libc::VMIN, libc::VTIME];

fn present(py: Attached<'_>, fd: c_int) -> PyResult<libc::termios> {
    // SAFETY: plain data, filled by the call.
    let mut mode: libc::termios = unsafe { std::mem::zeroed() };
    // SAFETY: a local variable.
    control(py, || unsafe { libc::tcgetattr(fd, &raw mut mode) })?;
    Ok(mode)
}

fn tcgetattr(py: Attached<'_>, _: &Object, fd: &Object) -> PyResult<Ref<List>> {
    let mode = present(py, fileno_arg(py, fd)?)?;
    // SAFETY: a filled struct.
    let (input, output) = unsafe { (libc::cfgetispeed(&raw const mode), libc::cfgetospeed(&raw const mode)) };
    let mut chars = Vec::with_capacity(mode.c_cc.len());
    for (at, &value) in mode.c_cc.iter().enumerate() {
        let is_count = mode.c_lflag & libc::ICANON == 0 && COUNTS.contains(&at);
        chars.push(if is_count { value.into_object(py)? } else { Bytes::new(py, &[value])?.upcast() });
    }
    let chars = List::from_vec(py, chars)?;
    List::from_vec(
        py,
        objects!(
            py; mode.c_iflag, mode.c_oflag, mode.c_cflag, mode.c_lflag, speed_number(input), speed_number(output), chars
        ),
    )
}

/// Whether the C library takes speeds as plain numbers (glibc since 2.42) rather than as codes.
fn has_plain_speeds() -> bool {
    // SAFETY: a local variable; plain data.
    unsafe {
        let mut mode: libc::termios = std::mem::zeroed();
        libc::cfsetospeed(&raw mut mode, 9600) == 0
    }
}

/// The speed that C's code stands for.
fn speed_number(code: libc::speed_t) -> u32 {
    let known = SPEEDS.iter().find(|(known, _)| *known == code && !has_plain_speeds());
    known.map_or(code, |(_, speed)| *speed)
}

fn speed_code(speed: i64) -> libc::speed_t {
    let known = SPEEDS.iter().find(|(_, known)| i64::from(*known) == speed && !has_plain_speeds());
    known.map_or(speed as libc::speed_t, |(code, _)| *code)
}

/// Codes and speeds of this C library.
const SPEEDS: &[(libc::speed_t, u32)] = &[
    (libc::B50, 50),
    (libc::B75, 75),
    (libc::B110, 110),
    (libc::B134, 134),
    (libc::B150, 150),
    (libc::B200, 200),
    (libc::B300, 300),
    (libc::B600, 600),
    (libc::B1200, 1200),
    (libc::B1800, 1800),
    (libc::B2400, 2400),
    (libc::B4800, 4800),
    (libc::B9600, 9600),
    (libc::B19200, 19200),
    (libc::B38400, 38400),
    (libc::B57600, 57600),
    (libc::B115200, 115_200),
    (libc::B230400, 230_400),
    (libc::B460800, 460_800),
    (libc::B500000, 500_000),
    (libc::B576000, 576_000),
    (libc::B921600, 921_600),
    (libc::B1000000, 1_000_000),
    (libc::B1152000, 1_152_000),
    (libc::B1500000, 1_500_000),
    (libc::B2000000, 2_000_000),
    (libc::B2500000, 2_500_000),
    (libc::B3000000, 3_000_000),
    (libc::B3500000, 3_500_000),
    (libc::B4000000, 4_000_000),
];

fn long_arg(py: Attached<'_>, object: &Object) -> PyResult<i64> {
    let number = object.index(py)?.to_i64();
    number.ok_or_else(|| raise!(py, OverflowError, "Python int too large to convert to C long"))
}

fn tcsetattr(py: Attached<'_>, _: &Object, [fd, when, attributes]: [Opt<'_>; 3]) -> PyResult<()> {
    let fd = fileno_arg(py, need(py, fd)?)?;
    let when = int_arg(py, need(py, when)?)?;
    let parts = need(py, attributes)?
        .downcast::<List>()
        .map(|list| list.to_vec(py))
        .transpose()?
        .filter(|parts| parts.len() == 7);
    let Some(parts) = parts else {
        return Err(raise!(py, TypeError, "tcsetattr, arg 3: must be 7 element list"));
    };
    let mut mode = present(py, fd)?;
    let mut flags = [0; 6];
    for (flag, part) in flags.iter_mut().zip(&parts) {
        *flag = long_arg(py, part)?;
    }
    let count = mode.c_cc.len();
    let chars =
        (*parts[6]).downcast::<List>().map(|list| list.to_vec(py)).transpose()?.filter(|chars| chars.len() == count);
    let Some(chars) = chars else {
        return Err(raise!(py, TypeError, "tcsetattr: attributes[6] must be {count} element list"));
    };
    for (slot, value) in mode.c_cc.iter_mut().zip(&chars) {
        *slot = if let Some([byte]) = (**value).downcast::<Bytes>().map(Bytes::as_slice) {
            *byte
        } else if (**value).downcast::<Int>().is_some() {
            long_arg(py, value)? as u8
        } else {
            let message = "tcsetattr: elements of attributes must be bytes objects of length 1 or integers";
            return Err(raise!(py, TypeError, "{message}"));
        };
    }
    [mode.c_iflag, mode.c_oflag, mode.c_cflag, mode.c_lflag] =
        [flags[0], flags[1], flags[2], flags[3]].map(|f| f as u32);
    // SAFETY: a local variable.
    unsafe {
        if libc::cfsetispeed(&raw mut mode, speed_code(flags[4])) != 0
            || libc::cfsetospeed(&raw mut mode, speed_code(flags[5])) != 0
        {
            return Err(fail(py, errno()));
        }
    }
    // SAFETY: a local variable.
    control(py, || unsafe { libc::tcsetattr(fd, when, &raw const mode) })
}

fn tcsendbreak(py: Attached<'_>, _: &Object, [fd, duration]: [Opt<'_>; 2]) -> PyResult<()> {
    let (fd, duration) = (fileno_arg(py, need(py, fd)?)?, int_arg(py, need(py, duration)?)?);
    // SAFETY: no memory is involved.
    control(py, || unsafe { libc::tcsendbreak(fd, duration) })
}

fn tcdrain(py: Attached<'_>, _: &Object, fd: &Object) -> PyResult<()> {
    let fd = fileno_arg(py, fd)?;
    loop {
        // SAFETY: no memory is involved.
        match once(py, || unsafe { libc::tcdrain(fd) }) {
            Ok(_) => return Ok(()),
            Err(libc::EINTR) => vm::check_signals(py)?,
            Err(errno) => return Err(fail(py, errno)),
        }
    }
}

fn tcflush(py: Attached<'_>, _: &Object, [fd, queue]: [Opt<'_>; 2]) -> PyResult<()> {
    let (fd, queue) = (fileno_arg(py, need(py, fd)?)?, int_arg(py, need(py, queue)?)?);
    // SAFETY: no memory is involved.
    control(py, || unsafe { libc::tcflush(fd, queue) })
}

fn tcflow(py: Attached<'_>, _: &Object, [fd, action]: [Opt<'_>; 2]) -> PyResult<()> {
    let (fd, action) = (fileno_arg(py, need(py, fd)?)?, int_arg(py, need(py, action)?)?);
    // SAFETY: no memory is involved.
    control(py, || unsafe { libc::tcflow(fd, action) })
}

fn size_of(py: Attached<'_>, fd: c_int) -> PyResult<libc::winsize> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the request fills one such struct.
    control(py, || unsafe { libc::ioctl(fd, libc::TIOCGWINSZ, &raw mut size) })?;
    Ok(size)
}

fn tcgetwinsize(py: Attached<'_>, _: &Object, fd: &Object) -> PyResult<Ref<Tuple>> {
    let size = size_of(py, fileno_arg(py, fd)?)?;
    tuple(py, objects!(py; size.ws_row, size.ws_col))
}

fn tcsetwinsize(py: Attached<'_>, _: &Object, [fd, winsize]: [Opt<'_>; 2]) -> PyResult<()> {
    let fd = fileno_arg(py, need(py, fd)?)?;
    let winsize = need(py, winsize)?;
    if !winsize.is_sequence() || winsize.sequence_len(py)? != 2 {
        return Err(raise!(py, TypeError, "tcsetwinsize, arg 2: must be a two-item sequence"));
    }
    let mut numbers = [0; 2];
    for (at, number) in numbers.iter_mut().enumerate() {
        *number = long_arg(py, &*winsize.sequence_item(py, at as isize)?)?;
    }
    let mut size = size_of(py, fd)?;
    let [Ok(rows), Ok(columns)] = numbers.map(u16::try_from) else {
        return Err(raise!(py, OverflowError, "winsize value(s) out of range."));
    };
    (size.ws_row, size.ws_col) = (rows, columns);
    // SAFETY: the request reads one such struct.
    control(py, || unsafe { libc::ioctl(fd, libc::TIOCSWINSZ, &raw const size) })
}

/// Fills the module.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(py, functions! {
        o "tcgetattr" => tcgetattr, "($module, fd, /)", "A terminal's settings as a list of seven parts.";
        sig "tcsetattr" => tcsetattr, "($module, fd, when, attributes, /)", "Changes a terminal's settings.";
        sig "tcsendbreak" => tcsendbreak, "($module, fd, duration, /)", "Sends a break.";
        o "tcdrain" => tcdrain, "($module, fd, /)", "Waits until all output is sent.";
        sig "tcflush" => tcflush, "($module, fd, queue, /)", "Discards what is queued.";
        sig "tcflow" => tcflow, "($module, fd, action, /)", "Suspends or resumes input or output.";
        o "tcgetwinsize" => tcgetwinsize, "($module, fd, /)", "Rows and columns of a terminal's window.";
        sig "tcsetwinsize" => tcsetwinsize, "($module, fd, winsize, /)", "Sets rows and columns of a terminal's window.";
    })?;
    add_ints(py, module, linux_tty::TERMIOS)?;
    let error = new_exception(py, "termios", "error", exc::Exception())?;
    module.add(py, "error", &error)
}
