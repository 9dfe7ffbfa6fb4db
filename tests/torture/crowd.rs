//! Clients at work, all at once.

use crate::harness::scope;
use crate::load::Load;
use crate::stage::Stage;

pub const CLIENTS: u32 = 4;

/// Has clients work while `meanwhile` goes on: what they noted, and what came of that.
pub fn at_work<'a, T>(
    stage: &'a Stage,
    client: impl Fn(u32) -> Load<'a>,
    meanwhile: impl FnOnce() -> T,
) -> (Vec<Load<'a>>, T) {
    scope(|threads| {
        let over = stage.ends_with();
        let spawn = |number| {
            let load = client(number);
            threads.spawn(move || load.run())
        };
        let clients: Vec<_> = (0..CLIENTS).map(spawn).collect();
        let outcome = meanwhile();
        drop(over);
        let loads = clients.into_iter().map(|client| client.join().expect("a client that does not panic"));
        (loads.collect(), outcome)
    })
}
