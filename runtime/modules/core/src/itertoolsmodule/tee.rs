//! `tee`: iterators that share a source through blocks of items.
use super::{add_type, iterator};
use krait_object::args::Args;
use krait_object::layout::{Field, PyObject};
use krait_object::native::{Arg, State, Trace, alloc, part, required};
use krait_object::{
    Attached, Layout, Module, Object, PyResult, Ref, Slot, Tuple, Type, Visit, functions, id, pytype, raise,
};
use std::ffi::c_int;
use std::mem::offset_of;

/// Items of a block.
const BLOCK: usize = 57;

/// A block of items read from the source, and the block after it.
#[derive(Default)]
pub struct Block {
    items: Vec<Ref<Object>>,
    next: Option<Ref<TeeData>>,
}

impl Trace for Block {
    fn trace(&self, visit: Visit<'_>) -> Result<(), c_int> {
        self.items.trace(visit)?;
        self.next.trace(visit)
    }
}

krait_object::native! {
    /// One block.
    pub struct TeeData { source: Slot, block: State<Block>, running: Field<bool> }
}
pytype! {
    static TEE_DATA: "itertools._tee_dataobject" for TeeData {
        base: Object, flags: [HAVE_GC],
        doc: "teedataobject(iterable, values, next, /)\n--\n\nData container common to multiple tee objects.",
        slots: {
            tp_dealloc = TeeData::free,
            tp_traverse = TeeData::traverse,
            tp_clear = TeeData::clear,
            tp_new = TeeData::construct,
        },
    }
}

impl TeeData {
    /// # Safety
    /// The `tp_dealloc` of the type.
    unsafe fn free(py: Attached<'_>, this: std::ptr::NonNull<TeeData>) {
        // A long chain of blocks is taken apart in a loop, not by nested deallocators.
        // SAFETY: by the contract.
        let mut next = unsafe { this.as_ref() }.block.lock().next.take();
        // SAFETY: by the contract.
        unsafe { TeeData::dealloc(py, this) };
        while let Some(block) = next {
            if krait_object::mode::refcount(block.as_object()) != 1 {
                break;
            }
            next = block.block.lock().next.take();
        }
    }
    /// The items may have the tee objects among them, with nothing else in the cycle.
    fn clear(_: Attached<'_>, this: &TeeData) {
        let block = std::mem::take(&mut *this.block.lock());
        drop((block, this.source.take()));
    }
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<TeeData>> {
        let pos = args.unpack(py, "teedataobject", 3, 3)?;
        let Some(values) = pos[1].downcast::<krait_object::List>() else {
            let given = krait_object::builtins::textargs::arg_type(pos[1]);
            return Err(raise!(py, TypeError, "teedataobject() argument 2 must be list, not {given}"));
        };
        let this = TeeData::make(py, ty, pos[0].to_ref())?;
        let next = pos[2].downcast::<TeeData>().map(|next| next.to_ref());
        *this.block.lock() = Block { items: values.to_vec(py)?, next };
        Ok(this)
    }
    fn make(py: Attached<'_>, ty: &Type, source: Ref<Object>) -> PyResult<Ref<TeeData>> {
        let this = alloc::<TeeData>(py, ty)?;
        this.block.init(Block::default());
        drop(this.source.replace(Some(source)));
        Ok(this)
    }
    fn item(&self, py: Attached<'_>, at: usize) -> PyResult<Option<Ref<Object>>> {
        if let Some(item) = self.block.lock().items.get(at) {
            return Ok(Some(item.clone()));
        }
        if self.running.get() {
            return Err(raise!(py, RuntimeError, "cannot re-enter the tee iterator"));
        }
        self.running.set(true);
        let item = part(py, &self.source).and_then(|source| source.iter_next(py));
        self.running.set(false);
        if let Ok(Some(item)) = &item {
            self.block.lock().items.push(item.clone());
        }
        item
    }
    fn following(&self, py: Attached<'_>) -> PyResult<Ref<TeeData>> {
        if let Some(next) = &self.block.lock().next {
            return Ok(next.clone());
        }
        let new = TeeData::make(py, TeeData::type_object(), part(py, &self.source)?)?;
        Ok(self.block.lock().next.get_or_insert(new).clone())
    }
}

krait_object::native! {
    /// A reader of the blocks.
    pub struct Tee { data: Slot<TeeData>, at: Field<usize>, weaklist: Field<*mut PyObject> }
}
iterator! { TEE "itertools._tee" Tee, "_tee(iterable, /)\n--\n\nIterator wrapped to make it copyable.", Tee::construct, methods {
    noargs "__copy__" => Tee::copy, "($self, /)", "Returns an independent iterator.";
}, slots { raw tp_weaklistoffset = offset_of!(Tee, weaklist) as isize, } }

impl Tee {
    fn construct(py: Attached<'_>, _: &Type, args: Args<'_>) -> PyResult<Ref<Tee>> {
        let pos = args.unpack(py, "_tee", 1, 1)?;
        Tee::over(py, pos[0])
    }
    fn over(py: Attached<'_>, iterable: &Object) -> PyResult<Ref<Tee>> {
        let iter = iterable.iter(py)?;
        if let Some(tee) = iter.as_object().downcast::<Tee>() {
            return Tee::copy(py, tee);
        }
        let data = TeeData::make(py, TeeData::type_object(), iter)?;
        Tee::at(py, data, 0)
    }
    fn at(py: Attached<'_>, data: Ref<TeeData>, at: usize) -> PyResult<Ref<Tee>> {
        let this = alloc::<Tee>(py, Tee::type_object())?;
        drop(this.data.replace(Some(data)));
        this.at.set(at);
        Ok(this)
    }
    fn copy(py: Attached<'_>, this: &Tee) -> PyResult<Ref<Tee>> {
        Tee::at(py, part(py, &this.data)?, this.at.get())
    }
    fn next(py: Attached<'_>, this: &Tee) -> PyResult<Option<Ref<Object>>> {
        let mut data = part(py, &this.data)?;
        if this.at.get() >= BLOCK {
            data = data.following(py)?;
            drop(this.data.replace(Some(data.clone())));
            this.at.set(0);
        }
        let item = data.item(py, this.at.get())?;
        if item.is_some() {
            this.at.set(this.at.get() + 1);
        }
        Ok(item)
    }
}

fn tee(py: Attached<'_>, _: &Object, [iterable, n]: [Arg<'_>; 2]) -> PyResult<Ref<Tuple>> {
    let n = n.map_or(Ok(2), |n| n.as_isize(py))?;
    if n < 0 {
        return Err(raise!(py, ValueError, "n must be >= 0"));
    }
    if n == 0 {
        return Ok(Tuple::empty(py));
    }
    let iter = required(py, iterable)?.iter(py)?;
    let copyable = iter.get_attr_opt(py, id!(py, __copy__))?.is_some();
    let first = if copyable { iter.call_method(py, id!(py, __copy__), &[])? } else { Tee::over(py, &iter)?.upcast() };
    let mut all = vec![first];
    for _ in 1..n {
        let copy = all[0].call_method(py, id!(py, __copy__), &[])?;
        all.push(copy);
    }
    Tuple::from_vec(py, all)
}

pub fn add(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(
        py,
        functions! {
            sig "tee" => tee, "($module, iterable, n=2, /)", "Return a tuple of n independent iterators over the same items.";
        },
    )?;
    add_type::<Tee>(py, module, "_tee")?;
    add_type::<TeeData>(py, module, "_tee_dataobject")
}
