//! The location table (`co_linetable`): source ranges of instructions.
//!
//! An entry covers one to eight code units. Its first byte is `0x80 | form << 3 | units - 1`;
//! forms 0 to 9 are short columns on the same line, 10 to 12 columns with a line step of 0 to 2, 13 a line
//! without columns, 14 everything, 15 no location.
//! Numbers are little-endian groups of six bits (bit 6: more follow); signed ones keep the sign in bit 0.

/// A source range: lines from 1, columns in bytes of UTF-8 from 0. A negative number is "unknown".
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Location {
    /// First line.
    pub line: i32,
    /// Last line.
    pub end_line: i32,
    /// First column.
    pub column: i32,
    /// Column after the last byte.
    pub end_column: i32,
}

impl Location {
    /// No location: an artificial instruction.
    pub const NONE: Location = Location { line: -1, end_line: -1, column: -1, end_column: -1 };
    /// The location of the next instruction, filled in by the compiler.
    pub const NEXT: Location = Location { line: -2, end_line: -2, column: -2, end_column: -2 };

    /// A range.
    pub const fn new(line: i32, end_line: i32, column: i32, end_column: i32) -> Location {
        Location { line, end_line, column, end_column }
    }
}

fn write_varint(out: &mut Vec<u8>, mut value: u32) {
    while value >= 64 {
        out.push((value & 0x3f) as u8 | 0x40);
        value >>= 6;
    }
    out.push(value as u8);
}

fn write_signed(out: &mut Vec<u8>, value: i32) {
    let magnitude = value.unsigned_abs() << 1;
    write_varint(out, magnitude | u32::from(value < 0));
}

/// Writes a location table.
pub struct Encoder {
    out: Vec<u8>,
    line: i32,
}

impl Encoder {
    /// Starts a table of a code object whose `co_firstlineno` is `first_line`.
    pub fn new(first_line: i32) -> Self {
        Encoder { out: Vec::new(), line: first_line }
    }

    /// Appends the location of the next `units` code units.
    pub fn push(&mut self, location: Location, mut units: usize) {
        while units > 0 {
            let now = units.min(8);
            self.push_entry(location, now);
            units -= now;
        }
    }

    fn head(&mut self, form: u8, units: usize) {
        self.out.push(0x80 | form << 3 | (units as u8 - 1));
    }

    fn push_entry(&mut self, loc: Location, units: usize) {
        if loc.line < 0 {
            self.head(15, units);
            return;
        }
        let delta = loc.line - self.line;
        let (column, end_column) = (loc.column, loc.end_column);
        self.line = loc.line;
        if column < 0 || end_column < 0 {
            if loc.end_line == loc.line || loc.end_line < 0 {
                self.head(13, units);
                write_signed(&mut self.out, delta);
                return;
            }
        } else if loc.end_line == loc.line {
            if delta == 0 && column < 80 && end_column - column < 16 && end_column >= column {
                self.head((column >> 3) as u8, units);
                self.out.push(((column & 7) << 4 | (end_column - column)) as u8);
                return;
            }
            if (0..3).contains(&delta) && column < 128 && end_column < 128 {
                self.head(10 + delta as u8, units);
                self.out.extend([column as u8, end_column as u8]);
                return;
            }
        }
        self.head(14, units);
        write_signed(&mut self.out, delta);
        write_varint(&mut self.out, (loc.end_line - loc.line).max(0) as u32);
        write_varint(&mut self.out, (column + 1).max(0) as u32);
        write_varint(&mut self.out, (end_column + 1).max(0) as u32);
    }

    /// The table.
    pub fn finish(self) -> Vec<u8> {
        self.out
    }
}

/// Iterates over `(location, units)` of a table; a malformed tail ends the iteration.
pub struct Decoder<'a> {
    table: &'a [u8],
    at: usize,
    line: i32,
}

impl<'a> Decoder<'a> {
    /// Reads a table of a code object whose `co_firstlineno` is `first_line`.
    pub fn new(table: &'a [u8], first_line: i32) -> Self {
        Decoder { table, at: 0, line: first_line }
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.table.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn varint(&mut self) -> Option<i32> {
        let (mut value, mut shift) = (0u32, 0);
        loop {
            let byte = self.byte()?;
            value |= u32::from(byte & 0x3f).checked_shl(shift)?;
            if byte & 0x40 == 0 {
                return Some(value as i32);
            }
            shift += 6;
        }
    }

    fn signed(&mut self) -> Option<i32> {
        let value = self.varint()? as u32;
        let magnitude = (value >> 1) as i32;
        Some(if value & 1 != 0 { -magnitude } else { magnitude })
    }
}

impl Iterator for Decoder<'_> {
    type Item = (Location, usize);

    fn next(&mut self) -> Option<(Location, usize)> {
        let head = self.byte()?;
        let units = usize::from(head & 7) + 1;
        let form = i32::from(head >> 3 & 15);
        let location = match form {
            15 => Location::NONE,
            14 => {
                self.line = self.line.wrapping_add(self.signed()?);
                let end_line = self.line.wrapping_add(self.varint()?);
                let (column, end_column) = (self.varint()?.wrapping_sub(1), self.varint()?.wrapping_sub(1));
                Location { line: self.line, end_line, column, end_column }
            }
            13 => {
                self.line = self.line.wrapping_add(self.signed()?);
                Location { line: self.line, end_line: self.line, column: -1, end_column: -1 }
            }
            10..=12 => {
                self.line = self.line.wrapping_add(form - 10);
                let (column, end_column) = (i32::from(self.byte()?), i32::from(self.byte()?));
                Location { line: self.line, end_line: self.line, column, end_column }
            }
            _ => {
                let second = i32::from(self.byte()?);
                let column = form << 3 | second >> 4;
                Location { line: self.line, end_line: self.line, column, end_column: column + (second & 15) }
            }
        };
        Some((location, units))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_comes_back() {
        let list = [
            (Location::new(5, 5, 3, 9), 3),
            (Location::new(5, 5, 3, 90), 1),
            (Location::new(7, 7, 0, 100), 12),
            (Location::new(6, 6, 0, 1), 2),
            (Location::new(6, 9, 400, 2), 2),
            (Location::NONE, 1),
            (Location::new(12, 12, -1, -1), 1),
        ];
        let mut encoder = Encoder::new(5);
        for (location, units) in list {
            encoder.push(location, units);
        }
        let table = encoder.finish();
        let mut seen: Vec<(Location, usize)> = Vec::new();
        for (location, units) in Decoder::new(&table, 5) {
            match seen.last_mut() {
                Some(last) if last.0 == location => last.1 += units,
                _ => seen.push((location, units)),
            }
        }
        assert_eq!(seen, list);
    }

    #[test]
    fn recorded_bytes() {
        // x = 1 on line 1 of a module: RESUME at (0, 1, 0, 0), then the statement.
        let mut encoder = Encoder::new(1);
        encoder.push(Location::new(0, 1, 0, 0), 1);
        encoder.push(Location::new(1, 1, 4, 5), 1);
        encoder.push(Location::new(1, 1, 0, 1), 3);
        assert_eq!(encoder.finish(), b"\xf0\x03\x01\x01\x01\xd8\x04\x05\x82\x01");
    }
}
