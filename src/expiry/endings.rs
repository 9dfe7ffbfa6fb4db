//! Tells the end of a key everywhere: as an entry here, and to replicas and the AOF by `EXPIRY.FIRE`, `EVICT` and `ENDS`.
//!
//! A sighting of a key is judged by what the watcher knows of that key; this file carries out the verdict.

use crate::command::call::AT;
use crate::delivery::failures::Failures;
use crate::delivery::family::Family;
use crate::delivery::keyspace;
use crate::delivery::signals::Signals;
use crate::expiry::lifetime::{life_in_passing, Life};
use crate::expiry::values::type_word;
use crate::expiry::watcher::{first_look, is_soon, keep, with_queue, with_queue_of_command};
use crate::expiry::Expiry;
use crate::redis::ctx::{unix_ms, Envelope};
use crate::redis::panics;
use crate::redis::{Ctx, OwnedStr, Str};
use std::ffi::CStr;
use std::sync::atomic::{AtomicBool, Ordering};
use tsgen_engine::{
    judge_change, Change, Copied, Ending, Error, Known, OfLife, Owed, Queue, Then, Ttl, UnixMs, Update, Verdict, Voice,
};

/// Entries that could not be made.
pub static FAILURES: Failures = Failures::of("making the entry of a watched key that has ended");

/// The command that tells replicas and the AOF of an expiry.
pub const FIRE: &CStr = c"EXPIRY.FIRE";

/// The command that tells replicas and the AOF of an eviction.
pub const EVICT: &CStr = c"EXPIRY.EVICT";

/// The command that tells replicas and the AOF of either in advance, where the server lets nothing go out with the deletion itself.
pub const ENDS: &CStr = c"EXPIRY.ENDS";

/// The reason in an ENDS that takes back a wrong announcement.
pub const DELETED: &CStr = c"deleted";

/// The word for an ending, in entries and between nodes.
pub fn ending_word(ending: Ending) -> &'static CStr {
    match ending {
        Ending::Expired => c"expired",
        Ending::Evicted => c"evicted",
    }
}

/// The ending that this word stands for.
pub fn ending_of(word: &Str) -> Option<Ending> {
    Ending::ALL.into_iter().find(|ending| word.bytes().eq_ignore_ascii_case(ending_word(*ending).to_bytes()))
}

/// The outcome of a verdict.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// The key is not this watcher's concern.
    Nothing,
    /// The key is not tracked any more, and no entry was made.
    Untracked,
    /// This node knows more than before.
    Noted,
    /// An entry was made, here and everywhere.
    Fired,
    /// The key has to be judged again.
    Waits,
}

/// A key that is to be judged by what one watcher knows of it.
#[derive(Clone, Copy)]
pub struct Case<'a> {
    pub watcher: &'a Str,
    pub key: &'a Str,
    /// Whether this node may say now what has ended.
    pub voice: Voice,
    /// The value that the key ended with, if it is known.
    pub last: Option<&'a Copied>,
}

impl<'a> Case<'a> {
    /// A case in which no last value is known.
    pub fn new(watcher: &'a Str, key: &'a Str, voice: Voice) -> Self {
        Case { watcher, key, voice, last: None }
    }
}

/// Judges a key, and carries out the verdict. `None` if there is no such watcher; so for the functions below.
pub fn carry_out(ctx: &Ctx, case: &Case<'_>, judge: impl FnOnce(Option<Known>) -> Verdict) -> Option<Told> {
    let Case { watcher, key, voice, last } = *case;
    let name = key.bytes();
    let mut opened = keyspace::open_quietly::<Expiry>(ctx, watcher)?;
    let value = opened.value().ok()??;
    let verdict = judge(value.queue.known(name));
    let first = verdict.first.map(|end| Made { end, value: value.queue.end_life(name, end, None, OfLife::This) });
    let Taken { mut told, made } = take_in(&mut value.queue, name, verdict.then, last);
    let looks_at = match verdict.then {
        Then::Wait => return Some(Told::Waits),
        Then::Track(deadline) => Some(first_look(deadline)),
        Then::Evict { deadline, .. } => Some(deadline),
        Then::Nothing | Then::Untrack | Then::Fire { .. } => None,
    };
    looks_at.into_iter().for_each(|at| value.schedule(ctx.db(), watcher.bytes(), at));
    let kept = match verdict.then {
        Then::Evict { .. } => value.queue.kept(name).cloned(),
        _ => None,
    };
    drop(opened);
    for Made { end, value } in first.into_iter().chain(made) {
        match value {
            Ok(copied) => {
                replicate_fired(ctx, case, end, copied.as_ref());
                told = Told::Fired;
            }
            // Without room the entry is lost, and the key is not tracked any more: the entry could not be made later either.
            Err(error) => FAILURES.note(watcher.bytes(), &error.to_string()),
        }
    }
    match verdict.then {
        Then::Track(deadline) if is_soon(deadline, UnixMs(unix_ms())) => keep(ctx, watcher, key),
        Then::Evict { deadline, .. } => {
            expect_owed();
            if voice == Voice::Tells {
                replicate_evicted(ctx, case, deadline, kept.as_ref());
            }
        }
        _ => {}
    }
    Some(told)
}

