//! `from __future__ import ...`

use crate::ast::*;
use crate::error::{RawError, Res};
use krait_bytecode::flags::*;

/// The features that a tree asks for, as `CO_FUTURE_*`.
///
/// # Errors
/// Unknown features, and imports that do not stand at the beginning.
pub(crate) fn features(tree: &Mod) -> Res<u32> {
    let (Mod::Module(body) | Mod::Interactive(body)) = tree else { return Ok(0) };
    let (mut bits, mut done) = (0, false);
    for (index, stmt) in body.iter().enumerate() {
        match &stmt.kind {
            StmtKind::ImportFrom { module: Some(module), names, level: 0 } if &**module == "__future__" => {
                if done {
                    let msg = "from __future__ imports must occur at the beginning of the file";
                    return Err(RawError::syntax(stmt.loc, msg));
                }
                for alias in names {
                    bits |= feature(alias)?;
                }
            }
            StmtKind::Expr(Expr { kind: ExprKind::Constant { value, .. }, .. })
                if index == 0 && matches!(value, krait_bytecode::Constant::Str(_)) => {}
            _ => done = true,
        }
    }
    Ok(bits)
}

fn feature(alias: &Alias) -> Res<u32> {
    Ok(match &*alias.name {
        "nested_scopes" | "generators" | "division" | "absolute_import" | "with_statement" | "print_function"
        | "unicode_literals" | "generator_stop" => 0,
        "barry_as_FLUFL" => CO_FUTURE_BARRY_AS_BDFL,
        "annotations" => CO_FUTURE_ANNOTATIONS,
        "braces" => return Err(RawError::syntax(alias.loc, "not a chance")),
        name => return Err(RawError::syntax(alias.loc, format!("future feature {name} is not defined"))),
    })
}
