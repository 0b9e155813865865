//! The plain code object and its constants.

use crate::Wtf8;
use num_bigint::BigInt;

/// A code object: data only, nothing of a running interpreter.
///
/// Fields are those of `types.CodeType` (without their `co_`), the internal ones included.
#[derive(Clone, Debug, PartialEq)]
pub struct CodeObject {
    /// Positional parameters, positional-only ones included.
    pub argcount: u32,
    /// Positional-only parameters.
    pub posonlyargcount: u32,
    /// Keyword-only parameters.
    pub kwonlyargcount: u32,
    /// Stack slots that the code needs.
    pub stacksize: u32,
    /// `CO_*` of [`crate::flags`].
    pub flags: u32,
    /// Code units, caches zeroed.
    pub code: Vec<u8>,
    /// Constants.
    pub consts: Vec<Constant>,
    /// Names of globals, attributes and imports; all interned.
    pub names: Vec<Wtf8>,
    /// Names of locals, then cells that are not parameters, then free variables; all interned.
    pub localsplusnames: Vec<Wtf8>,
    /// Kind of each of them, bits of [`crate::flags::kind`].
    pub localspluskinds: Vec<u8>,
    /// File name as given to the compiler.
    pub filename: Wtf8,
    /// Name.
    pub name: Wtf8,
    /// Qualified name.
    pub qualname: Wtf8,
    /// First line.
    pub firstlineno: i32,
    /// Location table, see [`crate::location`].
    pub linetable: Vec<u8>,
    /// Exception table, see [`crate::exception_table`].
    pub exceptiontable: Vec<u8>,
}

impl CodeObject {
    /// Variables of a kind, in order.
    fn of_kind(&self, kind: u8) -> impl Iterator<Item = &Wtf8> {
        self.localsplusnames.iter().zip(&self.localspluskinds).filter(move |(_, k)| **k & kind != 0).map(|(n, _)| n)
    }

    /// `co_varnames`.
    pub fn varnames(&self) -> impl Iterator<Item = &Wtf8> {
        self.of_kind(crate::flags::kind::LOCAL)
    }

    /// `co_cellvars`.
    pub fn cellvars(&self) -> impl Iterator<Item = &Wtf8> {
        self.of_kind(crate::flags::kind::CELL)
    }

    /// `co_freevars`.
    pub fn freevars(&self) -> impl Iterator<Item = &Wtf8> {
        self.of_kind(crate::flags::kind::FREE)
    }
}

/// A constant of a code object.
///
/// Equality is Python's identity of constants as the compiler merges them: types matter, and floats compare by bits.
#[derive(Clone, Debug)]
pub enum Constant {
    /// `None`
    None,
    /// `True`
    True,
    /// `False`
    False,
    /// `...`
    Ellipsis,
    /// Integer.
    Int(BigInt),
    /// Float.
    Float(f64),
    /// Complex.
    Complex(f64, f64),
    /// String; interned when [`Wtf8::is_name_like`].
    Str(Wtf8),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Tuple.
    Tuple(Vec<Constant>),
    /// Frozen set; elements in the order of the source, duplicates removed.
    FrozenSet(Vec<Constant>),
    /// Slice: start, stop, step.
    Slice(Box<[Constant; 3]>),
    /// Code.
    Code(Box<CodeObject>),
}

impl Constant {
    /// A string.
    pub fn str(text: &str) -> Constant {
        Constant::Str(text.into())
    }

    /// A boolean.
    pub fn bool(value: bool) -> Constant {
        if value { Constant::True } else { Constant::False }
    }

    /// Truth, where it is known from the value alone.
    pub fn truth(&self) -> bool {
        use num_traits::Zero;
        match self {
            Constant::None | Constant::False => false,
            Constant::True | Constant::Ellipsis | Constant::Slice(_) | Constant::Code(_) => true,
            Constant::Int(v) => !v.is_zero(),
            Constant::Float(v) => *v != 0.0,
            Constant::Complex(re, im) => *re != 0.0 || *im != 0.0,
            Constant::Str(v) => !v.is_empty(),
            Constant::Bytes(v) => !v.is_empty(),
            Constant::Tuple(v) | Constant::FrozenSet(v) => !v.is_empty(),
        }
    }
}

impl PartialEq for Constant {
    fn eq(&self, other: &Constant) -> bool {
        use Constant::*;
        match (self, other) {
            (None, None) | (True, True) | (False, False) | (Ellipsis, Ellipsis) => true,
            (Int(a), Int(b)) => a == b,
            (Float(a), Float(b)) => a.to_bits() == b.to_bits(),
            (Complex(a, b), Complex(c, d)) => a.to_bits() == c.to_bits() && b.to_bits() == d.to_bits(),
            (Str(a), Str(b)) => a == b,
            (Bytes(a), Bytes(b)) => a == b,
            (Tuple(a), Tuple(b)) | (FrozenSet(a), FrozenSet(b)) => a == b,
            (Slice(a), Slice(b)) => a == b,
            (Code(a), Code(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Constant {}

impl std::hash::Hash for Constant {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Constant::None | Constant::True | Constant::False | Constant::Ellipsis => {}
            Constant::Int(v) => v.hash(state),
            Constant::Float(v) => v.to_bits().hash(state),
            Constant::Complex(a, b) => (a.to_bits(), b.to_bits()).hash(state),
            Constant::Str(v) => v.hash(state),
            Constant::Bytes(v) => v.hash(state),
            Constant::Tuple(v) | Constant::FrozenSet(v) => v.hash(state),
            Constant::Slice(v) => v.hash(state),
            Constant::Code(v) => (&v.name, v.firstlineno, &v.code).hash(state),
        }
    }
}
