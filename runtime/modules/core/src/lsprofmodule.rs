//! `_lsprof`: the profiler behind `cProfile`, a tool of `sys.monitoring`.
//!
//! A profiler keeps an entry for each function that was called and, for each thread, a stack of the calls under way.
//! All of it stands behind one short lock; clocks in Python run outside of it.
use krait_object::args::{Args, Signature};
use krait_object::descrobject::MethodDescr;
use krait_object::hooks::hooks;
use krait_object::methodobject::CFunction;
use krait_object::native::{Arg, State, Trace, add_type, alloc, required};
use krait_object::{
    Attached, IntoObject, Layout, List, Module, Object, PyResult, Ref, Slot, Str, StructSeq, Tuple, Type, Visit, id,
    none, pytype, raise,
};
use krait_vm::monitoring::{Event, module::missing};
use std::collections::{BTreeMap, HashMap};
use std::ffi::{CStr, c_int};
use std::time::Instant;

/// `sys.monitoring.PROFILER_ID`.
const TOOL: i32 = 2;

/// Which method hears of which events.
const CALLBACKS: [(Event, &str); 9] = [
    (Event::PyStart, "_pystart_callback"),
    (Event::PyResume, "_pystart_callback"),
    (Event::PyThrow, "_pythrow_callback"),
    (Event::PyReturn, "_pyreturn_callback"),
    (Event::PyYield, "_pyreturn_callback"),
    (Event::PyUnwind, "_pyreturn_callback"),
    (Event::Call, "_ccall_callback"),
    (Event::CReturn, "_creturn_callback"),
    (Event::CRaise, "_creturn_callback"),
];

static ENTRY: StructSeq = StructSeq::new(
    "_lsprof.profiler_entry",
    "What is known about one function.",
    &[
        ("code", "the code object, or a description of a native function"),
        ("callcount", "how often it was called"),
        ("reccallcount", "how often it was called from within itself"),
        ("totaltime", "time from its calls to its returns"),
        ("inlinetime", "that time without the time of what it called"),
        ("calls", "entries for what it called, or None"),
    ],
);
static SUBENTRY: StructSeq = StructSeq::new(
    "_lsprof.profiler_subentry",
    "What is known about the calls of one function by another one.",
    &[
        ("code", "the code object, or a description of a native function"),
        ("callcount", "how often it was called"),
        ("reccallcount", "how often it was called from within itself"),
        ("totaltime", "time from its calls to its returns"),
        ("inlinetime", "that time without the time of what it called"),
    ],
);

/// Counts and times of calls.
#[derive(Clone, Copy, Default)]
struct Tally {
    total: i64,
    own: i64,
    calls: u64,
    recursive: u64,
    /// Calls under way.
    depth: u64,
}

impl Tally {
    /// A call ended.
    fn end(&mut self, total: i64, own: i64) {
        self.depth = self.depth.saturating_sub(1);
        if self.depth == 0 {
            self.total = self.total.saturating_add(total);
        } else {
            self.recursive += 1;
        }
        self.own = self.own.saturating_add(own);
        self.calls += 1;
    }

    /// The numbers in the order of the struct sequences.
    fn fields(&self, py: Attached<'_>, code: &Object, factor: f64) -> PyResult<Vec<Ref<Object>>> {
        let seconds = |time: i64| (time as f64 * factor).into_object(py);
        Ok(vec![
            code.to_ref(),
            self.calls.into_object(py)?,
            self.recursive.into_object(py)?,
            seconds(self.total)?,
            seconds(self.own)?,
        ])
    }
}

/// One function.
struct Entry {
    code: Ref<Object>,
    tally: Tally,
    /// What it called, by the place in the list of entries.
    calls: BTreeMap<usize, Tally>,
}

/// A call under way.
struct Call {
    start: i64,
    /// Time of the calls that it made and that ended.
    inner: i64,
    entry: usize,
}

