//! Structs of `odictobject.h`.

opaque!(
    /// Opaque here; its layout belongs to the object crate.
    PyODictObject
);
