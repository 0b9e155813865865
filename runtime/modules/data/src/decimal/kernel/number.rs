//! Numbers, contexts, conditions, and how an exact result becomes one that a context can hold.
use super::limbs::{self, Dropped, Limbs};

/// The greatest precision and exponent, and the exponent of the smallest subnormal number at that precision.
pub const MAX_PREC: i64 = 999_999_999_999_999_999;
pub const MAX_EMAX: i64 = MAX_PREC;
pub const MIN_EMIN: i64 = -MAX_EMAX;
pub const MIN_ETINY: i64 = MIN_EMIN - (MAX_PREC - 1);

/// A result with more digits than this is not attempted: it would not fit in memory.
pub const MAX_DIGITS: i64 = 20_000_000_000;

/// Conditions that an operation met.
pub type Status = u32;

/// The bits of a [`Status`].
pub mod cond {
    pub const CLAMPED: u32 = 0x1;
    pub const CONVERSION_SYNTAX: u32 = 0x2;
    pub const DIVISION_BY_ZERO: u32 = 0x4;
    pub const DIVISION_IMPOSSIBLE: u32 = 0x8;
    pub const DIVISION_UNDEFINED: u32 = 0x10;
    pub const INEXACT: u32 = 0x40;
    pub const INVALID_CONTEXT: u32 = 0x80;
    pub const INVALID_OPERATION: u32 = 0x100;
    /// There is not enough memory for the result.
    pub const NO_MEMORY: u32 = 0x200;
    pub const FLOAT_OPERATION: u32 = 0x400;
    pub const OVERFLOW: u32 = 0x800;
    pub const ROUNDED: u32 = 0x1000;
    pub const SUBNORMAL: u32 = 0x2000;
    pub const UNDERFLOW: u32 = 0x4000;
    /// All that IEEE 754 counts as an invalid operation.
    pub const ANY_INVALID: u32 = CONVERSION_SYNTAX
        | DIVISION_IMPOSSIBLE
        | DIVISION_UNDEFINED
        | 0x20
        | INVALID_CONTEXT
        | INVALID_OPERATION
        | NO_MEMORY;
}

/// Rounding modes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Rounding {
    Up,
    Down,
    Ceiling,
    Floor,
    HalfUp,
    HalfDown,
    HalfEven,
    ZeroFiveUp,
}

impl Rounding {
    pub const ALL: [Rounding; 8] = [
        Rounding::Up,
        Rounding::Down,
        Rounding::Ceiling,
        Rounding::Floor,
        Rounding::HalfUp,
        Rounding::HalfDown,
        Rounding::HalfEven,
        Rounding::ZeroFiveUp,
    ];

    /// Whether the magnitude of a cut number goes up by one in its last digit.
    fn goes_up(self, negative: bool, kept: &[u64], dropped: Dropped) -> bool {
        if dropped == Dropped::Nothing {
            return false;
        }
        let last = || kept.first().map_or(0, |limb| limb % 10);
        match self {
            Rounding::Up => true,
            Rounding::Down => false,
            Rounding::Ceiling => !negative,
            Rounding::Floor => negative,
            Rounding::HalfUp => dropped >= Dropped::Half,
            Rounding::HalfDown => dropped == Dropped::AboveHalf,
            Rounding::HalfEven => dropped == Dropped::AboveHalf || dropped == Dropped::Half && last() % 2 == 1,
            Rounding::ZeroFiveUp => matches!(last(), 0 | 5),
        }
    }
}

/// What an operation must know of a context.
#[derive(Clone, Copy, Debug)]
pub struct Ctx {
    pub prec: i64,
    pub emax: i64,
    pub emin: i64,
    pub rounding: Rounding,
    pub clamp: bool,
}

impl Ctx {
    /// The widest context.
    pub const MAX: Ctx =
        Ctx { prec: MAX_PREC, emax: MAX_EMAX, emin: MIN_EMIN, rounding: Rounding::HalfEven, clamp: false };

    pub fn etiny(&self) -> i64 {
        self.emin - (self.prec - 1)
    }

    pub fn etop(&self) -> i64 {
        self.emax - (self.prec - 1)
    }

    pub fn rounded(&self, rounding: Rounding) -> Ctx {
        Ctx { rounding, ..*self }
    }

    pub fn with_prec(&self, prec: i64) -> Ctx {
        Ctx { prec, ..*self }
    }
}

/// What a number is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Finite,
    Infinite,
    /// A quiet NaN; the coefficient is its payload.
    Nan,
    /// A signaling NaN; the coefficient is its payload.
    Signaling,
}

