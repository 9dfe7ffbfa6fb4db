//! Values that are on their way: from the AOF, chunk by chunk (a file that ends in between leaves no half key), and from a master.

use crate::command::Fail;
use crate::delivery::stored_queue::seed;
use lazy_static::lazy_static;
use std::any::Any;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tsgen_engine::{Gate, Loader, BEHAVIOUR, REPEATED};

type Unfinished = HashMap<(i32, Box<[u8]>), Box<dyn Any + Send>>;

lazy_static! {
    static ref UNFINISHED: Mutex<Unfinished> = Mutex::default();
}

fn unfinished() -> MutexGuard<'static, Unfinished> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is loaded comes from a master, whose operations follow.
static SYNCING: AtomicBool = AtomicBool::new(false);

/// Data of a master is about to be loaded.
pub fn sync_begins() {
    SYNCING.store(true, Ordering::Relaxed);
}

/// Nothing more comes.
pub fn ended() {
    SYNCING.store(false, Ordering::Relaxed);
    unfinished().clear();
}

/// What is repeated here, for whoever has just met something else.
pub fn repeated() -> String {
    match (*REPEATED.start(), BEHAVIOUR) {
        (oldest, newest) if oldest == newest => format!("this version repeats behaviour {newest}"),
        (oldest, newest) => format!("this version repeats behaviours {oldest} to {newest}"),
    }
}

/// Fails if a value was saved by a master whose operations this version cannot repeat. A file is read whoever wrote it.
pub fn check_behaviour(saved_by: u32) -> Result<(), String> {
    if !SYNCING.load(Ordering::Relaxed) || REPEATED.contains(&saved_by) {
        return Ok(());
    }
    Err(format!(
        "the master runs a version of behaviour {saved_by}, {}; a replica needs the version of its master or a newer one",
        repeated()
    ))
}

/// Nothing more comes of this key.
pub fn forget(db: i32, name: &[u8]) {
    unfinished().remove(&(db, name.into()));
}

/// Takes the next chunk of a key. The loader so far is given back; keep it with `put_back` if more is to come.
pub fn push<G: Gate + Send + 'static>(db: i32, name: &[u8], chunk: &[u8]) -> Result<Loader<G>, Fail> {
    let begun = unfinished().remove(&(db, name.into()));
    let mut loader = match begun.map(|begun| begun.downcast::<Loader<G>>()) {
        Some(Ok(loader)) => *loader,
        _ => Loader::new(seed()),
    };
    loader.push(chunk)?;
    Ok(loader)
}

/// More is to come.
pub fn put_back<G: Gate + Send + 'static>(db: i32, name: &[u8], loader: Loader<G>) {
    unfinished().insert((db, name.into()), Box::new(loader));
}
