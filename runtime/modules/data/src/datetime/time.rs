//! `time`.
use super::date::{bad_text, iso_text, state_of, strptime};
use super::delta::Delta;
use super::zone::{self, TimeZone, zone_arg};
use super::{format, iso};
use krait_object::args::{Args, Signature};
use krait_object::layout::PyDateTime_Time;
use krait_object::native::{Arg, alloc, required};
use krait_object::typedef::CompareOp;
use krait_object::{
    Attached, Bytes, IntoObject, Layout, Object, PyResult, Ref, Slot, Str, Tuple, Type, id, mem, none_borrowed,
    not_implemented, pytype, raise,
};

/// `time`.
#[repr(transparent)]
pub struct Time(PyDateTime_Time);

pytype! {
    pub static TIME: "datetime.time" for Time {
        base: Object, flags: [BASETYPE],
        doc: "time([hour[, minute[, second[, microsecond[, tzinfo]]]]]) --> a time object\n\nAll arguments are optional. tzinfo may be None, or an instance of\na tzinfo subclass. The remaining arguments may be ints.",
        slots: {
            tp_dealloc = |py: Attached<'_>, this: std::ptr::NonNull<Time>| mem::dealloc_with(py, this, |this| drop(this.zone_slot().take())),
            tp_repr = Time::repr,
            tp_str = |py: Attached<'_>, this: &Time| this.as_object().call_method(py, id!(py, isoformat), &[]),
            tp_hash = Time::hash,
            tp_richcompare = Time::compare,
            tp_new = Time::construct,
        },
        methods: {
            class o "fromisoformat" => Time::fromisoformat, "($type, object, /)", "string -> time from a string in ISO 8601 format";
            class format "strptime" => |py: Attached<'_>, class: &Type, args: [Arg<'_>; 2]| strptime(py, class, "_strptime_datetime_time", args), "($type, string, format, /)", "string, format -> new time parsed from a string (like time.strptime()).";
            sig "isoformat" => |py: Attached<'_>, this: &Time, [timespec]: [Arg<'_>; 1]| this.isoformat(py, timespec), "($self, /, timespec='auto')", "Return the time formatted according to ISO.\n\n  timespec\n    How precise: 'auto' (the default), 'hours', 'minutes', 'seconds',\n    'milliseconds' or 'microseconds'.";
            sig "strftime" => Time::strftime, "($self, format)", "format -> strftime() style string.";
            o "__format__" => |py: Attached<'_>, this: &Time, spec: &Object| format::format(py, this.as_object(), spec), "($self, format, /)", "Formats self with strftime.";
            noargs "utcoffset" => |py: Attached<'_>, this: &Time| delta_or_none(py, this.utcoffset(py)), "($self, /)", "Return self.tzinfo.utcoffset(self).";
            noargs "tzname" => |py: Attached<'_>, this: &Time| this.tzname(py), "($self, /)", "Return self.tzinfo.tzname(self).";
            noargs "dst" => |py: Attached<'_>, this: &Time| delta_or_none(py, zone::ask(py, this.zone().as_deref(), id!(py, dst), none_borrowed())), "($self, /)", "Return self.tzinfo.dst(self).";
            sig "replace" => Time::replace, "($self, /, hour=unchanged, minute=unchanged, second=unchanged, microsecond=unchanged, tzinfo=unchanged, *, fold=unchanged)", "Return time with new specified fields.";
            sig "__replace__" => Time::replace, "($self, /, *, hour=unchanged, minute=unchanged, second=unchanged, microsecond=unchanged, tzinfo=unchanged, fold=unchanged)", "The same as replace().";
            sig "__reduce_ex__" => |py: Attached<'_>, this: &Time, [protocol]: [Arg<'_>; 1]| this.reduce(py, required(py, protocol)?.as_i32(py)?), "($self, protocol, /)", "__reduce_ex__(proto) -> (cls, state)";
            noargs "__reduce__" => |py: Attached<'_>, this: &Time| this.reduce(py, 2), "($self, /)", "__reduce__() -> (cls, state)";
        },
        getset: {
            "hour" => |_: Attached<'_>, this: &Time| this.clock()[0], "The hour.";
            "minute" => |_: Attached<'_>, this: &Time| this.clock()[1], "The minute.";
            "second" => |_: Attached<'_>, this: &Time| this.clock()[2], "The second.";
            "microsecond" => |_: Attached<'_>, this: &Time| this.clock()[3], "The microsecond.";
            "tzinfo" => |_: Attached<'_>, this: &Time| this.zone(), "The zone, or None.";
            "fold" => |_: Attached<'_>, this: &Time| this.fold(), "1 for the second of two equal times when clocks are set back.";
        },
    }
}

