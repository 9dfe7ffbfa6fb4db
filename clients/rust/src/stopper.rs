//! How workers are told to stop.

use crate::error::Error;
use tokio_util::sync::CancellationToken;

/// Stops the workers that have been given it. Its clones stop the same ones.
#[derive(Clone, Debug, Default)]
pub struct Stopper {
    pub(crate) stopping: CancellationToken,
    pub(crate) hurry: CancellationToken,
}

impl Stopper {
    /// For some workers.
    pub fn new() -> Self {
        Self::default()
    }

    /// They claim no more, give what runs the shutdown timeout, and hand back the rest. Called again, they hand that back at once.
    pub fn stop(&self) {
        if self.stopping.is_cancelled() {
            self.hurry.cancel();
        }
        self.stopping.cancel();
    }

    /// Stops them with each SIGTERM and SIGINT: a second one ends them at once. Runs until it is dropped.
    pub async fn stop_at_signals(&self) -> Result<(), Error> {
        let mut signals = Signals::new().map_err(|error| Error::Invalid(format!("no signals here: {error}")))?;
        loop {
            signals.next().await;
            self.stop();
        }
    }
}

#[cfg(unix)]
struct Signals([tokio::signal::unix::Signal; 2]);

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{signal, SignalKind};
        Ok(Self([signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?]))
    }

    async fn next(&mut self) {
        let [terminate, interrupt] = &mut self.0;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
