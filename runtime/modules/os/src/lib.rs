//! krait-modules-os
