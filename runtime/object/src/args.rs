//! How the arguments of a call arrive and are bound to parameters.
//!
//! A method declares its parameters once, as its `__text_signature__`; [`Signature`] parses that text at compile
//! time and [`Signature::bind`] sorts the arguments of a call into one slot per parameter.
use crate::handle::{Attached, Layout, Ref};
use crate::{Dict, Object, PyResult, Str, Tuple, raise};
use smallvec::SmallVec;

/// The arguments of one call, all borrowed.
#[derive(Clone, Copy)]
pub struct Args<'a> {
    /// Positional arguments.
    pub pos: &'a [&'a Object],
    /// Keyword names; each is an exact or derived `str` in calls that Python code makes.
    pub names: &'a [&'a Object],
    /// Keyword values, in the order of `names`.
    pub values: &'a [&'a Object],
}

impl<'a> Args<'a> {
    pub const EMPTY: Self = Args { pos: &[], names: &[], values: &[] };

    pub fn positional(pos: &'a [&'a Object]) -> Self {
        Args { pos, names: &[], values: &[] }
    }

    /// The arguments of a vectorcall.
    ///
    /// # Safety
    /// `args` points to `nargs` plus `len(kwnames)` live objects that outlive `'a`; `kwnames` is null or a live tuple.
    #[inline]
    pub unsafe fn from_vectorcall(
        args: *const *mut crate::layout::PyObject,
        nargs: usize,
        kwnames: *mut crate::layout::PyObject,
    ) -> Self {
        // SAFETY: by the contract; `&Object` and a non-null pointer have the same representation.
        unsafe {
            let names: &[&Object] = match kwnames.cast::<Tuple>().as_ref() {
                Some(names) => names.as_slice(),
                None => &[],
            };
            if nargs + names.len() == 0 {
                return Args::EMPTY;
            }
            let all = std::slice::from_raw_parts(args.cast::<&Object>(), nargs + names.len());
            Args { pos: &all[..nargs], names, values: &all[nargs..] }
        }
    }

    /// Raises `TypeError` if there are keyword arguments.
    #[inline]
    pub fn no_keywords(&self, py: Attached<'_>, function: &str) -> PyResult<()> {
        if self.names.is_empty() {
            return Ok(());
        }
        Err(raise!(py, TypeError, "{function}() takes no keyword arguments"))
    }

    /// Raises `TypeError` for keyword arguments other than `known`.
    ///
    /// # Errors
    /// `TypeError` in the reference's words.
    pub fn check_keywords(&self, py: Attached<'_>, function: &str, known: &[&str]) -> PyResult<()> {
        if self.names.is_empty() {
            return Ok(());
        }
        self.check_keyword_count(py, function, known.len())?;
        for key in self.names {
            match key.downcast::<Str>() {
                None => return Err(raise!(py, TypeError, "keywords must be strings")),
                Some(key) if known.iter().any(|name| key.eq_str(name)) => {}
                Some(key) => return Err(unexpected_keyword(py, &Callee(Some(function)), key, known)),
            }
        }
        Ok(())
    }

    /// Raises `TypeError` for more than `max` keyword arguments.
    ///
    /// # Errors
    /// `TypeError` in the reference's words.
    pub fn check_keyword_count(&self, py: Attached<'_>, function: &str, max: usize) -> PyResult<()> {
        let given = self.names.len();
        if given <= max {
            return Ok(());
        }
        let plural = if max == 1 { "" } else { "s" };
        Err(raise!(py, TypeError, "{function}() takes at most {max} keyword argument{plural} ({given} given)"))
    }

    /// The positional arguments when between `min` and `max` were given and no keywords, else `TypeError` in the
    /// words of `PyArg_UnpackTuple`.
    #[inline]
    pub fn unpack(&self, py: Attached<'_>, function: &str, min: usize, max: usize) -> PyResult<&'a [&'a Object]> {
        self.no_keywords(py, function)?;
        check_positional(py, function, self.pos.len(), min, max)?;
        Ok(self.pos)
    }

    pub fn len(&self) -> usize {
        self.pos.len() + self.names.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The positional arguments as a new tuple.
    pub fn pos_tuple(&self, py: Attached<'_>) -> PyResult<Ref<Tuple>> {
        Tuple::from_slice(py, self.pos)
    }

    /// The keyword arguments as a new dict, or `None` when there are none.
    pub fn kw_dict(&self, py: Attached<'_>) -> PyResult<Option<Ref<Dict>>> {
        if self.names.is_empty() {
            return Ok(None);
        }
        let dict = Dict::new(py)?;
        for (name, value) in self.names.iter().zip(self.values) {
            dict.set(py, name, value)?;
        }
        Ok(Some(dict))
    }
}

/// Owned storage behind an [`Args`] made from a tuple and a dict (`tp_call`, `tp_new`, `tp_init`).
pub struct ArgsBuf<'a> {
    pos: &'a [&'a Object],
    names: SmallVec<[Ref<Object>; 8]>,
    values: SmallVec<[Ref<Object>; 8]>,
}

