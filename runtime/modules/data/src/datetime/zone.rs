//! `tzinfo` and `timezone`, and how the zones of others are asked.
use super::calendar::DAY_US;
use super::delta::Delta;
use super::instant::DateTime;
use krait_object::args::{Args, Signature};
use krait_object::layout::PyDateTime_TZInfo;
use krait_object::native::{alloc, part, required, type_name};
use krait_object::typedef::CompareOp;
use krait_object::{
    Attached, IntoObject, Layout, Object, PyResult, Raised, Ref, Slot, Str, Tuple, Type, id, mem, not_implemented,
    pytype, raise,
};

/// `tzinfo`.
#[repr(transparent)]
pub struct TzInfo(PyDateTime_TZInfo);

pytype! {
    pub static TZINFO: "datetime.tzinfo" for TzInfo {
        base: Object, flags: [BASETYPE],
        doc: "Abstract base class for time zone info objects.\n\n(tzinfo objects are not instantiated directly: subclasses say what the zone is.)",
        slots: {
            tp_dealloc = |py: Attached<'_>, this: std::ptr::NonNull<TzInfo>| mem::dealloc_with(py, this, |_| {}),
            tp_new = |py: Attached<'_>, ty: &Type, _: Args<'_>| alloc::<TzInfo>(py, ty),
        },
        methods: {
            o "tzname" => |py: Attached<'_>, _: &TzInfo, _: &Object| missing(py, "tzname"), "($self, object, /)", "datetime -> string name of time zone.";
            o "utcoffset" => |py: Attached<'_>, _: &TzInfo, _: &Object| missing(py, "utcoffset"), "($self, object, /)", "datetime -> timedelta showing offset from UTC, negative values indicating West of UTC";
            o "dst" => |py: Attached<'_>, _: &TzInfo, _: &Object| missing(py, "dst"), "($self, object, /)", "datetime -> DST offset as timedelta positive east of UTC.";
            o "fromutc" => TzInfo::fromutc, "($self, object, /)", "datetime in UTC -> datetime in local time.";
            noargs "__reduce__" => TzInfo::reduce, "($self, /)", "What pickle needs to build it again.";
        },
    }
}

fn missing(py: Attached<'_>, name: &str) -> PyResult<()> {
    Err(raise!(py, NotImplementedError, "a tzinfo subclass must implement {name}()"))
}

/// The argument of a `fromutc` method of `this`.
fn utc_argument<'a>(py: Attached<'_>, this: &Object, dt: &'a Object) -> PyResult<&'a DateTime> {
    let Some(dt) = dt.downcast::<DateTime>() else {
        return Err(raise!(py, TypeError, "fromutc: argument must be a datetime"));
    };
    if !dt.zone().is_some_and(|zone| zone.is(this)) {
        return Err(raise!(py, ValueError, "fromutc: dt.tzinfo is not self"));
    }
    Ok(dt)
}

impl TzInfo {
    fn fromutc(py: Attached<'_>, this: &TzInfo, dt: &Object) -> PyResult<Ref<Object>> {
        let dt = utc_argument(py, this.as_object(), dt)?;
        let needed = |what: &str| raise!(py, ValueError, "fromutc: non-None {what}() result required");
        let offset = dt.utcoffset(py)?.ok_or_else(|| needed("utcoffset"))?;
        let dst = dt.dst(py)?.ok_or_else(|| needed("dst"))?;
        let result = dt.shifted(py, offset - dst)?;
        let dst = match result.as_object().downcast::<DateTime>() {
            Some(result) => result.dst(py)?,
            None => None,
        };
        let Some(dst) = dst else {
            return Err(raise!(py, ValueError, "fromutc: tz.dst() gave inconsistent results; cannot convert"));
        };
        match result.as_object().downcast::<DateTime>() {
            Some(dt) if dst != 0 => dt.shifted(py, dst),
            _ => Ok(result),
        }
    }

    fn reduce(py: Attached<'_>, this: &TzInfo) -> PyResult<Ref<Tuple>> {
        let this = this.as_object();
        let args = match this.get_attr_opt(py, id!(py, __getinitargs__))? {
            Some(method) => method.call0(py)?,
            None => Tuple::empty(py).upcast(),
        };
        let state = this.call_method(py, id!(py, __getstate__), &[])?;
        Tuple::from_vec(py, vec![this.ty().to_ref().upcast(), args, state])
    }
}

/// `timezone`: a fixed offset.
#[repr(C)]
pub struct TimeZone {
    base: PyDateTime_TZInfo,
    offset: Slot<Delta>,
    name: Slot<Str>,
}

