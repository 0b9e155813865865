//! krait-sync
