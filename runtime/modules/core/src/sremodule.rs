//! `_sre`: compiled patterns, matches and scanners over the engine in `krait_text::sre`.
use krait_object::args::Args;
use krait_object::builtins::genericaliasobject::class_getitem;
use krait_object::builtins::object::object_sizeof;
use krait_object::hooks::hooks;
use krait_object::layout::{Field, PyObject};
use krait_object::native::{Arg, Fixed, Trace, alloc, part, ready, required};
use krait_object::protocols::buffer::Buffer;
use krait_object::protocols::iter::CallIter;
use krait_object::typedef::CompareOp;
use krait_object::{
    Attached, Bytes, Dict, Int, IntoObject, Layout, List, MemoryView, Module, Object, PyResult, Raised, Ref, Slot, Str,
    StrBuilder, StrData, Tuple, Visit, functions, id, none, not_implemented, pytype, raise,
};
use krait_text::sre::{self, Env, How, LocaleTable, Matcher, Program, RunError};
use std::cell::RefCell;
use std::ffi::c_int;
use std::mem::offset_of;
use std::sync::OnceLock;

const FLAG_LOCALE: isize = 4;
const FLAG_UNICODE: isize = 32;

/// What a pattern was compiled to.
pub struct Compiled {
    program: Program,
    words: Vec<u32>,
    /// `None` for a pattern without text, which matches both kinds.
    bytes: Option<bool>,
}
impl Trace for Compiled {}
impl Compiled {
    /// Bytes of memory.
    fn size(&self) -> usize {
        size_of::<Compiled>() + self.words.capacity() * size_of::<u32>() + self.program.size_apart()
    }
}

krait_object::native! {
    /// `re.Pattern`.
    pub struct Pattern {
        compiled: Fixed<Compiled>, pattern: Slot, flags: Field<isize>, groupindex: Slot<Dict>, indexgroup: Slot<Tuple>,
        weaklist: Field<*mut PyObject>,
    }
}
pytype! {
    static PATTERN: "re.Pattern" for Pattern {
        base: Object, flags: [HAVE_GC, DISALLOW_INSTANTIATION],
        doc: "Compiled regular expression object.",
        slots: {
            tp_dealloc = Pattern::dealloc,
            tp_traverse = Pattern::traverse,
            tp_repr = Pattern::repr,
            tp_hash = Pattern::hash,
            tp_richcompare = Pattern::compare,
            raw tp_weaklistoffset = offset_of!(Pattern, weaklist) as isize,
        },
        methods: {
            sig "match" => |py: Attached<'_>, this: &Pattern, args: [Arg<'_>; 3]| this.once(py, args, How::Match), "($self, /, string, pos=0, endpos=sys.maxsize)", "Matches zero or more characters at the beginning of the string.";
            sig "fullmatch" => |py: Attached<'_>, this: &Pattern, args: [Arg<'_>; 3]| this.once(py, args, How::Full), "($self, /, string, pos=0, endpos=sys.maxsize)", "Matches against all of the string.";
            sig "search" => |py: Attached<'_>, this: &Pattern, args: [Arg<'_>; 3]| this.once(py, args, How::Search), "($self, /, string, pos=0, endpos=sys.maxsize)", "Scan through string looking for a match, and return a corresponding match object instance.\n\nReturn None if no position in the string matches.";
            sig "sub" => |py: Attached<'_>, this: &Pattern, args: [Arg<'_>; 3]| this.substitute(py, args).map(|(text, _)| text), "($self, /, repl, string, count=0)", "Return the string with the leftmost matches replaced.";
            sig "subn" => Pattern::subn, "($self, /, repl, string, count=0)", "Return the string with matches replaced, and how many there were.";
            sig "findall" => Pattern::findall, "($self, /, string, pos=0, endpos=sys.maxsize)", "Return a list of all non-overlapping matches of pattern in string.";
            sig "split" => Pattern::split, "($self, /, string, maxsplit=0)", "Split string by the occurrences of pattern.";
            sig "finditer" => Pattern::finditer, "($self, /, string, pos=0, endpos=sys.maxsize)", "Return an iterator over all non-overlapping matches for the RE pattern in string.\n\nFor each match, the iterator returns a match object.";
            sig "scanner" => Pattern::scanner, "($self, /, string, pos=0, endpos=sys.maxsize)", "Return an object that finds match after match.";
            noargs "__sizeof__" => |py: Attached<'_>, this: &Pattern| object_sizeof(py, this.as_object()) + this.compiled.get().map_or(0, Compiled::size), "($self, /)", "Size in memory, in bytes.";
            noargs "__copy__" => |_: Attached<'_>, this: &Pattern| this.to_ref(), "($self, /)", "The pattern itself.";
            o "__deepcopy__" => |_: Attached<'_>, this: &Pattern, _: &Object| this.to_ref(), "($self, memo, /)", "The pattern itself.";
            class o "__class_getitem__" => class_getitem, "", "See PEP 585";
        },
        getset: {
            "groupindex" => Pattern::group_index, "A dictionary mapping group names to group numbers.";
            "pattern" => |_: Attached<'_>, this: &Pattern| this.pattern.get(), "The pattern string from which the RE object was compiled.";
            "flags" => |_: Attached<'_>, this: &Pattern| this.flags.get(), "The regex matching flags.";
            "groups" => |_: Attached<'_>, this: &Pattern| this.groups(), "The number of capturing groups in the pattern.";
        },
    }
}

