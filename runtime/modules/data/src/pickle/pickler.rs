//! `Pickler`: its settings, its memo and its output.
//!
//! While a thread dumps, it owns the writer; a second call meanwhile is an error.
use super::opcodes::{FRAME, PROTO, STOP};
use super::{cannot_pickle, protocol_of, save};
use krait_object::args::{Args, Signature};
use krait_object::layout::{Field, PyObject};
use krait_object::native::{Arg, State, Trace, alloc, required};
use krait_object::reserve::with_room;
use krait_object::state::ByAddress;
use krait_object::{
    Attached, Bytes, Dict, Int, IntoObject, Layout, Object, PyResult, Ref, Slot, Str, Tuple, Type, Visit, id, none,
    pytype, raise,
};
use std::ffi::c_int;
use std::mem::offset_of;

/// Objects that were written, by address, with their numbers.
#[derive(Default)]
pub struct Memo(pub ByAddress<(usize, Ref<Object>)>);

impl Trace for Memo {
    fn trace(&self, visit: Visit<'_>) -> Result<(), c_int> {
        self.0.values().try_for_each(|(_, object)| object.trace(visit))
    }
}

krait_object::native! {
    /// `Pickler`.
    pub struct Pickler {
        memo: State<Memo>,
        write: Slot,
        dispatch_table: Slot,
        persistent_id: Slot,
        buffer_callback: Slot,
        protocol: Field<i32>,
        bin: Field<c_int>,
        fast: Field<c_int>,
        fix_imports: Field<bool>,
        ready: Field<bool>,
        running: Field<bool>,
        weaklist: Field<*mut PyObject>,
    }
}
pytype! {
    pub static PICKLER: "_pickle.Pickler" for Pickler {
        base: Object, flags: [HAVE_GC, BASETYPE],
        doc: "Pickler(file, protocol=None, fix_imports=True, buffer_callback=None)\n--\n\nThis takes a binary file for writing a pickle data stream.\n\n  protocol\n    The version of the format; the default is 5, negative means the highest.\n  fix_imports\n    Whether names of Python 3 become those of Python 2, for protocols below 3.\n  buffer_callback\n    What buffers are handed to that are not to be part of the stream.",
        slots: {
            tp_dealloc = Pickler::dealloc,
            tp_traverse = Pickler::traverse,
            tp_clear = Pickler::clear,
            tp_new = |py: Attached<'_>, ty: &Type, _: Args<'_>| Pickler::make(py, ty),
            tp_init = Pickler::init,
            tp_getattro = Pickler::get_attribute,
            tp_setattro = Pickler::set_attribute,
            raw tp_weaklistoffset = offset_of!(Pickler, weaklist) as isize,
        },
        methods: {
            o "dump" => |py: Attached<'_>, this: &Pickler, object: &Object| this.dump_object(py, object).map(drop), "($self, obj, /)", "Write a pickled representation of the given object to the open file.";
            noargs "clear_memo" => |_: Attached<'_>, this: &Pickler| this.clear_memo(), "($self, /)", "Clears the pickler's \"memo\".\n\nThe memo remembers which objects were written, so that they are written\nonce. Useful when a pickler is used again.";
            o "persistent_id" => |_: Attached<'_>, _: &Pickler, _: &Object| none(), "($self, obj, /)", "What to write in the place of an object; None means the object itself.";
            noargs "__sizeof__" => |_: Attached<'_>, this: &Pickler| size_of::<Pickler>() + this.memo.lock().0.capacity() * 32, "($self, /)", "Returns size in memory, in bytes.";
        },
        getset: {
            "memo" => Pickler::get_memo, Pickler::set_memo, "The objects that were written.";
            "bin" => |_: Attached<'_>, this: &Pickler| this.bin.get(), |py: Attached<'_>, this: &Pickler, value: Arg<'_>| { this.bin.set(number(py, value)?); Ok(()) }, "Whether the format is binary.";
            "fast" => |_: Attached<'_>, this: &Pickler| this.fast.get(), |py: Attached<'_>, this: &Pickler, value: Arg<'_>| { this.fast.set(number(py, value)?); Ok(()) }, "Whether nothing is remembered.";
        },
    }
}

/// The new value of a numeric attribute.
fn number(py: Attached<'_>, value: Arg<'_>) -> PyResult<c_int> {
    match value {
        Some(value) => value.as_i32(py),
        None => Err(raise!(py, TypeError, "can't delete numeric/char attribute")),
    }
}

