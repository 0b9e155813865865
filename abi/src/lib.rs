//! krait-abi
