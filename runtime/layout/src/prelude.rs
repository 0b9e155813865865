//! What every struct file imports.

pub(crate) use core::ffi::{c_char, c_int, c_uint, c_ulong, c_void};
pub(crate) use core::sync::atomic::AtomicU8;

pub(crate) use crate::*;
