//! Dates and times in the formats of ISO 8601.
use super::calendar::from_iso;

/// Why a text is no date or time.
#[derive(Debug)]
pub enum Bad {
    Format,
    /// An ISO week date that does not exist.
    Week,
}

/// Hours, minutes, seconds and microseconds.
pub type Clock = [i32; 4];

fn digits(text: &[u32], at: usize, count: usize) -> Result<i32, Bad> {
    let part = text.get(at..at + count).ok_or(Bad::Format)?;
    part.iter().try_fold(0, |value, &point| match point {
        48..=57 => Ok(value * 10 + (point - 48) as i32),
        _ => Err(Bad::Format),
    })
}

fn is(text: &[u32], at: usize, wanted: char) -> bool {
    text.get(at).is_some_and(|&point| point == u32::from(wanted))
}

fn is_digit(text: &[u32], at: usize) -> bool {
    matches!(text.get(at), Some(48..=57))
}

/// `YYYY-MM-DD`, `YYYYMMDD`, `YYYY-Www[-D]` or `YYYYWww[D]`.
pub fn date(text: &[u32]) -> Result<(i32, i32, i32), Bad> {
    let year = digits(text, 0, 4)?;
    let dashed = is(text, 4, '-');
    let mut at = if dashed { 5 } else { 4 };
    if is(text, at, 'W') {
        let week = digits(text, at + 1, 2)?;
        at += 3;
        let mut day = 1;
        if at < text.len() {
            if dashed {
                if !is(text, at, '-') {
                    return Err(Bad::Format);
                }
                at += 1;
            }
            day = digits(text, at, 1)?;
            at += 1;
        }
        if at != text.len() {
            return Err(Bad::Format);
        }
        return match from_iso(year, week, day) {
            Ok((year, month, day)) => Ok((year, month.into(), day.into())),
            Err(_) => Err(Bad::Week),
        };
    }
    let month = digits(text, at, 2)?;
    at += 2;
    if dashed {
        if !is(text, at, '-') {
            return Err(Bad::Format);
        }
        at += 1;
    }
    let day = digits(text, at, 2)?;
    if at + 2 != text.len() {
        return Err(Bad::Format);
    }
    Ok((year, month, day))
}

/// A clock time; the flag tells that something stands behind it.
fn clock(text: &[u32]) -> Result<(Clock, bool), Bad> {
    let mut out = [0; 4];
    let mut at = 0;
    let mut colons = true;
    for part in 0..3 {
        out[part] = digits(text, at, 2)?;
        at += 2;
        if part == 0 {
            colons = is(text, at, ':');
        }
        let Some(_) = text.get(at) else { return Ok((out, false)) };
        if at + 1 >= text.len() && (colons || part == 2) {
            return Ok((out, true));
        }
        if colons && is(text, at, ':') {
            if part == 2 {
                return Err(Bad::Format);
            }
            at += 1;
        } else if is(text, at, '.') || is(text, at, ',') {
            if part < 2 {
                return Err(Bad::Format);
            }
            at += 1;
            let count = (text.len() - at).min(6);
            out[3] = digits(text, at, count)? * 10i32.pow(6 - count as u32);
            at += count;
            while is_digit(text, at) {
                at += 1;
            }
            return Ok((out, at < text.len()));
        } else if colons || part == 2 {
            return Err(Bad::Format);
        }
    }
    Ok((out, at < text.len()))
}

/// A time of day, and its offset from UTC in microseconds if it has one.
pub fn time(text: &[u32]) -> Result<(Clock, Option<i128>), Bad> {
    let sign = text.iter().position(|&point| matches!(point, 43 | 45 | 90));
    let Some(sign) = sign else {
        return match clock(text)? {
            (clock, false) => Ok((clock, None)),
            _ => Err(Bad::Format),
        };
    };
    let (day, more) = clock(&text[..sign])?;
    if more {
        return Err(Bad::Format);
    }
    if is(text, sign, 'Z') {
        return if text.len() == sign + 1 { Ok((day, Some(0))) } else { Err(Bad::Format) };
    }
    let (offset, more) = clock(&text[sign + 1..])?;
    if more {
        return Err(Bad::Format);
    }
    let [hours, minutes, seconds, micros] = offset.map(i128::from);
    let total = ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + micros;
    Ok((day, Some(if is(text, sign, '-') { -total } else { total })))
}

/// Where the character between date and time stands.
pub fn separator(text: &[u32]) -> Result<usize, Bad> {
    if text.len() < 7 {
        return Err(Bad::Format);
    }
    if text.len() == 7 {
        return Ok(7);
    }
    if is(text, 4, '-') {
        if !is(text, 5, 'W') {
            return Ok(10);
        }
        if text.len() > 8 && is(text, 8, '-') {
            if text.len() == 9 {
                return Err(Bad::Format);
            }
            // Either -D and the separator, or the separator is the dash.
            return Ok(if text.len() > 10 && is_digit(text, 10) { 8 } else { 10 });
        }
        return Ok(8);
    }
    if !is(text, 4, 'W') {
        return Ok(8);
    }
    let mut at = 7;
    while is_digit(text, at) {
        at += 1;
    }
    Ok(match at {
        ..9 => at,
        _ if at % 2 == 0 => 7,
        _ => 8,
    })
}
