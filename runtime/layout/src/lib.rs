//! krait-layout