/// The string that is searched.
enum Subject<'a> {
    Text(&'a Str),
    Bytes(Buffer),
}

impl Subject<'_> {
    fn len(&self) -> usize {
        match self {
            Subject::Text(text) => text.len(),
            Subject::Bytes(bytes) => bytes.as_slice().len(),
        }
    }

    /// A part of the string, as groups give it.
    fn slice(&self, py: Attached<'_>, object: &Object, from: usize, to: usize) -> PyResult<Ref<Object>> {
        match self {
            Subject::Text(text) => {
                if from == 0 && to == text.len() && object.downcast_exact::<Str>().is_some() {
                    return Ok(object.to_ref());
                }
                Ok(text.substring(py, from.min(to), to)?.upcast())
            }
            Subject::Bytes(bytes) => {
                if from == 0 && to == self.len() && object.downcast_exact::<Bytes>().is_some() {
                    return Ok(object.to_ref());
                }
                Ok(Bytes::new(py, &bytes.as_slice()[from.min(to)..to])?.upcast())
            }
        }
    }
}

fn subject<'a>(py: Attached<'_>, string: &'a Object) -> PyResult<Subject<'a>> {
    if let Some(text) = string.downcast::<Str>() {
        return Ok(Subject::Text(text));
    }
    if !Buffer::is_exporter(string) {
        let name = string.ty().name();
        return Err(raise!(py, TypeError, "expected string or bytes-like object, got '{name}'"));
    }
    Ok(Subject::Bytes(Buffer::contiguous(py, string)?))
}

unsafe extern "C" {
    fn tolower(c: c_int) -> c_int;
    fn toupper(c: c_int) -> c_int;
    fn isalnum(c: c_int) -> c_int;
}

fn locale_table(flags: isize) -> LocaleTable {
    if flags & FLAG_LOCALE == 0 {
        return LocaleTable::default();
    }
    // SAFETY: the arguments are in the range of a byte.
    unsafe {
        LocaleTable {
            lower: std::array::from_fn(|byte| tolower(byte as c_int) as u8),
            upper: std::array::from_fn(|byte| toupper(byte as c_int) as u8),
            alnum: std::array::from_fn(|byte| isalnum(byte as c_int) != 0),
        }
    }
}

thread_local! {
    /// Matchers that keep their memory between runs.
    static POOL: RefCell<Vec<Matcher>> = const { RefCell::new(Vec::new()) };
}

/// A run of searches over one string.
struct Runner<'a> {
    pattern: &'a Pattern,
    compiled: &'a Compiled,
    subject: Subject<'a>,
    string: &'a Object,
    matcher: Matcher,
    pos: usize,
    end: usize,
    advance: bool,
}

impl Drop for Runner<'_> {
    fn drop(&mut self) {
        let matcher = std::mem::take(&mut self.matcher);
        POOL.with_borrow_mut(|pool| {
            if pool.len() < 4 {
                pool.push(matcher)
            }
        });
    }
}