pytype! {
    pub static TIMEZONE: "datetime.timezone" for TimeZone {
        base: TzInfo, flags: [],
        doc: "Fixed offset from UTC implementation of tzinfo.",
        slots: {
            tp_dealloc = |py: Attached<'_>, this: std::ptr::NonNull<TimeZone>| mem::dealloc_with(py, this, |this| {
                drop(this.offset.take());
                drop(this.name.take());
            }),
            tp_repr = TimeZone::repr,
            tp_str = |py: Attached<'_>, this: &TimeZone| this.tzname(py),
            tp_hash = |py: Attached<'_>, this: &TimeZone| Delta::hash(py, &*part(py, &this.offset)?),
            tp_richcompare = TimeZone::compare,
            tp_new = TimeZone::construct,
        },
        methods: {
            o "tzname" => |py: Attached<'_>, this: &TimeZone, dt: &Object| datetime_or_none(py, dt, "tzname").and_then(|()| this.tzname(py)), "($self, object, /)", "If name is specified when timezone is created, returns the name.  Otherwise returns offset as 'UTC(+|-)HH:MM'.";
            o "utcoffset" => |py: Attached<'_>, this: &TimeZone, dt: &Object| datetime_or_none(py, dt, "utcoffset").map(|()| this.offset.get()), "($self, object, /)", "Return fixed offset.";
            o "dst" => |py: Attached<'_>, _: &TimeZone, dt: &Object| datetime_or_none(py, dt, "dst"), "($self, object, /)", "Return None.";
            o "fromutc" => |py: Attached<'_>, this: &TimeZone, dt: &Object| utc_argument(py, this.as_object(), dt).and_then(|dt| dt.shifted(py, this.micros())), "($self, object, /)", "datetime in UTC -> datetime in local time.";
            noargs "__getinitargs__" => TimeZone::initargs, "($self, /)", "pickle support";
        },
    }
}

fn datetime_or_none(py: Attached<'_>, dt: &Object, name: &str) -> PyResult<()> {
    if dt.is_none() || dt.downcast::<DateTime>().is_some() {
        return Ok(());
    }
    let given = type_name(dt);
    Err(raise!(py, TypeError, "{name}(dt) argument must be a datetime instance or None, not {given}"))
}

fn out_of_range(py: Attached<'_>, offset: &Object) -> Raised {
    match offset.repr(py) {
        Ok(shown) => raise!(
            py,
            ValueError,
            "offset must be a timedelta strictly between -timedelta(hours=24) and timedelta(hours=24), not {}",
            *shown
        ),
        Err(raised) => raised,
    }
}

/// The offset in hours, minutes and so on, as `+HH:MM`.
pub fn format_offset(micros: i128, separator: &str) -> String {
    let sign = if micros < 0 { '-' } else { '+' };
    let micros = micros.abs();
    let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
    let mut out = format!("{sign}{:02}{separator}{:02}", seconds / 3600, seconds / 60 % 60);
    if seconds % 60 != 0 || micros != 0 {
        out += &format!("{separator}{:02}", seconds % 60);
    }
    if micros != 0 {
        out += &format!(".{micros:06}");
    }
    out
}

impl TimeZone {
    /// The offset in microseconds.
    pub fn micros(&self) -> i128 {
        self.offset.get().map_or(0, |offset| offset.micros())
    }

    /// A zone without the check of the offset's range.
    pub fn make(py: Attached<'_>, offset: Ref<Delta>, name: Option<Ref<Str>>) -> PyResult<Ref<TimeZone>> {
        let this = mem::new_instance::<TimeZone>(py, Self::type_object(), |_| {})?;
        drop(this.offset.replace(Some(offset)));
        drop(this.name.replace(name));
        Ok(this)
    }

    /// The zone of an offset: UTC itself for none.
    pub fn of(py: Attached<'_>, offset: &Delta, name: Option<&Str>) -> PyResult<Ref<Object>> {
        if name.is_none() && offset.micros() == 0 {
            return super::utc(py);
        }
        if offset.micros().abs() >= DAY_US {
            return Err(out_of_range(py, offset.as_object()));
        }
        Ok(Self::make(py, offset.to_ref(), name.map(Layout::to_ref))?.upcast())
    }

