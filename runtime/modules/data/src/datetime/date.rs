//! `date`.
use super::calendar::{self, IsoError, MAX_ORDINAL, MAX_YEAR, MIN_YEAR};
use super::delta::Delta;
use super::instant::DateTime;
use super::isocalendar::IsoCalendarDate;
use super::{compact, format, iso, stamp};
use krait_object::args::{Args, Signature};
use krait_object::layout::PyDateTime_Date;
use krait_object::native::{Arg, alloc, required};
use krait_object::typedef::CompareOp;
use krait_object::{
    Attached, Bytes, IntoObject, Layout, Object, PyResult, Raised, Ref, Str, Tuple, Type, id, mem, not_implemented,
    pytype, raise,
};

/// `date`.
#[repr(transparent)]
pub struct Date(PyDateTime_Date);

pytype! {
    pub static DATE: "datetime.date" for Date {
        base: Object, flags: [BASETYPE],
        doc: "date(year, month, day) --> date object",
        slots: {
            tp_dealloc = |py: Attached<'_>, this: std::ptr::NonNull<Date>| mem::dealloc_with(py, this, |_| {}),
            tp_repr = |_: Attached<'_>, this: &Date| { let (y, m, d) = this.ymd(); format!("{}({y}, {m}, {d})", this.as_object().ty().name()) },
            tp_str = |py: Attached<'_>, this: &Date| this.as_object().call_method(py, id!(py, isoformat), &[]),
            tp_hash = Date::hash,
            tp_richcompare = Date::compare,
            tp_new = Date::construct,
            nb_add = Date::add,
            nb_subtract = Date::subtract,
        },
        methods: {
            class o "fromtimestamp" => |py: Attached<'_>, class: &Type, timestamp: &Object| Date::fromtimestamp(py, class, Some(timestamp)), "($type, timestamp, /)", "Create a date from a POSIX timestamp.\n\nThe timestamp is a number, e.g. created via time.time(), that is interpreted\nas local time.";
            class format "fromordinal" => Date::fromordinal, "($type, ordinal, /)", "int -> date corresponding to a proleptic Gregorian ordinal.";
            class o "fromisoformat" => Date::fromisoformat, "($type, object, /)", "str -> Construct a date from a string in ISO 8601 format.";
            class sig "fromisocalendar" => Date::fromisocalendar, "($type, year, week, day)", "int, int, int -> Construct a date from the ISO year, week number and weekday.\n\nThis is the inverse of the function date.isocalendar()";
            class noargs "today" => Date::today, "($type, /)", "Current date or datetime:  same as self.__class__.fromtimestamp(time.time()).";
            class format "strptime" => Date::strptime, "($type, string, format, /)", "string, format -> new date parsed from a string (like time.strptime()).";
            noargs "ctime" => |_: Attached<'_>, this: &Date| format::ctime(this.ymd(), [0; 4]), "($self, /)", "Return ctime() style string.";
            sig "strftime" => |py: Attached<'_>, this: &Date, [format]: [Arg<'_>; 1]| format::strftime(py, this.as_object(), this.ymd().0, required(py, format)?), "($self, format)", "format -> strftime() style string.";
            o "__format__" => |py: Attached<'_>, this: &Date, spec: &Object| format::format(py, this.as_object(), spec), "($self, format, /)", "Formats self with strftime.";
            noargs "isoformat" => |_: Attached<'_>, this: &Date| this.iso(), "($self, /)", "Return string in ISO 8601 format, YYYY-MM-DD.";
            noargs "isoweekday" => |_: Attached<'_>, this: &Date| this.weekday() + 1, "($self, /)", "Return the day of the week represented by the date.\n\nMonday == 1 ... Sunday == 7";
            noargs "isocalendar" => Date::isocalendar, "($self, /)", "Return a named tuple containing ISO year, week number, and weekday.";
            noargs "timetuple" => |py: Attached<'_>, this: &Date| format::struct_time(py, this.ymd(), [0; 4], -1), "($self, /)", "Return time tuple, compatible with time.localtime().";
            noargs "toordinal" => |_: Attached<'_>, this: &Date| this.ordinal(), "($self, /)", "Return proleptic Gregorian ordinal.  January 1 of year 1 is day 1.";
            noargs "weekday" => |_: Attached<'_>, this: &Date| this.weekday(), "($self, /)", "Return the day of the week represented by the date.\n\nMonday == 0 ... Sunday == 6";
            sig "replace" => Date::replace, "($self, /, year=unchanged, month=unchanged, day=unchanged)", "Return date with new specified fields.";
            sig "__replace__" => Date::replace, "($self, /, *, year=unchanged, month=unchanged, day=unchanged)", "The same as replace().";
            noargs "__reduce__" => Date::reduce, "($self, /)", "__reduce__() -> (cls, state)";
        },
        getset: {
            "year" => |_: Attached<'_>, this: &Date| this.ymd().0, "The year.";
            "month" => |_: Attached<'_>, this: &Date| this.ymd().1, "The month.";
            "day" => |_: Attached<'_>, this: &Date| this.ymd().2, "The day.";
        },
    }
}

