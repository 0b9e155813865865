//! krait-modules-core
