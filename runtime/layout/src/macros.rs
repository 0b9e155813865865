//! Declarations shared by the struct files.

/// Gives a struct its all-zero constant `EMPTY` and makes it shareable between threads.
macro_rules! zeroed {
    ($name:ident) => {
        // SAFETY: the struct is plain data of atomic cells, or a table that is constant once shared; whoever follows
        // a pointer in it vouches for the target.
        unsafe impl Sync for $name {}
        // SAFETY: as above; no field is tied to a thread.
        unsafe impl Send for $name {}

        impl $name {
            /// All fields zero, null or `None`: the base of a static initialiser.
            #[allow(clippy::declare_interior_mutable_const)]
            // SAFETY: each field is an integer, a float, a raw pointer, an optional function or an aggregate of
            // these, for all of which zero bytes are a value.
            pub const EMPTY: Self = unsafe { core::mem::zeroed() };
        }
    };
}

/// Declares a type that is only ever seen behind a pointer.
macro_rules! opaque {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[repr(C)]
        pub struct $name {
            _data: [u8; 0],
            _marker: core::marker::PhantomData<(*mut u8, core::marker::PhantomPinned)>,
        }
    };
}
