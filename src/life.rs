//! How a key stands with its time to live.

use crate::expiry;
use crate::redis::key::{Key, Kind, Look};
use crate::redis::{Ctx, Str};
use tsgen_engine::UnixMs;

/// How a key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// There is nothing under the name.
    Absent,
    /// It lives for ever, or it is one of ours, which we do not watch.
    Endless,
    /// It lives up to and with this millisecond.
    Until(UnixMs),
}

/// How a key stands that was met in a scan or opened.
pub fn life_of(look: &Look) -> Life {
    match (look.kind(), look.deadline()) {
        (None, _) => Life::Absent,
        (Some(Kind::Module(of)), _) if expiry::is_ours(of) => Life::Endless,
        (_, None) => Life::Endless,
        (_, Some(at)) => Life::Until(UnixMs(at)),
    }
}

/// How a key stands. Looking at one that has expired deletes it, as Redis does.
pub fn life(ctx: &Ctx, name: &Str) -> Life {
    Key::open_read(ctx, name).map_or(Life::Absent, |key| life_of(&key.look()))
}