struct Stats {
    epoch: Instant,
    /// What one tick of a clock in Python is; none for clocks that tell seconds.
    unit: f64,
    subcalls: bool,
    builtins: bool,
    enabled: bool,
    /// A clock in Python is being asked.
    timing: bool,
    /// Places of entries by the address of the code object or the definition of the native function.
    places: HashMap<usize, usize>,
    entries: Vec<Entry>,
    /// By the thread's number.
    stacks: HashMap<u64, Vec<Call>>,
}

impl Trace for Stats {
    fn trace(&self, visit: Visit<'_>) -> Result<(), c_int> {
        self.entries.iter().try_for_each(|entry| entry.code.trace(visit))
    }
}

impl Stats {
    /// Begins a call of a thread. `code` is for a new entry; what was not needed comes back.
    fn push(&mut self, thread: u64, key: usize, code: Option<Ref<Object>>, now: i64) -> Option<Ref<Object>> {
        let (at, spare) = match (self.places.get(&key), code) {
            (Some(at), code) => (*at, code),
            (None, Some(code)) => {
                self.entries.push(Entry { code, tally: Tally::default(), calls: BTreeMap::new() });
                self.places.insert(key, self.entries.len() - 1);
                (self.entries.len() - 1, None)
            }
            // Everything was forgotten meanwhile.
            (None, None) => return None,
        };
        self.entries[at].tally.depth += 1;
        let stack = self.stacks.entry(thread).or_default();
        if let Some(caller) = stack.last().filter(|_| self.subcalls) {
            self.entries[caller.entry].calls.entry(at).or_default().depth += 1;
        }
        stack.push(Call { start: now, inner: 0, entry: at });
        spare
    }

    /// Ends the innermost call of a thread, as one of `entry`; without that its time goes to nobody.
    fn pop(&mut self, thread: u64, entry: Option<usize>, now: i64) {
        let Some(stack) = self.stacks.get_mut(&thread) else { return };
        if let (Some(call), Some(at)) = (stack.pop(), entry) {
            let total = now - call.start;
            let own = total - call.inner;
            if let Some(caller) = stack.last_mut() {
                caller.inner += total;
                if self.subcalls
                    && let Some(calls) = self.entries.get_mut(caller.entry).map(|entry| &mut entry.calls)
                {
                    calls.entry(at).or_default().end(total, own);
                }
            }
            if let Some(entry) = self.entries.get_mut(at) {
                entry.tally.end(total, own);
            }
        }
        if stack.is_empty() {
            self.stacks.remove(&thread);
        }
    }
}

krait_object::native! {
    /// `Profiler`.
    struct Profiler { timer: Slot, stats: State<Stats> }
}
pytype! {
    static PROFILER: "_lsprof.Profiler" for Profiler {
        base: Object, flags: [HAVE_GC, BASETYPE],
        doc: "Profiler(timer=None, timeunit=0.0, subcalls=True, builtins=True)\n--\n\nMeasures calls of functions.\n\ntimer is a clock: a function without arguments; what it returns is seconds, or\nan integer of timeunit seconds each if that is given.",
        slots: {
            tp_dealloc = Profiler::dealloc,
            tp_traverse = Profiler::traverse,
            tp_clear = |_: Attached<'_>, this: &Profiler| drop(this.timer.take()),
            tp_new = Profiler::construct,
            tp_init = Profiler::init,
        },
        methods: {
            noargs "getstats" => Profiler::getstats, "($self, /)", "What was measured: a list of profiler_entry objects.";
            sig "enable" => Profiler::enable, "($self, /, subcalls=True, builtins=True)", "Start to measure.\n\n  subcalls\n    Keep numbers of a function for each of its callers too.\n  builtins\n    Measure native functions by themselves.";
            noargs "disable" => Profiler::disable, "($self, /)", "Stop to measure.";
            noargs "clear" => Profiler::clear, "($self, /)", "Forget what was measured.";
            sig "_pystart_callback" => |py: Attached<'_>, this: &Profiler, [code, _]: [Arg<'_>; 2]| this.enter_code(py, code), "($self, code, instruction_offset, /)", "A function begins or goes on.";
            sig "_pythrow_callback" => |py: Attached<'_>, this: &Profiler, [code, _, _]: [Arg<'_>; 3]| this.enter_code(py, code), "($self, code, instruction_offset, exception, /)", "A function goes on with an exception.";
            sig "_pyreturn_callback" => |py: Attached<'_>, this: &Profiler, [code, _, _]: [Arg<'_>; 3]| this.leave_code(py, code), "($self, code, instruction_offset, retval, /)", "A function ends or pauses.";
            sig "_ccall_callback" => Profiler::native_call, "($self, code, instruction_offset, callable, self_arg, /)", "A native function begins.";
            sig "_creturn_callback" => Profiler::native_return, "($self, code, instruction_offset, callable, self_arg, /)", "A native function ends.";
        },
    }
}

