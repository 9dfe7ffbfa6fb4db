//! Bytes as a history: on a key, on its replica, and on the naive list, as in `tests/model.rs`.

use crate::create::Create;
use crate::world::op;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Operations beyond these are left out, so that an input takes some milliseconds.
const MOST_STEPS: usize = 150;

/// How many steps there are between two looks at everything. What a step itself tells is always compared.
const LOOK_EVERY: usize = 10;

/// Four bytes choose rules and options, and each two that follow one operation among the 65 536 that the model's own strategy makes of them. So the
/// fuzzer may keep, drop, double and move operations one by one, and no second list of them has to be kept. Rejected: handing the bytes
/// on to the strategy (`RngAlgorithm::PassThrough`), which gives half of what is left to each choice that is not taken; after one operation nothing is.
pub fn run<F: Create + 'static>(input: &[u8]) -> bool {
    let (head, rest) = input.split_at(input.len().min(4));
    let (rules, options) = picked(&(F::rules(), F::options()), head);
    let one = op(F::own());
    let ops = rest.chunks(2).take(MOST_STEPS).map(|bytes| picked(&one, bytes)).collect();
    F::world(rules, options).run_looking(ops, LOOK_EVERY);
    !rest.is_empty()
}

/// What a strategy makes of a few bytes.
fn picked<S: Strategy>(strategy: &S, bytes: &[u8]) -> S::Value {
    let mut seed = [0; 32];
    seed[..bytes.len()].copy_from_slice(bytes);
    let config = Config { failure_persistence: None, ..CONFIG.with(Clone::clone) };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    strategy.new_tree(&mut runner).expect("no value is filtered out").current()
}

thread_local! {
    /// Made once: the default reads the environment.
    static CONFIG: Config = Config::default();
}