/// A decimal number: `coeff * 10^exp` with a sign, or something special.
#[derive(Clone, Debug)]
pub struct Dec {
    pub coeff: Limbs,
    pub exp: i64,
    pub negative: bool,
    pub kind: Kind,
}

impl Dec {
    #[inline]
    pub fn new(negative: bool, coeff: Limbs, exp: i64) -> Dec {
        Dec { coeff, exp, negative, kind: Kind::Finite }
    }

    pub fn zero(negative: bool, exp: i64) -> Dec {
        Dec::new(negative, Limbs::new(), exp)
    }

    pub fn from_u64(value: u64) -> Dec {
        Dec::new(false, limbs::from_u64(value), 0)
    }

    pub fn from_i64(value: i64) -> Dec {
        Dec::new(value < 0, limbs::from_u64(value.unsigned_abs()), 0)
    }

    /// `10^exp`.
    pub fn power_of_ten(exp: i64) -> Dec {
        Dec::new(false, limbs::from_u64(1), exp)
    }

    pub fn infinity(negative: bool) -> Dec {
        Dec { kind: Kind::Infinite, ..Dec::zero(negative, 0) }
    }

    pub fn nan() -> Dec {
        Dec { kind: Kind::Nan, ..Dec::zero(false, 0) }
    }

    /// A NaN, with `condition` noted.
    #[cold]
    pub fn invalid(status: &mut Status, condition: u32) -> Dec {
        *status |= condition;
        Dec::nan()
    }

    #[inline]
    pub fn is_finite(&self) -> bool {
        self.kind == Kind::Finite
    }

    pub fn is_infinite(&self) -> bool {
        self.kind == Kind::Infinite
    }

    #[inline]
    pub fn is_nan(&self) -> bool {
        matches!(self.kind, Kind::Nan | Kind::Signaling)
    }

    /// A finite zero.
    #[inline]
    pub fn is_zero(&self) -> bool {
        self.is_finite() && self.coeff.is_empty()
    }

    /// Digits of the coefficient; 1 for zero.
    #[inline]
    pub fn digits(&self) -> i64 {
        limbs::digits(&self.coeff) as i64
    }

    /// The exponent of the first digit.
    #[inline]
    pub fn adjusted(&self) -> i64 {
        self.exp + self.digits() - 1
    }

    pub fn is_normal(&self, ctx: &Ctx) -> bool {
        self.is_finite() && !self.is_zero() && self.adjusted() >= ctx.emin
    }

    pub fn is_subnormal(&self, ctx: &Ctx) -> bool {
        self.is_finite() && !self.is_zero() && self.adjusted() < ctx.emin
    }

    /// Whether a finite number is a whole one.
    pub fn is_integer(&self) -> bool {
        self.is_finite()
            && (self.exp >= 0
                || self.coeff.is_empty()
                || self.exp >= -self.digits() && limbs::trailing_zeros(&self.coeff) as i64 >= -self.exp)
    }

    /// Whether a whole number is odd.
    pub fn is_odd(&self) -> bool {
        self.exp <= 0 && self.exp > -self.digits() - 1 && limbs::digit(&self.coeff, -self.exp as usize) % 2 == 1
    }

    pub fn negated(mut self) -> Dec {
        self.negative = !self.negative;
        self
    }

    pub fn with_sign(mut self, negative: bool) -> Dec {
        self.negative = negative;
        self
    }

    /// The magnitude with another exponent, cut and rounded where the exponent grows; the conditions that this meets.
    /// `None` if the digits do not fit in memory.
    pub fn rescaled(&self, exp: i64, rounding: Rounding) -> Option<(Dec, Status)> {
        if self.coeff.is_empty() {
            return Some((Dec::zero(self.negative, exp), 0));
        }
        if exp <= self.exp {
            let count = self.exp - exp;
            if count + self.digits() > MAX_DIGITS {
                return None;
            }
            return Some((Dec::new(self.negative, limbs::shift_left(&self.coeff, count as usize), exp), 0));
        }
        let count = (exp - self.exp).min(self.digits() + 1);
        let (mut coeff, dropped) = limbs::shift_right(&self.coeff, count as usize);
        if rounding.goes_up(self.negative, &coeff, dropped) {
            limbs::increment(&mut coeff);
        }
        let status = cond::ROUNDED | if dropped == Dropped::Nothing { 0 } else { cond::INEXACT };
        Some((Dec::new(self.negative, coeff, exp), status))
    }