impl Pickler {
    pub fn make(py: Attached<'_>, ty: &Type) -> PyResult<Ref<Pickler>> {
        let this = alloc::<Pickler>(py, ty)?;
        this.memo.init(Memo::default());
        Ok(this)
    }

    fn clear(_: Attached<'_>, this: &Pickler) {
        this.clear_memo();
        for slot in [&this.write, &this.dispatch_table, &this.persistent_id, &this.buffer_callback] {
            drop(slot.take());
        }
    }

    fn clear_memo(&self) {
        let old = std::mem::take(&mut *self.memo.lock());
        drop(old);
    }

    fn init(py: Attached<'_>, this: &Pickler, args: Args<'_>) -> PyResult<()> {
        const SIG: Signature =
            Signature::parse("Pickler", "(file, protocol=None, fix_imports=True, buffer_callback=None)");
        let [file, protocol, fix, callback] = SIG.bind::<4>(py, args)?;
        this.set_up(py, Some(required(py, file)?), protocol, fix, callback)
    }

    pub fn set_up(
        &self,
        py: Attached<'_>,
        file: Option<&Object>,
        protocol: Arg<'_>,
        fix: Arg<'_>,
        callback: Arg<'_>,
    ) -> PyResult<()> {
        if self.running.get() {
            return Err(raise!(py, RuntimeError, "Pickler object is already used"));
        }
        let protocol = protocol_of(py, protocol)?;
        let callback = callback.filter(|callback| !callback.is_none());
        if callback.is_some() && protocol < 5 {
            return Err(raise!(py, ValueError, "buffer_callback needs protocol >= 5"));
        }
        let fix = fix.map_or(Ok(true), |fix| fix.is_true(py))?;
        let write = match file {
            None => None,
            Some(file) => match file.get_attr_opt(py, id!(py, write))? {
                Some(write) => Some(write),
                None => return Err(raise!(py, TypeError, "file must have a 'write' attribute")),
            },
        };
        self.clear_memo();
        drop(self.write.replace(write));
        drop(self.buffer_callback.replace(callback.map(Layout::to_ref)));
        self.protocol.set(protocol);
        self.bin.set(c_int::from(protocol > 0));
        self.fast.set(0);
        self.fix_imports.set(fix && protocol < 3);
        self.ready.set(true);
        Ok(())
    }

    fn get_attribute(py: Attached<'_>, this: &Pickler, name: &Object) -> PyResult<Ref<Object>> {
        if let Some(name) = name.downcast::<Str>() {
            let own = match name {
                name if name.eq_str("persistent_id") => this.persistent_id.get(),
                name if name.eq_str("dispatch_table") => this.dispatch_table.get(),
                _ => None,
            };
            return own.map_or_else(|| this.as_object().generic_get_attr(py, name), Ok);
        }
        Err(raise!(py, TypeError, "attribute name must be string"))
    }

    fn set_attribute(py: Attached<'_>, this: &Pickler, name: &Object, value: Option<&Object>) -> PyResult<()> {
        let Some(name) = name.downcast::<Str>() else {
            return Err(raise!(py, TypeError, "attribute name must be string"));
        };
        let slot = match name {
            name if name.eq_str("persistent_id") => &this.persistent_id,
            name if name.eq_str("dispatch_table") => &this.dispatch_table,
            name => return this.as_object().generic_set_attr(py, name, value),
        };
        let old = slot.replace(value.map(Layout::to_ref));
        if value.is_none() && old.is_none() {
            return this.as_object().generic_set_attr(py, name, None);
        }
        Ok(())
    }

    fn get_memo(py: Attached<'_>, this: &Pickler) -> PyResult<Ref<MemoProxy>> {
        let proxy = alloc::<MemoProxy>(py, MemoProxy::type_object())?;
        drop(proxy.pickler.replace(Some(this.to_ref())));
        Ok(proxy)
    }

    fn set_memo(py: Attached<'_>, this: &Pickler, value: Option<&Object>) -> PyResult<()> {
        let Some(value) = value else {
            return Err(raise!(py, TypeError, "attribute deletion is not supported"));
        };
        let mut memo = Memo::default();
        if let Some(pickler) = value.downcast::<MemoProxy>().and_then(|proxy| proxy.pickler.get()) {
            let items = pickler.memo.lock();
            memo.0.try_reserve(items.0.len()).map_err(|_| py.no_memory())?;
            memo.0.extend(items.0.iter().map(|(key, item)| (*key, item.clone())));
        } else if let Some(dict) = value.downcast::<Dict>() {
            for (_, item) in dict.items_snapshot(py)? {
                let pair = item.as_object().downcast::<Tuple>().filter(|pair| pair.len() == 2);
                let Some(&[at, object]) = pair.map(Tuple::as_slice) else {
                    return Err(raise!(py, TypeError, "'memo' values must be 2-item tuples"));
                };
                let at = at.as_isize(py)?.max(0) as usize;
                memo.0.insert(object.as_ptr() as usize, (at, object.to_ref()));
            }
        } else {
            let given = value.ty().name();
            return Err(raise!(
                py,
                TypeError,
                "'memo' attribute must be a PicklerMemoProxy object or dict, not {given}"
            ));
        }
        let old = std::mem::replace(&mut *this.memo.lock(), memo);
        drop(old);
        Ok(())
    }

