//! Sorting.
use super::List;
use crate::handle::Attached;
use crate::{Object, PyResult};

impl List {
    pub fn sort(&self, py: Attached<'_>, key: Option<&Object>, reverse: bool) -> PyResult<()> {
        let _ = (py, key, reverse);
        todo!()
    }
}
