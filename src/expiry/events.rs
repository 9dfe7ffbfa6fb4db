//! What happens to this node without a command of ours, as far as watchers go.

use crate::expiry::scan;
use crate::expiry::sightings;
use crate::expiry::watcher_index;
use crate::redis::server_events::Event;
use crate::redis::Ctx;

pub fn happened(ctx: &Ctx, event: &Event) {
    match event {
        Event::Flushed(db) => watcher_index::forget(*db),
        Event::Swapped(one, other) => watcher_index::swap(*one, *other),
        Event::BecameMaster => scan::promoted(ctx),
        Event::BecameReplica => sightings::became_replica(ctx),
        Event::LoadingEnded => watcher_index::keep_overdue(ctx),
        Event::Saving => watcher_index::saving(ctx),
        Event::Saved => watcher_index::saved(ctx),
        Event::SyncBegins | Event::Cron => {}
    }
}
