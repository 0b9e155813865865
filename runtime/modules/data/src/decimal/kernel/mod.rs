//! Decimal floating-point arithmetic as the General Decimal Arithmetic Specification defines it, without Python.
//!
//! A number is a [`Dec`]; an operation takes a [`Ctx`] and adds the conditions that it met to a [`Status`]. What the
//! caller does about conditions, such as raising exceptions, is its own concern.
pub mod arith;
pub mod bits;
pub mod compare;
pub mod division;
pub mod elementary;
pub mod limbs;
pub mod next;
mod ntt;
pub mod number;
pub mod power;
pub mod text;

pub use number::{Ctx, Dec, Kind, Rounding, Status, cond};
