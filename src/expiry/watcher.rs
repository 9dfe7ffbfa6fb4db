//! What this node does about the keys that a watcher tracks: copies their values, and, on the master, tells when one has ended.
//!
//! `sightings` says what was seen of a key, the timer when a deadline comes near. It does not know clients or options.

use crate::command::call::AT;
use crate::delivery::failures;
use crate::delivery::family::Family;
use crate::delivery::keyspace;
use crate::delivery::signals::Signals;
use crate::delivery::timer::slots;
use crate::expiry::copies::{copy_values, early, keep, string_met, type_word, LEADS, MOST_EARLY};
use crate::expiry::lifetime::{life, life_in_passing, life_of, Life};
use crate::expiry::scan;
use crate::expiry::sightings;
use crate::expiry::watcher_index;
use crate::expiry::Expiry;
use crate::redis::ctx::unix_ms;
use crate::redis::key::{shows_expired, Key, Look};
use crate::redis::key_events::shows_ends;
use crate::redis::scan::Cursor;
use crate::redis::{Ctx, OwnedStr, Str};
use std::collections::{HashMap, HashSet};
use std::ffi::CStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tsgen_engine::{judge_change, Change, Copied, Ending, Known, Mark, Owed, Queue, Role, Then, Ttl, UnixMs, Verdict};

/// Keys that are looked at between two looks at the clock.
pub const BATCH: usize = 64;
/// Keys that are ended between two looks at the clock.
const DUE: usize = 16;

/// What only this node knows of a watcher.
pub struct Local {
    /// When it came to this node, or was made; what had ended before was never its concern.
    since: UnixMs,
    /// It is still to be told of the keys that were there before it; what had ended before this time was never its concern.
    pub walks_since: Option<UnixMs>,
    /// Up to where values have been copied, at each lead.
    pub copied: [Mark; 3],
    /// Of keys whose deadlines were over by then, it is known whether anything was copied.
    pub looked_until: UnixMs,
}

impl Default for Local {
    fn default() -> Self {
        let since = UnixMs(unix_ms());
        Local { since, walks_since: Some(since), copied: [Mark::at(since); 3], looked_until: UnixMs(i64::MIN) }
    }
}

fn ending_word(ending: Ending) -> &'static CStr {
    match ending {
        Ending::Expired => c"expired",
        Ending::Evicted => c"evicted",
    }
}

pub fn ending_name(ending: Ending) -> &'static str {
    match ending {
        Ending::Expired => "expired",
        Ending::Evicted => "evicted",
    }
}

/// What has come of a verdict.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It is none of this watcher's.
    Nothing,
    /// It is not tracked any more, without an entry.
    Untracked,
    /// This node knows more than before.
    Noted,
    /// An entry was made, here and everywhere.
    Fired,
    /// It has to be judged again.
    Waits,
}

