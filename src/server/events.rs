//! Hands server events on, first to each family and then to delivery: some deadlines may be looked at only once a family has held them
//! up.

use crate::delivery;
use crate::redis::server_events::{listen, Event};
use crate::redis::Ctx;
use crate::server::families::FAMILIES;

/// Subscribes to server events; at load.
pub fn register(ctx: &Ctx) -> bool {
    listen(ctx, on_event)
}

fn on_event(ctx: &Ctx, event: Event) {
    FAMILIES.iter().for_each(|family| (family.on_event)(ctx, &event));
    delivery::events::on_event(&event);
}
