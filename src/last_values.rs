//! The values that watched strings had when Redis ended their lives: exact, where Redis tells (7.2.4 and newer; older ones only say
//! that a key is gone).
//!
//! They are kept for as long as it takes to look at what was seen: until the server's loop sleeps.

use crate::copies::type_number;
use crate::life::{life_of, Life};
use crate::redis::ctx::{command_ms, unix_ms};
use crate::redis::event::{listen_to_ends, End};
use crate::redis::key::Kind;
use crate::{seen, watch};
use lazy_static::lazy_static;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tsgen_engine::Copied;

/// A name may end more than once in a turn of the loop; the first end stands first.
type Values = HashMap<(i32, Box<[u8]>), VecDeque<Copied>>;

lazy_static! {
    static ref VALUES: Mutex<Values> = Mutex::default();
}
/// So that nothing is locked while there are none.
static ANY: AtomicBool = AtomicBool::new(false);

/// Never held while Redis is called.
fn values() -> MutexGuard<'static, Values> {
    VALUES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Asks Redis to tell, where it does.
pub fn follow() {
    listen_to_ends(ended);
}

fn ended(end: &End<'_>) {
    let Some(max) = watch::max_value(end.db(), end.name()) else { return };
    let look = end.look();
    if !end.is_evicted() && is_to_come(life_of(&look)) {
        return seen::deleted(end.db(), end.name());
    }
    // Of other types there is a copy of some milliseconds before; a DUMP cannot be made here.
    if look.kind() == Some(Kind::String) {
        let bytes = (look.length() as u64 <= max).then(|| look.string().into());
        let copied = Copied { kind: type_number(Kind::String), bytes };
        values().entry((end.db(), end.name().into())).or_default().push_back(copied);
        ANY.store(true, Ordering::Relaxed);
    }
}

/// Whether the deadline it has is still to come. Then it is being given one that has passed, which is a way to delete it; Valkey (8.1 and
/// newer) calls that `expired` too. To come by the time of the command: a clock that steps back while it runs revives no key. Not in
/// this very millisecond: Redis 8.6 lets keys end in the one to which they were to live.
fn is_to_come(life: Life) -> bool {
    let now = unix_ms().max(command_ms().unwrap_or(i64::MIN));
    matches!(life, Life::Until(deadline) if deadline.0 > now)
}

/// The last value of a key that has ended, if it is known: of the end that was noted first and not taken yet.
pub fn take_first(db: i32, key: &[u8]) -> Option<Copied> {
    take(db, key, VecDeque::pop_front)
}

/// The same of the end that was noted last.
pub fn take_last(db: i32, key: &[u8]) -> Option<Copied> {
    take(db, key, VecDeque::pop_back)
}

fn take(db: i32, key: &[u8], which: fn(&mut VecDeque<Copied>) -> Option<Copied>) -> Option<Copied> {
    ANY.load(Ordering::Relaxed).then(|| values().get_mut(&(db, key.into())).and_then(which))?
}

/// All that has ended has been looked at.
pub fn clear() {
    if ANY.swap(false, Ordering::Relaxed) {
        values().clear();
    }
}
