//! First pass: what each block does with its names.

use super::*;
use crate::ast::*;
use crate::error::RawError;

/// Walks a tree.
pub(super) struct Builder {
    pub(super) table: SymbolTable,
    pub(super) stack: Vec<BlockId>,
    pub(super) private: Option<Name>,
    pub(super) options: Options,
    pub(super) depth: usize,
}

impl Builder {
    pub(super) fn run(tree: &Mod, options: Options) -> Res<SymbolTable> {
        let table = SymbolTable { blocks: Vec::new(), by_key: FxHashMap::default() };
        let mut b = Builder { table, stack: Vec::new(), private: None, options, depth: 0 };
        b.enter("top", BlockKind::Module, key(tree), Location::new(0, 0, 0, 0))?;
        match tree {
            Mod::Module(body) | Mod::Interactive(body) => {
                b.cur().has_docstring = matches!(tree, Mod::Module(_)) && docstring(body).is_some();
                b.body(body)?;
            }
            Mod::Expression(expr) => b.expr(expr)?,
            Mod::FunctionType(args, result) => {
                b.exprs(args)?;
                b.expr(result)?;
            }
        }
        b.leave();
        Ok(b.table)
    }

    pub(super) fn cur_id(&self) -> BlockId {
        *self.stack.last().expect("inside a block")
    }

    pub(super) fn cur(&mut self) -> &mut Block {
        let id = self.cur_id();
        &mut self.table.blocks[id]
    }

    /// Opens a block.
    pub(super) fn enter(&mut self, name: &str, kind: BlockKind, key: Key, loc: Location) -> Res {
        let id = self.new_block(name, kind, key, loc);
        self.enter_existing(id);
        if matches!(kind, BlockKind::Annotation | BlockKind::TypeVariable | BlockKind::TypeAlias) {
            self.add(&".format".into(), def::PARAM, loc)?;
            self.add(&".format".into(), def::USE, loc)?;
        }
        Ok(())
    }

    /// Makes a block without opening it.
    pub(super) fn new_block(&mut self, name: &str, kind: BlockKind, key: Key, loc: Location) -> BlockId {
        let (mut nested, mut method) = (false, false);
        if let Some(&parent) = self.stack.last() {
            let parent = &self.table.blocks[parent];
            nested = parent.nested || parent.is_function_like();
            method = kind == BlockKind::Function && parent.kind == BlockKind::Class;
        }
        self.table.blocks.push(Block {
            name: name.into(),
            kind,
            loc,
            symbols: Symbols::default(),
            varnames: Vec::new(),
            children: Vec::new(),
            directives: Vec::new(),
            nested,
            generator: false,
            coroutine: false,
            comprehension: CompKind::None,
            varargs: false,
            varkeywords: false,
            has_docstring: false,
            method,
            needs_class_closure: false,
            needs_classdict: false,
            has_conditional_annotations: false,
            annotations_used: false,
            comp_inlined: false,
            can_see_class_scope: false,
            annotation_block: None,
            mangled_names: None,
            comp_iter_target: false,
            scope_info: None,
            comp_iter_expr: 0,
            in_conditional_block: false,
            in_unevaluated_annotation: false,
        });
        let id = self.table.blocks.len() - 1;
        self.table.by_key.insert(key, id);
        id
    }

    /// Opens a block that exists but was never open, and hangs it under the current one.
    pub(super) fn enter_existing(&mut self, id: BlockId) {
        if let Some(&parent) = self.stack.last() {
            let comp_iter_expr = self.table.blocks[parent].comp_iter_expr;
            let mangled = self.table.blocks[parent].mangled_names.clone();
            let block = &mut self.table.blocks[id];
            block.comp_iter_expr = comp_iter_expr;
            if block.kind != BlockKind::Class && mangled.is_some() {
                block.mangled_names = mangled;
            }
            let hidden = self.options.future_annotations && block.kind == BlockKind::Annotation;
            if !hidden && !self.table.blocks[parent].children.contains(&id) {
                self.table.blocks[parent].children.push(id);
            }
        }
        self.stack.push(id);
    }

    /// Closes the current block.
    pub(super) fn leave(&mut self) {
        self.stack.pop();
    }

    /// The flags of a name in the current block.
    pub(super) fn lookup(&mut self, name: &Name) -> u32 {
        let mangled = maybe_mangle(self.private.as_ref(), &self.table.blocks[self.cur_id()], name);
        self.cur().symbol(&mangled).flags
    }

    /// Notes what the current block does with a name.
    pub(super) fn add(&mut self, name: &Name, flag: u32, loc: Location) -> Res {
        let id = self.cur_id();
        self.add_in(id, name, flag, loc)
    }

