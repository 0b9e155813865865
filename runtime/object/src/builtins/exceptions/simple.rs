//! Exception classes without fields of their own.
use super::{BaseException, OSError, exception};
use crate::layout::{PyBaseExceptionObject, PyOSErrorObject};

macro_rules! simple {
    ($($name:ident($base:ty): $doc:literal;)*) => {$(
        exception!($name($base), PyBaseExceptionObject, &[], $doc, slots: { tp_new = BaseException::new_object });
    )*};
}

simple! {
    Exception(BaseException): "Root of the exceptions that programs catch.";
    GeneratorExit(BaseException): "A generator is asked to end.";
    KeyboardInterrupt(BaseException): "The user interrupted the program.";
    TypeError(Exception): "An operation got a value of the wrong type.";
    ValueError(Exception): "An operation got a value it cannot use.";
    SystemError(Exception): "The interpreter found an inconsistency in itself or an extension.";
    RuntimeError(Exception): "An error of no other category.";
    LookupError(Exception): "Root of the errors of indices and keys.";
    IndexError(LookupError): "A sequence index is out of range.";
    ArithmeticError(Exception): "Root of the arithmetic errors.";
    OverflowError(ArithmeticError): "A result is too large to be represented.";
    ZeroDivisionError(ArithmeticError): "The divisor was zero.";
    FloatingPointError(ArithmeticError): "A floating-point operation failed.";
    StopAsyncIteration(Exception): "An asynchronous iterator has no more items.";
    EOFError(Exception): "Input ended before anything was read.";
    MemoryError(Exception): "Memory is exhausted.";
    RecursionError(RuntimeError): "Calls are nested too deep.";
    NotImplementedError(RuntimeError): "A method that a subclass has to provide.";
    PythonFinalizationError(RuntimeError): "The operation is not possible while the interpreter shuts down.";
    AssertionError(Exception): "An assertion failed.";
    BufferError(Exception): "A buffer operation is not possible.";
    ReferenceError(Exception): "The referent of a weak proxy is gone.";
    Warning(Exception): "Root of the warning categories.";
    DeprecationWarning(Warning): "A deprecated feature, for developers.";
    PendingDeprecationWarning(Warning): "A feature that will be deprecated.";
    RuntimeWarning(Warning): "Dubious behaviour at run time.";
    SyntaxWarning(Warning): "Dubious syntax.";
    UserWarning(Warning): "A warning of a program.";
    FutureWarning(Warning): "A deprecated feature, for users.";
    ImportWarning(Warning): "A probable mistake in an import.";
    UnicodeWarning(Warning): "A problem with Unicode.";
    BytesWarning(Warning): "A problem with bytes, such as comparing them with str.";
    ResourceWarning(Warning): "A resource was not released.";
    EncodingWarning(Warning): "The locale's encoding is used by default.";
}

macro_rules! os_errors {
    ($($name:ident($base:ty): $doc:literal;)*) => {$(
        exception!($name($base), PyOSErrorObject, <OSError as super::ExceptionFields>::OWN, $doc);
    )*};
}

os_errors! {
    BlockingIOError(OSError): "The operation would block.";
    ChildProcessError(OSError): "A child process operation failed.";
    ConnectionError(OSError): "Root of the connection errors.";
    BrokenPipeError(ConnectionError): "The other end of the pipe is closed.";
    ConnectionAbortedError(ConnectionError): "The peer aborted the connection.";
    ConnectionRefusedError(ConnectionError): "The peer refused the connection.";
    ConnectionResetError(ConnectionError): "The peer reset the connection.";
    FileExistsError(OSError): "The file exists already.";
    FileNotFoundError(OSError): "The file does not exist.";
    InterruptedError(OSError): "A signal interrupted the call.";
    IsADirectoryError(OSError): "A file operation on a directory.";
    NotADirectoryError(OSError): "A directory operation on something else.";
    PermissionError(OSError): "The operation is not permitted.";
    ProcessLookupError(OSError): "The process does not exist.";
    TimeoutError(OSError): "The operation timed out.";
}
