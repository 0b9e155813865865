//! CPython 3.14's instruction set and code object format.
//!
//! Owns: the opcode list and its metadata, code units, exception and location tables, argument meanings,
//! code flags, the plain [`CodeObject`] with its constants, `marshal`, a disassembler.
//! Must not know: objects of the runtime, the compiler, the interpreter.
#![forbid(unsafe_code)]

pub mod code;
pub mod codeunit;
pub mod dis;
pub mod exception_table;
pub mod flags;
pub mod location;
pub mod marshal;
pub mod oparg;
pub mod opcode;
mod opcode_list;
pub mod wtf8;

pub use code::{CodeObject, Constant};
pub use codeunit::{CodeUnit, Instruction, Instructions};
pub use exception_table::ExceptionEntry;
pub use location::Location;
pub use opcode::{Flags as OpcodeFlags, Opcode};
pub use wtf8::Wtf8;

/// The first two bytes of `.pyc` files of CPython 3.14, before `\r\n`.
pub const PYC_MAGIC_NUMBER: u16 = 3627;
