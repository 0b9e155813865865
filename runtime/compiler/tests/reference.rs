//! The bundled programs of the reference's library, compiled by both.
//!
//! Needs `REF_PYTHON`, the path of a CPython 3.14; passes without doing anything when it is unset.

use krait_bytecode::marshal;
use krait_compiler::{Flags, Mode, compile_bytes};
use std::io::Write;
use std::process::{Command, Stdio};

/// Reads pairs of a path and our code in hexadecimal; prints how many code objects there are and how many are equal.
const COMPARE: &str = r#"
import marshal, sys, types, warnings
warnings.simplefilter('ignore')
total = same = 0
def compare(a, b):
    global total, same
    total += 1
    inner = lambda c: [x for x in c.co_consts if isinstance(x, types.CodeType)]
    fields = ('co_code', 'co_linetable', 'co_exceptiontable', 'co_names', 'co_varnames', 'co_cellvars', 'co_freevars',
              'co_flags', 'co_stacksize', 'co_argcount', 'co_posonlyargcount', 'co_kwonlyargcount', 'co_name',
              'co_qualname', 'co_firstlineno')
    same += all(getattr(a, f) == getattr(b, f) for f in fields)
    for x, y in zip(inner(a), inner(b)):
        compare(x, y)
for line in sys.stdin:
    path, code = line.rstrip('\n').rsplit(' ', 1)
    with open(path, 'rb') as f:
        ref = compile(f.read(), path, 'exec', dont_inherit=True)
    compare(marshal.loads(bytes.fromhex(code)), ref)
print(total, same)
"#;

#[test]
fn library_is_identical() {
    let Ok(python) = std::env::var("REF_PYTHON") else { return };
    let script = "import os, glob; print(*glob.glob(os.path.dirname(os.__file__) + '/*.py'), sep='\\n')";
    let listed = Command::new(&python).args(["-c", script]).output().expect("the reference runs");
    let mut child = Command::new(&python)
        .args(["-c", COMPARE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the reference runs");
    let mut input = child.stdin.take().expect("piped");
    for path in String::from_utf8_lossy(&listed.stdout).lines() {
        // Distributions leave dangling links.
        let Ok(bytes) = std::fs::read(path) else { continue };
        let done = compile_bytes(&bytes, path, Mode::Exec, Flags::default());
        let code = marshal::dump_code(&done.unwrap_or_else(|e| panic!("{path}: {e:?}")).code);
        let hex: String = code.iter().map(|b| format!("{b:02x}")).collect();
        writeln!(input, "{path} {hex}").expect("the reference reads");
    }
    drop(input);
    let output = child.wait_with_output().expect("the reference ends");
    let numbers: Vec<usize> =
        String::from_utf8_lossy(&output.stdout).split_whitespace().map(|n| n.parse().expect("a number")).collect();
    assert!(numbers[1] * 1000 >= numbers[0] * 995, "{} of {} code objects are identical", numbers[1], numbers[0]);
}
