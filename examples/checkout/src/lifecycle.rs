//! How a process ends, and what keeps it from ending: signals and failures.

use redis::RedisResult;
use std::time::Duration;
use tokio::signal::unix::{signal, SignalKind};
use tokio::time::{sleep, Instant};
use tokio_util::sync::CancellationToken;

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

/// Runs a task until it is done. After a failure it starts anew, with a new connection, after pauses that double from a tenth
/// of a second up to five seconds. So Redis may restart, or start last.
pub async fn keep_going(name: &str, stop: &CancellationToken, task: impl AsyncFn() -> RedisResult<()>) {
    let mut pause = FIRST_PAUSE;
    loop {
        let started = Instant::now();
        let Err(error) = task().await else { return };
        if started.elapsed() > LONGEST_PAUSE {
            pause = FIRST_PAUSE;
        }
        println!("{name}: {error}; trying again in {pause:?}");
        if stop.run_until_cancelled(sleep(pause)).await.is_none() {
            return;
        }
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}
