//! Compilation through the public interface: code, errors, limits.

use krait_bytecode::{Opcode, dis, flags};
use krait_compiler::{CodeObject, CompileError, Constant, ErrorKind, Flags, Mode, compile, compile_bytes};

fn code(source: &str) -> CodeObject {
    compile(source, "<test>", Mode::Exec, Flags::default()).expect("compiles").code
}

fn error(source: &str) -> CompileError {
    compile(source, "<test>", Mode::Exec, Flags::default()).expect_err("does not compile")
}

fn nested(code: &CodeObject) -> &CodeObject {
    code.consts
        .iter()
        .find_map(|c| match c {
            Constant::Code(inner) => Some(&**inner),
            _ => None,
        })
        .expect("a nested code object")
}

#[test]
fn a_module_as_recorded() {
    // `co_code`, `co_linetable` and `co_names` of CPython 3.14.10 for the same source.
    let code = code("x = 1\n");
    let expected = [128, 0, 94, 1, 116, 0, 82, 1, 35, 0];
    assert_eq!(code.code, expected);
    assert_eq!(code.linetable, b"\xf0\x03\x01\x01\x01\xd8\x04\x05\x82\x01");
    assert_eq!(code.names, ["x".into()]);
    assert_eq!(code.stacksize, 1);
}

#[test]
fn flags_of_functions() {
    let module = code("async def f(*a, **k):\n    'doc'\n    yield 1\n");
    let f = nested(&module);
    let expected = flags::CO_OPTIMIZED
        | flags::CO_NEWLOCALS
        | flags::CO_VARARGS
        | flags::CO_VARKEYWORDS
        | flags::CO_ASYNC_GENERATOR
        | flags::CO_HAS_DOCSTRING;
    assert_eq!(f.flags, expected);
    assert_eq!(f.consts[0], Constant::str("doc"));
}

#[test]
fn loads_borrow_and_check() {
    let module = code("def f(a):\n    if a:\n        b = a\n    return b\n");
    let listing = dis::disassemble(nested(&module));
    assert!(listing.contains("LOAD_FAST_BORROW 0 (a)"), "{listing}");
    assert!(listing.contains("LOAD_FAST_CHECK 1 (b)"), "{listing}");
}

#[test]
fn constants_are_folded() {
    let module = code("x = (1, 2 + 3, -4, 'a' * 3)\n");
    let loads = krait_bytecode::Instructions::new(&module.code).filter(|i| i.op == Opcode::LOAD_CONST).count();
    assert_eq!(loads, 2);
    assert!(dis::disassemble(&module).contains(r#"(1, 5, -4, "aaa")"#));
}

#[test]
fn surrogates_survive() {
    let module = code(r"x = '\ud800'");
    let found = module.consts.iter().any(|c| matches!(c, Constant::Str(s) if s.code_points().eq([0xd800])));
    assert!(found);
}

#[test]
fn optimisation_levels() {
    let source = "'doc'\nassert x\nif __debug__: y\n";
    let flags = Flags { optimize: 2, ..Flags::default() };
    let code = compile(source, "<test>", Mode::Exec, flags).expect("compiles").code;
    // Names of dropped code stay, as in the reference.
    assert_eq!(code.names, ["y".into()]);
    let calls = krait_bytecode::Instructions::new(&code.code).filter(|i| i.op == Opcode::LOAD_NAME).count();
    assert_eq!(calls, 0);
}

#[test]
fn errors_have_places() {
    for (source, kind, msg, place) in [
        ("x = (1", ErrorKind::Syntax, "'(' was never closed", (1, 5, 1, 0)),
        ("f(a b)", ErrorKind::Syntax, "invalid syntax. Perhaps you forgot a comma?", (1, 3, 1, 6)),
        ("if x:\ny", ErrorKind::Indentation, "expected an indented block after 'if' statement on line 1", (2, 1, 2, 2)),
        ("return 1", ErrorKind::Syntax, "'return' outside function", (1, 1, 1, 9)),
        (
            "print x",
            ErrorKind::Syntax,
            "Missing parentheses in call to 'print'. Did you mean print(...)?",
            (1, 1, 1, 8),
        ),
        (
            "f() = 1",
            ErrorKind::Syntax,
            "cannot assign to function call here. Maybe you meant '==' instead of '='?",
            (1, 1, 1, 4),
        ),
    ] {
        let e = error(source);
        assert_eq!((e.kind, e.msg.as_str()), (kind, msg), "{source}");
        let seen = (e.lineno, e.offset, e.end_lineno, e.end_offset);
        assert_eq!(seen, (Some(place.0), Some(place.1), Some(place.2), Some(place.3)), "{source}");
    }
}

#[test]
fn deep_nesting_is_an_error() {
    // What nests to the right exhausts the reference's parser, the rest its compiler.
    for source in ["-".repeat(100_000) + "1", "lambda:".repeat(50_000) + "1"] {
        assert_eq!(error(&source).kind, ErrorKind::Memory);
    }
    assert_eq!(error(&("x".to_string() + &".a".repeat(100_000))).kind, ErrorKind::Recursion);
    assert_eq!(error(&("(".repeat(300) + &")".repeat(300))).msg, "too many nested parentheses");
}

#[test]
fn encodings() {
    let latin = compile_bytes(b"# coding: latin-1\nx = '\xe9'\n", "<test>", Mode::Exec, Flags::default());
    assert!(latin.expect("compiles").code.consts.contains(&Constant::str("\u{e9}")));
    let bad = compile_bytes(b"x = '\xff'\n", "<test>", Mode::Exec, Flags::default());
    assert_eq!(bad.expect_err("not UTF-8").lineno, Some(1));
}

#[test]
fn warnings_are_collected() {
    let done = compile("x = '\\d'\nassert (x, 1)\n", "<test>", Mode::Exec, Flags::default()).expect("compiles");
    assert_eq!(done.warnings.len(), 2);
    assert!(done.warnings[0].msg.starts_with("\"\\d\" is an invalid escape sequence."));
}

#[test]
fn unfinished_input_is_told_from_mistakes() {
    let flags = Flags { allow_incomplete_input: true, dont_imply_dedent: true, ..Flags::default() };
    let kind = |source: &str| compile(source, "<test>", Mode::Single, flags).expect_err("does not compile").kind;
    for source in ["a = (\n", "if 1:\n", "try:\n  pass\n", "'''a\n", "@a\n", "def f():\n  x = (\n", "def f():\n  pass"]
    {
        assert_eq!(kind(source), ErrorKind::IncompleteInput, "{source:?}");
    }
    for source in ["a = 'a\n", "(a b\n", "x = $\n", "a = 1\nb = 2\n"] {
        assert_eq!(kind(source), ErrorKind::Syntax, "{source:?}");
    }
}
