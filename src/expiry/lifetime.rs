//! The life of a key: absent, endless, or until a deadline.

use crate::redis::key::{peeks_end_nothing, Key, Kind, Look};
use crate::redis::{Ctx, Str};
use tsgen_engine::UnixMs;

pub use tsgen_engine::Life;

/// The life of a key that was opened or met in a scan.
pub fn life_of(look: &Look<'_>) -> Life {
    match (look.kind(), look.deadline()) {
        (None, _) => Life::Absent,
        (Some(Kind::Ours(_)), _) => Life::Endless,
        (_, None) => Life::Endless,
        (_, Some(at)) => Life::Until(UnixMs(at)),
    }
}

/// The life of a key. Looking at a key that has expired deletes it, as Redis does.
pub fn life(ctx: &Ctx, name: &Str) -> Life {
    Key::open_silently(ctx, name).map_or(Life::Absent, |key| life_of(&key.look()))
}

/// The deadline of a key in its own event, where the server lets it be looked at there (7.2); none if it is over. The look is cheap, because
/// the server has just worked on the key.
pub fn deadline_in_event(ctx: &Ctx, name: &Str) -> Option<UnixMs> {
    let key = peeks_end_nothing().then(|| Key::peek(ctx, name))??;
    match life_of(&key.look()) {
        Life::Until(deadline) => Some(deadline),
        Life::Absent | Life::Endless => None,
    }
}

/// The life of a key, without ending it where the server allows that (7.2): a key that has expired is absent then, or shown as it was.
pub fn life_in_passing(ctx: &Ctx, name: &Str) -> Life {
    Key::peek_expired(ctx, name).map_or(Life::Absent, |key| life_of(&key.look()))
}
