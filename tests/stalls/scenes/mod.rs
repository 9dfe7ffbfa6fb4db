//! What could keep every other client of a server waiting: scenes, each played on a server with the module and, as the same load in
//! Redis's own commands, on a plain one. A PING beside it tells for how long the server stopped.
//!
//! One table for the tests, which hold each scene to [`limit_ms`] and [`ROOM`], and for the benchmark, which prints it at large
//! sizes.

#![allow(dead_code, unused_imports)] // the benchmark and the tests each use their part

mod clocks;
mod groups;
mod leases;
mod listings;
mod memory;
mod stage;
mod watched;
mod windows;

pub use stage::{play, Seen, Side, Stage};

/// How long one thing may keep everybody waiting, unless a plain server takes half as long for the same.
pub const LIMIT_MS: f64 = 5.0;

/// How many times what a plain server takes it shall take at most.
pub const TARGET: f64 = 2.0;

/// How long, where a plain server takes so long for the like.
pub fn limit_ms(theirs: f64, share: f64) -> f64 {
    LIMIT_MS.max(share * theirs)
}

/// How much more memory one thing may take for a while than the like does on a plain server, in bytes.
pub const ROOM: f64 = 4.0 * 1024.0 * 1024.0;

/// A scene, on either side.
pub struct Scene {
    pub name: &'static str,
    /// What the table calls it; `{n}` is the size.
    pub what: &'static str,
    /// Things in it, in the tests.
    pub size: usize,
    /// How much more of them the benchmark takes.
    pub times: usize,
    pub play: fn(&mut Stage),
    /// How many times what theirs takes ours may take in the tests.
    pub share: f64,
}

impl Scene {
    /// What the table calls it at this size.
    pub fn title(&self, size: usize) -> String {
        self.what.replace("{n}", &size.to_string())
    }

    /// A scene whose target cannot be reached on all servers: the tests hold it to this.
    const fn held_to(self, share: f64) -> Self {
        Scene { share, ..self }
    }
}

const fn scene(name: &'static str, what: &'static str, size: usize, times: usize, play: fn(&mut Stage)) -> Scene {
    Scene { name, what, size, times, play, share: TARGET }
}

/// All scenes. Each name has a test of its own.
pub const SCENES: [Scene; 31] = [
    scene(
        "groups_pushed_twice",
        "{n} groups pushed to twice come due, beside listings and INFO",
        100_000,
        4,
        groups::pushed_twice,
    ),
    scene("a_push_of_very_many_items", "one PUSH of {n} items (SADD)", 100_000, 10, groups::pushed_at_once),
    scene("a_claim_of_the_largest_group", "CLAIM of a group of {n} items (LRANGE)", 100_000, 1, groups::claimed),
    scene(
        "a_sink_of_the_largest_groups",
        "{n} items in groups as large as may be go to a sink (XADD)",
        200_000,
        5,
        groups::sunk,
    ),
    scene("leases_that_lapse", "{n} leases have ended, beside listings and INFO", 100_000, 10, leases::lapsed),
    scene(
        "leases_of_very_many_groups",
        "the same, each entry in a group of its own",
        100_000,
        10,
        leases::lapsed_in_groups,
    ),
    scene(
        "leases_of_one_entry_each",
        "the same without groups, leased one by one",
        100_000,
        3,
        leases::lapsed_one_by_one,
    ),
    scene("options_of_retry", "ALTER of MAXDELIVERIES, {n} leases have ended", 100_000, 10, leases::altered),
    scene("very_many_elements_in_one_command", "one MADD of {n} elements (ZADD)", 80_000, 3, leases::added_at_once),
    scene(
        "very_many_fields_in_one_command",
        "one MINCR of {n} fields (HSET)",
        100_000,
        1,
        windows::incremented_at_once,
    ),
    scene(
        "pages_of_very_many_groups",
        "GROUPS AFTER, pages from front to end of {n} groups (ZRANGE)",
        100_000,
        10,
        groups::pages,
    ),
    scene("large_pages_of_very_many_groups", "the same, pages of 10000", 100_000, 10, groups::large_pages),
    scene("windows_sealed_by_command", "SEAL of a window of {n} fields (COPY of a hash)", 100_000, 1, windows::sealed),
    scene("windows_that_end", "a window of {n} fields ends while a worker waits (HGETALL)", 100_000, 1, windows::ended),
    scene("very_many_keys_in_info", "INFO tsgen with {n} keys", 100_000, 5, listings::info),
    scene("very_many_keys_of_one_millisecond", "{n} TALLY keys come due in one ms", 100_000, 2, windows::many_due),
    scene("the_clock_is_set_back", "the clock is set back 3 s, {n} TALLY keys", 100_000, 2, clocks::set_back),
    scene("the_clock_is_set_ahead", "the clock is set ahead 1 h, {n} TALLY keys", 100_000, 2, clocks::set_ahead),
    scene("watched_keys_of_one_millisecond", "{n} watched keys expire in one ms", 100_000, 2, watched::expired),
    // What a server spends to tell a module of each deletion is as much as the deletion itself from 7.2.4 on, where it tells twice.
    scene("tracked_keys_deleted", "DEL of {n} tracked keys", 100_000, 1, watched::deleted).held_to(3.0),
    scene("keys_deleted_that_five_track", "the same, tracked by five watchers", 100_000, 1, watched::deleted_for_five)
        .held_to(3.0),
    scene(
        "a_script_that_sets_one_ttl_very_often",
        "a script of {n} EXPIREs of one watched key",
        200_000,
        10,
        watched::retimed,
    ),
    scene(
        "very_many_watchers",
        "a thousand watchers, {n} SETs of keys that none covers",
        50_000,
        4,
        watched::uncovered,
    ),
    scene("a_watcher_that_moves", "MOVE of a watcher of {n} keys (of a hash)", 100_000, 10, watched::moved),
    scene("a_watcher_that_is_restored", "RESTORE of a watcher of {n} keys (of a hash)", 100_000, 1, watched::restored),
    scene("a_promotion", "REPLICAOF NO ONE with {n} keys, one of them overdue", 200_000, 10, watched::promoted),
    scene("evicted_watched_keys", "{n} SETs of 10 kB evict watched keys", 30_000, 2, memory::evicted),
    scene("a_drained_key", "all but each 128th of {n} entries are acknowledged", 100_000, 1, memory::drained),
    scene(
        "a_drained_key_of_groups",
        "the same, each of {n} entries in a group of its own",
        100_000,
        10,
        memory::drained_of_groups,
    ),
    scene(
        "ids_that_are_not_wanted",
        "REMEMBER 0 with {n} remembered ids (keys expire)",
        100_000,
        10,
        memory::forgotten_by_alter,
    ),
    scene("ids_that_are_over", "{n} remembered ids are over (keys expire)", 100_000, 10, memory::forgotten),
];
