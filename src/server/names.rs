//! Finds the names of keys that INFO could not tell.
//!
//! A value knows the name under which it was seen last, and loses it with RENAME and MOVE. To hear of the new name, we would have to subscribe
//! to events for which every writer of every key pays. So an INFO that lacks a name asks for a walk over all keys, a millisecond of it in each
//! round of the server's cron. The walk ends after one round over all databases; an INFO that still lacks a name begins another.

use crate::redis::key::Kind;
use crate::redis::scan::Cursor;
use crate::redis::{Ctx, OwnedStr};
use crate::server::families::FAMILIES;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a round of the cron may walk.
const BUDGET: Duration = Duration::from_millis(1);

/// How far the walk has come.
struct Walk {
    db: i32,
    cursor: Cursor,
}

impl Walk {
    fn over(db: i32) -> Self {
        Walk { db, cursor: Cursor::new() }
    }
}

static WALK: Mutex<Option<Walk>> = Mutex::new(None);
static IS_WANTED: AtomicBool = AtomicBool::new(false);

/// Asks for the walk: the name of some value is wanted and not known.
pub fn look_for() {
    IS_WANTED.store(true, Ordering::Relaxed);
}

/// Walks on, if a name is wanted.
pub fn go_on(ctx: &Ctx) {
    if !IS_WANTED.load(Ordering::Relaxed) || ctx.flags().is_loading() {
        return;
    }
    let (selected, until) = (ctx.db(), Instant::now() + BUDGET);
    let taken = WALK.lock().unwrap_or_else(PoisonError::into_inner).take();
    let mut walk = taken.unwrap_or_else(|| Walk::over(0));
    loop {
        if !ctx.select_db(walk.db) {
            // There is no such database: the walk is over.
            IS_WANTED.store(false, Ordering::Relaxed);
            break;
        }
        if !step(ctx, &mut walk.cursor) {
            walk = Walk::over(walk.db + 1);
        }
        if Instant::now() >= until {
            *WALK.lock().unwrap_or_else(PoisonError::into_inner) = Some(walk);
            break;
        }
    }
    ctx.select_db(selected);
}

/// Meets some more keys, and has those of ours see their names. False at the end of the database.
fn step(ctx: &Ctx, cursor: &mut Cursor) -> bool {
    let mut ours = Vec::new();
    let more = cursor.step(ctx, |name, look| {
        if let Some(Kind::Ours(_)) = look.kind() {
            ours.push(OwnedStr::new(name.bytes()));
        }
    });
    for name in &ours {
        FAMILIES.iter().any(|family| (family.see)(ctx, name));
    }
    more
}
