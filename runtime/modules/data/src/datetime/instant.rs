//! `datetime`.
use super::calendar::{self, DAY_US, MAX_ORDINAL, days_in_month};
use super::date::{Date, bad_text, check_date, iso_text, out_of_range, state_of, strptime};
use super::delta::Delta;
use super::time::{Time, check_clock, delta_or_none, end_of_day, finish_repr, int, offset_zone, state_zone};
use super::zone::{self, TimeZone, zone_arg};
use super::{format, iso, stamp};
use krait_object::args::{Args, Signature};
use krait_object::layout::PyDateTime_DateTime;
use krait_object::native::{Arg, alloc, character, required};
use krait_object::typedef::CompareOp;
use krait_object::{
    Attached, Bytes, IntoObject, Layout, Object, PyResult, Raised, Ref, Slot, Str, StrBuilder, Tuple, Type, hooks, id,
    mem, none_borrowed, not_implemented, pytype, raise,
};

/// `datetime`.
#[repr(transparent)]
pub struct DateTime(PyDateTime_DateTime);

pytype! {
    pub static DATETIME: "datetime.datetime" for DateTime {
        base: Date, flags: [BASETYPE],
        doc: "datetime(year, month, day[, hour[, minute[, second[, microsecond[,tzinfo]]]]])\n\nThe year, month and day arguments are required. tzinfo may be None, or an\ninstance of a tzinfo subclass. The remaining arguments may be ints.",
        slots: {
            tp_dealloc = |py: Attached<'_>, this: std::ptr::NonNull<DateTime>| mem::dealloc_with(py, this, |this| drop(this.zone_slot().take())),
            tp_repr = DateTime::repr,
            tp_str = |py: Attached<'_>, this: &DateTime| this.as_object().call_method(py, id!(py, isoformat), &[&*" ".into_object(py)?]),
            tp_hash = DateTime::hash,
            tp_richcompare = DateTime::compare,
            tp_new = DateTime::construct,
            nb_add = DateTime::add,
            nb_subtract = DateTime::subtract,
        },
        methods: {
            class sig "now" => DateTime::now, "($type, /, tz=None)", "Returns new datetime object representing current time local to tz.\n\n  tz\n    Timezone object.\n\nIf no tz is specified, uses local timezone.";
            class noargs "utcnow" => DateTime::utcnow, "($type, /)", "Return a new datetime representing UTC day and time.";
            class sig "fromtimestamp" => DateTime::fromtimestamp, "($type, /, timestamp, tz=None)", "timestamp[, tz] -> tz's local time from POSIX timestamp.";
            class format "utcfromtimestamp" => DateTime::utcfromtimestamp, "($type, timestamp, /)", "Construct a naive UTC datetime from a POSIX timestamp.";
            class format "strptime" => |py: Attached<'_>, class: &Type, args: [Arg<'_>; 2]| strptime(py, class, "_strptime_datetime_datetime", args), "($type, string, format, /)", "string, format -> new datetime parsed from a string (like time.strptime()).";
            class sig "combine" => DateTime::combine, "($type, /, date, time, tzinfo=unchanged)", "date, time -> datetime with same date and time fields";
            class o "fromisoformat" => DateTime::fromisoformat, "($type, object, /)", "string -> datetime from a string in most ISO 8601 formats";
            noargs "date" => |py: Attached<'_>, this: &DateTime| Date::make(py, Date::type_object(), this.ymd()), "($self, /)", "Return date object with same year, month and day.";
            noargs "time" => |py: Attached<'_>, this: &DateTime| Time::make(py, Time::type_object(), this.clock(), None, this.fold()), "($self, /)", "Return time object with same time but with tzinfo=None.";
            noargs "timetz" => |py: Attached<'_>, this: &DateTime| Time::make(py, Time::type_object(), this.clock(), this.zone().as_deref(), this.fold()), "($self, /)", "Return time object with same time and tzinfo.";
            noargs "ctime" => |_: Attached<'_>, this: &DateTime| format::ctime(this.ymd(), this.clock()), "($self, /)", "Return ctime() style string.";
            noargs "timetuple" => DateTime::timetuple, "($self, /)", "Return time tuple, compatible with time.localtime().";
            noargs "timestamp" => DateTime::timestamp, "($self, /)", "Return POSIX timestamp as float.";
            noargs "utctimetuple" => DateTime::utctimetuple, "($self, /)", "Return UTC time tuple, compatible with time.localtime().";
            sig "isoformat" => DateTime::isoformat, "($self, /, sep='T', timespec='auto')", "Return the time formatted according to ISO.\n\n  sep\n    What stands between date and time.\n  timespec\n    How precise: 'auto' (the default), 'hours', 'minutes', 'seconds',\n    'milliseconds' or 'microseconds'.";
            noargs "utcoffset" => |py: Attached<'_>, this: &DateTime| delta_or_none(py, this.utcoffset(py)), "($self, /)", "Return self.tzinfo.utcoffset(self).";
            noargs "tzname" => |py: Attached<'_>, this: &DateTime| this.tzname(py), "($self, /)", "Return self.tzinfo.tzname(self).";
            noargs "dst" => |py: Attached<'_>, this: &DateTime| delta_or_none(py, this.dst(py)), "($self, /)", "Return self.tzinfo.dst(self).";
            sig "replace" => DateTime::replace, "($self, /, year=unchanged, month=unchanged, day=unchanged, hour=unchanged, minute=unchanged, second=unchanged, microsecond=unchanged, tzinfo=unchanged, *, fold=unchanged)", "Return datetime with new specified fields.";
            sig "__replace__" => DateTime::replace, "($self, /, *, year=unchanged, month=unchanged, day=unchanged, hour=unchanged, minute=unchanged, second=unchanged, microsecond=unchanged, tzinfo=unchanged, fold=unchanged)", "The same as replace().";
            sig "astimezone" => DateTime::astimezone, "($self, /, tz=None)", "Convert to local time in new timezone tz.";
            sig "__reduce_ex__" => |py: Attached<'_>, this: &DateTime, [protocol]: [Arg<'_>; 1]| this.reduce(py, required(py, protocol)?.as_i32(py)?), "($self, protocol, /)", "__reduce_ex__(proto) -> (cls, state)";
            noargs "__reduce__" => |py: Attached<'_>, this: &DateTime| this.reduce(py, 2), "($self, /)", "__reduce__() -> (cls, state)";
        },
        getset: {
            "hour" => |_: Attached<'_>, this: &DateTime| this.clock()[0], "The hour.";
            "minute" => |_: Attached<'_>, this: &DateTime| this.clock()[1], "The minute.";
            "second" => |_: Attached<'_>, this: &DateTime| this.clock()[2], "The second.";
            "microsecond" => |_: Attached<'_>, this: &DateTime| this.clock()[3], "The microsecond.";
            "tzinfo" => |_: Attached<'_>, this: &DateTime| this.zone(), "The zone, or None.";
            "fold" => |_: Attached<'_>, this: &DateTime| this.fold(), "1 for the second of two equal times when clocks are set back.";
        },
    }
}