    /// Notes what a block does with a name.
    pub(super) fn add_in(&mut self, id: BlockId, name: &Name, flag: u32, loc: Location) -> Res {
        let mangled = maybe_mangle(self.private.as_ref(), &self.table.blocks[id], name);
        let block = &mut self.table.blocks[id];
        let old = block.symbol(&mangled).flags;
        if flag & def::PARAM != 0 && old & def::PARAM != 0 {
            return Err(RawError::syntax(loc, format!("duplicate argument '{name}' in function definition")));
        }
        if flag & def::TYPE_PARAM != 0 && old & def::TYPE_PARAM != 0 {
            return Err(RawError::syntax(loc, format!("duplicate type parameter '{name}'")));
        }
        let mut flags = old | flag;
        if block.comp_iter_target {
            if flags & (def::GLOBAL | def::NONLOCAL) != 0 {
                let msg = format!("comprehension inner loop cannot rebind assignment expression target '{name}'");
                return Err(RawError::syntax(loc, msg));
            }
            if flag & def::BOUND != 0 {
                flags |= def::COMP_ITER;
            }
        }
        block.symbols.entry(mangled.clone()).or_default().flags = flags;
        if flag & def::PARAM != 0 {
            block.varnames.push(mangled);
        } else if flag & def::GLOBAL != 0 {
            self.table.blocks[0].symbols.entry(mangled).or_default().flags |= flag;
        }
        Ok(())
    }

    /// Notes a name that is bound (or deleted), which `__debug__` cannot be.
    pub(super) fn bind(&mut self, name: &Name, flag: u32, loc: Location) -> Res {
        if &**name == "__debug__" {
            return Err(RawError::syntax(loc, "cannot assign to __debug__"));
        }
        self.add(name, flag, loc)
    }

    /// Remembers where a name was declared global or nonlocal.
    pub(super) fn directive(&mut self, name: &Name, loc: Location) {
        let mangled = mangle(self.private.as_ref(), name);
        self.cur().directives.push((mangled, loc));
    }

    /// `global` and `nonlocal`.
    pub(super) fn declare(&mut self, names: &[Name], global: bool, loc: Location) -> Res {
        let word = if global { "global" } else { "nonlocal" };
        for name in names {
            if &**name == "__debug__" {
                return Err(RawError::syntax(loc, "cannot assign to __debug__"));
            }
            let flags = self.lookup(name);
            if flags & (def::PARAM | def::LOCAL | def::USE | def::ANNOT) != 0 {
                let msg = if flags & def::PARAM != 0 {
                    format!("name '{name}' is parameter and {word}")
                } else if flags & def::USE != 0 {
                    format!("name '{name}' is used prior to {word} declaration")
                } else if flags & def::ANNOT != 0 {
                    format!("annotated name '{name}' can't be {word}")
                } else {
                    format!("name '{name}' is assigned to before {word} declaration")
                };
                return Err(RawError::syntax(loc, msg));
            }
            self.add(name, if global { def::GLOBAL } else { def::NONLOCAL }, loc)?;
            self.directive(name, loc);
        }
        Ok(())
    }

    /// Binds the target of `:=` inside comprehensions in the block around them (PEP 572).
    pub(super) fn extend_namedexpr(&mut self, target: &Name, loc: Location) -> Res {
        for index in (0..self.stack.len()).rev() {
            let id = self.stack[index];
            let mangled = maybe_mangle(self.private.as_ref(), &self.table.blocks[id], target);
            let block = &self.table.blocks[id];
            let flags = block.symbol(&mangled).flags;
            if block.comprehension != CompKind::None {
                if flags & def::COMP_ITER != 0 {
                    let msg =
                        format!("assignment expression cannot rebind comprehension iteration variable '{target}'");
                    return Err(RawError::syntax(loc, msg));
                }
                continue;
            }
            let word = match block.kind {
                BlockKind::Function => {
                    let outer = if flags & def::GLOBAL != 0 { def::GLOBAL } else { def::NONLOCAL };
                    self.add(target, outer, loc)?;
                    self.directive(target, loc);
                    return self.add_in(id, target, def::LOCAL, loc);
                }
                BlockKind::Module => {
                    self.add(target, def::GLOBAL, loc)?;
                    self.directive(target, loc);
                    return self.add_in(id, target, def::GLOBAL, loc);
                }
                BlockKind::Class => "a class body",
                BlockKind::TypeParameters => "the definition of a generic",
                BlockKind::TypeAlias => "a type alias",
                BlockKind::TypeVariable => "a TypeVar bound",
                BlockKind::Annotation => continue,
            };
            let preposition = if block.kind == BlockKind::TypeParameters { "within" } else { "in" };
            let msg = format!("assignment expression within a comprehension cannot be used {preposition} {word}");
            return Err(RawError::syntax(loc, msg));
        }
        Ok(())
    }
}

/// The docstring of a body.
pub(crate) fn docstring(body: &[Stmt]) -> Option<&krait_bytecode::Wtf8> {
    match &body.first()?.kind {
        StmtKind::Expr(Expr {
            kind: ExprKind::Constant { value: krait_bytecode::Constant::Str(text), .. }, ..
        }) => Some(text),
        _ => None,
    }
}
