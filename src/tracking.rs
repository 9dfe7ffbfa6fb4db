//! What this node does about the keys that a watcher tracks: copies their values, and, on the master, tells when one has ended.
//!
//! `watch` says what was seen of a key, the timer when a deadline comes near. It does not know clients or options.

use crate::copies::{copy_values, keep, type_name, type_number, LEADS};
use crate::effects::Effects;
use crate::expiry::Expiry;
use crate::family::Family;
use crate::keyspace;
use crate::last_values::Last;
use crate::life::{life, life_of, Life};
use crate::redis::ctx::unix_ms;
use crate::redis::key::Kind;
use crate::redis::scan::Cursor;
use crate::redis::{Ctx, OwnedStr, Str};
use crate::replicate;
use crate::{seen, watch};
use std::collections::{HashMap, HashSet};
use std::ffi::CStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tsgen_engine::{Copied, Ending, Mark, Queue, Ttl, UnixMs};

/// Keys that are looked at between two looks at the clock.
pub const BATCH: usize = 64;
/// What only this node knows of a watcher.
pub struct Local {
    /// It is still to be told of the keys that were there before it; what had ended before this time was never its concern.
    pub walks_since: Option<UnixMs>,
    /// Up to where values have been copied, at each lead.
    pub copied: [Mark; 3],
}

impl Default for Local {
    fn default() -> Self {
        let since = UnixMs(unix_ms());
        Local { walks_since: Some(since), copied: [Mark::at(since); 3] }
    }
}

pub fn ending_name(ending: Ending) -> &'static str {
    match ending {
        Ending::Expired => "expired",
        Ending::Evicted => "evicted",
    }
}

/// The life of a key has ended: its entry is made here and everywhere. True if it was.
pub fn fire(ctx: &Ctx, watcher: &Str, key: &Str, deadline: UnixMs, ending: Ending) -> bool {
    let Ok(mut opened) = keyspace::open::<Expiry>(ctx, watcher) else { return false };
    let Ok(Some(value)) = opened.value() else { return false };
    let kept = value.queue.kept(key.bytes()).cloned();
    let told = kept.as_ref().map(|copied| (copied.kind, copied.bytes.as_deref()));
    if value.queue.expire(key.bytes(), deadline, ending, told).is_err() {
        value.queue.untrack(key.bytes());
        return false;
    }
    let mut arguments = vec![OwnedStr::number(deadline.0), OwnedStr::new(ending_name(ending).as_bytes())];
    if let Some((kind, bytes)) = told {
        arguments.push(OwnedStr::new(type_name(kind).as_bytes()));
        arguments.extend(bytes.map(OwnedStr::new));
    }
    let arguments: Vec<&Str> = [watcher, key].into_iter().chain(arguments.iter().map(|one| &**one)).collect();
    ctx.replicate_at(replicate::AT, unix_ms(), FIRE, &arguments);
    true
}

/// Entries were made: tells blocked workers, the sink and subscribers, once for however many.
pub fn tell_ready(ctx: &Ctx, watcher: &Str) {
    let Ok(mut opened) = keyspace::open::<Expiry>(ctx, watcher) else { return };
    let Ok(Some(value)) = opened.value() else { return };
    let effects = Effects::of(ctx, watcher, value, || UnixMs(unix_ms()), None);
    drop(opened);
    effects.tell(ctx, watcher, [Expiry::VERBS.ready.event]);
}

/// The command that tells replicas and the AOF of an expiry.
pub const FIRE: &CStr = c"EXPIRY.FIRE";
/// The command that tells them of an eviction.
pub const EVICT: &CStr = c"EXPIRY.EVICT";

/// The value that a key had when it ended, for all who track it.
pub fn hand_out(ctx: &Ctx, watchers: &[OwnedStr], key: &Str, last: Option<&Last>) {
    let Some(value) = last.and_then(|last| last.value.as_ref()) else { return };
    for watcher in watchers {
        with_queue(ctx, watcher, |queue| queue.keep(key.bytes(), value.clone()));
    }
}