/// Hour, minute, second and microsecond, checked.
pub fn check_clock(py: Attached<'_>, clock: [i32; 4], fold: i32) -> PyResult<()> {
    let bounds = [("hour", 23), ("minute", 59), ("second", 59), ("microsecond", 999_999)];
    for (value, (name, max)) in clock.into_iter().zip(bounds) {
        if !(0..=max).contains(&value) {
            return Err(raise!(py, ValueError, "{name} must be in 0..{max}, not {value}"));
        }
    }
    if !(0..=1).contains(&fold) {
        return Err(raise!(py, ValueError, "fold must be either 0 or 1, not {fold}"));
    }
    Ok(())
}

pub fn delta_or_none(py: Attached<'_>, micros: PyResult<Option<i128>>) -> PyResult<Option<Ref<Delta>>> {
    micros?.map(|micros| Delta::from_micros(py, micros)).transpose()
}

/// An integer argument with a default.
pub fn int(py: Attached<'_>, arg: Arg<'_>, default: i32) -> PyResult<i32> {
    arg.map_or(Ok(default), |arg| arg.as_i32(py))
}

/// The zone of a pickled state.
pub fn state_zone<'a>(py: Attached<'_>, zone: Arg<'a>) -> PyResult<Option<&'a Object>> {
    match zone_arg(py, zone) {
        Ok(zone) => Ok(zone),
        Err(raised) => {
            raised.clear(py);
            Err(raise!(py, TypeError, "bad tzinfo state arg"))
        }
    }
}

/// `, tzinfo=...` and `, fold=1` before the last parenthesis of a representation.
pub fn finish_repr(py: Attached<'_>, mut out: String, fold: u8, zone: Option<&Object>) -> PyResult<String> {
    if fold != 0 {
        out += ", fold=1";
    }
    if let Some(zone) = zone {
        out += ", tzinfo=";
        out += &zone.repr(py)?.to_string_lossy();
    }
    out.push(')');
    Ok(out)
}

impl Time {
    fn zone_slot(&self) -> &Slot {
        // SAFETY: the field owns its zone.
        unsafe { Slot::of(&self.0.tzinfo) }
    }

    pub fn zone(&self) -> Option<Ref<Object>> {
        self.zone_slot().get()
    }

    pub fn fold(&self) -> u8 {
        self.0.fold.get()
    }

    pub fn clock(&self) -> [i32; 4] {
        let [hour, minute, second, a, b, c] = self.0.data.each_ref().map(|byte| i32::from(byte.get()));
        [hour, minute, second, a << 16 | b << 8 | c]
    }

    pub fn make(py: Attached<'_>, ty: &Type, clock: [i32; 4], zone: Option<&Object>, fold: u8) -> PyResult<Ref<Time>> {
        let this = alloc::<Time>(py, ty)?;
        let [hour, minute, second, micros] = clock;
        let data = [hour, minute, second, micros >> 16, micros >> 8, micros];
        for (byte, value) in this.0.data.iter().zip(data) {
            byte.set(value as u8);
        }
        this.0.hashcode.set(-1);
        this.0.fold.set(fold);
        this.0.hastzinfo.set(i8::from(zone.is_some()) as _);
        drop(this.zone_slot().replace(zone.map(Layout::to_ref)));
        Ok(this)
    }

