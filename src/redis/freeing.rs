//! A thread of our own that drops what takes long to drop.

use super::panics;
use std::sync::mpsc::{channel, Sender};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;

/// Something that can be dropped anywhere.
pub type Load = Box<dyn Send>;

/// Drops a value on a thread in the background, so that nobody waits for that.
pub fn free_elsewhere(value: Load) {
    static THREAD: OnceLock<Option<Mutex<Sender<Load>>>> = OnceLock::new();
    let sender = THREAD.get_or_init(|| {
        let (sender, values) = channel::<Load>();
        let freer = thread::Builder::new().name("tsgen-free".into()).spawn(move || {
            for value in values {
                panics::catch("free", || drop(value));
            }
        });
        freer.ok().map(|_| Mutex::new(sender))
    });
    if let Some(sender) = sender {
        // If the thread is gone, the value comes back in the error and is dropped here.
        drop(sender.lock().unwrap_or_else(PoisonError::into_inner).send(value));
    }
}
