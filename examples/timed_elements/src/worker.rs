//! Works on the elements that are handed out to it, one at a time, each under a lease.
//!
//! The lease is short and extended while the work goes on: when a worker dies, another has its element within `--lease-ms`,
//! however long the work takes.

use crate::elements::Elements;
use crate::lifecycle::Role;
use crate::log::say;
use std::time::Duration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tsgen_client::{Claimed, Error, Failure, Hooks, Job, Raw};

#[derive(clap::Args)]
pub struct Worker {
    /// The name of this worker; no two that run at the same time may share one
    #[arg(long, default_value_t = format!("worker-{}", std::process::id()))]
    name: String,
    /// How long the work on one element takes
    #[arg(long, default_value_t = 300)]
    work_ms: u64,
    /// How long after the death of this worker another one gets its element
    #[arg(long, default_value_t = 3000, value_parser = clap::value_parser!(u64).range(2..))]
    lease_ms: u64,
}

impl Role for Worker {
    fn name(&self) -> &str {
        &self.name
    }

    /// Works until told to stop, and then finishes what it has begun.
    async fn run(&mut self, elements: &Elements, stop: &CancellationToken) -> Result<(), Error> {
        let (redis, key) = elements.open().await?;
        let (name, length) = (self.name.clone(), Duration::from_millis(self.work_ms));
        let handler = move |job: Job<Raw>| {
            let (name, key) = (name.clone(), key.clone());
            async move {
                let watermark = key.watermark().await?.unwrap_or_default();
                let Claimed { id, timestamp, token, deliveries, .. } = &job.claimed;
                say(
                    &name,
                    format_args!(
                        "got {id} timestamp={timestamp} watermark={watermark} token={token} deliveries={deliveries}"
                    ),
                );
                work(&job, length).await
            }
        };
        tsgen_client::Worker::new(&redis, &elements.key)
            .consumer(&self.name)
            .lease(Duration::from_millis(self.lease_ms))
            .hooks(Log(self.name.clone()))
            .run_until(handler, stop.cancelled())
            .await
    }
}

/// Your work goes here. If it writes to a database, hand it the token: a write with a lower one than the element's last is that of a
/// worker whose lease has ended.
async fn work(job: &Job<Raw>, length: Duration) -> Result<(), Failure> {
    tokio::select! {
        () = sleep(length) => Ok(()),
        // Another worker has it, or this one has to stop and cannot wait: it makes no sense to go on.
        why = job.withdrawn() => Err(why.into()),
    }
}

/// Says how the work has ended.
struct Log(String);

impl Hooks for Log {
    fn on_done(&self, job: &Claimed, _: Duration) {
        say(&self.0, format_args!("finished {} token={}: done", job.id, job.token));
    }

    fn on_failed(&self, job: &Claimed, why: &Failure, _: Duration) {
        say(&self.0, format_args!("failed {} token={}: {why}", job.id, job.token));
    }

    fn on_lost(&self, job: &Claimed) {
        say(&self.0, format_args!("gives up {} token={}: it is not its own any more", job.id, job.token));
    }
}
