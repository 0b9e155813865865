//! Jumps out of `finally` blocks (PEP 765), which swallow exceptions and are warned of.

use crate::ast::*;
use crate::error::{Warning, WarningKind};

/// Where a statement stands, as far as jumps go.
#[derive(Clone, Copy, Default)]
struct Place {
    in_finally: bool,
    in_function: bool,
    in_loop: bool,
}

/// Adds warnings for a tree.
pub(crate) fn tree(tree: &Mod, warnings: &mut Vec<Warning>) {
    if let Mod::Module(body) | Mod::Interactive(body) = tree {
        stmts(body, Place::default(), warnings);
    }
}

fn stmts(body: &[Stmt], place: Place, warnings: &mut Vec<Warning>) {
    body.iter().for_each(|s| stmt(s, place, warnings));
}

fn stmt(s: &Stmt, place: Place, warnings: &mut Vec<Warning>) {
    let mut jump = |word: &str, bad: bool| {
        if bad {
            let msg = format!("'{word}' in a 'finally' block");
            warnings.push(Warning { kind: WarningKind::Syntax, msg, loc: s.loc });
        }
    };
    let leaves = place.in_finally && !place.in_function;
    let inner = |f: &mut dyn FnMut()| {
        let _ = crate::depth::guard(0, || {
            f();
            Ok(())
        });
    };
    match &s.kind {
        StmtKind::Return(_) => jump("return", leaves),
        StmtKind::Break => jump("break", leaves && !place.in_loop),
        StmtKind::Continue => jump("continue", leaves && !place.in_loop),
        StmtKind::FunctionDef(f) => {
            let place = Place { in_function: true, ..Place::default() };
            inner(&mut || stmts(&f.body, place, warnings));
        }
        StmtKind::ClassDef(c) => inner(&mut || stmts(&c.body, place, warnings)),
        StmtKind::For { body, orelse, .. } | StmtKind::While { body, orelse, .. } => inner(&mut || {
            stmts(body, Place { in_loop: true, ..place }, warnings);
            stmts(orelse, place, warnings);
        }),
        StmtKind::If { body, orelse, .. } => inner(&mut || {
            stmts(body, place, warnings);
            stmts(orelse, place, warnings);
        }),
        StmtKind::With { body, .. } => inner(&mut || stmts(body, place, warnings)),
        StmtKind::Match { cases, .. } => {
            inner(&mut || cases.iter().for_each(|case| stmts(&case.body, place, warnings)));
        }
        StmtKind::Try { body, handlers, orelse, finalbody, .. } => inner(&mut || {
            stmts(body, place, warnings);
            handlers.iter().for_each(|handler| stmts(&handler.body, place, warnings));
            stmts(orelse, place, warnings);
            let ending = Place { in_finally: true, ..Place::default() };
            stmts(finalbody, ending, warnings);
        }),
        _ => {}
    }
}
