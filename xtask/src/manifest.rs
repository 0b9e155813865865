//! `abi/api.toml`: one line for each function, variable and function-like macro of the C API.
//!
//! | key | meaning |
//! |---|---|
//! | `kind` | `function`, `data`, `inline` (static inline in the headers) or `macro` |
//! | `header` | the public header that declares it; absent for those that no header declares |
//! | `page` | the manual's chapter; absent for what the manual does not document |
//! | `stable` | the version that made it part of the stable ABI |
//! | `exports` | the modes whose library exports it: `both`, `gil` or `nogil`; absent for headers-only names |
//! | `only` | the one mode whose headers have the name; absent when both do |
//! | `demand` | in how many of the surveyed wheels it is imported |
//! | `needed` | an inline function or macro of the headers calls it |
//! | `result` | whose the resulting reference is: `new`, `borrowed`, or `null` |
//! | `steals` | the parameters, from 0, whose reference the function consumes |
//! | `attach` | `false`: may be called without an attached thread state |
//! | `sig` | the C signature |

use crate::{Mode, Result, tree};
use std::collections::BTreeMap;

pub struct Entry {
    pub kind: String,
    pub header: String,
    pub page: String,
    pub stable: String,
    exports: String,
    only: String,
    pub demand: i64,
    pub needed: bool,
}

impl Entry {
    /// Whether the library of this mode has to export it.
    pub fn exported(&self, mode: Mode) -> bool {
        self.exports == "both" || self.exports == mode.name()
    }

    /// Whether the headers of this mode have to declare it.
    pub fn declared(&self, mode: Mode) -> bool {
        let code = self.kind == "macro" || self.kind == "inline" || self.exported(mode);
        code && !self.header.is_empty() && (self.only.is_empty() || self.only == mode.name())
    }
}

pub type Manifest = BTreeMap<String, Entry>;

pub fn read() -> Result<Manifest> {
    let text = std::fs::read_to_string(tree::root().join("abi/api.toml"))?;
    let table: toml::Table = text.parse().map_err(|e| format!("abi/api.toml: {e}"))?;
    let mut manifest = Manifest::new();
    for (name, value) in table {
        let get = |key: &str| value.get(key).and_then(|v| v.as_str()).unwrap_or_default().to_string();
        let entry = Entry {
            kind: get("kind"),
            header: get("header"),
            page: get("page"),
            stable: get("stable"),
            exports: get("exports"),
            only: get("only"),
            demand: value.get("demand").and_then(|v| v.as_integer()).unwrap_or(0),
            needed: value.get("needed").and_then(|v| v.as_bool()).unwrap_or(false),
        };
        if !["function", "data", "inline", "macro"].contains(&entry.kind.as_str()) {
            return Err(format!("abi/api.toml: {name} has kind {:?}", entry.kind).into());
        }
        if !["", "both", "gil", "nogil"].contains(&entry.exports.as_str()) {
            return Err(format!("abi/api.toml: {name} exports {:?}", entry.exports).into());
        }
        manifest.insert(name, entry);
    }
    Ok(manifest)
}