impl<'a> Runner<'a> {
    fn new(py: Attached<'_>, pattern: &'a Pattern, string: &'a Object, pos: Arg<'_>, end: Arg<'_>) -> PyResult<Self> {
        let compiled = pattern.compiled(py)?;
        let subject = subject(py, string)?;
        match (compiled.bytes, &subject) {
            (Some(true), Subject::Text(_)) => {
                return Err(raise!(py, TypeError, "cannot use a bytes pattern on a string-like object"));
            }
            (Some(false), Subject::Bytes(_)) => {
                return Err(raise!(py, TypeError, "cannot use a string pattern on a bytes-like object"));
            }
            _ => {}
        }
        let len = subject.len();
        let bound = |arg: Arg<'_>, default: usize| -> PyResult<usize> {
            Ok(arg.map_or(Ok(default as isize), |arg| arg.as_isize(py))?.clamp(0, len as isize) as usize)
        };
        let (pos, end) = (bound(pos, 0)?, bound(end, len)?);
        let matcher = POOL.with_borrow_mut(Vec::pop).unwrap_or_default();
        Ok(Runner { pattern, compiled, subject, string, matcher, pos, end, advance: false })
    }

    /// One attempt from the present position.
    fn run(&mut self, py: Attached<'_>, how: How) -> PyResult<bool> {
        static C_LOCALE: OnceLock<LocaleTable> = OnceLock::new();
        let own;
        let locale = if self.pattern.flags.get() & FLAG_LOCALE == 0 {
            C_LOCALE.get_or_init(LocaleTable::default)
        } else {
            own = locale_table(self.pattern.flags.get());
            &own
        };
        if self.pos > self.end {
            return Ok(false);
        }
        let mut check = || (hooks().check_signals)(py).is_err();
        let mut env = Env { locale, check: &mut check };
        let (program, m) = (&self.compiled.program, &mut self.matcher);
        let (pos, end, advance) = (self.pos, self.end, self.advance);
        let result = match &self.subject {
            Subject::Bytes(bytes) => program.run(m, bytes.as_slice(), how, pos, end, advance, &mut env),
            Subject::Text(text) => match text.data() {
                StrData::Ascii(units) | StrData::Latin1(units) => {
                    program.run(m, units, how, pos, end, advance, &mut env)
                }
                StrData::Ucs2(units) => program.run(m, units, how, pos, end, advance, &mut env),
                StrData::Ucs4(units) => program.run(m, units, how, pos, end, advance, &mut env),
            },
        };
        match result {
            Ok(found) => Ok(found),
            Err(RunError::Interrupted) => Err(Raised::assume()),
            Err(RunError::NoMemory) => Err(py.no_memory()),
        }
    }

    fn span(&self) -> (usize, usize) {
        self.matcher.group(0).unwrap_or((0, 0))
    }

    /// Goes on after the match just found.
    fn step(&mut self) {
        let (start, end) = self.span();
        self.advance = start == end;
        self.pos = end;
    }

    fn group(&self, py: Attached<'_>, group: usize) -> PyResult<Option<Ref<Object>>> {
        self.matcher.group(group).map(|(from, to)| self.subject.slice(py, self.string, from, to)).transpose()
    }

    fn to_match(&self, py: Attached<'_>, pos: usize, end: usize) -> PyResult<Ref<Match>> {
        let this = alloc::<Match>(py, Match::type_object())?;
        let spans = (0..=self.compiled.program.groups()).map(|group| self.matcher.group(group)).collect();
        this.spans.init(Spans(spans));
        drop(this.pattern.replace(Some(self.pattern.to_ref())));
        drop(this.string.replace(Some(self.string.to_ref())));
        this.pos.set(pos);
        this.endpos.set(end);
        this.last.set(self.matcher.last_index().unwrap_or(0));
        Ok(this)
    }
}

impl Pattern {
    fn compiled(&self, py: Attached<'_>) -> PyResult<&Compiled> {
        self.compiled.get().ok_or_else(|| py.bad_internal_call())
    }

    fn groups(&self) -> usize {
        self.compiled.get().map_or(0, |compiled| compiled.program.groups())
    }

