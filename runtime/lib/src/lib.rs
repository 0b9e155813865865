//! krait-lib