    fn construct(py: Attached<'_>, _: &Type, args: Args<'_>) -> PyResult<Ref<Object>> {
        const SIG: Signature = Signature::parse("timezone", "(offset, name=None)");
        let [offset, name] = SIG.bind::<2>(py, args)?;
        let offset = required(py, offset)?;
        let Some(offset) = offset.downcast::<Delta>() else {
            let given = krait_object::builtins::textargs::arg_type(offset);
            return Err(raise!(py, TypeError, "timezone() argument 1 must be datetime.timedelta, not {given}"));
        };
        let name = match name {
            None => None,
            Some(name) => match name.downcast::<Str>() {
                Some(name) => Some(name),
                None => {
                    let given = if name.is_none() { "None".to_owned() } else { type_name(name) };
                    return Err(raise!(py, TypeError, "timezone() argument 2 must be str, not {given}"));
                }
            },
        };
        Self::of(py, offset, name)
    }

    fn repr(py: Attached<'_>, this: &TimeZone) -> PyResult<String> {
        let ty = this.as_object().ty().name().into_owned();
        if this.as_object().is(&*super::utc(py)?) {
            return Ok(format!("{ty}.utc"));
        }
        let offset = part(py, &this.offset)?.as_object().repr(py)?;
        Ok(match this.name.get() {
            None => format!("{ty}({})", offset.to_string_lossy()),
            Some(name) => {
                let name = name.as_object().repr(py)?;
                format!("{ty}({}, {})", offset.to_string_lossy(), name.to_string_lossy())
            }
        })
    }

    fn tzname(&self, py: Attached<'_>) -> PyResult<Ref<Str>> {
        if let Some(name) = self.name.get() {
            return Ok(name);
        }
        match self.micros() {
            0 => Str::new(py, "UTC"),
            micros => Str::new(py, &format!("UTC{}", format_offset(micros, ":"))),
        }
    }

    fn initargs(py: Attached<'_>, this: &TimeZone) -> PyResult<Ref<Tuple>> {
        let offset = part(py, &this.offset)?.upcast();
        match this.name.get() {
            None => Tuple::from_vec(py, vec![offset]),
            Some(name) => Tuple::pair(py, offset, name.upcast()),
        }
    }

    fn compare(py: Attached<'_>, this: &TimeZone, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        match (op, other.downcast::<TimeZone>()) {
            (CompareOp::Eq, Some(other)) => (this.micros() == other.micros()).into_object(py),
            (CompareOp::Ne, Some(other)) => (this.micros() != other.micros()).into_object(py),
            _ => Ok(not_implemented()),
        }
    }
}

/// What a zone's `utcoffset` or `dst` says about `about` (a datetime or None), in microseconds.
pub fn ask(py: Attached<'_>, zone: Option<&Object>, name: &Str, about: &Object) -> PyResult<Option<i128>> {
    let Some(zone) = zone else { return Ok(None) };
    if let Some(fixed) = zone.downcast_exact::<TimeZone>() {
        return Ok(if name.eq_str("dst") { None } else { Some(fixed.micros()) });
    }
    let answer = zone.call_method(py, name, &[about])?;
    if answer.is_none() {
        return Ok(None);
    }
    let Some(delta) = answer.as_object().downcast::<Delta>() else {
        let given = type_name(&answer);
        return Err(raise!(py, TypeError, "tzinfo.{name}() must return None or timedelta, not '{given}'"));
    };
    match delta.micros() {
        micros if micros.abs() >= DAY_US => Err(out_of_range(py, &answer)),
        micros => Ok(Some(micros)),
    }
}

/// What a zone's `tzname` says: a string or None.
pub fn ask_name(py: Attached<'_>, zone: Option<&Object>, about: &Object) -> PyResult<Option<Ref<Str>>> {
    let Some(zone) = zone else { return Ok(None) };
    if let Some(fixed) = zone.downcast_exact::<TimeZone>() {
        return fixed.tzname(py).map(Some);
    }
    let answer = zone.call_method(py, id!(py, tzname), &[about])?;
    if answer.is_none() {
        return Ok(None);
    }
    match answer.downcast::<Str>() {
        Ok(name) => Ok(Some(name)),
        Err(answer) => {
            let given = type_name(&answer);
            Err(raise!(py, TypeError, "tzinfo.tzname() must return None or a string, not '{given}'"))
        }
    }
}

/// A `tzinfo` argument: `None` for Python's None.
pub fn zone_arg<'a>(py: Attached<'_>, zone: Option<&'a Object>) -> PyResult<Option<&'a Object>> {
    let Some(zone) = zone.filter(|zone| !zone.is_none()) else { return Ok(None) };
    if zone.downcast::<TzInfo>().is_none() {
        let given = type_name(zone);
        return Err(raise!(py, TypeError, "tzinfo argument must be None or of a tzinfo subclass, not type '{given}'"));
    }
    Ok(Some(zone))
}