/// The entry of an end that is to be told.
struct Made {
    end: Owed,
    /// The value in the entry, if it has one; or why no entry could be made.
    value: Result<Option<Copied>, Error>,
}

/// What a verdict has done to a watcher itself.
struct Taken {
    told: Told,
    made: Option<Made>,
}

/// Carries out a verdict on a watcher itself.
fn take_in(queue: &mut Queue<Ttl>, name: &[u8], then: Then, last: Option<&Copied>) -> Taken {
    let told = match then {
        Then::Wait => Told::Waits,
        Then::Nothing => Told::Nothing,
        Then::Untrack => {
            queue.untrack(name);
            Told::Untracked
        }
        Then::Track(deadline) => {
            queue.track_anew(name, deadline);
            Told::Noted
        }
        Then::Fire { deadline, known } => {
            let end = Owed { deadline, ending: Ending::Expired };
            let value = queue.end_life(name, end, last.cloned(), known);
            return Taken { told: Told::Noted, made: Some(Made { end, value }) };
        }
        Then::Evict { deadline, known } => {
            if known == OfLife::Earlier {
                queue.track_anew(name, deadline);
            }
            // The eviction is noted first, so that a value that is not wanted is not counted as one for which there is no room.
            queue.note_evicted(name);
            if let Some(last) = last {
                queue.keep(name, last.clone());
            }
            Told::Noted
        }
    };
    Taken { told, made: None }
}

/// A key that was changed, and how it stands now.
#[derive(Clone, Copy)]
pub struct Changed<'a> {
    pub name: &'a [u8],
    pub change: Change,
    pub life: Life,
}

