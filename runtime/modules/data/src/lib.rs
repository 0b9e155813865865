//! Native modules of the standard library: numbers, text, data formats, hashes.
pub mod bisect;
pub mod hashes;
pub mod heapq;

use krait_vm::import::BuiltinModule;

/// The modules of this crate.
pub fn modules() -> Vec<BuiltinModule> {
    let module = |name, doc, exec| BuiltinModule { name, doc, exec };
    vec![
        module("_md5", "The hash function MD5.", hashes::exec_md5),
        module("_sha1", "The hash function SHA-1.", hashes::exec_sha1),
        module("_sha2", "The hash functions of SHA-2.", hashes::exec_sha2),
        module("_bisect", "Search in sorted sequences.", bisect::exec),
        module("_heapq", "Lists as priority queues.", heapq::exec),
    ]
}
