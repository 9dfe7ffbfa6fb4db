//! What happens to keys and to this node without a command of ours.

use crate::command::behaviour;
use crate::delivery::timer::tick;
use crate::delivery::unfinished;
use crate::delivery::waiters;
use crate::redis::server_events::{listen, Event};
use crate::redis::Ctx;
use crate::seen;
use crate::walk;
use crate::watch;

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
        Event::SyncBegins => behaviour::sync_begins(),
        Event::LoadingEnded => {
            behaviour::sync_ended();
            unfinished::ended();
            watch::keep_overdue(ctx);
            waiters::data_is_there();
        }
        Event::Saving => watch::saving(ctx),
        Event::Saved => watch::saved(ctx),
        Event::Cron => tick::mind_the_clock(),
    }
}
