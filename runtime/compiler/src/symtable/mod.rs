//! The symbol table: which names a block binds and uses, and in which scope each of them lives.
//!
//! Two passes: [`build`] walks the tree and notes what each block does with its names; [`analyze`] then decides from
//! the outermost block inwards whether a name is local, a cell, free or global, and which comprehensions are inlined
//! (PEP 709).
//! Rules: the language reference's "Naming and binding", PEP 227, 572, 649, 695, 709 and 3104.

mod analyze;
mod build;
mod visit;

pub(crate) use build::docstring;

use crate::ast::Name;
use crate::error::Res;
use indexmap::IndexMap;
use krait_bytecode::Location;
use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};
use std::cell::RefCell;
use std::rc::Rc;

/// Ordered symbols of a block.
pub(crate) type Symbols = IndexMap<Name, Symbol, FxBuildHasher>;

/// What a block does with a name; bits.
pub(crate) mod def {
    pub(crate) const GLOBAL: u32 = 1;
    pub(crate) const LOCAL: u32 = 2;
    pub(crate) const PARAM: u32 = 4;
    pub(crate) const NONLOCAL: u32 = 8;
    pub(crate) const USE: u32 = 16;
    pub(crate) const FREE_CLASS: u32 = 64;
    pub(crate) const IMPORT: u32 = 128;
    pub(crate) const ANNOT: u32 = 256;
    pub(crate) const COMP_ITER: u32 = 512;
    pub(crate) const TYPE_PARAM: u32 = 1024;
    pub(crate) const COMP_CELL: u32 = 2048;
    pub(crate) const BOUND: u32 = LOCAL | PARAM | IMPORT | TYPE_PARAM;
}

/// Where a name lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Scope {
    /// Not decided.
    #[default]
    None,
    Local,
    GlobalExplicit,
    GlobalImplicit,
    Free,
    Cell,
}

/// A name of a block.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Symbol {
    pub(crate) flags: u32,
    pub(crate) scope: Scope,
}

/// Kinds of blocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BlockKind {
    Module,
    Class,
    Function,
    Annotation,
    TypeAlias,
    TypeParameters,
    TypeVariable,
}

/// Kinds of comprehensions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CompKind {
    None,
    List,
    Dict,
    Set,
    Generator,
}

/// Number of a block in the table.
pub(crate) type BlockId = usize;

/// The node that makes a block: its address and, where a node makes several, which.
pub(crate) type Key = (usize, u8);

/// The key of a node's main block.
pub(crate) fn key<T>(node: &T) -> Key {
    (std::ptr::from_ref(node) as usize, 0)
}

/// The key of a node's other block.
pub(crate) fn key_n<T>(node: &T, n: u8) -> Key {
    (std::ptr::from_ref(node) as usize, n)
}

/// A block.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) name: Name,
    pub(crate) kind: BlockKind,
    pub(crate) loc: Location,
    pub(crate) symbols: Symbols,
    pub(crate) varnames: Vec<Name>,
    pub(crate) children: Vec<BlockId>,
    pub(crate) directives: Vec<(Name, Location)>,
    pub(crate) nested: bool,
    pub(crate) generator: bool,
    pub(crate) coroutine: bool,
    pub(crate) comprehension: CompKind,
    pub(crate) varargs: bool,
    pub(crate) varkeywords: bool,
    pub(crate) has_docstring: bool,
    pub(crate) method: bool,
    pub(crate) needs_class_closure: bool,
    pub(crate) needs_classdict: bool,
    pub(crate) has_conditional_annotations: bool,
    pub(crate) annotations_used: bool,
    pub(crate) comp_inlined: bool,
    pub(crate) can_see_class_scope: bool,
    pub(crate) annotation_block: Option<BlockId>,
    pub(crate) mangled_names: Option<Rc<RefCell<FxHashSet<Name>>>>,
    comp_iter_target: bool,
    /// What an expression of a type parameter is, for errors.
    scope_info: Option<&'static str>,
    comp_iter_expr: u32,
    in_conditional_block: bool,
    in_unevaluated_annotation: bool,
}

impl Block {
    /// Whether names of the block live in fast locals.
    pub(crate) fn is_function_like(&self) -> bool {
        !matches!(self.kind, BlockKind::Module | BlockKind::Class)
    }

    /// The symbol of a (mangled) name.
    pub(crate) fn symbol(&self, name: &str) -> Symbol {
        self.symbols.get(name).copied().unwrap_or_default()
    }
}

/// The table of a tree.
pub(crate) struct SymbolTable {
    pub(crate) blocks: Vec<Block>,
    by_key: FxHashMap<Key, BlockId>,
}

impl SymbolTable {
    /// The block that a node makes.
    pub(crate) fn block_of(&self, key: Key) -> BlockId {
        *self.by_key.get(&key).expect("every scope node has a block")
    }
}

/// Options that change what is legal.
#[derive(Clone, Copy, Default)]
pub(crate) struct Options {
    pub(crate) top_level_await: bool,
    pub(crate) future_annotations: bool,
}

/// Builds the table of a tree.
pub(crate) fn build(tree: &crate::ast::Mod, options: Options) -> Res<SymbolTable> {
    let mut table = build::Builder::run(tree, options)?;
    analyze::run(&mut table)?;
    Ok(table)
}

/// A name as it is inside a class: `__x` becomes `_Class__x` (private names).
pub(crate) fn mangle(private: Option<&Name>, name: &Name) -> Name {
    let Some(class) = private else { return name.clone() };
    if !name.starts_with("__") || name.ends_with("__") || name.contains('.') {
        return name.clone();
    }
    let class = class.trim_start_matches('_');
    if class.is_empty() { name.clone() } else { Name::from(format!("_{class}{name}")) }
}

/// The same, in blocks that mangle only some names (type parameters of a class).
pub(crate) fn maybe_mangle(private: Option<&Name>, block: &Block, name: &Name) -> Name {
    if let Some(set) = &block.mangled_names
        && !set.borrow().contains(name)
    {
        return name.clone();
    }
    mangle(private, name)
}
