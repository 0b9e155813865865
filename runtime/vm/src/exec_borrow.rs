//! Which fused stores and loads may leave a borrowed word.
//!
//! CPython's instruction set has borrowing forms of `LOAD_FAST` only, so the load of `STORE_FAST_LOAD_FAST`, as at the
//! head of most loops, counts a reference: an atomic write when another thread owns the object. The execution form
//! borrows where the value is consumed further down the straight line before its local changes.
use krait_bytecode::Opcode;
use krait_bytecode::opcode::Flags;

/// Instructions looked at behind a load.
const REACH: usize = 24;

/// Whether the value that the `STORE_FAST_LOAD_FAST` at code unit `at` loads may be borrowed from its local.
pub fn load_may_borrow(code: &[u8], at: usize) -> bool {
    let local = u32::from(code[2 * at + 1] & 15);
    // Values above ours on the stack.
    let mut above = 0;
    let mut high = 0;
    let mut at = at + 1;
    for _ in 0..REACH {
        let Some(&[op, low]) = code.get(2 * at..2 * at + 2).and_then(|unit| unit.first_chunk()) else { return false };
        let Some(op) = Opcode::from_u8(op) else { return false };
        let arg = high << 8 | u32::from(low);
        high = if op == Opcode::EXTENDED_ARG { arg } else { 0 };
        at += 1 + op.cache_entries();
        let (pops, pushes) = (op.pops(arg), op.pushes(arg));
        match op {
            Opcode::EXTENDED_ARG => continue,
            // What is stored must be owned; a store to the local ends its hold on the value.
            Opcode::STORE_FAST | Opcode::STORE_FAST_LOAD_FAST | Opcode::STORE_FAST_STORE_FAST => {
                let stored = if op == Opcode::STORE_FAST { [arg, arg] } else { [arg >> 4, arg & 15] };
                if above < pops || stored.contains(&local) {
                    return false;
                }
            }
            Opcode::DELETE_FAST | Opcode::LOAD_FAST_AND_CLEAR if arg == local => return false,
            // The receiver stays, above the method.
            Opcode::LOAD_ATTR if above == 0 && arg & 1 != 0 => continue,
            // These leave or move what they take.
            Opcode::COPY
            | Opcode::SWAP
            | Opcode::LOAD_SUPER_ATTR
            | Opcode::LOAD_SPECIAL
            | Opcode::END_SEND
            | Opcode::SET_FUNCTION_ATTRIBUTE
            | Opcode::PUSH_EXC_INFO => return false,
            _ if op.flags().contains(Flags::JUMP) || pops.min(pushes) > above && leaves_input(op) => return false,
            _ if pops > above => return true,
            _ => {}
        }
        above = above - pops.min(above) + pushes;
    }
    false
}

/// Instructions that leave inputs in place.
fn leaves_input(op: Opcode) -> bool {
    use Opcode::*;
    matches!(
        op,
        CHECK_EXC_MATCH
            | DICT_MERGE
            | DICT_UPDATE
            | FORMAT_SIMPLE
            | GET_ANEXT
            | GET_LEN
            | GET_YIELD_FROM_ITER
            | IMPORT_FROM
            | LIST_APPEND
            | LIST_EXTEND
            | MAP_ADD
            | MATCH_KEYS
            | MATCH_MAPPING
            | MATCH_SEQUENCE
            | SET_ADD
            | SET_UPDATE
            | WITH_EXCEPT_START
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use Opcode::*;

    fn borrows(rest: &[(Opcode, u8)]) -> bool {
        let mut code = vec![STORE_FAST_LOAD_FAST as u8, 0x12];
        for (op, arg) in rest {
            code.extend([*op as u8, *arg]);
            code.extend(vec![0; 2 * op.cache_entries()]);
        }
        load_may_borrow(&code, 0)
    }

    #[test]
    fn consumed_at_once() {
        assert!(borrows(&[(LOAD_ATTR, 0), (POP_TOP, 0)]));
        assert!(borrows(&[(LOAD_CONST, 0), (BINARY_OP, 26), (POP_TOP, 0)]));
        assert!(borrows(&[(POP_TOP, 0)]));
    }

    #[test]
    fn receiver_until_the_call() {
        assert!(borrows(&[(LOAD_ATTR, 1), (LOAD_CONST, 0), (CALL, 1)]));
        assert!(!borrows(&[(LOAD_ATTR, 1), (LOAD_CONST, 0), (COPY, 1), (STORE_FAST, 2), (CALL, 1)]));
    }

    #[test]
    fn stored_or_local_changed() {
        assert!(!borrows(&[(STORE_FAST, 3)]));
        assert!(!borrows(&[(LOAD_CONST, 0), (STORE_FAST, 2), (POP_TOP, 0)]));
        assert!(borrows(&[(LOAD_CONST, 0), (STORE_FAST, 3), (POP_TOP, 0)]));
        assert!(!borrows(&[(STORE_FAST_STORE_FAST, 0x34)]));
        assert!(!borrows(&[(DELETE_FAST, 2), (POP_TOP, 0)]));
    }

    #[test]
    fn left_behind() {
        assert!(!borrows(&[(POP_JUMP_IF_TRUE, 1)]));
        assert!(!borrows(&[(COPY, 1), (POP_TOP, 0)]));
        assert!(!borrows(&[(GET_LEN, 0), (POP_TOP, 0)]));
        assert!(!borrows(&[(LIST_APPEND, 1)]));
    }
}