    /// Writes an object; the bytes that were not written to the file.
    pub fn dump_object(&self, py: Attached<'_>, object: &Object) -> PyResult<Vec<u8>> {
        if !self.ready.get() {
            let name = self.as_object().ty().short_name().into_owned();
            return Err(cannot_pickle(py, format_args!("Pickler.__init__() was not called by {name}.__init__()")));
        }
        if self.running.get() {
            return Err(raise!(py, RuntimeError, "Pickler object is already used"));
        }
        self.running.set(true);
        let result = self.dump_exclusively(py, object);
        self.running.set(false);
        result
    }

    fn dump_exclusively(&self, py: Attached<'_>, object: &Object) -> PyResult<Vec<u8>> {
        let this = self.as_object();
        let base = Self::type_object();
        let subclass = !std::ptr::eq(this.ty(), base);
        let persistent_id = match self.persistent_id.get() {
            Some(own) => Some(own),
            None if subclass => {
                let name = id!(py, persistent_id);
                let (found, inherited) = (this.ty().lookup(py, name), base.lookup(py, name));
                match (found, inherited) {
                    (Some(found), Some(inherited)) if found.is(&*inherited) => None,
                    _ => Some(this.generic_get_attr(py, name)?),
                }
            }
            None => None,
        };
        let reducer_override = if subclass { this.get_attr_opt(py, id!(py, reducer_override))? } else { None };
        let dispatch = match self.dispatch_table.get() {
            Some(table) => Some(table),
            None if subclass => this.get_attr_opt(py, id!(py, dispatch_table))?,
            None => None,
        };
        let dispatch = match dispatch {
            Some(table) => table,
            None => super::table(py, "copyreg", "dispatch_table")?,
        };
        let memo = std::mem::take(&mut *self.memo.lock());
        let mut writer = Writer {
            py,
            memo,
            out: Vec::with_capacity(256),
            frame: None,
            framing: false,
            write: self.write.get(),
            protocol: self.protocol.get(),
            bin: self.bin.get() != 0,
            fast: self.fast.get() != 0,
            fix_imports: self.fix_imports.get(),
            persistent_id,
            reducer_override,
            dispatch,
            buffer_callback: self.buffer_callback.get(),
            fast_open: Vec::new(),
            given_up: false,
        };
        let result = writer.dump(object);
        let memo = std::mem::take(&mut writer.memo);
        let old = std::mem::replace(&mut *self.memo.lock(), memo);
        drop(old);
        result?;
        Ok(writer.out)
    }
}

/// One dump.
pub struct Writer<'py> {
    pub py: Attached<'py>,
    pub memo: Memo,
    pub out: Vec<u8>,
    /// Where the head of the present frame stands.
    frame: Option<usize>,
    framing: bool,
    write: Option<Ref<Object>>,
    pub protocol: i32,
    pub bin: bool,
    pub fast: bool,
    pub fix_imports: bool,
    pub persistent_id: Option<Ref<Object>>,
    pub reducer_override: Option<Ref<Object>>,
    pub dispatch: Ref<Object>,
    pub buffer_callback: Option<Ref<Object>>,
    /// Containers that are being written, in fast mode.
    pub fast_open: Vec<usize>,
    /// Whether there was no memory for the output or the memo: the next [`Writer::boundary`] says so.
    pub given_up: bool,
}

const FRAME_HEAD: usize = 9;
const FRAME_TARGET: usize = 64 * 1024;
const FRAME_MIN: usize = 4;

