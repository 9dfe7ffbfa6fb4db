//! Hands server events on, first to each family and then to delivery: some deadlines may be looked at only once a family has held them
//! up.

use crate::delivery;
use crate::redis::server_events::{listen, Event};
use crate::redis::Ctx;
use crate::server::families::FAMILIES;

/// Subscribes to server events; at load.
pub fn register(ctx: &Ctx) -> bool {
    listen(ctx, happened)
}

fn happened(ctx: &Ctx, event: Event) {
    FAMILIES.iter().for_each(|family| (family.happened)(ctx, &event));
    delivery::events::happened(&event);
}