/// Has a key judged by what a watcher knows of it, and does what comes of that. `last`: the value it ended with, if that is known.
///
/// `None` if there is no such watcher, as with all that follow.
pub fn settle(
    ctx: &Ctx,
    watcher: &Str,
    key: &Str,
    last: Option<&Copied>,
    role: Role,
    judge: impl FnOnce(Option<Known>) -> Verdict,
) -> Option<Told> {
    let name = key.bytes();
    let mut opened = keyspace::open_quietly::<Expiry>(ctx, watcher)?;
    let value = opened.value().ok()??;
    let verdict = judge(value.queue.known(name));
    let first = verdict.first.map(|owed| (owed, value.queue.end_life(name, owed.deadline, owed.ending, None, false)));
    let mut end = None;
    let mut told = Told::Noted;
    match verdict.then {
        Then::Wait => return Some(Told::Waits),
        Then::Nothing => told = Told::Nothing,
        Then::Untrack => {
            value.queue.untrack(name);
            told = Told::Untracked;
        }
        Then::Track(deadline) => {
            value.queue.track_anew(name, deadline);
            value.schedule(ctx.db(), watcher.bytes(), first_look(deadline));
        }
        Then::Fire { deadline, anew } => {
            let owed = Owed { deadline, ending: Ending::Expired };
            end = Some((owed, value.queue.end_life(name, deadline, owed.ending, last.cloned(), anew)));
        }
        Then::Evict { deadline, anew } => {
            if anew {
                value.queue.track_anew(name, deadline);
            }
            // In this order, so that a value that is not wanted is not counted as one for which there is no room.
            value.queue.note_evicted(name);
            if let Some(last) = last {
                value.queue.keep(name, last.clone());
            }
            value.schedule(ctx.db(), watcher.bytes(), deadline);
        }
    }
    let evicted = match verdict.then {
        Then::Evict { deadline, .. } => Some((deadline, value.queue.kept(name).cloned())),
        _ => None,
    };
    drop(opened);
    for (owed, made) in first.into_iter().chain(end) {
        match made {
            Ok(copied) => {
                replicate_end(ctx, FIRE, [watcher, key], owed.deadline, Some(owed.ending), copied.as_ref());
                told = Told::Fired;
            }
            // Where there is no room it is lost, and not tracked any more: it could not be made later either.
            Err(error) => failures::EXPIRY.note(watcher.bytes(), &error.to_string()),
        }
    }
    match (verdict.then, evicted) {
        (Then::Track(deadline), _) if is_soon(deadline, UnixMs(unix_ms())) => keep(ctx, watcher, key),
        (_, Some((deadline, copied))) => {
            expect_owed();
            if role == Role::Tells {
                replicate_end(ctx, EVICT, [watcher, key], deadline, None, copied.as_ref());
            }
        }
        _ => {}
    }
    Some(told)
}

/// A key that was changed, and how it stands now.
pub struct Changed {
    pub key: OwnedStr,
    pub change: Change,
    pub life: Life,
}

/// Has keys that were changed judged by what a watcher knows of them, and does what comes of that; calls `waits` with those that have to be
/// judged again. The watcher is opened once for all that need nothing but its memory.
///
/// `None` if there is no such watcher.
pub fn settle_changes(
    ctx: &Ctx,
    watcher: &Str,
    changed: &[Changed],
    role: Role,
    waits: &impl Fn(&Changed),
) -> Option<Told> {
    let now = UnixMs(unix_ms());
    let judge = |changed: &Changed, known| judge_change(changed.change, changed.life, known, role, now);
    let names: Vec<&[u8]> = changed.iter().map(|changed| changed.key.bytes()).collect();
    let mut opened = keyspace::open_quietly::<Expiry>(ctx, watcher)?;
    let value = opened.value().ok()??;
    let known = value.queue.known_each(&names);
    let (mut told, mut earliest, mut rest) = (Told::Nothing, UnixMs::NEVER, Vec::new());
    for ((changed, name), known) in changed.iter().zip(names).zip(known) {
        match judge(changed, known) {
            Verdict { first: None, then: Then::Nothing } => continue,
            Verdict { first: None, then: Then::Wait } => waits(changed),
            Verdict { first: None, then: Then::Untrack } => drop(value.queue.untrack(name)),
            Verdict { first: None, then: Then::Track(deadline) } if !is_soon(deadline, now) => {
                value.queue.track_anew(name, deadline);
                earliest = earliest.min(first_look(deadline));
            }
            _ => {
                rest.push(changed);
                continue;
            }
        }
        told = Told::Noted;
    }
    value.schedule(ctx.db(), watcher.bytes(), earliest);
    drop(opened);
    for changed in rest {
        match settle(ctx, watcher, &changed.key, None, role, |known| judge(changed, known))? {
            Told::Waits => waits(changed),
            Told::Fired => told = Told::Fired,
            Told::Nothing | Told::Untracked | Told::Noted => {}
        }
    }
    Some(told)
}

/// When a key is first looked at before it ends at `deadline`.
fn first_look(deadline: UnixMs) -> UnixMs {
    UnixMs(deadline.0.saturating_sub(LEADS[0] + MOST_EARLY))
}

