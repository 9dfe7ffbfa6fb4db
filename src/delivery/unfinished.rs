//! Values that are being loaded from the AOF, chunk by chunk: a file that ends between two chunks leaves no half key.

use crate::command::Fail;
use crate::delivery::stored_queue::seed;
use lazy_static::lazy_static;
use std::any::Any;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tsgen_engine::{Gate, Loader, UnixMs};

type Unfinished = HashMap<(i32, Box<[u8]>), Box<dyn Any + Send>>;

lazy_static! {
    static ref UNFINISHED: Mutex<Unfinished> = Mutex::default();
}

fn unfinished() -> MutexGuard<'static, Unfinished> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Forgets the chunks of all keys: no more will come.
pub fn ended() {
    unfinished().clear();
}

/// Forgets the chunks of this key: no more will come.
pub fn forget(db: i32, name: &[u8]) {
    unfinished().remove(&(db, name.into()));
}

/// Takes the next chunk of a key, and returns the loader with all chunks so far. Keep it with `put_back` if more chunks are to come.
/// `elsewhere_at`: set if the key comes from another node, and when.
pub fn push<G: Gate + Send + 'static>(
    db: i32,
    name: &[u8],
    chunk: &[u8],
    elsewhere_at: Option<UnixMs>,
) -> Result<Loader<G>, Fail> {
    let begun = unfinished().remove(&(db, name.into()));
    let mut loader = match begun.map(|begun| begun.downcast::<Loader<G>>()) {
        Some(Ok(loader)) => *loader,
        _ => elsewhere_at.map_or_else(|| Loader::new(seed()), |now| Loader::elsewhere(seed(), now)),
    };
    loader.push(chunk)?;
    Ok(loader)
}

/// Keeps a loader for the next chunk of its key.
pub fn put_back<G: Gate + Send + 'static>(db: i32, name: &[u8], loader: Loader<G>) {
    unfinished().insert((db, name.into()), Box::new(loader));
}