/// The description of a native function.
fn describe(py: Attached<'_>, function: &CFunction) -> PyResult<Ref<Object>> {
    // SAFETY: a definition's name is a C string.
    let name = unsafe { CStr::from_ptr(function.definition().ml_name.get()) }.to_string_lossy().into_owned();
    let plain = |name: &str| format!("<built-in method {name}>").into_object(py);
    match function.this().filter(|this| this.downcast::<Module>().is_none()) {
        None => match function.as_object().get_attr_opt(py, id!(py, __module__))? {
            Some(module) if (*module).downcast::<Str>().is_some() => {
                plain(&format!("{}.{name}", module.str(py)?.to_string_lossy()))
            }
            _ => plain(&name),
        },
        Some(this) => {
            let Some(found) = this.ty().lookup(py, &*Str::new(py, &name)?) else { return plain(&name) };
            match found.repr(py) {
                Ok(shown) => Ok(shown.upcast()),
                Err(raised) => {
                    raised.clear(py);
                    plain(&name)
                }
            }
        }
    }
}

/// The address that stands for a native function, and its description for a new entry.
struct Native<'a> {
    key: usize,
    callable: &'a Object,
}

impl<'a> Native<'a> {
    fn of(py: Attached<'_>, callable: Arg<'a>, this: Arg<'_>) -> PyResult<Option<Native<'a>>> {
        let (callable, this) = (required(py, callable)?, required(py, this)?);
        let key = if let Some(function) = callable.downcast::<CFunction>() {
            function.raw_method() as usize
        } else if let Some(method) = callable.downcast_exact::<MethodDescr>() {
            if this.is(missing(py)?) {
                return Ok(None);
            }
            std::ptr::from_ref(method.definition()) as usize
        } else {
            return Ok(None);
        };
        Ok(Some(Native { key, callable }))
    }

    fn describe(&self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        match self.callable.downcast::<CFunction>() {
            Some(function) => describe(py, function),
            None => Ok(self.callable.repr(py)?.upcast()),
        }
    }
}

impl Profiler {
    fn construct(py: Attached<'_>, ty: &Type, _: Args<'_>) -> PyResult<Ref<Profiler>> {
        let this = alloc::<Profiler>(py, ty)?;
        this.stats.init(Stats {
            epoch: Instant::now(),
            unit: 0.0,
            subcalls: true,
            builtins: true,
            enabled: false,
            timing: false,
            places: HashMap::new(),
            entries: Vec::new(),
            stacks: HashMap::new(),
        });
        Ok(this)
    }

    fn init(py: Attached<'_>, this: &Profiler, args: Args<'_>) -> PyResult<()> {
        static SIG: Signature =
            Signature::parse("Profiler", "(timer=None, timeunit=0.0, subcalls=True, builtins=True)");
        let [timer, unit, subcalls, builtins] = SIG.bind::<4>(py, args)?;
        let unit = unit.map_or(Ok(0.0), |unit| unit.as_f64(py))?;
        this.set_flags(py, subcalls, builtins)?;
        this.stats.lock().unit = unit;
        drop(this.timer.replace(timer.filter(|timer| !timer.is_none()).map(Object::to_ref)));
        Ok(())
    }

