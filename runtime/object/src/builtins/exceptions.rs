//! `exceptions`.
use crate::handle::{Attached, Ref};
use crate::layout::PyBaseExceptionObject;
use crate::{Object, Type};

/// An exception.
#[repr(transparent)]
pub struct BaseException(pub(crate) PyBaseExceptionObject);

pytype_stub!(PyExc_BaseExceptionStub: BaseException);

impl BaseException {
    #[inline(always)]
    pub fn raw(&self) -> &PyBaseExceptionObject {
        &self.0
    }
}
/// Raises `ty(message)`, chained to the exception being handled.
pub fn raise_message(py: Attached<'_>, ty: &Type, message: &str) -> crate::Raised {
    let _ = (py, ty, message);
    todo!()
}
/// Raises `ty(value)`, or `value` itself if it is an instance of `ty`; `None` gives `ty()`, a tuple its items as arguments.
pub fn raise_value(py: Attached<'_>, ty: &Type, value: &Object) -> crate::Raised {
    let _ = (py, ty, value);
    todo!()
}
/// Raises the preallocated `MemoryError`.
pub fn raise_no_memory(py: Attached<'_>) -> crate::Raised {
    let _ = py;
    todo!()
}
/// The classes by name.
pub mod classes {
    use crate::Type;
    macro_rules! classes { ($($name:ident),* $(,)?) => { $(pub fn $name() -> &'static Type { todo!() })* } }
    classes!(
        BaseException,
        Exception,
        TypeError,
        ValueError,
        SystemError,
        RuntimeError,
        KeyError,
        IndexError,
        LookupError,
        AttributeError,
        NameError,
        UnboundLocalError,
        OverflowError,
        ZeroDivisionError,
        ArithmeticError,
        FloatingPointError,
        StopIteration,
        StopAsyncIteration,
        GeneratorExit,
        KeyboardInterrupt,
        SystemExit,
        ImportError,
        ModuleNotFoundError,
        OSError,
        EOFError,
        MemoryError,
        RecursionError,
        NotImplementedError,
        AssertionError,
        BufferError,
        ReferenceError,
        SyntaxError,
        IndentationError,
        TabError,
        UnicodeError,
        UnicodeDecodeError,
        UnicodeEncodeError,
        UnicodeTranslateError,
        Warning,
        DeprecationWarning,
        PendingDeprecationWarning,
        RuntimeWarning,
        SyntaxWarning,
        UserWarning,
        FutureWarning,
        ImportWarning,
        UnicodeWarning,
        BytesWarning,
        ResourceWarning,
        EncodingWarning,
        BlockingIOError,
        ChildProcessError,
        ConnectionError,
        BrokenPipeError,
        ConnectionAbortedError,
        ConnectionRefusedError,
        ConnectionResetError,
        FileExistsError,
        FileNotFoundError,
        InterruptedError,
        IsADirectoryError,
        NotADirectoryError,
        PermissionError,
        ProcessLookupError,
        TimeoutError,
        BaseExceptionGroup,
        ExceptionGroup,
        PythonFinalizationError
    );
}