    fn once(&self, py: Attached<'_>, [string, pos, end]: [Arg<'_>; 3], how: How) -> PyResult<Option<Ref<Match>>> {
        let mut runner = Runner::new(py, self, required(py, string)?, pos, end)?;
        let (pos, end) = (runner.pos, runner.end);
        if runner.run(py, how)? { runner.to_match(py, pos, end).map(Some) } else { Ok(None) }
    }

    fn findall(py: Attached<'_>, this: &Pattern, [string, pos, end]: [Arg<'_>; 3]) -> PyResult<Ref<List>> {
        let mut runner = Runner::new(py, this, required(py, string)?, pos, end)?;
        let (mut found, groups) = (Vec::new(), this.groups());
        let empty = runner.subject.slice(py, none().as_object(), 0, 0)?;
        while runner.run(py, How::Search)? {
            found.push(match groups {
                0 | 1 => runner.group(py, groups)?.unwrap_or_else(|| empty.clone()),
                _ => Tuple::build(py, groups, |at| Ok(runner.group(py, at + 1)?.unwrap_or_else(|| empty.clone())))?
                    .upcast(),
            });
            runner.step();
        }
        List::from_vec(py, found)
    }

    fn split(py: Attached<'_>, this: &Pattern, [string, max]: [Arg<'_>; 2]) -> PyResult<Ref<List>> {
        let max = max.map_or(Ok(0), |max| max.as_isize(py))?;
        let string = required(py, string)?;
        let mut runner = Runner::new(py, this, string, None, None)?;
        let (mut parts, mut last, mut count) = (Vec::new(), 0, 0);
        while (max == 0 || count < max) && runner.run(py, How::Search)? {
            let (start, end) = runner.span();
            parts.push(runner.subject.slice(py, string, last, start)?);
            for group in 1..=this.groups() {
                parts.push(runner.group(py, group)?.unwrap_or_else(none));
            }
            last = end;
            count += 1;
            runner.step();
        }
        let len = runner.subject.len();
        parts.push(runner.subject.slice(py, string, last, len)?);
        List::from_vec(py, parts)
    }

    fn finditer(py: Attached<'_>, this: &Pattern, args: [Arg<'_>; 3]) -> PyResult<Ref<CallIter>> {
        let scanner = Pattern::scanner(py, this, args)?;
        let search = scanner.as_object().get_attr(py, id!(py, search))?;
        CallIter::new(py, &search, &none())
    }

    fn scanner(py: Attached<'_>, this: &Pattern, [string, pos, end]: [Arg<'_>; 3]) -> PyResult<Ref<Scanner>> {
        let string = required(py, string)?;
        let runner = Runner::new(py, this, string, pos, end)?;
        let scanner = alloc::<Scanner>(py, Scanner::type_object())?;
        scanner.start.set(runner.pos);
        scanner.pos.set(runner.pos);
        scanner.end.set(runner.end);
        drop(scanner.pattern.replace(Some(this.to_ref())));
        drop(scanner.string.replace(Some(string.to_ref())));
        if string.downcast::<Str>().is_none() && string.downcast::<Bytes>().is_none() {
            drop(scanner.held.replace(Some(MemoryView::new(py, string)?.upcast())));
        }
        Ok(scanner)
    }

    fn subn(py: Attached<'_>, this: &Pattern, args: [Arg<'_>; 3]) -> PyResult<Ref<Tuple>> {
        let (text, count) = this.substitute(py, args)?;
        Tuple::pair(py, text, count.into_object(py)?)
    }

    fn substitute(&self, py: Attached<'_>, [repl, string, count]: [Arg<'_>; 3]) -> PyResult<(Ref<Object>, usize)> {
        let (repl, string) = (required(py, repl)?, required(py, string)?);
        let max = count.map_or(Ok(0), |count| count.as_isize(py))?;
        let filter = Filter::new(py, self, repl)?;
        let mut runner = Runner::new(py, self, string, None, None)?;
        let mut out = match runner.subject {
            Subject::Text(text) => Output::Text(StrBuilder::with_capacity(text.len())),
            Subject::Bytes(_) => Output::Bytes(Vec::new()),
        };
        let (mut last, mut found) = (0, 0usize);
        let whole = (runner.pos, runner.end);
        while (max == 0 || (found as isize) < max) && runner.run(py, How::Search)? {
            let (start, end) = runner.span();
            out.push_part(&runner.subject, last, start);
            match &filter {
                Filter::Literal(literal) => out.push(py, literal)?,
                Filter::Template(template) => {
                    for piece in template.pieces(py)? {
                        match piece {
                            Piece::Literal(literal) => out.push(py, literal)?,
                            Piece::Group(group) => {
                                if let Some((from, to)) = runner.matcher.group(*group) {
                                    out.push_part(&runner.subject, from, to);
                                }
                            }
                        }
                    }
                }
                Filter::Call(function) => {
                    let found = runner.to_match(py, whole.0, whole.1)?;
                    let text = function.call_pos(py, &[found.as_object()])?;
                    if !text.is_none() {
                        out.push(py, &text)?;
                    }
                }
            }
            last = end;
            found += 1;
            runner.step();
        }
        if found == 0 {
            let len = runner.subject.len();
            return Ok((runner.subject.slice(py, string, 0, len)?, 0));
        }
        let len = runner.subject.len();
        out.push_part(&runner.subject, last, len);
        Ok((out.finish(py)?, found))
    }

    fn group_index(py: Attached<'_>, this: &Pattern) -> PyResult<Ref<Object>> {
        let dict = part(py, &this.groupindex)?;
        let types = krait_object::builtins::descrobject::MappingProxy::type_object();
        types.as_object().call_pos(py, &[dict.as_object()])
    }

    fn repr(py: Attached<'_>, this: &Pattern) -> PyResult<String> {
        let pattern = part(py, &this.pattern)?;
        let mut flags = this.flags.get();
        // A text pattern is Unicode unless it says otherwise.
        if pattern.as_object().downcast::<Str>().is_some() && flags & (FLAG_LOCALE | FLAG_UNICODE | 256) == FLAG_UNICODE
        {
            flags &= !FLAG_UNICODE;
        }
        const NAMES: [(isize, &str); 8] = [
            (2, "re.IGNORECASE"),
            (4, "re.LOCALE"),
            (8, "re.MULTILINE"),
            (16, "re.DOTALL"),
            (64, "re.VERBOSE"),
            (128, "re.DEBUG"),
            (256, "re.ASCII"),
            (32, "re.UNICODE"),
        ];
        let mut names = Vec::new();
        for (bit, name) in NAMES {
            if flags & bit != 0 {
                names.push(name.to_owned());
                flags &= !bit;
            }
        }
        if flags != 0 {
            names.push(format!("0x{flags:x}"));
        }
        let text: String = pattern.repr(py)?.to_string_lossy().chars().take(200).collect();
        Ok(if names.is_empty() {
            format!("re.compile({text})")
        } else {
            format!("re.compile({text}, {})", names.join("|"))
        })
    }

    fn hash(py: Attached<'_>, this: &Pattern) -> PyResult<isize> {
        let hash = part(py, &this.pattern)?.hash(py)?;
        Ok(hash ^ this.flags.get() ^ this.groups() as isize)
    }

    fn compare(py: Attached<'_>, this: &Pattern, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        let (Some(other), true) = (other.downcast_exact::<Pattern>(), matches!(op, CompareOp::Eq | CompareOp::Ne))
        else {
            return Ok(not_implemented());
        };
        let (a, b) = (this.compiled(py)?, other.compiled(py)?);
        let mut same = this.flags.get() == other.flags.get() && a.bytes == b.bytes && a.words == b.words;
        if same {
            same = part(py, &this.pattern)?.eq(py, &*part(py, &other.pattern)?)?;
        }
        (same == (op == CompareOp::Eq)).into_object(py)
    }

    /// The number of a group given by number or name.
    fn group_number(&self, py: Attached<'_>, group: &Object) -> PyResult<usize> {
        let number = if group.has_index() {
            group.as_isize(py).ok().and_then(|number| usize::try_from(number).ok())
        } else {
            let names = part(py, &self.groupindex)?;
            let found = names.get(py, group).map_err(|raised| {
                raised.clear(py);
                raise!(py, IndexError, "no such group")
            })?;
            found
                .and_then(|number| number.as_object().downcast::<Int>().and_then(Int::to_i64))
                .map(|number| number as usize)
        };
        if let Some(raised) = py.take_raised() {
            drop(raised);
        }
        number.filter(|&number| number <= self.groups()).ok_or_else(|| raise!(py, IndexError, "no such group"))
    }
}

