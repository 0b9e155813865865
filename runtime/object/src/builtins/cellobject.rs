//! `cell`: a variable that an inner function shares with its enclosing one.
//!
//! Concurrency: reading and replacing the content is atomic; no lock is taken.
use crate::args::Args;
use crate::handle::{Attached, Layout, Ref, Slot, Visit};
use crate::layout::PyCellObject;
use crate::mem;
use crate::typedef::CompareOp;
use crate::{Object, PyResult, Type, not_implemented, raise};
use std::ffi::c_int;
use std::ptr::NonNull;

/// A closure cell.
#[repr(transparent)]
pub struct Cell(pub(crate) PyCellObject);

crate::pytype! {
    #[unsafe(no_mangle)]
    pub static PyCell_Type: "cell" for Cell {
        base: Object,
        flags: [HAVE_GC],
        doc: "cell([contents])\n--\n\nHolds a variable that several functions share.",
        slots: {
            tp_dealloc = Cell::dealloc,
            tp_repr = Cell::repr,
            tp_richcompare = Cell::richcompare,
            tp_traverse = Cell::traverse,
            tp_clear = Cell::clear_slot,
            constructor = Cell::construct,
        },
        getset: {
            "cell_contents" => Cell::contents, Cell::set_contents, "The variable's value.";
        },
    }
}

impl Cell {
    #[inline(always)]
    pub fn raw(&self) -> &PyCellObject {
        &self.0
    }

    /// A new cell, empty for `None`.
    pub fn new(py: Attached<'_>, value: Option<Ref<Object>>) -> PyResult<Ref<Cell>> {
        let cell = mem::new_instance::<Cell>(py, Cell::type_object(), |_| {})?;
        drop(cell.slot().replace(value));
        Ok(cell)
    }

    #[inline(always)]
    pub fn slot(&self) -> &Slot {
        // SAFETY: the field owns its value.
        unsafe { Slot::of(&self.0.ob_ref) }
    }

    /// The content, or `None` for an empty cell.
    #[inline(always)]
    pub fn get(&self) -> Option<Ref<Object>> {
        self.slot().get()
    }

    /// Stores a value (or empties the cell) and returns the one before.
    #[inline(always)]
    pub fn replace(&self, value: Option<Ref<Object>>) -> Option<Ref<Object>> {
        self.slot().replace(value)
    }

    fn construct(py: Attached<'_>, _ty: &Type, args: Args<'_>) -> PyResult<Ref<Cell>> {
        let pos = args.unpack(py, "cell", 0, 1)?;
        Cell::new(py, pos.first().map(|value| value.to_ref()))
    }

    fn contents(py: Attached<'_>, this: &Cell) -> PyResult<Ref<Object>> {
        this.get().ok_or_else(|| raise!(py, ValueError, "cell is empty"))
    }

    fn set_contents(_py: Attached<'_>, this: &Cell, value: Option<&Object>) -> PyResult<()> {
        drop(this.replace(value.map(Object::to_ref)));
        Ok(())
    }

    fn repr(_py: Attached<'_>, this: &Cell) -> String {
        match this.get() {
            None => format!("<cell at {:#x}: empty>", this.as_ptr().addr()),
            Some(value) => {
                let name = value.ty().name();
                format!("<cell at {:#x}: {:.80} object at {:#x}>", this.as_ptr().addr(), name, value.as_ptr().addr())
            }
        }
    }

    fn richcompare(py: Attached<'_>, this: &Cell, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        let Some(other) = other.downcast_exact::<Cell>() else { return Ok(not_implemented()) };
        match (this.get(), other.get()) {
            (Some(a), Some(b)) => a.rich_compare(py, &b, op),
            (a, b) => {
                let ordering = a.is_some().cmp(&b.is_some());
                Ok(crate::Bool::of(op.holds(ordering)).as_object().to_ref())
            }
        }
    }

    fn traverse(this: &Cell, visit: Visit<'_>) -> Result<(), c_int> {
        visit.field(&this.0.ob_ref)
    }

    fn clear_slot(_py: Attached<'_>, this: &Cell) {
        drop(this.slot().take());
    }

    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Cell>) {
        // SAFETY: [slot-contract].
        unsafe { mem::dealloc_with(py, this, |this| drop(this.slot().take())) }
    }
}
