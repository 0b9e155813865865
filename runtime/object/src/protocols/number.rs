//! Numbers: `PyNumber_*`.
use crate::handle::{Attached, Layout, Ref};
use crate::layout::{Field, PyNumberMethods, binaryfunc, unaryfunc};
use crate::{Float, Int, Object, PyResult, Raised, Type, raise};

/// The binary operators, in the order of `BINARY_OP`'s argument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum BinaryOp {
    Add,
    And,
    FloorDivide,
    Lshift,
    MatMul,
    Multiply,
    Remainder,
    Or,
    Power,
    Rshift,
    Subtract,
    TrueDivide,
    Xor,
}

impl BinaryOp {
    /// The operator of a number from 0 to 12.
    pub fn from_raw(op: u8) -> Option<Self> {
        use BinaryOp::*;
        [Add, And, FloorDivide, Lshift, MatMul, Multiply, Remainder, Or, Power, Rshift, Subtract, TrueDivide, Xor]
            .get(op as usize)
            .copied()
    }

    pub fn symbol(self) -> &'static str {
        ["+", "&", "//", "<<", "@", "*", "%", "|", "** or pow()", ">>", "-", "/", "^"][self as usize]
    }

    fn inplace_symbol(self) -> &'static str {
        ["+=", "&=", "//=", "<<=", "@=", "*=", "%=", "|=", "**=", ">>=", "-=", "/=", "^="][self as usize]
    }

    /// The operator's slot; power has a ternary one and none here.
    #[inline(always)]
    fn slot(self, number: &PyNumberMethods) -> &Field<Option<binaryfunc>> {
        match self {
            BinaryOp::Add => &number.nb_add,
            BinaryOp::And => &number.nb_and,
            BinaryOp::FloorDivide => &number.nb_floor_divide,
            BinaryOp::Lshift => &number.nb_lshift,
            BinaryOp::MatMul => &number.nb_matrix_multiply,
            BinaryOp::Multiply => &number.nb_multiply,
            BinaryOp::Remainder => &number.nb_remainder,
            BinaryOp::Or => &number.nb_or,
            BinaryOp::Power => unreachable!("power is ternary"),
            BinaryOp::Rshift => &number.nb_rshift,
            BinaryOp::Subtract => &number.nb_subtract,
            BinaryOp::TrueDivide => &number.nb_true_divide,
            BinaryOp::Xor => &number.nb_xor,
        }
    }

    fn inplace_slot(self, number: &PyNumberMethods) -> &Field<Option<binaryfunc>> {
        match self {
            BinaryOp::Add => &number.nb_inplace_add,
            BinaryOp::And => &number.nb_inplace_and,
            BinaryOp::FloorDivide => &number.nb_inplace_floor_divide,
            BinaryOp::Lshift => &number.nb_inplace_lshift,
            BinaryOp::MatMul => &number.nb_inplace_matrix_multiply,
            BinaryOp::Multiply => &number.nb_inplace_multiply,
            BinaryOp::Remainder => &number.nb_inplace_remainder,
            BinaryOp::Or => &number.nb_inplace_or,
            BinaryOp::Power => unreachable!("power is ternary"),
            BinaryOp::Rshift => &number.nb_inplace_rshift,
            BinaryOp::Subtract => &number.nb_inplace_subtract,
            BinaryOp::TrueDivide => &number.nb_inplace_true_divide,
            BinaryOp::Xor => &number.nb_inplace_xor,
        }
    }
}

impl Type {
    /// The type's number slots, if it has any.
    #[inline(always)]
    pub fn number_methods(&self) -> Option<&PyNumberMethods> {
        // SAFETY: a type's tables live as long as the type.
        unsafe { self.as_type().tp_as_number.get().as_ref() }
    }
}

/// What a C slot returned.
///
/// # Safety
/// `raw` is a new reference or null with the indicator set.
#[inline(always)]
unsafe fn result(raw: *mut crate::layout::PyObject) -> PyResult<Ref<Object>> {
    // SAFETY: by the contract.
    unsafe { Ref::from_raw_opt(raw) }.ok_or_else(Raised::assume)
}

