//! The example for users of the crate: `sync/examples/mailbox.rs`.

use crate::Model;

#[path = "../../../sync/examples/mailbox.rs"]
mod mailbox;

pub const MODELS: [Model; 1] =
    [Model::loom("-", "example_mailbox", "the example of the crate's documentation holds", 3, mailbox::model)
        .bounds(2, Some(2))
        .least(100)
        .bugs(&["event/set_relaxed"])];
