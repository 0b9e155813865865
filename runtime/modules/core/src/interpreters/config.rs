//! What an interpreter may do, as Python code sees it: a namespace object with seven attributes.
use krait_object::mode::FREE_THREADED;
use krait_object::namespaceobject::Namespace;
use krait_object::{Attached, Dict, IntoObject, Layout, Object, PyResult, Ref, Str, raise};
use krait_vm::interp::{Interpreter, Rules, Whence};

/// The attributes of `PyInterpreterConfig`.
#[derive(Clone)]
pub struct Config {
    use_main_obmalloc: bool,
    allow_fork: bool,
    allow_exec: bool,
    allow_threads: bool,
    allow_daemon_threads: bool,
    check_multi_interp_extensions: bool,
    gil: &'static str,
}

const GILS: [&str; 3] = ["default", "shared", "own"];

impl Config {
    const ISOLATED: Config = Config {
        use_main_obmalloc: false,
        allow_fork: false,
        allow_exec: false,
        allow_threads: true,
        allow_daemon_threads: false,
        check_multi_interp_extensions: true,
        gil: "own",
    };
    const LEGACY: Config = Config {
        use_main_obmalloc: true,
        allow_fork: true,
        allow_exec: true,
        allow_threads: true,
        allow_daemon_threads: true,
        check_multi_interp_extensions: FREE_THREADED,
        gil: "shared",
    };
    const EMPTY: Config = Config {
        use_main_obmalloc: false,
        allow_fork: false,
        allow_exec: false,
        allow_threads: false,
        allow_daemon_threads: false,
        check_multi_interp_extensions: false,
        gil: "default",
    };

    /// A configuration by its name.
    ///
    /// # Errors
    /// `ValueError`.
    pub fn named(py: Attached<'_>, name: &str) -> PyResult<Config> {
        match name {
            "" | "default" | "isolated" => Ok(Self::ISOLATED),
            "legacy" => Ok(Self::LEGACY),
            "empty" => Ok(Self::EMPTY),
            _ => Err(raise!(py, ValueError, "unsupported config name '{name}'")),
        }
    }

    /// That of a living interpreter.
    pub fn of(interpreter: &Interpreter) -> Config {
        let rules = &interpreter.rules;
        let main = interpreter.is_main();
        Config {
            use_main_obmalloc: rules.main_allocator,
            allow_fork: rules.fork,
            allow_exec: rules.exec,
            allow_threads: rules.threads,
            allow_daemon_threads: rules.daemons,
            check_multi_interp_extensions: !main && !rules.any_extension,
            gil: if main || rules.own_gil { "own" } else { "shared" },
        }
    }

    fn flags(&mut self) -> [(&'static str, &mut bool); 6] {
        [
            ("use_main_obmalloc", &mut self.use_main_obmalloc),
            ("allow_fork", &mut self.allow_fork),
            ("allow_exec", &mut self.allow_exec),
            ("allow_threads", &mut self.allow_threads),
            ("allow_daemon_threads", &mut self.allow_daemon_threads),
            ("check_multi_interp_extensions", &mut self.check_multi_interp_extensions),
        ]
    }

    /// Takes values from a dict, which must have nothing else, and everything unless `partly`.
    ///
    /// # Errors
    /// `ValueError`, `TypeError`.
    pub fn update(&mut self, py: Attached<'_>, dict: &Dict, partly: bool) -> PyResult<()> {
        let left = Dict::new(py)?;
        left.merge(py, dict.as_object(), true)?;
        let take = |name: &str| -> PyResult<Option<Ref<Object>>> {
            let found = left.get_str(py, name);
            if found.is_some() {
                left.remove(py, Str::new(py, name)?.as_object())?;
            } else if !partly {
                return Err(raise!(py, ValueError, "missing config key: {name}"));
            }
            Ok(found)
        };
        for (name, flag) in self.flags() {
            if let Some(value) = take(name)? {
                if (*value).downcast_exact::<krait_object::Bool>().is_none() {
                    return Err(raise!(py, TypeError, "invalid config type: {name}"));
                }
                *flag = value.is_true(py)?;
            }
        }
        if let Some(value) = take("gil")? {
            let Some(text) = value.as_object().downcast::<Str>() else {
                return Err(raise!(py, TypeError, "invalid config type: gil"));
            };
            let Some(known) = GILS.into_iter().find(|known| text.eq_str(known)) else {
                let given = text.to_string_lossy();
                return Err(raise!(py, ValueError, "unsupported interpreter config .gil value '{given}'"));
            };
            self.gil = known;
        }
        match left.len() {
            0 => Ok(()),
            extra => {
                let (plural, shown) = (if extra == 1 { "" } else { "s" }, left.as_object().repr(py)?);
                Err(raise!(py, ValueError, "config dict has {extra} extra item{plural} ({shown})"))
            }
        }
    }

    /// As a namespace object.
    pub fn into_namespace(mut self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        let dict = Dict::new(py)?;
        for (name, flag) in self.flags() {
            dict.set_str(py, name, &*(*flag).into_object(py)?)?;
        }
        dict.set_str(py, "gil", &*self.gil.into_object(py)?)?;
        Ok(Namespace::new(py, Some(&dict))?.upcast())
    }

    /// What an interpreter of this configuration may do; `None` when the settings contradict each other.
    pub fn rules(&self) -> Option<Rules> {
        if !self.check_multi_interp_extensions && (FREE_THREADED || !self.use_main_obmalloc) {
            return None;
        }
        Some(Rules {
            fork: self.allow_fork,
            exec: self.allow_exec,
            threads: self.allow_threads,
            daemons: self.allow_daemon_threads,
            any_extension: !self.check_multi_interp_extensions,
            own_gil: self.gil == "own",
            main_allocator: self.use_main_obmalloc,
            whence: Whence::Stdlib,
        })
    }
}
