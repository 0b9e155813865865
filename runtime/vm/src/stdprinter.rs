//! `stderrprinter`: a stream over a file descriptor for the time before `io` can be imported.
use krait_object::layout::Field;
use krait_object::native::alloc;
use krait_object::{Attached, Int, Layout, Object, PyResult, Ref, Str, none, pytype, raise};

krait_object::native! {
    /// `stderrprinter`.
    pub struct StdPrinter { fd: Field<i32> }
}
pytype! {
    #[unsafe(no_mangle)]
    pub static PyStdPrinter_Type: "stderrprinter" for StdPrinter {
        base: Object, flags: [DISALLOW_INSTANTIATION],
        slots: {
            tp_dealloc = StdPrinter::dealloc,
            tp_repr = |_: Attached<'_>, this: &StdPrinter| format!("<stdprinter(fd={}) object at {:p}>", this.fd.get(), this),
        },
        methods: {
            noargs "close" => |_: Attached<'_>, _: &StdPrinter| (), "($self, /)", "Does nothing.";
            noargs "flush" => |_: Attached<'_>, _: &StdPrinter| (), "($self, /)", "Does nothing: nothing is kept back.";
            noargs "fileno" => |py: Attached<'_>, this: &StdPrinter| Int::from_i64(py, this.fd.get().into()), "($self, /)", "The file descriptor.";
            noargs "isatty" => StdPrinter::is_terminal, "($self, /)", "Whether the stream is a terminal.";
            o "write" => StdPrinter::write, "($self, text, /)", "Writes text at once.";
        },
        getset: {
            "closed" => |_: Attached<'_>, _: &StdPrinter| false, "Always false.";
            "encoding" => |_: Attached<'_>, _: &StdPrinter| none(), "Always None.";
            "mode" => |py: Attached<'_>, _: &StdPrinter| Str::new(py, "w"), "Always 'w'.";
        },
    }
}

impl StdPrinter {
    /// # Errors
    /// `MemoryError`.
    pub fn new(py: Attached<'_>, fd: i32) -> PyResult<Ref<StdPrinter>> {
        let this = alloc::<StdPrinter>(py, StdPrinter::type_object())?;
        this.fd.set(fd);
        Ok(this)
    }

    fn is_terminal(_: Attached<'_>, this: &StdPrinter) -> bool {
        // SAFETY: only looks at the descriptor.
        unsafe { libc::isatty(this.fd.get()) != 0 }
    }

    fn write(py: Attached<'_>, this: &StdPrinter, text: &Object) -> PyResult<usize> {
        let Some(text) = text.downcast::<Str>() else {
            return Err(raise!(
                py,
                TypeError,
                "write() argument must be str, not {}",
                krait_object::builtins::textargs::arg_type(text)
            ));
        };
        let data = krait_object::codecs::encode(py, text, Some("utf-8"), Some("backslashreplace"))?;
        let data = data.as_slice();
        let mut done = 0;
        while done < data.len() {
            // SAFETY: the rest of the data.
            let n = unsafe { libc::write(this.fd.get(), data[done..].as_ptr().cast(), data.len() - done) };
            match usize::try_from(n) {
                Ok(n) => done += n,
                Err(_) => match std::io::Error::last_os_error().raw_os_error().unwrap_or(0) {
                    libc::EINTR => crate::signals::check(py)?,
                    number => return Err(krait_object::exceptions::raise_os_error(py, number)),
                },
            }
        }
        Ok(done)
    }
}
