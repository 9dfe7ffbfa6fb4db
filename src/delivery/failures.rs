//! Failures of which no client could be told: they are counted and logged now and then, and INFO shows the last reason.

use crate::redis::ctx::unix_ms;
use crate::redis::log;
use std::ffi::CString;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// At most one line of a kind is logged in this many milliseconds: a failure at each tick must not fill the disk.
const LOG_EVERY: i64 = 60_000;

/// Failures of one kind.
pub struct Failures {
    /// What failed, in the words of the log line.
    what: &'static str,
    state: Mutex<State>,
}

struct State {
    count: u64,
    last: String,
    /// When the last line went to the log, and the count at that time.
    logged: Option<(i64, u64)>,
}

impl Failures {
    pub const fn of(what: &'static str) -> Self {
        Failures { what, state: Mutex::new(State { count: 0, last: String::new(), logged: None }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes one more failure, at the key of this name.
    pub fn note(&self, key: &[u8], why: &str) {
        let mut state = self.state();
        state.count += 1;
        // The reason must fit in one line of INFO.
        let clean = why.chars().map(|c| if c.is_control() { '?' } else { c });
        state.last = clean.take(200).collect();
        let now = unix_ms();
        // A clock that was set back does not silence the log.
        let rests = state.logged.is_some_and(|(at, _)| (0..LOG_EVERY).contains(&(now - at)));
        if rests {
            return;
        }
        let count = state.count;
        let before = state.logged.replace((now, count)).map_or(0, |(_, count)| count);
        let more = match count - before {
            1 => String::new(),
            failed => format!(" ({failed} since the last such line)"),
        };
        let shown = key.iter().take(256).flat_map(|byte| byte.escape_ascii()).map(char::from).collect::<String>();
        log::warn(&format!("{} failed, key '{shown}': {}{more}", self.what, state.last));
    }

    /// The number of failures since the server was started.
    pub fn count(&self) -> u64 {
        self.state().count
    }

    /// The last reason; empty if there is none.
    pub fn last(&self) -> CString {
        CString::new(self.state().last.as_str()).unwrap_or_default()
    }
}
