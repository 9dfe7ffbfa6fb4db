//! How a role ends, and what keeps it from ending: signals and failures. It knows nothing of what roles do.

use crate::elements::Elements;
use crate::log::say;
use std::time::Duration;
use tokio::signal::unix::{signal, SignalKind};
use tokio::time::{sleep, Instant};
use tokio_util::sync::CancellationToken;
use tsgen_client::Error;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A token that SIGTERM and Ctrl-C cancel.
pub fn stop_on_signals() -> CancellationToken {
    let stop = CancellationToken::new();
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let mut signals = signal(kind).expect("a handler for signals");
        let stop = stop.clone();
        tokio::spawn(async move {
            signals.recv().await;
            stop.cancel();
        });
    }
    stop
}

/// A part that an application plays, for ever or until it is done.
pub trait Role {
    /// Who it is in the log.
    fn name(&self) -> &str;

    /// Connects and plays. Ends when it is done or told to stop; any failure of Redis may be its end too, and it is run again.
    async fn run(&mut self, elements: &Elements, stop: &CancellationToken) -> Result<(), Error>;
}

/// Runs a role until it is done. After a failure it starts anew, after pauses that double from a tenth
/// of a second up to five seconds. So Redis may restart, or start last.
pub async fn keep_going(mut role: impl Role, elements: Elements, stop: CancellationToken) {
    let mut pause = FIRST_PAUSE;
    loop {
        let started = Instant::now();
        let Err(error) = role.run(&elements, &stop).await else { return };
        if started.elapsed() > LONGEST_PAUSE {
            pause = FIRST_PAUSE;
        }
        say(role.name(), format_args!("{error}; trying again in {pause:?}"));
        if stop.run_until_cancelled(sleep(pause)).await.is_none() {
            return;
        }
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}
