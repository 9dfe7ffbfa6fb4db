//! All states of small worlds: two servers, two workers, a database, and whoever writes, with the engine itself inside. A history of bounded
//! commands, in every order, with every crash, failover, step of the clock and move of the slot in between.
//!
//! `make model` explores larger worlds, `make model-explore MODEL=tsgen` shows one in a browser.

#[path = "exhaustive/bounds.rs"]
mod bounds;
#[path = "exhaustive/debounce.rs"]
mod debounce;
#[path = "exhaustive/expiry.rs"]
mod expiry;
#[path = "exhaustive/family.rs"]
mod family;
#[path = "exhaustive/history.rs"]
mod history;
#[path = "exhaustive/jobs.rs"]
mod jobs;
#[path = "sim/keyspace.rs"]
mod keyspace;
#[path = "sim/life.rs"]
mod life;
#[path = "exhaustive/model.rs"]
mod model;
#[path = "sim/node.rs"]
mod node;
// The simulation reads more of what an operation did.
#[allow(dead_code)]
#[path = "sim/op.rs"]
mod op;
#[path = "exhaustive/planted.rs"]
mod planted;
#[path = "exhaustive/several.rs"]
mod several;
#[path = "exhaustive/side.rs"]
mod side;
#[path = "exhaustive/sources.rs"]
mod sources;
#[path = "exhaustive/state.rs"]
mod state;
#[path = "exhaustive/tally.rs"]
mod tally;
#[path = "exhaustive/tsgen.rs"]
mod tsgen;
#[path = "exhaustive/turns.rs"]
mod turns;
#[path = "exhaustive/world.rs"]
mod world;
#[path = "exhaustive/worlds.rs"]
mod worlds;

use bounds::{Bounds, Budget};
use family::Family;
use planted::Plant;
use stateright::{Checker, HasDiscoveries, Model};
use std::fmt::Debug;
use std::hash::Hash;
use std::time::Instant;
use tsgen_engine::DeliveryOptions;
use world::World;
use worlds::*;

fn check<F: Family>(name: &str, world: World<F>) {
    let bounds = world.bounds.clone();
    explore(name, world, &bounds);
}

fn explore<M>(name: &str, model: M, bounds: &dyn Debug)
where
    M: Model + Send + Sync + 'static,
    M::Action: Debug + Send + Sync + Clone + PartialEq,
    M::State: Debug + Hash + Send + Sync + Clone + PartialEq,
{
    if let Ok(wanted) = std::env::var("MODEL_EXPLORE") {
        if wanted == name {
            model.checker().threads(2).serve("127.0.0.1:3000");
        }
        return;
    }
    let begun = Instant::now();
    let checker = model.checker().threads(2).spawn_bfs().join();
    println!(
        "{name}: {} states, {} of them different, depth {}, {:.1} s",
        checker.state_count(),
        checker.unique_state_count(),
        checker.max_depth(),
        begun.elapsed().as_secs_f64()
    );
    println!("  {bounds:?}");
    checker.assert_properties();
}

fn finds<F: Family>(plant: Plant, property: &'static str, world: impl Fn() -> World<F>) {
    shows(plant, property, || World { plant: Some(plant), ..world() });
}