fn unsupported(py: Attached<'_>, symbol: &str, left: &Object, right: &Object) -> Raised {
    raise!(
        py,
        TypeError,
        "unsupported operand type(s) for {symbol}: '{}' and '{}'",
        left.ty().name(),
        right.ty().name()
    )
}

impl Object {
    /// Tries the operands' slots in order: the right one first when its type derives from the left one's.
    /// `NotImplemented` when none applies.
    #[inline]
    fn try_binary(&self, other: &Object, op: BinaryOp) -> PyResult<Ref<Object>> {
        let left = self.ty().number_methods().and_then(|number| op.slot(number).get());
        let mut right = None;
        if !std::ptr::eq(self.ty(), other.ty()) {
            right = other.ty().number_methods().and_then(|number| op.slot(number).get());
            if right.map(|slot| slot as usize) == left.map(|slot| slot as usize) {
                right = None;
            }
        }
        // SAFETY: [slot-contract].
        unsafe {
            if let Some(left) = left {
                if let Some(slot) = right
                    && other.ty().is_subtype_of(self.ty())
                {
                    let value = result(slot(self.as_ptr(), other.as_ptr()))?;
                    if !value.is_not_implemented() {
                        return Ok(value);
                    }
                    right = None;
                }
                let value = result(left(self.as_ptr(), other.as_ptr()))?;
                if !value.is_not_implemented() {
                    return Ok(value);
                }
            }
            if let Some(right) = right {
                return result(right(self.as_ptr(), other.as_ptr()));
            }
        }
        Ok(crate::not_implemented())
    }

    /// `self op other`.
    ///
    /// # Errors
    /// `TypeError` when neither operand supports it, and what the operands raise.
    pub fn binary_op(&self, py: Attached<'_>, other: &Object, op: BinaryOp) -> PyResult<Ref<Object>> {
        if op == BinaryOp::Power {
            return self.power(py, other, crate::object::none_borrowed());
        }
        let value = self.try_binary(other, op)?;
        if !value.is_not_implemented() {
            return Ok(value);
        }
        self.binary_fallback(py, other, op, op.symbol())
    }

    /// Concatenation and repetition of sequences, and the error for the rest.
    #[cold]
    fn binary_fallback(&self, py: Attached<'_>, other: &Object, op: BinaryOp, symbol: &str) -> PyResult<Ref<Object>> {
        match op {
            BinaryOp::Add => {
                // SAFETY: [slot-contract].
                unsafe {
                    if let Some(concat) =
                        self.ty().as_type().tp_as_sequence.get().as_ref().and_then(|sequence| sequence.sq_concat.get())
                    {
                        return result(concat(self.as_ptr(), other.as_ptr()));
                    }
                }
            }
            BinaryOp::Multiply => {
                if let Some(value) = repeat(py, self, other)? {
                    return Ok(value);
                }
                if let Some(value) = repeat(py, other, self)? {
                    return Ok(value);
                }
            }
            BinaryOp::Rshift if symbol == ">>" && is_print(py, self) => {
                return Err(raise!(
                    py,
                    TypeError,
                    "unsupported operand type(s) for >>: '{}' and '{}'. Did you mean \"print(<message>, file=<output_stream>)\"?",
                    self.ty().name(),
                    other.ty().name()
                ));
            }
            _ => {}
        }
        Err(unsupported(py, symbol, self, other))
    }

