//! A watcher's turn of the timer: keys that end soon are copied, and keys that have ended are looked at.

use crate::delivery::keyspace;
use crate::delivery::timer::slots;
use crate::delivery::timer::tick::Visit;
use crate::expiry::copies::{copy_values, early};
use crate::expiry::endings::{carry_out, track, Case};
use crate::expiry::ends;
use crate::expiry::judge;
use crate::expiry::lifetime::{life, Life};
use crate::expiry::scan;
use crate::expiry::values::{LEADS, MOST_EARLY};
use crate::expiry::watcher::{with_queue, Local};
use crate::expiry::watcher_index;
use crate::expiry::Expiry;
use crate::redis::ctx::Role;
use crate::redis::freeing::free_elsewhere;
use crate::redis::key_events::shows_ends;
use crate::redis::{Ctx, OwnedStr, Str};
use std::time::Instant;
use tsgen_engine::{Ending, Known, Owed, Queue, Then, Ttl, UnixMs, Verdict, Voice};

/// Keys that are ended between two looks at the clock.
const DUE: usize = 16;

/// The most overdue keys that are searched for one without a copy; if there are as many, one is assumed.
const LOOKED_THROUGH: usize = 1_000;

/// The time between two such searches on a replica, in ms.
const REST: u64 = 10_000;

/// Whether a watcher may track a key that was over at `now` and was never copied, among deadlines since the last search. That happens if the
/// node was held up, and a replica cannot look at a key that is over. The search runs every ten seconds at most: to a replica whose clock is
/// ahead, every key may be over from the beginning.
fn has_uncopied(ctx: &Ctx, watcher: &Str, now: UnixMs) -> bool {
    let Some(mut opened) = keyspace::open_quietly::<Expiry>(ctx, watcher) else { return false };
    let Ok(Some(value)) = opened.value() else { return false };
    if now.0.abs_diff(value.local.looked_until.0) < REST {
        return false;
    }
    let since = std::mem::replace(&mut value.local.looked_until, now);
    let overdue = value.queue.ending_between(since, now, LOOKED_THROUGH);
    overdue.len() == LOOKED_THROUGH || overdue.iter().any(|tracked| value.queue.kept(tracked.name).is_none())
}

/// Looks at tracked keys that are overdue, to find out what no event has told. The master ends keys that have expired, and fires them for
/// all their watchers in the same unit. True if there is more to do at once.
fn look_at_due(ctx: &Ctx, watcher: &Str, now: UnixMs, role: Role) -> Option<bool> {
    let (held, last) = (scan::held(ctx.db()), UnixMs(now.0 - 1));
    let due = |queue: &mut Queue<Ttl>| -> Vec<(OwnedStr, UnixMs, Option<Ending>)> {
        let due = queue.ending_between(held, last, DUE);
        due.iter().map(|one| (OwnedStr::new(one.name), one.deadline, queue.ended(one.name))).collect()
    };
    let due = with_queue(ctx, watcher, due)?;
    let mut more = due.len() == DUE && role == Role::Master;
    for (key, deadline, ended) in due {
        // A watcher whose own slot is another node's stands here unseen, too: it still tells, and its entries are seen once its slot is back.
        let is_elsewhere = match role {
            Role::Master => slots::is_anothers(ctx, key.bytes(), now) && !slots::is_anothers(ctx, watcher.bytes(), now),
            Role::Replica => !slots::are_ours(key.bytes()),
        };
        if is_elsewhere {
            // The node that has the key now tells of its end.
            with_queue(ctx, watcher, |queue| queue.untrack(key.bytes()));
            continue;
        }
        let is_told = ended == Some(Ending::Expired);
        let life = if is_told { Life::Absent } else { life(ctx, &key) };
        ends::tell_end_of(ctx, &key);
        match life {
            // A replica waits until its master tells the end.
            Life::Absent if role == Role::Replica => {}
            Life::Absent => {
                // The look has told no end of this life: there was no key that it could end, or the key there now came later.
                let was = move |known: &Known| known.deadline == deadline;
                let told = carry_out(ctx, &Case::new(watcher, &key, Voice::Tells), |known| {
                    let ending = ended.unwrap_or(Ending::Expired);
                    Verdict { first: known.filter(was).map(|_| Owed { deadline, ending }), then: Then::Nothing }
                });
                ends::took_note(ctx.db(), watcher, told);
            }
            Life::Until(other) if other != deadline => drop(track(ctx, watcher, &key, other)),
            // Redis still shows the key, so it has not expired: Redis and we have read the clock at different times.
            Life::Until(_) => more = role == Role::Master,
            Life::Endless => drop(with_queue(ctx, watcher, |queue| queue.untrack(key.bytes()))),
        }
    }
    Some(more)
}

/// What the timer does for a watcher. Returns when the timer shall come again.
pub fn tick(ctx: &Ctx, visit: &Visit<'_>, role: Role) -> Option<UnixMs> {
    let next = judge::looking(|| look(ctx, visit, role));
    ends::signal_fired(ctx);
    next
}

fn look(ctx: &Ctx, visit: &Visit<'_>, role: Role) -> Option<UnixMs> {
    let Visit { name, now, until, .. } = *visit;
    if watcher_index::has_moved(ctx.db(), name.bytes()) {
        let mut opened = keyspace::open_quietly::<Expiry>(ctx, name)?;
        let value = opened.value().ok()??;
        value.queue.forget_to_come(now).into_iter().for_each(free_elsewhere);
        value.local = Local::default();
    }
    // First the copies of keys that end next; then the keys that have ended; and in the time that is left the early copies, for a server
    // that is held up.
    let more = copy_values(ctx, visit, 1..LEADS.len()).unwrap_or(false);
    let mut due = look_at_due(ctx, name, now, role).unwrap_or(false);
    while due && Instant::now() < until {
        due = look_at_due(ctx, name, now, role).unwrap_or(false);
    }
    if role == Role::Replica && !shows_ends() && has_uncopied(ctx, name, UnixMs(now.0 - 1)) {
        scan::look_for_overdue(ctx.db());
    }
    let more = copy_values(ctx, visit, 0..1).unwrap_or(false) || due || more;
    if more {
        return Some(now);
    }
    let mut opened = keyspace::open_quietly::<Expiry>(ctx, name)?;
    let value = opened.value().ok()??;
    let next_copy = |(nth, lead): (usize, i64)| {
        let next = value.queue.ending_behind(value.local.copied[nth], UnixMs::NEVER, 1).first()?.0.deadline;
        let together = UnixMs(next.0.saturating_add(MOST_EARLY));
        let early = if nth == 0 { early(&value.queue, UnixMs(next.0 - 1), together) } else { 0 };
        Some(UnixMs(next.0.saturating_sub(lead + early)))
    };
    let copies = LEADS.into_iter().enumerate().filter_map(next_copy);
    let first = value.queue.ending_between(scan::held(ctx.db()), UnixMs::NEVER, 1);
    let first = first.first().map(|tracked| UnixMs(tracked.deadline.0.saturating_add(1)));
    copies.chain(first.filter(|_| role == Role::Master)).min().map(|at| at.max(UnixMs(now.0 + 1)))
}
