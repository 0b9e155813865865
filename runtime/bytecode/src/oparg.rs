//! What arguments mean: operators, comparisons, intrinsics, special methods, common constants, and the bits of
//! packed arguments.

macro_rules! table {
    ($(#[$doc:meta])* $vis:vis enum $name:ident { $($variant:ident = $num:literal => $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        #[allow(missing_docs)]
        $vis enum $name { $($variant = $num),* }

        impl $name {
            /// Every value, ordered by number.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            /// The value with this number.
            pub const fn from_u32(number: u32) -> Option<$name> {
                match number { $($num => Some($name::$variant),)* _ => None }
            }

            /// The text that `dis` shows.
            pub const fn text(self) -> &'static str {
                match self { $($name::$variant => $text),* }
            }
        }
    };
}

table! {
    /// Argument of `BINARY_OP`.
    pub enum BinaryOp {
        Add = 0 => "+", And = 1 => "&", FloorDivide = 2 => "//", LShift = 3 => "<<", MatrixMultiply = 4 => "@",
        Multiply = 5 => "*", Remainder = 6 => "%", Or = 7 => "|", Power = 8 => "**", RShift = 9 => ">>",
        Subtract = 10 => "-", TrueDivide = 11 => "/", Xor = 12 => "^",
        InplaceAdd = 13 => "+=", InplaceAnd = 14 => "&=", InplaceFloorDivide = 15 => "//=",
        InplaceLShift = 16 => "<<=", InplaceMatrixMultiply = 17 => "@=", InplaceMultiply = 18 => "*=",
        InplaceRemainder = 19 => "%=", InplaceOr = 20 => "|=", InplacePower = 21 => "**=",
        InplaceRShift = 22 => ">>=", InplaceSubtract = 23 => "-=", InplaceTrueDivide = 24 => "/=",
        InplaceXor = 25 => "^=", Subscr = 26 => "[]",
    }
}

impl BinaryOp {
    /// `nb_*` names of `_opcode.get_nb_ops()`.
    pub const fn nb_name(self) -> &'static str {
        const NAMES: [&str; 27] = [
            "NB_ADD",
            "NB_AND",
            "NB_FLOOR_DIVIDE",
            "NB_LSHIFT",
            "NB_MATRIX_MULTIPLY",
            "NB_MULTIPLY",
            "NB_REMAINDER",
            "NB_OR",
            "NB_POWER",
            "NB_RSHIFT",
            "NB_SUBTRACT",
            "NB_TRUE_DIVIDE",
            "NB_XOR",
            "NB_INPLACE_ADD",
            "NB_INPLACE_AND",
            "NB_INPLACE_FLOOR_DIVIDE",
            "NB_INPLACE_LSHIFT",
            "NB_INPLACE_MATRIX_MULTIPLY",
            "NB_INPLACE_MULTIPLY",
            "NB_INPLACE_REMAINDER",
            "NB_INPLACE_OR",
            "NB_INPLACE_POWER",
            "NB_INPLACE_RSHIFT",
            "NB_INPLACE_SUBTRACT",
            "NB_INPLACE_TRUE_DIVIDE",
            "NB_INPLACE_XOR",
            "NB_SUBSCR",
        ];
        NAMES[self as usize]
    }

    /// The in-place form of an operator.
    pub const fn inplace(self) -> Option<BinaryOp> {
        if (self as u8) < 13 { BinaryOp::from_u32(self as u32 + 13) } else { None }
    }
}

table! {
    /// Comparison, in bits 5 and up of `COMPARE_OP`'s argument (and the numbers of `Py_LT` and so on).
    pub enum CompareOp { Lt = 0 => "<", Le = 1 => "<=", Eq = 2 => "==", Ne = 3 => "!=", Gt = 4 => ">", Ge = 5 => ">=" }
}

/// Bit of `COMPARE_OP`'s argument: the result is turned into a bool.
pub const COMPARE_TO_BOOL: u32 = 16;

impl CompareOp {
    /// The comparison in `COMPARE_OP`'s argument.
    pub const fn from_oparg(oparg: u32) -> Option<CompareOp> {
        CompareOp::from_u32(oparg >> 5)
    }

    /// `COMPARE_OP`'s argument without [`COMPARE_TO_BOOL`]: the comparison, and in the low four bits the outcomes
    /// that make it true (1 unordered, 2 less, 4 greater, 8 equal), for specialised forms.
    pub const fn oparg(self) -> u32 {
        const MASKS: [u32; 6] = [2, 2 | 8, 8, 1 | 2 | 4, 4, 4 | 8];
        (self as u32) << 5 | MASKS[self as usize]
    }
}