/// A day and its clock time.
type Fields = ((i32, u8, u8), [i32; 4]);

fn needs_both(py: Attached<'_>, what: &str) -> Raised {
    raise!(py, TypeError, "can't {what} offset-naive and offset-aware datetimes")
}

/// The fields of microseconds from the start of year 1 (whose first day is number 1).
fn fields_of(py: Attached<'_>, micros: i128) -> PyResult<Fields> {
    let (days, rest) = (micros.div_euclid(DAY_US), micros.rem_euclid(DAY_US) as i64);
    if !(1..=i128::from(MAX_ORDINAL)).contains(&days) {
        return Err(out_of_range(py));
    }
    let (seconds, micros) = (rest / 1_000_000, (rest % 1_000_000) as i32);
    let clock = [(seconds / 3600) as i32, (seconds / 60 % 60) as i32, (seconds % 60) as i32, micros];
    Ok((calendar::from_ordinal(days as i64), clock))
}

impl DateTime {
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

    fn data(&self) -> [u8; 10] {
        self.0.data.each_ref().map(|byte| byte.get())
    }

    pub fn ymd(&self) -> (i32, u8, u8) {
        let data = self.data();
        (i32::from(data[0]) << 8 | i32::from(data[1]), data[2], data[3])
    }

    pub fn clock(&self) -> [i32; 4] {
        let [.., hour, minute, second, a, b, c] = self.data().map(i32::from);
        [hour, minute, second, a << 16 | b << 8 | c]
    }