/// Redis has thrown `key` out for want of memory; on a replica that is nobody else's concern.
pub fn note_evicted(ctx: &Ctx, watcher: &Str, key: &Str) {
    with_queue(ctx, watcher, |queue| queue.note_evicted(key.bytes()));
    expect_owed();
}

/// Redis has thrown `key` out for want of memory. Nothing is ready by that.
pub fn was_evicted(ctx: &Ctx, watcher: &Str, key: &Str, deadline: UnixMs) {
    note_evicted(ctx, watcher, key);
    let deadline = OwnedStr::number(deadline.0);
    ctx.replicate_at(replicate::AT, unix_ms(), EVICT, &[watcher, key, &deadline]);
}

/// Until when a key is tracked, if it is; `None` if there is no such watcher.
pub fn tracked_until(ctx: &Ctx, watcher: &Str, key: &Str) -> Option<Option<UnixMs>> {
    with_queue(ctx, watcher, |queue| queue.tracked_until(key.bytes()).map(|(deadline, _)| deadline))
}

/// A key lives until `deadline`. Where that is soon, its value is copied at once.
///
/// `None` if there is no such watcher, as with all that follow.
pub fn track(ctx: &Ctx, db: i32, watcher: &Str, key: &Str, deadline: UnixMs) -> Option<()> {
    let now = unix_ms();
    let mut opened = keyspace::peek::<Expiry>(ctx, watcher)?;
    let value = opened.value().ok()??;
    value.queue.track(key.bytes(), deadline);
    // It may have another value now.
    value.queue.forget_value(key.bytes());
    value.schedule(db, watcher.bytes(), UnixMs(deadline.0.saturating_sub(LEADS[0])));
    drop(opened);
    if deadline.0 <= now.saturating_add(LEADS[0]) {
        keep(ctx, watcher, key);
    }
    Some(())
}

/// A key that was there before the watcher lives until `deadline`. Where that is soon, its value is copied at once.
pub fn found(ctx: &Ctx, db: i32, watcher: &Str, key: &Str, deadline: UnixMs) -> Option<()> {
    let mut opened = keyspace::peek::<Expiry>(ctx, watcher)?;
    let value = opened.value().ok()??;
    // What is known of its value came with the watcher, and is of the same life.
    value.queue.track(key.bytes(), deadline);
    value.schedule(db, watcher.bytes(), UnixMs(deadline.0.saturating_sub(LEADS[0])));
    drop(opened);
    if deadline.0 <= unix_ms().saturating_add(LEADS[0]) {
        keep(ctx, watcher, key);
    }
    Some(())
}

/// A watcher has been told of all keys that were there before it, if it still is the one that asked at `since`. `None` if there is none.
pub fn walked(ctx: &Ctx, watcher: &Str, since: UnixMs) -> Option<()> {
    let mut opened = keyspace::peek::<Expiry>(ctx, watcher)?;
    let local = &mut opened.value().ok()??.local;
    local.walks_since = local.walks_since.filter(|asked_at| *asked_at != since);
    Some(())
}

/// A key that nobody could look at has ended: at `deadline`, or a moment ago.
pub fn track_ended(ctx: &Ctx, watcher: &Str, key: &Str, deadline: Option<UnixMs>) -> Option<()> {
    let deadline = deadline.unwrap_or_else(|| UnixMs(unix_ms() - 1));
    with_queue(ctx, watcher, |queue| {
        queue.track(key.bytes(), deadline);
        // What was copied may be of an earlier life.
        queue.forget_value(key.bytes());
    })
}

/// A key is gone, or lives for ever.
pub fn untrack(ctx: &Ctx, watcher: &Str, key: &Str) -> Option<()> {
    with_queue(ctx, watcher, |queue| {
        queue.untrack(key.bytes());
    })
}

/// The same, but one that was evicted stays.
pub fn untrack_unless_evicted(ctx: &Ctx, watcher: &Str, key: &Str) -> Option<()> {
    with_queue(ctx, watcher, |queue| {
        if queue.ended(key.bytes()).is_none() {
            queue.untrack(key.bytes());
        }
    })
}

