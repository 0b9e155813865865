//! `_uuid`: identifiers made of the time and the machine's address (RFC 9562, version 1).
use crate::objects;
use crate::util::*;
use krait_object::{Attached, Bytes, Module, Object, PyResult, Ref, Tuple, functions};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// 100-nanosecond steps from the start of the Gregorian calendar to 1970.
const EPOCH: u64 = 0x01B2_1DD2_1381_4000;

/// What tells apart the identifiers of a process.
struct Clock {
    last: u64,
    sequence: u16,
    node: Option<[u8; 6]>,
    process: u32,
}

static CLOCK: Mutex<Clock> = Mutex::new(Clock { last: 0, sequence: 0, node: None, process: 0 });

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // SAFETY: the buffer has `N` bytes. Should the call fail, the time alone tells identifiers apart.
    unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), N, 0) };
    bytes
}

/// The address of the first network device that has one.
fn hardware_address() -> Option<[u8; 6]> {
    for device in std::fs::read_dir("/sys/class/net").ok()?.flatten() {
        let Ok(text) = std::fs::read_to_string(device.path().join("address")) else { continue };
        let mut address = [0; 6];
        let mut parts = text.trim().split(':');
        let whole = address.iter_mut().all(|byte| {
            let part = parts.next().and_then(|part| u8::from_str_radix(part, 16).ok());
            part.map(|part| *byte = part).is_some()
        });
        if whole && address != [0; 6] {
            return Some(address);
        }
    }
    None
}

fn generate() -> [u8; 16] {
    let mut clock = CLOCK.lock().unwrap_or_else(PoisonError::into_inner);
    let process = std::process::id();
    if clock.node.is_none() || clock.process != process {
        clock.process = process;
        clock.sequence = u16::from_ne_bytes(random());
        // An address that is made up has the bit of group addresses set, which no device has.
        let mut made_up = random::<6>();
        made_up[0] |= 1;
        clock.node = Some(hardware_address().unwrap_or(made_up));
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut steps = EPOCH + (now.as_nanos() / 100) as u64;
    if steps <= clock.last {
        // The clock went back far: another sequence. It stands still: the next step.
        if clock.last - steps > 10_000_000 {
            clock.sequence = clock.sequence.wrapping_add(1);
        } else {
            steps = clock.last + 1;
        }
    }
    clock.last = steps;
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&(steps as u32).to_be_bytes());
    bytes[4..6].copy_from_slice(&((steps >> 32) as u16).to_be_bytes());
    bytes[6..8].copy_from_slice(&(((steps >> 48) as u16 & 0x0FFF) | 0x1000).to_be_bytes());
    bytes[8..10].copy_from_slice(&((clock.sequence & 0x3FFF) | 0x8000).to_be_bytes());
    bytes[10..].copy_from_slice(&clock.node.unwrap_or_default());
    bytes
}

fn generate_time_safe(py: Attached<'_>, _: &Object) -> PyResult<Ref<Tuple>> {
    let bytes = generate();
    // Processes are not synchronised with each other, which -1 says.
    tuple(py, objects!(py; Bytes::new(py, &bytes)?, -1))
}

/// Fills the module.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(py, functions! {
        noargs "generate_time_safe" => generate_time_safe, "($self, /)", "The bytes of a version 1 UUID, and whether they are surely unique.";
    })?;
    add_ints(py, module, &[("has_uuid_generate_time_safe", 1), ("has_stable_extractable_node", 0)])
}
