//! The events that watchers are told of, those of keys and those of this node. All subscriptions of EXPIRY are here.
//!
//! `judge` finds out later what an event of a key means, when no other code is in the middle of changing the key. While data is loaded
//! nothing expires, so the meaning is found out at once.

use crate::delivery::timer::{moves, renames};
use crate::expiry::copies;
use crate::expiry::handover;
use crate::expiry::judge;
use crate::expiry::lifetime::{life_of, Life};
use crate::expiry::overdue;
use crate::expiry::scan;
use crate::expiry::sightings::{self, KeyEvent};
use crate::expiry::values::string_met;
use crate::expiry::watcher;
use crate::expiry::watcher_index;
use crate::redis::ctx::{command_ms, unix_ms};
use crate::redis::datatype::on_unlinked;
use crate::redis::key_events::{listen_to_ends, Class, End, KeyListener};
use crate::redis::server_events::{before_sleep, Event};
use crate::redis::{Ctx, Str};
use std::ffi::CStr;
use tsgen_engine::{Last, UnixMs, MAX_NAME};

static CHANGES: KeyListener = KeyListener::new(Class::Generic, saw);
static ENDS: KeyListener = KeyListener::new(Class::Ends, saw);

/// A watcher has appeared. The first one subscribes to the events of keys, for good.
pub fn listen() {
    renames::follow();
    CHANGES.listen();
    ENDS.listen();
    listen_to_ends(ended);
    on_unlinked(sightings::deleted);
    moves::on_move(handover::moved);
    before_sleep(judge::turn_ends);
}

pub fn on_event(ctx: &Ctx, event: &Event) {
    match event {
        Event::Flushed(db) => forget(*db),
        Event::Swapped(one, other) => swap(*one, *other),
        Event::BecameMaster => {
            judge::no_deletion_comes(ctx);
            copies::promoted(ctx);
            scan::promoted(ctx);
        }
        Event::BecameReplica => judge::became_replica(ctx),
        Event::LoadingEnded => {
            judge::no_deletion_comes(ctx);
            overdue::keep_overdue(ctx);
        }
        Event::Saving => saving(ctx),
        Event::Saved => copies::saved(ctx),
        Event::SyncBegins | Event::Cron => {}
    }
}

/// The keys of this database, or of all, are gone, watchers included.
fn forget(db: Option<i32>) {
    sightings::forget(db);
    scan::forget(db);
    watcher_index::forget(db);
}

/// Two databases have changed places, with the watchers in them.
fn swap(one: i32, other: i32) {
    sightings::swap(one, other);
    scan::swap(one, other);
    watcher_index::swap(one, other);
}

/// A file is about to be written, which shall hold the values of watched strings as they are now. Often a child process writes it, which
/// can tell nobody anything.
fn saving(ctx: &Ctx) {
    watcher_index::for_each_db(ctx, |watchers| copies::keep_for_file(ctx, watchers, &sightings::unlooked(ctx.db())));
}

/// An event of a key, of any class.
fn saw(ctx: &Ctx, event: &CStr, key: &Str) {
    let (db, name, event) = (ctx.db(), key.bytes(), event.to_bytes());
    match event {
        b"rename_to" => watcher_index::renamed(db, name),
        b"move_to" => watcher_index::moved(db, name),
        b"rename_from" | b"move_from" => {}
        _ => watcher_index::forget_left(),
    }
    if !watcher_index::anybody() {
        return;
    }
    if event == b"restore" && watcher_index::is_watcher(db, name) && ctx.flags().is_loading() {
        watcher::untrack_missing(ctx, key);
    }
    let what = match event {
        b"expire" | b"restore" | b"rename_to" | b"move_to" | b"copy_to" => KeyEvent::Set,
        b"expired" => KeyEvent::Expired,
        b"evicted" => KeyEvent::Evicted,
        b"persist" | b"del" | b"rename_from" | b"move_from" => KeyEvent::Unset,
        _ => return,
    };
    if watcher_index::is_watched(db, name) && name.len() <= MAX_NAME {
        judge::note(ctx, key, what);
    }
}

/// The server ends the life of a key and shows the key (7.2.4 and newer; older servers only say that it is gone): above all the exact value
/// of a string.
fn ended(end: &End<'_>) {
    let wanted = if end.is_evicted() { watcher_index::max_value_of_evicted } else { watcher_index::max_value };
    let Some(max) = wanted(end.db(), end.name()) else { return };
    let look = end.look();
    match life_of(&look) {
        Life::Until(deadline) if end.is_evicted() || !is_to_come(deadline) => {
            sightings::ended(end.db(), end.name(), Last { deadline, value: string_met(&look, max) });
        }
        // The key is of our own types, had lost its deadline, or is deleted by a new deadline that has passed.
        _ => sightings::deleted(end.db(), end.name()),
    }
}

/// Whether the deadline that a key has is still to come. Then the key is being given a deadline that has passed, which is a way to delete
/// it; Valkey (8.1 and newer) calls that `expired` too. The time of the command counts: a clock that steps back while it runs revives no
/// key. A deadline in this very millisecond counts as over: Redis 8.6 ends a key within the last millisecond of its life.
fn is_to_come(deadline: UnixMs) -> bool {
    deadline.0 > unix_ms().max(command_ms().unwrap_or(i64::MIN))
}
