//! A checkout: an order is held for some seconds. One that nobody pays in time is gone by itself, and written off exactly once.
//!
//! `serve` only writes keys with a time to live; that they are watched shows nowhere in it. `work` is what learns of their ends.

mod orders;
mod serve;
mod work;

use clap::{Parser, Subcommand};
use orders::Orders;
use tokio::signal::unix::{signal, SignalKind};
use tokio_util::sync::CancellationToken;

/// Orders that are held for some seconds, and written off once if nobody pays.
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    orders: Orders,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve HTTP: POST /checkout, GET and DELETE /checkout/:id
    Serve(serve::Serve),
    /// Write off the orders that nobody paid in time; run as many of these as you like
    Work(work::Worker),
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // What the worker library says: that it has lost Redis, for example.
    tracing_subscriber::fmt().without_time().with_target(false).init();
    let Options { orders, command } = Options::parse();
    let stop = stop_on_signals()?;
    match command {
        Command::Serve(serve) => serve.run(&orders, stop).await,
        Command::Work(worker) => worker.run(&orders, &stop).await,
    }
}

/// A token that SIGTERM and Ctrl-C cancel.
fn stop_on_signals() -> std::io::Result<CancellationToken> {
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
