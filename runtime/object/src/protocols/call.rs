//! Calling: `PyObject_Call*` and vectorcall.
use crate::args::Args;
use crate::handle::{Attached, Ref};
use crate::{Object, PyResult, Str};

impl Object {
    pub fn call(&self, py: Attached<'_>, args: Args<'_>) -> PyResult<Ref<Object>> {
        let _ = (py, args);
        todo!()
    }
    /// Positional arguments only.
    pub fn call_pos(&self, py: Attached<'_>, args: &[&Object]) -> PyResult<Ref<Object>> {
        self.call(py, Args::positional(args))
    }
    pub fn call0(&self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        self.call_pos(py, &[])
    }
    /// `self.name(*args)` without making a bound method where possible.
    pub fn call_method(&self, py: Attached<'_>, name: &Str, args: &[&Object]) -> PyResult<Ref<Object>> {
        let _ = (py, name, args);
        todo!()
    }
    /// Whether it has `tp_call`.
    pub fn is_callable(&self) -> bool {
        self.ty().as_type().tp_call.get().is_some()
    }
}
