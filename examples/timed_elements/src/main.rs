//! Elements behind a watermark: adders add them, sources advance the watermark, and workers get each one once its time has come.
//!
//! All roles run in one process (`all`), or each in processes of its own, as many as you like; any of them may be killed at any
//! time. Timestamps are integers in a unit of your own: a block number, an offset, the clock of your devices.

mod adder;
mod elements;
mod lifecycle;
mod log;
mod source;
mod worker;

use clap::{Parser, Subcommand};
use elements::Elements;
use lifecycle::keep_going;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Elements that may be worked on once the watermark has reached them.
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    elements: Elements,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Add elements, out of order and some of them late
    Add(adder::Adder),
    /// Advance one source: the slowest source is the watermark
    Advance(source::Source),
    /// Work on the elements that the watermark has reached
    Work(worker::Worker),
    /// Run two adders, all sources and three workers in one process
    All,
}

#[tokio::main]
async fn main() {
    // What the library says: that it has lost Redis, for example.
    tracing_subscriber::fmt().without_time().with_target(false).init();
    let Options { elements, command } = Options::parse();
    let stop = lifecycle::stop_on_signals();
    let mut tasks = JoinSet::new();
    start(command, &elements, &stop, &mut tasks);
    tasks.join_all().await;
}

fn start(command: Command, elements: &Elements, stop: &CancellationToken, tasks: &mut JoinSet<()>) {
    let (elements, stop) = (elements.clone(), stop.clone());
    match command {
        Command::Add(adder) => drop(tasks.spawn(keep_going(adder, elements, stop))),
        Command::Advance(source) => drop(tasks.spawn(keep_going(source, elements, stop))),
        Command::Work(worker) => drop(tasks.spawn(keep_going(worker, elements, stop))),
        Command::All => {
            // By command lines, so that there is one set of defaults.
            let mut start_one = |command: &str, name: &str| {
                let options = Options::parse_from(["timed_elements", command, "--name", name]);
                start(options.command, &elements, &stop, tasks);
            };
            elements.sources.iter().for_each(|name| start_one("advance", name));
            ["adder-1", "adder-2"].into_iter().for_each(|name| start_one("add", name));
            ["worker-1", "worker-2", "worker-3"].into_iter().for_each(|name| start_one("work", name));
        }
    }
}
