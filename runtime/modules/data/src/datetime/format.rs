//! Dates and times as text.
use super::calendar;
use super::zone::format_offset;
use krait_object::native::{Arg, type_name};
use krait_object::{Attached, IntoObject, Layout, Object, PyResult, Ref, Str, StrBuilder, Tuple, hooks, id, raise};

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The format of C's `ctime`.
pub fn ctime((year, month, day): (i32, u8, u8), [hour, minute, second, _]: [i32; 4]) -> String {
    let weekday = DAYS[calendar::weekday(year, month, day) as usize];
    let name = MONTHS[usize::from(month) - 1];
    format!("{weekday} {name} {day:2} {hour:02}:{minute:02}:{second:02} {year:04}")
}

/// A `time.struct_time`.
pub fn struct_time(
    py: Attached<'_>,
    (year, month, day): (i32, u8, u8),
    [hour, minute, second, _]: [i32; 4],
    dst: i32,
) -> PyResult<Ref<Object>> {
    let weekday = calendar::weekday(year, month, day);
    let day_of_year = calendar::days_before_month(year, month) + i64::from(day);
    let values = [
        i64::from(year),
        month.into(),
        day.into(),
        hour.into(),
        minute.into(),
        second.into(),
        weekday,
        day_of_year,
        dst.into(),
    ];
    let values = values.into_iter().map(|value| value.into_object(py)).collect::<PyResult<Vec<_>>>()?;
    let module = (hooks::hooks().import)(py, "time")?;
    module.call_method(py, id!(py, struct_time), &[Tuple::from_vec(py, values)?.as_object()])
}

/// A clock time to the precision that `timespec` names, which is `isoformat`'s argument `which`.
pub fn clock(
    py: Attached<'_>,
    [hour, minute, second, micros]: [i32; 4],
    timespec: Arg<'_>,
    which: &str,
) -> PyResult<String> {
    let spec = match timespec {
        None => "auto".into(),
        Some(spec) => match spec.downcast::<Str>() {
            Some(spec) => spec.to_string_lossy(),
            None => {
                let given = type_name(spec);
                return Err(raise!(py, TypeError, "isoformat() {which} must be str, not {given}"));
            }
        },
    };
    Ok(match &*spec {
        "auto" if micros == 0 => format!("{hour:02}:{minute:02}:{second:02}"),
        "auto" | "microseconds" => format!("{hour:02}:{minute:02}:{second:02}.{micros:06}"),
        "hours" => format!("{hour:02}"),
        "minutes" => format!("{hour:02}:{minute:02}"),
        "seconds" => format!("{hour:02}:{minute:02}:{second:02}"),
        "milliseconds" => format!("{hour:02}:{minute:02}:{second:02}.{:03}", micros / 1000),
        _ => return Err(raise!(py, ValueError, "Unknown timespec value")),
    })
}

/// `__format__`: `str` for an empty format, `strftime` for others.
pub fn format(py: Attached<'_>, this: &Object, spec: &Object) -> PyResult<Ref<Object>> {
    let Some(text) = spec.downcast::<Str>() else {
        return Err(raise!(
            py,
            TypeError,
            "__format__() argument 1 must be str, not {}",
            krait_object::builtins::textargs::arg_type(spec)
        ));
    };
    if text.is_empty() {
        return Ok(this.str(py)?.upcast());
    }
    this.call_method(py, id!(py, strftime), &[spec])
}

/// What an object says about its zone, through its methods.
struct Zone<'a> {
    this: &'a Object,
}

impl Zone<'_> {
    fn offset(&self, py: Attached<'_>, separator: &str) -> PyResult<String> {
        let micros = match (self.this.downcast::<super::instant::DateTime>(), self.this.downcast::<super::time::Time>())
        {
            (Some(dt), _) => dt.utcoffset(py)?,
            (_, Some(time)) => time.utcoffset(py)?,
            _ => None,
        };
        Ok(micros.map(|micros| format_offset(micros, separator)).unwrap_or_default())
    }

    fn name(&self, py: Attached<'_>) -> PyResult<Option<Ref<Str>>> {
        match (self.this.downcast::<super::instant::DateTime>(), self.this.downcast::<super::time::Time>()) {
            (Some(dt), _) => dt.tzname(py),
            (_, Some(time)) => time.tzname(py),
            _ => Ok(None),
        }
    }

    fn micros(&self) -> i32 {
        match (self.this.downcast::<super::instant::DateTime>(), self.this.downcast::<super::time::Time>()) {
            (Some(dt), _) => dt.clock()[3],
            (_, Some(time)) => time.clock()[3],
            _ => 0,
        }
    }
}

/// `strftime`: what C does not know is resolved here, the rest by `time.strftime`.
pub fn strftime(py: Attached<'_>, this: &Object, year: i32, format: &Object) -> PyResult<Ref<Object>> {
    let tuple = this.call_method(py, id!(py, timetuple), &[])?;
    strftime_tuple(py, this, year, format, &tuple)
}

pub fn strftime_tuple(
    py: Attached<'_>,
    this: &Object,
    year: i32,
    format: &Object,
    tuple: &Object,
) -> PyResult<Ref<Object>> {
    let Some(text) = format.downcast::<Str>() else {
        return Err(raise!(
            py,
            TypeError,
            "strftime() argument 1 must be str, not {}",
            krait_object::builtins::textargs::arg_type(format)
        ));
    };
    let zone = Zone { this };
    let points = text.to_code_points();
    let mut out = StrBuilder::with_capacity(points.len() + 16);
    let module = (hooks::hooks().import)(py, "time")?;
    let mut at = 0;
    while at < points.len() {
        let next = points.get(at + 1).and_then(|&point| char::from_u32(point));
        let Some(next) = next.filter(|_| points[at] == u32::from('%')) else {
            out.push(points[at]);
            at += 1;
            continue;
        };
        at += 2;
        match next {
            'z' => out.push_str(&zone.offset(py, "")?),
            ':' if points.get(at) == Some(&u32::from('z')) => {
                at += 1;
                out.push_str(&zone.offset(py, ":")?);
            }
            'Z' => {
                if let Some(name) = zone.name(py)? {
                    // The name may be of a subtype of `str`, which has its say.
                    let signs = [&*"%".into_object(py)?, &*"%%".into_object(py)?];
                    let escaped = name.as_object().call_method(py, id!(py, replace), &signs)?;
                    let Some(escaped) = escaped.as_object().downcast::<Str>() else {
                        return Err(raise!(py, TypeError, "tzname.replace() did not return a string"));
                    };
                    out.push_obj(escaped);
                }
            }
            'f' => out.push_str(&format!("{:06}", zone.micros())),
            'Y' if year < 1000 => out.push_str(&format!("{year:04}")),
            'C' if year < 1000 => out.push_str(&format!("{:02}", year / 100)),
            'F' if year < 1000 => out.push_str(&format!("{year:04}-%m-%d")),
            'G' if year < 1000 => {
                let iso = module.call_method(py, id!(py, strftime), &[&*"%G".into_object(py)?, tuple])?;
                let iso = iso.str(py)?;
                out.push_str(&format!("{:0>4}", iso.to_string_lossy()));
            }
            other => {
                out.push(u32::from('%'));
                out.push(other.into());
            }
        }
    }
    let format = out.finish(py)?;
    module.call_method(py, id!(py, strftime), &[format.as_object(), tuple])
}