    fn of_class(
        py: Attached<'_>,
        class: &Type,
        clock: [i32; 4],
        zone: Option<&Object>,
        fold: u8,
    ) -> PyResult<Ref<Object>> {
        if std::ptr::eq(class, Self::type_object()) {
            return Ok(Self::make(py, class, clock, zone, fold)?.upcast());
        }
        let mut args = clock.into_iter().map(|value| value.into_object(py)).collect::<PyResult<Vec<_>>>()?;
        args.push(zone.unwrap_or(none_borrowed()).to_ref());
        let new = class.as_object().call_pos(py, krait_object::args::as_borrowed(&args))?;
        if let Some(time) = new.as_object().downcast::<Time>() {
            time.0.fold.set(fold);
        }
        Ok(new)
    }

    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Time>> {
        if let ([state] | [state, _], []) = (args.pos, args.names)
            && let Some(state) = state_of(state, 6)
            && state[0] & 0x7F < 24
        {
            let zone = state_zone(py, args.pos.get(1).copied())?;
            let micros = i32::from(state[3]) << 16 | i32::from(state[4]) << 8 | i32::from(state[5]);
            let clock = [i32::from(state[0] & 0x7F), state[1].into(), state[2].into(), micros];
            return Self::make(py, ty, clock, zone, state[0] >> 7);
        }
        const SIG: Signature =
            Signature::unnamed("(hour=0, minute=0, second=0, microsecond=0, tzinfo=None, *, fold=0)");
        let [hour, minute, second, micros, zone, fold] = SIG.bind::<6>(py, args)?;
        let clock = [int(py, hour, 0)?, int(py, minute, 0)?, int(py, second, 0)?, int(py, micros, 0)?];
        let fold = int(py, fold, 0)?;
        check_clock(py, clock, fold)?;
        Self::make(py, ty, clock, zone_arg(py, zone)?, fold as u8)
    }

    pub fn utcoffset(&self, py: Attached<'_>) -> PyResult<Option<i128>> {
        zone::ask(py, self.zone().as_deref(), id!(py, utcoffset), none_borrowed())
    }

    pub fn tzname(&self, py: Attached<'_>) -> PyResult<Option<Ref<Str>>> {
        zone::ask_name(py, self.zone().as_deref(), none_borrowed())
    }

    fn repr(py: Attached<'_>, this: &Time) -> PyResult<String> {
        let [hour, minute, second, micros] = this.clock();
        let mut out = format!("{}({hour}, {minute}", this.as_object().ty().name());
        if micros != 0 {
            out += &format!(", {second}, {micros}");
        } else if second != 0 {
            out += &format!(", {second}");
        }
        // The fold stands behind the zone here.
        let zone = this.zone();
        if let Some(zone) = &zone {
            out += ", tzinfo=";
            out += &zone.repr(py)?.to_string_lossy();
        }
        finish_repr(py, out, this.fold(), None)
    }

    fn isoformat(&self, py: Attached<'_>, timespec: Arg<'_>) -> PyResult<String> {
        let mut out = format::clock(py, self.clock(), timespec, "argument 1")?;
        if let Some(offset) = self.utcoffset(py)? {
            out += &zone::format_offset(offset, ":");
        }
        Ok(out)
    }