/// Whether there may be anything of which [`owed`] tells, so that it costs nothing as long as there never was.
static MAY_OWE: AtomicBool = AtomicBool::new(false);

/// From now on there may be.
pub fn expect_owed() {
    MAY_OWE.store(true, Ordering::Relaxed);
}

/// The end of a key that is still to be told although there is nothing left of it that could expire: it has to be told before something
/// new takes its name.
pub fn owed(ctx: &Ctx, watcher: &Str, key: &Str) -> Option<(UnixMs, Ending)> {
    if !MAY_OWE.load(Ordering::Relaxed) {
        return None;
    }
    let owed = |queue: &mut Queue<Ttl>| {
        let ending = queue.ended(key.bytes())?;
        let (deadline, _) = queue.tracked_until(key.bytes())?;
        (deadline.0 < unix_ms()).then_some((deadline, ending))
    };
    with_queue(ctx, watcher, owed)?
}

/// The deadline of a tracked key, once the key itself was asked; `None` if it has none any more.
pub fn confirmed(ctx: &Ctx, watcher: &Str, key: &Str) -> Option<UnixMs> {
    let tracked = tracked_until(ctx, watcher, key)??;
    match life(ctx, key) {
        Life::Until(deadline) if deadline != tracked => {
            track(ctx, ctx.db(), watcher, key, deadline);
            Some(deadline)
        }
        // Gone and not yet told of: evicted, or just expired.
        Life::Until(_) | Life::Absent => Some(tracked),
        Life::Endless => {
            untrack(ctx, watcher, key);
            None
        }
    }
}

/// Finds out how tracked keys stand whose deadlines are over, before anybody touches them, for all watchers of a database in one walk over
/// it: copies the values of strings, and notes what is gone. And forgets values that were copied for a file.
pub fn keep_overdue(ctx: &Ctx, watchers: &[OwnedStr]) {
    let now = UnixMs(unix_ms());
    let names = |queue: &mut Queue<Ttl>| -> Vec<Box<[u8]>> {
        let overdue = queue.ending_between(UnixMs(i64::MIN), now, usize::MAX);
        overdue.iter().map(|tracked| tracked.name.into()).collect()
    };
    let overdue: HashSet<Box<[u8]>> =
        watchers.iter().flat_map(|watcher| with_queue(ctx, watcher, names).unwrap_or_default()).collect();
    if !overdue.is_empty() {
        expect_owed();
    }
    let max = watchers.iter().filter_map(|watcher| with_queue(ctx, watcher, |queue| queue.scope().max_value)).max();
    let (mut cursor, mut more, mut met) = (Cursor::new(), !overdue.is_empty(), HashMap::new());
    while more {
        more = cursor.step(ctx, |name, look| {
            if overdue.contains(name.bytes()) {
                let life = life_of(look);
                let is_due = matches!(life, Life::Until(deadline) if deadline.is_due(now));
                let copied = (is_due && look.kind() == Some(Kind::String)).then(|| Copied {
                    kind: type_number(Kind::String),
                    bytes: (look.length() as u64 <= max.unwrap_or(0)).then(|| look.string().into()),
                });
                met.insert(Box::<[u8]>::from(name.bytes()), (life, copied));
            }
        });
    }
    let soon = UnixMs(now.0.saturating_add(LEADS[0]));
    for watcher in watchers {
        with_queue(ctx, watcher, |queue| {
            queue.forget_values(soon);
            for name in &overdue {
                match met.get(name) {
                    None => queue.note_gone(name),
                    Some((Life::Until(deadline), copied)) => {
                        if queue.tracked_until(name).is_some() {
                            queue.track(name, *deadline);
                        }
                        if let Some(copied) = copied {
                            queue.keep(name, copied.clone());
                        }
                    }
                    Some(_) => drop(queue.untrack(name)),
                }
            }
        });
    }
}