    /// Microseconds from the start of year 1, as the clock shows them.
    pub fn micros(&self) -> i128 {
        let (year, month, day) = self.ymd();
        let [hour, minute, second, micros] = self.clock().map(i128::from);
        let days = i128::from(calendar::to_ordinal(year, month, day));
        days * DAY_US + ((hour * 60 + minute) * 60 + second) * 1_000_000 + micros
    }

    pub fn make(
        py: Attached<'_>,
        ty: &Type,
        fields: Fields,
        zone: Option<&Object>,
        fold: u8,
    ) -> PyResult<Ref<DateTime>> {
        let this = alloc::<DateTime>(py, ty)?;
        let ((year, month, day), [hour, minute, second, micros]) = fields;
        let data = [
            (year >> 8) as u8,
            year as u8,
            month,
            day,
            hour as u8,
            minute as u8,
            second as u8,
            (micros >> 16) as u8,
            (micros >> 8) as u8,
            micros as u8,
        ];
        for (byte, value) in this.0.data.iter().zip(data) {
            byte.set(value);
        }
        this.0.hashcode.set(-1);
        this.0.fold.set(fold);
        this.0.hastzinfo.set(i8::from(zone.is_some()) as _);
        drop(this.zone_slot().replace(zone.map(Layout::to_ref)));
        Ok(this)
    }

    pub fn of_class(
        py: Attached<'_>,
        class: &Type,
        fields: Fields,
        zone: Option<&Object>,
        fold: u8,
    ) -> PyResult<Ref<Object>> {
        if std::ptr::eq(class, Self::type_object()) {
            return Ok(Self::make(py, class, fields, zone, fold)?.upcast());
        }
        let ((year, month, day), clock) = fields;
        let numbers = [year, month.into(), day.into()].into_iter().chain(clock);
        let mut args = numbers.map(|value| value.into_object(py)).collect::<PyResult<Vec<_>>>()?;
        args.push(zone.unwrap_or(none_borrowed()).to_ref());
        let new = class.as_object().call_pos(py, krait_object::args::as_borrowed(&args))?;
        if let Some(dt) = new.as_object().downcast::<DateTime>() {
            dt.0.fold.set(fold);
        }
        Ok(new)
    }

    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<DateTime>> {
        if let ([state] | [state, _], []) = (args.pos, args.names)
            && let Some(state) = state_of(state, 10)
            && (1..=12).contains(&(state[2] & 0x7F))
        {
            let zone = state_zone(py, args.pos.get(1).copied())?;
            let ymd = (i32::from(state[0]) << 8 | i32::from(state[1]), state[2] & 0x7F, state[3]);
            let [.., hour, minute, second, a, b, c] = state[..] else { return Err(py.bad_internal_call()) };
            let micros = i32::from(a) << 16 | i32::from(b) << 8 | i32::from(c);
            let clock = [hour.into(), minute.into(), second.into(), micros];
            return Self::make(py, ty, (ymd, clock), zone, state[2] >> 7);
        }
        const SIG: Signature =
            Signature::unnamed("(year, month, day, hour=0, minute=0, second=0, microsecond=0, tzinfo=None, *, fold=0)");
        let [year, month, day, hour, minute, second, micros, zone, fold] = SIG.bind::<9>(py, args)?;
        let date = [required(py, year)?.as_i32(py)?, required(py, month)?.as_i32(py)?, required(py, day)?.as_i32(py)?];
        let clock = [int(py, hour, 0)?, int(py, minute, 0)?, int(py, second, 0)?, int(py, micros, 0)?];
        let fold = int(py, fold, 0)?;
        let ymd = check_date(py, date[0], date[1], date[2])?;
        check_clock(py, clock, fold)?;
        Self::make(py, ty, (ymd, clock), zone_arg(py, zone)?, fold as u8)
    }