/// Whether the value of a key that ends at `deadline` is copied at once.
fn is_soon(deadline: UnixMs, now: UnixMs) -> bool {
    deadline.0 <= now.0.saturating_add(LEADS[0])
}

/// Tells replicas and the AOF of an end, with its value if there is one.
fn replicate_end(
    ctx: &Ctx,
    command: &CStr,
    names: [&Str; 2],
    deadline: UnixMs,
    ending: Option<Ending>,
    copied: Option<&Copied>,
) {
    let words = [ending.map(ending_word), copied.map(|copied| type_word(copied.kind))];
    let bytes = copied.and_then(|copied| copied.bytes.as_deref());
    ctx.replicate_end((AT, unix_ms(), command), names, deadline.0, words, bytes);
}

/// Tells replicas and the AOF that a key is going to be deleted, and why; or that it was no such end after all. They are told in front of
/// the deletion, so it is never parted from its reason.
pub fn announce(ctx: &Ctx, watchers: &[OwnedStr], key: &Str, how: Option<Ending>) {
    let reason = OwnedStr::new(how.map_or(DELETED, ending_name).as_bytes());
    for watcher in watchers {
        ctx.replicate_at(AT, unix_ms(), ENDS, &[watcher, key, &reason]);
    }
}

/// The master has announced that a key ends like this; with no ending, that it was none. True if it is tracked.
pub fn note_ends(ctx: &Ctx, watcher: &Str, key: &Str, ending: Option<Ending>) -> bool {
    let noted = with_queue(ctx, watcher, |queue| {
        let known = queue.known(key.bytes());
        match ending {
            Some(Ending::Expired) => queue.note_gone(key.bytes()),
            Some(Ending::Evicted) => queue.note_evicted(key.bytes()),
            None if known.is_some_and(|known| known.ended.is_some()) => drop(queue.untrack(key.bytes())),
            None => {}
        }
        known.is_some()
    });
    expect_owed();
    noted.unwrap_or(false)
}

/// Tells the end of a key that is owed, if one is.
pub fn tell_owed(ctx: &Ctx, watcher: &Str, key: &Str) -> Option<Told> {
    let now = UnixMs(unix_ms());
    settle(ctx, watcher, key, None, Role::Tells, |known| Verdict {
        first: known.and_then(|known| known.owed(now)),
        then: Then::Nothing,
    })
}

/// Entries were made: tells blocked workers, the sink and subscribers, once for however many.
pub fn tell_ready(ctx: &Ctx, watcher: &Str) {
    let Some(mut opened) = keyspace::open_quietly::<Expiry>(ctx, watcher) else { return };
    let Ok(Some(value)) = opened.value() else { return };
    let signals = Signals::of(ctx, watcher, value, || UnixMs(unix_ms()), None);
    drop(opened);
    signals.send(ctx, watcher, [Expiry::VERBS.ready.event]);
}

/// The command that tells replicas and the AOF of an expiry.
pub const FIRE: &CStr = c"EXPIRY.FIRE";
/// The command that tells them of an eviction.
pub const EVICT: &CStr = c"EXPIRY.EVICT";
/// The command that tells them of either in advance, where the server lets nothing go out with the deletion itself.
pub const ENDS: &CStr = c"EXPIRY.ENDS";
/// What ENDS says of a key whose end it was wrong about.
pub const DELETED: &str = "deleted";

/// A key lives until `deadline`. Where that is soon, its value is copied at once.
fn track(ctx: &Ctx, watcher: &Str, key: &Str, deadline: UnixMs) -> Option<()> {
    settle(ctx, watcher, key, None, Role::Waits, |_| Verdict { first: None, then: Then::Track(deadline) }).map(drop)
}

/// A key that was there before the watcher lives until `deadline`. Where that is soon, its value is copied at once.
pub fn found(ctx: &Ctx, db: i32, watcher: &Str, key: &Str, deadline: UnixMs) -> Option<()> {
    let mut opened = keyspace::open_quietly::<Expiry>(ctx, watcher)?;
    let value = opened.value().ok()??;
    // What is known of its value came with the watcher, and is of the same life.
    value.queue.track(key.bytes(), deadline);
    value.schedule(db, watcher.bytes(), first_look(deadline));
    drop(opened);
    let now = UnixMs(unix_ms());
    // To look at one that is over would end it.
    if deadline > now && is_soon(deadline, now) {
        keep(ctx, watcher, key);
    }
    Some(())
}

