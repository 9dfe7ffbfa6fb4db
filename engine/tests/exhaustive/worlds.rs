//! The worlds that are explored.

use crate::bounds::{Bounds, Budget, Database};
use crate::debounce::Publishers;
use crate::expiry::Bookings;
use crate::family::Family;
use crate::jobs::Administrators;
use crate::several::Several;
use crate::tally::Clients;
use crate::tsgen::{sources as two_sources, Elements};
use crate::world::World;
use tsgen_engine::{DeliveryOptions, IdleRules, Kind, Millis, WindowRules};

fn options() -> DeliveryOptions {
    DeliveryOptions { max_deliveries: 2, backoff: Millis(1), ..DeliveryOptions::default() }
}

/// `make model` sees more.
fn bounds(large: Budget, small: Budget) -> Bounds {
    let budget = if std::env::var_os("MODEL_LARGE").is_some() { large } else { small };
    Bounds { budget, lag: 2, pass: 2, back: 3, lease: Millis(3), counts: &[1] }
}

/// What happens in all of them: two claims, so that both workers can have the same; writes of both to the database; one loss.
const LARGE: Budget = Budget {
    commands: 6,
    writes: 3,
    claims: 2,
    settles: 2,
    joint: 0,
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

/// Two elements, and a watermark that is advanced and set back.
pub fn tsgen() -> World<Elements> {
    let family = Elements {
        kind: Kind::External,
        options: options(),
        elements: &[(1, 1), (2, 2)],
        advances: &[1, 2],
        are_turns: false,
        remember: 0,
    };
    let bounds = bounds(Budget { moves: 1, ..LARGE }, Budget { moves: 1, ..SMALL });
    world(family, Database::Fenced, bounds)
}

/// With an operator who stops it.
pub fn paused() -> World<Elements> {
    let budget = Budget { writes: 2, settles: 1, operates: 0, pauses: 2, moves: 1, ..LARGE };
    let bounds = bounds(budget, Budget { works: 0, ..budget });
    World { bounds, ..tsgen() }
}

/// With both elements in one group, of which one may be in hand, and workers who acknowledge and claim in one step.
pub fn groups() -> World<Elements> {
    let budget = Budget { works: 0, writes: 4, joint: 1, ..LARGE };
    let bounds = bounds(budget, Budget { commands: 5, writes: 3, settles: 1, ..budget });
    let options = DeliveryOptions { group_limit: 1, ..options() };
    let family = Elements { options, advances: &[2], ..tsgen().family };
    World { family, bounds, ..tsgen() }
}

/// Elements in two groups that take turns, all due at once.
pub fn fair() -> World<Elements> {
    let budget = Budget { claims: 3, settles: 1, joint: 1, operates: 0, works: 0, ..LARGE };
    let bounds = bounds(budget, Budget { commands: 5, claims: 2, settles: 0, joint: 0, ..budget });
    let options = DeliveryOptions { fair: true, ..options() };
    let elements = &[(1, 1), (3, 2), (2, 3)];
    let family = Elements { kind: Kind::Clock, options, elements, advances: &[], are_turns: true, ..tsgen().family };
    World { family, bounds, ..tsgen() }
}

/// Two sources of the watermark, which come and go, and fall silent.
pub fn sources() -> World<Elements> {
    let budget = Budget { writes: 4, settles: 1, operates: 0, works: 0, passes: 2, ..LARGE };
    let bounds = bounds(budget, Budget { commands: 5, writes: 3, settles: 0, passes: 1, ..budget });
    let family = Elements { kind: two_sources(), ..tsgen().family };
    World { family, bounds, ..tsgen() }
}

/// An element that is due at once, and remembered for a while when it is done.
pub fn remembering() -> World<Elements> {
    let budget = Budget { joint: 1, operates: 0, works: 0, passes: 2, moves: 1, ..LARGE };
    let bounds = bounds(budget, Budget { commands: 5, moves: 0, ..budget });
    let family = Elements { kind: Kind::Clock, elements: &[(1, 1)], advances: &[], remember: 3, ..tsgen().family };
    World { family, bounds, ..tsgen() }
}

/// One that is added as due, and put off.
pub fn clock() -> World<Elements> {
    let family = Elements { kind: Kind::Clock, elements: &[(1, 10), (1, 13)], advances: &[], ..tsgen().family };
    let large = Budget { commands: 5, passes: 2, backs: 1, ..LARGE };
    world(family, Database::Fenced, bounds(large, Budget { works: 1, passes: 2, backs: 1, ..SMALL }))
}

/// An element that comes again.
pub fn jobs() -> World<Administrators> {
    let family = Administrators { options: options(), jobs: 1, every: 2 };
    let large = Budget { commands: 5, writes: 2, works: 0, passes: 2, backs: 1, ..LARGE };
    world(family, Database::Fenced, bounds(large, Budget { commands: 4, settles: 1, backs: 0, ..large }))
}

/// A group.
pub fn debounce() -> World<Publishers> {
    let rules = IdleRules { idle: Millis(2), max_wait: Millis(3), max_items: 3, unique: true };
    let family = Publishers { rules, options: options(), groups: 1 };
    let large = Budget { commands: 5, passes: 2, backs: 1, ..LARGE };
    world(family, Database::Fenced, bounds(large, Budget { operates: 0, passes: 2, backs: 1, ..SMALL }))
}

/// Two fields, which fill a window.
pub fn tally() -> World<Clients> {
    let rules = WindowRules { every: Millis(2), max_fields: 2, ..WindowRules::default() };
    let family = Clients { rules, options: options(), fields: 2 };
    let large = Budget { commands: 5, passes: 2, backs: 1, ..LARGE };
    world(family, Database::Numbered, bounds(large, Budget { operates: 0, passes: 2, works: 1, backs: 1, ..SMALL }))
}

/// A watched key, on a server that shows last values.
pub fn expiry() -> World<Bookings> {
    let family = Bookings { options: options(), keys: 1, lives: &[1, 4], has_units: true, evictions: None };
    world(family, Database::Fenced, bounds(Budget { passes: 2, ..LARGE }, Budget { passes: 2, ..SMALL }))
}

/// The same, and keys are thrown out.
pub fn evicted() -> World<Bookings> {
    let family = Bookings { evictions: Some(false), ..expiry().family };
    let bounds = bounds(Budget { passes: 2, works: 0, ..LARGE }, Budget { passes: 2, works: 0, ..SMALL });
    World { family, bounds, ..expiry() }
}

/// The same on a server that announces what ends, and keeps the values of what was thrown out.
pub fn announced() -> World<Bookings> {
    let family = Bookings { has_units: false, evictions: Some(true), ..expiry().family };
    let bounds = bounds(Budget { passes: 2, works: 0, ..LARGE }, Budget { passes: 2, works: 0, ..SMALL });
    World { family, bounds: Bounds { lag: 4, ..bounds }, ..expiry() }
}

/// Two keys from which workers claim at once, the first key first.
pub fn several() -> Several {
    let budget = Budget { joint: 1, settles: 0, operates: 0, works: 0, ..LARGE };
    let Bounds { budget, lease, pass, .. } = bounds(budget, Budget { commands: 4, ..budget });
    let family = Elements { kind: Kind::Clock, elements: &[(1, 1), (2, 2)], advances: &[], ..tsgen().family };
    Several { family, budget, lease, pass, plant: None }
}