table! {
    /// Argument of `CALL_INTRINSIC_1`.
    pub enum Intrinsic1 {
        Invalid = 0 => "INTRINSIC_1_INVALID", Print = 1 => "INTRINSIC_PRINT", ImportStar = 2 => "INTRINSIC_IMPORT_STAR",
        StopIterationError = 3 => "INTRINSIC_STOPITERATION_ERROR", AsyncGenWrap = 4 => "INTRINSIC_ASYNC_GEN_WRAP",
        UnaryPositive = 5 => "INTRINSIC_UNARY_POSITIVE", ListToTuple = 6 => "INTRINSIC_LIST_TO_TUPLE",
        TypeVar = 7 => "INTRINSIC_TYPEVAR", ParamSpec = 8 => "INTRINSIC_PARAMSPEC",
        TypeVarTuple = 9 => "INTRINSIC_TYPEVARTUPLE", SubscriptGeneric = 10 => "INTRINSIC_SUBSCRIPT_GENERIC",
        TypeAlias = 11 => "INTRINSIC_TYPEALIAS",
    }
}

table! {
    /// Argument of `CALL_INTRINSIC_2`.
    pub enum Intrinsic2 {
        Invalid = 0 => "INTRINSIC_2_INVALID", PrepReraiseStar = 1 => "INTRINSIC_PREP_RERAISE_STAR",
        TypeVarWithBound = 2 => "INTRINSIC_TYPEVAR_WITH_BOUND",
        TypeVarWithConstraints = 3 => "INTRINSIC_TYPEVAR_WITH_CONSTRAINTS",
        SetFunctionTypeParams = 4 => "INTRINSIC_SET_FUNCTION_TYPE_PARAMS",
        SetTypeparamDefault = 5 => "INTRINSIC_SET_TYPEPARAM_DEFAULT",
    }
}

table! {
    /// Argument of `LOAD_SPECIAL`.
    pub enum SpecialMethod { Enter = 0 => "__enter__", Exit = 1 => "__exit__", AEnter = 2 => "__aenter__", AExit = 3 => "__aexit__" }
}

table! {
    /// Argument of `LOAD_COMMON_CONSTANT`: objects that the interpreter holds.
    pub enum CommonConstant {
        AssertionError = 0 => "AssertionError", NotImplementedError = 1 => "NotImplementedError", Tuple = 2 => "tuple",
        All = 3 => "all", Any = 4 => "any",
    }
}

table! {
    /// Argument of `CONVERT_VALUE`.
    pub enum Conversion { None = 0 => "", Str = 1 => "str", Repr = 2 => "repr", Ascii = 3 => "ascii" }
}

table! {
    /// Argument of `SET_FUNCTION_ATTRIBUTE`; one bit each.
    pub enum FunctionAttribute {
        Defaults = 1 => "defaults", KwDefaults = 2 => "kwdefaults", Annotations = 4 => "annotations",
        Closure = 8 => "closure", Annotate = 16 => "annotate",
    }
}

table! {
    /// Low two bits of `RESUME`'s argument: after what the frame goes on.
    pub enum ResumeAt { FuncStart = 0 => "func start", AfterYield = 1 => "after yield", AfterYieldFrom = 2 => "after yield from", AfterAwait = 3 => "after await" }
}

/// Bit of `RESUME`'s argument: the instruction is at block depth 1, with no handler but the generator's own.
pub const RESUME_DEPTH1: u32 = 4;

/// `LOAD_ATTR`, `LOAD_GLOBAL`: the name is `names[arg >> 1]`, and bit 0 asks for the two-slot form (method and
/// receiver, or function and null).
pub const CALL_FORM: u32 = 1;

/// `LOAD_SUPER_ATTR`: the name is `names[arg >> 2]`; bit 0 asks for a method, bit 1 says `super` had two arguments.
pub const SUPER_TWO_ARGS: u32 = 2;

/// `YIELD_VALUE`: 1 when the value goes through `await` or `yield from`, else 0.
pub const YIELD_DELEGATED: u32 = 1;

/// The annotation formats that `__annotate__` takes.
pub const ANNOTATE_VALUE_WITH_FAKE_GLOBALS: u32 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compare_args_as_recorded() {
        // `co_code` of CPython 3.14.10 for `a < b` and its siblings, `to bool` not set.
        let args: Vec<u32> = CompareOp::ALL.iter().map(|c| c.oparg()).collect();
        assert_eq!(args, [2, 42, 72, 103, 132, 172]);
        assert_eq!(CompareOp::from_oparg(172 | COMPARE_TO_BOOL), Some(CompareOp::Ge));
        assert_eq!(BinaryOp::Xor.inplace(), Some(BinaryOp::InplaceXor));
        assert_eq!(BinaryOp::Subscr.inplace(), None);
        assert_eq!(BinaryOp::Subscr.nb_name(), "NB_SUBSCR");
    }
}
