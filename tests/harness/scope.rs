//! Threads of a test, none of which waits for ever once another has panicked.
//!
//! A plain `thread::scope` waits for all of its threads, also when the test has failed. Those that go on until something has come, or
//! until the server is gone, would never end, and the test with them. `clippy.toml` therefore forbids it.

use super::process::Started;
use std::thread::{self, ScopedJoinHandle};

/// As `std::thread::scope`. If `run` or one of the threads panics, all servers of the test are killed: what the others want of these fails
/// then, so they end as well. The servers are those that the calling thread has started.
pub fn scope<'env, T>(run: impl for<'scope> FnOnce(&Scope<'scope, 'env>) -> T) -> T {
    let started = Started::by_this_thread();
    #[allow(clippy::disallowed_methods)] // this is the one that ends
    thread::scope(|threads| {
        let scope = Scope { threads, started };
        let _guard = Guard(scope.started.clone());
        run(&scope)
    })
}

pub struct Scope<'scope, 'env: 'scope> {
    threads: &'scope thread::Scope<'scope, 'env>,
    started: Started,
}

impl<'scope> Scope<'scope, '_> {
    pub fn spawn<T: Send + 'scope>(&self, run: impl FnOnce() -> T + Send + 'scope) -> ScopedJoinHandle<'scope, T> {
        let guard = Guard(self.started.clone());
        self.threads.spawn(move || {
            let _guard = guard;
            run()
        })
    }
}

/// Kills when the thread that holds it panics.
struct Guard(Started);

impl Drop for Guard {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.kill();
        }
    }
}
