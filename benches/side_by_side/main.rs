//! What this module costs next to what people use today, measured side by side in one run on one machine.
//!
//! A benchmark, not a test: it prints a table and says `MISS` where a target is not reached, but fails only if something
//! breaks. Sorted sets, streams and lists run on a plain redis-server of the same version, each on a fresh process, alternating with
//! ours. Absolute numbers belong to the machine; the ratios are the claim.
//!
//! `make bench` runs everything, `make bench-smoke` everything at tiny sizes. By environment:
//!
//! | variable             | meaning                                                            | default        |
//! |----------------------|--------------------------------------------------------------------|----------------|
//! | `TSGEN_BENCH`        | `smoke`: tiny sizes, one round, no verdicts                        | full           |
//! | `TSGEN_BENCH_ONLY`   | measures to run: `add settle turns advance memory stalls pings`,   | all            |
//! |                      | `replication push groups firing expiry watching counting throttle  |                |
//! |                      | limits remember`                                                   |                |
//! | `TSGEN_BENCH_SIZES`  | elements of `add` and `memory`                                     | 200000 1000000 |
//! | `TSGEN_BENCH_SCENES` | scenes of `pings` (names in `tests/stalls`)                        | all            |
//! | `TSGEN_BENCH_STALL`  | elements in the one key of `stalls`                                | 10000000       |
//! | `TSGEN_BENCH_ROUNDS` | alternating rounds; the median counts                              | 5              |
//! | `TSGEN_MODULE`       | the module to measure                                              | this workspace |

#[path = "../../tests/harness/mod.rs"]
mod harness;
#[path = "../../tests/stalls/scenes/mod.rs"]
mod scenes;

mod add;
mod advance;
mod counting;
mod due;
mod expiry;
mod firing;
mod gauge;
mod groups;
mod growth;
mod limits;
mod load;
mod memory;
mod pings;
mod push;
mod remember;
mod replication;
mod rounds;
mod scale;
mod settle;
mod stalls;
mod table;
mod throttle;
mod turns;
mod watching;

use harness::{pipe, probe, sched};
use scale::Scale;
use table::Table;

type Measure = fn(&Scale, &mut Table);

const MEASURES: [(&str, Measure); 17] = [
    ("add", add::measure),
    ("settle", settle::measure),
    ("turns", turns::measure),
    ("advance", advance::measure),
    ("memory", memory::measure),
    ("stalls", stalls::measure),
    ("pings", pings::measure),
    ("replication", replication::measure),
    ("push", push::measure),
    ("groups", groups::measure),
    ("firing", firing::measure),
    ("expiry", expiry::measure),
    ("watching", watching::measure),
    ("counting", counting::measure),
    ("throttle", throttle::measure),
    ("limits", limits::measure),
    ("remember", remember::measure),
];

fn main() {
    let scale = Scale::from_env(&MEASURES.map(|(name, _)| name));
    let mut table = Table::new(scale.has_verdicts);
    for (name, measure) in MEASURES {
        if scale.only.iter().any(|wanted| wanted == name) {
            measure(&scale, &mut table);
        }
    }
    table.finish();
}