impl<'a> ArgsBuf<'a> {
    pub fn new(py: Attached<'_>, pos: &'a Tuple, kwargs: Option<&Dict>) -> Self {
        Self::over(py, pos.as_slice(), kwargs)
    }

    /// As [`ArgsBuf::new`] over arguments in a slice.
    pub fn over(py: Attached<'_>, pos: &'a [&'a Object], kwargs: Option<&Dict>) -> Self {
        let (mut names, mut values) = (SmallVec::new(), SmallVec::new());
        if let Some(kwargs) = kwargs.filter(|kwargs| !kwargs.is_empty()) {
            kwargs.each_item(py, |name, value| {
                names.push(name);
                values.push(value);
            });
        }
        ArgsBuf { pos, names, values }
    }

    pub fn args(&self) -> Args<'_> {
        Args { pos: self.pos, names: as_borrowed(&self.names), values: as_borrowed(&self.values) }
    }
}

/// Views owned references as borrowed ones.
#[inline(always)]
pub fn as_borrowed<T: Layout>(refs: &[Ref<T>]) -> &[&T] {
    // SAFETY: `Ref<T>` and `&T` are both one non-null pointer to a live `T` for the life of the slice.
    unsafe { std::slice::from_raw_parts(refs.as_ptr().cast(), refs.len()) }
}

/// Raises `TypeError` unless `min <= given <= max`.
pub fn check_positional(py: Attached<'_>, function: &str, given: usize, min: usize, max: usize) -> PyResult<()> {
    if (min..=max).contains(&given) {
        return Ok(());
    }
    let (bound, expected) = match given < min {
        _ if min == max => ("", min),
        true => ("at least ", min),
        false => ("at most ", max),
    };
    let plural = if expected == 1 { "" } else { "s" };
    Err(raise!(py, TypeError, "{function} expected {bound}{expected} argument{plural}, got {given}"))
}

const MAX_PARAMS: usize = 24;

/// How the errors of a [`Signature`] speak; functions of different ages differ.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Words {
    /// `f expected 1 argument, got 0`, `f() missing required argument 'a' (pos 1)`.
    Plain,
    /// As functions that read a tuple by a format with a name: `f() takes exactly 1 argument (0 given)`.
    Format,
    /// As those whose format has no name: `function takes exactly 1 argument (0 given)`.
    Unnamed,
}

/// A parsed parameter list.
pub struct Signature {
    name: &'static str,
    /// The function's own name, where errors about keywords alone give it.
    called: &'static str,
    words: Words,
    params: [&'static str; MAX_PARAMS],
    len: usize,
    /// Parameters before `/`, without the bound one.
    positional_only: usize,
    /// Parameters that may be given by position.
    positional: usize,
    /// How many leading parameters have no default.
    required: usize,
    /// Bit per keyword-only parameter without default.
    required_kw: u32,
}

impl Signature {
    /// Parses a text signature such as `"($self, object, /, start=0, *, key=None)"` at compile time. A leading
    /// `$self`, `$type` or `$module` is the bound argument and is skipped.
    pub const fn parse(name: &'static str, text: &'static str) -> Self {
        Self::worded(name, text, Words::Plain)
    }

    /// As [`Signature::parse`], with errors that do not name the function.
    pub const fn unnamed(text: &'static str) -> Self {
        Self::worded("function", text, Words::Unnamed)
    }