/// A watcher has been told of all keys that were there before it, if it still is the one that asked at `since`. `None` if there is none.
pub fn walked(ctx: &Ctx, watcher: &Str, since: UnixMs) -> Option<()> {
    let mut opened = keyspace::open_quietly::<Expiry>(ctx, watcher)?;
    let local = &mut opened.value().ok()??.local;
    local.walks_since = local.walks_since.filter(|asked_at| *asked_at != since);
    Some(())
}

/// Whether any end may be owed, so that it costs nothing as long as none ever was.
static MAY_OWE: AtomicBool = AtomicBool::new(false);

/// From now on there may be.
pub fn expect_owed() {
    MAY_OWE.store(true, Ordering::Relaxed);
}

/// Whether there may be.
pub fn may_owe() -> bool {
    MAY_OWE.load(Ordering::Relaxed)
}

/// The deadline of a tracked key, once the key itself was asked; `None` if it has none any more.
pub fn confirmed(ctx: &Ctx, watcher: &Str, key: &Str) -> Option<UnixMs> {
    let known = with_queue(ctx, watcher, |queue| queue.known(key.bytes()))??;
    match life_in_passing(ctx, key) {
        // Whatever stands there now came later.
        _ if known.ended == Some(Ending::Expired) => Some(known.deadline),
        Life::Until(deadline) if deadline != known.deadline => {
            track(ctx, watcher, key, deadline);
            Some(deadline)
        }
        // Gone and not yet told of: evicted, or just expired.
        Life::Until(_) | Life::Absent => Some(known.deadline),
        Life::Endless => {
            with_queue(ctx, watcher, |queue| queue.untrack(key.bytes()));
            None
        }
    }
}

