//! Random takes at random times: every reply is as a naive model with fractions has it, and afterwards the data is the same everywhere.

#[path = "../../../engine/tests/throttle/naive.rs"]
mod naive;

use crate::harness::*;
use naive::{Naive, Take};

const KEYS: usize = 6;
const TAKES: usize = 6_000;
/// Far enough ahead that no key's time to live is over when the test is.
const START: i64 = 4_000_000_000_000;
const RATES: [(u64, u64, u64); 7] = [
    (7, 1_000, 7),
    (60, 60_000, 60),
    (3, 1_000, 1),
    (1, 10_000, 4),
    (999, 1_000, 20),
    (1_000_000_000, 7, 3),
    (1, 315_360_000_000, 1),
];

#[test]
fn thousands_of_random_takes_are_as_the_fractions_have_them_and_the_same_everywhere() {
    let seed = std::env::var("SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(|| now_ms() as u64);
    println!("SEED={seed}");
    let mut random = Random::new(seed);
    let mut master = Server::start(&["--tsgen.virtual-clock", "yes", "--appendonly", "yes", "--appendfsync", "no"]);
    let replica = Server::start(&[]);
    replica.replica_of(&master);
    let mut c = master.client();
    let (mut now, mut models, mut rates) = (START, [Naive::default(); KEYS], [0; KEYS]);
    for _ in 0..TAKES {
        now += match random.below(12) {
            0 => -random.between(0, 2_000),
            1 => random.between(0, 100_000),
            2 | 3 => random.between(0, 3_000),
            _ => random.between(0, 120),
        };
        let key = random.below(KEYS as u64) as usize;
        // Mostly a key keeps its rate. What was taken of the last one would be a matter of years.
        if random.one_in(60) {
            rates[key] = random.below(RATES.len() as u64 - 1) as usize;
        }
        if key == 0 {
            rates[key] = RATES.len() - 1;
        }
        let us = random.below(1_000) as u16;
        let (limit, period, burst) = RATES[rates[key]];
        let take = Take { limit, period, burst, cost: random.below(6).min(burst), now, us };
        let command = format!(
            "TSGEN.AT {now} THROTTLE.TAKE k{key} {limit} {period} BURST {burst} COST {} MICROS {us}",
            take.cost
        );
        let [allowed, remaining, retry_after, reset_after] = models[key].take(&take);
        let expected = format!("[{allowed} {limit} {remaining} {retry_after} {reset_after}]");
        assert_eq!(c.ok(&command).to_string(), expected, "{command}");
    }
    let until = |server: &Server| {
        let mut c = server.client();
        [0, 1, 2, 3, 4, 5].map(|key| c.ok(&format!("PEXPIRETIME k{key}")).int())
    };
    let expected = models.map(|model| model.full_at().expect("something was taken"));
    assert_eq!(until(&master), expected);
    same_data(&master, &replica);
    assert_eq!(until(&replica), expected);
    let digest = master.digest_all();
    for reload in ["DEBUG RELOAD", "DEBUG LOADAOF"] {
        c.ok(reload);
        assert_eq!((master.digest_all(), until(&master)), (digest.clone(), expected), "{reload}");
    }
    master.restart(Stop::NoSave);
    assert_eq!((master.digest_all(), until(&master)), (digest, expected));
}
