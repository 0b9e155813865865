//! The exception table (`co_exceptiontable`): which handler covers which instructions.
//!
//! Each entry is four numbers: start, length, target (in code units) and `depth << 1 | lasti`, written as
//! big-endian groups of six bits; bit 6 says that more groups follow, bit 7 marks the first byte of an entry.

/// One range of protected instructions, in code units.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExceptionEntry {
    /// First protected unit.
    pub start: u32,
    /// First unit after the range.
    pub end: u32,
    /// First unit of the handler.
    pub target: u32,
    /// Stack depth to which the handler unwinds.
    pub depth: u32,
    /// Whether the handler wants the index of the raising instruction pushed before the exception.
    pub lasti: bool,
}

fn write_varint(out: &mut Vec<u8>, value: u32, first: u8) {
    let mut first = first;
    for shift in [30, 24, 18, 12, 6] {
        if value >> shift != 0 {
            out.push((value >> shift & 0x3f) as u8 | 0x40 | first);
            first = 0;
        }
    }
    out.push((value & 0x3f) as u8 | first);
}

fn read_varint(data: &[u8], at: &mut usize) -> Option<u32> {
    let mut byte = *data.get(*at)?;
    let mut value = u32::from(byte & 0x3f);
    *at += 1;
    while byte & 0x40 != 0 {
        byte = *data.get(*at)?;
        *at += 1;
        value = value.checked_mul(64)? | u32::from(byte & 0x3f);
    }
    Some(value)
}

/// Appends an entry to a table.
pub fn encode(out: &mut Vec<u8>, entry: &ExceptionEntry) {
    write_varint(out, entry.start, 0x80);
    write_varint(out, entry.end - entry.start, 0);
    write_varint(out, entry.target, 0);
    write_varint(out, entry.depth << 1 | u32::from(entry.lasti), 0);
}

fn decode_one(table: &[u8], at: &mut usize) -> Option<ExceptionEntry> {
    let start = read_varint(table, at)?;
    let size = read_varint(table, at)?;
    let target = read_varint(table, at)?;
    let depth_lasti = read_varint(table, at)?;
    Some(ExceptionEntry {
        start,
        end: start.checked_add(size)?,
        target,
        depth: depth_lasti >> 1,
        lasti: depth_lasti & 1 != 0,
    })
}

/// The entries of a table, in order; a malformed tail is dropped.
pub fn decode(table: &[u8]) -> Vec<ExceptionEntry> {
    let (mut at, mut entries) = (0, Vec::new());
    while at < table.len() {
        match decode_one(table, &mut at) {
            Some(entry) => entries.push(entry),
            None => break,
        }
    }
    entries
}

/// The entry that covers `unit` (an index in code units), if any.
///
/// Entries are sorted by start and do not overlap.
pub fn lookup(entries: &[ExceptionEntry], unit: u32) -> Option<&ExceptionEntry> {
    let after = entries.partition_point(|e| e.start <= unit);
    entries[..after].last().filter(|e| unit < e.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_table() {
        // def f(): try: g() except A: pass
        let table = b"\x81\x13\x16\x00\x96\x0a\x25\x03\xa1\x02\x25\x03";
        let entries = decode(table);
        assert_eq!(entries[0], ExceptionEntry { start: 1, end: 20, target: 22, depth: 0, lasti: false });
        assert_eq!(entries[1], ExceptionEntry { start: 22, end: 32, target: 37, depth: 1, lasti: true });
        let mut back = Vec::new();
        for e in &entries {
            encode(&mut back, e);
        }
        assert_eq!(back, table);
        assert_eq!(lookup(&entries, 20), None);
        assert_eq!(lookup(&entries, 31), Some(&entries[1]));
    }

    #[test]
    fn large_numbers() {
        let e = ExceptionEntry { start: 70000, end: 70001, target: 1 << 20, depth: 70, lasti: false };
        let mut out = Vec::new();
        encode(&mut out, &e);
        assert_eq!(decode(&out), [e]);
    }
}
