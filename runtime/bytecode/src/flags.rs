//! `co_flags` and the flags of `compile()`.

/// The function's locals live in fast slots.
pub const CO_OPTIMIZED: u32 = 0x1;
/// A call makes a new namespace.
pub const CO_NEWLOCALS: u32 = 0x2;
/// Has `*args`.
pub const CO_VARARGS: u32 = 0x4;
/// Has `**kwargs`.
pub const CO_VARKEYWORDS: u32 = 0x8;
/// Nested in another function.
pub const CO_NESTED: u32 = 0x10;
/// Generator.
pub const CO_GENERATOR: u32 = 0x20;
/// `async def` without `yield`.
pub const CO_COROUTINE: u32 = 0x80;
/// Generator marked by `types.coroutine`.
pub const CO_ITERABLE_COROUTINE: u32 = 0x100;
/// `async def` with `yield`.
pub const CO_ASYNC_GENERATOR: u32 = 0x200;
/// `from __future__ import division`.
pub const CO_FUTURE_DIVISION: u32 = 0x2_0000;
/// `from __future__ import absolute_import`.
pub const CO_FUTURE_ABSOLUTE_IMPORT: u32 = 0x4_0000;
/// `from __future__ import with_statement`.
pub const CO_FUTURE_WITH_STATEMENT: u32 = 0x8_0000;
/// `from __future__ import print_function`.
pub const CO_FUTURE_PRINT_FUNCTION: u32 = 0x10_0000;
/// `from __future__ import unicode_literals`.
pub const CO_FUTURE_UNICODE_LITERALS: u32 = 0x20_0000;
/// `from __future__ import barry_as_FLUFL`.
pub const CO_FUTURE_BARRY_AS_BDFL: u32 = 0x40_0000;
/// `from __future__ import generator_stop`.
pub const CO_FUTURE_GENERATOR_STOP: u32 = 0x80_0000;
/// `from __future__ import annotations`.
pub const CO_FUTURE_ANNOTATIONS: u32 = 0x100_0000;
/// `co_consts[0]` is the docstring.
pub const CO_HAS_DOCSTRING: u32 = 0x400_0000;
/// Defined in a class body.
pub const CO_METHOD: u32 = 0x800_0000;

/// All future features that a code object hands on to what it compiles.
pub const FUTURE_MASK: u32 = CO_FUTURE_DIVISION
    | CO_FUTURE_ABSOLUTE_IMPORT
    | CO_FUTURE_WITH_STATEMENT
    | CO_FUTURE_PRINT_FUNCTION
    | CO_FUTURE_UNICODE_LITERALS
    | CO_FUTURE_BARRY_AS_BDFL
    | CO_FUTURE_GENERATOR_STOP
    | CO_FUTURE_ANNOTATIONS;

/// `compile()`: the source is UTF-8 whatever its cookie says.
pub const PYCF_SOURCE_IS_UTF8: u32 = 0x100;
/// `compile()`: do not add a final dedent.
pub const PYCF_DONT_IMPLY_DEDENT: u32 = 0x200;
/// `compile()`: return the tree.
pub const PYCF_ONLY_AST: u32 = 0x400;
/// `compile()`: a cookie is not looked at.
pub const PYCF_IGNORE_COOKIE: u32 = 0x800;
/// `compile()`: type comments become part of the tree.
pub const PYCF_TYPE_COMMENTS: u32 = 0x1000;
/// `compile()`: `await` at the top level.
pub const PYCF_ALLOW_TOP_LEVEL_AWAIT: u32 = 0x2000;
/// `compile()`: incomplete input is told from wrong input.
pub const PYCF_ALLOW_INCOMPLETE_INPUT: u32 = 0x4000;
/// `compile()`: the tree is optimised.
pub const PYCF_OPTIMIZED_AST: u32 = 0x8000 | PYCF_ONLY_AST;

/// Kinds in `co_localspluskinds`.
pub mod kind {
    /// Hidden from `locals()`: a variable of an inlined comprehension.
    pub const HIDDEN: u8 = 0x10;
    /// An argument: a local.
    pub const LOCAL: u8 = 0x20;
    /// A variable that an inner function uses.
    pub const CELL: u8 = 0x40;
    /// A variable of an enclosing function.
    pub const FREE: u8 = 0x80;
    /// Takes a positional argument.
    pub const ARG_POS: u8 = 0x02;
    /// Takes a keyword argument.
    pub const ARG_KW: u8 = 0x04;
    /// Takes the rest: `*args` with `ARG_POS`, `**kwargs` with `ARG_KW`.
    pub const ARG_VAR: u8 = 0x08;
}
