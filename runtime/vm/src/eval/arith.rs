//! Operators: unary, binary, comparison, membership, truth, subscripts.
use super::call_cache::takes_exact;
use super::{Eval, Step};
use crate::stackref::StackRef;
use krait_bytecode::Opcode;
use krait_object::longobject::floor_divmod;
use krait_object::protocols::number::BinaryOp;
use krait_object::typedef::CompareOp;
use krait_object::{
    Attached, Bool, Dict, Float, Function, Int, Layout, List, Object, PyResult, Read, Ref, Slice, Str, Tuple, id,
};

const SUBSCR: usize = 26;
const ADD: usize = 0;
const AND: usize = 1;
const FLOOR_DIVIDE: usize = 2;
const LSHIFT: usize = 3;
const MULTIPLY: usize = 5;
const REMAINDER: usize = 6;
const OR: usize = 7;
const POWER: usize = 8;
const RSHIFT: usize = 9;
const SUBTRACT: usize = 10;
const TRUE_DIVIDE: usize = 11;
const XOR: usize = 12;
const INPLACE: usize = 13;
const BINARY_SKIP: isize = 1 + Opcode::BINARY_OP.cache_entries() as isize;
const COMPARE_SKIP: isize = 1 + Opcode::COMPARE_OP.cache_entries() as isize;
const TO_BOOL_SKIP: isize = 1 + Opcode::TO_BOOL.cache_entries() as isize;
const STORE_SKIP: isize = 1 + Opcode::STORE_SUBSCR.cache_entries() as isize;

/// The operators in the order of `BINARY_OP`'s argument.
const OPERATORS: [BinaryOp; 13] = [
    BinaryOp::Add,
    BinaryOp::And,
    BinaryOp::FloorDivide,
    BinaryOp::Lshift,
    BinaryOp::MatMul,
    BinaryOp::Multiply,
    BinaryOp::Remainder,
    BinaryOp::Or,
    BinaryOp::Power,
    BinaryOp::Rshift,
    BinaryOp::Subtract,
    BinaryOp::TrueDivide,
    BinaryOp::Xor,
];

/// The borrowed word of `True` or `False`.
#[inline(always)]
pub(super) fn bool_word(value: bool) -> StackRef {
    StackRef::borrowed(Bool::of(value).as_ptr())
}

/// What `BINARY_OP` with argument `op` does, by the operands' types.
#[inline(never)]
fn operate(py: Attached<'_>, left: &Object, right: &Object, op: usize) -> PyResult<Ref<Object>> {
    match op {
        SUBSCR => left.get_item(py, right),
        INPLACE.. => left.inplace_op(py, right, OPERATORS[op - INPLACE]),
        _ => left.binary_op(py, right, OPERATORS[op]),
    }
}

/// `container[start:stop]`.
#[inline(never)]
fn slice_of(py: Attached<'_>, container: &Object, start: &Object, stop: &Object) -> PyResult<Ref<Object>> {
    let slice = Slice::new(py, Some(start), Some(stop), None)?;
    container.get_item(py, slice.as_object())
}

/// Whether that is a Python function of exactly two arguments.
fn takes_two(method: &Object) -> bool {
    let function = method.downcast_exact::<Function>();
    function.is_some_and(|function| {
        let code = function.code();
        function.runs_code() && takes_exact(code) && code.raw().co_argcount.get() == 2
    })
}

/// The operator of a `BINARY_OP` argument, in place or not.
fn plain_op(op: usize) -> usize {
    if (INPLACE..SUBSCR).contains(&op) { op - INPLACE } else { op }
}

/// An exact number that fits a machine word.
#[derive(Clone, Copy)]
enum Number {
    Int(isize),
    Float(f64),
}

impl Number {
    #[inline(always)]
    fn of(object: &Object) -> Option<Self> {
        if let Some(int) = object.downcast_exact::<Int>() {
            return int.is_compact().then(|| Number::Int(int.compact_value()));
        }
        Some(Number::Float(object.downcast_exact::<Float>()?.value()))
    }

    #[inline(always)]
    fn float(self) -> f64 {
        match self {
            // One digit: exact.
            Number::Int(value) => value as f64,
            Number::Float(value) => value,
        }
    }
}

