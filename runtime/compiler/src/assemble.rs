//! From a unit's instructions to a code object: layout of variables, jumps, tables.

use crate::ast::Name;
use crate::error::Res;
use crate::flow::{Cfg, Facts, Prefix};
use crate::ir::{Op, Sequence};
use indexmap::IndexSet;
use krait_bytecode::flags::{self, kind};
use krait_bytecode::location::Encoder;
use krait_bytecode::{CodeObject, Constant, ExceptionEntry, Location, Opcode, Wtf8, codeunit, exception_table};
use rustc_hash::FxBuildHasher;

type NameSet = IndexSet<Name, FxBuildHasher>;

/// What is known of a code object before assembly.
pub(crate) struct Input {
    pub(crate) seq: Sequence,
    pub(crate) argcount: usize,
    pub(crate) posonlyargcount: usize,
    pub(crate) kwonlyargcount: usize,
    pub(crate) has_varargs: bool,
    pub(crate) has_varkeywords: bool,
    /// The only parameter is shown as `format`.
    pub(crate) format_parameter: bool,
    pub(crate) flags: u32,
    pub(crate) filename: Wtf8,
    pub(crate) name: Name,
    pub(crate) qualname: Name,
    pub(crate) firstlineno: i32,
    pub(crate) consts: Vec<Constant>,
    pub(crate) names: NameSet,
    pub(crate) varnames: NameSet,
    pub(crate) cellvars: NameSet,
    pub(crate) freevars: NameSet,
    pub(crate) fasthidden: Vec<Name>,
}

/// An instruction with its place in the code resolved to indices.
struct Item {
    op: Opcode,
    arg: u32,
    loc: Location,
    /// Index of the item that it jumps to.
    target: Option<usize>,
    handler: Option<usize>,
}

/// What a handler's entries in the exception table say.
#[derive(Clone, Copy)]
struct Handler {
    item: usize,
    depth: usize,
    lasti: bool,
}

/// Makes the code object.
pub(crate) fn assemble(mut input: Input) -> Res<CodeObject> {
    let mut cfg = Cfg::build(std::mem::take(&mut input.seq));
    let nparams =
        input.argcount + input.kwonlyargcount + usize::from(input.has_varargs) + usize::from(input.has_varkeywords);
    let facts = Facts { nlocals: input.varnames.len(), nparams };
    cfg.optimize(&mut input.consts, &facts);
    let (slots, names, kinds) = layout(&input);
    let generator = flags::CO_GENERATOR | flags::CO_COROUTINE | flags::CO_ASYNC_GENERATOR;
    let prefix = Prefix {
        firstlineno: input.firstlineno,
        generator: input.flags & generator != 0,
        slots,
        ncells: input.cellvars.len(),
        nfree: input.freevars.len(),
    };
    let stacksize = cfg.finish(&prefix).max(1);
    let (items, handlers) = linearize(&cfg);
    let (code, offsets) = encode(&items);
    let wtf8 = |n: &Name| Wtf8::from(&**n);
    Ok(CodeObject {
        argcount: input.argcount as u32,
        posonlyargcount: input.posonlyargcount as u32,
        kwonlyargcount: input.kwonlyargcount as u32,
        stacksize: stacksize as u32,
        flags: input.flags,
        code,
        consts: input.consts,
        names: input.names.iter().map(wtf8).collect(),
        localsplusnames: names,
        localspluskinds: kinds,
        filename: input.filename,
        name: wtf8(&input.name),
        qualname: wtf8(&input.qualname),
        firstlineno: input.firstlineno,
        linetable: line_table(&items, &offsets, input.firstlineno),
        exceptiontable: exceptions(&items, &handlers, &offsets),
    })
}

/// The slot of each cell and free variable, and names and kinds of all slots.
fn layout(input: &Input) -> (Vec<usize>, Vec<Wtf8>, Vec<u8>) {
    let (mut names, mut kinds) = (Vec::new(), Vec::new());
    for (index, name) in input.varnames.iter().enumerate() {
        let shown = if input.format_parameter && index == 0 { "format" } else { name };
        names.push(Wtf8::from(shown));
        let mut bits = kind::LOCAL | argument_kind(input, index);
        if input.fasthidden.contains(name) {
            bits |= kind::HIDDEN;
        }
        kinds.push(bits);
    }
    let mut slots = Vec::new();
    for cell in &input.cellvars {
        match input.varnames.get_index_of(cell) {
            Some(index) => {
                kinds[index] |= kind::CELL;
                slots.push(index);
            }
            None => {
                slots.push(names.len());
                names.push(Wtf8::from(&**cell));
                kinds.push(kind::CELL);
            }
        }
    }
    for free in &input.freevars {
        slots.push(names.len());
        names.push(Wtf8::from(&**free));
        kinds.push(kind::FREE);
    }
    (slots, names, kinds)
}

