//! The abstract object layer: what works on any object through its type's slots.
pub mod abstract_object;
pub mod attributes;
pub mod buffer;
pub mod call;
pub mod iter;
pub mod mapping;
pub mod number;
pub mod sequence;
