//! Compression: `zlib`, `_bz2`, `_lzma`, `_zstd`.
//!
//! The coders are foreign code behind a lock; a thread works on them detached, so that others go on meanwhile.
pub mod stream;
pub mod zlib;
