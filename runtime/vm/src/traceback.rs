//! `traceback`: where an exception passed through.
//!
//! Concurrency: `tb_next` is replaced atomically; the rest is [frozen].
use crate::frame::Frame;
use crate::frameobject::FrameObject;
use krait_object::args::{Args, Signature};
use krait_object::layout::{Field, PyObject, PyTracebackObject};
use krait_object::typedef::member;
use krait_object::{Attached, BaseException, Int, Layout, List, Object, PyResult, Raised, Ref, Slot, Str, Type, Visit};
use krait_object::{mem, none, raise};
use std::ffi::c_int;
use std::mem::offset_of;
use std::ptr::NonNull;

/// One entry of a traceback; the next one is nearer to the raise.
#[repr(transparent)]
pub struct Traceback(PyTracebackObject);

const fn part(name: &'static str, kind: c_int, offset: usize) -> krait_object::layout::PyMemberDef {
    member(name, kind, offset, 1, c"")
}

krait_object::pytype! {
    #[unsafe(no_mangle)]
    pub static PyTraceBack_Type: "traceback" for Traceback {
        base: Object,
        flags: [HAVE_GC],
        doc: "traceback(tb_next, tb_frame, tb_lasti, tb_lineno)\n--\n\nMakes a traceback entry.",
        slots: {
            tp_dealloc = Traceback::dealloc,
            tp_traverse = Traceback::traverse,
            tp_clear = Traceback::clear_slot,
            tp_new = Traceback::construct,
        },
        methods: {
            noargs "__dir__" => Traceback::dir, "($self, /)", "The attribute names.";
        },
        getset: {
            "tb_next" => Traceback::next, Traceback::set_next, "The entry nearer to the raise, or None.";
            "tb_lineno" => Traceback::get_lineno, "The line.";
        },
        members: [
            part("tb_frame\0", 6, offset_of!(PyTracebackObject, tb_frame)),
            part("tb_lasti\0", 1, offset_of!(PyTracebackObject, tb_lasti)),
        ],
    }
}

/// Puts an entry for `frame` in front of the pending exception's traceback.
pub fn add_here(py: Attached<'_>, frame: &Frame) {
    let Some(exception) = py.take_raised() else { return };
    let made = frame.object(py).and_then(|object| {
        let lasti = frame.lasti() as c_int * 2;
        Traceback::new(py, exception.traceback(), &object, lasti, -1)
    });
    match made {
        Ok(entry) => exception.replace_traceback(Some(entry.upcast())),
        Err(raised) => raised.clear(py),
    }
    let _raised = py.restore(exception);
}

/// Puts an entry for the current frame in front of an exception's traceback.
pub fn attach_current(py: Attached<'_>, exception: &Object) -> PyResult<()> {
    let (Some(exception), Some(frame)) = (exception.downcast::<BaseException>(), Frame::current(py)) else {
        return Ok(());
    };
    let object = frame.object(py)?;
    let entry = Traceback::new(py, exception.traceback(), &object, frame.lasti() as c_int * 2, -1)?;
    exception.replace_traceback(Some(entry.upcast()));
    Ok(())
}

/// Takes the entries of the import machinery out of an exception's traceback: all of them with `all`, else those that end in
/// running a module's code.
pub fn trim_imports(exception: &BaseException, all: bool) {
    const FILES: [&str; 2] = ["<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>"];
    let Some(Ok(first)) = exception.traceback().map(Ref::downcast::<Traceback>) else { return };
    // The entries to keep, and the stretch of the machinery's entries since the last one.
    let (mut kept, mut stretch): (Vec<Ref<Traceback>>, Vec<Ref<Traceback>>) = (Vec::new(), Vec::new());
    let mut changed = false;
    let mut at = Some(first);
    while let Some(entry) = at {
        at = entry.next_entry();
        let code = entry.frame().frame().code();
        if code.filename().as_str().is_some_and(|name| FILES.contains(&name)) {
            let ends = all || code.name().eq_str("_call_with_frames_removed");
            stretch.push(entry);
            if ends {
                changed = true;
                stretch.clear();
            }
        } else {
            kept.append(&mut stretch);
            kept.push(entry);
        }
    }
    kept.append(&mut stretch);
    if !changed {
        return;
    }
    for (index, entry) in kept.iter().enumerate() {
        drop(entry.next_slot().replace(kept.get(index + 1).cloned()));
    }
    exception.replace_traceback(kept.into_iter().next().map(Ref::upcast));
}

/// Makes `cause` the cause and context of the pending exception.
pub fn set_cause(py: Attached<'_>, raised: Raised, cause: Ref<BaseException>) -> Raised {
    let exception = raised.take(py);
    exception.replace_context(Some(cause.clone()));
    exception.replace_cause(Some(cause));
    py.restore(exception)
}

