//! The items of a group, as replies show them.

use crate::redis::Ctx;
use tsgen_engine::Reader;

/// Replies with items and the times when they came, in one flat array.
pub fn reply_items(ctx: &Ctx, items: &Reader<'_>) {
    ctx.reply_array(2 * items.clone().count());
    for (item, at) in items.clone() {
        ctx.reply_bytes(item);
        ctx.reply_int(at.0);
    }
}