/// The result of a substitution while it grows.
enum Output {
    Text(StrBuilder),
    Bytes(Vec<u8>),
}

impl Output {
    fn push_part(&mut self, subject: &Subject<'_>, from: usize, to: usize) {
        match (self, subject) {
            (Output::Text(out), Subject::Text(text)) if from < to => out.push_slice(text, from, to),
            (Output::Bytes(out), Subject::Bytes(bytes)) if from < to => {
                out.extend_from_slice(&bytes.as_slice()[from..to])
            }
            _ => {}
        }
    }
    fn push(&mut self, py: Attached<'_>, piece: &Object) -> PyResult<()> {
        match self {
            Output::Text(out) => match piece.downcast::<Str>() {
                Some(text) => {
                    out.push_obj(text);
                    Ok(())
                }
                None => {
                    Err(raise!(py, TypeError, "sequence item 0: expected str instance, {} found", piece.ty().name()))
                }
            },
            Output::Bytes(out) => {
                if !Buffer::is_exporter(piece) {
                    let name = piece.ty().name();
                    return Err(raise!(py, TypeError, "sequence item 0: expected a bytes-like object, {name} found"));
                }
                out.extend_from_slice(Buffer::contiguous(py, piece)?.as_slice());
                Ok(())
            }
        }
    }
    fn finish(self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        match self {
            Output::Text(out) => Ok(out.finish(py)?.upcast()),
            Output::Bytes(out) => Ok(Bytes::new(py, &out)?.upcast()),
        }
    }
}

/// What replaces a match.
enum Filter {
    Literal(Ref<Object>),
    Template(Ref<Template>),
    Call(Ref<Object>),
}

impl Filter {
    fn new(py: Attached<'_>, pattern: &Pattern, repl: &Object) -> PyResult<Filter> {
        if repl.is_callable() {
            return Ok(Filter::Call(repl.to_ref()));
        }
        let literal = match repl.downcast::<Str>() {
            Some(text) => text.code_points().all(|point| point != '\\' as u32),
            None => Buffer::is_exporter(repl) && !Buffer::contiguous(py, repl)?.as_slice().contains(&b'\\'),
        };
        if literal {
            return Ok(Filter::Literal(repl.to_ref()));
        }
        let made = compile_template(py, pattern, repl)?;
        match made.downcast::<Template>() {
            Ok(template) => Ok(Filter::Template(template)),
            Err(other) if other.as_object().is_callable() => Ok(Filter::Call(other)),
            Err(other) => Ok(Filter::Literal(other)),
        }
    }
}

fn compile_template(py: Attached<'_>, pattern: &Pattern, template: &Object) -> PyResult<Ref<Object>> {
    let module = (hooks().import)(py, "re")?;
    module.call_method(py, id!(py, _compile_template), &[pattern.as_object(), template])
}

/// A piece of a replacement template.
pub enum Piece {
    Literal(Ref<Object>),
    Group(usize),
}
impl Trace for Piece {}

krait_object::native! {
    /// A parsed replacement.
    pub struct Template { pieces: Fixed<Vec<Piece>> }
}
pytype! {
    static TEMPLATE: "_sre.SRE_Template" for Template {
        base: Object, flags: [HAVE_GC, DISALLOW_INSTANTIATION],
        slots: { tp_dealloc = Template::dealloc, tp_traverse = Template::traverse, },
    }
}

impl Template {
    fn pieces(&self, py: Attached<'_>) -> PyResult<&[Piece]> {
        self.pieces.get().map(Vec::as_slice).ok_or_else(|| py.bad_internal_call())
    }
}

/// The spans of a match's groups.
pub struct Spans(Vec<Option<(usize, usize)>>);
impl Trace for Spans {
    fn trace(&self, _: Visit<'_>) -> Result<(), c_int> {
        Ok(())
    }
}

