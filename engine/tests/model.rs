//! Random operations, with a clock that jumps both ways, against naive lists; a replica that repeats what is
//! replicated; and both sides saved and restored, and looked at, at random points. After every step all three are equal, but for
//! what each node sees for itself.

#[path = "model/create.rs"]
mod create;
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

use create::Create;
use proptest::prelude::*;
use tsgen_engine::{DeliveryOptions, Idle, Ttl, Watermark, Window};
use world::{op, Op};

/// 256 histories of each family; PROPTEST_CASES=10000 tries more.
fn config() -> ProptestConfig {
    ProptestConfig { max_shrink_iters: 20_000, failure_persistence: None, ..ProptestConfig::default() }
}

/// What CREATE is given, and what is done to the key.
type History<F> = (<F as Create>::Rules, DeliveryOptions, Vec<Op<<F as world::Family>::Op>>);

fn history<F: Create + 'static>() -> impl Strategy<Value = History<F>> {
    (F::rules(), F::options(), prop::collection::vec(op(F::own()), 1..120))
}

fn run<F: Create>((rules, options, ops): History<F>) {
    F::world(rules, options).run_looking(ops, 1);
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_history_of_tsgen_is_as_the_naive_list_has_it(history in history::<Watermark>()) {
        run::<Watermark>(history);
    }

    #[test]
    fn every_history_of_debounce_is_as_the_naive_list_has_it(history in history::<Idle>()) {
        run::<Idle>(history);
    }

    #[test]
    fn every_history_of_expiry_is_as_the_naive_list_has_it(history in history::<Ttl>()) {
        run::<Ttl>(history);
    }

    #[test]
    fn every_history_of_tally_is_as_the_naive_list_has_it(history in history::<Window>()) {
        run::<Window>(history);
    }
}
