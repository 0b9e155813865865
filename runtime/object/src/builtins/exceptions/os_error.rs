//! `OSError`: errors of the operating system, and the classes that stand for common error numbers.
use super::{BaseException, Exception, ExceptionFields, classes, exception, object_member};
use crate::args::Args;
use crate::handle::{Attached, Layout, Ref};
use crate::layout::PyOSErrorObject;
use crate::{Int, Object, PyResult, Raised, Str, Tuple, Type, raise};
use std::ffi::c_int;
use std::mem::offset_of;

const ERRNO: usize = offset_of!(PyOSErrorObject, myerrno);
const STRERROR: usize = offset_of!(PyOSErrorObject, strerror);
const FILENAME: usize = offset_of!(PyOSErrorObject, filename);
const FILENAME2: usize = offset_of!(PyOSErrorObject, filename2);

exception!(
    OSError(Exception), PyOSErrorObject, &[ERRNO, STRERROR, FILENAME, FILENAME2],
    "The operating system reports an error.",
    slots: { tp_new = OSError::new_object, tp_init = OSError::init, tp_str = OSError::str },
    methods: { noargs "__reduce__" => OSError::reduce, "($self, /)", "State for pickling."; },
    getset: { "characters_written" => OSError::get_written, OSError::set_written, "How many characters a blocking write got rid of."; },
    members: [
        object_member("errno\0", ERRNO, c"The error number."),
        object_member("strerror\0", STRERROR, c"The error's text."),
        object_member("filename\0", FILENAME, c"The file's name."),
        object_member("filename2\0", FILENAME2, c"The second file's name."),
    ]
);

/// The class for an error number, if it has its own.
fn class_of_errno(errno: i64) -> Option<&'static Type> {
    Some(match c_int::try_from(errno).ok()? {
        libc::EAGAIN | libc::EALREADY | libc::EINPROGRESS => classes::BlockingIOError(),
        libc::EPIPE | libc::ESHUTDOWN => classes::BrokenPipeError(),
        libc::ECHILD => classes::ChildProcessError(),
        libc::ECONNABORTED => classes::ConnectionAbortedError(),
        libc::ECONNREFUSED => classes::ConnectionRefusedError(),
        libc::ECONNRESET => classes::ConnectionResetError(),
        libc::EEXIST => classes::FileExistsError(),
        libc::ENOENT => classes::FileNotFoundError(),
        libc::EISDIR => classes::IsADirectoryError(),
        libc::ENOTDIR => classes::NotADirectoryError(),
        libc::EINTR => classes::InterruptedError(),
        libc::EACCES | libc::EPERM => classes::PermissionError(),
        libc::ESRCH => classes::ProcessLookupError(),
        libc::ETIMEDOUT => classes::TimeoutError(),
        _ => return None,
    })
}

/// Whether a subclass keeps `OSError`'s two-step construction: `__new__` parses unless only `__init__` is overridden.
fn parses_in_init(ty: &Type) -> bool {
    let own = OSError::type_object().as_type();
    let same_init = ty.as_type().tp_init.get().map(|f| f as usize) == own.tp_init.get().map(|f| f as usize);
    let same_new = ty.as_type().tp_new.get().map(|f| f as usize) == own.tp_new.get().map(|f| f as usize);
    !same_init && same_new
}