krait_object::native! {
    /// `re.Match`.
    pub struct Match {
        pattern: Slot<Pattern>, string: Slot, regs: Slot<Tuple>, spans: Fixed<Spans>,
        pos: Field<usize>, endpos: Field<usize>, last: Field<usize>,
    }
}
pytype! {
    static MATCH: "re.Match" for Match {
        base: Object, flags: [HAVE_GC, DISALLOW_INSTANTIATION],
        doc: "The result of re.match() and re.search().\nMatch objects always have a boolean value of True.",
        slots: {
            tp_dealloc = Match::dealloc,
            tp_traverse = Match::traverse,
            tp_repr = Match::repr,
            mp_subscript = |py: Attached<'_>, this: &Match, group: &Object| this.group_value(py, group, &none()),
        },
        methods: {
            raw "group" => Match::group, "", "Return one or more groups of the match.\n\nGroup 0 is the whole match.";
            sig "start" => |py: Attached<'_>, this: &Match, [group]: [Arg<'_>; 1]| this.span_of(py, group).map(|span| span.0), "($self, group=0, /)", "Return index of the start of the substring matched by group.";
            sig "end" => |py: Attached<'_>, this: &Match, [group]: [Arg<'_>; 1]| this.span_of(py, group).map(|span| span.1), "($self, group=0, /)", "Return index of the end of the substring matched by group.";
            sig "span" => |py: Attached<'_>, this: &Match, [group]: [Arg<'_>; 1]| span_pair(py, this.span_of(py, group)?), "($self, group=0, /)", "For match object m, return the 2-tuple (m.start(group), m.end(group)).";
            sig "groups" => Match::groups, "($self, /, default=None)", "Return a tuple of all groups from 1 on.";
            sig "groupdict" => Match::groupdict, "($self, /, default=None)", "Return a dictionary of the named groups.";
            sig "expand" => Match::expand, "($self, /, template)", "Return the template with groups filled in, as sub() would.";
            noargs "__copy__" => |_: Attached<'_>, this: &Match| this.to_ref(), "($self, /)", "The match itself.";
            o "__deepcopy__" => |_: Attached<'_>, this: &Match, _: &Object| this.to_ref(), "($self, memo, /)", "The match itself.";
            class o "__class_getitem__" => class_getitem, "", "See PEP 585";
        },
        getset: {
            "lastindex" => |_: Attached<'_>, this: &Match| Some(this.last.get()).filter(|&last| last > 0), "The integer index of the last matched capturing group.";
            "lastgroup" => Match::last_group, "The name of the last matched capturing group.";
            "regs" => Match::regs, "";
            "string" => |_: Attached<'_>, this: &Match| this.string.get(), "The string passed to match() or search().";
            "re" => |_: Attached<'_>, this: &Match| this.pattern.get(), "The regular expression object.";
            "pos" => |_: Attached<'_>, this: &Match| this.pos.get(), "The index into the string at which the RE engine started looking for a match.";
            "endpos" => |_: Attached<'_>, this: &Match| this.endpos.get(), "The index into the string beyond which the RE engine will not go.";
        },
    }
}

fn span_pair(py: Attached<'_>, (start, end): (isize, isize)) -> PyResult<Ref<Tuple>> {
    Tuple::pair(py, start.into_object(py)?, end.into_object(py)?)
}

impl Match {
    fn spans(&self) -> &[Option<(usize, usize)>] {
        self.spans.get().map_or(&[], |spans| &spans.0)
    }

    fn number(&self, py: Attached<'_>, group: &Object) -> PyResult<usize> {
        if let Some(number) = group.downcast_exact::<Int>().filter(|number| number.is_compact()) {
            let number = number.compact_value();
            if number >= 0 && (number as usize) < self.spans().len() {
                return Ok(number as usize);
            }
        }
        part(py, &self.pattern)?.group_number(py, group)
    }

    fn value(&self, py: Attached<'_>, number: usize, default: &Object) -> PyResult<Ref<Object>> {
        let Some((from, to)) = self.spans().get(number).copied().flatten() else { return Ok(default.to_ref()) };
        let string = part(py, &self.string)?;
        let subject = subject(py, &string)?;
        let len = subject.len();
        subject.slice(py, &string, from.min(len), to.min(len))
    }

    fn group_value(&self, py: Attached<'_>, group: &Object, default: &Object) -> PyResult<Ref<Object>> {
        self.value(py, self.number(py, group)?, default)
    }

    fn group(py: Attached<'_>, this: &Match, args: Args<'_>) -> PyResult<Ref<Object>> {
        args.no_keywords(py, "Match.group")?;
        match args.pos {
            [] => this.value(py, 0, &none()),
            [group] => this.group_value(py, group, &none()),
            groups => Ok(Tuple::build(py, groups.len(), |at| this.group_value(py, groups[at], &none()))?.upcast()),
        }
    }

    fn span_of(&self, py: Attached<'_>, group: Arg<'_>) -> PyResult<(isize, isize)> {
        let number = group.map_or(Ok(0), |group| self.number(py, group))?;
        Ok(self.spans()[number].map_or((-1, -1), |(from, to)| (from as isize, to as isize)))
    }

