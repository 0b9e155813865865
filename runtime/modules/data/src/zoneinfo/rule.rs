//! The rule at the end of a time zone file, in the form of POSIX's `TZ` (RFC 8536, section 3.3.1).
use crate::datetime::calendar::{self, to_ordinal};

const DAY: i64 = 86_400;
/// The ordinal of the first day of the epoch.
const EPOCH: i64 = 719_163;

/// A name and an offset east of UTC in seconds.
pub struct Named {
    pub name: String,
    pub offset: i64,
}

/// The day of a change.
enum Day {
    /// The weekday (0 is Sunday) of a week of a month; week 5 is the last.
    Weekday { month: u8, week: u8, weekday: u8 },
    /// Days from 1 on, without leap days.
    Julian(i64),
    /// Days from 0 on, with leap days.
    Count(i64),
}

/// When a clock changes, by the time it shows before.
struct Change {
    day: Day,
    time: i64,
}

/// Daylight saving time.
struct Saving {
    start: Change,
    end: Change,
}

/// What a rule says.
pub struct Rule {
    pub standard: Named,
    pub daylight: Option<Named>,
    saving: Option<Saving>,
}

/// What is wrong with a rule.
pub type Fault = &'static str;

struct Cursor<'t> {
    text: &'t [u8],
    at: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// An alphabetic name, or any in angle brackets.
    fn name(&mut self) -> Option<String> {
        let quoted = self.eat(b'<');
        let from = self.at;
        let part = |byte: u8| match quoted {
            true => byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'-',
            false => byte.is_ascii_alphabetic(),
        };
        while self.peek().is_some_and(part) {
            self.at += 1;
        }
        let name = String::from_utf8_lossy(&self.text[from..self.at]).into_owned();
        let whole = !name.is_empty() && (!quoted || self.eat(b'>'));
        whole.then_some(name)
    }

    /// A number of `least` to `most` digits.
    fn number(&mut self, least: usize, most: usize) -> Option<i64> {
        let from = self.at;
        let mut value = 0;
        while let Some(digit) = self.peek().filter(u8::is_ascii_digit)
            && self.at - from < most
        {
            value = value * 10 + i64::from(digit - b'0');
            self.at += 1;
        }
        (self.at - from >= least).then_some(value)
    }

    /// `[+-]h[h[h]][:mm[:ss]]` in seconds.
    fn time(&mut self, digits: usize, limit: i64) -> Option<i64> {
        let sign = match self.peek() {
            Some(b'-') => -1,
            _ => 1,
        };
        if matches!(self.peek(), Some(b'+' | b'-')) {
            self.at += 1;
        }
        let hours = self.number(1, digits).filter(|hours| *hours <= limit)?;
        let (mut minutes, mut seconds) = (0, 0);
        if self.eat(b':') {
            minutes = self.number(2, 2)?;
            if self.eat(b':') {
                seconds = self.number(2, 2)?;
            }
        }
        Some(sign * (hours * 3600 + minutes * 60 + seconds))
    }

    fn day(&mut self) -> Option<Day> {
        if self.eat(b'M') {
            let month = self.number(1, 2).filter(|month| (1..=12).contains(month))?;
            let week = self.eat(b'.').then(|| self.number(1, 1)).flatten().filter(|week| (1..=5).contains(week))?;
            let weekday = self.eat(b'.').then(|| self.number(1, 1)).flatten().filter(|day| *day <= 6)?;
            return Some(Day::Weekday { month: month as u8, week: week as u8, weekday: weekday as u8 });
        }
        if self.eat(b'J') {
            return self.number(1, 3).filter(|day| (1..=365).contains(day)).map(Day::Julian);
        }
        self.number(1, 3).filter(|day| *day <= 365).map(Day::Count)
    }

    fn change(&mut self) -> Option<Change> {
        let day = self.day()?;
        let time = if self.eat(b'/') { self.time(3, 167)? } else { 2 * 3600 };
        Some(Change { day, time })
    }
}

