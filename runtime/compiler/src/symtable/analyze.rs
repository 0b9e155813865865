//! Second pass: the scope of each name.

use super::*;
use crate::error::RawError;

type Set = FxHashSet<Name>;
type Scopes = IndexMap<Name, Scope, FxBuildHasher>;

/// Sets that a block shares with the blocks around it.
#[derive(Clone, Default)]
struct Around {
    /// Names bound by enclosing functions; `None` at the top.
    bound: Option<Set>,
    global: Set,
    type_params: Set,
}

/// Decides every name's scope.
pub(super) fn run(table: &mut SymbolTable) -> Res {
    let (mut free, mut around) = (Set::default(), Around::default());
    block(table, 0, &mut around, &mut free, None, 0)
}

fn block(
    table: &mut SymbolTable,
    id: BlockId,
    around: &mut Around,
    free: &mut Set,
    class_entry: Option<BlockId>,
    depth: usize,
) -> Res {
    crate::depth::guard(depth * 8, || block_inner(table, id, around, free, class_entry, depth))
}

fn block_inner(
    table: &mut SymbolTable,
    id: BlockId,
    around: &mut Around,
    free: &mut Set,
    class_entry: Option<BlockId>,
    depth: usize,
) -> Res {
    let kind = table.blocks[id].kind;
    let function_like = table.blocks[id].is_function_like();
    let (mut local, mut scopes, mut newfree) = (Set::default(), Scopes::default(), Set::default());
    let mut inner = Around { bound: Some(Set::default()), ..Around::default() };
    let newbound = inner.bound.as_mut().expect("just made");
    if kind == BlockKind::Class {
        inner.global.extend(around.global.iter().cloned());
        newbound.extend(around.bound.iter().flatten().cloned());
    }
    // A class keeps what its methods need of its own cells to itself, but not what its body takes from outside.
    let mut own_free = Set::default();
    let names: Vec<(Name, u32)> = table.blocks[id].symbols.iter().map(|(n, s)| (n.clone(), s.flags)).collect();
    for (name, flags) in names {
        let scope = name_scope(table, id, &name, flags, around, &mut local, &mut own_free, class_entry)?;
        scopes.insert(name, scope);
    }
    if kind != BlockKind::Class {
        if function_like {
            newbound.extend(local.iter().cloned());
        }
        newbound.extend(around.bound.iter().flatten().cloned());
        inner.global.extend(around.global.iter().cloned());
    } else {
        newbound.insert("__class__".into());
        newbound.insert("__classdict__".into());
        if table.blocks[id].has_conditional_annotations {
            newbound.insert("__conditional_annotations__".into());
        }
    }
    inner.type_params = around.type_params.clone();
    let mut inlined_cells = Set::default();
    children(table, id, &inner, &mut newfree, &mut scopes, &mut inlined_cells, class_entry, depth)?;
    if function_like {
        for (name, scope) in &mut scopes {
            if *scope == Scope::Local && (newfree.contains(name) || inlined_cells.contains(name)) {
                *scope = Scope::Cell;
                newfree.remove(name);
            }
        }
    } else if kind == BlockKind::Class {
        let block = &mut table.blocks[id];
        block.needs_class_closure |= newfree.remove("__class__");
        block.needs_classdict |= newfree.remove("__classdict__");
        block.has_conditional_annotations |= newfree.remove("__conditional_annotations__");
    }
    update(table, id, &scopes, around.bound.as_ref(), &newfree, &inlined_cells);
    free.extend(newfree);
    free.extend(own_free);
    Ok(())
}

fn children(
    table: &mut SymbolTable,
    id: BlockId,
    inner: &Around,
    newfree: &mut Set,
    scopes: &mut Scopes,
    inlined_cells: &mut Set,
    class_entry: Option<BlockId>,
    depth: usize,
) -> Res {
    let block_ref = &table.blocks[id];
    let sees_class = block_ref.can_see_class_scope;
    let child_class = if block_ref.kind == BlockKind::Class { Some(id) } else { class_entry };
    let list = table.blocks[id].children.clone();
    let mut spliced = Vec::with_capacity(list.len());
    for child in list {
        let passed = if table.blocks[child].can_see_class_scope { child_class } else { None };
        let inline =
            table.blocks[child].comprehension != CompKind::None && !table.blocks[child].generator && !sees_class;
        let (mut child_free, mut child_around) = (Set::default(), inner.clone());
        block(table, child, &mut child_around, &mut child_free, passed, depth + 1)?;
        if inline {
            inline_comprehension(table, id, child, scopes, &mut child_free, inlined_cells);
            table.blocks[child].comp_inlined = true;
            spliced.extend(table.blocks[child].children.iter().copied());
        } else {
            spliced.push(child);
        }
        newfree.extend(child_free);
    }
    table.blocks[id].children = spliced;
    Ok(())
}