    fn groups(py: Attached<'_>, this: &Match, [default]: [Arg<'_>; 1]) -> PyResult<Ref<Tuple>> {
        let fallback = none();
        let default = default.unwrap_or(&fallback);
        Tuple::build(py, this.spans().len().saturating_sub(1), |at| this.value(py, at + 1, default))
    }

    fn groupdict(py: Attached<'_>, this: &Match, [default]: [Arg<'_>; 1]) -> PyResult<Ref<Dict>> {
        let fallback = none();
        let (dict, default) = (Dict::new(py)?, default.unwrap_or(&fallback));
        let names = part(py, &part(py, &this.pattern)?.groupindex)?;
        for (name, number) in names.items_snapshot(py)? {
            dict.set(py, &name, &*this.group_value(py, &number, default)?)?;
        }
        Ok(dict)
    }

    fn expand(py: Attached<'_>, this: &Match, [template]: [Arg<'_>; 1]) -> PyResult<Ref<Object>> {
        let pattern = part(py, &this.pattern)?;
        let made = compile_template(py, &pattern, required(py, template)?)?;
        let Some(template) = made.as_object().downcast::<Template>() else { return Ok(made) };
        let string = part(py, &this.string)?;
        let subject = subject(py, &string)?;
        let mut out = match subject {
            Subject::Text(_) => Output::Text(StrBuilder::with_capacity(0)),
            Subject::Bytes(_) => Output::Bytes(Vec::new()),
        };
        for piece in template.pieces(py)? {
            match piece {
                Piece::Literal(literal) => out.push(py, literal)?,
                Piece::Group(group) => {
                    if let Some((from, to)) = this.spans().get(*group).copied().flatten() {
                        out.push_part(&subject, from, to);
                    }
                }
            }
        }
        out.finish(py)
    }

    fn last_group(py: Attached<'_>, this: &Match) -> PyResult<Option<Ref<Object>>> {
        let names = part(py, &part(py, &this.pattern)?.indexgroup)?;
        Ok(Some(this.last.get()).filter(|&last| last > 0).and_then(|last| names.get(last).map(|name| name.to_ref())))
    }

    fn regs(py: Attached<'_>, this: &Match) -> PyResult<Ref<Tuple>> {
        if let Some(regs) = this.regs.get() {
            return Ok(regs);
        }
        let regs = Tuple::build(py, this.spans().len(), |at| {
            let span = this.spans()[at].map_or((-1, -1), |(from, to)| (from as isize, to as isize));
            Ok(span_pair(py, span)?.upcast())
        })?;
        drop(this.regs.replace(Some(regs.clone())));
        Ok(regs)
    }

    fn repr(py: Attached<'_>, this: &Match) -> PyResult<Ref<Str>> {
        let (start, end) = this.span_of(py, None)?;
        let text = this.value(py, 0, &none())?.repr(py)?;
        let text = text.substring(py, 0, text.len().min(50))?;
        let name = this.as_object().ty().name().into_owned();
        let head = Str::new(py, &format!("<{name} object; span=({start}, {end}), match="))?;
        Str::concat_all(py, &[&head, &text, &*Str::new(py, ">")?])
    }
}

krait_object::native! {
    /// What `Pattern.scanner` gives.
    pub struct Scanner {
        pattern: Slot<Pattern>, string: Slot, start: Field<usize>, pos: Field<usize>, end: Field<usize>,
        advance: Field<bool>, done: Field<bool>,
        /// Keeps the memory of a subject that could change its size.
        held: Slot,
    }
}
pytype! {
    static SCANNER: "_sre.SRE_Scanner" for Scanner {
        base: Object, flags: [HAVE_GC, DISALLOW_INSTANTIATION],
        slots: { tp_dealloc = Scanner::dealloc, tp_traverse = Scanner::traverse, },
        methods: {
            noargs "match" => |py: Attached<'_>, this: &Scanner| this.step(py, How::Match), "($self, /)", "Match at the present position.";
            noargs "search" => |py: Attached<'_>, this: &Scanner| this.step(py, How::Search), "($self, /)", "Find the next match.";
        },
        getset: {
            "pattern" => |_: Attached<'_>, this: &Scanner| this.pattern.get(), "";
        },
    }
}

impl Scanner {
    fn step(&self, py: Attached<'_>, how: How) -> PyResult<Option<Ref<Match>>> {
        if self.done.get() {
            return Ok(None);
        }
        let (pattern, string) = (part(py, &self.pattern)?, part(py, &self.string)?);
        let mut runner = Runner::new(py, &pattern, &string, None, None)?;
        runner.pos = self.pos.get();
        runner.end = self.end.get().min(runner.end);
        runner.advance = self.advance.get();
        if !runner.run(py, how)? {
            self.done.set(true);
            return Ok(None);
        }
        let found = runner.to_match(py, self.start.get(), self.end.get())?;
        runner.step();
        self.pos.set(runner.pos);
        self.advance.set(runner.advance);
        Ok(Some(found))
    }
}

