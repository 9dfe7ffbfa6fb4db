//! What the timer does with a key whose time has come: it wakes blocked clients, tells subscribers of `ready`, and feeds the sink.
//!
//! It sweeps leases and delays that are over only where a client or the sink waits for their entries, where work comes again when it is
//! settled, or where there are very many.

use crate::delivery::blocked;
use crate::delivery::family::{Decision, Family};
use crate::delivery::keyspace;
use crate::delivery::replicate;
use crate::delivery::sink;
use crate::delivery::stored_queue::StoredQueue;
use crate::delivery::timer::deadlines::{heard_since, is_late, master_since, WHEN_SET_BACK};
use crate::delivery::timer::tick::{Driver, Visit};
use crate::delivery::waiters;
use crate::redis::ctx::Role;
use crate::redis::{Ctx, Str};
use tsgen_engine::{Millis, UnixMs};

/// Milliseconds between two looks at a key on a replica: keys only stay in the index, for the day the replica is promoted.
const REPLICA_STEP: i64 = 10_000;
/// The shortest time between two looks at a key because of its very many leases.
const CROWD_STEP: Millis = Millis(100);
/// Groups of one key that are sorted in one go: some 0.2 ms.
const SORT_STEP: usize = 1_000;

/// How keys of a family are driven.
pub fn driver<F: Family>() -> Driver {
    Driver { on_master: drive::<F>, on_replica: keep::<F>, turn: F::TURN }
}

/// On a replica: keys that will need the timer after a promotion stay in the index, other keys leave it.
fn keep<F: Family>(ctx: &Ctx, visit: &Visit<'_>) -> bool {
    let Visit { db, name, now, .. } = *visit;
    let again = F::tick(ctx, visit, Role::Replica);
    let Some(mut key) = keyspace::open_read::<F>(ctx, name) else { return false };
    let Ok(Some(value)) = key.value() else { return false };
    value.unschedule();
    F::appeared(value, db, name.bytes());
    if value.is_driven() || value.queue.is_crowded() {
        let is_sorted = value.queue.sort_overdue(now, SORT_STEP);
        let rest = if is_sorted { REPLICA_STEP } else { 0 };
        let at = now.after(Millis(rest.unsigned_abs()));
        value.schedule(db, name.bytes(), again.map_or(at, |again| again.min(at)));
    }
    compact(visit, value);
    true
}

/// Before a client's command at a time of its own: decides what the timer would have decided by then. False if the key is not of this family.
pub fn decide_at<F: Family>(ctx: &Ctx, name: &Str, now: UnixMs) -> bool {
    let Some(mut key) = keyspace::open_write::<F>(ctx, name).ok().filter(|key| !key.is_empty()) else { return false };
    let Ok(Some(value)) = key.value() else { return false };
    let decided = F::decide(ctx, name, value, Decision::At(now));
    drop(key);
    if decided.opened {
        ctx.notify(F::VERBS.ready.event, name);
        ctx.signal_ready(name);
    }
    true
}

/// Sweeps very many leases and delays that have ended, stride by stride, even if nobody waits: otherwise every reader would have to look at
/// them.
fn sweep_backlog<F: Family>(ctx: &Ctx, &Visit { db, name, now, .. }: &Visit<'_>, value: &mut StoredQueue<F>) {
    if value.queue.has_backlog(now) && value.queue.sweep_stride(now) {
        replicate::sweep::<F>(ctx, name, now);
        ctx.signal_modified(name);
        value.schedule(db, name.bytes(), now);
    } else {
        value.schedule_crowd(db, name.bytes(), now.after(CROWD_STEP));
    }
}

/// Whether a client waits for the key and can be served now. If one waits and cannot be, the timer is asked to come again.
fn wakes<F: Family>(ctx: &Ctx, &Visit { db, name, now, .. }: &Visit<'_>, value: &mut StoredQueue<F>) -> bool {
    if waiters::count(db, name.bytes()) == 0 {
        return false;
    }
    let mut wakes = value.has_sink() || value.queue.has_ready(now);
    if !wakes && value.queue.sweep_stride(now) {
        // Whether the ended leases and delays leave anything ready must be found out here: a client that is woken for nothing
        // cannot tell replicas what it found, because Redis replicates only for a client that gets its reply.
        replicate::sweep::<F>(ctx, name, now);
        ctx.signal_modified(name);
        wakes = value.queue.has_ready(now);
    }
    if !wakes {
        value.schedule_wakeup(db, name.bytes(), now);
    }
    wakes
}

