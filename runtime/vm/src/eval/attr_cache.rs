//! Specialised attribute access and global lookup.
use super::Eval;

impl Eval<'_> {
    #[cold]
    pub(super) fn specialize_load_attr(&mut self) {
        self.unit().miss();
    }

    #[cold]
    pub(super) fn specialize_store_attr(&mut self) {
        self.unit().miss();
    }

    #[cold]
    pub(super) fn specialize_global(&mut self) {
        self.unit().miss();
    }
}