fn compile(py: Attached<'_>, _: &Object, args: [Arg<'_>; 6]) -> PyResult<Ref<Pattern>> {
    let [pattern, flags, code, groups, groupindex, indexgroup] = args;
    let (pattern, code) = (required(py, pattern)?, required(py, code)?);
    let flags = required(py, flags)?.as_isize(py)?;
    let groups = required(py, groups)?.as_isize(py)?;
    let groupindex = required(py, groupindex)?;
    let indexgroup = required(py, indexgroup)?;
    let (Some(groupindex), Some(indexgroup), Some(code)) =
        (groupindex.downcast::<Dict>(), indexgroup.downcast::<Tuple>(), code.downcast::<List>())
    else {
        return Err(raise!(py, TypeError, "compile() arguments have wrong types"));
    };
    let mut words = krait_object::reserve::with_room(py, code.len())?;
    for word in code.to_vec(py)? {
        let value = word.as_object().index(py)?.to_u64();
        match value.map(u32::try_from) {
            Some(Ok(word)) => words.push(word),
            _ => return Err(raise!(py, OverflowError, "regular expression code size limit exceeded")),
        }
    }
    let bytes = if pattern.is_none() { None } else { Some(matches!(subject(py, pattern)?, Subject::Bytes(_))) };
    let Ok(program) = Program::new(&words, groups.max(0) as usize) else {
        return Err(raise!(py, RuntimeError, "invalid SRE code"));
    };
    let this = alloc::<Pattern>(py, Pattern::type_object())?;
    this.compiled.init(Compiled { program, words, bytes });
    this.flags.set(flags);
    drop(this.pattern.replace(Some(pattern.to_ref())));
    drop(this.groupindex.replace(Some(groupindex.to_ref())));
    drop(this.indexgroup.replace(Some(indexgroup.to_ref())));
    Ok(this)
}

fn template(py: Attached<'_>, _: &Object, [pattern, parts]: [Arg<'_>; 2]) -> PyResult<Ref<Template>> {
    let Some(parts) = required(py, parts)?.downcast::<List>() else {
        return Err(raise!(py, TypeError, "invalid template"));
    };
    let groups = required(py, pattern)?.downcast::<Pattern>().map_or(0, Pattern::groups);
    let mut pieces = Vec::new();
    for (at, part) in parts.to_vec(py)?.into_iter().enumerate() {
        match part.as_object().downcast::<Int>() {
            Some(group) => match group.to_u64() {
                Some(group) if group as usize <= groups => pieces.push(Piece::Group(group as usize)),
                _ => return Err(raise!(py, TypeError, "invalid template")),
            },
            // Texts and groups take turns.
            None if at % 2 == 1 => return Err(raise!(py, TypeError, "an integer is required")),
            None if part.sequence_len(py)? == 0 => {}
            None => pieces.push(Piece::Literal(part)),
        }
    }
    let this = alloc::<Template>(py, Template::type_object())?;
    this.pieces.init(pieces);
    Ok(this)
}

/// Applies a character function to a code point argument.
fn on_char<R>(py: Attached<'_>, character: &Object, f: fn(u32) -> R) -> PyResult<R> {
    Ok(f(character.as_i32(py)? as u32))
}

pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    ready::<Pattern>(py)?;
    ready::<Match>(py)?;
    ready::<Scanner>(py)?;
    ready::<Template>(py)?;
    module.add_functions(
        py,
        functions! {
            sig "compile" => compile, "($module, /, pattern, flags, code, groups, groupindex, indexgroup)", "Make a pattern from code words.";
            sig "template" => template, "($module, pattern, template, /)", "Make a replacement template from literals and group numbers.";
            noargs "getcodesize" => |_: Attached<'_>, _: &Object| sre::CODESIZE, "($module, /)", "Return the size of a code word.";
            o "ascii_iscased" => |py: Attached<'_>, _: &Object, c: &Object| on_char(py, c, sre::ascii_is_cased), "($module, character, /)", "Whether an ASCII letter has another case.";
            o "unicode_iscased" => |py: Attached<'_>, _: &Object, c: &Object| on_char(py, c, sre::unicode_is_cased), "($module, character, /)", "Whether a character has another case.";
            o "ascii_tolower" => |py: Attached<'_>, _: &Object, c: &Object| on_char(py, c, sre::ascii_lower), "($module, character, /)", "Return the lower case of an ASCII letter.";
            o "unicode_tolower" => |py: Attached<'_>, _: &Object, c: &Object| on_char(py, c, sre::unicode_lower), "($module, character, /)", "Return the lower case of a character.";
        },
    )?;
    let constants = [
        ("MAGIC", sre::MAGIC),
        ("CODESIZE", sre::CODESIZE),
        ("MAXREPEAT", sre::MAXREPEAT),
        ("MAXGROUPS", sre::MAXGROUPS),
    ];
    constants.into_iter().try_for_each(|(name, value)| module.add(py, name, &*value.into_object(py)?))
}
