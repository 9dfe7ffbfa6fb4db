//! One watcher: what only this node knows of it, and of the keys that it tracks.
//!
//! Nothing in this file replicates.

use crate::delivery::keyspace;
use crate::delivery::timer::slots;
use crate::expiry::lifetime::{life_in_passing, Life};
use crate::expiry::values::{copy_of, Copy, Strings, LEADS, MOST_EARLY};
use crate::expiry::watcher_index;
use crate::expiry::Expiry;
use crate::redis::ctx::unix_ms;
use crate::redis::key;
use crate::redis::key_events::shows_ends;
use crate::redis::{Ctx, OwnedStr, Str};
use tsgen_engine::{Copied, Ending, Mark, Queue, Ttl, UnixMs};

/// Keys that are looked at between two looks at the clock.
pub const BATCH: usize = 64;

/// What only this node knows of a watcher.
pub struct Local {
    /// When it was made or loaded. Keys that had ended before are not its concern, unless it came with its slot.
    since: UnixMs,
    /// Set while it is still to be told of the keys that were there before it; keys that had ended before this time were never its concern.
    pub walks_since: Option<UnixMs>,
    /// Up to which mark values have been copied, at each lead.
    pub copied: [Mark; 3],
    /// Keys whose deadlines were over by this time have been searched for one that was never copied.
    pub looked_until: UnixMs,
}

impl Default for Local {
    fn default() -> Self {
        let since = UnixMs(unix_ms());
        Local { since, walks_since: Some(since), copied: [Mark::at(since); 3], looked_until: UnixMs(i64::MIN) }
    }
}

/// A key that was there before the watcher lives until `deadline`. If that is soon, its value is copied at once.
pub fn found(ctx: &Ctx, watcher: &Str, key: &Str, deadline: UnixMs) -> Option<()> {
    let mut opened = keyspace::open_quietly::<Expiry>(ctx, watcher)?;
    let value = opened.value().ok()??;
    // A value that is already known of the key came with the watcher, and is of the same life.
    value.queue.track(key.bytes(), deadline);
    value.schedule(ctx.db(), watcher.bytes(), first_look(deadline));
    drop(opened);
    let now = UnixMs(unix_ms());
    // To look at a key that is over would end it.
    if deadline > now && is_soon(deadline, now) {
        keep(ctx, watcher, key);
    }
    Some(())
}

/// The watcher that asked at `since` has been told of all keys that were there before it. Another watcher of this name is left as it is.
/// `None` if there is none.
pub fn walked(ctx: &Ctx, watcher: &Str, since: UnixMs) -> Option<()> {
    let mut opened = keyspace::open_quietly::<Expiry>(ctx, watcher)?;
    let local = &mut opened.value().ok()??.local;
    local.walks_since = local.walks_since.filter(|asked_at| *asked_at != since);
    Some(())
}

/// A RESTORE in the AOF has brought this watcher. Its payload tracks keys that were seen in another keyspace: those that are missing at this
/// point of the file ended elsewhere or before, and are untracked. (When the RESTORE first ran, all keys were forgotten and found anew in a
/// walk; but a walk after loading would not find keys that are over by then.) O(tracked keys).
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

/// A key that was found when its time was over.
pub struct FoundOverdue<'a> {
    pub deadline: UnixMs,
    /// Its value, if it is a string.
    pub value: Option<&'a Copied>,
    /// The key is tracked from now on, if it is not yet.
    pub is_new: bool,
}

/// A watcher takes in a key that was found overdue.
pub fn found_overdue(ctx: &Ctx, watcher: &Str, key: &Str, found: &FoundOverdue<'_>) {
    let FoundOverdue { deadline, value, is_new } = *found;
    with_queue(ctx, watcher, |queue| {
        let known = queue.known(key.bytes());
        let is_told = known.is_some_and(|known| known.ended == Some(Ending::Expired));
        // If the end of the tracked key was told, the key that was found came later.
        if !is_told && (is_new || known.is_some()) {
            queue.track(key.bytes(), deadline);
            value.into_iter().for_each(|value| queue.keep(key.bytes(), value.clone()));
        }
    });
}

/// Runs `what` on a watcher's queue, fenced: a panic damages this watcher only, and is `None` as if there were none. Nothing is replicated.
/// `what` must not call other code on the keyspace.
pub fn with_queue<R>(ctx: &Ctx, watcher: &Str, what: impl FnOnce(&mut Queue<Ttl>) -> R) -> Option<R> {
    key::fenced(ctx, watcher, "a watcher", || with_queue_of_command(ctx, watcher, what)).flatten()
}

/// Like [`with_queue`], for a command on this watcher: a panic also ends the command, so that its client learns of it.
pub fn with_queue_of_command<R>(ctx: &Ctx, watcher: &Str, what: impl FnOnce(&mut Queue<Ttl>) -> R) -> Option<R> {
    let mut opened = keyspace::open_quietly::<Expiry>(ctx, watcher)?;
    let value = opened.value().ok()??;
    Some(what(&mut value.queue))
}

/// Tracks a key of a slot that has just come, which ended at `deadline` before it was found; not if the watcher was made later than that.
/// `None` if there is no watcher.
pub fn adopt(ctx: &Ctx, watcher: &Str, key: &Str, deadline: UnixMs) -> Option<()> {
    let mut opened = keyspace::open_quietly::<Expiry>(ctx, watcher)?;
    let value = opened.value().ok()??;
    let since = slots::at_work_since(watcher.bytes(), value.local.since, UnixMs(unix_ms()));
    if deadline >= since && value.queue.tracked_until(key.bytes()).is_none() {
        value.queue.track(key.bytes(), deadline);
    }
    Some(())
}

/// When a key is first looked at before it ends at `deadline`.
pub fn first_look(deadline: UnixMs) -> UnixMs {
    UnixMs(deadline.0.saturating_sub(LEADS[0] + MOST_EARLY))
}

/// Whether the value of a key that ends at `deadline` is copied at once.
pub fn is_soon(deadline: UnixMs, now: UnixMs) -> bool {
    deadline.0 <= now.0.saturating_add(LEADS[0])
}

/// Copies the value of a tracked key for its entry; not that of a string where the server shows it at its end.
pub fn keep(ctx: &Ctx, watcher: &Str, name: &Str) {
    keep_now(ctx, watcher, name, if shows_ends() { Strings::Shown } else { Strings::Copied });
}

/// Copies the value of a tracked key.
pub fn keep_now(ctx: &Ctx, watcher: &Str, name: &Str, strings: Strings) {
    let max = watcher_index::max_value(ctx.db(), name.bytes()).unwrap_or(0);
    if let Some(copy) = copy_of(ctx, name, max, strings) {
        with_queue(ctx, watcher, |queue| match copy {
            Copy::Made(copied) => queue.keep(name.bytes(), copied),
            Copy::NotNeeded => queue.note_shown(name.bytes()),
        });
    }
}

/// A watcher shall be told once more of all keys that are there; keys that ended before `since` are not its concern. Returns the time since
/// when keys concern it; `None` if there is no watcher.
pub fn asks_anew(ctx: &Ctx, watcher: &Str, since: UnixMs) -> Option<UnixMs> {
    let mut opened = keyspace::open_quietly::<Expiry>(ctx, watcher)?;
    let local = &mut opened.value().ok()??.local;
    let since = since.max(slots::at_work_since(watcher.bytes(), local.since, UnixMs(unix_ms())));
    // A watcher that still walks keeps the earlier time, so that it is told of all it was to be told of.
    let since = local.walks_since.map_or(since, |before| before.min(since));
    local.walks_since = Some(since);
    Some(since)
}