impl Change {
    /// The moment in a year, in seconds since the epoch by the clock before the change.
    fn moment(&self, year: i32) -> i64 {
        let first = to_ordinal(year, 1, 1);
        let days = match self.day {
            // The reference, too, takes day 0 for the last of the year before.
            Day::Count(day) => first + day - 1,
            Day::Julian(day) => first + day - 1 + i64::from(day >= 60 && calendar::is_leap(year)),
            Day::Weekday { month, week, weekday } => {
                let first = to_ordinal(year, month, 1);
                // The ordinal's remainder is 0 on Sundays.
                let ahead = (i64::from(weekday) - first).rem_euclid(7);
                let day = ahead + 7 * (i64::from(week) - 1);
                let length = i64::from(calendar::days_in_month(year, month));
                first + if day >= length { day - 7 } else { day }
            }
        };
        (days - EPOCH) * DAY + self.time
    }
}

impl Rule {
    /// Parses a rule.
    ///
    /// # Errors
    /// What is wrong, with `{}` in place of the text.
    pub fn parse(text: &[u8]) -> Result<Rule, Fault> {
        let mut cursor = Cursor { text, at: 0 };
        let name = cursor.name().ok_or("Invalid STD format in {}")?;
        let offset = -cursor.time(3, 24).ok_or("Invalid STD offset in {}")?;
        let standard = Named { name, offset };
        if cursor.peek().is_none() {
            return Ok(Rule { standard, daylight: None, saving: None });
        }
        let name = cursor.name().ok_or("Invalid DST format in {}")?;
        let offset = match cursor.peek() {
            Some(b',') => standard.offset + 3600,
            _ => -cursor.time(3, 24).ok_or("Invalid DST offset in {}")?,
        };
        let daylight = Some(Named { name, offset });
        let mut changes = [None, None];
        for change in &mut changes {
            if !cursor.eat(b',') {
                return Err("Missing transition rules in TZ string: {}");
            }
            *change = Some(cursor.change().ok_or("Malformed transition rule in TZ string: {}")?);
        }
        if cursor.peek().is_some() {
            return Err("Extraneous characters at end of TZ string: {}");
        }
        let [Some(start), Some(end)] = changes else { return Err("Malformed transition rule in TZ string: {}") };
        Ok(Rule { standard, daylight, saving: Some(Saving { start, end }) })
    }

    /// How much the clock is ahead of standard time in daylight saving time.
    pub fn ahead(&self) -> i64 {
        self.daylight.as_ref().map_or(0, |daylight| daylight.offset - self.standard.offset)
    }

    /// Whether daylight saving time holds at a time of the local clock, in seconds since the epoch.
    pub fn is_daylight(&self, shown: i64, year: i32, fold: bool) -> bool {
        let ahead = self.ahead();
        // Within a gap `fold` names the offset after it, within a repeated hour likewise.
        if fold == (ahead >= 0) { self.holds(shown, year, 0, -ahead) } else { self.holds(shown, year, ahead, 0) }
    }

    /// Whether daylight saving time holds at a moment, and whether its local time is the second of two equal ones.
    pub fn at(&self, moment: i64, year: i32) -> (bool, bool) {
        let Some(saving) = &self.saving else { return (false, false) };
        let (ahead, standard) = (self.ahead(), self.standard.offset);
        let holds = self.holds(moment, year, -standard, -standard - ahead);
        let repeated = (year - 1..=year + 1).any(|year| {
            let from = match ahead > 0 {
                true => saving.end.moment(year) - standard - ahead,
                false => saving.start.moment(year) - standard,
            };
            (from..from + ahead.abs()).contains(&moment)
        });
        (holds, repeated && holds == (ahead < 0))
    }

    /// Whether a time is between a start and the next end, each moved by some seconds. What begins in one year may end
    /// in the next.
    fn holds(&self, time: i64, year: i32, start_by: i64, end_by: i64) -> bool {
        let Some(saving) = &self.saving else { return false };
        (year - 1..=year + 1).any(|year| {
            let (start, end) = (saving.start.moment(year), saving.end.moment(year));
            let end = if start < end { end } else { saving.end.moment(year + 1) };
            (start + start_by..end + end_by).contains(&time)
        })
    }
}