    /// As [`Signature::parse`], with the words of errors.
    pub const fn worded(name: &'static str, text: &'static str, words: Words) -> Self {
        let bytes = text.as_bytes();
        let mut sig = Signature {
            name,
            called: name,
            words,
            params: [""; MAX_PARAMS],
            len: 0,
            positional_only: 0,
            positional: 0,
            required: 0,
            required_kw: 0,
        };
        let mut at = 1;
        let mut keyword_only = false;
        assert!(bytes[0] == b'(' && bytes[bytes.len() - 1] == b')', "a signature stands in parentheses");
        while at < bytes.len() - 1 {
            while bytes[at] == b' ' || bytes[at] == b',' {
                at += 1;
            }
            if bytes[at] == b')' {
                break;
            }
            let start = at;
            let mut depth = 0usize;
            let mut quote = 0u8;
            let mut name_end = 0;
            while !(depth == 0 && quote == 0 && (bytes[at] == b',' || (bytes[at] == b')' && at == bytes.len() - 1))) {
                let byte = bytes[at];
                if quote != 0 {
                    if byte == quote {
                        quote = 0;
                    }
                } else if byte == b'\'' || byte == b'"' {
                    quote = byte;
                } else if byte == b'(' || byte == b'[' || byte == b'{' {
                    depth += 1;
                } else if byte == b')' || byte == b']' || byte == b'}' {
                    depth -= 1;
                } else if byte == b'=' && name_end == 0 {
                    name_end = at;
                }
                at += 1;
            }
            let has_default = name_end != 0;
            if !has_default {
                name_end = at;
            }
            let (_, rest) = bytes.split_at(start);
            let (word, _) = rest.split_at(name_end - start);
            let Ok(word) = std::str::from_utf8(word) else { panic!("a signature is ASCII") };
            match word.as_bytes() {
                b"/" => sig.positional_only = sig.len,
                b"*" => keyword_only = true,
                [b'$', ..] => {}
                _ => {
                    sig.params[sig.len] = word;
                    if keyword_only {
                        if !has_default {
                            sig.required_kw |= 1 << sig.len;
                        }
                    } else {
                        sig.positional += 1;
                        if !has_default {
                            sig.required = sig.len + 1;
                        }
                    }
                    sig.len += 1;
                }
            }
        }
        sig
    }

    /// Whether no parameter can be given by keyword.
    pub const fn is_positional(&self) -> bool {
        self.positional_only == self.len
    }

    /// The same for a function that is called `name`, which is only said when there are keywords.
    pub const fn called(mut self, name: &'static str) -> Self {
        self.called = name;
        self
    }

    /// Whether the caller of a function sees to it that there are no keywords; functions whose errors have no name
    /// do that themselves.
    pub const fn is_checked_by_caller(&self) -> bool {
        self.is_positional() && !matches!(self.words, Words::Unnamed)
    }

    /// How many parameters there are.
    pub const fn len(&self) -> usize {
        self.len
    }

    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Sorts the arguments of a call into one slot per parameter; a missing optional one is `None`.
    ///
    /// # Errors
    /// `TypeError` in the reference's words for missing, surplus, unknown and doubly given arguments.
    #[inline]
    pub fn bind<'a, const N: usize>(&self, py: Attached<'_>, args: Args<'a>) -> PyResult<[Option<&'a Object>; N]> {
        let mut bound = [None; N];
        if args.names.is_empty()
            && args.pos.len() <= self.positional
            && args.pos.len() >= self.required
            && self.required_kw == 0
        {
            for (slot, arg) in bound.iter_mut().zip(args.pos) {
                *slot = Some(*arg);
            }
            return Ok(bound);
        }
        self.bind_slow(py, args, &mut bound)?;
        Ok(bound)
    }

    #[inline(never)]
    fn bind_slow<'a>(&self, py: Attached<'_>, args: Args<'a>, bound: &mut [Option<&'a Object>]) -> PyResult<()> {
        if self.positional_only == self.len {
            args.no_keywords(py, self.called)?;
            match self.words {
                Words::Plain => check_positional(py, self.name, args.pos.len(), self.required, self.positional)?,
                _ => self.check_count(py, args.pos.len())?,
            }
            bound.iter_mut().zip(args.pos).for_each(|(slot, arg)| *slot = Some(*arg));
            return Ok(());
        }
        let params = Params {
            function: self.callee(),
            names: &self.params[..self.len],
            positional_only: self.positional_only,
            positional: self.positional,
            required: self.required,
            needs_keyword: &|at| self.required_kw & (1 << at) != 0,
            variadic: false,
            looked_up: false,
        };
        params.bind(py, args, bound)
    }
}

impl Signature {
    fn callee(&self) -> Callee<'static> {
        Callee((self.words != Words::Unnamed).then_some(self.name))
    }

    /// Raises `TypeError` for a number of arguments that a format does not take.
    fn check_count(&self, py: Attached<'_>, given: usize) -> PyResult<()> {
        let (least, most) = (self.required, self.positional);
        let (bound, count) = match given {
            _ if (least..=most).contains(&given) => return Ok(()),
            _ if least == most => ("exactly", least),
            _ if given < least => ("at least", least),
            _ => ("at most", most),
        };
        let plural = if count == 1 { "" } else { "s" };
        Err(raise!(py, TypeError, "{} takes {bound} {count} argument{plural} ({given} given)", self.callee()))
    }
}

