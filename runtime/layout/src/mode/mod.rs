//! The two modes: `nogil` (free-threaded) and `gil`.
//!
//! Each twin gives `FREE_THREADED`, the reference count words [`Head`], [`NogilOnly`] and the string state's shifts.

#[cfg(not(feature = "nogil"))]
mod gil;
#[cfg(feature = "nogil")]
mod nogil;

#[cfg(not(feature = "nogil"))]
pub use gil::*;
#[cfg(feature = "nogil")]
pub use nogil::*;
