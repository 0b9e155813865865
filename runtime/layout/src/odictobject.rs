//! Structs of `odictobject.h`.

#[allow(unused_imports)]
use crate::prelude::*;

opaque!(
    /// Opaque here; its layout belongs to the object crate.
    PyODictObject
);
