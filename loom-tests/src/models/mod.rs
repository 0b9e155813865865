//! The models, one file for each primitive.

use crate::Model;

macro_rules! models {
    ($($file:ident),* $(,)?) => {
        $(mod $file;)*

        /// All of them.
        pub fn all() -> Vec<Model> {
            let mut all = Vec::new();
            $(all.extend($file::MODELS.map(|model| Model { file: stringify!($file), ..model }));)*
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
    alone,
    brc,
    per_thread,
    weak,
    qsbr,
    snapshot,
    page,
    version,
    inline_cache,
    array,
    table,
    gil,
    breaker,
    pending,
    xqueue,
    xchannel,
    random,
    outside,
    block,
    stats,
);
