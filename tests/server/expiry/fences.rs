//! A panic at one watcher is the end of that watcher only, also where one callback works on all of them.
//!
//! As in `every_family/panics.rs`: the module panics at the first step of such a callback, at its second, and so on until it is through.

use super::*;
use crate::common::{rewritten, AOF};
use crate::every_family::panics::{info, DAMAGED};
use crate::harness::*;

const WATCHERS: [&str; 3] = ["one", "two", "three"];

/// What each watcher has delivered; `None` if it is damaged or gone.
fn all_delivered(c: &mut Client, count: usize) -> Vec<Option<Vec<(String, String)>>> {
    let mut take_from = |watcher: &str| -> Option<Vec<(String, String)>> {
        if c.run(&format!("EXISTS {watcher}")) == 0 || c.run(&format!("EXPIRY.INFO {watcher}")).is_error() {
            return None;
        }
        let mut pairs = pairs(&take(c, watcher, count));
        pairs.sort();
        Some(pairs)
    };
    WATCHERS.map(&mut take_from).to_vec()
}

/// All watchers anew, and two keys that they cover.
fn watch_two(c: &mut Client) {
    c.ok("FLUSHALL");
    WATCHERS.iter().for_each(|watcher| drop(c.ok(&format!("EXPIRY.CREATE {watcher} PREFIX a:"))));
    c.ok("SET a:1 x EX 1000");
    c.ok("SET a:2 y EX 1000");
}

#[test]
fn a_watcher_that_panics_when_a_file_is_written_leaves_the_values_of_the_others_in_it() {
    let mut clock = Clock::new();
    let mut server = Server::start_with_under(planted(), &clock, &[]);
    let mut panics = 0;
    for step in 1.. {
        let mut c = server.client();
        watch_two(&mut c);
        wait_until("all keys are tracked", || WATCHERS.iter().all(|watcher| tracked(&mut c, watcher).len() == 2));
        let caught = info(&mut c, "caught-panics");
        plant(&mut c, step);
        c.ok("SAVE");
        plant(&mut c, 0);
        let is_through = info(&mut c, "caught-panics") == caught;
        server.stop(Stop::Kill);
        // The keys are over when the file is loaded: their values are in it or nowhere.
        clock.pass(2_000_000);
        server.start_again();
        let got = all_delivered(&mut server.client(), 2);
        let damaged = got.iter().filter(|got| got.is_none()).count();
        let values = [pair("a:1", "x"), pair("a:2", "y")];
        let lost = |got: &Vec<(String, String)>| values.iter().filter(|value| !got.contains(value)).count();
        let lost: Vec<usize> = got.iter().flatten().map(lost).collect();
        // If not a watcher but the copy of a key was what panicked, all lack this one.
        let is_one_key = damaged == 0 && lost.iter().all(|lost| *lost == 1);
        assert!(damaged <= 1 && (is_one_key || lost.iter().all(|lost| *lost == 0)), "step {step}: {got:?}");
        if is_through {
            assert_eq!((damaged, lost), (0, vec![0; 3]));
            break;
        }
        panics += 1;
    }
    assert!(panics >= 3 * WATCHERS.len(), "{panics}");
}

/// Keys that are over are still there when an AOF has been loaded, with values that are newer than those in its first part.
#[test]
fn a_watcher_that_panics_when_data_was_loaded_leaves_the_others_to_copy_what_is_over() {
    let mut clock = Clock::new();
    let mut server = Server::start_with_under(planted(), &clock, &AOF);
    let mut panics = 0;
    for step in 1.. {
        let mut c = server.client();
        watch_two(&mut c);
        c.ok("BGREWRITEAOF");
        rewritten(&mut c);
        c.ok("APPEND a:1 1");
        c.ok("APPEND a:2 2");
        let step = step.to_string();
        server.set_args(&[&AOF[..], &["--tsgen.planted-panic", &step]].concat());
        server.stop(Stop::Kill);
        clock.pass(2_000_000);
        server.start_again();
        let mut c = server.client();
        plant(&mut c, 0);
        let is_through = info(&mut c, "caught-panics") == 0;
        let got = all_delivered(&mut c, 2);
        let sound: Vec<_> = got.iter().flatten().collect();
        assert!(sound.len() >= WATCHERS.len() - 1, "step {step}: {got:?}");
        let values = vec![pair("a:1", "x1"), pair("a:2", "y2")];
        assert!(sound.iter().all(|got| **got == values), "step {step}: {got:?}");
        if is_through {
            break;
        }
        panics += 1;
    }
    assert!(panics >= 2 * WATCHERS.len(), "{panics}");
}

/// INFO looks at all keys of all families in one go.
#[test]
fn a_key_that_panics_when_figures_are_summed_leaves_all_other_figures() {
    let server = Server::start_with(planted(), &[]);
    let mut c = server.client();
    for key in ["a", "b", "c"] {
        c.ok(&format!("TSGEN.ADD {key} 1 element x"));
    }
    c.ok("EXPIRY.CREATE w PREFIX a:");
    for (step, damaged) in [(2, 1), (1, 2)] {
        c.ok(&format!("CONFIG SET tsgen.planted-panic-at-look {step}"));
        c.ok("INFO tsgen");
        c.ok("CONFIG SET tsgen.planted-panic-at-look 0");
        assert_eq!(info(&mut c, "damaged-keys"), damaged);
        let tsgen = c.info("tsgen", "tsgen_tsgen");
        assert!(tsgen.contains(&format!("counted-keys={},", 3 - damaged)), "{tsgen}");
        assert!(c.info("tsgen", "tsgen_expiry").contains("counted-keys=1,"));
        assert_eq!(info(&mut c, "caught-panics"), damaged);
    }
    let refused = ["a", "b", "c"].map(|key| c.run(&format!("TSGEN.INFO {key}")).to_string().contains(DAMAGED));
    assert_eq!(refused.iter().filter(|refused| **refused).count(), 2);
}
