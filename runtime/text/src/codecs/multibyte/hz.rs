//! HZ: ASCII, and GB 2312 in seven bits between `~{` and `~}` (RFC 1843).

use super::maps::{Set, Text};
use super::{State, Step, Stop, push_code, run, seven_bits};
use crate::codecs::{Sink, Unit};

const TO_ASCII: &[u8] = b"~}";

fn is_gb(state: &mut State) -> &mut u8 {
    &mut state.0[0]
}

pub(super) fn reset_encoder(state: &mut State, out: &mut Vec<u8>) {
    if *is_gb(state) != 0 {
        out.extend_from_slice(TO_ASCII);
        *is_gb(state) = 0;
    }
}

pub(super) fn reset_decoder(state: &mut State) {
    *is_gb(state) = 0;
}

pub(super) fn decode(state: &mut State, input: &[u8], at: &mut usize, out: &mut impl Sink) -> Stop {
    let (map, mut units) = (Set::Hz.map(), [0; 64]);
    while *at < input.len() {
        match *is_gb(state) {
            0 => run(input, at, out, &mut units, |rest| match *rest {
                [byte @ ..0x80, ..] if byte != b'~' => Some((byte.into(), 1)),
                _ => None,
            }),
            _ => run(input, at, out, &mut units, seven_bits(map)),
        }
        let Some(&byte) = input.get(*at) else { break };
        let (gb, next) = (is_gb(state), input.get(*at + 1).copied());
        let step = match (byte, next) {
            (b'~', None) => Step::Short,
            (b'~', Some(next)) => match (next, *gb != 0) {
                (b'~', false) => Step::Char('~' as u32, 2),
                (b'\n', false) => Step::Skip(2),
                (b'{', false) | (b'}', true) => {
                    *gb ^= 1;
                    Step::Skip(2)
                }
                _ => Step::Bad(1),
            },
            (0x80.., _) => Step::Bad(1),
            _ if *gb == 0 => Step::Char(byte.into(), 1),
            (_, None) => Step::Short,
            (_, Some(next)) if next < 0x80 => match map.text(u16::from_be_bytes([byte, next]) | 0x8080) {
                Text::One(point) => Step::Char(point, 2),
                _ => Step::Bad(1),
            },
            _ => Step::Bad(1),
        };
        if let Some(stop) = step.apply(at, out) {
            return stop;
        }
    }
    Stop::End
}

pub(super) fn encode<U: Unit>(state: &mut State, text: &[U], at: &mut usize, out: &mut Vec<u8>) -> Stop {
    let map = Set::Hz.map();
    while let Some(&unit) = text.get(*at) {
        let point: u32 = unit.into();
        if point < 0x80 {
            reset_encoder(state, out);
            out.push(point as u8);
            if point == '~' as u32 {
                out.push(b'~');
            }
        } else {
            let code = map.code(point);
            if code == 0 {
                return Stop::Bad(1);
            }
            if *is_gb(state) == 0 {
                out.extend_from_slice(b"~{");
                *is_gb(state) = 1;
            }
            push_code(code & 0x7F7F, out);
        }
        *at += 1;
    }
    Stop::End
}
