//! [`Snapshot`].

use crate::{Model, Protected, together};
use krait_sync::qsbr::{Domain, Participant};
use krait_sync::snapshot::Snapshot;

pub const MODELS: [Model; 1] =
    [Model::loom("-", "snapshot", "a table is whole, and dropped after its last reader", 2, model)
        .bounds(3, Some(4))
        .least(20)
        .bugs(&["snapshot/read_relaxed", "snapshot/replace_relaxed", "snapshot/free_at_once"])];

struct Table(Protected);

impl Drop for Table {
    fn drop(&mut self) {
        self.0.set(0);
    }
}

struct Env {
    domain: Domain,
    table: Snapshot<Table>,
}

impl Env {
    fn enter(&self) -> Participant {
        // SAFETY: the models drop their participants before the domain.
        let me = unsafe { self.domain.register() };
        me.attach();
        me
    }
}

fn model() {
    let read = |env: &Env| {
        let me = env.enter();
        // SAFETY: attached, and no quiescent state before the detach.
        assert_ne!(unsafe { env.table.read(&me) }.0.get(), 0, "read a dropped table");
        me.detach();
    };
    let replace = |env: &Env| {
        let me = env.enter();
        let table = Table(Protected::new(0));
        table.0.set(2);
        env.table.replace(table, &me);
        me.flush();
        me.detach();
    };
    together!(Env { domain: Domain::new(), table: Snapshot::new(Table(Protected::new(1))) }; read; replace);
}