/// Year, month and day, checked.
pub fn check_date(py: Attached<'_>, year: i32, month: i32, day: i32) -> PyResult<(i32, u8, u8)> {
    if !(MIN_YEAR..=MAX_YEAR).contains(&year) {
        return Err(raise!(py, ValueError, "year must be in 1..9999, not {year}"));
    }
    if !(1..=12).contains(&month) {
        return Err(raise!(py, ValueError, "month must be in 1..12, not {month}"));
    }
    let last = calendar::days_in_month(year, month as u8);
    if !(1..=i32::from(last)).contains(&day) {
        return Err(raise!(py, ValueError, "day {day} must be in range 1..{last} for month {month} in year {year}"));
    }
    Ok((year, month as u8, day as u8))
}

pub fn out_of_range(py: Attached<'_>) -> Raised {
    raise!(py, OverflowError, "date value out of range")
}

/// The error of a text in no ISO format.
pub fn bad_text(py: Attached<'_>, text: &Object) -> Raised {
    match text.repr(py) {
        Ok(shown) => raise!(py, ValueError, "Invalid isoformat string: {}", *shown),
        Err(raised) => raised,
    }
}

/// The text of an ISO format.
pub fn iso_text<'a>(py: Attached<'_>, text: &'a Object) -> PyResult<&'a Str> {
    text.downcast::<Str>().ok_or_else(|| raise!(py, TypeError, "fromisoformat: argument must be str"))
}

/// The pickled state of a constructor's first argument: bytes, or a string that stands for them.
pub fn state_of(object: &Object, len: usize) -> Option<Vec<u8>> {
    if let Some(bytes) = object.downcast::<Bytes>() {
        return Some(bytes.as_slice().to_vec()).filter(|bytes| bytes.len() == len);
    }
    let text = object.downcast::<Str>().filter(|text| text.len() == len)?;
    text.code_points().map(|point| u8::try_from(point).ok()).collect()
}

