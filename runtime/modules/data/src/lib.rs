//! Native modules of the standard library: numbers, text, data formats, hashes.
pub mod array;
pub mod binascii;
pub mod bisect;
pub mod cmath;
pub mod compress;
pub mod csv;
pub mod datetime;
pub mod decimal;
pub mod elementtree;
pub mod expat;
pub mod hashes;
pub mod heapq;
pub mod json;
pub mod multibyte;
pub mod pickle;
pub mod queue;
pub mod sqlite;
pub mod statistics;
pub mod unicodedata;
pub mod zoneinfo;

use krait_object::{Attached, Int, Layout, Object, PyResult, Ref, Str, Type, hooks::hooks, id, raise};
use krait_vm::import::BuiltinModule;

/// A builtin function or class by name.
pub(crate) fn builtin(py: Attached<'_>, name: &Str) -> PyResult<Ref<Object>> {
    (hooks().import)(py, "builtins")?.get_attr(py, name)
}

/// Whether a subtype of `T`'s type has an `__init__` of its own.
pub(crate) fn overrides_init<T: Layout>(ty: &Type) -> bool {
    let init = |ty: &Type| ty.as_type().tp_init.get().map(|init| init as usize);
    init(ty) != init(T::type_object())
}

/// Registers a class with an abstract base class of `collections.abc`.
pub(crate) fn register_abc(py: Attached<'_>, name: &str, class: &Type) -> PyResult<()> {
    let module = (hooks().import)(py, "collections.abc")?;
    let base = module.get_attr(py, Str::intern_static(py, name))?;
    base.call_method(py, id!(py, register), &[class.as_object()]).map(drop)
}

/// A number as an unsigned word of C; `c_type` names it in messages.
///
/// # Errors
/// `TypeError`; `ValueError` for negative numbers; `OverflowError`.
pub(crate) fn unsigned(py: Attached<'_>, value: &Object, c_type: &str) -> PyResult<u64> {
    let value: Ref<Int> = value.index(py)?;
    if value.is_negative() {
        return Err(raise!(py, ValueError, "Cannot convert negative int"));
    }
    value.to_u64().ok_or_else(|| raise!(py, OverflowError, "Python int too large for C {c_type}"))
}

/// The modules of this crate.
pub fn modules() -> Vec<BuiltinModule> {
    let module = |name, doc, exec| BuiltinModule { name, doc, exec };
    vec![
        module("_md5", "The hash function MD5.", hashes::exec_md5),
        module("_sha1", "The hash function SHA-1.", hashes::exec_sha1),
        module("_sha2", "The hash functions of SHA-2.", hashes::exec_sha2),
        module("_bisect", "Search in sorted sequences.", bisect::exec),
        module("array", "Sequences of machine values.", array::exec),
        module("_queue", "A queue that threads wait at.", queue::exec),
        module("binascii", "Bytes as text of various encodings.", binascii::exec),
        module("cmath", "Functions of complex numbers.", cmath::exec),
        module("unicodedata", "The Unicode character database.", unicodedata::exec),
        module("zlib", "Compression as by gzip.", compress::zlib::exec),
        module("_sha3", "The hash functions of SHA-3.", hashes::sha3::exec),
        module("_blake2", "The hash functions BLAKE2b and BLAKE2s.", hashes::blake2::exec),
        module("_hmac", "Keyed hashes.", hashes::hmac::exec),
        module("_hashlib", "Hash functions of OpenSSL.", hashes::openssl::exec),
        module("_csv", "Tables as text.", csv::exec),
        module("_bz2", "Compression as by bzip2.", compress::bz2::exec),
        module("_zstd", "Compression as by zstd.", compress::zstd::exec),
        module("_lzma", "Compression as by xz.", compress::lzma::exec),
        module("_json", "The fast paths of json.", json::exec),
        module("_datetime", "Dates and times.", datetime::exec),
        module("_multibytecodec", "What the East Asian codecs share.", multibyte::exec),
        module("_codecs_cn", "The codecs of mainland China.", multibyte::exec_cn),
        module("_codecs_hk", "The codecs of Hong Kong.", multibyte::exec_hk),
        module("_codecs_iso2022", "The codecs by ISO 2022.", multibyte::exec_iso2022),
        module("_codecs_jp", "The codecs of Japan.", multibyte::exec_jp),
        module("_codecs_kr", "The codecs of Korea.", multibyte::exec_kr),
        module("_codecs_tw", "The codecs of Taiwan.", multibyte::exec_tw),
        module("_decimal", "Decimal floating-point arithmetic.", decimal::exec),
        module("_pickle", "Objects as streams of instructions.", pickle::exec),
        module("_sqlite3", "The SQLite database.", sqlite::exec),
        module("_statistics", "The inverse of the normal distribution.", statistics::exec),
        module("pyexpat", "An XML parser with the interface of Expat.", expat::exec),
        module("_elementtree", "Trees of XML elements.", elementtree::exec),
        module("_zoneinfo", "Time zones of the IANA database.", zoneinfo::exec),
        module("_heapq", "Lists as priority queues.", heapq::exec),
    ]
}