impl OSError {
    fn new_object(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Object>> {
        let mut class = ty;
        if !parses_in_init(ty) {
            args.no_keywords(py, &ty.name())?;
            if std::ptr::eq(ty, Self::type_object())
                && (2..=5).contains(&args.pos.len())
                && let Some(errno) = args.pos[0].downcast::<Int>()
                && let Some(specific) = errno.to_i64().and_then(class_of_errno)
            {
                class = specific;
            }
        }
        let object = class.alloc(py, 0)?;
        // SAFETY: [layout]: `class` derives from `OSError`.
        let this: &OSError = unsafe { (*object).cast_unchecked() };
        this.0.written.set(-1);
        if parses_in_init(class) {
            this.base_exception().store_args(py, Args::EMPTY)?;
        } else {
            this.parse(py, args)?;
        }
        Ok(object)
    }

    fn init(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<()> {
        let ty = this.as_object().ty();
        if !parses_in_init(ty) {
            return Ok(());
        }
        args.no_keywords(py, &ty.name())?;
        this.parse(py, args)
    }

    /// `(errno, strerror[, filename[, winerror[, filename2]]])`; the file names leave `args`.
    fn parse(&self, py: Attached<'_>, args: Args<'_>) -> PyResult<()> {
        let mut kept = args;
        if (2..=5).contains(&args.pos.len()) {
            let set = |field: usize, at: usize| {
                let value = args.pos.get(at).filter(|value| !value.is_none());
                drop(self.field(field).replace(value.map(|value| value.to_ref())));
            };
            if let Some(filename) = args.pos.get(2).filter(|filename| !filename.is_none()) {
                if self.as_object().is_instance_of(classes::BlockingIOError()) && filename.has_index() {
                    self.0.written.set(filename.as_isize(py)?);
                } else {
                    set(FILENAME, 2);
                    set(FILENAME2, 4);
                    kept = Args::positional(&args.pos[..2]);
                }
            }
            drop(self.field(ERRNO).replace(Some(args.pos[0].to_ref())));
            drop(self.field(STRERROR).replace(Some(args.pos[1].to_ref())));
        }
        self.base_exception().store_args(py, kept)
    }

    /// The error number, if it is a plain integer.
    pub fn errno(&self) -> Option<i64> {
        self.field(ERRNO).get()?.downcast::<Int>().ok()?.to_i64()
    }

    fn str(py: Attached<'_>, this: &Self) -> PyResult<Ref<Str>> {
        let [errno, strerror, filename, filename2] =
            [ERRNO, STRERROR, FILENAME, FILENAME2].map(|field| this.field(field).get());
        let show = |value: &Option<Ref<Object>>| match value {
            Some(value) => value.str(py).map(|text| text.to_string()),
            None => Ok("None".to_owned()),
        };
        if let Some(filename) = filename {
            let (errno, strerror) = (show(&errno)?, show(&strerror)?);
            let text = match filename2 {
                Some(second) => format!("[Errno {errno}] {strerror}: {} -> {}", filename.repr(py)?, second.repr(py)?),
                None => format!("[Errno {errno}] {strerror}: {}", filename.repr(py)?),
            };
            return Str::new(py, &text);
        }
        if errno.is_some() && strerror.is_some() {
            return Str::new(py, &format!("[Errno {}] {}", show(&errno)?, show(&strerror)?));
        }
        BaseException::str_of_args(py, this.base_exception())
    }

    fn reduce(py: Attached<'_>, this: &Self) -> PyResult<Ref<Tuple>> {
        let base = this.base_exception();
        let mut args = base.args(py);
        if args.len() == 2
            && let Some(filename) = this.field(FILENAME).get()
        {
            let none = crate::none();
            let mut items = vec![args.as_slice()[0], args.as_slice()[1], &*filename];
            let second = this.field(FILENAME2).get();
            if let Some(second) = &second {
                items.extend([&*none, &**second]);
            }
            let full = Tuple::from_slice(py, &items)?;
            args = full;
        }
        base.reduce_with(py, args, base.dict().map(Ref::upcast))
    }

    fn get_written(py: Attached<'_>, this: &Self) -> PyResult<isize> {
        match this.0.written.get() {
            -1 => Err(raise!(py, AttributeError, "characters_written")),
            written => Ok(written),
        }
    }

    fn set_written(py: Attached<'_>, this: &Self, value: Option<&Object>) -> PyResult<()> {
        match value {
            Some(value) => this.0.written.set(value.as_isize(py)?),
            None if this.0.written.get() == -1 => return Err(raise!(py, AttributeError, "characters_written")),
            None => this.0.written.set(-1),
        }
        Ok(())
    }
}

/// Raises the class for `errno` with the system's text and up to two file names.
pub fn raise_os_error_with(
    py: Attached<'_>,
    errno: c_int,
    filename: Option<&Object>,
    filename2: Option<&Object>,
) -> Raised {
    fn build(
        py: Attached<'_>,
        errno: c_int,
        filename: Option<&Object>,
        filename2: Option<&Object>,
    ) -> PyResult<Raised> {
        let number = Int::from_i64(py, i64::from(errno))?;
        let text = Str::new(py, &error_text(errno))?;
        let none = crate::none();
        let mut args = vec![number.as_object(), text.as_object()];
        if let Some(filename) = filename {
            args.push(filename);
        }
        if let Some(second) = filename2 {
            args.extend([&*none, second]);
        }
        let args = Tuple::from_slice(py, &args)?;
        Ok(py.raise_value(classes::OSError(), args.as_object()))
    }
    build(py, errno, filename, filename2).unwrap_or_else(|raised| raised)
}

/// Raises the class for `errno` (positive, as in `errno.h`).
pub fn raise_os_error(py: Attached<'_>, errno: c_int) -> Raised {
    raise_os_error_with(py, errno, None, None)
}

/// The system's text for an error number.
pub fn error_text(errno: c_int) -> String {
    let mut buffer = [0u8; 256];
    // SAFETY: the buffer is as long as stated; the call writes a terminated string.
    unsafe {
        if libc::strerror_r(errno, buffer.as_mut_ptr().cast(), buffer.len()) != 0 {
            return format!("Unknown error {errno}");
        }
    }
    let end = buffer.iter().position(|byte| *byte == 0).unwrap_or(buffer.len());
    String::from_utf8_lossy(&buffer[..end]).into_owned()
}