    fn set_flags(&self, py: Attached<'_>, subcalls: Arg<'_>, builtins: Arg<'_>) -> PyResult<()> {
        let flag = |value: Arg<'_>| value.map_or(Ok(true), |value| value.is_true(py));
        let (subcalls, builtins) = (flag(subcalls)?, flag(builtins)?);
        let mut stats = self.stats.lock();
        (stats.subcalls, stats.builtins) = (subcalls, builtins);
        Ok(())
    }

    /// The clock's time in ticks.
    fn now(&self, py: Attached<'_>) -> i64 {
        let Some(timer) = self.timer.get() else { return self.stats.lock().epoch.elapsed().as_nanos() as i64 };
        let unit = {
            let mut stats = self.stats.lock();
            stats.timing = true;
            stats.unit
        };
        let result = timer.call0(py).and_then(|time| match unit > 0.0 {
            true => time.as_i64(py),
            false => Ok((time.as_f64(py)? * 1e9).floor() as i64),
        });
        self.stats.lock().timing = false;
        result.unwrap_or_else(|raised| {
            let raised = raised.take(py);
            let shown = match timer.repr(py) {
                Ok(shown) => shown.to_string_lossy().into_owned(),
                Err(other) => {
                    other.clear(py);
                    "?".to_owned()
                }
            };
            let _raised = py.restore(raised);
            (hooks().unraisable)(py, Some(&format!("Exception ignored while calling _lsprof timer {shown}")), None);
            0
        })
    }

    /// A call begins.
    fn enter(&self, py: Attached<'_>, key: usize, code: impl FnOnce() -> PyResult<Ref<Object>>) -> PyResult<()> {
        let known = self.stats.lock().places.contains_key(&key);
        let code = if known { None } else { Some(code()?) };
        let now = self.now(py);
        let spare = self.stats.lock().push(py.tstate().id.get(), key, code, now);
        drop(spare);
        Ok(())
    }

    /// A call ends.
    fn leave(&self, py: Attached<'_>, key: usize) {
        let thread = py.tstate().id.get();
        let entry = {
            let stats = self.stats.lock();
            if !stats.stacks.contains_key(&thread) {
                return;
            }
            stats.places.get(&key).copied()
        };
        let now = if entry.is_some() { self.now(py) } else { 0 };
        self.stats.lock().pop(thread, entry, now);
    }

    fn enter_code(&self, py: Attached<'_>, code: Arg<'_>) -> PyResult<()> {
        let code = required(py, code)?;
        self.enter(py, code.as_ptr() as usize, || Ok(code.to_ref()))
    }

    fn leave_code(&self, py: Attached<'_>, code: Arg<'_>) -> PyResult<()> {
        self.leave(py, required(py, code)?.as_ptr() as usize);
        Ok(())
    }

    fn native_call(py: Attached<'_>, this: &Profiler, [_, _, callable, receiver]: [Arg<'_>; 4]) -> PyResult<()> {
        if !this.stats.lock().builtins {
            return Ok(());
        }
        match Native::of(py, callable, receiver)? {
            Some(native) => this.enter(py, native.key, || native.describe(py)),
            None => Ok(()),
        }
    }

