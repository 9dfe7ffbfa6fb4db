//! Tells each seller once of all packages that were scanned, an hour after the last of them. Each new scan restarts the hour.
//!
//! Every subcommand is a process of its own; as many as you like of each may run, and any of them may be killed at any time.

mod bridge;
mod group;
mod notification;
mod notify;
mod notify_stream;
mod redis_key;
mod scan;
mod stop;

use clap::{Parser, Subcommand};
use redis_key::Key;

/// One notification for each seller, an hour after the last package was scanned.
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    key: Key,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Tell that packages of a seller were scanned just now
    Scan(scan::Scan),
    /// Play the scanners of many sellers; some deliver late
    Publish(scan::Publish),
    /// Send the notifications
    Notify(notify::Notify),
    /// Send them as an ordinary consumer group of a stream, which Redis fills
    NotifyStream(notify_stream::NotifyStream),
    /// Take the scans from a stream that is there already
    Bridge(bridge::Bridge),
}

#[tokio::main]
async fn main() -> Result<(), tsgen_client::BoxError> {
    // What the worker library says: that it has lost Redis, for example. What is sent goes to stdout.
    tracing_subscriber::fmt().with_writer(std::io::stderr).without_time().with_target(false).init();
    let Options { key, command } = Options::parse();
    let stop = stop::on_signals();
    match command {
        Command::Scan(scan) => scan.run(&key).await,
        Command::Publish(publish) => publish.run(&key, &stop).await,
        Command::Notify(notify) => return notify.run(&key, &stop).await,
        Command::NotifyStream(notify) => notify.run(&key, &stop).await,
        Command::Bridge(bridge) => bridge.run(&key, &stop).await,
    }?;
    Ok(())
}