/// Gives memory back in the time that all other work has left, because nobody waits for it.
fn compact<F: Family>(visit: &Visit<'_>, value: &mut StoredQueue<F>) {
    if let Some(at) = value.compact(visit.now, visit.until) {
        value.schedule(visit.db, visit.name.bytes(), at);
    }
}

/// Does a long piece of work that gets a turn of its own; false if there is none.
fn goes_first<F: Family>(ctx: &Ctx, &Visit { name, now, .. }: &Visit<'_>, value: &mut StoredQueue<F>) -> bool {
    if !value.queue.sort_overdue(now, SORT_STEP) {
        // Very many groups have come due at once. Whatever else is done would have to look at all of them.
        return true;
    }
    if value.queue.fires_long(now) {
        // The client that is woken for what fires has as much work to do again.
        value.queue.sweep_stride(now);
        replicate::sweep::<F>(ctx, name, now);
        ctx.signal_modified(name);
        return true;
    }
    false
}

/// Sweeps leases that have ended in a key with recurring elements, even if nobody waits: a run that dies makes the next one, and without the
/// sweep nobody would be told when that one is ready. True if there may be more such leases.
fn sweep_runs<F: Family>(ctx: &Ctx, &Visit { name, now, .. }: &Visit<'_>, value: &mut StoredQueue<F>) -> bool {
    let is_swept = value.queue.recurs() && value.queue.sweep_stride(now);
    if is_swept {
        replicate::sweep::<F>(ctx, name, now);
        ctx.signal_modified(name);
    }
    is_swept
}

/// What follows for others from a look at a key, once it is closed.
struct Due {
    /// Something has become ready: `ready` is told.
    opened: bool,
    /// A client waits and can be served.
    wakes: bool,
    /// The sink can take something.
    feeds: bool,
}

/// What the clock alone opens in a key.
struct Openings {
    /// It has opened something since the last look.
    opened: bool,
    /// When it opens something next, or may close again what is open.
    next: Option<UnixMs>,
}

fn openings<F: Family>(value: &mut StoredQueue<F>, now: UnixMs) -> Openings {
    if !F::opens_by_clock(&value.queue) {
        return Openings { opened: false, next: None };
    }
    let opened = F::opened_between(&mut value.queue, value.announced, master_since(), now);
    value.announced = now;
    let next = value.queue.next_opening(now).or(value.queue.closes_again().then_some(WHEN_SET_BACK));
    Openings { opened, next }
}

/// Sweeps what must be swept, and has the timer come again for what is still to come.
fn see_to<F: Family>(ctx: &Ctx, visit: &Visit<'_>, value: &mut StoredQueue<F>) -> Due {
    let Visit { db, name, now, .. } = *visit;
    let is_swept = sweep_runs(ctx, visit, value);
    let feeds = value.has_sink() && value.queue.claimable(now) && !value.sink_rests(now);
    let Openings { opened, next } = openings(value, now);
    let wakes = wakes(ctx, visit, value);
    if !feeds {
        value.schedule_drive(db, name.bytes(), now, next);
    } else if let Some(at) = next {
        value.schedule(db, name.bytes(), at);
    }
    sweep_backlog(ctx, visit, value);
    if is_swept {
        value.schedule(db, name.bytes(), now);
    }
    value.schedule_runs(db, name.bytes(), now);
    Due { opened, wakes, feeds }
}

fn drive<F: Family>(ctx: &Ctx, visit: &Visit<'_>) -> bool {
    let Visit { db, name, now, .. } = *visit;
    let again = F::tick(ctx, visit, Role::Master);
    let Ok(mut key) = keyspace::open_write::<F>(ctx, name) else { return false };
    let Ok(Some(value)) = key.value() else { return false };
    value.unschedule();
    F::appeared(value, db, name.bytes());
    if let Some(at) = again {
        value.schedule(db, name.bytes(), at);
    }
    let when = Decision::ByTimer { now, heard_since: heard_since(), is_late: is_late() };
    let decided = F::decide(ctx, name, value, when);
    if let Some(at) = decided.again {
        value.schedule(db, name.bytes(), at);
    }
    if goes_first(ctx, visit, value) {
        value.schedule(db, name.bytes(), now);
        compact(visit, value);
        return true;
    }
    let due = see_to(ctx, visit, value);
    compact(visit, value);
    drop(key);
    if decided.opened || due.opened {
        ctx.notify(F::VERBS.ready.event, name);
    }
    if due.wakes {
        blocked::ask::<F>(ctx, db, name);
    }
    if due.feeds {
        sink::feed::<F>(ctx, visit);
    }
    true
}
