//! What the models are measured by: the design's list of models, and the known bugs of comparable code.
//!
//! `tests/models.rs` checks that every row has a model, that every name below exists, and writes both as tables.

/// A row of the design's list: its number, its models' names there, and the bugs that it wants planted. Where this crate's
/// protocol is another one, what became of them.
pub struct Row {
    /// As in [`Model::row`](crate::Model::row).
    pub row: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// How its planted bugs are called here, or why there are none.
    pub planted: &'static str,
}

const fn row(row: &'static str, about: &'static str, planted: &'static str) -> Row {
    Row { row, about, planted }
}

/// Every row.
pub const ROWS: &[Row] = &[
    row(
        "M1",
        "raw mutex: exclusion, a waiter's lifetime",
        "spurious return: `parker/trust_spurious_wake`; push_relaxed, pop_relaxed",
    ),
    row(
        "M2",
        "mutex: exclusion, no lost wake-up",
        "lock_relaxed, unlock_relaxed, drop_parked_bit, park_without_bit; no_validate: `lot/no_validate`; unlock_store: `mutex/unlock_forgets_waiters`",
    ),
    row("M3", "mutex: hand-over keeps it locked", "handoff_no_lockbit: `mutex/hand_over_unlocked`"),
    row("M4", "mutex with a deadline: unlinked once", "timeout_no_handshake: `lot/timeout_no_handshake`"),
    row(
        "M5",
        "parking lot: two addresses in one bucket",
        "unwrap_waiter: an unlock without waiter is legal by type here; instead `lot/wakes_stranger`",
    ),
    row(
        "M6",
        "event",
        "wait_relaxed, set_relaxed; set_store: `event/set_wakes_nobody`; wake_one: `event/set_wakes_one`",
    ),
    row("M7", "once flag", "fast_relaxed; no_wake_on_fail: `once/failure_wakes_nobody`"),
    row("M8", "recursive mutex", "depth_before_owner: `recursive/unlock_before_owner`; owner_not_cleared"),
    row(
        "M9",
        "reader-writer lock",
        "runlock_relaxed: `rwlock/unread_relaxed`; runlock_no_wake: `rwlock/unread_wakes_nobody`",
    ),
    row(
        "M10",
        "sequence lock",
        "no_acq_fence, no_rel_fence: `seqlock/no_acquire_fence`, `seqlock/no_release_fence`; begin_relaxed, unlock_relaxed",
    ),
    row("M11", "critical sections: suspension", "no_suspend, no_resume, suspend_top_only"),
    row("M12", "critical sections: pairs", "cs2_unsorted: `critical_section/unsorted`"),
    row("M13", "critical sections in a pause", "lock_in_pause; also `lot/hand_over_in_pause`"),
    row(
        "M14",
        "stop the world",
        "attach_store: `thread_state/attach_by_store`; attach_relaxed, detach_ignores_stop, detach_relaxed, start_relaxed; start_no_lock: `stop_the_world/start_wakes_nobody`",
    ),
    row(
        "M15",
        "pauses of two scopes",
        "reversed order: `stop_the_world/no_scopes` (the order is fixed by one function; without it the pauses overlap)",
    ),
    row(
        "M16",
        "threads that come and go in a pause",
        "publish_before_state: `stop_the_world/born_detached`; unlink_after_free: the list is the caller's",
    ),
    row("M17", "a thread attaches between pauses", "no_ticket"),
    row("M18", "counts: queue, fast path", "queue_subtracts, fastpath_relaxed, dec_relaxed: `brc/decref_relaxed`"),
    row("M19", "counts: merge race", "merge_store: `brc/merge_by_store`; tid_after_merge; dec_relaxed"),
    row("M20", "try_incref", "tryinc_ignores_merged, tryinc_ignores_zero: `brc/try_incref_ignores_*`"),
    row("M21", "resurrection", "revive_without_clear: `brc/revive_keeps_flags`"),
    row(
        "M22",
        "counts: owner ends, or is detached",
        "exit_no_recheck: `brc/exit_without_recheck`; merge_store, tid_after_merge; merge_without_suspend",
    ),
    row("M23", "counts: an id is used again", "adopt_after_free_tid: `brc/merge_orphan_unlocked`"),
    row("M24", "counts: immortal objects", "plain_store_immortal: `brc/merge_ignores_immortal`"),
    row("M25", "counts of each thread's own", "merge_outside_pause: `per_thread/merge_outside_pause`, and five more"),
    row(
        "M26",
        "weak references",
        "null_check_outside_lock: the check is outside the lock here, and right: `weak/head_first`, `weak/null_check_relaxed`",
    ),
    row(
        "M27",
        "QSBR",
        "no_attach_fence, attach_seqcst_store_only, no_poll_fence, quiescent_relaxed, detach_relaxed, scan_relaxed, goal_current, defer_goal_current: the same below `qsbr/`; hold_across_quiescent: a caller's bug, `qsbr/hold_across_quiescent`",
    ),
    row("M28", "QSBR: the sequence wraps", "naive_compare"),
    row(
        "M29",
        "QSBR: slots are added",
        "relocate_slots: slots do not move here; instead `qsbr/claim_by_store`, `qsbr/scan_first_block_only`",
    ),
    row("M30", "QSBR: what a thread leaves", "drop_queue: `qsbr/exit_drops_queue`; adopt_with_old_goal"),
    row("M31", "a page changes its kind", "reuse_now: `page/repurpose_now`"),
    row("M32", "blocks freed by other threads", "lost_push: `page/push_by_store`; double_collect: `page/take_leaves`"),
    row("M33", "heaps of ended threads", "two_reclaimers: `page/adopt_in_two_steps`"),
    row(
        "M34",
        "cached facts",
        "version_first, version_relaxed: `version/store_relaxed`; ver_load_relaxed: `version/load_relaxed`; no_version_recheck: `version/no_second_look`",
    ),
    row("M35", "a fact changes", "change_then_invalidate: `version/no_invalidate_fence`"),
    row("M36", "inline caches", "opcode_first: `inline_cache/form_first`, and five more"),
    row(
        "M37",
        "array reads",
        "tryinc_relaxed: `brc/try_incref_relaxed` (model `brc_slot`); no_recheck: `slot/no_second_look`; publish_relaxed, array_relaxed: `array/block_relaxed`; size_before_array: harmless here, an index is checked against the block (`array_shrink`)",
    ),
    row(
        "M38",
        "an array grows",
        "size_first: as size_before_array; `array/publish_before_fill`; memmove: slots are written one by one by type",
    ),
    row(
        "M39",
        "tables: insertion and resize",
        "value_relaxed; keys_recheck_missing: `table/keys_not_rechecked`; usable_before_nentries: `table/usable_before_count` (M40); no_shared_flag: `table/no_watched_flag`",
    ),
    row("M40", "tables: split, and replaced", "decref_now: `snapshot/free_at_once`; `table/keys_before_values`"),
    row(
        "M41",
        "the GIL",
        "no_switch_mutex, no_last_check, no_switch_signal: a hand-over has none of these; instead `gil/*`",
    ),
    row("M42", "the GIL is enabled", "no_recheck: `gil/enable_without_second_look`"),
    row("M43", "two GILs", "stale_gil_ptr: `gil/stale_reference`"),
    row("M44", "pending calls", "unsignal_after_drain, two_drainers"),
    row("M45", "eval breaker", "store_instead_of_cas: `breaker/set_by_store`, `breaker/version_by_store`"),
    row(
        "M46",
        "queue and channel between interpreters",
        "destroy_no_wake: `xqueue/close_wakes_nobody`, `xchannel/receipt_wakes_nobody`",
    ),
    row("M47", "the end of the runtime", "free_before_hang: `thread_state/attach_after_shut_down`"),
];