    pub fn utcoffset(&self, py: Attached<'_>) -> PyResult<Option<i128>> {
        zone::ask(py, self.zone().as_deref(), id!(py, utcoffset), self.as_object())
    }

    pub fn dst(&self, py: Attached<'_>) -> PyResult<Option<i128>> {
        zone::ask(py, self.zone().as_deref(), id!(py, dst), self.as_object())
    }

    pub fn tzname(&self, py: Attached<'_>) -> PyResult<Option<Ref<Str>>> {
        zone::ask_name(py, self.zone().as_deref(), self.as_object())
    }

    fn repr(py: Attached<'_>, this: &DateTime) -> PyResult<String> {
        let ((year, month, day), [hour, minute, second, micros]) = (this.ymd(), this.clock());
        let name = this.as_object().ty().name().into_owned();
        let mut out = format!("{name}({year}, {month}, {day}, {hour}, {minute}");
        if micros != 0 {
            out += &format!(", {second}, {micros}");
        } else if second != 0 {
            out += &format!(", {second}");
        }
        finish_repr(py, out, this.fold(), this.zone().as_deref())
    }

    /// The same time with another fold.
    pub fn with_fold(&self, py: Attached<'_>, fold: u8) -> PyResult<Ref<DateTime>> {
        let zone = self.zone();
        Self::make(py, Self::type_object(), (self.ymd(), self.clock()), zone.as_deref(), fold)
    }

    fn hash(py: Attached<'_>, this: &DateTime) -> PyResult<isize> {
        if this.0.hashcode.get() == -1 {
            let offset = if this.fold() != 0 { this.with_fold(py, 0)?.utcoffset(py)? } else { this.utcoffset(py)? };
            let hash = match offset {
                None => Bytes::new(py, &this.data())?.hash_value(),
                Some(offset) => Delta::hash(py, &*Delta::from_micros(py, this.micros() - offset)?)?,
            };
            this.0.hashcode.set(hash);
        }
        Ok(this.0.hashcode.get())
    }

    /// Whether the offset depends on the fold, so that the time equals none of another zone (PEP 495).
    fn is_problematic(&self, py: Attached<'_>, offset: Option<i128>) -> PyResult<bool> {
        Ok(self.with_fold(py, 1 - self.fold())?.utcoffset(py)? != offset)
    }

    fn compare(py: Attached<'_>, this: &DateTime, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        let Some(other) = other.downcast::<DateTime>() else { return Ok(not_implemented()) };
        if this.0.tzinfo.get() == other.0.tzinfo.get() {
            return op.holds(this.data().cmp(&other.data())).into_object(py);
        }
        let equality = matches!(op, CompareOp::Eq | CompareOp::Ne);
        let (left, right) = (this.utcoffset(py)?, other.utcoffset(py)?);
        let mut ordering = match (left, right) {
            _ if left == right => this.data().cmp(&other.data()),
            (Some(left), Some(right)) => (this.micros() - left).cmp(&(other.micros() - right)),
            _ if equality => return (op == CompareOp::Ne).into_object(py),
            _ => return Err(needs_both(py, "compare")),
        };
        if equality && ordering.is_eq() && (this.is_problematic(py, left)? || other.is_problematic(py, right)?) {
            ordering = std::cmp::Ordering::Greater;
        }
        op.holds(ordering).into_object(py)
    }

    /// The time that many microseconds later, of the same class.
    pub fn shifted(&self, py: Attached<'_>, micros: i128) -> PyResult<Ref<Object>> {
        let zone = self.zone();
        let fields = fields_of(py, self.micros() + micros)?;
        Self::of_class(py, self.as_object().ty(), fields, zone.as_deref(), 0)
    }

    fn add(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        let (dt, delta) = match (left.downcast::<DateTime>(), right.downcast::<DateTime>()) {
            (Some(dt), None) => (dt, right),
            (None, Some(dt)) => (dt, left),
            _ => return Ok(not_implemented()),
        };
        match delta.downcast::<Delta>() {
            Some(delta) => dt.shifted(py, delta.micros()),
            None => Ok(not_implemented()),
        }
    }

