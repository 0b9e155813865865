//! The proleptic Gregorian calendar.

pub const MIN_YEAR: i32 = 1;
pub const MAX_YEAR: i32 = 9999;
pub const MAX_ORDINAL: i64 = 3_652_059;
pub const DAY_US: i128 = 86_400_000_000;

pub fn is_leap(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

pub fn days_in_month(year: i32, month: u8) -> u8 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days of the year before a month.
pub fn days_before_month(year: i32, month: u8) -> i64 {
    const BEFORE: [i64; 13] = [0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    BEFORE[usize::from(month)] + i64::from(month > 2 && is_leap(year))
}

/// Days before a year, from the start of year 1.
pub fn days_before_year(year: i32) -> i64 {
    let y = i64::from(year) - 1;
    y * 365 + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400)
}

/// The number of a day; 0001-01-01 is 1.
pub fn to_ordinal(year: i32, month: u8, day: u8) -> i64 {
    days_before_year(year) + days_before_month(year, month) + i64::from(day)
}

/// The day of a number from 1 on.
pub fn from_ordinal(ordinal: i64) -> (i32, u8, u8) {
    let n = ordinal - 1;
    let (n400, n) = (n / 146_097, n % 146_097);
    let (n100, n) = (n / 36_524, n % 36_524);
    let (n4, n) = (n / 1_461, n % 1_461);
    let (n1, n) = (n / 365, n % 365);
    let year = (n400 * 400 + n100 * 100 + n4 * 4 + n1 + 1) as i32;
    if n1 == 4 || n100 == 4 {
        return (year - 1, 12, 31);
    }
    let mut month = ((n + 50) >> 5) as u8;
    if days_before_month(year, month) > n {
        month -= 1;
    }
    (year, month, (n - days_before_month(year, month) + 1) as u8)
}

/// 0 is Monday.
pub fn weekday(year: i32, month: u8, day: u8) -> i64 {
    (to_ordinal(year, month, day) + 6) % 7
}

/// The Monday that begins the ISO year.
pub fn iso_first_monday(year: i32) -> i64 {
    let first = days_before_year(year) + 1;
    let weekday = (first + 6).rem_euclid(7);
    let monday = first - weekday;
    if weekday > 3 { monday + 7 } else { monday }
}

/// ISO year, week and weekday.
pub fn iso_calendar(year: i32, month: u8, day: u8) -> (i32, i64, i64) {
    let today = to_ordinal(year, month, day);
    let mut iso_year = year;
    let mut monday = iso_first_monday(year);
    let mut week = (today - monday).div_euclid(7);
    if week < 0 {
        iso_year -= 1;
        monday = iso_first_monday(iso_year);
        week = (today - monday).div_euclid(7);
    } else if week >= 52 && today >= iso_first_monday(year + 1) {
        iso_year += 1;
        week = 0;
    }
    (iso_year, week + 1, weekday(year, month, day) + 1)
}

/// What is wrong with an ISO date.
pub enum IsoError {
    Year,
    Week,
    Day,
}

/// The day of an ISO year, week and weekday.
pub fn from_iso(year: i32, week: i32, day: i32) -> Result<(i32, u8, u8), IsoError> {
    if !(MIN_YEAR..=MAX_YEAR).contains(&year) {
        return Err(IsoError::Year);
    }
    if !(1..53).contains(&week) {
        let first = weekday(year, 1, 1);
        let long = first == 3 || first == 2 && is_leap(year);
        if week != 53 || !long {
            return Err(IsoError::Week);
        }
    }
    if !(1..=7).contains(&day) {
        return Err(IsoError::Day);
    }
    let ordinal = iso_first_monday(year) + i64::from(week - 1) * 7 + i64::from(day - 1);
    if ordinal < 1 {
        return Ok((0, 12, 31));
    }
    Ok(from_ordinal(ordinal))
}
