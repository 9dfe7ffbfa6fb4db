//! Write-behind counters: increments come in over HTTP, are summed in Redis for some seconds, and go to PostgreSQL in batches.
//!
//! `serve` and `work` are processes of their own, as many of each as you like, and each of them, Redis and PostgreSQL may be
//! killed at any time. What was answered with 200 is in the database once, within ten seconds while a worker lives.

mod increment;
mod serve;
mod tally;
mod work;

use clap::{Parser, Subcommand};
use tally::Tally;
use tokio::signal::unix::{signal, SignalKind};
use tokio_util::sync::CancellationToken;

/// Write-behind counters.
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    tally: Tally,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Take increments over HTTP: POST /increment {"key": "<UUID>", "value": 1}
    Serve(serve::Serve),
    /// Write what has been summed to PostgreSQL
    Work(work::Worker),
}

/// The exit code is 0 after SIGTERM or Ctrl-C, once all that was begun is finished, and 1 if that was not possible.
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // What the worker library says: that it has lost Redis, for example.
    tracing_subscriber::fmt().without_time().with_target(false).init();
    let Options { tally, command } = Options::parse();
    let stop = stop_on_signals()?;
    match command {
        Command::Serve(serve) => serve.run(tally, stop).await,
        Command::Work(worker) => worker.run(tally, stop).await,
    }
}

/// A token that SIGTERM and Ctrl-C cancel.
fn stop_on_signals() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let mut signals = signal(kind)?;
        let stop = stop.clone();
        tokio::spawn(async move {
            signals.recv().await;
            stop.cancel();
        });
    }
    Ok(stop)
}
