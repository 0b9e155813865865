//! What a time zone file says, ready to be asked.
//!
//! A moment is found among the transitions in UTC, a local time among the transitions as the local clock shows them:
//! for `fold=0` by the later of the two times that it shows there, for `fold=1` by the earlier.
use super::rule::Rule;
use crate::datetime::delta::Delta;
use krait_object::{Attached, Layout, Object, PyResult, Ref, Str, Visit, raise};
use std::ffi::c_int;

/// What holds between two transitions.
pub struct Period {
    /// Seconds east of UTC.
    pub seconds: i64,
    pub offset: Ref<Delta>,
    pub dst: Ref<Delta>,
    pub name: Ref<Str>,
}

impl Period {
    fn new(py: Attached<'_>, seconds: i64, dst: i64, name: &Str) -> PyResult<Period> {
        let delta = |seconds: i64| Delta::from_micros(py, i128::from(seconds) * 1_000_000);
        Ok(Period { seconds, offset: delta(seconds)?, dst: delta(dst)?, name: name.to_ref() })
    }
}

/// What holds after the last transition.
enum Tail {
    /// One of the periods.
    Period(usize),
    /// The offset that the rule names, which has no daylight saving time.
    Fixed(Period),
    Rule {
        rule: Rule,
        standard: Period,
        daylight: Period,
    },
}

/// The history of a zone.
pub struct Table {
    utc: Vec<i64>,
    local: [Vec<i64>; 2],
    /// The period from each transition on.
    kinds: Vec<usize>,
    periods: Vec<Period>,
    /// The period before the first transition.
    before: usize,
    tail: Tail,
    fixed: bool,
}

impl krait_object::native::Trace for Table {
    fn trace(&self, _: Visit<'_>) -> Result<(), c_int> {
        // Neither time differences nor names refer to anything.
        Ok(())
    }
}

/// The items of a sequence of integers.
fn numbers(py: Attached<'_>, items: &Object) -> PyResult<Vec<i64>> {
    let items = items.sequence_list(py)?;
    items.to_vec(py)?.iter().map(|item| item.as_object().as_i64(py)).collect()
}

/// How far each period is ahead of standard time. The files only say whether daylight saving time holds, so the
/// difference to the standard period next to it counts, or else an hour.
fn savings(kinds: &[usize], offsets: &[i64], daylight: &[bool]) -> Vec<i64> {
    let mut found = vec![0; offsets.len()];
    for (at, &kind) in kinds.iter().enumerate().skip(1) {
        if !daylight[kind] || found[kind] != 0 {
            continue;
        }
        let against = |other: usize| if daylight[other] { None } else { Some(offsets[kind] - offsets[other]) };
        let before = against(kinds[at - 1]).filter(|saving| *saving != 0);
        let after = || kinds.get(at + 1).and_then(|&next| against(next));
        found[kind] = before.or_else(after).unwrap_or(0);
    }
    for (saving, &daylight) in found.iter_mut().zip(daylight) {
        if daylight && *saving == 0 {
            *saving = 3600;
        }
    }
    found
}

impl Table {
    /// Takes over what `zoneinfo._common.load_data` read: which period begins at each transition, when, and for each
    /// period its offset, whether it is daylight saving time, and its name; and the rule for the time after that.
    pub fn new(py: Attached<'_>, data: &Object) -> PyResult<Table> {
        let data = data.sequence_list(py)?.to_vec(py)?;
        let [kinds, utc, offsets, daylight, names, rule] = &data[..] else { return Err(py.bad_internal_call()) };
        let (kinds, utc, offsets) = (numbers(py, kinds)?, numbers(py, utc)?, numbers(py, offsets)?);
        let daylight: Vec<bool> = numbers(py, daylight)?.into_iter().map(|flag| flag != 0).collect();
        let names = names.as_object().sequence_list(py)?.to_vec(py)?;
        let kinds: Vec<usize> = kinds.into_iter().map(|kind| kind as usize).collect();
        let whole = offsets.len() == daylight.len()
            && offsets.len() == names.len()
            && kinds.len() == utc.len()
            && kinds.iter().all(|kind| *kind < offsets.len());
        if !whole {
            return Err(raise!(py, ValueError, "Invalid time zone data"));
        }
        let mut periods = Vec::with_capacity(offsets.len());
        for (at, saving) in savings(&kinds, &offsets, &daylight).into_iter().enumerate() {
            let Some(name) = names[at].as_object().downcast::<Str>() else {
                return Err(raise!(py, TypeError, "the name of a time zone must be a string"));
            };
            periods.push(Period::new(py, offsets[at], saving, name)?);
        }
        let before = daylight.iter().position(|daylight| !daylight).unwrap_or(0);
        let tail = Self::read_tail(py, rule, &kinds, periods.len())?;
        let fixed = match &tail {
            Tail::Rule { .. } => false,
            _ if periods.len() > 1 => false,
            Tail::Period(_) => true,
            Tail::Fixed(period) => periods.iter().all(|only| same(only, period)),
        };
        let local = Self::local(&kinds, &utc, &offsets);
        Ok(Table { utc, local, kinds, periods, before, tail, fixed })
    }

