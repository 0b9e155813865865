//! `StringIO`: a text stream in memory.
use super::base::{self, IOBase, TextIOBase};
use super::newline::Newlines;
use krait_object::args::{Args, Signature};
use krait_object::{
    Attached, Field, Int, IntoObject, Layout, Object, PyResult, Raised, Ref, Slot, Str, StrBuilder, Tuple, Type, Visit,
    id, mem, pytype, raise,
};
use std::ffi::c_int;
use std::ptr::NonNull;

/// The characters: text that only grew at its end, or a random-access array.
enum Chars {
    Growing(StrBuilder),
    Array(Vec<u32>),
}

impl Chars {
    fn len(&self) -> usize {
        match self {
            Chars::Growing(text) => text.len(),
            Chars::Array(points) => points.len(),
        }
    }

    fn array(&mut self) -> &mut Vec<u32> {
        if let Chars::Growing(text) = self {
            *self = Chars::Array((0..text.len()).filter_map(|at| text.get(at)).collect());
        }
        match self {
            Chars::Array(points) => points,
            Chars::Growing(_) => unreachable!("just converted"),
        }
    }
}

struct State {
    /// `None` when closed.
    chars: Option<Chars>,
    at: usize,
    /// Line ends are noted (and translated if `translate`).
    universal: bool,
    translate: bool,
    /// What a written line feed becomes.
    write_end: Option<&'static str>,
    /// The line end that `readline` looks for; `None` for any.
    read_end: Option<&'static str>,
    newlines: Newlines,
}

/// `_io.StringIO`.
#[repr(C)]
pub struct StringIO {
    base: IOBase,
    newline: Slot,
    ok: Field<bool>,
    state: Field<*mut State>,
}

pytype! {
    pub static STRING_IO_TYPE: "_io.StringIO" for StringIO {
        base: TextIOBase,
        flags: [BASETYPE, HAVE_GC],
        doc: "StringIO(initial_value='', newline='\\n')\n--\n\nA text stream in memory.",
        slots: {
            tp_dealloc = StringIO::dealloc, tp_traverse = StringIO::traverse, tp_clear = StringIO::clear,
            tp_new = StringIO::new_object, tp_init = StringIO::init, tp_iternext = StringIO::next,
        },
        methods: {
            noargs "close" => StringIO::close, "($self, /)", "Frees the memory.";
            noargs "getvalue" => StringIO::getvalue, "($self, /)", "All text.";
            raw "read" => StringIO::read, "($self, size=-1, /)", "Reads so many characters, or all.";
            raw "readline" => StringIO::readline, "($self, size=-1, /)", "Reads a line.";
            noargs "tell" => StringIO::tell, "($self, /)", "The position.";
            raw "truncate" => StringIO::truncate, "($self, pos=None, /)", "Cuts the stream.";
            sig "seek" => StringIO::seek, "($self, pos, whence=0, /)", "Moves the position.";
            o "write" => StringIO::write, "($self, s, /)", "Writes text; returns the number of characters.";
            noargs "seekable" => StringIO::yes, "($self, /)", "True.";
            noargs "readable" => StringIO::yes, "($self, /)", "True.";
            noargs "writable" => StringIO::yes, "($self, /)", "True.";
            noargs "__getstate__" => StringIO::getstate, "($self, /)", "State for pickling.";
            o "__setstate__" => StringIO::setstate, "($self, state, /)", "Sets the state.";
        },
        getset: {
            "closed" => StringIO::get_closed, "Whether the stream is closed.";
            "newlines" => StringIO::get_newlines, "The kinds of line ends seen.";
            "line_buffering" => StringIO::get_line_buffering, "False.";
        },
    }
}

fn points(text: &Str) -> Vec<u32> {
    text.to_code_points()
}

impl StringIO {
    fn with<R>(&self, py: Attached<'_>, f: impl FnOnce(&mut State) -> R) -> R {
        let _lock = self.lock(py);
        // SAFETY: [locked]: set by `new_object`; `f` runs no Python code.
        f(unsafe { &mut *self.state.get() })
    }