/// Whether no parameter of a text signature can be given by keyword: all stand before the `/`, but for a last
/// `*rest`. An empty text says nothing, so it is `false`.
pub const fn is_positional_text(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut at = bytes.len();
    // The place of the last slash; what follows may only be `)` or `, *rest)`.
    while at > 0 && bytes[at - 1] != b'/' {
        at -= 1;
    }
    if at == 0 {
        return false;
    }
    let (_, rest) = bytes.split_at(at);
    match rest {
        b")" => true,
        [b',', b' ', b'*', b'a'..=b'z', tail @ ..] => {
            let mut at = 0;
            while at < tail.len() && tail[at] != b',' {
                at += 1;
            }
            at == tail.len()
        }
        _ => false,
    }
}

/// How messages name a function: `f()`, or `function` when nobody knows its name.
#[derive(Clone, Copy)]
pub struct Callee<'s>(pub Option<&'s str>);

impl Callee<'_> {
    /// As it shows, with `this` before a function whose name nobody knows.
    fn this(&self) -> String {
        let this = if self.0.is_none() { "this " } else { "" };
        format!("{this}{self}")
    }
}

impl std::fmt::Display for Callee<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(name) => write!(f, "{name}()"),
            None => f.write_str("function"),
        }
    }
}

/// A parameter list that a call is bound to.
pub struct Params<'s> {
    pub function: Callee<'s>,
    /// A name for each parameter; empty for one that has none.
    pub names: &'s [&'s str],
    /// Leading parameters that no keyword fills.
    pub positional_only: usize,
    /// Leading parameters that may be given by position.
    pub positional: usize,
    /// Leading parameters without a default.
    pub required: usize,
    /// Whether a keyword-only parameter, by its place, has no default.
    pub needs_keyword: &'s dyn Fn(usize) -> bool,
    /// Whether further positional arguments are allowed; they are not bound.
    pub variadic: bool,
    /// Whether the parameters are looked up in a dict, as `PyArg_ParseTupleAndKeywords` does it: an instance of a
    /// subclass of `str` then counts by its own `__hash__` and `__eq__`, and an unknown keyword by its text. Else it
    /// is the other way round.
    pub looked_up: bool,
}

