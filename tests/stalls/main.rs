//! The longest PING while much happens at once: at most some milliseconds, or twice what a plain server takes for the like.
//!
//! The scenes are in `tests/stalls`, which the benchmark plays at larger sizes. One is played at a time, and up to three times: a machine
//! that stalls by itself is no fault.

use crate::stalls::{play, Scene, Side, LIMIT_MS, SCENES};
use std::sync::{Mutex, PoisonError};

const ROUNDS: usize = 3;

static ALONE: Mutex<()> = Mutex::new(());

fn hold(scene: &Scene) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut seen = Vec::new();
    for _ in 0..ROUNDS {
        let ours = play(scene, Side::Ours, scene.size);
        if ours.ping.own <= LIMIT_MS {
            return;
        }
        let theirs = play(scene, Side::Theirs, scene.size);
        if ours.ping.own <= 2.0 * theirs.ping.own {
            return;
        }
        seen.push(format!("{:.1} ms, a plain server {:.1} ms", ours.ping.own, theirs.ping.own));
    }
    panic!("{}: {}", scene.title(scene.size), seen.join("; "));
}

/// A test for each scene, by its name.
macro_rules! scenes {
    ($($name:ident),+ $(,)?) => {
        const TESTED: &[&str] = &[$(stringify!($name)),+];
        $(
            #[test]
            fn $name() {
                hold(SCENES.iter().find(|scene| scene.name == stringify!($name)).expect("a scene of this name"));
            }
        )+
    };
}

scenes!(
    groups_pushed_twice,
    a_push_of_very_many_items,
    a_claim_of_the_largest_group,
    a_sink_of_the_largest_groups,
    leases_that_lapse,
    leases_of_one_entry_each,
    windows_sealed_by_command,
    windows_that_end,
    very_many_keys_in_info,
    very_many_keys_of_one_millisecond,
    the_clock_is_set_back,
    the_clock_is_set_ahead,
    watched_keys_of_one_millisecond,
    tracked_keys_deleted,
    a_script_that_sets_one_ttl_very_often,
    very_many_watchers,
    a_promotion,
    evicted_watched_keys,
    a_drained_key,
);

#[test]
fn every_scene_has_a_test() {
    assert_eq!(SCENES.map(|scene| scene.name), *TESTED);
}
