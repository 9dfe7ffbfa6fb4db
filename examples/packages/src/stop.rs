//! How a process ends: SIGTERM or Ctrl-C, some time to finish, and exit code 0.

use std::future::Future;
use std::time::Duration;
use tokio::signal::unix::{signal, SignalKind};
use tokio_util::sync::CancellationToken;

/// A token that SIGTERM and Ctrl-C cancel.
pub fn on_signals() -> CancellationToken {
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

/// Runs `work` to its end, which it finds by itself once `stop` is cancelled; drops it if it has not done so `grace` after that.
pub async fn with_grace(stop: &CancellationToken, grace: Duration, work: impl Future<Output = ()>) {
    let patience = async {
        stop.cancelled().await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        () = work => {}
        () = patience => {}
    }
}