impl<'s> Params<'s> {
    /// A function that takes any positional arguments, and these keywords.
    pub fn keywords(function: &'s str, names: &'s [&'s str]) -> Self {
        Params {
            function: Callee(Some(function)),
            names,
            positional_only: 0,
            positional: 0,
            required: 0,
            needs_keyword: &|_| false,
            variadic: true,
            looked_up: false,
        }
    }

    /// Sorts the arguments of a call into one slot per parameter; a missing optional one stays `None`.
    ///
    /// # Errors
    /// `TypeError` in the reference's words for missing, surplus, unknown and doubly given arguments.
    pub fn bind<'a>(&self, py: Attached<'_>, args: Args<'a>, bound: &mut [Option<&'a Object>]) -> PyResult<()> {
        let (name, len) = (&self.function, self.names.len());
        if args.len() > len && !self.variadic {
            let (keyword, plural) =
                (if args.pos.is_empty() { "keyword " } else { "" }, if len == 1 { "" } else { "s" });
            let given = args.len();
            return Err(raise!(py, TypeError, "{name} takes at most {len} {keyword}argument{plural} ({given} given)"));
        }
        if args.pos.len() > self.positional && !self.variadic {
            let bound_word = if self.required < self.positional { "at most" } else { "exactly" };
            let plural = if self.positional == 1 { "" } else { "s" };
            return Err(match self.positional {
                0 => raise!(py, TypeError, "{name} takes no positional arguments"),
                max => {
                    raise!(
                        py,
                        TypeError,
                        "{name} takes {bound_word} {max} positional argument{plural} ({} given)",
                        args.pos.len()
                    )
                }
            });
        }
        for (slot, arg) in bound.iter_mut().zip(args.pos).take(self.positional) {
            *slot = Some(*arg);
        }
        // What is missing is reported before what is too much. A keyword for a place that is taken is too much as well.
        let free = args.pos.len().min(self.positional).max(self.positional_only);
        let mut surplus = false;
        for (key, value) in args.names.iter().zip(args.values) {
            let known = match key.downcast::<Str>() {
                Some(text) => self.place(text, free),
                None => None,
            };
            let known = match known {
                Some(at)
                    if self.looked_up && key.downcast_exact::<Str>().is_none() && !is_key(py, key, self.names[at])? =>
                {
                    None
                }
                known => known,
            };
            match known {
                Some(at) if bound[at].is_none() => bound[at] = Some(*value),
                _ => surplus = true,
            }
        }
        for (at, slot) in bound.iter().enumerate().take(len) {
            let needed = at < self.required || at >= self.positional && (self.needs_keyword)(at);
            if needed && slot.is_none() {
                return Err(self.missing(py, at, args.pos.len()));
            }
        }
        if surplus { Err(self.surplus(py, args)) } else { Ok(()) }
    }

    /// The parameter, from one on, that a keyword names.
    fn place(&self, key: &Str, from: usize) -> Option<usize> {
        (from..self.names.len()).find(|&at| key.eq_str(self.names[at]))
    }

    /// The error for the first keyword that no parameter is left for.
    #[cold]
    fn surplus(&self, py: Attached<'_>, args: Args<'_>) -> crate::Raised {
        let name = &self.function;
        for key in args.names.iter().filter_map(|key| key.downcast::<Str>()) {
            match self.place(key, self.positional_only) {
                Some(at) if at < args.pos.len().min(self.positional) => {
                    let place = at + 1;
                    return raise!(py, TypeError, "argument for {name} given by name ('{key}') and position ({place})");
                }
                _ => {}
            }
        }
        for key in args.names {
            let Some(key) = key.downcast::<Str>() else { return raise!(py, TypeError, "keywords must be strings") };
            match self.is_known(py, key) {
                Ok(true) => {}
                Ok(false)
                    if !key.is_empty() && self.names[..self.positional_only].iter().any(|name| key.eq_str(name)) =>
                {
                    return raise!(
                        py,
                        TypeError,
                        "{name} got some positional-only arguments passed as keyword arguments: '{key}'"
                    );
                }
                Ok(false) => return unexpected_keyword(py, name, key, &self.names[self.positional_only..]),
                Err(raised) => return raised,
            }
        }
        raise!(py, TypeError, "invalid keyword argument for {}", name.this())
    }

    /// Whether a keyword that was not bound is a parameter's name all the same.
    fn is_known(&self, py: Attached<'_>, key: &Str) -> PyResult<bool> {
        if self.looked_up || key.as_object().downcast_exact::<Str>().is_some() {
            return Ok(self.place(key, self.positional_only).is_some());
        }
        for name in &self.names[self.positional_only..] {
            if Str::new(py, name)?.as_object().eq(py, key.as_object())? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The error for a parameter that got no argument.
    #[cold]
    fn missing(&self, py: Attached<'_>, at: usize, given: usize) -> crate::Raised {
        let name = &self.function;
        if at >= self.positional_only {
            return raise!(py, TypeError, "{name} missing required argument '{}' (pos {})", self.names[at], at + 1);
        }
        let least = self.required.min(self.positional_only);
        let (bound, plural) =
            (if least < self.positional { "at least" } else { "exactly" }, if least == 1 { "" } else { "s" });
        raise!(py, TypeError, "{name} takes {bound} {least} positional argument{plural} ({given} given)")
    }
}

#[cold]
fn unexpected_keyword(py: Attached<'_>, function: &Callee<'_>, key: &Str, known: &[&str]) -> crate::Raised {
    let hint = match crate::suggest::closest(&key.to_string_lossy(), known.iter().copied()) {
        Some(meant) => format!(". Did you mean '{meant}'?"),
        None => String::new(),
    };
    let mut text = crate::unicodeobject::StrBuilder::new();
    text.push_str(&format!("{} got an unexpected keyword argument '", function.this()));
    text.push_obj(key);
    text.push_str("'");
    text.push_str(&hint);
    match text.finish(py) {
        Ok(text) => crate::exceptions::raise_value(py, crate::exc::TypeError(), text.as_object()),
        Err(raised) => raised,
    }
}

/// Whether a key finds the entry of a name in a dict.
fn is_key(py: Attached<'_>, key: &Object, name: &str) -> PyResult<bool> {
    let name = Str::new(py, name)?;
    Ok(key.hash(py)? == name.hash() && key.eq(py, name.as_object())?)
}
