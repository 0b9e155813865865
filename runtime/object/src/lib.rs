//! krait-object