impl Writer<'_> {
    fn dump(&mut self, object: &Object) -> PyResult<()> {
        if self.protocol >= 2 {
            self.out.extend_from_slice(&[PROTO, self.protocol as u8]);
            self.framing = self.protocol >= 4;
        }
        save::save(self, object, false)?;
        self.put(&[STOP]);
        self.boundary()?;
        self.end_frame();
        self.framing = false;
        self.flush()
    }

    /// Appends to the output.
    #[inline]
    pub fn put(&mut self, bytes: &[u8]) {
        let needed = FRAME_HEAD + bytes.len();
        if self.out.capacity() - self.out.len() < needed && self.out.try_reserve(needed).is_err() {
            self.given_up = true;
            return;
        }
        if self.framing && self.frame.is_none() {
            self.frame = Some(self.out.len());
            self.out.extend_from_slice(&[0; FRAME_HEAD]);
        }
        self.out.extend_from_slice(bytes);
    }

    fn end_frame(&mut self) {
        let Some(start) = self.frame.take() else { return };
        let len = self.out.len() - start - FRAME_HEAD;
        if len < FRAME_MIN {
            self.out.drain(start..start + FRAME_HEAD);
            return;
        }
        self.out[start] = FRAME;
        self.out[start + 1..start + FRAME_HEAD].copy_from_slice(&(len as u64).to_le_bytes());
    }

    fn flush(&mut self) -> PyResult<()> {
        let Some(write) = &self.write else { return Ok(()) };
        if self.out.is_empty() {
            return Ok(());
        }
        let bytes = Bytes::new(self.py, &self.out)?;
        self.out.clear();
        write.call_pos(self.py, &[bytes.as_object()]).map(drop)
    }

    /// Between two instructions: a full frame ends here. `MemoryError` if there was no memory for what came before.
    pub fn boundary(&mut self) -> PyResult<()> {
        if self.given_up {
            return Err(self.py.no_memory());
        }
        match self.frame {
            Some(start) if self.out.len() - start - FRAME_HEAD >= FRAME_TARGET => {
                self.end_frame();
                self.flush()
            }
            _ => Ok(()),
        }
    }

    /// An instruction with its data; much data stands outside of frames.
    pub fn put_data(&mut self, head: &[u8], data: &[u8], payload: Option<&Object>) -> PyResult<()> {
        if data.len() < FRAME_TARGET {
            self.put(head);
            self.put(data);
            return Ok(());
        }
        let framing = std::mem::take(&mut self.framing);
        self.end_frame();
        self.put(head);
        match (self.write.clone(), payload) {
            (Some(write), Some(payload)) => {
                self.flush()?;
                write.call_pos(self.py, &[payload])?;
            }
            (Some(write), None) => {
                self.flush()?;
                write.call_pos(self.py, &[Bytes::new(self.py, data)?.as_object()])?;
            }
            (None, _) => self.put(data),
        }
        self.framing = framing;
        Ok(())
    }
}

krait_object::native! {
    /// The memo of a pickler, as Python code sees it.
    pub struct MemoProxy { pickler: Slot<Pickler> }
}
pytype! {
    pub static MEMO_PROXY: "_pickle.PicklerMemoProxy" for MemoProxy {
        base: Object, flags: [HAVE_GC, DISALLOW_INSTANTIATION],
        slots: { tp_dealloc = MemoProxy::dealloc, tp_traverse = MemoProxy::traverse, tp_clear = |_: Attached<'_>, this: &MemoProxy| drop(this.pickler.take()) },
        methods: {
            noargs "clear" => |_: Attached<'_>, this: &MemoProxy| if let Some(pickler) = this.pickler.get() { pickler.clear_memo() }, "($self, /)", "Remove all items from memo.";
            noargs "copy" => MemoProxy::copy, "($self, /)", "Copy the memo to a new object.";
            noargs "__reduce__" => |py: Attached<'_>, this: &MemoProxy| -> PyResult<Ref<Tuple>> { let args = Tuple::from_vec(py, vec![MemoProxy::copy(py, this)?.upcast()])?; Tuple::pair(py, Dict::type_object().to_ref().upcast(), args.upcast()) }, "($self, /)", "Implement pickle support.";
        },
    }
}

impl MemoProxy {
    fn copy(py: Attached<'_>, this: &MemoProxy) -> PyResult<Ref<Dict>> {
        let dict = Dict::new(py)?;
        let Some(pickler) = this.pickler.get() else { return Ok(dict) };
        let items = {
            let memo = pickler.memo.lock();
            let mut items = with_room(py, memo.0.len())?;
            items.extend(memo.0.iter().map(|(key, item)| (*key, item.clone())));
            items
        };
        for (key, (at, object)) in items {
            let pair = Tuple::pair(py, at.into_object(py)?, object)?;
            dict.set(py, Int::from_u64(py, key as u64)?.as_object(), pair.as_object())?;
        }
        Ok(dict)
    }
}
