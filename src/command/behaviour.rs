//! The behaviours whose operations this version can repeat (docs/design.md, "Replication and the AOF").

use std::sync::atomic::{AtomicBool, Ordering};
use tsgen_engine::{BEHAVIOUR, REPEATED};

/// Whether the data being loaded comes from a master, whose operations follow.
static SYNCING: AtomicBool = AtomicBool::new(false);

/// Data of a master is about to be loaded.
pub fn sync_begins() {
    SYNCING.store(true, Ordering::Relaxed);
}

/// The loading is over, successful or not.
pub fn sync_ended() {
    SYNCING.store(false, Ordering::Relaxed);
}

/// The behaviours that this version repeats, for the error about another one.
pub fn repeated() -> String {
    match (*REPEATED.start(), BEHAVIOUR) {
        (oldest, newest) if oldest == newest => format!("this version repeats behaviour {newest}"),
        (oldest, newest) => format!("this version repeats behaviours {oldest} to {newest}"),
    }
}

/// Fails if a value was saved by a master whose operations this version cannot repeat. A file is read whichever version wrote it.
pub fn check_behaviour(saved_by: u32) -> Result<(), String> {
    if !SYNCING.load(Ordering::Relaxed) || REPEATED.contains(&saved_by) {
        return Ok(());
    }
    Err(format!(
        "the master runs a version of behaviour {saved_by}, {}; a replica needs the version of its master or a newer one",
        repeated()
    ))
}
