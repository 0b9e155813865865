//! Native modules of the standard library that need no other library.
pub mod abcmodule;
pub mod codecsmodule;
pub mod collectionsmodule;
pub mod contextvarsmodule;
pub mod functoolsmodule;
mod hamt;
pub mod interpreters;
pub mod itertoolsmodule;
pub mod lsprofmodule;
pub mod mathmodule;
pub mod opcodemodule;
pub mod operatormodule;
pub mod randommodule;
pub mod sremodule;
pub mod stringmodule;
pub mod structmodule;
pub mod sysconfigmodule;
pub mod testinternalmodule;
pub mod tokenizemodule;
pub mod tracemallocmodule;
pub mod typesmodule;
pub mod weakrefmodule;

use interpreters::{channels, queues};
use krait_vm::import::BuiltinModule;

/// The modules of this crate.
pub fn modules() -> Vec<BuiltinModule> {
    macro_rules! modules {
        ($($name:literal $module:ident $doc:literal;)*) => {
            vec![$(BuiltinModule { name: $name, doc: $doc, exec: $module::exec }),*]
        };
    }
    modules! {
        "_abc" abcmodule "The caches behind abc.ABCMeta.";
        "_codecs" codecsmodule "Codecs and their registry.";
        "_collections" collectionsmodule "Deques, dicts with defaults and ordered dicts.";
        "_contextvars" contextvarsmodule "Context variables.";
        "_functools" functoolsmodule "Tools that work on functions.";
        "_interpchannels" channels "Channels between interpreters.";
        "_interpqueues" queues "Queues between interpreters.";
        "_interpreters" interpreters "Interpreters of this process.";
        "_lsprof" lsprofmodule "The profiler behind cProfile.";
        "_opcode" opcodemodule "Facts about the instruction set.";
        "_sysconfig" sysconfigmodule "How the runtime was built.";
        "_operator" operatormodule "Operators as functions.";
        "_random" randommodule "The Mersenne Twister.";
        "_sre" sremodule "The engine of regular expressions.";
        "_string" stringmodule "The parser of format strings.";
        "_struct" structmodule "Conversion between values and packed bytes.";
        "_testinternalcapi" testinternalmodule "Questions of CPython's tests about the runtime's insides.";
        "_tokenize" tokenizemodule "The token iterator.";
        "_tracemalloc" tracemallocmodule "Traces of memory.";
        "_types" typesmodule "Classes without a name in builtins.";
        "_weakref" weakrefmodule "Weak references.";
        "itertools" itertoolsmodule "Functions creating iterators for efficient looping.";
        "math" mathmodule "Functions of real numbers and integers.";
    }
}