    /// `self op= other`: the in-place slot, else the plain operator.
    pub fn inplace_op(&self, py: Attached<'_>, other: &Object, op: BinaryOp) -> PyResult<Ref<Object>> {
        if op == BinaryOp::Power {
            return self.inplace_power(py, other, crate::object::none_borrowed());
        }
        if let Some(slot) = self.ty().number_methods().and_then(|number| op.inplace_slot(number).get()) {
            // SAFETY: [slot-contract].
            let value = unsafe { result(slot(self.as_ptr(), other.as_ptr()))? };
            if !value.is_not_implemented() {
                return Ok(value);
            }
        }
        let value = self.try_binary(other, op)?;
        if !value.is_not_implemented() {
            return Ok(value);
        }
        // SAFETY: [slot-contract]; a type's tables live as long as the type.
        unsafe {
            if let Some(sequence) = self.ty().as_type().tp_as_sequence.get().as_ref() {
                match op {
                    BinaryOp::Add => {
                        if let Some(concat) = sequence.sq_inplace_concat.get() {
                            return result(concat(self.as_ptr(), other.as_ptr()));
                        }
                    }
                    BinaryOp::Multiply => {
                        if let Some(repeat) = sequence.sq_inplace_repeat.get() {
                            return result(repeat(self.as_ptr(), repeat_count(py, other)?));
                        }
                    }
                    _ => {}
                }
            }
        }
        self.binary_fallback(py, other, op, op.inplace_symbol())
    }

    /// `pow(self, exponent, modulus)`; `None` for no modulus.
    pub fn power(&self, py: Attached<'_>, exponent: &Object, modulus: &Object) -> PyResult<Ref<Object>> {
        self.ternary_power(py, exponent, modulus, "** or pow()")
    }

    /// `self **= exponent`.
    pub fn inplace_power(&self, py: Attached<'_>, exponent: &Object, modulus: &Object) -> PyResult<Ref<Object>> {
        if let Some(slot) = self.ty().number_methods().and_then(|number| number.nb_inplace_power.get()) {
            // SAFETY: [slot-contract].
            let value = unsafe { result(slot(self.as_ptr(), exponent.as_ptr(), modulus.as_ptr()))? };
            if !value.is_not_implemented() {
                return Ok(value);
            }
        }
        self.ternary_power(py, exponent, modulus, "**=")
    }

    fn ternary_power(
        &self,
        py: Attached<'_>,
        exponent: &Object,
        modulus: &Object,
        symbol: &str,
    ) -> PyResult<Ref<Object>> {
        let slot = |object: &Object| object.ty().number_methods().and_then(|number| number.nb_power.get());
        let derived = exponent.ty().is_subtype_of(self.ty());
        let (first, second) = if derived { (exponent, self) } else { (self, exponent) };
        let mut tried = [0; 3];
        for (nth, operand) in [first, second, modulus].into_iter().enumerate() {
            let Some(slot) = slot(operand).filter(|slot| !tried.contains(&(*slot as usize))) else { continue };
            tried[nth] = slot as usize;
            // SAFETY: [slot-contract].
            let value = unsafe { result(slot(self.as_ptr(), exponent.as_ptr(), modulus.as_ptr()))? };
            if !value.is_not_implemented() {
                return Ok(value);
            }
        }
        if modulus.is_none() {
            return Err(unsupported(py, symbol, self, exponent));
        }
        Err(raise!(
            py,
            TypeError,
            "unsupported operand type(s) for {symbol}: '{}', '{}', '{}'",
            self.ty().name(),
            exponent.ty().name(),
            modulus.ty().name()
        ))
    }

    /// `divmod(self, other)`.
    pub fn divmod(&self, py: Attached<'_>, other: &Object) -> PyResult<Ref<Object>> {
        let slot = |object: &Object| object.ty().number_methods().and_then(|number| number.nb_divmod.get());
        let (left, right) = (slot(self), slot(other));
        let reflected_first = !std::ptr::eq(self.ty(), other.ty()) && other.ty().is_subtype_of(self.ty());
        let mut order = [left, right];
        if reflected_first {
            order.reverse();
        }
        if order[0].map(|slot| slot as usize) == order[1].map(|slot| slot as usize) {
            order[1] = None;
        }
        for slot in order.into_iter().flatten() {
            // SAFETY: [slot-contract].
            let value = unsafe { result(slot(self.as_ptr(), other.as_ptr()))? };
            if !value.is_not_implemented() {
                return Ok(value);
            }
        }
        Err(unsupported(py, "divmod()", self, other))
    }