/// Arithmetic of numbers that fit machine words. `None` for other operands, and where the result needs more care.
#[inline(never)]
fn operate_words(py: Attached<'_>, left: &Object, right: &Object, op: usize) -> Option<PyResult<Ref<Object>>> {
    let (left, right) = (Number::of(left)?, Number::of(right)?);
    if let (Number::Int(a), Number::Int(b)) = (left, right) {
        let value = match op {
            AND => a & b,
            OR => a | b,
            XOR => a ^ b,
            LSHIFT if (0..32).contains(&b) => a << b,
            RSHIFT if b >= 0 => a >> b.min(63),
            FLOOR_DIVIDE if b != 0 => floor_divmod(a as i64, b as i64).0 as isize,
            REMAINDER if b != 0 => floor_divmod(a as i64, b as i64).1 as isize,
            POWER if b >= 0 => (a as i64).checked_pow(u32::try_from(b).ok()?)? as isize,
            TRUE_DIVIDE if b != 0 => return Some(Float::new(py, a as f64 / b as f64).map(Ref::upcast)),
            _ => return None,
        };
        return Some(Int::from_i64(py, value as i64).map(Ref::upcast));
    }
    let (a, b) = (left.float(), right.float());
    let value = match op {
        ADD => a + b,
        SUBTRACT => a - b,
        MULTIPLY => a * b,
        TRUE_DIVIDE if b != 0.0 => a / b,
        // A root of a negative number is complex.
        POWER if a > 0.0 || a < 0.0 && b.fract() == 0.0 => Some(a.powf(b)).filter(|power| power.is_finite())?,
        _ => return None,
    };
    Some(Float::new(py, value).map(Ref::upcast))
}