    /// Makes an exact result one of the context: rounds, and clamps the exponent.
    #[inline]
    pub fn finish(self, ctx: &Ctx, status: &mut Status) -> Dec {
        if self.is_finite() {
            let digits = self.digits();
            let adjusted = self.exp + digits - 1;
            if digits <= ctx.prec
                && !self.coeff.is_empty()
                && adjusted <= ctx.emax
                && adjusted >= ctx.emin
                && (!ctx.clamp || self.exp <= ctx.etop())
            {
                return self;
            }
        }
        self.finish_slow(ctx, status)
    }

    fn finish_slow(mut self, ctx: &Ctx, status: &mut Status) -> Dec {
        match self.kind {
            Kind::Infinite => return self,
            Kind::Nan | Kind::Signaling => {
                let room = (ctx.prec - i64::from(ctx.clamp)).max(0);
                if self.digits() > room {
                    self.coeff = limbs::low_digits(&self.coeff, room as usize);
                }
                return self;
            }
            Kind::Finite => {}
        }
        let (etiny, etop) = (ctx.etiny(), ctx.etop());
        if self.coeff.is_empty() {
            let exp = self.exp.clamp(etiny, if ctx.clamp { etop } else { ctx.emax });
            if exp != self.exp {
                *status |= cond::CLAMPED;
            }
            return Dec::zero(self.negative, exp);
        }
        let lowest = self.exp + self.digits() - ctx.prec;
        if lowest > etop {
            return self.overflow(ctx, status);
        }
        let subnormal = lowest < etiny;
        let exp = lowest.max(etiny);
        if self.exp < exp {
            let Some((mut cut, mut met)) = self.rescaled(exp, ctx.rounding) else { return self };
            if cut.digits() > ctx.prec {
                cut.coeff = limbs::floor_shift_right(&cut.coeff, 1);
                cut.exp += 1;
                if cut.exp > etop {
                    return cut.overflow(ctx, status);
                }
            }
            if subnormal {
                met |= cond::SUBNORMAL;
                if met & cond::INEXACT != 0 {
                    met |= cond::UNDERFLOW;
                }
            }
            if cut.coeff.is_empty() {
                met |= cond::CLAMPED;
            }
            *status |= met;
            return cut;
        }
        if subnormal {
            *status |= cond::SUBNORMAL;
        }
        if ctx.clamp && self.exp > etop {
            *status |= cond::CLAMPED;
            return match self.rescaled(etop, ctx.rounding) {
                Some((padded, _)) => padded,
                None => Dec::invalid(status, cond::NO_MEMORY),
            };
        }
        self
    }

    /// What stands for a number that is too large.
    #[cold]
    fn overflow(self, ctx: &Ctx, status: &mut Status) -> Dec {
        *status |= cond::OVERFLOW | cond::INEXACT | cond::ROUNDED;
        let infinite = match ctx.rounding {
            Rounding::Down | Rounding::ZeroFiveUp => false,
            Rounding::Ceiling => !self.negative,
            Rounding::Floor => self.negative,
            _ => true,
        };
        if infinite {
            return Dec::infinity(self.negative);
        }
        Dec::largest(ctx, self.negative, status)
    }

    /// The largest finite number of a context.
    pub fn largest(ctx: &Ctx, negative: bool, status: &mut Status) -> Dec {
        if ctx.prec > MAX_DIGITS {
            return Dec::invalid(status, cond::NO_MEMORY);
        }
        Dec::new(negative, limbs::nines(ctx.prec as usize), ctx.etop())
    }

    /// The result of an operation with a NaN among its operands, if there is one.
    #[inline]
    pub fn propagate(operands: &[&Dec], ctx: &Ctx, status: &mut Status) -> Option<Dec> {
        if operands.iter().all(|operand| !operand.is_nan()) {
            return None;
        }
        Some(Dec::propagate_slow(operands, ctx, status))
    }

    #[cold]
    fn propagate_slow(operands: &[&Dec], ctx: &Ctx, status: &mut Status) -> Dec {
        let signaling = operands.iter().find(|operand| operand.kind == Kind::Signaling);
        if signaling.is_some() {
            *status |= cond::INVALID_OPERATION;
        }
        let quiet = || operands.iter().find(|operand| operand.kind == Kind::Nan);
        match signaling.or_else(quiet) {
            Some(nan) => Dec { kind: Kind::Nan, ..(*nan).clone() }.finish(ctx, status),
            None => Dec::nan(),
        }
    }
}
