//! What watched keys were when Redis ended their lives, the values of strings above all: exact, where Redis tells (7.2.4 and newer; older
//! ones only say that a key is gone).

use crate::expiry::copies::string_met;
use crate::expiry::lifetime::{life_of, Life};
use crate::expiry::sightings;
use crate::expiry::watcher_index;
use crate::redis::ctx::{command_ms, unix_ms};
use crate::redis::key_events::{listen_to_ends, End};
use tsgen_engine::{Last, UnixMs};

/// Asks Redis to tell, where it does.
pub fn follow() {
    listen_to_ends(ended);
}

fn ended(end: &End<'_>) {
    let wanted = if end.is_evicted() { watcher_index::max_value_of_evicted } else { watcher_index::max_value };
    let Some(max) = wanted(end.db(), end.name()) else { return };
    let look = end.look();
    match life_of(&look) {
        Life::Until(deadline) if end.is_evicted() || !is_to_come(deadline) => {
            sightings::ended(end.db(), end.name(), Last { deadline, value: string_met(&look, max) });
        }
        // It is of our own types, had lost its deadline, or is deleted by being given one that has passed.
        _ => sightings::deleted(end.db(), end.name()),
    }
}

/// Whether the deadline it has is still to come. Then it is being given one that has passed, which is a way to delete it; Valkey (8.1 and
/// newer) calls that `expired` too. To come by the time of the command: a clock that steps back while it runs revives no key. Not in
/// this very millisecond: Redis 8.6 lets keys end in the one to which they were to live.
fn is_to_come(deadline: UnixMs) -> bool {
    deadline.0 > unix_ms().max(command_ms().unwrap_or(i64::MIN))
}