/// Finds out how tracked keys stand whose deadlines are over, before anybody touches them, for all watchers of a database: one by one where
/// the server shows what has expired (7.2), else in one walk over all keys. Copies the values of strings, notes what is gone, and forgets
/// values that were copied for a file.
pub fn keep_overdue(ctx: &Ctx, watchers: &[OwnedStr]) {
    let now = UnixMs(unix_ms());
    let names = |queue: &mut Queue<Ttl>| -> Vec<Box<[u8]>> {
        let overdue = queue.ending_between(UnixMs(i64::MIN), now, usize::MAX);
        // Of those whose end was announced nothing more need be found out.
        let open = overdue.iter().filter(|tracked| queue.ended(tracked.name) != Some(Ending::Expired));
        open.map(|tracked| tracked.name.into()).collect()
    };
    let overdue: HashSet<Box<[u8]>> =
        watchers.iter().flat_map(|watcher| with_queue(ctx, watcher, names).unwrap_or_default()).collect();
    if !overdue.is_empty() {
        expect_owed();
    }
    let max = watchers.iter().filter_map(|watcher| with_queue(ctx, watcher, |queue| queue.scope().max_value)).max();
    let meet = |look: &Look| {
        let life = life_of(look);
        let is_due = matches!(life, Life::Until(deadline) if deadline.is_due(now));
        (life, if is_due { string_met(look, max.unwrap_or(0)) } else { None })
    };
    let mut met = HashMap::new();
    if shows_expired() {
        let keys = overdue.iter().filter_map(|name| Some((name, Key::peek_expired(ctx, &OwnedStr::new(name))?)));
        keys.for_each(|(name, key)| drop(met.insert(name.clone(), meet(&key.look()))));
    } else {
        let (mut cursor, mut more) = (Cursor::new(), true);
        while more && met.len() < overdue.len() {
            more = cursor.step(ctx, |name, look| {
                if overdue.contains(name.bytes()) {
                    met.insert(name.bytes().into(), meet(look));
                }
            });
        }
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

/// A RESTORE has brought this watcher, read from the AOF: what its payload tracks was seen in another keyspace, and what is not there at this
/// point of the file ended elsewhere or before. (When the RESTORE came all of it was forgotten, and found anew in a walk; but a walk after
/// loading would not find what is over by then.) O(tracked keys).
pub fn untrack_missing(ctx: &Ctx, watcher: &Str) {
    let names = |queue: &mut Queue<Ttl>| -> Vec<Box<[u8]>> {
        queue.tracked(None, usize::MAX).iter().map(|tracked| tracked.name.into()).collect()
    };
    for name in with_queue(ctx, watcher, names).unwrap_or_default() {
        let name = OwnedStr::new(&name);
        if life_in_passing(ctx, &name) == Life::Absent {
            with_queue(ctx, watcher, |queue| queue.untrack(name.bytes()));
        }
    }
}

/// Whether a watcher tracks a key whose deadline was over at `now`.
pub fn has_overdue(ctx: &Ctx, watcher: &Str, now: UnixMs) -> bool {
    with_queue(ctx, watcher, |queue| !queue.ending_between(UnixMs(i64::MIN), now, 1).is_empty()).unwrap_or(false)
}

/// Most overdue keys that are looked through for one of which nothing was copied; where there are more, there may be one.
const LOOKED_THROUGH: usize = 1_000;
/// Between two times that a replica looks for them, in ms.
const REST: u64 = 10_000;

/// Whether a watcher may track a key whose deadline was over at `now` and of which nothing was copied, as far as was not asked before: its
/// node was held up, and on a replica what is over cannot be looked at any more. Asked every ten seconds at most: to a replica whose clock is
/// ahead every key may be over from the beginning.
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

/// A key that is overdue is there, and had this deadline and, if it is a string, this value.
/// `is_new`: it is tracked from now on, if it is not yet.
pub fn found_overdue(ctx: &Ctx, watcher: &Str, key: &Str, deadline: UnixMs, value: Option<&Copied>, is_new: bool) {
    with_queue(ctx, watcher, |queue| {
        let known = queue.known(key.bytes());
        let is_told = known.is_some_and(|known| known.ended == Some(Ending::Expired));
        // Whatever stands there under a name that has ended came later.
        if !is_told && (is_new || known.is_some()) {
            queue.track(key.bytes(), deadline);
            value.into_iter().for_each(|value| queue.keep(key.bytes(), value.clone()));
        }
    });
}

/// Does something with a watcher's queue, of which nothing replicates. Nothing in it may call other code on the keyspace.
pub fn with_queue<R>(ctx: &Ctx, watcher: &Str, what: impl FnOnce(&mut Queue<Ttl>) -> R) -> Option<R> {
    let mut opened = keyspace::open_quietly::<Expiry>(ctx, watcher)?;
    let value = opened.value().ok()??;
    Some(what(&mut value.queue))
}

/// A key of a slot that has just come, and was not found before it ended at `deadline`, is tracked; unless the watcher came later than that.
/// `None` if there is none.
pub fn adopt(ctx: &Ctx, watcher: &Str, key: &Str, deadline: UnixMs) -> Option<()> {
    let mut opened = keyspace::open_quietly::<Expiry>(ctx, watcher)?;
    let value = opened.value().ok()??;
    if deadline >= value.local.since && value.queue.tracked_until(key.bytes()).is_none() {
        value.queue.track(key.bytes(), deadline);
    }
    Some(())
}

/// Has a watcher told once more of all keys that are there; what ended before `since` is not its concern. `None` if there is none.
pub fn walk_anew(ctx: &Ctx, db: i32, watcher: &Str, since: UnixMs) -> Option<()> {
    let mut opened = keyspace::open_quietly::<Expiry>(ctx, watcher)?;
    let local = &mut opened.value().ok()??.local;
    let since = since.max(local.since);
    // What one that still walks was to be told of it is told of.
    let since = local.walks_since.map_or(since, |before| before.min(since));
    local.walks_since = Some(since);
    drop(opened);
    scan::join(db, watcher.bytes(), since);
    Some(())
}

/// How tracked keys that are overdue stand: what no event has told of is found out here. The master ends what has expired, and fires it
/// for all its watchers in the same unit. True if there is more to do at once.
fn look_at_due(ctx: &Ctx, watcher: &Str, now: UnixMs, is_master: bool) -> Option<bool> {
    let (held, last) = (scan::held(ctx.db()), UnixMs(now.0 - 1));
    let due = |queue: &mut Queue<Ttl>| -> Vec<(OwnedStr, UnixMs, Option<Ending>)> {
        let due = queue.ending_between(held, last, DUE);
        due.iter().map(|one| (OwnedStr::new(one.name), one.deadline, queue.ended(one.name))).collect()
    };
    let due = with_queue(ctx, watcher, due)?;
    let mut more = due.len() == DUE && is_master;
    for (key, deadline, ended) in due {
        // A watcher that went the same way is here unseen, too, and what it tells is seen once it is back.
        let is_elsewhere = match is_master {
            true => slots::is_anothers(ctx, key.bytes(), now) && !slots::is_anothers(ctx, watcher.bytes(), now),
            false => !slots::are_ours(key.bytes()),
        };
        if is_elsewhere {
            // Whoever has it now tells of its end.
            with_queue(ctx, watcher, |queue| queue.untrack(key.bytes()));
            continue;
        }
        let is_told = ended == Some(Ending::Expired);
        let life = if is_told { Life::Absent } else { life(ctx, &key) };
        sightings::tell_end_of(ctx, &key);
        match life {
            // A replica waits to be told.
            Life::Absent if !is_master => {}
            Life::Absent => {
                // Unless that is done, there was nothing there that could end, or whatever stands there now came later.
                let was = move |known: &Known| known.deadline == deadline;
                let told = settle(ctx, watcher, &key, None, Role::Tells, |known| {
                    let ending = ended.unwrap_or(Ending::Expired);
                    Verdict { first: known.filter(was).map(|_| Owed { deadline, ending }), then: Then::Nothing }
                });
                sightings::took_note(ctx.db(), watcher, told);
            }
            Life::Until(other) if other != deadline => drop(track(ctx, watcher, &key, other)),
            // Redis still shows it, so it has not expired: the clock of the one look is not that of the other.
            Life::Until(_) => more = is_master,
            Life::Endless => drop(with_queue(ctx, watcher, |queue| queue.untrack(key.bytes()))),
        }
    }
    Some(more)
}

/// What the timer does for a watcher; tells when it wants to come again.
pub fn tick(ctx: &Ctx, name: &Str, now: UnixMs, until: Instant, is_master: bool) -> Option<UnixMs> {
    let next = sightings::looking(|| look(ctx, name, now, until, is_master));
    sightings::tell_fired(ctx);
    next
}

fn look(ctx: &Ctx, name: &Str, now: UnixMs, until: Instant, is_master: bool) -> Option<UnixMs> {
    if watcher_index::has_moved(ctx.db(), name.bytes()) {
        let mut opened = keyspace::open_quietly::<Expiry>(ctx, name)?;
        let value = opened.value().ok()??;
        value.queue.forget_to_come(now);
        value.local = Local::default();
    }
    // What ends next first, then what has ended, and with what time is left the copies for bad times.
    let more = copy_values(ctx, name, now, until, 1..LEADS.len()).unwrap_or(false);
    let mut due = look_at_due(ctx, name, now, is_master).unwrap_or(false);
    while due && Instant::now() < until {
        due = look_at_due(ctx, name, now, is_master).unwrap_or(false);
    }
    if !is_master && !shows_ends() && has_uncopied(ctx, name, UnixMs(now.0 - 1)) {
        scan::look_for_overdue(ctx.db());
    }
    let more = copy_values(ctx, name, now, until, 0..1).unwrap_or(false) || due || more;
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
    copies.chain(first.filter(|_| is_master)).min().map(|at| at.max(UnixMs(now.0 + 1)))
}