fn argument_kind(input: &Input, index: usize) -> u8 {
    let keyword_only = input.argcount + input.kwonlyargcount;
    let varargs = usize::from(input.has_varargs);
    if index < input.posonlyargcount {
        kind::ARG_POS
    } else if index < input.argcount {
        kind::ARG_POS | kind::ARG_KW
    } else if index < keyword_only {
        kind::ARG_KW
    } else if input.has_varargs && index == keyword_only {
        kind::ARG_VAR | kind::ARG_POS
    } else if input.has_varkeywords && index == keyword_only + varargs {
        kind::ARG_VAR | kind::ARG_KW
    } else {
        0
    }
}

/// The instructions in order, with jumps made forward or backward.
fn linearize(cfg: &Cfg) -> (Vec<Item>, Vec<Handler>) {
    let order = cfg.order();
    let mut start = vec![0; cfg.blocks.len()];
    let mut total = 0;
    for &ix in &order {
        start[ix] = total;
        total += cfg.blocks[ix].instrs.len();
    }
    let (mut items, mut handlers): (Vec<Item>, Vec<Handler>) = (Vec::with_capacity(total), Vec::new());
    let mut handler_of = vec![None; cfg.blocks.len()];
    for &ix in &order {
        for instr in &cfg.blocks[ix].instrs {
            let target = instr.target.map(|t| start[t]);
            let backward = target.is_some_and(|t| t <= items.len());
            let op = match (instr.op, backward) {
                (Op::JUMP, false) | (Op::JUMP_NO_INTERRUPT, false) => Op::JUMP_FORWARD,
                (Op::JUMP, true) => Op::JUMP_BACKWARD,
                (Op::JUMP_NO_INTERRUPT, true) => Op::JUMP_BACKWARD_NO_INTERRUPT,
                (op, _) => op,
            };
            let handler = instr.except.map(|h| {
                *handler_of[h].get_or_insert_with(|| {
                    let block = &cfg.blocks[h];
                    let below = 1 + usize::from(block.preserve_lasti);
                    let depth = block.start_depth.unwrap_or(below).saturating_sub(below);
                    handlers.push(Handler { item: start[h], depth, lasti: block.preserve_lasti });
                    handlers.len() - 1
                })
            });
            let op = op.real().unwrap_or(Opcode::NOP);
            items.push(Item { op, arg: instr.arg, loc: instr.loc, target, handler });
        }
    }
    for at in (0..items.len()).rev() {
        if items[at].loc == Location::NEXT {
            items[at].loc = items.get(at + 1).map_or(Location::NONE, |next| next.loc);
        }
    }
    (items, handlers)
}

/// Code units, and the offset of each item (and of the end).
fn encode(items: &[Item]) -> (Vec<u8>, Vec<usize>) {
    // The first guess of a distance is the target's index: where two layouts are consistent, this finds CPython's.
    let mut args: Vec<u32> = items.iter().map(|i| i.target.map_or(i.arg, |t| t as u32)).collect();
    loop {
        let mut offsets = Vec::with_capacity(items.len() + 1);
        let mut at = 0;
        for (item, arg) in items.iter().zip(&args) {
            offsets.push(at);
            at += codeunit::instruction_size(item.op, *arg);
        }
        offsets.push(at);
        let mut grown = false;
        for (index, item) in items.iter().enumerate() {
            let Some(target) = item.target else { continue };
            let (end, target) = (offsets[index + 1], offsets[target]);
            let distance = end.abs_diff(target) as u32;
            if args[index] != distance {
                let size = |arg| codeunit::instruction_size(item.op, arg);
                grown |= size(args[index]) != size(distance);
                args[index] = distance;
            }
        }
        if !grown {
            let mut code = Vec::with_capacity(at * 2);
            for (item, arg) in items.iter().zip(&args) {
                codeunit::emit(&mut code, item.op, *arg);
            }
            return (code, offsets);
        }
    }
}

fn line_table(items: &[Item], offsets: &[usize], firstlineno: i32) -> Vec<u8> {
    let mut encoder = Encoder::new(firstlineno);
    let (mut run, mut units) = (Location::NONE, 0);
    for (index, item) in items.iter().enumerate() {
        if item.loc != run {
            encoder.push(run, units);
            run = item.loc;
            units = 0;
        }
        units += offsets[index + 1] - offsets[index];
    }
    encoder.push(run, units);
    encoder.finish()
}

fn exceptions(items: &[Item], handlers: &[Handler], offsets: &[usize]) -> Vec<u8> {
    let mut table = Vec::new();
    let (mut current, mut start) = (None, 0);
    for index in 0..=items.len() {
        let handler = items.get(index).and_then(|i| i.handler);
        if handler == current {
            continue;
        }
        if let Some(open) = current {
            let h: &Handler = &handlers[open];
            exception_table::encode(
                &mut table,
                &ExceptionEntry {
                    start: offsets[start] as u32,
                    end: offsets[index] as u32,
                    target: offsets[h.item] as u32,
                    depth: h.depth as u32,
                    lasti: h.lasti,
                },
            );
        }
        current = handler;
        start = index;
    }
    table
}