impl Traceback {
    pub fn new(
        py: Attached<'_>,
        next: Option<Ref<Object>>,
        frame: &FrameObject,
        lasti: c_int,
        lineno: c_int,
    ) -> PyResult<Ref<Traceback>> {
        mem::new_instance::<Traceback>(py, Traceback::type_object(), |this| {
            this.0.tb_next.set(next.map_or(std::ptr::null_mut(), Ref::into_raw).cast());
            this.0.tb_frame.set(frame.to_ref().into_raw().cast());
            this.0.tb_lasti.set(lasti);
            this.0.tb_lineno.set(lineno);
        })
    }

    fn construct(py: Attached<'_>, _ty: &Type, args: Args<'_>) -> PyResult<Ref<Traceback>> {
        static SIG: Signature = Signature::parse("traceback", "(tb_next, tb_frame, tb_lasti, tb_lineno)");
        let [Some(next), Some(frame), Some(lasti), Some(lineno)] = SIG.bind::<4>(py, args)? else {
            return Err(py.bad_internal_call());
        };
        let Some(frame) = frame.downcast_exact::<FrameObject>() else {
            let given = krait_object::builtins::textargs::arg_type(frame);
            return Err(raise!(py, TypeError, "traceback() argument 'tb_frame' must be frame, not {given}"));
        };
        let next = check_next(py, next)?;
        Traceback::new(py, next.map(Ref::upcast), frame, lasti.as_i32(py)?, lineno.as_i32(py)?)
    }

    fn next_slot(&self) -> &Slot<Traceback> {
        // SAFETY: the field owns an entry or nothing; a pointer to it has the same representation.
        unsafe { Slot::of(&*(&raw const self.0.tb_next).cast::<Field<*mut PyObject>>()) }
    }

    pub fn frame(&self) -> &FrameObject {
        // SAFETY: [frozen]: set at creation.
        unsafe { &*self.0.tb_frame.get().cast::<FrameObject>() }
    }

    pub fn lasti(&self) -> c_int {
        self.0.tb_lasti.get()
    }

    /// The entry nearer to the raise.
    pub fn next_entry(&self) -> Option<Ref<Traceback>> {
        self.next_slot().get()
    }

    fn next(_py: Attached<'_>, this: &Traceback) -> Option<Ref<Traceback>> {
        this.next_slot().get()
    }

    fn set_next(py: Attached<'_>, this: &Traceback, value: Option<&Object>) -> PyResult<()> {
        let Some(value) = value else {
            return Err(raise!(py, TypeError, "can't delete tb_next attribute"));
        };
        let next = check_next(py, value)?;
        let mut at = next.clone();
        while let Some(entry) = at {
            if std::ptr::eq(&*entry, this) {
                return Err(raise!(py, ValueError, "traceback loop detected"));
            }
            at = entry.next_slot().get();
        }
        drop(this.next_slot().replace(next));
        Ok(())
    }

    /// The line; computed on demand.
    pub fn line(&self) -> Option<i32> {
        match self.0.tb_lineno.get() {
            -1 => self.frame().frame().code().line_of(self.0.tb_lasti.get() / 2),
            line => Some(line),
        }
    }

    fn get_lineno(py: Attached<'_>, this: &Traceback) -> PyResult<Ref<Object>> {
        match this.line() {
            Some(line) => Ok(Int::from_i64(py, line.into())?.upcast()),
            None => Ok(none()),
        }
    }

    fn dir(py: Attached<'_>, _this: &Traceback) -> PyResult<Ref<List>> {
        let names = ["tb_frame", "tb_next", "tb_lasti", "tb_lineno"];
        let names = names.iter().map(|name| Ok(Str::new(py, name)?.upcast()));
        List::from_vec(py, names.collect::<PyResult<Vec<_>>>()?)
    }

    fn traverse(this: &Traceback, visit: Visit<'_>) -> Result<(), c_int> {
        visit.raw(this.0.tb_next.get().cast())?;
        visit.raw(this.0.tb_frame.get().cast())
    }

    fn clear_slot(_py: Attached<'_>, this: &Traceback) {
        drop(this.next_slot().take());
    }

    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Traceback>) {
        let drop_fields = |this: &Traceback| {
            // A long chain is freed entry by entry, not recursively.
            let mut next = this.next_slot().take();
            while let Some(entry) = next {
                next = if krait_object::mode::is_uniquely_referenced(entry.as_object()) {
                    entry.next_slot().take()
                } else {
                    None
                };
            }
            // SAFETY: the field owned it.
            drop(unsafe { Ref::<Object>::from_raw_opt(this.0.tb_frame.get().cast()) });
        };
        // SAFETY: [slot-contract].
        unsafe { mem::dealloc_with(py, this, drop_fields) }
    }
}

fn check_next(py: Attached<'_>, next: &Object) -> PyResult<Option<Ref<Traceback>>> {
    if next.is_none() {
        return Ok(None);
    }
    match next.downcast_exact::<Traceback>() {
        Some(next) => Ok(Some(next.to_ref())),
        None => Err(raise!(py, TypeError, "expected traceback object or None, got '{}'", next.ty().name())),
    }
}
