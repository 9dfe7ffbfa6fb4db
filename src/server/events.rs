//! Hands server events on, first to each family and then to delivery: some deadlines may be looked at only once a family has held them
//! up. A panic in one family leaves the others and delivery alone.

use crate::delivery;
use crate::redis::panics;
use crate::redis::server_events::{listen, Event};
use crate::redis::Ctx;
use crate::server::families::FAMILIES;
use crate::server::names;

/// Subscribes to server events; at load.
pub fn register(ctx: &Ctx) -> bool {
    listen(ctx, on_event)
}

fn on_event(ctx: &Ctx, event: Event) {
    for family in FAMILIES {
        panics::catch("a server event, at one family", || (family.on_event)(ctx, &event));
    }
    delivery::events::on_event(&event);
    if matches!(event, Event::Cron) {
        names::go_on(ctx);
    }
}
