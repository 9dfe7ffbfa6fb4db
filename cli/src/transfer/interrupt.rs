//! SIGINT and SIGTERM, while something is under way that is not to end just anywhere.

use crate::bytes::Bytes;
use anyhow::bail;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use tokio::signal::unix::{signal, SignalKind};

/// What a shell says of a program that SIGINT has ended.
const INTERRUPTED: i32 = 130;

pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From now on signals are noted. The second one ends the program, wherever it is, and says what is left then.
    pub fn noted(left: Option<String>) -> anyhow::Result<Self> {
        let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let noted = Arc::<AtomicBool>::default();
        let own = noted.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = term.recv() => {}
                    _ = int.recv() => {}
                }
                if own.swap(true, Ordering::Relaxed) {
                    if let Some(left) = &left {
                        let _ = writeln!(std::io::stderr(), "tsgen: it was ended: {}", Bytes::from(left.as_str()));
                    }
                    std::process::exit(INTERRUPTED);
                }
            }
        });
        Ok(Self(noted))
    }

    /// An error if there was one.
    pub fn check(&self) -> anyhow::Result<()> {
        if self.0.load(Ordering::Relaxed) {
            bail!("it was interrupted");
        }
        Ok(())
    }
}
