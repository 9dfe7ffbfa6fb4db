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
#[path = "sim/keyspace.rs"]
mod keyspace;
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
#[path = "exhaustive/state.rs"]
mod state;
#[path = "exhaustive/tally.rs"]
mod tally;
#[path = "exhaustive/tsgen.rs"]
mod tsgen;
#[path = "exhaustive/world.rs"]
mod world;

use bounds::{Bounds, Budget, Database};
use family::Family;
use planted::Plant;
use stateright::{Checker, HasDiscoveries, Model};
use std::time::Instant;
use tsgen_engine::{DeliveryOptions, IdleRules, Kind, Millis, WindowRules};
use world::World;

fn options() -> DeliveryOptions {
    DeliveryOptions { max_deliveries: 2, backoff: Millis(1), ..DeliveryOptions::default() }
}

/// `make model` sees more.
fn bounds(large: Budget, small: Budget) -> Bounds {
    let budget = if std::env::var_os("MODEL_LARGE").is_some() { large } else { small };
    Bounds { budget, lag: 2, pass: 2, back: 3, lease: Millis(3), counts: &[1] }
}

fn check<F: Family>(name: &str, world: World<F>) {
    if let Ok(wanted) = std::env::var("MODEL_EXPLORE") {
        if wanted == name {
            world.checker().threads(2).serve("127.0.0.1:3000");
        }
        return;
    }
    let bounds = world.bounds.clone();
    let begun = Instant::now();
    let checker = world.checker().threads(2).spawn_bfs().join();
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

/// The bug is found, as a breach of this property: by a shortest history, which is printed.
fn finds<F: Family>(plant: Plant, property: &'static str, world: impl Fn() -> World<F>) {
    // The checker tells one of the first histories that it comes to, so it gets no more room than it needs.
    let path = (2..12).find_map(|depth| {
        let world = World { plant: Some(plant), ..world() };
        let found = HasDiscoveries::AllOf([property].into());
        world.checker().threads(1).finish_when(found).target_max_depth(depth).spawn_bfs().join().discovery(property)
    });
    println!("{plant:?} breaks: {property}");
    for action in path.unwrap_or_else(|| panic!("{plant:?} is not found")).into_actions() {
        println!("  {action:?}");
    }
}

/// What happens in all of them: two claims, so that both workers can have the same; writes of both to the database; one loss.
const LARGE: Budget = Budget {
    commands: 6,
    writes: 3,
    claims: 2,
    settles: 2,
    operates: 1,
    pauses: 0,
    works: 2,
    passes: 1,
    backs: 0,
    losses: 1,
    moves: 0,
};
const SMALL: Budget = Budget { commands: 4, writes: 2, settles: 1, ..LARGE };

fn world<F: Family>(family: F, database: Database, bounds: Bounds) -> World<F> {
    World { family, database, bounds, plant: None, known: Default::default() }
}

fn tsgen() -> World<tsgen::Elements> {
    let elements = &[(1, 1), (2, 2)];
    let family =
        tsgen::Elements { kind: Kind::External, options: options(), elements, is_grouped: false, advances: &[1, 2] };
    let bounds = bounds(Budget { moves: 1, ..LARGE }, Budget { moves: 1, ..SMALL });
    world(family, Database::Fenced, bounds)
}

/// With an operator who stops it.
fn paused() -> World<tsgen::Elements> {
    let budget = Budget { writes: 2, settles: 1, operates: 0, pauses: 2, moves: 1, ..LARGE };
    let bounds = bounds(budget, Budget { works: 0, ..budget });
    World { bounds, ..tsgen() }
}

/// With both elements in one group, of which one may be in hand.
fn groups() -> World<tsgen::Elements> {
    let budget = Budget { works: 0, writes: 4, ..LARGE };
    let bounds = bounds(budget, Budget { commands: 5, writes: 3, settles: 1, ..budget });
    let family = tsgen::Elements { is_grouped: true, advances: &[2], ..tsgen().family };
    World { family, bounds, ..tsgen() }
}

/// One that is added as due, and put off.
fn clock() -> World<tsgen::Elements> {
    let elements = &[(1, 10), (1, 13)];
    let family = tsgen::Elements { kind: Kind::Clock, options: options(), elements, is_grouped: false, advances: &[] };
    let large = Budget { commands: 5, passes: 2, backs: 1, ..LARGE };
    world(family, Database::Fenced, bounds(large, Budget { works: 1, passes: 2, backs: 1, ..SMALL }))
}

fn debounce() -> World<debounce::Publishers> {
    let rules = IdleRules { idle: Millis(2), max_wait: Millis(3), max_items: 3, unique: true };
    let family = debounce::Publishers { rules, options: options(), groups: 1 };
    let large = Budget { commands: 5, passes: 2, backs: 1, ..LARGE };
    world(family, Database::Fenced, bounds(large, Budget { operates: 0, passes: 2, backs: 1, ..SMALL }))
}

fn tally() -> World<tally::Clients> {
    let rules = WindowRules { every: Millis(2), max_fields: 2, ..WindowRules::default() };
    let family = tally::Clients { rules, options: options(), fields: 2 };
    let large = Budget { commands: 5, passes: 2, backs: 1, ..LARGE };
    world(family, Database::Numbered, bounds(large, Budget { operates: 0, passes: 2, works: 1, backs: 1, ..SMALL }))
}

fn expiry() -> World<expiry::Bookings> {
    let family = expiry::Bookings { options: options(), keys: 1, lives: &[1, 4] };
    world(family, Database::Fenced, bounds(Budget { passes: 2, ..LARGE }, Budget { passes: 2, ..SMALL }))
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

/// No more may happen than one of the planted bugs needs: how to find it with more is no other question.
const FEW: Budget = Budget {
    commands: 6,
    writes: 2,
    claims: 2,
    settles: 1,
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
}