    fn native_return(py: Attached<'_>, this: &Profiler, [_, _, callable, receiver]: [Arg<'_>; 4]) -> PyResult<()> {
        if !this.stats.lock().builtins {
            return Ok(());
        }
        if let Some(native) = Native::of(py, callable, receiver)? {
            this.leave(py, native.key);
        }
        Ok(())
    }

    /// Refuses what a clock must not do while it is asked.
    fn not_timing(&self, py: Attached<'_>, what: &str) -> PyResult<()> {
        if self.stats.lock().timing {
            return Err(raise!(py, RuntimeError, "cannot {what} profiler in external timer"));
        }
        Ok(())
    }

    fn enable(py: Attached<'_>, this: &Profiler, [subcalls, builtins]: [Arg<'_>; 2]) -> PyResult<()> {
        let tool = TOOL.into_object(py)?;
        let monitoring = monitoring(py)?;
        monitoring.call_method(py, id!(py, use_tool_id), &[&tool, id!(py, "cProfile").as_object()])?;
        this.set_flags(py, subcalls, builtins)?;
        let mut events = 0;
        for (event, method) in CALLBACKS {
            let callback = this.as_object().get_attr(py, Str::intern_static(py, method))?;
            let bit = 1u32 << event as u32;
            let arguments = [&*tool, &*bit.into_object(py)?, &*callback];
            drop(monitoring.call_method(py, id!(py, register_callback), &arguments)?);
            if !matches!(event, Event::CReturn | Event::CRaise) {
                events |= bit;
            }
        }
        this.stats.lock().enabled = true;
        monitoring.call_method(py, id!(py, set_events), &[&tool, &*events.into_object(py)?]).map(drop)
    }

    fn disable(py: Attached<'_>, this: &Profiler) -> PyResult<()> {
        this.not_timing(py, "disable")?;
        if !std::mem::take(&mut this.stats.lock().enabled) {
            return Ok(());
        }
        let tool = TOOL.into_object(py)?;
        let monitoring = monitoring(py)?;
        for (event, _) in CALLBACKS {
            let arguments = [&*tool, &*(1u32 << event as u32).into_object(py)?, &*none()];
            drop(monitoring.call_method(py, id!(py, register_callback), &arguments)?);
        }
        monitoring.call_method(py, id!(py, free_tool_id), &[&tool])?;
        // Calls that began end here.
        loop {
            let (thread, entry) = {
                let stats = this.stats.lock();
                let Some((thread, stack)) = stats.stacks.iter().next() else { return Ok(()) };
                (*thread, stack.last().map(|call| call.entry))
            };
            let now = this.now(py);
            this.stats.lock().pop(thread, entry, now);
        }
    }

    fn clear(py: Attached<'_>, this: &Profiler) -> PyResult<()> {
        this.not_timing(py, "clear")?;
        let old = {
            let mut stats = this.stats.lock();
            stats.places.clear();
            stats.stacks.clear();
            std::mem::take(&mut stats.entries)
        };
        drop(old);
        Ok(())
    }

    fn getstats(py: Attached<'_>, this: &Profiler) -> PyResult<Ref<List>> {
        let has_timer = !this.timer.is_null();
        let (factor, found) = {
            let stats = this.stats.lock();
            let copy = |entry: &Entry| (entry.code.to_ref(), entry.tally, entry.calls.clone());
            let factor = if has_timer && stats.unit > 0.0 { stats.unit } else { 1e-9 };
            (factor, stats.entries.iter().map(copy).collect::<Vec<_>>())
        };
        let result = List::new(py)?;
        for (code, tally, calls) in found.iter().filter(|(_, tally, _)| tally.calls != 0) {
            let mut subs: Vec<Ref<Object>> = Vec::new();
            for (at, tally) in calls.iter().filter(|(_, tally)| tally.calls != 0) {
                if let Some((code, _, _)) = found.get(*at) {
                    let sub: Ref<Tuple> = SUBENTRY.make(py, tally.fields(py, code, factor)?)?;
                    subs.push(sub.upcast());
                }
            }
            let mut fields = tally.fields(py, code, factor)?;
            fields.push(if subs.is_empty() { none() } else { List::from_vec(py, subs)?.upcast() });
            result.push(py, ENTRY.make(py, fields)?.upcast())?;
        }
        Ok(result)
    }
}

/// `sys.monitoring`.
fn monitoring(py: Attached<'_>) -> PyResult<Ref<Object>> {
    (hooks().import)(py, "sys")?.get_attr(py, id!(py, monitoring))
}

/// Fills the module.
///
/// # Errors
/// `MemoryError`.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    add_type::<Profiler>(py, module, "Profiler")?;
    module.add(py, "profiler_entry", ENTRY.ty(py)?.as_object())?;
    module.add(py, "profiler_subentry", SUBENTRY.ty(py)?.as_object())
}
