//! Locks and memory protocols of the Krait runtime, each with a model that checks it.
//!
//! The crate knows no Python. It gives a multi-threaded language runtime what stands below its objects:
//!
//! | module | what it is |
//! |---|---|
//! | [`mutex`] | a fair lock in one byte |
//! | [`recursive`], [`rwlock`], [`once`], [`event`], [`semaphore`], [`condvar`] | the other classical tools |
//! | [`parking_lot`], [`raw_mutex`] | where their threads wait |
//! | [`block`] | what a thread does before it sleeps: hooks of the runtime |
//! | [`critical_section`] | locks that let go when their thread detaches |
//! | [`thread_state`], [`stop_the_world`] | attached, detached, suspended; pauses |
//! | [`alone`] | no atomic exchanges before there is a second thread |
//! | [`brc`], [`per_thread`] | biased reference counts, and the queue that merges them; counts of each thread's own |
//! | [`weak`] | weak references, and the list by which the dying find theirs |
//! | [`qsbr`], [`snapshot`] | freeing memory under lock-free readers |
//! | [`page`] | delayed reuse of type-stable memory: freed by other threads, left by ended ones |
//! | [`slot`], [`array`](mod@array), [`table`] | reading without a lock what may change or die: a slot, an array, a hash table |
//! | [`seqlock`], [`version`], [`inline_cache`] | reads that are tried again; cached facts; specialised instructions |
//! | [`gil`], [`breaker`], [`pending`] | one thread at a time, and how to get its attention |
//! | [`xqueue`], [`xchannel`] | a queue and a channel between interpreters |
//! | [`stats`] | how long threads waited, and for what |
//! | [`prim`] | the machine underneath; loom and shuttle plug in here |
//!
//! Each module's page has its states, transitions and invariants, its memory orderings and why, what may block, and the
//! model that checks it. Models, and the bugs that each of them has been shown to catch, are in `loom-tests/`.
//!
//! # Checking your own code
//!
//! The features `loom` and `shuttle` put the whole crate on a model checker, so code that is built on it can be checked
//! with it. Use [`prim::UnsafeCell`] for what the primitives protect and [`prim`]'s atomics for the rest, and run a small
//! program with a few threads:
//!
//! ```
#![doc = include_str!("../examples/mailbox.rs")]
//! ```
//!
//! In a workspace, Cargo turns a feature on for everything that one command builds. Run the check with a command of its
//! own, as above, or give it a package of its own, as `loom-tests/checked` does.

#![warn(missing_docs)]

#[cfg(not(target_pointer_width = "64"))]
compile_error!("krait-sync is for 64-bit machines");

pub mod alone;
pub mod array;
pub mod block;
pub mod brc;
pub mod breaker;
pub mod condvar;
pub mod critical_section;
pub mod event;
pub mod gil;
pub mod inline_cache;
pub mod mutex;
pub mod once;
pub mod page;
pub mod parking_lot;
pub mod pending;
pub mod per_thread;
pub mod prim;
pub mod qsbr;
pub mod raw_mutex;
pub mod recursive;
pub mod rwlock;
pub mod semaphore;
pub mod seqlock;
pub mod slot;
pub mod snapshot;
pub mod stats;
pub mod stop_the_world;
pub mod table;
pub mod thread_state;
pub mod version;
pub mod weak;
pub mod xchannel;
pub mod xqueue;

pub use block::{Acquired, BlockHooks, Wait};
pub use mutex::ByteMutex;
pub use prim::Deadline;
