//! How a key stands with its time to live.

use crate::redis::key::{Key, Kind, Look};
use crate::redis::{Ctx, Str};
use tsgen_engine::UnixMs;

pub use tsgen_engine::Life;

/// How a key stands that was met in a scan or opened.
pub fn life_of(look: &Look<'_>) -> Life {
    match (look.kind(), look.deadline()) {
        (None, _) => Life::Absent,
        (Some(Kind::Ours(_)), _) => Life::Endless,
        (_, None) => Life::Endless,
        (_, Some(at)) => Life::Until(UnixMs(at)),
    }
}

/// How a key stands. Looking at one that has expired deletes it, as Redis does.
pub fn life(ctx: &Ctx, name: &Str) -> Life {
    Key::open_silently(ctx, name).map_or(Life::Absent, |key| life_of(&key.look()))
}

/// How a key stands, without ending it where the server allows that (7.2): one that has expired is absent then, or shown as it was.
pub fn life_in_passing(ctx: &Ctx, name: &Str) -> Life {
    Key::peek_expired(ctx, name).map_or(Life::Absent, |key| life_of(&key.look()))
}
