//! The models, one file for each primitive.

use crate::Model;

macro_rules! models {
    ($($file:ident),* $(,)?) => {
        $(mod $file;)*

        /// All of them.
        pub fn all() -> Vec<Model> {
            let mut all = Vec::new();
            $(all.extend($file::MODELS);)*
            all
        }
    };
}

models!(
    raw_mutex,
    mutex,
    event,
    once,
    recursive,
    rwlock,
    semaphore,
    condvar,
    seqlock,
    critical_section,
    stop_the_world,
    brc,
    qsbr,
    snapshot,
    version,
    array,
    gil,
    breaker,
    pending,
    xqueue,
    random,
    outside,
);
