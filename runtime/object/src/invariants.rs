//! The invariants that `SAFETY` comments name, defined once.
//!
//! - **[attached]** An [`Attached`](crate::Attached) value exists only on a thread whose thread state is attached,
//!   and only for as long as it stays so. In `gil` mode this means that the thread holds its interpreter's GIL.
//!   Checked in debug builds by [`Attached::from_tls`](crate::Attached::from_tls).
//! - **[owned]** A [`Ref`](crate::Ref) owns exactly one strong reference, so its referent is alive. A `&T` made from
//!   it or from the arguments of a slot is alive for its lifetime.
//! - **[layout]** A type that implements [`Layout`](crate::Layout) is `repr(C)` or `repr(transparent)`, begins with
//!   the object head, and every instance of its type object (and of subtypes) begins with this layout.
//! - **[slot-contract]** The VM, the abstract protocols and C callers call a type slot only on an attached thread,
//!   with a live object of the slot's type and live, non-null arguments where the C signature demands them.
//! - **[locked]** The holder of a [`Locked`](crate::Locked) has the object's critical section (`nogil`) or the GIL
//!   (`gil`), so it is the only writer of the object's unshared state.
//! - **[frozen]** A field that is written only before its object is published, or only while no other thread can
//!   reach the object, may be borrowed for as long as the object lives.
//! - **[published]** A pointer is stored with release order after the memory behind it is initialised, and loaded
//!   with acquire (or consumed through a data dependency on the same word).
//! - **[quiescent]** Memory retired through QSBR is not freed before every thread that could have loaded a pointer
//!   to it has passed a quiescent point; small-object pages keep a valid object header until then, so
//!   `try_incref` on a stale pointer is defined.
//! - **[stopped-world]** Between stop and start of the world no other thread of the interpreter is attached.
//! - **[alone]** While [`mode::is_alone`](crate::mode::is_alone) says so, one thread state alone has ever used objects:
//!   a second one stops the world and ends that before its first use. So until this thread's next safe point its plain
//!   stores race nobody, and the pause orders them before what others do.
//! - **[exact-size]** A trailing array begins where the fixed part of its struct ends and has the length that the
//!   object's size field states.
//! - **[immortal]** Static objects are never freed and their reference counts are never written.
