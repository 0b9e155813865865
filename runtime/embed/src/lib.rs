//! krait