    fn read_tail(py: Attached<'_>, rule: &Object, kinds: &[usize], periods: usize) -> PyResult<Tail> {
        let text = match rule.downcast::<krait_object::Bytes>() {
            Some(text) => text.as_slice().to_vec(),
            None => Vec::new(),
        };
        if text.is_empty() {
            return match kinds.last().copied().or(periods.checked_sub(1)) {
                Some(last) => Ok(Tail::Period(last)),
                None => Err(raise!(py, ValueError, "No time zone information found.")),
            };
        }
        let rule = match Rule::parse(&text) {
            Ok(parsed) => parsed,
            Err(fault) => {
                let shown = rule.repr(py)?;
                let message = fault.replace("{}", &shown.to_string_lossy());
                return Err(raise!(py, ValueError, "{message}"));
            }
        };
        let standard = Period::new(py, rule.standard.offset, 0, &*Str::new(py, &rule.standard.name)?)?;
        let Some(daylight) = &rule.daylight else { return Ok(Tail::Fixed(standard)) };
        let daylight = Period::new(py, daylight.offset, rule.ahead(), &*Str::new(py, &daylight.name)?)?;
        Ok(Tail::Rule { rule, standard, daylight })
    }

    /// The transitions as the local clock shows them.
    fn local(kinds: &[usize], utc: &[i64], offsets: &[i64]) -> [Vec<i64>; 2] {
        let mut local = [Vec::with_capacity(utc.len()), Vec::with_capacity(utc.len())];
        let mut before = offsets.first().copied().unwrap_or(0);
        for (&kind, &moment) in kinds.iter().zip(utc) {
            let after = offsets[kind];
            local[0].push(moment.saturating_add(before.max(after)));
            local[1].push(moment.saturating_add(before.min(after)));
            before = after;
        }
        local
    }

    /// The only period of a zone that has never changed.
    pub fn only(&self) -> Option<&Period> {
        self.fixed.then(|| match &self.tail {
            Tail::Period(last) => &self.periods[*last],
            Tail::Fixed(period) | Tail::Rule { standard: period, .. } => period,
        })
    }

    /// The period at a time of the local clock in a year, in seconds since the epoch.
    pub fn shown(&self, seconds: i64, year: i32, fold: bool) -> &Period {
        let times = &self.local[usize::from(fold)];
        match (times.first(), times.last()) {
            (Some(first), _) if seconds < *first => &self.periods[self.before],
            (Some(_), Some(last)) if seconds <= *last => {
                &self.periods[self.kinds[times.partition_point(|time| *time <= seconds) - 1]]
            }
            _ => match &self.tail {
                Tail::Period(last) => &self.periods[*last],
                Tail::Fixed(period) => period,
                Tail::Rule { rule, standard, daylight } => {
                    if rule.is_daylight(seconds, year, fold) {
                        daylight
                    } else {
                        standard
                    }
                }
            },
        }
    }

    /// The period at a moment in a year of UTC, and whether the local time there is the second of two equal ones.
    pub fn at(&self, seconds: i64, year: i32) -> (&Period, bool) {
        let next = self.utc.partition_point(|moment| *moment <= seconds);
        let last = next == self.utc.len();
        if next == 0 && !last {
            return (&self.periods[self.before], false);
        }
        let started = |at: usize| &self.periods[self.kinds[at]];
        let period = match &self.tail {
            Tail::Rule { rule, standard, daylight } if last && self.utc.last() != Some(&seconds) => {
                let (saving, fold) = rule.at(seconds, year);
                return (if saving { daylight } else { standard }, fold);
            }
            Tail::Fixed(period) if last && self.utc.last() != Some(&seconds) => period,
            Tail::Period(only) if self.utc.is_empty() => &self.periods[*only],
            _ => started(next - 1),
        };
        if next == 0 {
            return (period, false);
        }
        let before = if next > 1 { started(next - 2) } else { &self.periods[self.before] };
        (period, before.seconds - period.seconds > seconds - self.utc[next - 1])
    }
}

/// Whether two periods are the same.
fn same(a: &Period, b: &Period) -> bool {
    let (a_name, b_name) = (a.name.to_string_lossy(), b.name.to_string_lossy());
    a.seconds == b.seconds && a.dst.micros() == b.dst.micros() && a_name == b_name
}
