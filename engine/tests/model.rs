//! Random operations, with a clock that jumps both ways, against naive lists; a replica that repeats what is
//! replicated; and both sides saved and restored, and looked at, at random points. After every step all three are equal, but for
//! what each node sees for itself.

#[path = "model/debounce.rs"]
mod debounce;
#[path = "model/expiry.rs"]
mod expiry;
#[path = "model/naive.rs"]
mod naive;
#[path = "model/reading.rs"]
mod reading;
#[path = "model/tally.rs"]
mod tally;
#[path = "model/tsgen.rs"]
mod tsgen;
#[path = "model/world.rs"]
mod world;

use proptest::prelude::*;
use tsgen_engine::{Debounce, Expiry, Kind, Late, Tally, Tsgen, WatermarkRules};
use world::{op, options, with_groups, World};

const SEED: [u64; 2] = [1, 2];

/// 256 histories of each family; PROPTEST_CASES=10000 tries more.
fn config() -> ProptestConfig {
    ProptestConfig { max_shrink_iters: 20_000, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_history_of_tsgen_is_as_the_naive_list_has_it(
        gate in 0u8..3,
        reject_late in prop::bool::weighted(0.1),
        options in with_groups(),
        ops in prop::collection::vec(op(tsgen::op()), 1..120),
    ) {
        let kind = match gate {
            0 => Kind::External,
            1 => Kind::Clock,
            _ => tsgen::sources(),
        };
        let late = if reject_late { Late::Reject } else { Late::Ready };
        let rules = WatermarkRules { kind: kind.clone(), late };
        let key = Tsgen::create(rules, options, SEED).expect("valid options");
        World::new(key, naive::watermark::Watermark::new(&kind, reject_late)).run(ops);
    }

    #[test]
    fn every_history_of_debounce_is_as_the_naive_list_has_it(
        rules in debounce::rules(),
        options in with_groups(),
        ops in prop::collection::vec(op(debounce::op()), 1..120),
    ) {
        let key = Debounce::create(rules, options, SEED).expect("valid rules");
        World::new(key, naive::idle::Idle { rules, groups: Vec::new() }).run(ops);
    }

    #[test]
    fn every_history_of_expiry_is_as_the_naive_list_has_it(
        rules in expiry::rules(),
        options in with_groups(),
        ops in prop::collection::vec(op(expiry::op()), 1..120),
    ) {
        let key = Expiry::create(rules.clone(), options, SEED).expect("a prefix");
        World::new(key, naive::ttl::Ttl { rules, tracked: Vec::new() }).run(ops);
    }

    #[test]
    fn every_history_of_tally_is_as_the_naive_list_has_it(
        rules in tally::rules(),
        options in options(),
        ops in prop::collection::vec(op(tally::op()), 1..120),
    ) {
        let key = Tally::create(rules, options, SEED).expect("valid rules");
        World::new(key, naive::window::Window { rules, open: None, last_batch: 0 }).run(ops);
    }
}
