//! A disassembler to text, for snapshots and `-v` output.
//!
//! One line per instruction: source line (when it changes), a mark for jump targets, byte offset, name, argument and
//! what the argument stands for; then the exception table. Nested code objects follow their parent.

use crate::location::Decoder;
use crate::oparg::{self, CommonConstant, CompareOp};
use crate::{CodeObject, Constant, Instruction, Instructions, Opcode, OpcodeFlags, exception_table};
use std::collections::BTreeSet;
use std::fmt::Write;

/// The listing of a code object and of those in its constants.
pub fn disassemble(code: &CodeObject) -> String {
    let mut out = String::new();
    list(code, &mut out);
    out
}

fn list(code: &CodeObject, out: &mut String) {
    let _ = writeln!(
        out,
        "code {} (args {}/{}/{}, stack {}, flags {:#x}, line {})",
        code.qualname,
        code.argcount,
        code.posonlyargcount,
        code.kwonlyargcount,
        code.stacksize,
        code.flags,
        code.firstlineno
    );
    let handlers = exception_table::decode(&code.exceptiontable);
    let mut targets: BTreeSet<usize> = Instructions::new(&code.code).filter_map(|i| i.jump_target()).collect();
    targets.extend(handlers.iter().map(|h| h.target as usize));
    let lines: Vec<i32> = Decoder::new(&code.linetable, code.firstlineno)
        .flat_map(|(location, units)| std::iter::repeat_n(location.line, units))
        .collect();
    let mut last_line = None;
    for instruction in Instructions::new(&code.code) {
        let line = lines.get(instruction.offset).copied().unwrap_or(-1);
        if last_line != Some(line) {
            last_line = Some(line);
            let _ = if line < 0 { write!(out, "{:>5}", "--") } else { write!(out, "{line:>5}") };
        } else {
            out.push_str("     ");
        }
        let mark = if targets.contains(&instruction.start) { ">>" } else { "  " };
        let _ = write!(out, " {mark} {:>4} {}", instruction.offset * 2, instruction.op.name());
        if instruction.op.has_arg() {
            let _ = write!(out, " {}", instruction.arg);
            let meaning = argument(code, &instruction);
            if !meaning.is_empty() {
                let _ = write!(out, " ({meaning})");
            }
        }
        out.push('\n');
    }
    for h in &handlers {
        let _ = writeln!(
            out,
            "      {} to {} -> {} [{}]{}",
            h.start * 2,
            h.end * 2,
            h.target * 2,
            h.depth,
            if h.lasti { " lasti" } else { "" }
        );
    }
    for constant in &code.consts {
        if let Constant::Code(inner) = constant {
            out.push('\n');
            list(inner, out);
        }
    }
}

/// What an instruction's argument stands for; empty when there is nothing to add.
pub fn argument(code: &CodeObject, instruction: &Instruction) -> String {
    let arg = instruction.arg;
    let local = |index: u32| code.localsplusnames.get(index as usize).map_or(String::new(), |n| n.to_string());
    let name = |index: u32| code.names.get(index as usize).map_or(String::new(), |n| n.to_string());
    let flags = instruction.op.flags();
    match instruction.op.base() {
        Opcode::LOAD_GLOBAL => name(arg >> 1) + if arg & oparg::CALL_FORM != 0 { " + NULL" } else { "" },
        Opcode::LOAD_ATTR => name(arg >> 1) + if arg & oparg::CALL_FORM != 0 { " + NULL|self" } else { "" },
        Opcode::LOAD_SUPER_ATTR => name(arg >> 2),
        Opcode::LOAD_FAST_LOAD_FAST
        | Opcode::LOAD_FAST_BORROW_LOAD_FAST_BORROW
        | Opcode::STORE_FAST_LOAD_FAST
        | Opcode::STORE_FAST_STORE_FAST => format!("{}, {}", local(arg >> 4), local(arg & 15)),
        Opcode::COMPARE_OP => CompareOp::from_oparg(arg).map_or(String::new(), |c| c.text().to_string()),
        Opcode::BINARY_OP => oparg::BinaryOp::from_u32(arg).map_or(String::new(), |b| b.text().to_string()),
        Opcode::LOAD_COMMON_CONSTANT => CommonConstant::from_u32(arg).map_or(String::new(), |c| c.text().to_string()),
        Opcode::LOAD_SPECIAL => oparg::SpecialMethod::from_u32(arg).map_or(String::new(), |c| c.text().to_string()),
        Opcode::CALL_INTRINSIC_1 => oparg::Intrinsic1::from_u32(arg).map_or(String::new(), |c| c.text().to_string()),
        Opcode::CALL_INTRINSIC_2 => oparg::Intrinsic2::from_u32(arg).map_or(String::new(), |c| c.text().to_string()),
        _ if flags.contains(OpcodeFlags::CONST) => code.consts.get(arg as usize).map_or(String::new(), show),
        _ if flags.contains(OpcodeFlags::NAME) => name(arg),
        _ if flags.contains(OpcodeFlags::LOCAL) || flags.contains(OpcodeFlags::FREE) => local(arg),
        _ => instruction.jump_target().map_or(String::new(), |t| format!("to {}", t * 2)),
    }
}

/// A constant roughly as `repr` shows it.
fn show(constant: &Constant) -> String {
    let items = |v: &[Constant]| v.iter().map(show).collect::<Vec<_>>().join(", ");
    match constant {
        Constant::None => "None".into(),
        Constant::True => "True".into(),
        Constant::False => "False".into(),
        Constant::Ellipsis => "Ellipsis".into(),
        Constant::Int(v) => v.to_string(),
        Constant::Float(v) => format!("{v:?}"),
        Constant::Complex(re, im) => format!("({re:?}+{im:?}j)"),
        Constant::Str(v) => format!("{v:?}"),
        Constant::Bytes(v) => format!("b\"{}\"", v.escape_ascii()),
        Constant::Tuple(v) => format!("({})", items(v)),
        Constant::FrozenSet(v) => format!("frozenset({{{}}})", items(v)),
        Constant::Slice(v) => format!("slice({})", items(&v[..])),
        Constant::Code(v) => format!("<code {} line {}>", v.name, v.firstlineno),
    }
}
