//! `CALL_INTRINSIC_1` and `CALL_INTRINSIC_2`.
use super::{Eval, Step};
use krait_bytecode::flags::{CO_ASYNC_GENERATOR, CO_COROUTINE};
use krait_bytecode::oparg::{Intrinsic1, Intrinsic2};
use krait_object::{Function, Layout, List, Object, PyResult, Ref, exc, id, none, raise};

impl Eval<'_> {
    pub(super) fn CALL_INTRINSIC_1(&mut self) -> Step {
        self.save();
        let (py, value) = (self.py(), self.object(1));
        let result = match Intrinsic1::from_u32(self.arg() as u32) {
            Some(Intrinsic1::Print) => {
                let Some(hook) = crate::sysmodule::get(py, "displayhook") else {
                    return Err(raise!(py, RuntimeError, "lost sys.displayhook").into());
                };
                hook.call_pos(py, &[value])?
            }
            Some(Intrinsic1::ImportStar) => {
                let Some(namespace) = self.frame().namespace() else {
                    return Err(raise!(py, SystemError, "no locals found during 'import *'").into());
                };
                super::imports::import_star(py, value, namespace)?;
                none()
            }
            Some(Intrinsic1::StopIterationError) => self.stop_iteration_error(value)?,
            Some(Intrinsic1::AsyncGenWrap) => crate::generator::wrap_yield(py, value)?,
            Some(Intrinsic1::UnaryPositive) => value.positive(py)?,
            // SAFETY: the compiler puts a list there.
            Some(Intrinsic1::ListToTuple) => unsafe { value.cast_unchecked::<List>() }.to_tuple(py)?.upcast(),
            Some(Intrinsic1::TypeVar) => crate::typing::type_var(py, value, None, None)?,
            Some(Intrinsic1::ParamSpec) => crate::typing::param_spec(py, value)?,
            Some(Intrinsic1::TypeVarTuple) => crate::typing::type_var_tuple(py, value)?,
            Some(Intrinsic1::SubscriptGeneric) => crate::typing::subscript_generic(py, value)?,
            Some(Intrinsic1::TypeAlias) => crate::typing::type_alias(py, value)?,
            _ => return Err(raise!(py, SystemError, "bad intrinsic").into()),
        };
        self.replace(1, result);
        Ok(1)
    }

    /// A `StopIteration` that would leave a generator becomes a `RuntimeError` (PEP 479).
    fn stop_iteration_error(&self, exception: &Object) -> PyResult<Ref<Object>> {
        let py = self.py();
        let flags = self.code().raw().co_flags.get() as u32;
        let text = if exception.is_instance_of(exc::StopIteration()) {
            if flags & CO_ASYNC_GENERATOR != 0 {
                "async generator raised StopIteration"
            } else if flags & CO_COROUTINE != 0 {
                "coroutine raised StopIteration"
            } else {
                "generator raised StopIteration"
            }
        } else if flags & CO_ASYNC_GENERATOR != 0 && exception.is_instance_of(exc::StopAsyncIteration()) {
            "async generator raised StopAsyncIteration"
        } else {
            return Ok(exception.to_ref());
        };
        let message = krait_object::Str::new(py, text)?;
        let error = exc::RuntimeError().as_object().call_pos(py, &[message.as_object()])?;
        error.as_object().set_attr(py, id!(py, __cause__), Some(exception))?;
        error.as_object().set_attr(py, id!(py, __context__), Some(exception))?;
        Ok(error)
    }

    pub(super) fn CALL_INTRINSIC_2(&mut self) -> Step {
        self.save();
        let (py, first, second) = (self.py(), self.object(2), self.object(1));
        let result = match Intrinsic2::from_u32(self.arg() as u32) {
            Some(Intrinsic2::PrepReraiseStar) => crate::groups::prepare_reraise_star(py, first, second)?,
            Some(Intrinsic2::TypeVarWithBound) => crate::typing::type_var(py, first, Some(second), None)?,
            Some(Intrinsic2::TypeVarWithConstraints) => crate::typing::type_var(py, first, None, Some(second))?,
            Some(Intrinsic2::SetFunctionTypeParams) => {
                // SAFETY: the compiler puts a function and a tuple there.
                let function: &Function = unsafe { first.cast_unchecked() };
                drop(function.typeparams_slot().replace(Some(second.to_ref())));
                first.to_ref()
            }
            Some(Intrinsic2::SetTypeparamDefault) => crate::typing::set_default(py, first, second)?,
            _ => return Err(raise!(py, SystemError, "bad intrinsic").into()),
        };
        self.replace(2, result);
        Ok(1)
    }
}