/// Judges keys that were changed, each once, by what a watcher knows of them, and carries out the verdicts; calls `waits` with keys that have
/// to be judged again. The watcher is opened once for all keys whose verdicts change nothing but its memory.
///
/// `None` if there is no such watcher.
pub fn carry_out_changes(
    ctx: &Ctx,
    watcher: &Str,
    changed: &[Changed<'_>],
    voice: Voice,
    waits: &impl Fn(&Changed<'_>),
) -> Option<Told> {
    let now = UnixMs(unix_ms());
    let judge = |changed: &Changed<'_>, known| judge_change(changed.change, changed.life, known, voice, now);
    let names: Vec<&[u8]> = changed.iter().map(|changed| changed.name).collect();
    let mut opened = keyspace::open_quietly::<Expiry>(ctx, watcher)?;
    let value = opened.value().ok()??;
    let (mut told, mut earliest, mut rest) = (Told::Nothing, UnixMs::NEVER, Vec::new());
    value.queue.update_each(&names, |nth, known| {
        let changed = &changed[nth];
        let update = match judge(changed, known) {
            Verdict { first: None, then: Then::Nothing } => return Update::None,
            Verdict { first: None, then: Then::Wait } => {
                waits(changed);
                Update::None
            }
            Verdict { first: None, then: Then::Untrack } => Update::Untrack,
            Verdict { first: None, then: Then::Track(deadline) } if !is_soon(deadline, now) => {
                earliest = earliest.min(first_look(deadline));
                Update::Track(deadline)
            }
            _ => {
                rest.push(changed);
                return Update::None;
            }
        };
        told = Told::Noted;
        update
    });
    value.schedule(ctx.db(), watcher.bytes(), earliest);
    drop(opened);
    for changed in rest {
        let key = OwnedStr::new(changed.name);
        match carry_out(ctx, &Case::new(watcher, &key, voice), |known| judge(changed, known))? {
            Told::Waits => waits(changed),
            Told::Fired => told = Told::Fired,
            Told::Nothing | Told::Untracked | Told::Noted => {}
        }
    }
    Some(told)
}

/// Tells replicas and the AOF of an end for which an entry was made, with the value in the entry if it has one.
fn replicate_fired(ctx: &Ctx, case: &Case<'_>, end: Owed, copied: Option<&Copied>) {
    let reason = Some(ending_word(end.ending));
    let envelope = Envelope { at: AT, ms: unix_ms(), command: FIRE };
    ctx.replicate_end(envelope, [case.watcher, case.key], end.deadline.0, [reason, type_of(copied)], bytes_of(copied));
}

/// Tells replicas and the AOF that a key was evicted, with its value if that is kept.
fn replicate_evicted(ctx: &Ctx, case: &Case<'_>, deadline: UnixMs, kept: Option<&Copied>) {
    let envelope = Envelope { at: AT, ms: unix_ms(), command: EVICT };
    ctx.replicate_end(envelope, [case.watcher, case.key], deadline.0, [None, type_of(kept)], bytes_of(kept));
}

fn type_of(copied: Option<&Copied>) -> Option<&'static CStr> {
    copied.map(|copied| type_word(copied.kind))
}

fn bytes_of(copied: Option<&Copied>) -> Option<&[u8]> {
    copied.and_then(|copied| copied.bytes.as_deref())
}

/// Tells replicas and the AOF that a key is going to be deleted, and why; or (`None`) that it was no such end after all. The announcement
/// goes out in front of the deletion, so the deletion is never parted from its reason. A panic at one watcher leaves out that one; it may not be
/// marked as damaged here, because in an event no key may be opened.
pub fn announce(ctx: &Ctx, watchers: &[OwnedStr], key: &Str, how: Option<Ending>) {
    let reason = OwnedStr::new(how.map_or(DELETED, ending_word).to_bytes());
    for watcher in watchers {
        panics::catch("the announcement of an end", || ctx.replicate_at(AT, unix_ms(), ENDS, &[watcher, key, &reason]));
    }
}

/// The master has announced that a key ends like this or, with no ending, that it did not end so. True if the key is tracked.
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

/// Tells the end that is owed of a key, if one is.
pub fn tell_owed(ctx: &Ctx, watcher: &Str, key: &Str) -> Option<Told> {
    let now = UnixMs(unix_ms());
    carry_out(ctx, &Case::new(watcher, key, Voice::Tells), |known| Verdict {
        first: known.and_then(|known| known.owed(now)),
        then: Then::Nothing,
    })
}

/// Entries were made: tells blocked workers, the sink and subscribers, once for any number of entries.
pub fn signal_ready(ctx: &Ctx, watcher: &Str) {
    let Some(mut opened) = keyspace::open_quietly::<Expiry>(ctx, watcher) else { return };
    let Ok(Some(value)) = opened.value() else { return };
    let signals = Signals::of(ctx, watcher, value, || UnixMs(unix_ms()));
    drop(opened);
    signals.send_anywhere(ctx, watcher, [Expiry::VERBS.ready.event]);
}

/// Whether any end may be owed; so a check costs nothing as long as none ever was.
static MAY_OWE: AtomicBool = AtomicBool::new(false);

/// From now on an end may be owed.
pub fn expect_owed() {
    MAY_OWE.store(true, Ordering::Relaxed);
}

/// Whether any end may be owed.
pub fn may_owe() -> bool {
    MAY_OWE.load(Ordering::Relaxed)
}

/// Tracks a key that lives until `deadline`. If that is soon, its value is copied at once.
pub fn track(ctx: &Ctx, watcher: &Str, key: &Str, deadline: UnixMs) -> Option<()> {
    let verdict = Verdict { first: None, then: Then::Track(deadline) };
    carry_out(ctx, &Case::new(watcher, key, Voice::Waits), |_| verdict).map(drop)
}

/// The deadline of a tracked key, confirmed by a look at the key itself; `None` if it has no deadline any more.
pub fn confirmed(ctx: &Ctx, watcher: &Str, key: &Str) -> Option<UnixMs> {
    let known = with_queue_of_command(ctx, watcher, |queue| queue.known(key.bytes()))??;
    match life_in_passing(ctx, key) {
        // The tracked life has ended: any key there now came later.
        _ if known.ended == Some(Ending::Expired) => Some(known.deadline),
        Life::Until(deadline) if deadline != known.deadline => {
            track(ctx, watcher, key, deadline);
            Some(deadline)
        }
        // A key that is gone was evicted or has just expired, and its end is not told yet.
        Life::Until(_) | Life::Absent => Some(known.deadline),
        Life::Endless => {
            with_queue_of_command(ctx, watcher, |queue| queue.untrack(key.bytes()));
            None
        }
    }
}