/// The bug is found, as a breach of this property: by a shortest history, which is printed.
fn shows<M>(plant: Plant, property: &'static str, model: impl Fn() -> M)
where
    M: Model + Send + Sync + 'static,
    M::Action: Debug + Send + Sync + Clone + PartialEq,
    M::State: Debug + Hash + Send + Sync + Clone + PartialEq,
{
    // The checker tells one of the first histories that it comes to, so it gets no more room than it needs.
    let path = (2..12).find_map(|depth| {
        let found = HasDiscoveries::AllOf([property].into());
        model().checker().threads(1).finish_when(found).target_max_depth(depth).spawn_bfs().join().discovery(property)
    });
    println!("{plant:?} breaks: {property}");
    for action in path.unwrap_or_else(|| panic!("{plant:?} is not found")).into_actions() {
        println!("  {action:?}");
    }
}

#[test]
fn expiry_holds() {
    check("expiry", expiry());
}

#[test]
fn tsgen_under_a_manual_watermark_holds() {
    check("tsgen", tsgen());
}

#[test]
fn tsgen_that_an_operator_pauses_holds() {
    check("paused", paused());
}

#[test]
fn tsgen_with_groups_holds() {
    check("groups", groups());
}

#[test]
fn tsgen_under_the_clock_holds() {
    check("clock", clock());
}

#[test]
fn debounce_holds() {
    check("debounce", debounce());
}

#[test]
fn tally_holds() {
    check("tally", tally());
}

#[test]
fn tsgen_whose_groups_take_turns_holds() {
    check("fair", fair());
}

#[test]
fn tsgen_under_the_least_of_its_sources_holds() {
    check("sources", sources());
}

#[test]
fn tsgen_that_remembers_holds() {
    check("remembering", remembering());
}

#[test]
fn tsgen_that_comes_again_holds() {
    check("jobs", jobs());
}

#[test]
fn expiry_of_what_is_thrown_out_holds() {
    check("evicted", evicted());
}

#[test]
fn expiry_on_a_server_that_announces_what_ends_holds() {
    check("announced", announced());
}

#[test]
fn a_claim_of_several_keys_holds() {
    let several = several();
    let bounds = several.budget;
    explore("several", several, &bounds);
}

/// No more may happen than one of the planted bugs needs: how to find it with more is no other question.
const FEW: Budget = Budget {
    commands: 6,
    writes: 2,
    claims: 2,
    settles: 1,
    joint: 0,
    operates: 0,
    pauses: 0,
    works: 0,
    passes: 1,
    backs: 0,
    losses: 0,
    moves: 0,
};

fn within<F: Family>(world: World<F>, budget: Budget) -> World<F> {
    World { bounds: Bounds { budget, ..world.bounds }, ..world }
}

#[test]
fn each_planted_bug_is_found() {
    finds(Plant::ForgetsWrites, model::KEPT, || within(tsgen(), FEW));
    finds(Plant::ForgetsWrites, model::KEPT, || within(debounce(), FEW));
    finds(Plant::ForgetsWrites, model::KEPT, || within(tally(), FEW));
    finds(Plant::ForgetsWrites, model::KEPT, || within(expiry(), FEW));
    finds(Plant::ServesEarly, model::EARLY, || within(clock(), Budget { passes: 2, ..FEW }));
    finds(Plant::ServesEarly, model::EARLY, || within(debounce(), Budget { losses: 1, ..FEW }));
    finds(Plant::ServesEarly, model::EARLY, || within(tally(), Budget { losses: 1, ..FEW }));
    finds(Plant::ServesEarly, model::EARLY, || within(expiry(), Budget { losses: 1, ..FEW }));
    finds(Plant::ForgetsAcks, model::SETTLED, || within(tsgen(), FEW));
    finds(Plant::RepeatsTokens, model::TOKEN, || within(tsgen(), Budget { writes: 3, ..FEW }));
    finds(Plant::ShortensLeases, model::TWO_HANDS, || within(tsgen(), Budget { operates: 1, ..FEW }));
    finds(Plant::MindsNoPause, model::PAUSED, || within(paused(), Budget { pauses: 2, ..FEW }));
    finds(Plant::MindsNoGroup, model::GROUP, || within(groups(), Budget { writes: 3, ..FEW }));
    finds(Plant::RevivesStale, model::STALE, || within(tsgen(), Budget { settles: 2, ..FEW }));
    finds(Plant::NoFence, model::OLDER_WON, || within(tsgen(), Budget { writes: 3, works: 2, ..FEW }));
    finds(Plant::CountsTokens, model::OLDER_WON, || within(tsgen(), Budget { works: 2, losses: 1, ..FEW }));
    finds(Plant::NumbersByWindow, model::BATCH, || within(tally(), Budget { writes: 3, ..FEW }));
    finds(Plant::LosesSweeps, model::LEVEL, || within(tsgen(), Budget { operates: 1, passes: 2, ..FEW }));
    finds(Plant::MovesWithoutLeases, model::MOVED, || within(tsgen(), Budget { moves: 1, ..FEW }));
    finds(Plant::ClaimsBeforeItAcks, model::WITHHELD, || within(groups(), Budget { writes: 3, joint: 1, ..FEW }));
    finds(Plant::TellsOnlyTheClaim, model::LEVEL, || within(fair(), Budget { joint: 1, ..FEW }));
    finds(Plant::MindsNoTurn, model::TURN, || {
        // One cannot be taken from a key that has it.
        let options = DeliveryOptions { fair: false, group_limit: 9, ..fair().family.options };
        within(World { family: tsgen::Elements { options, ..fair().family }, ..fair() }, Budget { writes: 3, ..FEW })
    });
    finds(Plant::CountsTheFirst, model::EARLY, || within(sources(), FEW));
    finds(Plant::ServesEarly, model::LEFT_OUT, || within(sources(), Budget { losses: 1, ..FEW }));
    finds(Plant::ForgetsWhatIsDone, model::REMEMBERED, || within(remembering(), FEW));
    finds(Plant::RemembersForEver, model::REFUSED, || within(remembering(), Budget { passes: 2, ..FEW }));
    finds(Plant::CountsFromTheAck, model::PERIOD, || within(jobs(), Budget { passes: 2, ..FEW }));
    finds(Plant::EndsWithADeadRun, model::KEPT, || within(jobs(), FEW));
    finds(Plant::MakesRunsWhenTheyBegin, model::TWO_RUNS, || within(jobs(), FEW));
    finds(Plant::TakesEvictionsForDeletions, model::KEPT, || within(evicted(), FEW));
    finds(Plant::AnnouncesNothing, model::KEPT, || within(announced(), Budget { losses: 1, ..FEW }));
    shows(Plant::AsksTheLastFirst, model::PRIORITY, || {
        let plant = Some(Plant::AsksTheLastFirst);
        several::Several { budget: FEW, plant, ..several() }
    });
}
