//! A unit: what becomes one code object.

use super::unwind::FrameBlock;
use crate::assemble::Input;
use crate::ast::{Name, Stmt};
use crate::ir::Sequence;
use crate::symtable::{Block, BlockId, BlockKind, Scope, def};
use indexmap::{IndexMap, IndexSet};
use krait_bytecode::flags::*;
use krait_bytecode::{Constant, Wtf8};
use rustc_hash::FxBuildHasher;
use std::collections::BTreeSet;

pub(crate) type NameSet = IndexSet<Name, FxBuildHasher>;

/// What kind of code a unit is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ScopeKind {
    Module,
    Class,
    Function,
    AsyncFunction,
    Lambda,
    Comprehension,
    Annotations,
}

/// Code in the making.
pub(super) struct Unit<'a> {
    pub(super) block: BlockId,
    pub(super) kind: ScopeKind,
    pub(super) name: Name,
    pub(super) qualname: Name,
    pub(super) private: Option<Name>,
    pub(super) argcount: usize,
    pub(super) posonlyargcount: usize,
    pub(super) kwonlyargcount: usize,
    pub(super) firstlineno: i32,
    pub(super) seq: Sequence,
    pub(super) consts: IndexSet<Constant, FxBuildHasher>,
    pub(super) names: NameSet,
    pub(super) varnames: NameSet,
    pub(super) cellvars: NameSet,
    pub(super) freevars: NameSet,
    /// Variables of inlined comprehensions outside functions; true while the comprehension is compiled.
    pub(super) fasthidden: IndexMap<Name, bool, FxBuildHasher>,
    pub(super) frame_blocks: Vec<FrameBlock<'a>>,
    pub(super) static_attributes: BTreeSet<Name>,
    pub(super) in_inlined_comp: u32,
    pub(super) in_conditional_block: bool,
    /// Annotated assignments with the number of their condition.
    pub(super) deferred: Vec<(&'a Stmt, Option<usize>)>,
    pub(super) next_conditional: usize,
    has_varargs: bool,
    has_varkeywords: bool,
    format_parameter: bool,
}

impl<'a> Unit<'a> {
    pub(super) fn new(
        block: &Block,
        id: BlockId,
        name: Name,
        kind: ScopeKind,
        firstlineno: i32,
        private: Option<Name>,
    ) -> Unit<'a> {
        let sorted = |pick: &dyn Fn(Scope, u32) -> bool| {
            let mut names: Vec<Name> =
                block.symbols.iter().filter(|(_, s)| pick(s.scope, s.flags)).map(|(n, _)| n.clone()).collect();
            names.sort();
            names.into_iter().collect::<NameSet>()
        };
        let mut cellvars = sorted(&|scope, flags| scope == Scope::Cell || flags & def::COMP_CELL != 0);
        let wanted = [
            (block.needs_class_closure, "__class__"),
            (block.needs_classdict, "__classdict__"),
            (block.has_conditional_annotations, "__conditional_annotations__"),
        ];
        for (needed, name) in wanted {
            if needed {
                cellvars.insert(name.into());
            }
        }
        let freevars = sorted(&|scope, flags| scope == Scope::Free || flags & def::FREE_CLASS != 0);
        Unit {
            block: id,
            kind,
            qualname: name.clone(),
            name,
            private,
            argcount: 0,
            posonlyargcount: 0,
            kwonlyargcount: 0,
            firstlineno,
            seq: Sequence::default(),
            consts: IndexSet::default(),
            names: NameSet::default(),
            varnames: block.varnames.iter().cloned().collect(),
            cellvars,
            freevars,
            fasthidden: IndexMap::default(),
            frame_blocks: Vec::new(),
            static_attributes: BTreeSet::new(),
            in_inlined_comp: 0,
            in_conditional_block: false,
            deferred: Vec::new(),
            next_conditional: 0,
            has_varargs: block.varargs,
            has_varkeywords: block.varkeywords,
            format_parameter: block.kind == BlockKind::Annotation,
        }
    }

    /// What the assembler needs.
    pub(super) fn into_input(self, flags: u32, filename: Wtf8) -> Input {
        Input {
            seq: self.seq,
            argcount: self.argcount,
            posonlyargcount: self.posonlyargcount,
            kwonlyargcount: self.kwonlyargcount,
            has_varargs: self.has_varargs,
            has_varkeywords: self.has_varkeywords,
            format_parameter: self.format_parameter,
            flags,
            filename,
            name: self.name,
            qualname: self.qualname,
            firstlineno: self.firstlineno,
            consts: self.consts.into_iter().collect(),
            names: self.names,
            varnames: self.varnames,
            cellvars: self.cellvars,
            freevars: self.freevars,
            fasthidden: self.fasthidden.into_keys().collect(),
        }
    }
}

/// `co_flags` that follow from a block.
pub(super) fn code_flags(block: &Block) -> u32 {
    let mut flags = 0;
    if !block.is_function_like() {
        return 0;
    }
    flags |= CO_NEWLOCALS | CO_OPTIMIZED;
    let set = [
        (block.nested, CO_NESTED),
        (block.generator && !block.coroutine, CO_GENERATOR),
        (block.generator && block.coroutine, CO_ASYNC_GENERATOR),
        (!block.generator && block.coroutine, CO_COROUTINE),
        (block.varargs, CO_VARARGS),
        (block.varkeywords, CO_VARKEYWORDS),
        (block.has_docstring, CO_HAS_DOCSTRING),
        (block.method, CO_METHOD),
    ];
    for (yes, flag) in set {
        if yes {
            flags |= flag;
        }
    }
    flags
}