    fn strftime(py: Attached<'_>, this: &Time, [format]: [Arg<'_>; 1]) -> PyResult<Ref<Object>> {
        let tuple = format::struct_time(py, (1900, 1, 1), this.clock(), -1)?;
        format::strftime_tuple(py, this.as_object(), 1900, required(py, format)?, &tuple)
    }

    /// Microseconds since midnight.
    fn micros(&self) -> i128 {
        let [hour, minute, second, micros] = self.clock().map(i128::from);
        ((hour * 60 + minute) * 60 + second) * 1_000_000 + micros
    }

    fn hash(py: Attached<'_>, this: &Time) -> PyResult<isize> {
        if this.0.hashcode.get() == -1 {
            let offset = if this.fold() != 0 {
                let zone = this.zone();
                Time::make(py, Self::type_object(), this.clock(), zone.as_deref(), 0)?.utcoffset(py)?
            } else {
                this.utcoffset(py)?
            };
            let hash = match offset {
                None => Bytes::new(py, &this.0.data.each_ref().map(|byte| byte.get()))?.hash_value(),
                Some(offset) => Delta::hash(py, &*Delta::from_micros(py, this.micros() - offset)?)?,
            };
            this.0.hashcode.set(hash);
        }
        Ok(this.0.hashcode.get())
    }

    fn compare(py: Attached<'_>, this: &Time, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        let Some(other) = other.downcast::<Time>() else { return Ok(not_implemented()) };
        let same_zone = this.0.tzinfo.get() == other.0.tzinfo.get();
        let (left, right) = if same_zone { (None, None) } else { (this.utcoffset(py)?, other.utcoffset(py)?) };
        match (left, right) {
            _ if left == right => op.holds(this.clock().cmp(&other.clock())).into_object(py),
            (Some(left), Some(right)) => {
                op.holds((this.micros() - left).cmp(&(other.micros() - right))).into_object(py)
            }
            _ => match op {
                CompareOp::Eq => false.into_object(py),
                CompareOp::Ne => true.into_object(py),
                _ => Err(raise!(py, TypeError, "can't compare offset-naive and offset-aware times")),
            },
        }
    }

    fn fromisoformat(py: Attached<'_>, class: &Type, text: &Object) -> PyResult<Ref<Object>> {
        let points = iso_text(py, text)?.to_code_points();
        let points = points.strip_prefix(&[u32::from('T')]).unwrap_or(&points);
        let (mut clock, offset) = iso::time(points).map_err(|_| bad_text(py, text))?;
        if clock[0] == 24 {
            end_of_day(py, &clock)?;
            clock[0] = 0;
        }
        let zone = offset_zone(py, offset)?;
        check_clock(py, clock, 0)?;
        Self::of_class(py, class, clock, zone.as_deref(), 0)
    }

    fn replace(py: Attached<'_>, this: &Time, args: [Arg<'_>; 6]) -> PyResult<Ref<Object>> {
        let [hour, minute, second, micros, zone, fold] = args;
        let old = this.clock();
        let clock =
            [int(py, hour, old[0])?, int(py, minute, old[1])?, int(py, second, old[2])?, int(py, micros, old[3])?];
        let fold = int(py, fold, this.fold().into())?;
        let old_zone = this.zone();
        let zone = match zone {
            Some(zone) => zone_arg(py, Some(zone))?,
            None => old_zone.as_deref(),
        };
        check_clock(py, clock, fold)?;
        Self::of_class(py, this.as_object().ty(), clock, zone, fold as u8)
    }

    fn reduce(&self, py: Attached<'_>, protocol: i32) -> PyResult<Ref<Tuple>> {
        let mut data = self.0.data.each_ref().map(|byte| byte.get());
        if protocol > 3 && self.fold() != 0 {
            data[0] |= 0x80;
        }
        let mut state = vec![Bytes::new(py, &data)?.upcast()];
        state.extend(self.zone());
        let state = Tuple::from_vec(py, state)?.upcast();
        Tuple::pair(py, self.as_object().ty().to_ref().upcast(), state)
    }
}

/// Whether a time with hour 24 is the end of the day.
pub fn end_of_day(py: Attached<'_>, clock: &[i32; 4]) -> PyResult<()> {
    if clock[1..] == [0, 0, 0] {
        return Ok(());
    }
    Err(raise!(py, ValueError, "minute, second, and microsecond must be 0 when hour is 24"))
}

/// The zone of an offset that was read.
pub fn offset_zone(py: Attached<'_>, offset: Option<i128>) -> PyResult<Option<Ref<Object>>> {
    offset.map(|offset| TimeZone::of(py, &*Delta::from_micros(py, offset)?, None)).transpose()
}
