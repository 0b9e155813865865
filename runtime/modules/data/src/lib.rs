//! krait-modules-data