/// Does something with a watcher's queue, of which nothing replicates. Nothing in it may call other code on the keyspace.
pub fn with_queue<R>(ctx: &Ctx, watcher: &Str, what: impl FnOnce(&mut Queue<Ttl>) -> R) -> Option<R> {
    let mut opened = keyspace::peek::<Expiry>(ctx, watcher)?;
    let value = opened.value().ok()??;
    Some(what(&mut value.queue))
}

/// How tracked keys that are overdue stand: what no event has told of is found out here. The master fires what has expired.
/// True if there is more to do at once.
fn look_at_due(ctx: &Ctx, db: i32, watcher: &Str, now: UnixMs, is_master: bool) -> Option<bool> {
    let last = UnixMs(now.0 - 1);
    let due = |queue: &mut Queue<Ttl>| -> Vec<(OwnedStr, UnixMs, Option<Ending>)> {
        let due = queue.ending_between(UnixMs(i64::MIN), last, BATCH);
        due.iter().map(|one| (OwnedStr::new(one.name), one.deadline, queue.ended(one.name))).collect()
    };
    let due = with_queue(ctx, watcher, due)?;
    let (mut more, mut fired) = (due.len() == BATCH && is_master, false);
    for (key, deadline, ended) in due {
        match life(ctx, &key) {
            // Whatever stands there now came later.
            _ if is_master && ended == Some(Ending::Expired) => {
                fired |= fire(ctx, watcher, &key, deadline, Ending::Expired);
            }
            // A replica waits to be told.
            Life::Absent if !is_master => {}
            Life::Absent => {
                let last = seen::swallow_expired(db, key.bytes());
                hand_out(ctx, &watch::watchers_of(db, key.bytes()), &key, last.as_ref());
                fired |= fire(ctx, watcher, &key, deadline, ended.unwrap_or(Ending::Expired));
            }
            Life::Until(other) if other != deadline => drop(track(ctx, db, watcher, &key, other)),
            // Redis still shows it, so it has not expired: the clock of the one look is not that of the other.
            Life::Until(_) => more = is_master,
            Life::Endless => drop(with_queue(ctx, watcher, |queue| queue.untrack(key.bytes()))),
        }
    }
    if fired {
        tell_ready(ctx, watcher);
    }
    Some(more)
}

/// What the timer does for a watcher; tells when it wants to come again.
pub fn tick(ctx: &Ctx, name: &Str, now: UnixMs, until: Instant, is_master: bool) -> Option<UnixMs> {
    let db = ctx.db();
    seen::look(ctx, is_master);
    if watch::has_moved(db, name.bytes()) {
        let mut opened = keyspace::peek::<Expiry>(ctx, name)?;
        let value = opened.value().ok()??;
        value.queue.forget_to_come(now);
        value.local = Local::default();
    }
    // What ends next first, then what has ended, and with what time is left the copies for bad times.
    let more = copy_values(ctx, name, now, until, 1..LEADS.len()).unwrap_or(false);
    // Keys that were over have ended by being copied.
    seen::look(ctx, is_master);
    let mut due = look_at_due(ctx, db, name, now, is_master).unwrap_or(false);
    while due && Instant::now() < until {
        due = look_at_due(ctx, db, name, now, is_master).unwrap_or(false);
    }
    let more = copy_values(ctx, name, now, until, 0..1).unwrap_or(false) || due || more;
    if more {
        return Some(now);
    }
    let mut opened = keyspace::peek::<Expiry>(ctx, name)?;
    let value = opened.value().ok()??;
    let next_copy = |(nth, lead): (usize, i64)| {
        let next = value.queue.ending_behind(value.local.copied[nth], UnixMs::NEVER, 1);
        next.first().map(|(tracked, _)| UnixMs(tracked.deadline.0.saturating_sub(lead)))
    };
    let copies = LEADS.into_iter().enumerate().filter_map(next_copy);
    let first = value.queue.tracked(None, 1).first().map(|tracked| UnixMs(tracked.deadline.0.saturating_add(1)));
    copies.chain(first.filter(|_| is_master)).min().map(|at| at.max(UnixMs(now.0 + 1)))
}
