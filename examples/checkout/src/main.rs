//! A checkout: an order is held for some seconds. One that nobody pays in time is gone by itself, and written off exactly once.
//!
//! `serve` only writes keys with a time to live; that they are watched shows nowhere in it. `work` is what learns of their ends.

mod lifecycle;
mod orders;
mod serve;
mod work;

use clap::{Parser, Subcommand};
use orders::Orders;

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
    let Options { orders, command } = Options::parse();
    let stop = lifecycle::stop_on_signals();
    match command {
        Command::Serve(serve) => serve.run(&orders, stop).await,
        Command::Work(worker) => {
            lifecycle::keep_going(&worker.name, &stop, async || worker.run(&orders, &stop).await).await;
            Ok(())
        }
    }
}