/// The scope of one name, noting it in the sets of its block.
fn name_scope(
    table: &SymbolTable,
    id: BlockId,
    name: &Name,
    flags: u32,
    around: &mut Around,
    local: &mut Set,
    free: &mut Set,
    class_entry: Option<BlockId>,
) -> Res<Scope> {
    let block = &table.blocks[id];
    let fail = |msg: String| {
        let place = block.directives.iter().find(|d| d.0 == *name).map_or(block.loc, |d| d.1);
        Err(RawError::syntax(place, msg))
    };
    if flags & def::GLOBAL != 0 {
        if flags & def::NONLOCAL != 0 {
            return fail(format!("name '{name}' is nonlocal and global"));
        }
        around.global.insert(name.clone());
        if let Some(bound) = &mut around.bound {
            bound.remove(name);
        }
        return Ok(Scope::GlobalExplicit);
    }
    if flags & def::NONLOCAL != 0 {
        let Some(bound) = &around.bound else {
            return fail("nonlocal declaration not allowed at module level".into());
        };
        if !bound.contains(name) {
            return fail(format!("no binding for nonlocal '{name}' found"));
        }
        if around.type_params.contains(name) {
            return fail(format!("nonlocal binding not allowed for type parameter '{name}'"));
        }
        free.insert(name.clone());
        return Ok(Scope::Free);
    }
    if flags & def::BOUND != 0 {
        local.insert(name.clone());
        around.global.remove(name);
        if flags & def::TYPE_PARAM != 0 {
            around.type_params.insert(name.clone());
        } else {
            around.type_params.remove(name);
        }
        return Ok(Scope::Local);
    }
    if let Some(class) = class_entry.filter(|_| &**name != "__classdict__") {
        let in_class = table.blocks[class].symbol(name).flags;
        if in_class & def::GLOBAL != 0 {
            return Ok(Scope::GlobalExplicit);
        }
        if in_class & def::BOUND != 0 && in_class & def::NONLOCAL == 0 {
            return Ok(Scope::GlobalImplicit);
        }
    }
    if around.bound.as_ref().is_some_and(|b| b.contains(name)) {
        free.insert(name.clone());
        return Ok(Scope::Free);
    }
    Ok(Scope::GlobalImplicit)
}

/// Merges the names of a comprehension into the block around it (PEP 709).
fn inline_comprehension(
    table: &mut SymbolTable,
    id: BlockId,
    comp: BlockId,
    scopes: &mut Scopes,
    comp_free: &mut Set,
    inlined_cells: &mut Set,
) {
    let in_class = table.blocks[id].kind == BlockKind::Class;
    let symbols: Vec<(Name, Symbol)> = table.blocks[comp].symbols.iter().map(|(n, s)| (n.clone(), *s)).collect();
    for (name, symbol) in symbols {
        if symbol.flags & def::PARAM != 0 {
            continue;
        }
        let mut scope = symbol.scope;
        if scope == Scope::Cell || symbol.flags & def::COMP_CELL != 0 {
            inlined_cells.insert(name.clone());
        }
        let special = matches!(&*name, "__class__" | "__classdict__" | "__conditional_annotations__");
        if scope == Scope::Free && in_class && special {
            scope = Scope::GlobalImplicit;
            if !free_in_child(table, comp, &name) {
                comp_free.remove(&name);
            }
            table.blocks[comp].symbols.shift_remove(&name);
        }
        match table.blocks[id].symbols.get(&name).map(|s| s.flags) {
            None => {
                let copied = Symbol { flags: symbol.flags, scope: Scope::None };
                table.blocks[id].symbols.insert(name.clone(), copied);
                scopes.insert(name, scope);
            }
            Some(flags) => {
                if flags & def::BOUND != 0 && !in_class && !free_in_child(table, comp, &name) {
                    comp_free.remove(&name);
                }
                // What the comprehension uses of the names around it is used there now.
                if symbol.flags & def::BOUND == 0
                    && !in_class
                    && let Some(outer) = table.blocks[id].symbols.get_mut(&name)
                {
                    outer.flags |= symbol.flags & def::USE;
                }
            }
        }
    }
}

fn free_in_child(table: &SymbolTable, comp: BlockId, name: &str) -> bool {
    table.blocks[comp].children.iter().any(|c| table.blocks[*c].symbol(name).scope == Scope::Free)
}

fn update(table: &mut SymbolTable, id: BlockId, scopes: &Scopes, bound: Option<&Set>, free: &Set, inlined_cells: &Set) {
    let block = &mut table.blocks[id];
    for (name, symbol) in &mut block.symbols {
        symbol.scope = scopes.get(name).copied().unwrap_or_default();
        if inlined_cells.contains(name) {
            symbol.flags |= def::COMP_CELL;
        }
    }
    let class_like = block.kind == BlockKind::Class || block.can_see_class_scope;
    for name in free {
        match block.symbols.get_mut(name) {
            Some(symbol) => {
                if class_like {
                    symbol.flags |= def::FREE_CLASS;
                }
            }
            None => {
                if bound.is_some_and(|b| b.contains(name)) {
                    block.symbols.insert(name.clone(), Symbol { flags: 0, scope: Scope::Free });
                }
            }
        }
    }
}
