//! What happens to this node without a command of ours, as far as watchers go.

use crate::expiry::scan;
use crate::redis::server_events::Event;
use crate::redis::Ctx;
use crate::seen;
use crate::watch;

pub fn happened(ctx: &Ctx, event: &Event) {
    match event {
        Event::Flushed(db) => watch::forget(*db),
        Event::Swapped(one, other) => watch::swap(*one, *other),
        Event::BecameMaster => scan::promoted(ctx),
        Event::BecameReplica => seen::became_replica(ctx),
        Event::LoadingEnded => watch::keep_overdue(ctx),
        Event::Saving => watch::saving(ctx),
        Event::Saved => watch::saved(ctx),
        Event::SyncBegins | Event::Cron => {}
    }
}