impl Eval<'_> {
    #[inline(always)]
    pub(super) fn UNARY_NEGATIVE(&mut self) -> Step {
        self.save();
        let result = self.object(1).negative(self.py())?;
        self.replace(1, result);
        Ok(1)
    }

    pub(super) fn UNARY_INVERT(&mut self) -> Step {
        self.save();
        let result = self.object(1).invert(self.py())?;
        self.replace(1, result);
        Ok(1)
    }

    /// The operand is a bool: `TO_BOOL` came before.
    #[inline(always)]
    pub(super) fn UNARY_NOT(&mut self) -> Step {
        let truth = self.object(1).is(Bool::of(false));
        self.poke(1, bool_word(truth));
        Ok(1)
    }

    #[inline(always)]
    pub(super) fn BINARY_OP(&mut self) -> Step {
        self.save();
        if self.unit().warm() {
            return self.away(|this| {
                this.specialize_binary();
                this.binary_generic()
            });
        }
        self.binary_generic()
    }

    #[inline(always)]
    fn binary_generic(&mut self) -> Step {
        let result = operate(self.py(), self.object(2), self.object(1), self.arg())?;
        self.replace(2, result);
        Ok(BINARY_SKIP)
    }

    #[cold]
    fn specialize_binary(&mut self) {
        let (left, right, unit) = (self.object(2), self.object(1), self.unit());
        let op = self.arg();
        let plain = plain_op(op);
        let ints = left.downcast_exact::<Int>().is_some() && right.downcast_exact::<Int>().is_some();
        let floats = left.downcast_exact::<Float>().is_some() && right.downcast_exact::<Float>().is_some();
        let form = match plain {
            ADD if ints => Opcode::BINARY_OP_ADD_INT,
            SUBTRACT if ints => Opcode::BINARY_OP_SUBTRACT_INT,
            MULTIPLY if ints => Opcode::BINARY_OP_MULTIPLY_INT,
            ADD if floats => Opcode::BINARY_OP_ADD_FLOAT,
            SUBTRACT if floats => Opcode::BINARY_OP_SUBTRACT_FLOAT,
            MULTIPLY if floats => Opcode::BINARY_OP_MULTIPLY_FLOAT,
            ADD if left.downcast_exact::<Str>().is_some() && right.downcast_exact::<Str>().is_some() => {
                Opcode::BINARY_OP_ADD_UNICODE
            }
            SUBSCR if right.downcast_exact::<Int>().is_some() && left.downcast_exact::<List>().is_some() => {
                Opcode::BINARY_OP_SUBSCR_LIST_INT
            }
            SUBSCR if right.downcast_exact::<Int>().is_some() && left.downcast_exact::<Tuple>().is_some() => {
                Opcode::BINARY_OP_SUBSCR_TUPLE_INT
            }
            SUBSCR if right.downcast_exact::<Int>().is_some() && left.downcast_exact::<Str>().is_some() => {
                Opcode::BINARY_OP_SUBSCR_STR_INT
            }
            SUBSCR if left.downcast_exact::<Dict>().is_some() => Opcode::BINARY_OP_SUBSCR_DICT,
            SUBSCR
                if left.ty().is_heap()
                    && left
                        .ty()
                        .lookup(self.py(), id!(self.py(), __getitem__))
                        .is_some_and(|method| takes_two(&method)) =>
            {
                Opcode::BINARY_OP_SUBSCR_GETITEM
            }
            _ if operate_words(self.py(), left, right, plain).is_some_and(|result| result.is_ok()) => {
                Opcode::BINARY_OP_EXTEND
            }
            _ => return unit.miss(),
        };
        unit.specialize(form);
    }

    /// A class with a `__getitem__` in Python: enters that.
    #[inline(always)]
    pub(super) fn BINARY_OP_SUBSCR_GETITEM(&mut self) -> Step {
        let (py, ty) = (self.py(), self.object(2).ty());
        let read = if ty.is_heap() { ty.lookup_read(py, id!(py, __getitem__)) } else { Read::NOTHING };
        let Some(method) = self.settle(read) else { return self.away(|this| this.binary_deopt()) };
        // SAFETY: the word holds the object.
        if !takes_two(unsafe { method.object() }) {
            self.close(method);
            return self.away(|this| this.binary_deopt());
        }
        // SAFETY: a Python function, just checked.
        unsafe { self.enter_method(method, 2, BINARY_SKIP) }
    }

    /// The operands were not what the specialised form expects.
    #[cold]
    fn binary_deopt(&mut self) -> Step {
        self.unit().deoptimize(Opcode::BINARY_OP);
        self.save();
        self.binary_generic()
    }

    /// Both operands as machine words, if they are small exact integers.
    #[inline(always)]
    fn small_ints(&self) -> Option<(isize, isize)> {
        let left = self.object(2).downcast_exact::<Int>()?;
        let right = self.object(1).downcast_exact::<Int>()?;
        (left.is_compact() && right.is_compact()).then(|| (left.compact_value(), right.compact_value()))
    }

    /// Integers of two digits: still machine words.
    #[inline(never)]
    fn int_op_wide(&mut self, op: impl Fn(i64, i64) -> Option<i64>) -> Step {
        let wide = |depth: usize| self.object(depth).downcast_exact::<Int>().and_then(Int::to_i64);
        let Some(value) = wide(2).zip(wide(1)).and_then(|(a, b)| op(a, b)) else { return self.binary_int_slow() };
        let result = Int::from_i64(self.py(), value)?;
        self.close_top();
        self.close_top();
        self.push(StackRef::owned(result));
        Ok(BINARY_SKIP)
    }

    #[inline(always)]
    fn int_op(
        &mut self,
        op: impl FnOnce(isize, isize) -> isize,
        wide: impl Fn(i64, i64) -> Option<i64> + Copy,
    ) -> Step {
        let Some((a, b)) = self.small_ints() else { return self.away(move |this| this.int_op_wide(wide)) };
        let result = Int::from_i64(self.py(), op(a, b) as i64)?;
        // Small integers free no other object.
        self.close_top();
        self.close_top();
        self.push(StackRef::owned(result));
        Ok(BINARY_SKIP)
    }

    /// Large integers stay in the specialised form.
    #[inline(never)]
    fn binary_int_slow(&mut self) -> Step {
        let exact = |object: &Object| object.downcast_exact::<Int>().is_some();
        if !exact(self.object(2)) || !exact(self.object(1)) {
            return self.binary_deopt();
        }
        self.save();
        self.binary_generic()
    }

    #[inline(always)]
    pub(super) fn BINARY_OP_ADD_INT(&mut self) -> Step {
        self.int_op(|a, b| a + b, i64::checked_add)
    }

    #[inline(always)]
    pub(super) fn BINARY_OP_SUBTRACT_INT(&mut self) -> Step {
        self.int_op(|a, b| a - b, i64::checked_sub)
    }

    #[inline(always)]
    pub(super) fn BINARY_OP_MULTIPLY_INT(&mut self) -> Step {
        self.int_op(|a, b| a * b, i64::checked_mul)
    }

    #[inline(always)]
    fn float_op(&mut self, op: impl FnOnce(f64, f64) -> f64) -> Step {
        let (Some(a), Some(b)) = (self.object(2).downcast_exact::<Float>(), self.object(1).downcast_exact::<Float>())
        else {
            return self.away(|this| this.binary_deopt());
        };
        let value = op(a.value(), b.value());
        // An operand that nothing but the stack refers to becomes the result.
        let sole = |word: StackRef, operand: &Float| {
            !word.is_borrowed() && krait_object::mode::is_uniquely_referenced(operand.as_object())
        };
        if sole(self.peek(2), a) {
            // SAFETY: [attached], and just checked.
            unsafe { a.overwrite(value) };
            self.close_top();
            return Ok(BINARY_SKIP);
        }
        let result = if sole(self.peek(1), b) {
            // SAFETY: as above.
            unsafe { b.overwrite(value) };
            self.pop()
        } else {
            let result = Float::new(self.py(), value)?;
            self.close_top();
            StackRef::owned(result)
        };
        self.close_top();
        self.push(result);
        Ok(BINARY_SKIP)
    }

    #[inline(always)]
    pub(super) fn BINARY_OP_EXTEND(&mut self) -> Step {
        let Some(result) = operate_words(self.py(), self.object(2), self.object(1), plain_op(self.arg())) else {
            return self.away(|this| this.binary_deopt());
        };
        let result = result?;
        self.close_top();
        self.close_top();
        self.push(StackRef::owned(result));
        Ok(BINARY_SKIP)
    }

    #[inline(always)]
    pub(super) fn BINARY_OP_ADD_FLOAT(&mut self) -> Step {
        self.float_op(|a, b| a + b)
    }

    #[inline(always)]
    pub(super) fn BINARY_OP_SUBTRACT_FLOAT(&mut self) -> Step {
        self.float_op(|a, b| a - b)
    }

    #[inline(always)]
    pub(super) fn BINARY_OP_MULTIPLY_FLOAT(&mut self) -> Step {
        self.float_op(|a, b| a * b)
    }

    /// String concatenation. When the next instruction stores the result into the local that the left operand came
    /// from, the local lets go first, so that the string may grow in place.
    pub(super) fn BINARY_OP_ADD_UNICODE(&mut self) -> Step {
        let (left, right) = (self.object(2), self.object(1));
        let exact = |object: &Object| object.downcast_exact::<Str>().is_some();
        if !exact(left) || !exact(right) {
            return self.binary_deopt();
        }
        self.save();
        // SAFETY: exact strings, just checked.
        let (left, right) = unsafe { (left.cast_unchecked::<Str>(), right.cast_unchecked::<Str>()) };
        let result = match self.take_stored_local(left) {
            Some(left) => Str::append_in_place(self.py(), left, right)?,
            None => left.concat(self.py(), right)?,
        };
        self.replace(2, result.upcast());
        Ok(BINARY_SKIP)
    }

    /// Takes `left` out of the local that the next instruction stores to, when it is the same object. The word on the
    /// stack is left without a count.
    fn take_stored_local(&mut self, left: &Str) -> Option<Ref<Str>> {
        // SAFETY: an instruction with a result is followed by another.
        let next = unsafe { &*self.ip.wrapping_offset(BINARY_SKIP) };
        if next.opcode() != Opcode::STORE_FAST as u8 {
            return None;
        }
        let local = self.local(next.arg.get() as usize);
        // SAFETY: the compiler made the index.
        let word = unsafe { local.read() };
        if word.is_null() || word.is_int() || word.is_borrowed() || word.as_ptr() != left.as_ptr() {
            return None;
        }
        let stacked = self.peek(2);
        self.poke(2, StackRef::borrowed(left.as_ptr()));
        stacked.close();
        // SAFETY: the word owned its object, an exact string, and is not used any more.
        unsafe {
            local.write(StackRef::NULL);
            Some(word.into_ref().cast_unchecked())
        }
    }

    /// A subscript as an index into `len` items, if it is a small integer in range.
    #[inline(always)]
    fn index(&self, len: usize) -> Option<usize> {
        let index = self.object(1).downcast_exact::<Int>()?;
        if !index.is_compact() {
            return None;
        }
        let index = index.compact_value();
        let index = if index < 0 { index + len as isize } else { index };
        ((index as usize) < len).then_some(index as usize)
    }

    #[inline(always)]
    pub(super) fn BINARY_OP_SUBSCR_LIST_INT(&mut self) -> Step {
        let Some(list) = self.object(2).downcast_exact::<List>() else { return self.away(|this| this.binary_deopt()) };
        let read = self.index(list.len()).map_or(Read::NOTHING, |index| list.read(index));
        let Some(found) = self.settle(read) else { return self.away(|this| this.subscript_slow()) };
        self.replace_word(2, found);
        Ok(BINARY_SKIP)
    }

    #[inline(always)]
    pub(super) fn BINARY_OP_SUBSCR_TUPLE_INT(&mut self) -> Step {
        let Some(tuple) = self.object(2).downcast_exact::<Tuple>() else {
            return self.away(|this| this.binary_deopt());
        };
        let Some(index) = self.index(tuple.len()) else { return self.away(|this| this.subscript_slow()) };
        let found = tuple.as_slice()[index].to_ref();
        self.replace(2, found);
        Ok(BINARY_SKIP)
    }

    /// Strings of one character up to U+00FF are there for good.
    #[inline(always)]
    pub(super) fn BINARY_OP_SUBSCR_STR_INT(&mut self) -> Step {
        let Some(text) = self.object(2).downcast_exact::<Str>() else { return self.away(|this| this.binary_deopt()) };
        let point = self.index(text.len()).and_then(|index| u8::try_from(text.char_at(index)).ok());
        let Some(point) = point else { return self.away(|this| this.subscript_slow()) };
        self.close_top();
        self.close_top();
        self.push(StackRef::borrowed(Str::latin1_char(point).as_ptr()));
        Ok(BINARY_SKIP)
    }

    #[inline(always)]
    pub(super) fn BINARY_OP_SUBSCR_DICT(&mut self) -> Step {
        let Some(dict) = self.object(2).downcast_exact::<Dict>() else { return self.away(|this| this.binary_deopt()) };
        self.save();
        match dict.get(self.py(), self.object(1))? {
            Some(found) => self.replace(2, found),
            None => return self.away(|this| this.subscript_slow()),
        }
        Ok(BINARY_SKIP)
    }

    /// The specialised form does not apply this time (index out of range, odd key).
    #[inline(never)]
    fn subscript_slow(&mut self) -> Step {
        self.save();
        self.binary_generic()
    }

    #[inline(always)]
    pub(super) fn COMPARE_OP(&mut self) -> Step {
        self.save();
        if self.unit().warm() {
            return self.away(|this| {
                this.specialize_compare();
                this.compare_generic()
            });
        }
        self.compare_generic()
    }

    #[inline(always)]
    fn compare_generic(&mut self) -> Step {
        let arg = self.arg();
        let op = CompareOp::from_raw((arg >> 5) as i32);
        let result = self.object(2).rich_compare(self.py(), self.object(1), op)?;
        if arg & krait_bytecode::oparg::COMPARE_TO_BOOL as usize != 0 {
            let truth = result.is_true(self.py())?;
            self.close(StackRef::owned(result));
            self.replace_word(2, bool_word(truth));
        } else {
            self.replace(2, result);
        }
        Ok(COMPARE_SKIP)
    }

    #[cold]
    fn specialize_compare(&mut self) {
        let (left, right, unit) = (self.object(2), self.object(1), self.unit());
        let both = |test: fn(&Object) -> bool| test(left) && test(right);
        let equality = matches!(self.arg() >> 5, 2 | 3);
        let form = if both(|o| o.downcast_exact::<Int>().is_some_and(|int| int.is_compact())) {
            Opcode::COMPARE_OP_INT
        } else if both(|o| o.downcast_exact::<Float>().is_some()) {
            Opcode::COMPARE_OP_FLOAT
        } else if equality && both(|o| o.downcast_exact::<Str>().is_some()) {
            Opcode::COMPARE_OP_STR
        } else {
            return unit.miss();
        };
        unit.specialize(form);
    }

    #[cold]
    fn compare_deopt(&mut self) -> Step {
        self.unit().deoptimize(Opcode::COMPARE_OP);
        self.save();
        self.compare_generic()
    }

    #[inline(always)]
    pub(super) fn COMPARE_OP_INT(&mut self) -> Step {
        let Some((a, b)) = self.small_ints() else { return self.away(|this| this.compare_deopt()) };
        // Bits of the argument: 2 less, 4 greater, 8 equal.
        let outcome = 2usize << (usize::from(a >= b) + usize::from(a == b));
        let outcome = if a == b { 8 } else { outcome };
        let truth = self.arg() & outcome != 0;
        self.close_top();
        self.close_top();
        self.push(bool_word(truth));
        Ok(COMPARE_SKIP)
    }

    #[inline(always)]
    pub(super) fn COMPARE_OP_FLOAT(&mut self) -> Step {
        let (Some(a), Some(b)) = (self.object(2).downcast_exact::<Float>(), self.object(1).downcast_exact::<Float>())
        else {
            return self.away(|this| this.compare_deopt());
        };
        let outcome = match a.value().partial_cmp(&b.value()) {
            None => 1,
            Some(std::cmp::Ordering::Less) => 2,
            Some(std::cmp::Ordering::Greater) => 4,
            Some(std::cmp::Ordering::Equal) => 8,
        };
        let truth = self.arg() & outcome != 0;
        self.close_top();
        self.close_top();
        self.push(bool_word(truth));
        Ok(COMPARE_SKIP)
    }

    #[inline(always)]
    pub(super) fn COMPARE_OP_STR(&mut self) -> Step {
        let (Some(a), Some(b)) = (self.object(2).downcast_exact::<Str>(), self.object(1).downcast_exact::<Str>())
        else {
            return self.away(|this| this.compare_deopt());
        };
        let same = std::ptr::eq(a, b) || a.eq(b);
        let truth = same == (self.arg() >> 5 == 2);
        self.close_top();
        self.close_top();
        self.push(bool_word(truth));
        Ok(COMPARE_SKIP)
    }

    #[inline(always)]
    pub(super) fn IS_OP(&mut self) -> Step {
        let same = self.object(2).is(self.object(1));
        let word = bool_word(same != (self.arg() != 0));
        self.save();
        self.replace_word(2, word);
        Ok(1)
    }

    #[inline(always)]
    pub(super) fn CONTAINS_OP(&mut self) -> Step {
        self.save();
        let found = self.object(1).contains(self.py(), self.object(2))?;
        let word = bool_word(found != (self.arg() != 0));
        self.replace_word(2, word);
        Ok(1 + Opcode::CONTAINS_OP.cache_entries() as isize)
    }

    #[inline(always)]
    pub(super) fn TO_BOOL(&mut self) -> Step {
        self.save();
        if self.unit().warm() {
            let value = self.object(1);
            match () {
                () if value.downcast_exact::<Bool>().is_some() => self.unit().specialize(Opcode::TO_BOOL_BOOL),
                () if value.downcast_exact::<Int>().is_some() => self.unit().specialize(Opcode::TO_BOOL_INT),
                () if value.is_none() => self.unit().specialize(Opcode::TO_BOOL_NONE),
                () => self.unit().miss(),
            }
        }
        self.truth_generic()
    }

    #[inline(always)]
    fn truth_generic(&mut self) -> Step {
        let truth = self.object(1).is_true(self.py())?;
        self.replace_word(1, bool_word(truth));
        Ok(TO_BOOL_SKIP)
    }

    #[cold]
    fn truth_deopt(&mut self) -> Step {
        self.unit().deoptimize(Opcode::TO_BOOL);
        self.save();
        self.truth_generic()
    }

    #[inline(always)]
    pub(super) fn TO_BOOL_BOOL(&mut self) -> Step {
        if self.object(1).downcast_exact::<Bool>().is_none() {
            return self.away(|this| this.truth_deopt());
        }
        Ok(TO_BOOL_SKIP)
    }

    #[inline(always)]
    pub(super) fn TO_BOOL_INT(&mut self) -> Step {
        let Some(int) = self.object(1).downcast_exact::<Int>() else { return self.away(|this| this.truth_deopt()) };
        let word = bool_word(!int.is_zero());
        self.close_top();
        self.push(word);
        Ok(TO_BOOL_SKIP)
    }

    #[inline(always)]
    pub(super) fn TO_BOOL_NONE(&mut self) -> Step {
        if !self.object(1).is_none() {
            return self.away(|this| this.truth_deopt());
        }
        self.poke(1, bool_word(false));
        Ok(TO_BOOL_SKIP)
    }

    #[inline(always)]
    pub(super) fn BINARY_SLICE(&mut self) -> Step {
        self.save();
        let (container, start, stop) = (self.object(3), self.object(2), self.object(1));
        let result = slice_of(self.py(), container, start, stop)?;
        self.replace(3, result);
        Ok(1)
    }

    pub(super) fn STORE_SLICE(&mut self) -> Step {
        self.save();
        let slice = Slice::new(self.py(), Some(self.object(2)), Some(self.object(1)), None)?;
        self.object(3).set_item(self.py(), slice.as_object(), self.object(4))?;
        drop(slice);
        self.drop_many(4);
        Ok(1)
    }

    #[inline(always)]
    pub(super) fn STORE_SUBSCR(&mut self) -> Step {
        self.save();
        if self.unit().warm() {
            let container = self.object(2);
            if container.downcast_exact::<Dict>().is_some() {
                self.unit().specialize(Opcode::STORE_SUBSCR_DICT);
            } else if container.downcast_exact::<List>().is_some() && self.object(1).downcast_exact::<Int>().is_some() {
                self.unit().specialize(Opcode::STORE_SUBSCR_LIST_INT);
            } else {
                self.unit().miss();
            }
        }
        self.away(|this| this.store_generic())
    }

    #[inline(never)]
    fn store_generic(&mut self) -> Step {
        self.object(2).set_item(self.py(), self.object(1), self.object(3))?;
        self.drop_many(3);
        Ok(STORE_SKIP)
    }

    #[inline(always)]
    pub(super) fn STORE_SUBSCR_LIST_INT(&mut self) -> Step {
        self.save();
        let Some(list) = self.object(2).downcast_exact::<List>() else {
            self.unit().deoptimize(Opcode::STORE_SUBSCR);
            return self.away(|this| this.store_generic());
        };
        let Some(index) = self.index(list.len()) else { return self.away(|this| this.store_generic()) };
        // SAFETY: the poked word takes the place of the one whose reference is taken.
        let value = unsafe { self.peek(3).into_ref() };
        self.poke(3, StackRef::NULL);
        list.set(self.py(), index, value)?;
        self.drop_many(3);
        Ok(STORE_SKIP)
    }

    #[inline(always)]
    pub(super) fn STORE_SUBSCR_DICT(&mut self) -> Step {
        self.save();
        let Some(dict) = self.object(2).downcast_exact::<Dict>() else {
            self.unit().deoptimize(Opcode::STORE_SUBSCR);
            return self.away(|this| this.store_generic());
        };
        dict.set(self.py(), self.object(1), self.object(3))?;
        self.drop_many(3);
        Ok(STORE_SKIP)
    }

    pub(super) fn DELETE_SUBSCR(&mut self) -> Step {
        self.save();
        self.object(2).del_item(self.py(), self.object(1))?;
        self.drop_many(2);
        Ok(1)
    }

    pub(super) fn GET_LEN(&mut self) -> Step {
        self.save();
        let len = self.object(1).len(self.py())?;
        let len = Int::from_u64(self.py(), len as u64)?;
        self.push(StackRef::owned(len));
        Ok(1)
    }
}