    fn subtract(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        let Some(dt) = left.downcast::<DateTime>() else { return Ok(not_implemented()) };
        if let Some(delta) = right.downcast::<Delta>() {
            return dt.shifted(py, -delta.micros());
        }
        let Some(other) = right.downcast::<DateTime>() else { return Ok(not_implemented()) };
        let mut micros = dt.micros() - other.micros();
        if dt.0.tzinfo.get() != other.0.tzinfo.get() {
            match (dt.utcoffset(py)?, other.utcoffset(py)?) {
                (Some(left), Some(right)) => micros += right - left,
                (None, None) => {}
                _ => return Err(needs_both(py, "subtract")),
            }
        }
        Ok(Delta::from_micros(py, micros)?.upcast())
    }

    /// The time of a POSIX timestamp: in a zone, or on the local or the UTC clock.
    fn of_stamp(
        py: Attached<'_>,
        class: &Type,
        (seconds, micros): (i64, i32),
        zone: Option<&Object>,
        local: bool,
    ) -> PyResult<Ref<Object>> {
        let (fields, mut fold) = if local {
            let now = stamp::local_time(py, seconds)?;
            let ymd = check_date(py, now.year, now.month, now.day)?;
            let [hour, minute, second] = now.clock;
            ((ymd, [hour, minute, second, micros]), 0)
        } else {
            let total = i128::from(seconds) + i128::from(stamp::EPOCH);
            let days = total.div_euclid(86_400);
            if !(1..=i128::from(MAX_ORDINAL)).contains(&days) {
                let year = if days < 1 { 0 } else { 10_000 };
                return Err(raise!(py, ValueError, "year must be in 1..9999, not {year}"));
            }
            (fields_of(py, total * 1_000_000 + i128::from(micros))?, 0)
        };
        const DAY: i64 = 86_400;
        if local {
            // The clock may have shown this time before.
            let [hour, minute, second, _] = fields.1;
            let shown = stamp::seconds_of(fields.0, [hour, minute, second]);
            let before = stamp::local(py, stamp::EPOCH + seconds - DAY)?;
            let transition = shown - before - DAY;
            if transition < 0 && stamp::local(py, stamp::EPOCH + seconds + transition)? == shown {
                fold = 1;
            }
        }
        let result = Self::of_class(py, class, fields, zone, fold)?;
        match zone {
            None => Ok(result),
            Some(zone) => zone.call_method(py, id!(py, fromutc), &[&result]),
        }
    }