/// Calls `_strptime`'s function for a class.
pub fn strptime(
    py: Attached<'_>,
    class: &Type,
    function: &'static str,
    [text, format]: [Arg<'_>; 2],
) -> PyResult<Ref<Object>> {
    let mut given = [krait_object::none_borrowed(); 2];
    for (at, arg) in [text, format].into_iter().enumerate() {
        given[at] = required(py, arg)?;
        if given[at].downcast::<Str>().is_none() {
            let name = krait_object::builtins::textargs::arg_type(given[at]);
            return Err(raise!(py, TypeError, "strptime() argument {} must be str, not {name}", at + 1));
        }
    }
    let module = (krait_object::hooks::hooks().import)(py, "_strptime")?;
    module.call_method(py, Str::intern_static(py, function), &[class.as_object(), given[0], given[1]])
}

impl Date {
    pub fn ymd(&self) -> (i32, u8, u8) {
        let [high, low, month, day] = self.0.data.each_ref().map(|byte| byte.get());
        (i32::from(high) << 8 | i32::from(low), month, day)
    }

    pub fn set_ymd(&self, (year, month, day): (i32, u8, u8)) {
        self.0.hashcode.set(-1);
        for (byte, value) in self.0.data.iter().zip([(year >> 8) as u8, year as u8, month, day]) {
            byte.set(value);
        }
    }

    pub fn ordinal(&self) -> i64 {
        let (year, month, day) = self.ymd();
        calendar::to_ordinal(year, month, day)
    }

    fn weekday(&self) -> i64 {
        (self.ordinal() + 6) % 7
    }

    pub fn iso(&self) -> String {
        let (year, month, day) = self.ymd();
        format!("{year:04}-{month:02}-{day:02}")
    }

    /// An instance of `ty`, made here.
    pub fn make(py: Attached<'_>, ty: &Type, ymd: (i32, u8, u8)) -> PyResult<Ref<Date>> {
        let this = alloc::<Date>(py, ty)?;
        this.set_ymd(ymd);
        Ok(this)
    }

    /// An instance of a class, made by its constructor unless it is `date` itself.
    fn of_class(py: Attached<'_>, class: &Type, ymd: (i32, u8, u8)) -> PyResult<Ref<Object>> {
        if std::ptr::eq(class, Self::type_object()) {
            return Ok(Self::make(py, class, ymd)?.upcast());
        }
        let (year, month, day) = ymd;
        let args = [compact(year.into()), compact(month.into()), compact(day.into())];
        let args = args.map(|value| value.into_object(py));
        let [year, month, day] = args;
        class.as_object().call_pos(py, &[&*year?, &*month?, &*day?])
    }

    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Date>> {
        if let ([state], []) = (args.pos, args.names)
            && let Some(state) = state_of(state, 4)
            && (1..=12).contains(&state[2])
        {
            let this = Self::make(py, ty, (i32::from(state[0]) << 8 | i32::from(state[1]), state[2], state[3]))?;
            return Ok(this);
        }
        const SIG: Signature = Signature::unnamed("(year, month, day)");
        let [year, month, day] = SIG.bind::<3>(py, args)?;
        let year = required(py, year)?.as_i32(py)?;
        let month = required(py, month)?.as_i32(py)?;
        let day = required(py, day)?.as_i32(py)?;
        Self::make(py, ty, check_date(py, year, month, day)?)
    }

    fn hash(py: Attached<'_>, this: &Date) -> PyResult<isize> {
        if this.0.hashcode.get() == -1 {
            let data = this.0.data.each_ref().map(|byte| byte.get());
            this.0.hashcode.set(Bytes::new(py, &data)?.hash_value());
        }
        Ok(this.0.hashcode.get())
    }

    fn compare(py: Attached<'_>, this: &Date, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        match other.downcast::<Date>() {
            Some(date)
                if other.downcast::<DateTime>().is_none() && this.as_object().downcast::<DateTime>().is_none() =>
            {
                op.holds(this.ymd().cmp(&date.ymd())).into_object(py)
            }
            _ => Ok(not_implemented()),
        }
    }

    fn shifted(&self, py: Attached<'_>, days: i64) -> PyResult<Ref<Object>> {
        let ordinal = self.ordinal() + days;
        if !(1..=MAX_ORDINAL).contains(&ordinal) {
            return Err(out_of_range(py));
        }
        Self::of_class(py, self.as_object().ty(), calendar::from_ordinal(ordinal))
    }

    fn add(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        let (date, delta) = match (left.downcast::<Date>(), right.downcast::<Date>()) {
            (Some(date), None) => (date, right),
            (None, Some(date)) => (date, left),
            _ => return Ok(not_implemented()),
        };
        match (date.as_object().downcast::<DateTime>(), delta.downcast::<Delta>()) {
            (None, Some(delta)) => date.shifted(py, delta.parts().0.into()),
            _ => Ok(not_implemented()),
        }
    }

    fn subtract(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        let Some(date) = left.downcast::<Date>().filter(|_| left.downcast::<DateTime>().is_none()) else {
            return Ok(not_implemented());
        };
        if let Some(delta) = right.downcast::<Delta>() {
            return date.shifted(py, -i64::from(delta.parts().0));
        }
        match right.downcast::<Date>().filter(|_| right.downcast::<DateTime>().is_none()) {
            Some(other) => {
                let days = i128::from(date.ordinal() - other.ordinal());
                Ok(Delta::from_micros(py, days * calendar::DAY_US)?.upcast())
            }
            None => Ok(not_implemented()),
        }
    }

    pub fn fromtimestamp(py: Attached<'_>, class: &Type, timestamp: Arg<'_>) -> PyResult<Ref<Object>> {
        let seconds = stamp::seconds_floor(py, required(py, timestamp)?)?;
        let local = stamp::local_time(py, seconds)?;
        Self::of_class(py, class, check_date(py, local.year, local.month, local.day)?)
    }

    fn fromordinal(py: Attached<'_>, class: &Type, [ordinal]: [Arg<'_>; 1]) -> PyResult<Ref<Object>> {
        let ordinal = i64::from(required(py, ordinal)?.as_i32(py)?);
        if ordinal < 1 {
            return Err(raise!(py, ValueError, "ordinal must be >= 1"));
        }
        let (year, month, day) = calendar::from_ordinal(ordinal);
        Self::of_class(py, class, check_date(py, year, month.into(), day.into())?)
    }

    fn fromisoformat(py: Attached<'_>, class: &Type, text: &Object) -> PyResult<Ref<Object>> {
        let points = iso_text(py, text)?.to_code_points();
        let parsed = if matches!(points.len(), 7 | 8 | 10) { iso::date(&points) } else { Err(iso::Bad::Format) };
        let (year, month, day) = parsed.map_err(|_| bad_text(py, text))?;
        Self::of_class(py, class, check_date(py, year, month, day)?)
    }

    fn fromisocalendar(py: Attached<'_>, class: &Type, [year, week, day]: [Arg<'_>; 3]) -> PyResult<Ref<Object>> {
        let number = |arg: Arg<'_>, name: &str| -> PyResult<i32> {
            match required(py, arg)?.as_i32(py) {
                Ok(value) => Ok(value),
                Err(raised) if raised.matches(py, krait_object::exc::OverflowError()) => {
                    raised.clear(py);
                    Err(raise!(py, ValueError, "ISO calendar component out of range: {name}"))
                }
                Err(raised) => Err(raised),
            }
        };
        let (year, week, day) = (number(year, "year")?, number(week, "week")?, number(day, "day")?);
        let ymd = calendar::from_iso(year, week, day).map_err(|error| match error {
            IsoError::Year => raise!(py, ValueError, "year must be in 1..9999, not {year}"),
            IsoError::Week => raise!(py, ValueError, "Invalid week: {week}"),
            IsoError::Day => raise!(py, ValueError, "Invalid weekday: {day} (range is [1, 7])"),
        })?;
        Self::of_class(py, class, check_date(py, ymd.0, ymd.1.into(), ymd.2.into())?)
    }

    fn today(py: Attached<'_>, class: &Type) -> PyResult<Ref<Object>> {
        let now = (krait_object::hooks::hooks().import)(py, "time")?.call_method(py, id!(py, time), &[])?;
        class.as_object().call_method(py, id!(py, fromtimestamp), &[&now])
    }

    fn strptime(py: Attached<'_>, class: &Type, args: [Arg<'_>; 2]) -> PyResult<Ref<Object>> {
        strptime(py, class, "_strptime_datetime_date", args)
    }

    fn isocalendar(py: Attached<'_>, this: &Date) -> PyResult<Ref<Tuple>> {
        let (year, month, day) = this.ymd();
        let (year, week, weekday) = calendar::iso_calendar(year, month, day);
        IsoCalendarDate::make(py, [year, week as i32, weekday as i32])
    }

    fn replace(py: Attached<'_>, this: &Date, args: [Arg<'_>; 3]) -> PyResult<Ref<Object>> {
        let (year, month, day) = this.ymd();
        let mut values = [year, month.into(), day.into()];
        for (value, arg) in values.iter_mut().zip(args) {
            if let Some(arg) = arg {
                *value = arg.as_i32(py)?;
            }
        }
        let [year, month, day] = values;
        let class = this.as_object().ty();
        Self::of_class(py, class, check_date(py, year, month, day)?)
    }

    fn reduce(py: Attached<'_>, this: &Date) -> PyResult<Ref<Tuple>> {
        let data = this.0.data.each_ref().map(|byte| byte.get());
        let state = Tuple::from_slice(py, &[Bytes::new(py, &data)?.as_object()])?;
        Tuple::pair(py, this.as_object().ty().to_ref().upcast(), state.upcast())
    }
}