    fn new_object(py: Attached<'_>, ty: &Type, _: Args<'_>) -> PyResult<Ref<Object>> {
        let object = ty.alloc(py, 0)?;
        // SAFETY: [layout]: `ty` derives from `StringIO`.
        let this: &StringIO = unsafe { (*object).cast_unchecked() };
        this.state.set(Box::into_raw(Box::new(State {
            chars: Some(Chars::Growing(StrBuilder::new())),
            at: 0,
            universal: false,
            translate: false,
            write_end: None,
            read_end: None,
            newlines: Newlines::default(),
        })));
        Ok(object)
    }

    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Self>) {
        // SAFETY: the count is zero; the state is freed once.
        unsafe {
            mem::dealloc_with(py, this, |this| {
                this.base.drop_base();
                drop(this.newline.take());
                let state = this.state.get();
                this.state.set(std::ptr::null_mut());
                if !state.is_null() {
                    drop(Box::from_raw(state));
                }
            });
        }
    }

    fn traverse(this: &Self, visit: Visit<'_>) -> Result<(), c_int> {
        IOBase::traverse(&this.base, visit)?;
        visit.slot(&this.newline)
    }

    fn clear(py: Attached<'_>, this: &Self) {
        IOBase::clear(py, &this.base);
    }

    fn init(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<()> {
        const SIG: Signature = Signature::parse("StringIO", "(initial_value='', newline='\\n')");
        let [value, newline]: [Option<&Object>; 2] = SIG.bind(py, args)?;
        let newline = match newline {
            None => Some(Str::new(py, "\n")?),
            Some(newline) if newline.is_none() => None,
            Some(newline) => match newline.downcast::<Str>() {
                Some(newline) => Some(newline.to_ref()),
                None => {
                    return Err(raise!(py, TypeError, "newline must be str or None, not {}", newline.ty().full_name()));
                }
            },
        };
        let kind = match newline.as_deref().map(|newline| newline.to_utf8(py)).transpose()? {
            None => (true, true, None, Some("\n")),
            Some("") => (true, false, None, None),
            Some("\n") => (false, false, None, Some("\n")),
            Some("\r") => (false, false, Some("\r"), Some("\r")),
            Some("\r\n") => (false, false, Some("\r\n"), Some("\r\n")),
            Some(_) => {
                let newline = newline.ok_or_else(|| py.bad_internal_call())?;
                return Err(raise!(py, ValueError, "illegal newline value: {}", newline.as_object().repr(py)?));
            }
        };
        let value = match value.filter(|value| !value.is_none()) {
            None => None,
            Some(value) => match value.downcast::<Str>() {
                Some(value) => Some(value),
                None => {
                    return Err(raise!(
                        py,
                        TypeError,
                        "initial_value must be str or None, not {}",
                        value.ty().full_name()
                    ));
                }
            },
        };
        drop(this.newline.replace(newline.map(Ref::upcast)));
        this.with(py, |st| {
            (st.universal, st.translate, st.write_end, st.read_end) = kind;
            st.newlines = Newlines::default();
            st.chars = Some(Chars::Growing(StrBuilder::new()));
            st.at = 0;
        });
        this.ok.set(true);
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            this.put(py, value)?;
        }
        this.with(py, |st| st.at = 0);
        Ok(())
    }

    fn closed_error(&self, py: Attached<'_>) -> Raised {
        match self.ok.get() {
            true => raise!(py, ValueError, "I/O operation on closed file"),
            false => raise!(py, ValueError, "I/O operation on uninitialized object"),
        }
    }

    fn check(&self, py: Attached<'_>) -> PyResult<()> {
        if self.ok.get() && self.with(py, |st| st.chars.is_some()) { Ok(()) } else { Err(self.closed_error(py)) }
    }

    /// Writes at the position.
    fn put(&self, py: Attached<'_>, text: &Str) -> PyResult<()> {
        let (universal, translate, end, mut newlines) =
            self.with(py, |st| (st.universal, st.translate, st.write_end, st.newlines));
        let mut text = text.to_ref();
        if universal {
            text = newlines.feed(py, text, translate, true)?;
            self.with(py, |st| st.newlines = newlines);
        }
        if let Some(end) = end {
            text = text.replace(py, Str::latin1_char(b'\n'), &*Str::new(py, end)?, -1)?;
        }
        if text.is_empty() {
            return Ok(());
        }
        let done = self.with(py, |st| {
            let Some(chars) = &mut st.chars else { return Err(false) };
            let start = st.at;
            st.at += text.len();
            if let Chars::Growing(grown) = chars
                && grown.len() == start
            {
                grown.push_obj(&text);
                return Ok(());
            }
            let array = chars.array();
            let end = start + text.len();
            if array.len() < end {
                if array.try_reserve(end - array.len()).is_err() {
                    st.at = start;
                    return Err(true);
                }
                array.resize(end, 0);
            }
            array[start..end].copy_from_slice(&points(&text));
            Ok(())
        });
        done.map_err(|full| if full { py.no_memory() } else { self.closed_error(py) })
    }

    fn write(py: Attached<'_>, this: &Self, text: &Object) -> PyResult<usize> {
        this.check(py)?;
        let Some(text) = text.downcast::<Str>() else {
            return Err(raise!(py, TypeError, "string argument expected, got '{}'", text.ty().name()));
        };
        this.put(py, text)?;
        Ok(text.len())
    }

    fn getvalue(py: Attached<'_>, this: &Self) -> PyResult<Ref<Str>> {
        this.check(py)?;
        this.part(py, 0, usize::MAX)
    }

    fn part(&self, py: Attached<'_>, start: usize, end: usize) -> PyResult<Ref<Str>> {
        enum Part {
            Points(Vec<u32>),
            Built(StrBuilder),
        }
        let part = self.with(py, |st| match &mut st.chars {
            None => None,
            Some(Chars::Growing(text)) if start == 0 && end >= text.len() => Some(Part::Built(text.clone())),
            Some(chars) => {
                let array = chars.array();
                let end = end.min(array.len());
                Some(Part::Points(array[start.min(end)..end].to_vec()))
            }
        });
        match part {
            None => Err(self.closed_error(py)),
            Some(Part::Points(points)) => Str::from_code_points(py, &points),
            Some(Part::Built(text)) => text.finish(py),
        }
    }

    fn read(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<Ref<Str>> {
        let size = base::size_arg(py, "read", args, -1)?;
        this.check(py)?;
        let (start, end) = this.with(py, |st| {
            let len = st.chars.as_ref().map_or(0, Chars::len);
            let start = st.at.min(len);
            let end = usize::try_from(size).map_or(len, |size| len.min(start.saturating_add(size)));
            st.at += end - start;
            (start, end)
        });
        if start == end {
            return Ok(Str::empty());
        }
        this.part(py, start, end)
    }

    fn line(&self, py: Attached<'_>, limit: isize) -> PyResult<Ref<Str>> {
        self.check(py)?;
        let found = self.with(py, |st| {
            let read_end = st.read_end;
            let array = st.chars.as_mut()?.array();
            let start = st.at.min(array.len());
            let rest = &array[start..];
            let len = match read_end {
                Some("\n") => rest.iter().position(|point| *point == 10).map(|at| at + 1),
                Some("\r") => rest.iter().position(|point| *point == 13).map(|at| at + 1),
                Some(_) => rest.windows(2).position(|pair| pair == [13, 10]).map(|at| at + 2),
                None => rest
                    .iter()
                    .position(|point| matches!(point, 10 | 13))
                    .map(|at| if rest[at] == 13 && rest.get(at + 1) == Some(&10) { at + 2 } else { at + 1 }),
            };
            let len = len.unwrap_or(rest.len());
            let len = usize::try_from(limit).map_or(len, |limit| len.min(limit));
            let line = rest[..len].to_vec();
            st.at += len;
            Some(line)
        });
        match found {
            Some(line) => Str::from_code_points(py, &line),
            None => Err(self.closed_error(py)),
        }
    }

    fn readline(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<Ref<Str>> {
        let limit = base::size_arg(py, "readline", args, -1)?;
        this.line(py, limit)
    }

    fn next(py: Attached<'_>, this: &Self) -> PyResult<Option<Ref<Object>>> {
        this.check(py)?;
        let line = if std::ptr::eq(this.as_object().ty(), Self::type_object()) {
            this.line(py, -1)?
        } else {
            let line = this.as_object().call_method(py, id!(py, readline), &[])?;
            line.downcast::<Str>().map_err(|other| {
                raise!(py, OSError, "readline() should have returned a str object, not '{}'", other.ty().name())
            })?
        };
        Ok((!line.is_empty()).then(|| line.upcast()))
    }

    fn tell(py: Attached<'_>, this: &Self) -> PyResult<usize> {
        this.check(py)?;
        Ok(this.with(py, |st| st.at))
    }

    fn truncate(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<usize> {
        this.check(py)?;
        let here = this.with(py, |st| st.at) as isize;
        let size = base::size_arg(py, "truncate", args, here)?;
        let Ok(length) = usize::try_from(size) else {
            return Err(raise!(py, ValueError, "Negative size value {size}"));
        };
        this.with(py, |st| match &mut st.chars {
            Some(Chars::Growing(text)) if length < text.len() => text.truncate(length),
            Some(Chars::Array(array)) => array.truncate(length),
            _ => {}
        });
        Ok(length)
    }

    fn seek(py: Attached<'_>, this: &Self, [position, how]: [Option<&Object>; 2]) -> PyResult<usize> {
        let position = crate::util::need(py, position)?.as_index(py)?;
        let how = how.map_or(Ok(0), |how| how.as_i32(py))?;
        this.check(py)?;
        if !(0..=2).contains(&how) {
            return Err(raise!(py, ValueError, "Invalid whence ({how}, should be 0, 1 or 2)"));
        }
        if how == 0 && position < 0 {
            return Err(raise!(py, ValueError, "Negative seek position {position}"));
        }
        if how != 0 && position != 0 {
            return Err(raise!(py, OSError, "Can't do nonzero cur-relative seeks"));
        }
        Ok(this.with(py, |st| {
            st.at = match how {
                0 => position as usize,
                1 => st.at,
                _ => st.chars.as_ref().map_or(0, Chars::len),
            };
            st.at
        }))
    }

    fn close(py: Attached<'_>, this: &Self) {
        let old = this.with(py, |st| st.chars.take());
        drop(old);
    }

    fn yes(py: Attached<'_>, this: &Self) -> PyResult<bool> {
        this.check(py).map(|()| true)
    }

    fn get_closed(py: Attached<'_>, this: &Self) -> PyResult<bool> {
        if !this.ok.get() {
            return Err(this.closed_error(py));
        }
        Ok(this.with(py, |st| st.chars.is_none()))
    }

    fn get_newlines(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        this.check(py)?;
        this.with(py, |st| st.newlines).seen_object(py)
    }

    fn get_line_buffering(py: Attached<'_>, this: &Self) -> PyResult<bool> {
        this.check(py).map(|()| false)
    }

    fn getstate(py: Attached<'_>, this: &Self) -> PyResult<Ref<Tuple>> {
        let value = Self::getvalue(py, this)?;
        let dict = match this.base.dict.get() {
            Some(dict) => dict.copy(py)?.upcast(),
            None => krait_object::none(),
        };
        let newline = this.newline.get().unwrap_or_else(krait_object::none);
        let position = this.with(py, |st| st.at);
        Tuple::from_vec(py, vec![value.upcast(), newline, position.into_object(py)?, dict])
    }

    fn setstate(py: Attached<'_>, this: &Self, state: &Object) -> PyResult<()> {
        let items = state.downcast::<Tuple>().map(Tuple::as_slice).unwrap_or_default();
        if items.len() < 4 {
            return Err(raise!(
                py,
                TypeError,
                "{}.__setstate__ argument should be 4-tuple, got {}",
                this.as_object().ty().name(),
                state.ty().name()
            ));
        }
        if this.ok.get() && Self::get_closed(py, this)? {
            return Err(super::base::closed_error(py));
        }
        if !items[0].is_none() && items[0].downcast::<Str>().is_none() {
            let class = items[0].ty().name();
            return Err(raise!(py, TypeError, "initial_value must be str or None, not {class}"));
        }
        Self::init(py, this, Args::positional(&items[1..1]))?;
        let none = krait_object::none();
        Self::init(py, this, Args::positional(&[&none, items[1]]))?;
        // The value is as `getvalue` gave it: its line ends were translated already.
        let value = items[0].downcast::<Str>().map(points).unwrap_or_default();
        if items[2].downcast::<Int>().is_none() {
            return Err(raise!(py, TypeError, "third item of state must be an integer, got {}", items[2].ty().name()));
        }
        let position = items[2].as_isize(py)?;
        let Ok(position) = usize::try_from(position) else {
            return Err(raise!(py, ValueError, "position value cannot be negative"));
        };
        this.with(py, |st| {
            st.chars = Some(Chars::Array(value));
            st.at = position;
        });
        super::bytesio::restore_dict(py, &this.base, items[3], "fourth")
    }
}