    fn clock_now(py: Attached<'_>) -> PyResult<(i64, i32)> {
        match std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH) {
            Ok(now) => Ok((now.as_secs() as i64, now.subsec_micros() as i32)),
            Err(_) => Err(out_of_range(py)),
        }
    }

    fn now(py: Attached<'_>, class: &Type, [zone]: [Arg<'_>; 1]) -> PyResult<Ref<Object>> {
        let zone = zone_arg(py, zone)?;
        Self::of_stamp(py, class, Self::clock_now(py)?, zone, zone.is_none())
    }

    fn utcnow(py: Attached<'_>, class: &Type) -> PyResult<Ref<Object>> {
        let message = "datetime.datetime.utcnow() is deprecated and scheduled for removal in a future version. Use timezone-aware objects to represent datetimes in UTC: datetime.datetime.now(datetime.UTC).";
        (hooks::hooks().warn)(py, krait_object::exc::DeprecationWarning(), message, 1)?;
        Self::of_stamp(py, class, Self::clock_now(py)?, None, false)
    }

    fn fromtimestamp(py: Attached<'_>, class: &Type, [timestamp, zone]: [Arg<'_>; 2]) -> PyResult<Ref<Object>> {
        let zone = zone_arg(py, zone)?;
        let at = stamp::seconds_and_micros(py, required(py, timestamp)?)?;
        Self::of_stamp(py, class, at, zone, zone.is_none())
    }

    fn utcfromtimestamp(py: Attached<'_>, class: &Type, [timestamp]: [Arg<'_>; 1]) -> PyResult<Ref<Object>> {
        let message = "datetime.datetime.utcfromtimestamp() is deprecated and scheduled for removal in a future version. Use timezone-aware objects to represent datetimes in UTC: datetime.datetime.fromtimestamp(timestamp, datetime.UTC).";
        (hooks::hooks().warn)(py, krait_object::exc::DeprecationWarning(), message, 1)?;
        let at = stamp::seconds_and_micros(py, required(py, timestamp)?)?;
        Self::of_stamp(py, class, at, None, false)
    }

    fn combine(py: Attached<'_>, class: &Type, [date, time, zone]: [Arg<'_>; 3]) -> PyResult<Ref<Object>> {
        let (date, time) = (required(py, date)?, required(py, time)?);
        let Some(date) = date.downcast::<Date>() else {
            return Err(raise!(
                py,
                TypeError,
                "combine() argument 1 must be datetime.date, not {}",
                krait_object::builtins::textargs::arg_type(date)
            ));
        };
        let Some(time) = time.downcast::<Time>() else {
            return Err(raise!(
                py,
                TypeError,
                "combine() argument 2 must be datetime.time, not {}",
                krait_object::builtins::textargs::arg_type(time)
            ));
        };
        let own = time.zone();
        let zone = match zone {
            Some(zone) => zone_arg(py, Some(zone))?,
            None => own.as_deref(),
        };
        Self::of_class(py, class, (date.ymd(), time.clock()), zone, time.fold())
    }

    fn fromisoformat(py: Attached<'_>, class: &Type, text: &Object) -> PyResult<Ref<Object>> {
        let points = iso_text(py, text)?.to_code_points();
        let parse = || -> Result<_, iso::Bad> {
            let at = iso::separator(&points)?;
            let date = iso::date(points.get(..at).ok_or(iso::Bad::Format)?)?;
            let (clock, offset) = match points.get(at + 1..) {
                Some(rest) => iso::time(rest)?,
                None => ([0; 4], None),
            };
            Ok((date, clock, offset))
        };
        let ((year, month, day), mut clock, offset) = parse().map_err(|_| bad_text(py, text))?;
        let mut ymd = (year, month, day);
        if clock[0] == 24 && (1..=12).contains(&month) && (1..=9999).contains(&year) {
            let last = i32::from(days_in_month(year, month as u8));
            if day <= last {
                end_of_day(py, &clock)?;
                clock[0] = 0;
                ymd = match (month, day) {
                    (12, _) if day == last => (year + 1, 1, 1),
                    _ if day == last => (year, month + 1, 1),
                    _ => (year, month, day + 1),
                };
            }
        }
        let zone = offset_zone(py, offset)?;
        let ymd = check_date(py, ymd.0, ymd.1, ymd.2)?;
        check_clock(py, clock, 0)?;
        Self::of_class(py, class, (ymd, clock), zone.as_deref(), 0)
    }

    fn isoformat(py: Attached<'_>, this: &DateTime, [separator, timespec]: [Arg<'_>; 2]) -> PyResult<Ref<Str>> {
        let separator = match separator {
            None => u32::from('T'),
            Some(given) => character(py, given, "isoformat() argument 1 must be a unicode character")?,
        };
        let (year, month, day) = this.ymd();
        let mut out = StrBuilder::with_capacity(32);
        out.push_str(&format!("{year:04}-{month:02}-{day:02}"));
        out.push(separator);
        out.push_str(&format::clock(py, this.clock(), timespec, "argument 2")?);
        if let Some(offset) = this.utcoffset(py)? {
            out.push_str(&zone::format_offset(offset, ":"));
        }
        out.finish(py)
    }

    fn timetuple(py: Attached<'_>, this: &DateTime) -> PyResult<Ref<Object>> {
        let dst = this.dst(py)?.map_or(-1, |dst| i32::from(dst != 0));
        format::struct_time(py, this.ymd(), this.clock(), dst)
    }

    fn utctimetuple(py: Attached<'_>, this: &DateTime) -> PyResult<Ref<Object>> {
        let offset = this.utcoffset(py)?.unwrap_or(0);
        let (ymd, clock) =
            if offset == 0 { (this.ymd(), this.clock()) } else { fields_of(py, this.micros() - offset)? };
        format::struct_time(py, ymd, clock, 0)
    }

    fn timestamp(py: Attached<'_>, this: &DateTime) -> PyResult<Ref<Object>> {
        let micros = match this.utcoffset(py)? {
            Some(offset) if this.zone().is_some() => this.micros() - offset - i128::from(stamp::EPOCH) * 1_000_000,
            _ => {
                let [hour, minute, second, micros] = this.clock();
                let shown = stamp::seconds_of(this.ymd(), [hour, minute, second]);
                let utc = stamp::local_to_utc(py, shown, this.fold() != 0)?;
                return ((utc - stamp::EPOCH) as f64 + f64::from(micros) / 1e6).into_object(py);
            }
        };
        Delta::from_micros(py, micros)?.as_object().call_method(py, id!(py, total_seconds), &[])
    }

    fn replace(py: Attached<'_>, this: &DateTime, args: [Arg<'_>; 9]) -> PyResult<Ref<Object>> {
        let [year, month, day, hour, minute, second, micros, zone, fold] = args;
        let (date, old) = (this.ymd(), this.clock());
        let new = [int(py, year, date.0)?, int(py, month, date.1.into())?, int(py, day, date.2.into())?];
        let clock =
            [int(py, hour, old[0])?, int(py, minute, old[1])?, int(py, second, old[2])?, int(py, micros, old[3])?];
        let fold = int(py, fold, this.fold().into())?;
        let old_zone = this.zone();
        let zone = match zone {
            Some(zone) => zone_arg(py, Some(zone))?,
            None => old_zone.as_deref(),
        };
        let ymd = check_date(py, new[0], new[1], new[2])?;
        check_clock(py, clock, fold)?;
        Self::of_class(py, this.as_object().ty(), (ymd, clock), zone, fold as u8)
    }

    /// The system's zone at a number of seconds since the epoch.
    fn system_zone(py: Attached<'_>, seconds: i64) -> PyResult<Ref<Object>> {
        let local = stamp::local_time(py, seconds)?;
        let offset = Delta::from_micros(py, i128::from(local.offset) * 1_000_000)?;
        let name = Str::new(py, &local.zone)?;
        TimeZone::of(py, &offset, Some(&name))
    }

    fn astimezone(py: Attached<'_>, this: &DateTime, [zone]: [Arg<'_>; 1]) -> PyResult<Ref<Object>> {
        let zone = zone_arg(py, zone)?;
        let own = this.zone();
        if let (Some(zone), Some(own)) = (zone, &own)
            && zone.is(&**own)
        {
            return Ok(this.to_ref().upcast());
        }
        let offset = match &own {
            Some(own) => zone::ask(py, Some(&**own), id!(py, utcoffset), this.as_object())?,
            None => None,
        };
        let micros = match offset {
            Some(offset) => this.micros() - offset,
            // Local time of the system. Within a gap of it `fold` says on which side the time is.
            None => {
                let seconds = this.micros().div_euclid(1_000_000) as i64;
                let utc = stamp::local_to_utc(py, seconds, this.fold() != 0)?;
                i128::from(utc) * 1_000_000 + this.micros().rem_euclid(1_000_000)
            }
        };
        let fields = fields_of(py, micros)?;
        let zone = match zone {
            Some(zone) => zone.to_ref(),
            None => {
                let seconds = micros.div_euclid(1_000_000) - i128::from(stamp::EPOCH);
                Self::system_zone(py, seconds as i64)?
            }
        };
        let result = Self::of_class(py, this.as_object().ty(), fields, Some(&zone), 0)?;
        zone.call_method(py, id!(py, fromutc), &[&result])
    }

    fn reduce(&self, py: Attached<'_>, protocol: i32) -> PyResult<Ref<Tuple>> {
        let mut data = self.data();
        if protocol > 3 && self.fold() != 0 {
            data[2] |= 0x80;
        }
        let mut state = vec![Bytes::new(py, &data)?.upcast()];
        state.extend(self.zone());
        let state = Tuple::from_vec(py, state)?.upcast();
        Tuple::pair(py, self.as_object().ty().to_ref().upcast(), state)
    }
}
