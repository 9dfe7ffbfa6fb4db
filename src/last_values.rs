//! What watched keys were when Redis ended their lives, the values of strings above all: exact, where Redis tells (7.2.4 and newer; older
//! ones only say that a key is gone).
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
use tsgen_engine::{Copied, UnixMs};

/// How a key was when it ended.
struct Last {
    deadline: Option<UnixMs>,
    /// Of a string that is not too large.
    value: Option<Copied>,
}

/// A name may end more than once in a turn of the loop; the first end stands first.
type Ends = HashMap<(i32, Box<[u8]>), VecDeque<Last>>;

lazy_static! {
    static ref ENDS: Mutex<Ends> = Mutex::default();
}
/// So that nothing is locked while there are none.
static ANY: AtomicBool = AtomicBool::new(false);

/// Never held while Redis is called.
fn ends() -> MutexGuard<'static, Ends> {
    ENDS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Asks Redis to tell, where it does.
pub fn follow() {
    listen_to_ends(ended);
}

fn ended(end: &End<'_>) {
    let Some(max) = watch::max_value(end.db(), end.name()) else { return };
    let look = end.look();
    let life = life_of(&look);
    // One that had no deadline any more was not going to end.
    let is_deletion = if end.is_evicted() { life == Life::Endless } else { is_to_come(life) };
    if is_deletion {
        return seen::deleted(end.db(), end.name());
    }
    // Of other types there is a copy of some milliseconds before; a DUMP cannot be made here.
    let value = (look.kind() == Some(Kind::String)).then(|| {
        let bytes = (look.length() as u64 <= max).then(|| look.string().into());
        Copied { kind: type_number(Kind::String), bytes }
    });
    let last = Last { deadline: look.deadline().map(UnixMs), value };
    ends().entry((end.db(), end.name().into())).or_default().push_back(last);
    ANY.store(true, Ordering::Relaxed);
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
    of(db, key, VecDeque::pop_front)?.value
}

/// The same of the end that was noted last.
pub fn take_last(db: i32, key: &[u8]) -> Option<Copied> {
    of(db, key, VecDeque::pop_back)?.value
}

/// The deadline of the end whose value [`take_first`] takes.
pub fn first_deadline(db: i32, key: &[u8]) -> Option<UnixMs> {
    of(db, key, |ends| ends.front().map(|last| last.deadline))?
}

fn of<T>(db: i32, key: &[u8], ask: impl FnOnce(&mut VecDeque<Last>) -> Option<T>) -> Option<T> {
    ANY.load(Ordering::Relaxed).then(|| ends().get_mut(&(db, key.into())).and_then(ask))?
}

/// All that has ended has been looked at.
pub fn clear() {
    if ANY.swap(false, Ordering::Relaxed) {
        ends().clear();
    }
}
