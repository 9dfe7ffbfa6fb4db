//! What every worker library must do: each scenario, played with a worker of each language on real servers.
//!
//! `README.md` tells what a scenario may say and what a worker must be. A language is one more row of [`LANGUAGES`](languages), a scenario
//! one more file and one more name at the end of this one.

#[path = "../../tests/harness/mod.rs"]
mod harness;

#[allow(dead_code)] // the example that it belongs to asks more of it
#[path = "../../examples/increments/tests/increments/postgres.rs"]
mod postgres;

mod go;
mod guides;
mod languages;
mod node;
mod packages;
mod proxy;
mod python;
mod rust;
mod scenario;
mod topology;
mod traces;
mod workers;

/// A test for each scenario and language.
macro_rules! scenarios {
    ($($name:ident)+) => {
        /// Every file of the folder must be here, or it would not be played.
        const NAMES: &[&str] = &[$(stringify!($name)),+];

        mod python_threads {
            $(#[test] fn $name() { crate::scenario::play(stringify!($name), &crate::languages::PYTHON); })+
        }

        mod python_asyncio {
            $(#[test] fn $name() { crate::scenario::play(stringify!($name), &crate::languages::PYTHON_ASYNCIO); })+
        }

        mod node_library {
            $(#[test] fn $name() { crate::scenario::play(stringify!($name), &crate::languages::NODE); })+
        }

        mod go_library {
            $(#[test] fn $name() { crate::scenario::play(stringify!($name), &crate::languages::GO); })+
        }

        mod rust_library {
            $(#[test] fn $name() { crate::scenario::play(stringify!($name), &crate::languages::RUST); })+
        }
    };
}

#[test]
fn every_scenario_is_played() {
    let mut files = scenario::files();
    files.sort();
    let mut names = NAMES.to_vec();
    names.sort_unstable();
    assert_eq!(files, names, "the files in scenarios/, and the names in tests.rs");
}

/// The table in `docs/clients.md`: what it says has passed is what is played here.
#[test]
fn the_page_tells_of_every_scenario() {
    let page = std::fs::read_to_string(harness::workspace().join("docs/clients.md")).expect("the page");
    let rows: String =
        NAMES.iter().map(|name| format!("| {} | yes | yes | yes | yes | yes |\n", scenario::summary(name))).collect();
    let table = format!(
        "| scenario | Python, threads | Python, asyncio | Node | Go | Rust |\n|---|---|---|---|---|---|\n{rows}"
    );
    assert!(page.contains(&table), "docs/clients.md should have this table:\n{table}");
}

scenarios! {
    a_thousand_jobs
    burst
    claim_reply_is_lost
    claim_reply_is_lost_during_work
    connections_are_killed
    debounce
    expiry
    failover
    failures_are_retried
    groups_do_not_overlap
    killed_between_claim_and_ack
    lease_is_kept
    lost_is_told_to_who_slept
    lost_while_the_server_hung
    no_permission
    odd_failures
    paused
    poison_payload
    reason_of_a_failure
    recurring
    second_signal_ends_at_once
    server_hangs
    server_is_away_at_the_end
    server_is_killed_and_restarted
    server_pauses
    sigterm_hands_back_the_rest
    sigterm_waits_for_work
    slot_moves
    strict_priority
    tally
    ten_thousand_at_once
    ten_thousand_in_hand
    too_few_replicas
    without_the_module
    wrong_type
}
