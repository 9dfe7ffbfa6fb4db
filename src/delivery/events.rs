//! What happens to keys and to this node without a command of ours.

use crate::delivery::timer::tick;
use crate::delivery::unfinished;
use crate::delivery::waiters;
use crate::redis::server_events::{listen, listen_to_keys, Event, Events};
use crate::redis::Ctx;
use crate::seen;
use crate::walk;
use crate::watch;
use std::ffi::CStr;
use tsgen_engine::UnixMs;

/// Subscribes to server events; at load.
pub fn register(ctx: &Ctx) -> bool {
    listen(ctx, happened)
}

fn happened(ctx: &Ctx, event: Event) {
    match event {
        Event::Flushed(db) => {
            tick::forget(db);
            watch::forget(db);
        }
        Event::Swapped(one, other) => {
            tick::swap(one, other);
            watch::swap(one, other);
        }
        Event::BecameMaster => {
            walk::promoted(ctx);
            tick::look_at_all();
        }
        Event::BecameReplica => seen::became_replica(ctx),
        Event::SyncBegins => unfinished::sync_begins(),
        Event::LoadingEnded => {
            unfinished::ended();
            watch::keep_overdue(ctx);
            waiters::data_is_there();
        }
        Event::Saving => watch::saving(ctx),
        Event::Saved => watch::saved(ctx),
        Event::Cron => tick::mind_the_clock(),
    }
}

/// Keys that the timer must drive are followed when they get another name. Subscribed to only once there is such a key,
/// because every SET EX, DEL and EXPIRE of the server pays for it. (COPY and RESTORE tell without.)
pub fn follow_names() {
    listen_to_keys(Events::Generic, |ctx, event, key| {
        // Never opens the key: that could expire it here and now, and the replica would differ.
        if is_arrival(event) {
            tick::note(ctx.db(), key.bytes(), UnixMs(0));
        }
        watch::saw(ctx, event, key);
    });
}

fn is_arrival(event: &CStr) -> bool {
    matches!(event.to_bytes(), b"rename_to" | b"move_to")
}
