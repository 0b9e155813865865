//! `_opcode`: facts about the instruction set, for `opcode` and `dis`.
use krait_bytecode::oparg::{BinaryOp, Intrinsic1, Intrinsic2, SpecialMethod};
use krait_bytecode::opcode::{Flags, Opcode};
use krait_object::native::{Arg, required};
use krait_object::{
    Attached, Bool, Int, IntoObject, Layout, List, Module, Object, PyResult, Ref, Tuple, functions, none, raise,
};

fn opcode(py: Attached<'_>, number: Arg<'_>) -> PyResult<Option<Opcode>> {
    let number = required(py, number)?.as_i32(py)?;
    Ok(u8::try_from(number).ok().and_then(Opcode::from_u8))
}

fn test(py: Attached<'_>, number: Arg<'_>, test: fn(Opcode) -> bool) -> PyResult<bool> {
    Ok(opcode(py, number)?.is_some_and(test))
}

fn stack_effect(py: Attached<'_>, _: &Object, [number, oparg, jump]: [Arg<'_>; 3]) -> PyResult<i32> {
    let oparg = match oparg.filter(|oparg| !oparg.is_none()) {
        None => 0,
        Some(oparg) => oparg.as_i32(py)? as u32,
    };
    if jump.is_some_and(|jump| !jump.is_none() && !jump.is(Bool::of(true)) && !jump.is(Bool::of(false))) {
        return Err(raise!(py, ValueError, "stack_effect: jump must be False, True or None"));
    }
    match opcode(py, number)?.filter(|op| !op.is_specialized() && !op.is_instrumented()) {
        Some(op) => Ok(op.stack_effect(oparg)),
        None => Err(raise!(py, ValueError, "invalid opcode or oparg")),
    }
}

fn texts(py: Attached<'_>, texts: impl Iterator<Item = &'static str>) -> PyResult<Ref<List>> {
    List::from_vec(py, texts.map(|text| text.into_object(py)).collect::<PyResult<_>>()?)
}

fn nb_ops(py: Attached<'_>, _: &Object) -> PyResult<Ref<List>> {
    let pairs = BinaryOp::ALL
        .iter()
        .map(|op| Ok(Tuple::pair(py, op.nb_name().into_object(py)?, op.text().into_object(py)?)?.upcast()));
    List::from_vec(py, pairs.collect::<PyResult<_>>()?)
}

macro_rules! tests {
    ($($name:ident = $test:expr;)*) => {$(
        fn $name(py: Attached<'_>, _: &Object, [number]: [Arg<'_>; 1]) -> PyResult<bool> {
            test(py, number, $test)
        }
    )*};
}
tests! {
    is_valid = |_| true;
    has_arg = |op| op.flags().contains(Flags::ARG);
    has_const = |op| op.flags().contains(Flags::CONST);
    has_name = |op| op.flags().contains(Flags::NAME);
    has_jump = |op| op.flags().contains(Flags::JUMP);
    has_free = |op| op.flags().contains(Flags::FREE);
    has_local = |op| op.flags().contains(Flags::LOCAL);
    has_exc = |op| op.flags().contains(Flags::EXC);
}

pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(
        py,
        functions! {
            sig "stack_effect" => stack_effect, "($module, opcode, oparg=None, /, *, jump=None)", "Compute the stack effect of the opcode.";
            sig "is_valid" => is_valid, "($module, /, opcode)", "Return True if opcode is valid, False otherwise.";
            sig "has_arg" => has_arg, "($module, /, opcode)", "Return True if the opcode uses its oparg, False otherwise.";
            sig "has_const" => has_const, "($module, /, opcode)", "Return True if the opcode accesses a constant, False otherwise.";
            sig "has_name" => has_name, "($module, /, opcode)", "Return True if the opcode accesses an attribute by name, False otherwise.";
            sig "has_jump" => has_jump, "($module, /, opcode)", "Return True if the opcode has a jump target, False otherwise.";
            sig "has_free" => has_free, "($module, /, opcode)", "Return True if the opcode accesses a free variable, False otherwise.";
            sig "has_local" => has_local, "($module, /, opcode)", "Return True if the opcode accesses a local variable, False otherwise.";
            sig "has_exc" => has_exc, "($module, /, opcode)", "Return True if the opcode sets an exception handler, False otherwise.";
            noargs "get_intrinsic1_descs" => |py: Attached<'_>, _: &Object| texts(py, Intrinsic1::ALL.iter().map(|item| item.text())), "($module, /)", "Return a list of names of the unary intrinsics.";
            noargs "get_intrinsic2_descs" => |py: Attached<'_>, _: &Object| texts(py, Intrinsic2::ALL.iter().map(|item| item.text())), "($module, /)", "Return a list of names of the binary intrinsics.";
            noargs "get_special_method_names" => |py: Attached<'_>, _: &Object| texts(py, SpecialMethod::ALL.iter().map(|item| item.text())), "($module, /)", "Return a list of special method names.";
            noargs "get_nb_ops" => nb_ops, "($module, /)", "Return array of symbols of binary ops.";
            noargs "get_specialization_stats" => |_: Attached<'_>, _: &Object| none(), "($module, /)", "Return the specialization stats, or None without them.";
            sig "get_executor" => |py: Attached<'_>, _: &Object, [_, _]: [Arg<'_>; 2]| -> PyResult<()> { Err(raise!(py, RuntimeError, "Executors are not available in this build")) }, "($module, /, code, offset)", "Return the executor at an offset in code.";
        },
    )?;
    for name in ["ENABLE_SPECIALIZATION", "ENABLE_SPECIALIZATION_FT"] {
        module.add(py, name, Int::from_i64(py, 1)?.as_object())?;
    }
    Ok(())
}