    #[inline]
    fn unary(
        &self,
        py: Attached<'_>,
        symbol: &str,
        slot: impl Fn(&PyNumberMethods) -> Option<unaryfunc>,
    ) -> PyResult<Ref<Object>> {
        match self.ty().number_methods().and_then(slot) {
            // SAFETY: [slot-contract].
            Some(slot) => unsafe { result(slot(self.as_ptr())) },
            None => Err(raise!(py, TypeError, "bad operand type for {symbol}: '{}'", self.ty().name())),
        }
    }

    pub fn negative(&self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        self.unary(py, "unary -", |number| number.nb_negative.get())
    }

    pub fn positive(&self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        self.unary(py, "unary +", |number| number.nb_positive.get())
    }

    pub fn invert(&self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        self.unary(py, "unary ~", |number| number.nb_invert.get())
    }

    pub fn absolute(&self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        self.unary(py, "abs()", |number| number.nb_absolute.get())
    }

    /// Whether the type has `__index__`.
    #[inline]
    pub fn has_index(&self) -> bool {
        self.ty().number_methods().is_some_and(|number| number.nb_index.get().is_some())
    }

    /// `operator.index`: an `int` or a value of a subclass of it.
    ///
    /// # Errors
    /// `TypeError` without `__index__`, or if that returns something else.
    #[inline]
    pub fn index(&self, py: Attached<'_>) -> PyResult<Ref<Int>> {
        if let Some(int) = self.downcast::<Int>() {
            return Ok(int.to_ref());
        }
        self.index_slow(py)
    }

    #[cold]
    fn index_slow(&self, py: Attached<'_>) -> PyResult<Ref<Int>> {
        let Some(index) = self.ty().number_methods().and_then(|number| number.nb_index.get()) else {
            return Err(raise!(py, TypeError, "'{}' object cannot be interpreted as an integer", self.ty().name()));
        };
        // SAFETY: [slot-contract].
        let value = unsafe { result(index(self.as_ptr()))? };
        match value.downcast_exact::<Int>() {
            Ok(int) => Ok(int),
            Err(value) => crate::builtins::numfmt::accept_int_subclass(py, &value, "__index__"),
        }
    }

    /// `__index__` as a machine word.
    ///
    /// # Errors
    /// `OverflowError` when it does not fit.
    #[inline]
    pub fn as_isize(&self, py: Attached<'_>) -> PyResult<isize> {
        if let Some(int) = self.downcast::<Int>() {
            return int.as_isize(py);
        }
        self.index(py)?.as_isize(py)
    }

    /// `__index__` as an index (`PyNumber_AsSsize_t` with `IndexError`).
    pub fn as_index(&self, py: Attached<'_>) -> PyResult<isize> {
        let index = self.index(py)?;
        match index.to_i64() {
            Some(value) => Ok(value as isize),
            None => Err(raise!(py, IndexError, "cannot fit '{}' into an index-sized integer", self.ty().name())),
        }
    }

    /// `__index__` clamped to the machine word, as slices use it.
    #[inline]
    pub fn as_isize_clamped(&self, py: Attached<'_>) -> PyResult<isize> {
        let index = self.index(py)?;
        Ok(match index.to_i64() {
            Some(value) => value as isize,
            None if index.is_negative() => isize::MIN,
            None => isize::MAX,
        })
    }

    /// As a C `long`.
    pub fn as_i64(&self, py: Attached<'_>) -> PyResult<i64> {
        match self.index(py)?.to_i64() {
            Some(value) => Ok(value),
            None => Err(raise!(py, OverflowError, "Python int too large to convert to C long")),
        }
    }