/// Where a known bug would be found.
pub enum Test {
    /// By a model, with this planted bug.
    Planted(&'static str, &'static str),
    /// By a model that runs the protocol as it is.
    Model(&'static str),
    /// By a test of `sync/tests/stress.rs`.
    Stress(&'static str),
    /// By a file below the root that has this text in it.
    File(&'static str, &'static str),
}

/// A known bug of comparable code: its number in the design, its issue, what it was.
pub struct Known {
    /// Numbers of the design's list, and issues.
    pub number: &'static str,
    /// Issues of python/cpython.
    pub issues: &'static str,
    /// What was wrong.
    pub what: &'static str,
    /// What finds it.
    pub tests: &'static [Test],
}

const fn known(number: &'static str, issues: &'static str, what: &'static str, tests: &'static [Test]) -> Known {
    Known { number, issues, what, tests }
}

use Test::{File, Model, Planted, Stress};

const THREADS: &str = "tests/python/test_known_races.py";

/// All of them.
pub const KNOWN: &[Known] = &[
    known(
        "1",
        "114944",
        "wake-all does not mark its waiters: unlinked twice",
        &[Planted("mutex_timeout", "lot/timeout_no_handshake"), Planted("random_mutex", "lot/timeout_no_handshake")],
    ),
    known(
        "2",
        "148820",
        "a waiter leaves after a spurious wake",
        &[Planted("raw_mutex", "parker/trust_spurious_wake")],
    ),
    known("3", "135871", "a poll spins and yields first", &[Stress("a_poll_does_not_wait")]),
    known("4", "135641", "parked bit of a stranger in the bucket", &[Planted("lot_collision", "lot/wakes_stranger")]),
    known(
        "5",
        "149045",
        "race on the mark of a hand-over",
        &[Model("mutex_fair"), Stress("a_waiter_is_handed_the_lock")],
    ),
    known(
        "6",
        "135099",
        "crash of a waiter at shutdown (Windows)",
        &[Planted("shut_down", "thread_state/attach_after_shut_down")],
    ),
    known("7", "", "handed to a thread that a fork does not have", &[Stress("a_forked_child_starts_afresh")]),
    known("7b", "143424", "a lock handed over is released by a third thread", &[Stress("any_thread_may_unlock")]),
    known(
        "8",
        "118332",
        "the requester of a pause detaches",
        &[Model("critical_section_pause"), Model("stop_the_world_ticket")],
    ),
    known(
        "9",
        "133130",
        "a lock is handed to a suspended thread",
        &[Planted("no_hand_over_in_pause", "lot/hand_over_in_pause")],
    ),
    known(
        "10",
        "144513",
        "a critical section in a pause",
        &[Planted("critical_section_pause", "critical_section/lock_in_pause")],
    ),
    known(
        "11",
        "137433",
        "order of two locks of pauses",
        &[Planted("two_scopes", "stop_the_world/no_scopes"), Model("random_pauses")],
    ),
    known(
        "12",
        "151518",
        "a thread starves between pauses",
        &[Planted("stop_the_world_ticket", "stop_the_world/no_ticket"), Stress("nobody_runs_in_a_pause")],
    ),
    known(
        "13",
        "157666 148953",
        "a new thread's slot stops the world",
        &[Model("qsbr_grow"), Stress("qsbr_slots_grow_and_come_back")],
    ),
    known("14", "152741", "thread id written while a pause reads it", &[Model("birth_and_death")]),
    known(
        "14b",
        "116396",
        "paused threads are not suspended",
        &[Planted("stop_the_world", "thread_state/detach_ignores_stop")],
    ),
    known(
        "15",
        "119525 119369",
        "spinning with the GIL; thread removed under the wrong lock",
        &[Model("birth_and_death"), Model("random_gil")],
    ),
    known(
        "16",
        "129732 116480",
        "slots move while others look",
        &[Planted("qsbr_grow", "qsbr/scan_first_block_only"), Planted("qsbr_grow", "qsbr/claim_by_store")],
    ),
    known("17", "155363", "a slot leaks", &[Stress("qsbr_slots_grow_and_come_back")]),
    known(
        "18",
        "134679",
        "`__dict__` is replaced under readers",
        &[Planted("table_replace", "snapshot/free_at_once"), File(THREADS, "dict_replaced")],
    ),
    known(
        "19",
        "124375",
        "another thread's queue is processed without a slot",
        &[Planted("qsbr_exit", "qsbr/exit_drops_queue")],
    ),
    known(
        "20",
        "130794",
        "what short-lived threads retire leaks",
        &[Planted("qsbr_exit", "qsbr/exit_drops_queue"), Stress("snapshots_are_dropped_late_and_once")],
    ),
    known("21", "132519 133136", "few large blocks wait long", &[Stress("large_blocks_go_soon")]),
    known("22", "144438", "false sharing between slots", &[Stress("slots_lie_on_lines_of_their_own")]),
    known("23", "119999", "the header is written after the merge", &[Planted("brc_two", "brc/tid_after_merge")]),
    known("24", "121794", "the owner's id is cleared too early", &[Model("brc_fast_path"), Model("brc_handoff")]),
    known(
        "25",
        "117271",
        "the queue of a thread that is not set up",
        &[Planted("brc_id_reuse", "brc/merge_orphan_unlocked")],
    ),
    known("26", "152276", "merge against immortality", &[Planted("brc_immortal", "brc/merge_ignores_immortal")]),
    known(
        "27",
        "159431",
        "deferred decrement against immortality",
        &[Planted("brc_immortal", "brc/merge_ignores_immortal")],
    ),
    known(
        "28",
        "157838",
        "objects wait for a sleeping owner",
        &[Planted("brc_detached", "brc/merge_without_suspend"), File(THREADS, "sleeping_owner")],
    ),
    known("29", "156995", "bytes resized by another thread", &[File(THREADS, "bytes_of_another_thread")]),
    known(
        "30",
        "127582 130202 138101 113750",
        "resurrection",
        &[Planted("brc_resurrect", "brc/revive_keeps_flags"), File(THREADS, "resurrected")],
    ),
    known("31", "113956 129701 159739", "interning races", &[File(THREADS, "interned")]),
    known(
        "32",
        "121368",
        "fences of the sequence lock",
        &[Planted("seqlock", "seqlock/no_acquire_fence"), Planted("seqlock", "seqlock/no_release_fence")],
    ),
    known("33", "132942", "type cache: version first", &[Planted("version", "version/version_first")]),
    known(
        "34",
        "128759 127266",
        "type versions and slots",
        &[Planted("version_modify", "version/no_invalidate_fence"), File(THREADS, "class_changes")],
    ),
    known(
        "35",
        "157194 129752",
        "operands and opcode of shared code",
        &[Planted("inline_cache", "inline_cache/form_first")],
    ),
    known(
        "36",
        "155997 105699 127041 143376 100711",
        "lives of interpreters",
        &[
            Planted("gil_per_interpreter", "gil/stale_reference"),
            Planted("xchannel", "xchannel/settle_by_store"),
            Model("xqueue_unbind"),
            Planted("shut_down", "thread_state/shut_down_wakes_nobody"),
        ],
    ),
    known(
        "37",
        "144295",
        "a table that is not marked is resized",
        &[Planted("table_watched", "table/no_watched_flag")],
    ),
    known(
        "38",
        "124470 133980",
        "a dict is replaced",
        &[Planted("table_replace", "snapshot/free_at_once"), File(THREADS, "dict_replaced")],
    ),
    known(
        "39",
        "149816",
        "a collection: resize, weak references",
        &[
            Planted("table_resize", "table/free_at_once"),
            Planted("weak_list", "weak/head_first"),
            File(THREADS, "weak_references"),
        ],
    ),
    known(
        "40",
        "130547 132245 132869",
        "split keys",
        &[
            Planted("table_split", "table/keys_before_values"),
            Planted("table_size", "table/usable_before_count"),
            Model("table_shared_keys"),
        ],
    ),
    known("41", "118561", "extend shows unwritten slots", &[Planted("array_grow", "array/publish_before_fill")]),
    known(
        "42",
        "129069 130920",
        "slots moved by memmove",
        &[Planted("array_grow", "array/publish_before_fill"), File(THREADS, "list_shifts")],
    ),
    known("43", "129643 135557 127536", "lists", &[File(THREADS, "list_shifts")]),
    known("44", "145036", "capacity of another array", &[Model("array_shrink"), Model("array_grow")]),
    known(
        "45",
        "135607 151223 91636",
        "weak references of the dying",
        &[
            Planted("weak_list", "weak/null_check_relaxed"),
            Planted("weak_list_death", "weak/detach_twice"),
            File(THREADS, "weak_references"),
        ],
    ),
    known("46", "132641 148180", "lru_cache takes the wrong lock", &[File(THREADS, "cached_function")]),
    known("47", "153852", "findings of ThreadSanitizer", &[File("xtask/src/test.rs", "-Zsanitizer=thread")]),
    known(
        "48",
        "145615 151065",
        "pages leak, or change too soon",
        &[
            Planted("page_repurpose", "page/repurpose_now"),
            Planted("page_remote_free", "page/push_by_store"),
            Planted("page_adopt", "page/adopt_in_two_steps"),
        ],
    ),
    known(
        "49",
        "119923",
        "the collector meets a heap that is not set up",
        &[Model("page_adopt"), Model("birth_and_death")],
    ),
    known(
        "50",
        "125859 142048 142531 157377",
        "the collector's questions while it runs",
        &[File(THREADS, "collector_is_asked")],
    ),
    known(
        "51",
        "96387",
        "a forced hand-over waits for a thread that is gone",
        &[Model("gil_three"), Planted("gil", "gil/switch_without_hand_over")],
    ),
    known(
        "52",
        "104341 140257 124878",
        "a thread state is used after the GIL is dropped",
        &[Planted("gil_three", "gil/stale_holder")],
    ),
    known(
        "53",
        "87135 124149 124619",
        "threads at the end hang, and do not crash",
        &[Planted("shut_down", "thread_state/attach_after_shut_down"), File(THREADS, "daemons_at_exit")],
    ),
    known(
        "54",
        "118095",
        "pending calls: livelock",
        &[
            Planted("pending_drainers", "pending/two_drainers"),
            Planted("pending_announce", "pending/unsignal_after_drain"),
        ],
    ),
    known("55", "149162", "interning inside a C++ static's initialiser", &[File("tests/embed/gils.c", "interning")]),
    known(
        "56",
        "112275 74580 126688 158973 116522",
        "locks held by threads that a fork does not have",
        &[Stress("a_forked_child_starts_afresh"), File(THREADS, "forked_child")],
    ),
];