    /// As a C `int`.
    pub fn as_i32(&self, py: Attached<'_>) -> PyResult<i32> {
        let value = self.as_i64(py)?;
        let word = if value < 0 { "less than minimum" } else { "greater than maximum" };
        i32::try_from(value).map_err(|_| raise!(py, OverflowError, "signed integer is {word}"))
    }

    /// As an unsigned word, modulo 2^64 for larger values (`PyLong_AsUnsignedLongLongMask`).
    pub fn as_u64_mask(&self, py: Attached<'_>) -> PyResult<u64> {
        let value = self.index(py)?;
        if let Some(value) = value.to_i64() {
            return Ok(value as u64);
        }
        let mut word = 0u64;
        for (at, digit) in value.digits().iter().take(3).enumerate() {
            word |= u64::from(*digit) << (30 * at);
        }
        Ok(if value.is_negative() { word.wrapping_neg() } else { word })
    }

    /// Float conversion (`PyFloat_AsDouble`): `__float__`, then `__index__`.
    ///
    /// # Errors
    /// `TypeError` for other objects.
    #[inline]
    pub fn as_f64(&self, py: Attached<'_>) -> PyResult<f64> {
        if let Some(float) = self.downcast::<Float>() {
            return Ok(float.value());
        }
        self.as_f64_by_method(py)
    }

    /// [`Object::as_f64`] that asks subclasses of `float` for their own `__float__`.
    pub(crate) fn as_f64_by_method(&self, py: Attached<'_>) -> PyResult<f64> {
        if let Some(int) = self.downcast_exact::<Int>() {
            return int.to_f64(py);
        }
        if let Some(convert) = self.ty().number_methods().and_then(|number| number.nb_float.get()) {
            // SAFETY: [slot-contract].
            let value = unsafe { result(convert(self.as_ptr()))? };
            if let Some(float) = (*value).downcast_exact::<Float>() {
                return Ok(float.value());
            }
            let Some(float) = (*value).downcast::<Float>() else {
                return Err(raise!(
                    py,
                    TypeError,
                    "{}.__float__ returned non-float (type {})",
                    self.ty().name(),
                    value.ty().name()
                ));
            };
            crate::builtins::numfmt::warn_subclass(py, self, float.as_object(), "__float__", "float")?;
            return Ok(float.value());
        }
        if self.has_index() {
            return self.index(py)?.to_f64(py);
        }
        Err(raise!(py, TypeError, "must be real number, not {}", self.ty().name()))
    }
}

/// Whether the object is the builtin `print`, which Python 2 programs shift.
fn is_print(py: Attached<'_>, object: &Object) -> bool {
    if &*object.ty().name() != "builtin_function_or_method" {
        return false;
    }
    match object.get_attr(py, crate::id!(py, __name__)) {
        Ok(name) => (*name).downcast::<crate::Str>().is_some_and(|name| name.eq_str("print")),
        Err(raised) => {
            raised.clear(py);
            false
        }
    }
}

/// The count of a repetition.
fn repeat_count(py: Attached<'_>, count: &Object) -> PyResult<isize> {
    if !count.has_index() {
        return Err(raise!(py, TypeError, "can't multiply sequence by non-int of type '{}'", count.ty().name()));
    }
    count
        .index(py)?
        .to_i64()
        .map(|count| count as isize)
        .ok_or_else(|| raise!(py, OverflowError, "cannot fit '{}' into an index-sized integer", count.ty().name()))
}

/// `sequence * count`, if `sequence` has repetition.
fn repeat(py: Attached<'_>, sequence: &Object, count: &Object) -> PyResult<Option<Ref<Object>>> {
    // SAFETY: [slot-contract]; a type's tables live as long as the type.
    unsafe {
        let slot = sequence.ty().as_type().tp_as_sequence.get().as_ref().and_then(|sequence| sequence.sq_repeat.get());
        match slot {
            Some(repeat) => result(repeat(sequence.as_ptr(), repeat_count(py, count)?)).map(Some),
            None => Ok(None),
        }
    }
}
